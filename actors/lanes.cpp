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

lane* lanes::find_for_workers(std::string_view type) const {
  const auto found = pulled_.find(type);
  return found == pulled_.end() ? nullptr : found->second.get();
}

lane* lanes::for_workers(std::string_view type) {
  auto* const known = find_for_workers(type);
  if (known == nullptr) return make_pulled(type);
  if (std::exchange(known->pull->only_polled, false)) --only_polled_;
  return known;
}

lane* lanes::for_poll(std::string_view type) {
  if (auto* const known = find_for_workers(type)) return known;
  auto* const made = only_polled_ < only_polled_max ? make_pulled(type) : nullptr;
  if (made != nullptr) {
    made->pull->only_polled = true;
    ++only_polled_;
  }
  return made;
}

lane* lanes::make_pulled(std::string_view type) {
  if (pulled_.size() >= worker_types_max) return nullptr;
  auto made = std::make_unique<lane>();
  made->pull = std::make_unique<pull_side>();
  made->number = all_.size() + pulled_.size();
  return pulled_.emplace(type, std::move(made)).first->second.get();
}

std::size_t pull_side::wanted() const noexcept {
  std::size_t n = 0;
  for (const auto& p : waiting) {
    if (p->has_room()) n += p->asked.max - p->under_way - p->tasks.size();
  }
  return n;
}

poll_ptr pull_side::take_next() {
  const auto at =
      std::find_if(waiting.begin(), waiting.end(), [](const auto& p) { return p->has_room(); });
  if (at == waiting.end()) return nullptr;
  auto next = *at;
  waiting.erase(at);
  waiting.push_back(next);
  ++next->under_way;
  return next;
}

/// Whether one more has a place.
bool lanes::lets_in(const lane& l) const {
  if (!l.pull) return l.admitted < l.running_max + bounds_.ahead;
  return std::any_of(l.pull->waiting.begin(), l.pull->waiting.end(),
                     [](const auto& p) { return p->has_room(); });
}

entry_ticket lanes::enter(lane& l, row_entry who, std::int32_t priority,
                          messages::workflow_actor& put_out) {
  if (l.in_row == 0 && lets_in(l)) {
    ++l.admitted;
    return {entrance::in, l.pull ? l.pull->take_next() : nullptr};
  }
  if (l.pull && is_tight() && !lets_in(l)) return {entrance::full};
  if (l.in_row >= bounds_.row_max) {
    const auto last = std::prev(l.row.end());
    if (last->first >= priority) return {entrance::full};
    put_out = std::move(last->second.back().who);
    last->second.pop_back();
    if (last->second.empty()) l.row.erase(last);
    count_row(l, -1);
  }
  l.row[priority].push_back(std::move(who));
  count_row(l, 1);
  return {entrance::row};
}

void lanes::count_row(lane& l, int change) {
  l.in_row += static_cast<std::size_t>(change);
  if (l.pull) pulled_in_row_ += static_cast<std::size_t>(change);
}

/// Whether those who wait for workers take what others need.
bool lanes::is_tight() const {
  return pulled_in_row_ >= 2 * bounds_.row_max || (bounds_.is_tight && bounds_.is_tight());
}

/// Where memory is tight, of a type for workers only as many as they ask for.
std::size_t lanes::room(const lane& l) const noexcept {
  std::size_t most = bounds_.fill_max();
  if (l.pull && is_tight()) most = std::min(most, l.pull->wanted());
  return most - std::min(most, l.in_row + l.coming);
}

bool lanes::is_low(const lane& l) const noexcept {
  if (l.pull && is_tight()) return l.in_row + l.coming < l.pull->wanted();
  return l.in_row + l.coming <= bounds_.low();
}

model::time_ms lanes::whole(std::uint32_t ms, model::time_ms now_ms) noexcept {
  return now_ms - static_cast<std::int32_t>(static_cast<std::uint32_t>(now_ms) - ms);
}

model::engine_facts::line_view lanes::line_of(const lane& l, std::string_view workflow_id,
                                              model::time_ms now_ms) {
  model::engine_facts::line_view out;
  out.calls = l.calls.size();
  out.row = l.in_row;
  out.more = l.watched;
  std::size_t before = 0;
  for (const auto& [priority, rank] : l.row) {
    for (const auto& entry : rank) {
      ++before;
      if (entry.definition->spec.id != workflow_id) continue;
      out.place = before;
      out.first = entry.first;
      out.ready_at_ms = whole(entry.ready_at_ms, now_ms);
      return out;
    }
  }
  return out;
}

std::optional<model::time_ms> lanes::oldest_ready(const lane& l, model::time_ms now_ms) {
  std::optional<model::time_ms> out;
  const auto look = [&](std::uint32_t ms) {
    const auto at = whole(ms, now_ms);
    out = std::min(out.value_or(at), at);
  };
  for (const auto& call : l.calls) look(call->ready_at_ms);
  for (const auto& [priority, rank] : l.row) {
    for (const auto& entry : rank) look(entry.ready_at_ms);
  }
  return out;
}

void lanes::withdraw(lane& l, const messages::workflow_actor& who, std::int32_t priority) {
  const auto rank = l.row.find(priority);
  if (rank == l.row.end()) return;
  const auto found = std::ranges::find(rank->second, who, &row_entry::who);
  if (found == rank->second.end()) return;
  rank->second.erase(found);
  count_row(l, -1);
  if (rank->second.empty()) l.row.erase(rank);
}

void lanes::leave(lane& l, std::vector<turn>& out) {
  --l.admitted;
  take_turns(l, out);
}

void lanes::take_turns(lane& l, std::vector<turn>& out) {
  while (l.in_row > 0 && lets_in(l)) {
    out.push_back(let_in(l));
    if (l.pull) out.back().poll = l.pull->take_next();
  }
}

/// By priority; where it is the same the types take turns.
void lanes::take_turns(const poll_ptr& p, std::vector<turn>& out) {
  for (std::size_t from = p->ticket; p->has_room(); ++from) {
    lane* best = nullptr;
    for (std::size_t i = 0; i < p->lanes.size(); ++i) {
      auto* const l = p->lanes[(from + i) % p->lanes.size()];
      if (l->in_row == 0) continue;
      if (best == nullptr || l->row.begin()->first > best->row.begin()->first) best = l;
    }
    if (best == nullptr) return;
    ++p->under_way;
    out.push_back(let_in(*best));
    out.back().poll = p;
  }
}

/// Who is first in its row.
turn lanes::let_in(lane& l) {
  const auto rank = l.row.begin();
  turn out{std::move(rank->second.front().who), &l, nullptr};
  rank->second.pop_front();
  if (rank->second.empty()) l.row.erase(rank);
  count_row(l, -1);
  ++l.admitted;
  return out;
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
