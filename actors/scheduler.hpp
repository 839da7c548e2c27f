// scheduler.hpp - the actor scheduler of an engine: CAF's work-sharing coordinator with a clock
// that costs less. Depends on CAF only.
//
// Measured on CAF 0.17.6: the default policy (stealing) is quadratic in the queue's length, and
// each actor's end wakes the clock thread to cancel timeouts that our actors never set. This module
// avoids both, and a deadlock at shutdown that the second causes.
#pragma once

#include <thread>

#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/policy/work_sharing.hpp>
#include <caf/scheduler/coordinator.hpp>

namespace tenax::actors {

class engine_clock final : public caf::detail::thread_safe_actor_clock {
 public:
  void cancel_timeouts(caf::abstract_actor*) override {}
};

class engine_scheduler final : public caf::scheduler::coordinator<caf::policy::work_sharing> {
  using super = caf::scheduler::coordinator<caf::policy::work_sharing>;

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
