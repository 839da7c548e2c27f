// scheduler.hpp - the actor scheduler of an engine: CAF's work-sharing coordinator with a clock
// that costs less. Depends on CAF only.
//
// Measured on CAF 0.17.6: the default policy (stealing) is quadratic in the queue's length, and
// each actor's end wakes the clock thread to cancel timeouts that our actors never set. This module
// avoids both, and a deadlock at shutdown that the second causes. CAF's own sharing policy
// allocates a list node for each job, two or three an action, and wakes a thread for each; this one
// has a queue that does not, and wakes as few threads as the work needs.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/coordinator.hpp>

namespace tenax::actors {

/// One queue for all workers (a CAF scheduler policy). A job that a worker makes waits for one that
/// is awake, mostly for itself, so it wakes another only if there are more. One is woken at a time,
/// the last to fall asleep, and wakes the next if there is more to do: most jobs are shorter than a
/// wake-up.
class shared_queue : public caf::policy::unprofiled {
 public:
  /// Where a worker sleeps.
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
    worker_data(const worker_data&) {}  // CAF makes all from one
    worker_data& operator=(const worker_data&) = delete;
    std::condition_variable wake;
    bool woken = false;  ///< guarded by the queue's mutex
  };
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}
    std::mutex mutex;
    // Guarded by mutex.
    std::deque<caf::resumable*> jobs;
    std::vector<worker_data*> asleep;
    bool waking = false;  ///< one has been woken and is not here yet

    /// Under the lock: a job may be the one that ends the engine, and all of this with it.
    void wake_one() {
      if (waking || asleep.empty()) return;
      waking = true;
      asleep.back()->woken = true;
      asleep.back()->wake.notify_one();
      asleep.pop_back();
    }
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    auto& shared = d(self);
    const std::lock_guard lock(shared.mutex);
    shared.jobs.push_back(job);
    shared.wake_one();
  }
  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }
  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    auto& shared = d(self->parent());
    const std::lock_guard lock(shared.mutex);
    shared.jobs.push_back(job);
    if (shared.jobs.size() > 1) shared.wake_one();
  }
  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    internal_enqueue(self, job);
  }
  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    auto& shared = d(self->parent());
    auto& mine = d(self);
    std::unique_lock lock(shared.mutex);
    while (shared.jobs.empty()) {
      shared.asleep.push_back(&mine);
      mine.wake.wait(lock, [&] { return mine.woken; });
      mine.woken = false;
      shared.waking = false;
    }
    auto* job = shared.jobs.front();
    shared.jobs.pop_front();
    if (!shared.jobs.empty()) shared.wake_one();
    return job;
  }
  template <class Worker, class Function>
  void foreach_resumable(Worker*, Function) {}
  template <class Coordinator, class Function>
  void foreach_central_resumable(Coordinator* self, Function f) {
    auto& shared = d(self);
    std::deque<caf::resumable*> rest;
    const auto take_rest = [&] {
      const std::lock_guard lock(shared.mutex);
      rest.swap(shared.jobs);
      return !rest.empty();
    };
    // Without the lock: what ends here may send.
    for (; take_rest(); rest.clear()) std::for_each(rest.begin(), rest.end(), f);
  }
};

class engine_clock final : public caf::detail::thread_safe_actor_clock {
 public:
  void cancel_timeouts(caf::abstract_actor*) override {}
};

class engine_scheduler final : public caf::scheduler::coordinator<shared_queue> {
  using super = caf::scheduler::coordinator<shared_queue>;

 public:
  using super::super;
  caf::detail::thread_safe_actor_clock& clock() noexcept override { return clock_; }
  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>) {
    return new engine_scheduler(system);
  }

 protected:
  void start() override {
    dispatcher_ = std::thread([this] { clock_.run_dispatch_loop(); });
    super::start();
  }
  void stop() override {
    super::stop();
    clock_.cancel_dispatch_loop();
    dispatcher_.join();
  }

 private:
  engine_clock clock_;
  std::thread dispatcher_;
};

}  // namespace tenax::actors
