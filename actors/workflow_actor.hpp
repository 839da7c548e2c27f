// workflow_actor.hpp - the actor of one workflow: decides, commits, then acts.
// Depends on messages, model, actors/runtime, storage interfaces. Runs on the scheduler's threads;
// one message at a time.
//
// The state in memory runs ahead of the disk: a command is decided and applied when it comes, its
// events are committed with the next batch, its effects are done when that batch is durable. Nobody
// sees the state in between (queries read the store), and after a failed commit nothing acts on it
// any more (docs/adr/0004-decide-commit-act.md).
#pragma once

#include <deque>
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
  using action_index = model::action_index;

  /// Where an action is, beyond its state: docs/adr/0007-life-of-an-action.md.
  enum class place : std::uint8_t {
    rests,    ///< nothing of it is in memory
    waits,    ///< its child waits for its time
    queued,   ///< ready: waits for its lane
    admitted  ///< its child has a call of it
  };
  /// What the actor knows of one action beyond its state.
  struct slot {
    messages::action_actor child;  ///< invalid: none; those that were told to leave are not here
    handler_call_ptr call;         ///< admitted: the call
    std::uint32_t serial = 0;      ///< of the child
    place at = place::rests;
    std::uint32_t begun = 0;     ///< given up: the attempt, if it had begun or may have
    bool durable_first = false;  ///< a start may have been lost in a crash: the next one is durable
                                 ///< before the handler runs
  };
  /// The ready actions of one lane. The first of them are those that came first.
  struct ready_row {
    lane* where = nullptr;  ///< null: they run in place
    struct queued {
      action_index action;
      std::uint32_t ready_at_ms;  ///< the lower half of it
    };
    std::deque<queued> actions;
    bool in_turn = false;   ///< the lane knows of them
    bool left_out = false;  ///< the row was full: the engine knows of them
  };
  /// Effects and answers that wait for one batch to be durable.
  struct aftermath {
    std::vector<model::effect> effects;
    std::vector<messages::action_actor> taken;    ///< their starts are in the batch
    std::vector<messages::action_actor> leaving;  ///< are to be told to
    std::vector<handler_call_ptr> opened;         ///< for workers: to be handed over
    std::vector<std::pair<messages::request_ptr, std::optional<error>>>
        answers;            ///< with why it was refused, if it was
    std::size_t bytes = 0;  ///< of results, charged to the memory budget
    bool ended = false;
    [[nodiscard]] bool empty() const noexcept {
      return effects.empty() && taken.empty() && leaving.empty() && opened.empty() &&
             answers.empty() && bytes == 0 && !ended;
    }
    void clear();
  };

  void on_begin(time_ms listed_at_ms);
  /// Takes the workflow up from the store. False: it cannot, broken_ says why.
  bool load();
  /// Has itself woken in a while, to be read again.
  void look_again();
  void take_back_timers();
  /// Whether there is a workflow to work on.
  bool is_there();
  void take_up(bool loaded);
  void on_report(messages::attempt_report r);
  void take_report(messages::attempt_report r);
  void take_reports();
  void on_committed(const messages::committed& m);
  void on_action_due(model::action_index a);
  void on_your_turn(const messages::your_turn& m);
  void on_put_out(const messages::put_out& m);
  void on_lane_room(const messages::lane_room& m);
  void on_timer(const messages::timer_due& m);
  void on_request(const messages::request_ptr& r);
  void take_request(const messages::request_ptr& r);
  std::optional<error> retry(action_index a, const messages::request::retry& c);
  std::optional<error> change(action_index a, const messages::request::change& c);
  std::optional<error> end_attempt(const messages::request::end_attempt& c);
  std::optional<error> hear(const messages::request::heartbeat& c);
  [[nodiscard]] error no_such_attempt() const;
  [[nodiscard]] bool is_of_past(const model::attempt_token& token) const;
  void on_shut_down();

  enum class urgency { now, lazy };
  /// Decides and applies. Says why a command was refused.
  std::optional<error> process(const model::command& what, urgency how);
  void apply_decision(model::decision& d);
  void keep_result(const model::event& completed);
  void forget_progress();
  void pump();
  void commit(storage::flush when);
  void settle(aftermath& done);

  void perform(const model::effect& e);
  void try_start(action_index a);
  void hand_over(handler_call& call);
  ready_row& row_of(lane* where);
  void take_turns(ready_row& row);
  bool make_ready(ready_row& row);
  [[nodiscard]] ready_row* row_in(const lane* where);
  [[nodiscard]] bool is_left_out();
  [[nodiscard]] std::optional<ready_row::queued> next_of(ready_row& row);
  void admit(const ready_row::queued& next, lane_place where);
  /// What handler_call::render needs, for an action that is about to be launched.
  void set_input(handler_call& call);
  void arm(action_index a, time_ms due_at_ms);
  void watch(action_index a, time_ms due_at_ms);
  template <caf::spawn_options How = caf::no_spawn_options>
  void spawn_child(action_index a, handler_call_ptr call, time_ms due_at_ms);
  void rest(action_index a);
  void detach(action_index a);
  void let_go(action_index a);
  void detach_all();
  void update_rest();
  void make_room();
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
  std::uint64_t seq_in_flight_ = 0;  ///< of the last event of that batch
  std::uint64_t durable_seq_ = 0;    ///< of the last event that is known to be durable
  aftermath next_;                   ///< of the batch that collects
  aftermath pending_;                ///< of the batch in flight

  std::vector<slot> slots_;
  std::deque<ready_row> rows_;                    ///< one for each lane of its types
  std::uint32_t last_serial_ = 0;                 ///< of the children
  std::size_t children_ = 0;                      ///< alive, those that were told to leave too
  std::vector<messages::request_ptr> after_end_;  ///< came before the end was durable
  /// Attempts of which a late word from outside is in the history, perhaps not durable yet.
  std::vector<std::pair<model::action_index, std::uint32_t>> told_late_;
  std::size_t waiting_ = 0;      ///< actions in place::waits
  std::size_t queued_ = 0;       ///< actions in place::queued
  std::size_t queued_told_ = 0;  ///< of queued_, counted in runtime::queued
  std::size_t in_place_ = 0;     ///< admitted actions whose handlers run in place
  /// Of children whose handlers ran as they were made.
  std::vector<messages::attempt_report> reports_;
  std::size_t run_at_once_ = 0;  ///< since the last commit
  std::unordered_map<model::action_index, std::shared_ptr<const std::string>>
      results_;                 ///< small ones, of actions that inputs refer to
  std::size_t kept_bytes_ = 0;  ///< of these
  std::uint64_t life_ = 0;      ///< in the document cache
  std::uint64_t received_ = 0;  ///< messages from the engine
  std::uint64_t idle_at_ = 0;   ///< value of received_ + 1 in the last `idle`
  bool resting_ = false;
  bool stays_at_rest_ = false;  ///< only commands move it: options::takes_up
  bool shutting_down_ = false;
  std::size_t loaded_bytes_ = 0;   ///< counted in runtime::loaded_bytes
  std::unique_ptr<error> broken_;  ///< could not be loaded, or (overloaded) not yet
};

}  // namespace tenax::actors
