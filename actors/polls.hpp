// polls.hpp - workers that ask for tasks: what each asks for, what it is about to have, and when it
// is answered. Depends on include/tenax, CAF's clock. Not thread safe: the executor's lock guards
// it.
//
// A poll takes places in the lanes of its types (lanes.hpp) until it has its first task, then only
// waits for those that are under way: their attempts become durable in the same write, mostly. It
// is answered when none is under way any more, or a moment after its first task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <caf/actor_clock.hpp>

#include "tenax/worker.hpp"

namespace tenax::actors {

struct lane;

/// With what its input is charged for, until it is told.
struct held_task {
  worker_task task;
  std::shared_ptr<const void> charge;
};

struct task_poll {
  using clock = caf::actor_clock;
  using callback = std::function<void(result<std::vector<worker_task>>)>;

  task_poll(worker_poll a, callback d) : asked(std::move(a)), done(std::move(d)) {}
  /// Whether it takes one more place.
  [[nodiscard]] bool has_room() const noexcept {
    return takes_more && under_way + tasks.size() < asked.max;
  }

  const worker_poll asked;
  callback done;
  std::uint64_t ticket = 0;
  std::vector<lane*> lanes;
  clock::time_point until;
  std::vector<held_task> tasks;
  std::size_t under_way = 0;  ///< places that it has given, whose attempts are not open yet
  bool takes_more = true;
  bool is_over = false;  ///< answered, or withdrawn
};
using poll_ptr = std::shared_ptr<task_poll>;

/// A poll that is over, to be told without the lock.
struct told_poll {
  poll_ptr who;
  std::optional<error> instead;
  void tell() const;
};

/// Thread safety, and who is told when: executor.hpp.
class polls {
 public:
  static constexpr std::size_t waiting_max = 100'000;
  /// How long a task waits for those that came with it, which may wait for a slow disk, or for
  /// memory.
  static constexpr std::chrono::milliseconds patience{200};

  void add(const poll_ptr& p);
  [[nodiscard]] poll_ptr find(std::uint64_t ticket) const;
  /// It is over: it takes and is told no more.
  void remove(const poll_ptr& p);
  void set_time(const poll_ptr& p, task_poll::clock::time_point until);
  /// Whose time is over.
  [[nodiscard]] poll_ptr next_over(task_poll::clock::time_point now);
  [[nodiscard]] std::optional<task_poll::clock::time_point> next_time() const;
  [[nodiscard]] std::vector<poll_ptr> all() const;
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

 private:
  std::uint64_t last_ticket_ = 0;
  std::map<std::uint64_t, poll_ptr> waiting_;
  std::map<std::pair<task_poll::clock::time_point, std::uint64_t>, poll_ptr> by_time_;
};

}  // namespace tenax::actors
