// scheduler.hpp - the actor scheduler of an engine: CAF's work-sharing coordinator with a clock
// that costs less. Depends on CAF only.
//
// Measured on CAF 0.17.6: the default policy (stealing) is quadratic in the queue's length, and
// each actor's end wakes the clock thread to cancel timeouts that our actors never set. This module
// avoids both, and a deadlock at shutdown that the second causes. CAF's own sharing policy
// allocates a list node for each job, two or three an action; this one has a queue that does not.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/coordinator.hpp>

namespace tenax::actors {

/// One queue for all workers (a CAF scheduler policy).
class shared_queue : public caf::policy::unprofiled {
 public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}
    std::deque<caf::resumable*> jobs;
    std::mutex mutex;
    std::condition_variable more;
  };
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    auto& shared = d(self);
    // Under the lock: the job may be the one that ends the engine, and all of this with it.
    const std::lock_guard lock(shared.mutex);
    shared.jobs.push_back(job);
    shared.more.notify_one();
  }
  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }
  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }
  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    central_enqueue(self->parent(), job);
  }
  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    auto& shared = d(self->parent());
    std::unique_lock lock(shared.mutex);
    shared.more.wait(lock, [&] { return !shared.jobs.empty(); });
    auto* job = shared.jobs.front();
    shared.jobs.pop_front();
    return job;
  }
  template <class Worker, class Function>
  void foreach_resumable(Worker*, Function) {}
  template <class Coordinator, class Function>
  void foreach_central_resumable(Coordinator* self, Function f) {
    auto& shared = d(self);
    const std::lock_guard lock(shared.mutex);
    while (!shared.jobs.empty()) {
      auto* job = shared.jobs.front();
      shared.jobs.pop_front();
      f(job);
    }
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
