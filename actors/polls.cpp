#include "actors/polls.hpp"

#include <algorithm>

#include "actors/lanes.hpp"

namespace tenax::actors {

void told_poll::tell() const {
  if (instead) return who->done(*instead);
  std::vector<worker_task> tasks;
  tasks.reserve(who->tasks.size());
  for (auto& held : who->tasks) tasks.push_back(std::move(held.task));
  who->done(std::move(tasks));
  who->tasks.clear();
}

void polls::add(const poll_ptr& p) {
  p->ticket = ++last_ticket_;
  waiting_.emplace(p->ticket, p);
  by_time_.emplace(std::pair(p->until, p->ticket), p);
  for (auto* const l : p->lanes) l->pull->waiting.push_back(p);
}

poll_ptr polls::find(std::uint64_t ticket) const {
  const auto at = waiting_.find(ticket);
  return at == waiting_.end() ? nullptr : at->second;
}

void polls::remove(const poll_ptr& p) {
  p->is_over = true;
  p->takes_more = false;
  waiting_.erase(p->ticket);
  by_time_.erase({p->until, p->ticket});
  for (auto* const l : p->lanes) std::erase(l->pull->waiting, p);
}

void polls::set_time(const poll_ptr& p, task_poll::clock::time_point until) {
  by_time_.erase({p->until, p->ticket});
  p->until = until;
  by_time_.emplace(std::pair(until, p->ticket), p);
}

poll_ptr polls::next_over(task_poll::clock::time_point now) {
  if (by_time_.empty() || by_time_.begin()->first.first > now) return nullptr;
  auto out = by_time_.begin()->second;
  by_time_.erase(by_time_.begin());
  return out;
}

std::optional<task_poll::clock::time_point> polls::next_time() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first.first;
}

std::vector<poll_ptr> polls::all() const {
  std::vector<poll_ptr> out;
  for (const auto& [ticket, p] : waiting_) out.push_back(p);
  return out;
}

}  // namespace tenax::actors
