// retention.hpp - which finished workflows leave the store, and when.
// Depends on include/tenax, storage interfaces. Not thread safe: the engine actor owns it.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "storage/rows.hpp"
#include "storage/store.hpp"
#include "tenax/options.hpp"

namespace tenax::actors {

class retention {
 public:
  static constexpr std::size_t batch_max = 512;            ///< workflows in one step
  static constexpr std::size_t read_bytes_max = 4u << 20;  ///< of a status, in one step
  static constexpr int pages_max = 4;          ///< of batch_max entries, looked at in one step
  static constexpr milliseconds every{1'000};  ///< between looks that find nothing to do
  /// Finished late although created early, a workflow can appear behind the place that the looks
  /// have come to: once at the end, look from the start again.
  static constexpr model::time_ms restart_every_ms = 60'000;

  retention(const retention_options& keep, const storage::read_store& store)
      : keep_(keep), store_(store), rows_(dynamic_cast<const storage::row_source&>(store)) {}

  [[nodiscard]] bool enabled() const noexcept;
  /// Appends to `out` the removal of what may go now, oldest first, at most batch_max workflows;
  /// returns how many. `in_use` ones stay. Do not call again before `out` is durable.
  [[nodiscard]] std::size_t collect(model::time_ms now_ms,
                                    const std::function<bool(const std::string&)>& in_use,
                                    storage::write_batch& out);

 private:
  struct place {
    model::time_ms from_ms = 0;
    std::string from_id;
    bool at_end = false;  ///< nothing further on may go yet
  };
  std::size_t collect_class(model::index_class c, const keep_rule& rule, std::uint64_t stored,
                            model::time_ms now_ms,
                            const std::function<bool(const std::string&)>& in_use,
                            std::size_t limit, storage::write_batch& out);

  const retention_options& keep_;
  const storage::read_store& store_;
  const storage::row_source& rows_;
  std::array<place, model::index_class_max + 1> places_;
  model::time_ms restarted_at_ms_ = 0;
};

}  // namespace tenax::actors
