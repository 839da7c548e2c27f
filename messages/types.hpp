// types.hpp - what actors say to each other: one struct a message, all local to one process.
// Depends on include/tenax, model, CAF. Value types. Who sends what to whom: interfaces.hpp.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>

#include "model/decide.hpp"
#include "model/state.hpp"

namespace tenax::actors {
struct handler_call;
struct lane;
class lane_place;
}  // namespace tenax::actors

namespace tenax::messages {

using handler_call_ptr = std::shared_ptr<actors::handler_call>;
using lane_place_ptr = std::shared_ptr<actors::lane_place>;

using model::action_index;
using model::time_ms;

/// Which timer of a workflow is due: an action's next start, an action's deadline, or (no_action)
/// the workflow's deadline; no_action and no deadline: it could not be read, and any may be.
struct timer_due {
  action_index action = model::no_action;
  bool deadline = false;
};

/// A timer of a workflow that may not be in memory.
struct wake {
  std::string workflow_id;
  timer_due timer;
};

/// Of a workflow that is over.
struct remove_workflow {};

/// A command from outside with the caller's continuation, called exactly once: with `closing` if
/// nobody answered.
class request {
 public:
  struct retry {
    std::string key;  ///< empty: all
    std::string reason;
    std::string who;
  };
  struct resolve {
    std::string key;
    resolution decision;
    std::string who;
  };
  /// Words about an open attempt, from whoever has its token.
  struct end_attempt {
    model::attempt_token token;
    outcome what;
    std::string who;
    std::shared_ptr<const void> charge;  ///< to the memory budget, until it is answered
  };
  struct heartbeat {
    model::attempt_token token;
    std::string progress;
    std::shared_ptr<time_ms> given_up_at_ms;  ///< set before the answer; 0: never
  };
  struct signal {
    model::send_signal what;
    std::shared_ptr<const void> charge;
  };
  struct change {
    std::string key;
    action_change what;
    std::string who;
    std::shared_ptr<const void> charge;
  };
  using command = std::variant<model::cancel, resolve, retry, change, signal, model::record_terms,
                               end_attempt, heartbeat, remove_workflow>;
  request(std::string workflow_id, command what, std::function<void(result<void>)> done)
      : workflow_id(std::move(workflow_id)), what(std::move(what)), done_(std::move(done)) {}
  request(const request&) = delete;
  request& operator=(const request&) = delete;
  ~request() {
    answer(error(errc::closing, "the engine was closed before the command was taken up"));
  }
  void answer(result<void> r) {
    if (auto done = std::exchange(done_, nullptr)) done(std::move(r));
  }

  const std::string workflow_id;
  const command what;

