#include "model/documents/event_json.hpp"

#include "model/documents/json_tree.hpp"
#include "model/documents/json_writer.hpp"

namespace tenax::model {

event_fields fields_of(const event& e) noexcept {
  constexpr auto always = field_use::always;
  constexpr auto if_set = field_use::if_set;
  switch (e.kind) {
    case event_kind::workflow_created:
      return {.due = {"deadline_at", if_set}, .text = {"terms", if_set}, .text_is_json = true};
    case event_kind::action_scheduled:
      return {.due = {"scheduled_at", always}};
    case event_kind::action_deadline_set:
      return {.due = {"close_by", always}};
    case event_kind::attempt_started:
      return {.attempt = always, .delivery = if_set, .count = {"deferrals", if_set}};
    case event_kind::action_completed:
      return {.attempt = always,
              .signal_seq = if_set,
              .text = {"result", e.signal_seq == 0 ? always : if_set},
              .text_is_json = true};
    case event_kind::signal_received:
      return {.key = if_set,
              .name = {"name", always},
              .text = {"payload", always},
              .text_is_json = true};
    case event_kind::attempt_failed:
    case event_kind::attempt_timed_out:
    case event_kind::outcome_unknown:
      return {.attempt = always, .error_class = if_set, .text = {"message", always}};
    case event_kind::action_failed:
      return {.error_class = if_set, .text = {"message", always}};
    case event_kind::retry_scheduled:
      return {.attempt = always,
              .wait_bounds = always,
              .due = {"next_retry_at", always},
              .wait = {"wait_ms", always},
              .count = {"max_attempts", always}};
    case event_kind::retry_exhausted:
      return {.attempt = always, .count = {"max_attempts", always}, .text = {"reason", always}};
    case event_kind::attempt_deferred:
      return {.attempt = always,
              .error_class = if_set,
              .due = {"until", always},
              .text = {"message", e.error_class.empty() ? field_use::unused : always}};
    case event_kind::attempt_interrupted:
      return {.attempt = always, .count = {"recoveries", always}};
    case event_kind::action_resolved:
      return {.name = {"reason", if_set}, .text = {"decision", always}};
    case event_kind::workflow_continued:
      return {.due = {"deadline_at", if_set}, .text = {"reason", always}};
    case event_kind::retry_requested:
      return {.attempt = always, .text = {"reason", always}};
    case event_kind::action_skipped:
    case event_kind::workflow_failed:
    case event_kind::workflow_cancelled:
      return {.text = {"reason", always}};
    case event_kind::late_result:
      return {.attempt = always, .text = {"outcome", always}};
    case event_kind::input_changed:
      return {.name = {"reason", if_set}, .text = {"input", always}, .text_is_json = true};
    case event_kind::policy_changed:
      return {.name = {"reason", if_set}, .text = {"policy", always}, .text_is_json = true};
    case event_kind::terms_recorded:
      return {.text = {"terms", always}, .text_is_json = true};
    case event_kind::attempt_opened:  // its secret is not shown: who reads may not end it
      return {.attempt = always,
              .name = {"signal", if_set},
              .due = {"given_up_at", if_set},
              .wait = {"heartbeat_ms", if_set},
              .text = {"message", if_set}};
    case event_kind::attempt_extended:
      return {.attempt = always, .due = {"given_up_at", always}};
    case event_kind::action_paused:
    case event_kind::action_due:
    case event_kind::workflow_completed:
      break;
  }
  return {};
}

namespace {

/// An event's data: what is to be shown.
class shown_fields {
 public:
  shown_fields() { out_.begin_object(); }
  void number(std::string_view name, field_use use, std::int64_t value) {
    if (is_shown(use, value != 0)) out_.number(name, value);
  }
  void time(std::string_view name, field_use use, time_ms at) {
    if (is_shown(use, at != 0)) out_.time(name, wall_time(milliseconds(at)));
  }
  void delivery(std::string_view name, field_use use, tenax::delivery d) {
    if (is_shown(use, d != tenax::delivery::at_least_once)) out_.string(name, to_string(d));
  }
  void secret(std::string_view, field_use, const attempt_secret&) {}
  void text(std::string_view name, field_use use, std::string_view value) {
    if (is_shown(use, !value.empty())) out_.string(name, value);
  }
  void json(std::string_view name, field_use use, std::string_view bytes) {
    if (!is_shown(use, !bytes.empty())) return;
    std::string document;
    const auto parsed = parse_json(bytes, {.depth_max = 64, .unique_keys = false});
    if (parsed.failure == json_failure::none &&
        append_json(document, parsed.tree, json_tree::root)) {
      out_.raw(name, document);
    } else {
      out_.string(name, bytes);
    }
  }
  [[nodiscard]] std::string take() {
    out_.end_object();
    return std::move(text_);
  }

 private:
  static bool is_shown(field_use use, bool set) {
    return use == field_use::always || (use == field_use::if_set && set);
  }
  std::string text_;
  json_writer out_{text_};
};

}  // namespace

std::string event_data(const event& e) {
  shown_fields out;
  each_field(e, out);
  return out.take();
}

}  // namespace tenax::model
