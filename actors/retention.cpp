#include "actors/retention.hpp"

#include <memory>

#include "storage/removal.hpp"

namespace tenax::actors {

using model::index_class;
using model::time_ms;

bool retention::enabled() const noexcept {
  for (const auto* rule : {&keep_.completed, &keep_.failed, &keep_.cancelled}) {
    if (rule->age || rule->count) return true;
  }
  return false;
}

std::size_t retention::collect(time_ms now_ms,
                               const std::function<bool(const std::string&)>& in_use,
                               storage::write_batch& out) {
  if (now_ms - restarted_at_ms_ >= restart_every_ms) {
    restarted_at_ms_ = now_ms;
    for (auto& place : places_) {
      if (place.at_end) place = {};
    }
  }
  const auto totals = store_.current_totals();
  std::size_t taken = collect_class(index_class::completed, keep_.completed, totals.completed,
                                    now_ms, in_use, batch_max, out);
  taken += collect_class(index_class::failed, keep_.failed, totals.failed, now_ms, in_use,
                         batch_max - taken, out);
  taken += collect_class(index_class::cancelled, keep_.cancelled, totals.cancelled, now_ms, in_use,
                         batch_max - taken, out);
  return taken;
}

std::size_t retention::collect_class(index_class c, const keep_rule& rule, std::uint64_t stored,
                                     time_ms now_ms,
                                     const std::function<bool(const std::string&)>& in_use,
                                     std::size_t limit, storage::write_batch& out) {
  if (limit == 0 || (!rule.age && !rule.count)) return 0;
  std::uint64_t excess = rule.count && stored > *rule.count ? stored - *rule.count : 0;
  auto& at = places_[static_cast<std::size_t>(c)];
  if (excess == 0 && !rule.age) {
    at.at_end = true;
    return 0;
  }
  std::size_t taken = 0;
  std::size_t read_bytes = 0;
  // Some pages until something goes: those that stay, because they ended later than others, must
  // not stand in the way. The next pass begins at the start again.
  for (int page = 0; page < pages_max && taken == 0; ++page) {
    const auto listed = store_.listed(c, at.from_ms, at.from_id, limit);
    if (!listed) return 0;  // looked at again; queries report the error
    std::unique_ptr<storage::row_snapshot> rows;
    for (const auto& entry : *listed) {
      bool goes = excess > 0;
      if (!goes) {
        if (!rule.age || entry.created_at_ms > now_ms - rule.age->count()) {
          at.at_end = true;
          return taken;
        }
        const auto header = store_.load_header(entry.workflow_id);
        goes = header && header->state.closed_at_ms <= now_ms - rule.age->count();
      }
      at = {entry.created_at_ms, entry.workflow_id + '\0'};
      if (!goes || in_use(entry.workflow_id)) continue;
      if (!rows) rows = rows_.rows(storage::removal_end(*listed));
      const auto read = storage::encode_removal(*rows, entry, out);
      if (!read) continue;
      if (excess > 0) --excess;
      ++taken;
      read_bytes += *read;
      if (read_bytes > read_bytes_max) return taken;
    }
    if (listed->size() < limit) {
      at.at_end = true;
      break;
    }
  }
  return taken;
}

}  // namespace tenax::actors
