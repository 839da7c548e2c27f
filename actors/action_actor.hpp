// action_actor.hpp - the actor of one action: runs its attempts, keeps its stop token, waits for
// its retries. Depends on messages, actors/runtime. Runs on the scheduler's threads; one message at
// a time.
#pragma once

#include <caf/typed_event_based_actor.hpp>

#include "actors/runtime.hpp"

namespace tenax::actors {

class action_process final : public messages::action_actor::base {
 public:
  /// Starts with a first attempt (`call`), or with a wait until due_at_ms (`call` null).
  action_process(caf::actor_config& cfg, runtime* rt, messages::workflow_actor parent,
                 model::action_index action, handler_call_ptr call, time_ms due_at_ms);
  ~action_process() override;
  const char* name() const override { return "action"; }

 protected:
  behavior_type make_behavior() override;

 private:
  void run(const handler_call_ptr& call);
  void run_in_place(handler_call& call);
  void on_started(const messages::handler_started& m);
  void on_ended(messages::handler_ended m);
  void report_interrupted();
  void watch_timeout();
  void on_timeout(const messages::timeout& m);
  void wait(time_ms due_at_ms);
  void on_alarm(const messages::alarm& m);
  void disarm();
  void give_up();
  void leave();
  void end();
  messages::attempt_report report_of(std::uint32_t attempt, std::uint32_t deferrals) const;

  runtime* rt_;
  messages::workflow_actor parent_;
  const model::action_index action_;
  handler_call_ptr current_;  ///< the attempt that counts; null: none, or given up
  bool began_ = false;        ///< its start was reported
  std::uint32_t calls_ = 0;   ///< given to the executor and not back, the given up ones included
  time_ms due_at_ms_ = 0;     ///< armed for then; 0: not armed
  std::uint64_t alarm_serial_ = 0;
  milliseconds timeout_left_{0};  ///< of start_to_close, beyond the message on its way
  bool leaving_ = false;
};

}  // namespace tenax::actors
