// workflow_actor.hpp - the actor of one workflow: decides, commits, then acts.
// Depends on messages, model, actors/runtime, storage interfaces. Runs on the scheduler's threads;
// one message at a time.
//
// The state in memory runs ahead of the disk: a command is decided and applied when it comes, its
// events are committed with the next batch, its effects are done when that batch is durable. Nobody
// sees the state in between (queries read the store), and after a failed commit nothing acts on it
// any more (docs/adr/0004-decide-commit-act.md).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/typed_event_based_actor.hpp>

#include "actors/runtime.hpp"

namespace tenax::actors {

class workflow_process final : public messages::workflow_actor::base {
 public:
  /// `box` null: the actor loads the workflow from the store.
  workflow_process(caf::actor_config& cfg, runtime* rt, messages::engine_actor engine,
                   messages::due_actor due, std::string id, messages::workflow_box_ptr box);
  ~workflow_process() override;
  const char* name() const override { return "workflow"; }

 protected:
  behavior_type make_behavior() override;

 private:
  /// What the actor knows of one action beyond its state.
  struct slot {
    messages::action_actor child;  ///< invalid: none
    handler_call_ptr call;         ///< launched last
    bool waits = false;            ///< the child was told to wait
    bool leaving = false;          ///< the child was told to leave
    bool unrecorded = false;       ///< the call waits until its start is durable
    std::uint32_t given_up = 0;    ///< the attempt that the child is to give up
    bool durable_first = false;  ///< a start may have been lost in a crash: the next one is durable
                                 ///< before the handler runs
  };
  /// Effects and answers that wait for one batch to be durable.
  struct aftermath {
    std::vector<model::effect> effects;
    std::vector<model::action_index> launches;  ///< starts that are durable first
    std::vector<std::pair<messages::request_ptr, std::optional<error>>>
        answers;  ///< with why it was refused, if it was
    bool ended = false;
    [[nodiscard]] bool empty() const noexcept {
      return effects.empty() && launches.empty() && answers.empty() && !ended;
    }
    void clear();
  };

  void on_begin();
  /// Takes the workflow up from the store. False: it cannot, broken_ says why.
  bool load();
  /// Has itself woken in a while, to be read again.
  void look_again();
  void take_back_timers();
  /// Whether there is a workflow to work on.
  bool is_there();
  void take_up(bool loaded);
  void on_report(messages::attempt_report r);
  void on_committed(const messages::committed& m);
  void on_action_due(model::action_index a);
  void on_action_gone(model::action_index a);
  void on_timer(const messages::timer_due& m);
  void on_request(const messages::request_ptr& r);
  void on_shut_down();

  enum class urgency { now, lazy };
  /// Decides and applies. Says why a command was refused.
  std::optional<error> process(const model::command& what, urgency how);
  void apply_decision(model::decision& d);
  void keep_result(const model::event& completed);
  void pump();
  void commit(storage::flush when);
  void settle(aftermath& done);

  void perform(const model::effect& e);
  void try_start(model::action_index a);
  /// What handler_call::render needs, for an action that is about to be launched.
  [[nodiscard]] std::function<std::optional<outcome>(std::string&)> input_of(model::action_index a);
  void begin_call(const handler_call_ptr& call);
  void arm(model::action_index a, time_ms due_at_ms);
  void watch(model::action_index a, time_ms due_at_ms);
  void release(model::action_index a);
  void revoke(model::action_index a);
  void forget(model::action_index a);
  void replace_child(model::action_index a, bool waited);
  void update_rest();
  void check_idle();
  void fail_all(const error& why);

  runtime* rt_;
  messages::engine_actor engine_;
  messages::due_actor due_;
  const std::string id_;
  messages::workflow_box_ptr box_;

  model::definition_ptr def_;
  model::workflow_state state_;
  model::change_set changes_;
  bool flush_wanted_ = false;
  bool in_flight_ = false;
  aftermath next_;     ///< of the batch that collects
  aftermath pending_;  ///< of the batch in flight

  std::vector<slot> slots_;
  std::size_t children_ = 0;  ///< alive
  std::size_t waiting_ = 0;   ///< of these, those that only wait
  std::unordered_map<model::action_index, std::shared_ptr<const std::string>>
      results_;                 ///< small ones, of actions that inputs refer to
  std::size_t kept_bytes_ = 0;  ///< of these
  std::uint64_t received_ = 0;  ///< messages from the engine
  std::uint64_t idle_at_ = 0;   ///< value of received_ + 1 in the last `idle`
  bool resting_ = false;
  bool shutting_down_ = false;
  std::unique_ptr<error> broken_;  ///< could not be loaded
};

}  // namespace tenax::actors
