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
  static constexpr std::size_t batch_max = 512;            ///< workflows in one step
  static constexpr std::size_t read_bytes_max = 4u << 20;  ///< of a status, in one step
  static constexpr std::size_t looked_at_max = 32 * batch_max;
  static constexpr milliseconds every{1'000};  ///< between looks that find nothing to do

  retention(const retention_options& keep, const storage::read_store& store)
      : keep_(keep), store_(store), rows_(dynamic_cast<const storage::row_source&>(store)) {}

  [[nodiscard]] static bool wanted(const retention_options& keep) noexcept;
  [[nodiscard]] bool enabled() const noexcept { return wanted(keep_); }
  /// Appends to `out` the removal of what may go now, first what ended first, at most batch_max
  /// workflows; returns how many. `in_use` ones stay. Do not call again before `out` is durable.
  [[nodiscard]] std::size_t collect(model::time_ms now_ms,
                                    const std::function<bool(const std::string&)>& in_use,
                                    storage::write_batch& out);

  /// Appends the removal of one that has ended and is not in use. Errors as
  /// storage::encode_removal.
  [[nodiscard]] result<void> remove(const storage::ended_entry& entry,
                                    storage::write_batch& out) const;

  /// When there is something to remove, if nothing ends before.
  [[nodiscard]] model::time_ms next_ms() const noexcept { return next_ms_; }

 private:
  std::size_t collect_class(model::index_class c, const keep_rule& rule, std::uint64_t stored,
                            model::time_ms now_ms,
                            const std::function<bool(const std::string&)>& in_use,
                            std::size_t limit, storage::write_batch& out);

  const retention_options& keep_;
  const storage::read_store& store_;
  const storage::row_source& rows_;
  model::time_ms next_ms_ = 0;
};

}  // namespace tenax::actors
