// action_actor.hpp - the actor of one action: runs an attempt, keeps its stop token, waits for the
// next one. It lives from the moment its lane lets it in, or from its timer within the horizon, to
// its end; one that was told to leave lives until its handler has returned. Depends on messages,
// actors/runtime. Runs on the scheduler's threads; one message at a time.
#pragma once

#include <caf/typed_event_based_actor.hpp>

#include "actors/runtime.hpp"

namespace tenax::actors {

class action_process final : public messages::action_actor::base {
 public:
  /// Starts with an attempt (`call`), or with a wait until due_at_ms (`call` null). `serial` tells
  /// the children of one workflow apart. A handler that runs in place is called here, on the
  /// parent's thread, if nothing has to be waited for: then `call->at_once` is the report.
  action_process(caf::actor_config& cfg, runtime* rt, messages::workflow_actor parent,
                 model::action_index action, std::uint32_t serial, handler_call_ptr call,
                 time_ms due_at_ms);
  ~action_process() override;
  const char* name() const override { return "action"; }

 protected:
  behavior_type make_behavior() override;

 private:
  using news = messages::attempt_report::news;

  void run(handler_call_ptr call);
  void go_on_in_place();
  void run_in_place();
  [[nodiscard]] bool may_run_at_once(const handler_call& call) const;
  void run_at_once(const handler_call_ptr& call);
  messages::handler_ended call_in_place();
  outcome open_for_worker();
  messages::attempt_report report_of(messages::handler_ended m);
  void on_taken();
  void on_go_on();
  void proceed();
  void on_started(const messages::handler_started& m);
  void on_ended(messages::handler_ended m);
  void on_dropped();
  void watch_timeout();
  void on_timeout(const messages::timeout& m);
  void on_still_running();
  void wait(time_ms due_at_ms);
  void on_alarm(const messages::alarm& m);
  void disarm();
  void leave();
  void tell(news what, messages::attempt_report r = {});
  void end();

  runtime* rt_;
  messages::workflow_actor parent_;
  const model::action_index action_;
  const std::uint32_t serial_;
  handler_call_ptr call_;  ///< null: none
  bool out_ = false;       ///< the executor has it, and will say how it ended
  bool taken_ = false;     ///< its start is durable, or on its way there
  bool held_ = false;      ///< a thread waits for it to proceed
  bool started_ = false;   ///< its start was reported
  bool leaving_ = false;
  time_ms due_at_ms_ = 0;  ///< armed for then; 0: not armed
  std::uint64_t alarm_serial_ = 0;
  caf::actor_clock::time_point timeout_at_;  ///< by start_to_close
};

}  // namespace tenax::actors
