// retention.hpp - which finished workflows leave the store, and when.
// Depends on include/tenax, storage interfaces. Not thread safe: the engine actor owns it.
#pragma once

#include <functional>
#include <string>

#include "storage/rows.hpp"
#include "storage/store.hpp"
#include "tenax/options.hpp"

namespace tenax::actors {

class retention {
 public:
  static constexpr std::size_t batch_max = 2'048;          ///< workflows in one step
  static constexpr std::size_t read_bytes_max = 4u << 20;  ///< of a status, in one step
  static constexpr std::size_t looked_at_max = 8 * batch_max;
  /// So many more than the last look left, and the next one is not waited for.
  static constexpr std::uint64_t behind_max = 256;
  static constexpr milliseconds every{1'000};  ///< between looks that find nothing to do

  retention(const retention_options& keep, const storage::read_store& store)
      : keep_(keep),
        counts_(keep.completed.count || keep.failed.count || keep.cancelled.count),
        store_(store),
        rows_(dynamic_cast<const storage::row_source&>(store)) {}

  [[nodiscard]] static bool wanted(const retention_options& keep) noexcept;
  [[nodiscard]] bool enabled() const noexcept { return wanted(keep_); }
  /// Appends to `out` the removal of what may go now, first what ended first, at most batch_max
  /// workflows; returns how many. `in_use` ones stay. Do not call again before `out` is durable.
  [[nodiscard]] std::size_t collect(model::time_ms now_ms,
                                    const std::function<bool(const std::string&)>& in_use,
                                    storage::write_batch& out);

  /// Whether so many are beyond their count that a look is worth its commit at once. Cheap.
  [[nodiscard]] bool behind() const {
    return counts_ && beyond_count(store_.current_totals()) >= left_beyond_ + behind_max;
  }

  /// Appends the removal of one that has ended and is not in use. Errors as
  /// storage::encode_removal.
  [[nodiscard]] result<void> remove(const storage::ended_entry& entry,
                                    storage::write_batch& out) const;

  /// When there is something to remove, if nothing ends before.
  [[nodiscard]] model::time_ms next_ms() const noexcept { return next_ms_; }

 private:
  [[nodiscard]] std::uint64_t beyond_count(const storage::totals& totals) const;
  std::size_t collect_class(model::index_class c, const keep_rule& rule, std::uint64_t stored,
                            model::time_ms now_ms,
                            const std::function<bool(const std::string&)>& in_use,
                            std::size_t limit, storage::write_batch& out);

  const retention_options& keep_;
  const bool counts_;  ///< some rule has a count
  const storage::read_store& store_;
  const storage::row_source& rows_;
  model::time_ms next_ms_ = 0;
  /// What the last look did not take: those that are in memory still.
  std::uint64_t left_beyond_ = 0;
};

}  // namespace tenax::actors