 private:
  std::function<void(result<void>)> done_;
};
using request_ptr = std::shared_ptr<request>;

/// A workflow in memory, handed over to its actor.
struct workflow_box {
  model::definition_ptr definition;
  model::workflow_state state;
};
using workflow_box_ptr = std::shared_ptr<workflow_box>;

// To the engine actor.
struct adopt {  ///< this workflow has just become durable
  workflow_box_ptr box;
};
struct wake_all {  ///< these timers are due; answered with `more_wakes` once they are taken up
  std::vector<wake> wakes;
};
struct idle {  ///< this workflow has nothing to do
  std::string workflow_id;
  std::uint64_t received = 0;  ///< messages that it had from the engine
  std::size_t bytes = 0;       ///< that it takes in memory
};
struct left_out {  ///< this workflow has found a full row: it may leave memory
  std::string workflow_id;
  time_ms listed_at_ms = 0;
  std::uint8_t bit = 0;  ///< model::lane_bit of the lane's type
  actors::lane* lane = nullptr;
};
struct lane_low {  ///< from the executor: a row has room, and workflows in the store wait for it
  actors::lane* lane = nullptr;
};
struct lane_asked {  ///< from the API: somebody asks for its actions for the first time
  std::string type;
  actors::lane* lane = nullptr;
};
struct poll_time {};   ///< a poll of a worker waits: look at its time, now and when it is over
struct read_lanes {};  ///< INTERNAL: look on for them
struct scan {};        ///< INTERNAL: take up the next workflows from the store
struct scan_on {};     ///< INTERNAL: the same, after a step that has found none
struct scan_later {};  ///< INTERNAL: the same, after a while
struct sweep {};       ///< INTERNAL: remove finished workflows that may go
struct start_all {};   ///< from the API: the engine is paused no longer
struct shut_down {};   ///< end everything; also to workflow and action actors

// To the due actor.
struct hold {  ///< this timer lies within the horizon and has no actor that waits for it
  time_ms due_at_ms = 0;
  wake what;
};
struct look_again {  ///< this workflow cannot be read: wake it in a while, to read it again
  std::string workflow_id;
};
struct more_wakes {};
struct tick {  ///< INTERNAL: look at the clock
  std::uint64_t serial = 0;
};

struct declined {  ///< this workflow was not taken up: no memory
  std::string workflow_id;
  time_ms listed_at_ms = 0;  ///< where it is listed; 0: a timer woke it
  timer_due timer;           ///< then that one
};

// To a workflow actor.
struct begin {                   ///< from the engine: take up your work, if there is memory
  time_ms listed_at_ms = 0;      ///< where it is listed; 0: a timer or a command follows
  actors::lane* lane = nullptr;  ///< which expects it, if one does
};
struct lane_room {  ///< from the engine: the row may have room again for who was left out
  actors::lane* lane = nullptr;
};
struct put_out {  ///< from the executor: the place in the row is lost to a higher priority
  actors::lane* lane = nullptr;
};
struct committed {
  bool ok = false;
  std::shared_ptr<const error> why = nullptr;  ///< not ok: the store's words
};
struct attempt_report {  ///< from an action actor
  enum class news : std::uint8_t {
    taken,      ///< its start must be durable before it goes on
    began,      ///< the handler was called
    timed_out,  ///< start-to-close has passed
    ended,      ///< `what` is the outcome
    stopped,    ///< failed, asked to stop because the engine closes
    dropped,    ///< never began, and never will
    withdrawn   ///< the same of a call in whose place there is another of the attempt
  };
  action_index action = 0;
  std::uint32_t child = 0;  ///< the sender's serial
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  time_ms started_at_ms = 0;
  news what_happened = news::dropped;
  bool start_is_news = false;  ///< ended, stopped: the start was not reported before
  bool leaves = false;         ///< the action actor has ended with this message
  std::size_t bytes = 0;       ///< ended: charged to the memory budget until it is durable
  outcome what;
  model::attempt_secret secret;  ///< of a pending one
};
struct action_due {  ///< the action actor's delayed message to itself came: its time is up
  action_index action = 0;
};
struct action_gone {};  ///< an action actor that was told to leave has ended
struct your_turn {      ///< from the executor: a place in a lane, for the next action
  lane_place_ptr place;
};
struct dismissed {};  ///< from the engine: forgotten there, end

// To an action actor.
struct run_attempt {
  handler_call_ptr call;
};
struct wait_until {
  time_ms due_at_ms = 0;
};
struct go_on {};  ///< after `taken`: the start is durable
struct leave {};  ///< give up what runs, and end once it has returned
struct room {};   ///< from the memory budget: attempts may start again
struct alarm {    ///< INTERNAL: the delayed message; stale unless the serial is the latest
  std::uint64_t serial = 0;
  time_ms due_at_ms = 0;  ///< what it waits for; it comes before that to look at the clock
};
struct timeout {  ///< INTERNAL: start-to-close of this attempt
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  milliseconds left{0};  ///< of it, after this message has come
};
struct still_running {};  ///< INTERNAL: a while after the handler was asked to stop
// From the executor, in this order; each attempt ends with one of the last two.
struct input_rendered {};  ///< of a handler that runs in place
struct handler_taken {};   ///< a thread has it, and waits until its start is durable
struct handler_started {
  time_ms at_ms = 0;
};
struct handler_ended {
  time_ms started_at_ms = 0;
  outcome what;
  std::size_t bytes = 0;  ///< charged to the memory budget
};
struct call_dropped {};  ///< it never began, and never will

}  // namespace tenax::messages

// None of these ever leaves the process.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::timer_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::request_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::adopt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::wake_all)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::declined)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::left_out)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::lane_low)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::lane_asked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::poll_time)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::lane_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::put_out)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::read_lanes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::scan)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::scan_on)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::scan_later)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::sweep)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::start_all)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::shut_down)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::hold)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::look_again)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::more_wakes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::begin)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::attempt_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::action_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::action_gone)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::dismissed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::run_attempt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::wait_until)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::go_on)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::leave)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::your_turn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::still_running)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::input_rendered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::handler_taken)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::call_dropped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::alarm)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::timeout)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::handler_started)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::handler_ended)
