// fail_points.hpp - every fail point of the engine. crash_test compares the list with the sources.
#pragma once

#include <string_view>

namespace tenax::crash {

inline constexpr std::string_view fail_points[] = {
    "submit.validated",
    "request.received",
    "journal.before_write",
    "journal.after_write",
    "engine.before_ack",
    "workflow.before_spawn",
    "action.started_durable",
    "handler.inside",
    "handler.done_before_commit",
    "action.committed_before_reply",
    "retry.committed_before_timer",
    "retry.fired",
    "due.refill",
    "cancel.committed",
    "terminal.before",
    "terminal.after",
    "recovery.mid",
    "backup.mid",
};

}  // namespace tenax::crash
