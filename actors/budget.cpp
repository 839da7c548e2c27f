#include "actors/budget.hpp"

#include <utility>
#include <vector>

#include <caf/send.hpp>

namespace tenax::actors {

void memory_budget::drop_input(std::size_t bytes) {
  inputs_ -= bytes;
  tell_waiters();
}

void memory_budget::drop_results(std::size_t bytes) {
  results_ -= bytes;
  tell_waiters();
}

void memory_budget::tell_when_may_start(messages::action_actor who) {
  {
    const std::lock_guard lock(mutex_);
    actors_.push_back(std::move(who));
    ++waiting_;
  }
  tell_waiters();  // room may have come in between
}

void memory_budget::tell_waiters() {
  if (waiting_ == 0) return;
  // Each looks again before it starts, so a few too many do no harm.
  constexpr std::size_t at_once = 64;
  std::vector<messages::action_actor> told;
  {
    const std::lock_guard lock(mutex_);
    if (may_start()) {
      while (!actors_.empty() && (told.size() < at_once || closing_)) {
        told.push_back(std::move(actors_.front()));
        actors_.pop_front();
        --waiting_;
      }
    }
  }
  room_.notify_all();
  for (const auto& one : told) caf::anon_send(one, messages::room{});
}

void memory_budget::close() {
  closing_ = true;
  { const std::lock_guard lock(mutex_); }
  tell_waiters();
  room_.notify_all();
}

}  // namespace tenax::actors
