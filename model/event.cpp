#include "model/event.hpp"

namespace tenax::model {

std::string_view to_string(event_kind k) noexcept {
  switch (k) {
    case event_kind::workflow_created:
      return "workflow_created";
    case event_kind::action_scheduled:
      return "action_scheduled";
    case event_kind::action_deadline_set:
      return "action_deadline_set";
    case event_kind::attempt_started:
      return "attempt_started";
    case event_kind::action_completed:
      return "action_completed";
    case event_kind::attempt_failed:
      return "attempt_failed";
    case event_kind::attempt_timed_out:
      return "attempt_timed_out";
    case event_kind::retry_scheduled:
      return "retry_scheduled";
    case event_kind::retry_exhausted:
      return "retry_exhausted";
    case event_kind::attempt_deferred:
      return "attempt_deferred";
    case event_kind::attempt_interrupted:
      return "attempt_interrupted";
    case event_kind::outcome_unknown:
      return "outcome_unknown";
    case event_kind::action_paused:
      return "action_paused";
    case event_kind::action_resolved:
      return "action_resolved";
    case event_kind::action_skipped:
      return "action_skipped";
    case event_kind::action_failed:
      return "action_failed";
    case event_kind::workflow_completed:
      return "workflow_completed";
    case event_kind::workflow_failed:
      return "workflow_failed";
    case event_kind::workflow_cancelled:
      return "workflow_cancelled";
    case event_kind::late_result:
      return "late_result";
    case event_kind::action_due:
      return "action_due";
    case event_kind::workflow_continued:
      return "workflow_continued";
    case event_kind::retry_requested:
      return "retry_requested";
    case event_kind::terms_recorded:
      return "terms_recorded";
    case event_kind::attempt_opened:
      return "attempt_opened";
    case event_kind::attempt_extended:
      return "attempt_extended";
    case event_kind::signal_received:
      return "signal_received";
    case event_kind::input_changed:
      return "input_changed";
    case event_kind::policy_changed:
      return "policy_changed";
  }
  return "unknown";
}

std::string_view to_string(event_actor a) noexcept {
  switch (a) {
    case event_actor::system:
      return "system";
    case event_actor::user:
      return "user";
    case event_actor::handler:
      return "handler";
  }
  return "unknown";
}

std::string_view to_string(delivery d) noexcept {
  return d == delivery::at_most_once ? "at_most_once" : "at_least_once";
}

bool is_terminal(event_kind k) noexcept {
  return k == event_kind::workflow_completed || k == event_kind::workflow_failed ||
         k == event_kind::workflow_cancelled;
}

}  // namespace tenax::model
