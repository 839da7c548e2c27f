#include "actors/retention.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include "storage/removal.hpp"

namespace tenax::actors {

using model::index_class;
using model::time_ms;

namespace {

time_ms saturating_sum(time_ms at_ms, milliseconds age) {
  constexpr auto last = std::numeric_limits<time_ms>::max();
  return at_ms > last - age.count() ? last : at_ms + age.count();
}

}  // namespace

result<void> retention::remove(const storage::ended_entry& entry, storage::write_batch& out) const {
  const auto rows = rows_.rows(storage::removal_end({entry}));
  const auto read = storage::encode_removal(*rows, entry, out);
  return read ? result<void>() : result<void>(read.error());
}

bool retention::wanted(const retention_options& keep) noexcept {
  for (const auto* rule : {&keep.completed, &keep.failed, &keep.cancelled}) {
    if (rule->age || rule->count) return true;
  }
  return false;
}

std::size_t retention::collect(time_ms now_ms,
                               const std::function<bool(const std::string&)>& in_use,
                               storage::write_batch& out) {
  next_ms_ = std::numeric_limits<time_ms>::max();
  const auto totals = store_.current_totals();
  std::size_t taken = collect_class(index_class::completed, keep_.completed, totals.completed,
                                    now_ms, in_use, batch_max, out);
  taken += collect_class(index_class::failed, keep_.failed, totals.failed, now_ms, in_use,
                         batch_max - taken, out);
  taken += collect_class(index_class::cancelled, keep_.cancelled, totals.cancelled, now_ms, in_use,
                         batch_max - taken, out);
  const auto beyond = beyond_count(totals);
  left_beyond_ = beyond - std::min<std::uint64_t>(beyond, taken);
  return taken;
}

std::uint64_t retention::beyond_count(const storage::totals& totals) const {
  std::uint64_t sum = 0;
  const auto add = [&sum](const keep_rule& rule, std::uint64_t stored) {
    if (rule.count && stored > *rule.count) sum += stored - *rule.count;
  };
  add(keep_.completed, totals.completed);
  add(keep_.failed, totals.failed);
  add(keep_.cancelled, totals.cancelled);
  return sum;
}

std::size_t retention::collect_class(index_class c, const keep_rule& rule, std::uint64_t stored,
                                     time_ms now_ms,
                                     const std::function<bool(const std::string&)>& in_use,
                                     std::size_t limit, storage::write_batch& out) {
  if (limit == 0 || (!rule.age && !rule.count)) return 0;
  std::uint64_t excess = rule.count && stored > *rule.count ? stored - *rule.count : 0;
  if (excess == 0 && !rule.age) return 0;
  auto ended = store_.ended(c, limit);
  // Those that are in memory still (a handler that was given up and runs on) must not stand in the
  // way of the others.
  for (std::size_t look = limit; ended && ended->size() == look && look < looked_at_max;) {
    if (std::any_of(ended->begin(), ended->end(),
                    [&](const auto& entry) { return !in_use(entry.workflow_id); })) {
      break;
    }
    look *= 4;
    ended = store_.ended(c, look);
  }
  if (!ended) {
    next_ms_ = now_ms;
    return 0;  // looked at again; queries report the error
  }
  std::size_t taken = 0;
  std::size_t read_bytes = 0;
  std::unique_ptr<storage::row_snapshot> rows;
  for (const auto& entry : *ended) {
    const bool too_old = rule.age && entry.closed_at_ms <= now_ms - rule.age->count();
    if (excess == 0 && !too_old) {
      if (rule.age) next_ms_ = std::min(next_ms_, saturating_sum(entry.closed_at_ms, *rule.age));
      break;
    }
    next_ms_ = now_ms;
    // One that is in memory still counts among those that leave: it will, and none later for it.
    if (excess > 0) --excess;
    if (in_use(entry.workflow_id)) continue;
    if (!rows) rows = rows_.rows(storage::removal_end(*ended));
    const auto read = storage::encode_removal(*rows, entry, out);
    if (!read) continue;
    ++taken;
    read_bytes += *read;
    if (taken == limit || read_bytes > read_bytes_max) break;
  }
  return taken;
}

}  // namespace tenax::actors
