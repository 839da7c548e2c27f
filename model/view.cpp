#include "tenax/view.hpp"

namespace tenax {

std::string_view to_string(workflow_status s) noexcept {
  switch (s) {
    case workflow_status::pending:
      return "pending";
    case workflow_status::in_progress:
      return "in_progress";
    case workflow_status::completed:
      return "completed";
    case workflow_status::failed:
      return "failed";
    case workflow_status::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view to_string(action_status s) noexcept {
  switch (s) {
    case action_status::validated:
      return "validated";
    case action_status::executing:
      return "executing";
    case action_status::completed:
      return "completed";
    case action_status::failed:
      return "failed";
    case action_status::cancelled:
      return "cancelled";
    case action_status::skipped:
      return "skipped";
  }
  return "unknown";
}

std::string_view to_string(waiting_for w) noexcept {
  switch (w) {
    case waiting_for::nothing:
      return "nothing";
    case waiting_for::dependencies:
      return "dependencies";
    case waiting_for::schedule:
      return "schedule";
    case waiting_for::retry:
      return "retry";
    case waiting_for::timer:
      return "timer";
    case waiting_for::a_thread:
      return "thread";
    case waiting_for::handler:
      return "no_handler";
    case waiting_for::decision:
      return "decision";
    case waiting_for::outside:
      return "outside";
  }
  return "unknown";
}

bool is_terminal(workflow_status s) noexcept {
  return s == workflow_status::completed || s == workflow_status::failed ||
         s == workflow_status::cancelled;
}

std::optional<workflow_status> parse_workflow_status(std::string_view text) noexcept {
  for (const auto s :
       {workflow_status::pending, workflow_status::in_progress, workflow_status::completed,
        workflow_status::failed, workflow_status::cancelled})
    if (to_string(s) == text) return s;
  return std::nullopt;
}

std::optional<waiting_for> parse_waiting_for(std::string_view text) noexcept {
  for (const auto w : {waiting_for::nothing, waiting_for::dependencies, waiting_for::schedule,
                       waiting_for::retry, waiting_for::timer, waiting_for::a_thread,
                       waiting_for::handler, waiting_for::decision, waiting_for::outside})
    if (to_string(w) == text) return w;
  return std::nullopt;
}

}  // namespace tenax
