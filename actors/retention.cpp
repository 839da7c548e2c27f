#include "actors/retention.hpp"

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
    places_.fill({});
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
  if (excess == 0 && !rule.age) return 0;
  auto& at = places_[static_cast<std::size_t>(c)];
  const auto listed = store_.listed(c, at.from_ms, at.from_id, limit);
  if (!listed) return 0;  // looked at again; queries report the error
  std::size_t taken = 0;
  bool all_so_far = true;
  for (const auto& entry : *listed) {
    bool goes = excess > 0;
    if (!goes) {
      if (!rule.age || entry.created_at_ms + rule.age->count() > now_ms) break;
      const auto header = store_.load_header(entry.workflow_id);
      goes = header && header->state.closed_at_ms + rule.age->count() <= now_ms;
    }
    if (!goes || in_use(entry.workflow_id) ||
        !storage::encode_removal(store_, entry, out).has_value()) {
      all_so_far = false;
      continue;
    }
    if (excess > 0) --excess;
    ++taken;
    if (all_so_far) at = {entry.created_at_ms, entry.workflow_id + '\0'};
  }
  return taken;
}

}  // namespace tenax::actors
