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
}

namespace tenax::messages {

using handler_call_ptr = std::shared_ptr<actors::handler_call>;

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

/// A command from outside with the caller's continuation, called exactly once: with `closing` if
/// nobody answered.
class request {
 public:
  using command = std::variant<model::cancel, std::pair<std::string, resolution>>;
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
struct idle {  ///< this workflow has nothing to do; `received` counts the messages that it had from
               ///< the engine
  std::string workflow_id;
  std::uint64_t received = 0;
};
struct scan {};        ///< INTERNAL: take up the next workflows from the store
struct scan_later {};  ///< INTERNAL: the same, after a while
struct sweep {};       ///< INTERNAL: remove finished workflows that may go
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

// To a workflow actor.
struct begin {};
struct committed {
  bool ok = false;
  std::shared_ptr<const error> why = nullptr;  ///< not ok: the store's words
};
struct attempt_report {  ///< from an action actor
  action_index action = 0;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  time_ms started_at_ms = 0;
  bool began = false;        ///< the start is news
  bool ended = false;        ///< `what` is valid
  bool timed_out = false;    ///< start-to-close has passed
  bool interrupted = false;  ///< not begun, because the engine closes
  bool stopped = false;      ///< failed, asked to stop because the engine closes
  bool leaves = false;       ///< the action actor has ended with this message
  outcome what;
};
struct action_due {  ///< the action actor's delayed message to itself came: its time is up
  action_index action = 0;
};
struct action_gone {  ///< the action actor has ended
  action_index action = 0;
};
struct dismissed {};  ///< from the engine: forgotten there, end

// To an action actor.
struct run_attempt {
  handler_call_ptr call;
};
struct wait_until {
  time_ms due_at_ms = 0;
};
struct give_up {  ///< this attempt was given up: ask its handler to stop
  std::uint32_t attempt = 0;
};
struct leave {};  ///< end, once no handler runs
struct alarm {    ///< INTERNAL: the delayed message; stale unless the serial is the latest
  std::uint64_t serial = 0;
};
struct timeout {  ///< INTERNAL: start-to-close of this attempt
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
};
struct handler_started {  ///< from the executor
  std::uint32_t attempt = 0;
  time_ms at_ms = 0;
};
struct handler_ended {  ///< from the executor
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  time_ms started_at_ms = 0;
  outcome what;
};

}  // namespace tenax::messages

// None of these ever leaves the process.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::timer_due)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::wake)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::request_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::adopt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::wake_all)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::scan)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::scan_later)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::sweep)
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
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::give_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::leave)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::alarm)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::timeout)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::handler_started)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::messages::handler_ended)
