// interfaces.hpp - every actor of the engine: what it takes, a sentence a message.
// Depends on messages/types.hpp and CAF only.
#pragma once

#include <caf/typed_actor.hpp>

#include "messages/types.hpp"

namespace tenax::messages {

/// Owns one action's life: its attempts, its stop token, its delayed message to itself. Child of a
/// workflow actor.
using action_actor = caf::typed_actor<
    // The executor has an outcome.
    caf::reacts_to<handler_ended>,
    // The executor has called the handler.
    caf::reacts_to<handler_started>,
    // A thread has the call; its start must become durable.
    caf::reacts_to<handler_taken>,
    // The input of a handler that runs in place is made.
    caf::reacts_to<input_rendered>,
    // The executor has dropped the call: it never began.
    caf::reacts_to<call_dropped>,
    // Start this attempt now.
    caf::reacts_to<run_attempt>,
    // The start that was taken is durable.
    caf::reacts_to<go_on>,
    // From the memory budget: there is room again.
    caf::reacts_to<room>,
    // Send yourself a message for then, and tell your parent when it comes.
    caf::reacts_to<wait_until>,
    // Ask a running handler to stop, and end once it has returned; its result is late.
    caf::reacts_to<leave>,
    // INTERNAL: the delayed message.
    caf::reacts_to<alarm>,
    // INTERNAL: the attempt has had its time.
    caf::reacts_to<timeout>,
    // INTERNAL: the handler was asked to stop a while ago.
    caf::reacts_to<still_running>>;

/// Owns one workflow: alone calls decide and apply for it, numbers its events, commits them, and
/// acts once they are durable.
using workflow_actor = caf::typed_actor<
    // An attempt began or ended.
    caf::reacts_to<attempt_report>,
    // The journal: the batch in flight is durable, or the engine has stopped.
    caf::reacts_to<committed>,
    // From the engine: take up your work.
    caf::reacts_to<begin>,
    // From an action: the time that it waited for has come.
    caf::reacts_to<action_due>,
    // From an action that was told to leave: it has ended.
    caf::reacts_to<action_gone>,
    // From the executor: a place in a lane, for the next action that waits for it.
    caf::reacts_to<your_turn>,
    // From the executor: the place in the row is lost.
    caf::reacts_to<put_out>,
    // From the engine: the row that was full may have room.
    caf::reacts_to<lane_room>,
    // From the engine: a timer of the due index has come.
    caf::reacts_to<timer_due>,
    // From the engine: a command of a user.
    caf::reacts_to<request_ptr>,
    // From the engine: you are forgotten, end.
    caf::reacts_to<dismissed>,
    // From the engine: end, once what runs has ended and what is decided is durable.
    caf::reacts_to<shut_down>>;

/// Owns which workflows are in memory: takes them up, routes to them, lets them go.
using engine_actor = caf::typed_actor<
    // From a submit: the workflow is durable.
    caf::reacts_to<adopt>,
    // From a workflow: it has nothing to do now.
    caf::reacts_to<idle>,
    // From a workflow: it has not been taken up, because memory is full.
    caf::reacts_to<declined>,
    // From the due actor: timers are due.
    caf::reacts_to<wake_all>,
    // From the API: a command for a workflow.
    caf::reacts_to<request_ptr>,
    // From a workflow: it has found the row of a lane full.
    caf::reacts_to<left_out>,
    // From the executor: the row of a lane is low.
    caf::reacts_to<lane_low>,
    // From the API: a worker asks for a type that nobody has asked for before.
    caf::reacts_to<lane_asked>,
    // From the API, a workflow or itself: a poll of a worker waits, or its time may be over.
    caf::reacts_to<poll_time>,
    // From the API: the engine is paused no longer.
    caf::reacts_to<start_all>,
    // INTERNAL: look on for workflows of lanes that have room.
    caf::reacts_to<read_lanes>,
    // INTERNAL: take up workflows from the store.
    caf::reacts_to<scan>,
    // INTERNAL: the same, after a step that has found none.
    caf::reacts_to<scan_on>,
    // INTERNAL: the same, after a while, also for a few places.
    caf::reacts_to<scan_later>,
    // INTERNAL: look for finished workflows that may leave the store.
    caf::reacts_to<sweep>,
    // The journal: the removals of the last sweep are durable, or the engine has stopped.
    caf::reacts_to<committed>,
    // From the API: end all workflows, then yourself.
    caf::reacts_to<shut_down>>;

/// Owns the windows on the due index: timers nearer than the horizon, some thousands of them.
using due_actor = caf::typed_actor<
    // From a workflow: wake it at this time.
    caf::reacts_to<hold>,
    // From a workflow: it cannot be read, wake it in a while.
    caf::reacts_to<look_again>,
    // From the engine: the last wakes are taken up.
    caf::reacts_to<more_wakes>,
    // INTERNAL: time has passed.
    caf::reacts_to<tick>,
    // From the engine: end.
    caf::reacts_to<shut_down>>;

}  // namespace tenax::messages
