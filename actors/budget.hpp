// budget.hpp - the bytes in flight of one engine: inputs in their handlers, results that are not on
// disk yet. Depends on messages. Thread safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

#include "messages/interfaces.hpp"
#include "model/failpoint.hpp"

namespace tenax::actors {

/// Beyond its bound no attempt begins, and outcomes wait for their turn. Results never wait for
/// inputs, only for the disk, so that each wait ends: an input is held by a handler, which may take
/// for ever. What is let in may exceed the bound by one payload a thread.
class memory_budget {
 public:
  explicit memory_budget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  memory_budget(const memory_budget&) = delete;
  memory_budget& operator=(const memory_budget&) = delete;

  [[nodiscard]] bool may_start() const noexcept {
    return results_ + inputs_ < bytes_max_ || closing_ || TENAX_PLANTED(17);
  }
  [[nodiscard]] bool takes_results() const noexcept {
    return results_ < bytes_max_ || closing_ || TENAX_PLANTED(17);
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return results_ + inputs_; }

  void add_input(std::size_t bytes) noexcept { inputs_ += bytes; }
  void drop_input(std::size_t bytes);
  /// Waits until results are taken / until an attempt may start. For threads of handlers.
  void wait_for_results() {
    wait([this] { return takes_results(); });
  }
  void wait_for_start() {
    wait([this] { return may_start(); });
  }
  void add_result(std::size_t bytes) noexcept { results_ += bytes; }
  void drop_results(std::size_t bytes);

  /// Sends `room` once an attempt may start. For actors; ask `may_start` first.
  void tell_when_may_start(messages::action_actor who);
  /// By who was told: others wait too, and what it does need not give any bytes back.
  void pass_on() { tell_waiters(); }
  /// Nobody waits any more, now and later: what is there becomes durable, or the engine has
  /// stopped.
  void close();

 private:
  template <class Predicate>
  void wait(Predicate until) {
    if (until()) return;
    std::unique_lock lock(mutex_);
    ++waiting_;  // before the look, as a drop comes before its look at this
    room_.wait(lock, until);
    --waiting_;
  }
  void tell_waiters();

  const std::size_t bytes_max_;
  std::atomic<std::size_t> inputs_{0};
  std::atomic<std::size_t> results_{0};
  std::atomic<bool> closing_{false};
  std::atomic<std::size_t> waiting_{0};  ///< actors and threads; looked at after each drop
  std::mutex mutex_;
  std::condition_variable room_;
  std::deque<messages::action_actor> actors_;
};

}  // namespace tenax::actors
