#include "actors/lanes.hpp"

#include <algorithm>
#include <utility>

#include "model/assert.hpp"
#include "model/failpoint.hpp"

namespace tenax::actors {

lanes::lanes(const handler_registry& types, std::size_t threads)
    : running_max_(threads + reserve_of(threads)) {
  for (const auto& [name, entry] : types.all()) {
    if (entry.options.mode != run_mode::blocking) continue;
    auto made = std::make_unique<lane>();
    made->running_max = std::min(entry.options.max_running.value_or(threads), threads);
    if (TENAX_PLANTED(19)) made->running_max = running_max_;  // one type may take all
    made->number = all_.size();
    by_type_[&entry] = made.get();
    all_.push_back(std::move(made));
  }
}

std::size_t lanes::reserve_of(std::size_t threads) noexcept {
  return std::max<std::size_t>(1, threads / 4);
}

lane* lanes::find(const handler_registry::entry* type) const {
  const auto found = by_type_.find(type);
  return found != by_type_.end() ? found->second : nullptr;
}

entrance lanes::enter(lane& l, const messages::workflow_actor& who, std::int32_t priority,
                      messages::workflow_actor& put_out) {
  if (l.in_row == 0 && l.admitted < l.running_max + bounds_.ahead) {
    ++l.admitted;
    return entrance::in;
  }
  if (l.in_row >= bounds_.row_max) {
    const auto last = std::prev(l.row.end());
    if (last->first >= priority) return entrance::full;
    put_out = std::move(last->second.back());
    last->second.pop_back();
    if (last->second.empty()) l.row.erase(last);
    --l.in_row;
  }
  l.row[priority].push_back(who);
  ++l.in_row;
  return entrance::row;
}

std::size_t lanes::room(const lane& l) const noexcept {
  const std::size_t most = bounds_.fill_max();
  return most - std::min(most, l.in_row + l.coming);
}

bool lanes::is_low(const lane& l) const noexcept { return l.in_row + l.coming <= bounds_.low(); }

void lanes::withdraw(lane& l, const messages::workflow_actor& who, std::int32_t priority) {
  const auto rank = l.row.find(priority);
  if (rank == l.row.end()) return;
  const auto found = std::find(rank->second.begin(), rank->second.end(), who);
  if (found == rank->second.end()) return;
  rank->second.erase(found);
  --l.in_row;
  if (rank->second.empty()) l.row.erase(rank);
}

void lanes::leave(lane& l, std::vector<turn>& out) {
  --l.admitted;
  while (l.in_row > 0 && l.admitted < l.running_max + bounds_.ahead) {
    const auto rank = l.row.begin();
    out.push_back({std::move(rank->second.front()), &l});
    rank->second.pop_front();
    if (rank->second.empty()) l.row.erase(rank);
    --l.in_row;
    ++l.admitted;
  }
}

void lanes::push(handler_call_ptr call) {
  auto& l = *call->place.where;
  // Rounds go one after the other: the n-th call of a workflow that waits here is of the n-th round
  // from now, so that those that were let in ahead do not stand in the way of others.
  call->round = l.round;
  const auto mine = std::find_if(l.calls.rbegin(), l.calls.rend(), [&](const handler_call_ptr& c) {
    return c->definition == call->definition;
  });
  if (mine != l.calls.rend()) call->round = std::max(call->round, (*mine)->round + 1);
  // Behind all of the same round and priority; mostly at the end.
  auto at = l.calls.end();
  while (at != l.calls.begin()) {
    const auto& before = **std::prev(at);
    if (before.priority > call->priority) break;
    if (before.priority == call->priority && before.round <= call->round) break;
    --at;
  }
  l.calls.insert(at, std::move(call));
}

bool lanes::may_run(const lane& l) const {
  return !l.calls.empty() && l.running < l.running_max && running_ < running_max_;
}

bool lanes::can_pick() const {
  return std::any_of(all_.begin(), all_.end(), [this](const auto& l) { return may_run(*l); });
}

handler_call_ptr lanes::pick() {
  lane* best = nullptr;
  std::size_t best_at = 0;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const std::size_t at = (next_ + i) % all_.size();
    auto& l = *all_[at];
    if (!may_run(l)) continue;
    if (best != nullptr && best->calls.front()->priority >= l.calls.front()->priority) continue;
    best = &l;
    best_at = at;
  }
  if (best == nullptr) return nullptr;
  next_ = best_at + 1;
  ++best->running;
  ++running_;
  auto call = std::move(best->calls.front());
  best->calls.pop_front();
  best->round = std::max(best->round, call->round);
  return call;
}

void lanes::ended(lane& l) {
  TENAX_ASSERT(l.running > 0 && running_ > 0, "a call ends that ran");
  --l.running;
  --running_;
}

std::vector<handler_call_ptr> lanes::take_all() {
  std::vector<handler_call_ptr> out;
  for (const auto& l : all_) {
    std::move(l->calls.begin(), l->calls.end(), std::back_inserter(out));
    l->calls.clear();
  }
  return out;
}

std::size_t lanes::waiting() const noexcept {
  std::size_t n = 0;
  for (const auto& l : all_) n += l->calls.size();
  return n;
}

std::vector<const handler_call*> lanes::startable() const {
  std::vector<const handler_call*> out;
  for (const auto& l : all_) {
    if (!may_run(*l)) continue;
    for (const auto& call : l->calls) out.push_back(call.get());
  }
  return out;
}

handler_call_ptr lanes::remove(const handler_call& call) {
  auto& calls = call.place.where->calls;
  const auto at = std::find_if(calls.begin(), calls.end(),
                               [&](const handler_call_ptr& c) { return c.get() == &call; });
  if (at == calls.end()) return nullptr;
  auto out = std::move(*at);
  calls.erase(at);
  return out;
}

handler_call_ptr lanes::take(const handler_call& which) {
  ++which.place.where->running;
  ++running_;
  which.place.where->round = std::max(which.place.where->round, which.round);
  return remove(which);
}

}  // namespace tenax::actors
