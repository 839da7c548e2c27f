#include "model/documents/event_json.hpp"

#include "model/documents/json_tree.hpp"
#include "model/documents/json_writer.hpp"

namespace tenax::model {

namespace {

/// An event's data.
class object_text : public json_writer {
 public:
  object_text() : json_writer(out_) { begin_object(); }
  using json_writer::time;
  void time(std::string_view name, time_ms at) { time(name, wall_time(milliseconds(at))); }
  void json(std::string_view name, std::string_view bytes) {
    std::string document;
    const auto parsed = parse_json(bytes, {.depth_max = 64, .unique_keys = false});
    if (parsed.failure == json_failure::none &&
        append_json(document, parsed.tree, json_tree::root)) {
      raw(name, document);
    } else {
      string(name, bytes);
    }
  }
  [[nodiscard]] std::string take() {
    end_object();
    return std::move(out_);
  }

 private:
  std::string out_;
};

void retry_fields(object_text& o, const event& e) {
  o.time("next_retry_at", e.due_at_ms);
  o.number("wait_ms", e.wait_ms);
  o.number("wait_least_ms", e.least_ms);
  o.number("wait_most_ms", e.most_ms);
  o.number("max_attempts", e.count);
}

void error_fields(object_text& o, const event& e) {
  if (!e.error_class.empty()) o.string("error_class", e.error_class);
  o.string("message", e.text);
}

bool has_attempt(event_kind k) {
  switch (k) {
    case event_kind::attempt_started:
    case event_kind::action_completed:
    case event_kind::attempt_failed:
    case event_kind::attempt_timed_out:
    case event_kind::retry_scheduled:
    case event_kind::retry_exhausted:
    case event_kind::attempt_deferred:
    case event_kind::attempt_interrupted:
    case event_kind::outcome_unknown:
    case event_kind::late_result:
    case event_kind::retry_requested:
    case event_kind::attempt_opened:
    case event_kind::attempt_extended:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string event_data(const event& e) {
  object_text o;
  if (has_attempt(e.kind)) o.number("attempt", e.attempt);
  switch (e.kind) {
    case event_kind::workflow_created:
      if (e.due_at_ms != 0) o.time("deadline_at", e.due_at_ms);
      if (!e.text.empty()) o.json("terms", e.text);
      break;
    case event_kind::action_scheduled:
      o.time("scheduled_at", e.due_at_ms);
      break;
    case event_kind::action_deadline_set:
      o.time("close_by", e.due_at_ms);
      break;
    case event_kind::attempt_started:
      if (e.count != 0) o.number("deferrals", e.count);
      if (e.delivery != delivery::at_least_once) o.string("delivery", to_string(e.delivery));
      break;
    case event_kind::action_completed:
      o.json("result", e.text);
      break;
    case event_kind::attempt_failed:
    case event_kind::attempt_timed_out:
    case event_kind::outcome_unknown:
    case event_kind::action_failed:
      error_fields(o, e);
      break;
    case event_kind::retry_scheduled:
      retry_fields(o, e);
      break;
    case event_kind::retry_exhausted:
      o.number("max_attempts", e.count);
      o.string("reason", e.text);
      break;
    case event_kind::attempt_deferred:
      o.time("until", e.due_at_ms);
      if (!e.error_class.empty()) error_fields(o, e);
      break;
    case event_kind::attempt_interrupted:
      o.number("recoveries", e.count);
      break;
    case event_kind::action_resolved:
      o.string("decision", e.text);
      break;
    case event_kind::workflow_continued:
      if (e.due_at_ms != 0) o.time("deadline_at", e.due_at_ms);
      o.string("reason", e.text);
      break;
    case event_kind::retry_requested:
    case event_kind::action_skipped:
    case event_kind::workflow_failed:
    case event_kind::workflow_cancelled:
      o.string("reason", e.text);
      break;
    case event_kind::late_result:
      o.string("outcome", e.text);
      break;
    case event_kind::terms_recorded:
      o.json("terms", e.text);
      break;
    case event_kind::attempt_opened:  // not the secret: who reads may not end it
      if (e.due_at_ms != 0) o.time("given_up_at", e.due_at_ms);
      if (e.wait_ms != 0) o.number("heartbeat_ms", e.wait_ms);
      if (!e.text.empty()) o.string("message", e.text);
      break;
    case event_kind::attempt_extended:
      o.time("given_up_at", e.due_at_ms);
      break;
    case event_kind::action_paused:
    case event_kind::action_due:
    case event_kind::workflow_completed:
      break;
  }
  return o.take();
}

}  // namespace tenax::model
