#include "model/documents/view_json.hpp"

#include "model/documents/base64.hpp"
#include "model/documents/json_tree.hpp"
#include "model/documents/policy_json.hpp"

namespace tenax::model {

namespace {

constexpr std::size_t depth_max = 100;  // printing a tree recurses in some readers

/// Most readers hold integers in 64 bits, and others in a double.
bool is_large_integer(const json_tree& tree, json_at node) {
  if (!tree.is(node, json_kind::number)) return false;
  const auto text = tree.text(node);
  if (text.find_first_of(".eE") != std::string_view::npos || tree.integer(node)) return false;
  std::uint64_t n = 0;
  return std::from_chars(text.data(), text.data() + text.size(), n).ec != std::errc{};
}

/// Appends the JSON that the bytes are, as it is but for its spaces; false if they are none that
/// may be shown as such.
bool append_document(std::string& out, std::string_view bytes) {
  const auto parsed = parse_json(bytes, {.depth_max = depth_max, .unique_keys = false});
  if (parsed.failure != json_failure::none) return false;
  for (json_at node = json_tree::root; node < parsed.tree.end(json_tree::root); ++node) {
    if (is_large_integer(parsed.tree, node)) return false;
  }
  bool in_string = false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (in_string && c == '\\') {
      out += c;
      out += bytes[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || std::string_view(" \t\r\n").find(c) == std::string_view::npos) out += c;
  }
  return true;
}

}  // namespace

void put_bytes(json_writer& out, std::string_view name, std::string_view bytes) {
  if (std::string document; append_document(document, bytes)) return out.raw(name, document);
  if (find_invalid_utf8(bytes) == std::string_view::npos) {
    out.string(std::string(name) + "_text", bytes);
  } else {
    out.string(std::string(name) + "_base64", encode_base64(bytes));
  }
}

void put_fields(json_writer& out, const action_counts& c) {
  out.number("total", c.total);
  out.number("blocked", c.blocked);
  out.number("ready", c.ready);
  out.number("running", c.running);
  out.number("timer", c.timer);
  out.number("backing_off", c.backing_off);
  out.number("in_doubt", c.in_doubt);
  out.number("outside", c.outside);
  out.number("completed", c.completed);
  out.number("failed", c.failed);
  out.number("cancelled", c.cancelled);
  out.number("skipped", c.skipped);
}

void put_fields(json_writer& out, const workflow_summary& w) {
  out.string("id", w.id);
  out.string("name", w.name);
  out.string("status", to_string(w.status));
  out.optional_string("description", w.description);
  out.optional_string("reference", w.reference);
  out.time("submitted_at", w.submitted_at);
  out.optional_time("started_at", w.started_at);
  out.optional_time("closed_at", w.closed_at);
  out.optional_time("deadline_at", w.deadline_at);
  put_object(out, w.actions, "actions");
  out.number("events", w.events);
  out.optional_string("failed_action", w.failed_action);
  out.optional_string("reason", w.reason);
}

namespace {

template <class Text>
void put_strings(json_writer& out, std::string_view name, const std::vector<Text>& values) {
  out.begin_array(name);
  for (const auto& value : values) out.string({}, value);
  out.end_array();
}

void put_error(json_writer& out, const std::optional<action_error>& last) {
  if (!last) return;
  out.begin_object("last_error");
  out.string("class", last->error_class);
  out.string("message", last->message);
  out.end_object();
}

void put_change(json_writer& out, std::string_view name, const std::optional<change_view>& c) {
  if (!c) return;
  out.begin_object(name);
  out.time("at", c->at);
  out.optional_string("who", c->who);
  out.optional_string("reason", c->reason);
  out.end_object();
}

}  // namespace

void put_fields(json_writer& out, const action_view& a) {
  out.string("key", a.key);
  out.string("type", a.type);
  put_strings(out, "depends_on", a.depends_on);
  out.string("status", to_string(a.status));
  out.string("waiting", to_string(a.waiting));
  if (!a.waiting_on.empty()) put_strings(out, "waiting_on", a.waiting_on);
  out.optional_time("next_at", a.next_at);
  out.number("attempts", a.attempts);
  out.number("retry_count", a.retry_count);
  out.number("recoveries", a.recoveries);
  out.optional_time("next_retry_at", a.next_retry_at);
  out.optional_string("signal", a.signal);
  out.optional_string("pending_on", a.pending_on);
  out.optional_string("progress", a.progress);
  out.optional_time("heard_at", a.heard_at);
  put_error(out, a.last_error);
  out.optional_time("started_at", a.started_at);
  out.optional_time("closed_at", a.closed_at);
  if (a.stuck_attempt) out.number("stuck_attempt", *a.stuck_attempt);
  put_bytes(out, "input", a.input);
  put_change(out, "input_changed", a.input_changed);
  put_change(out, "policy_changed", a.policy_changed);
  if (a.policy_changed) put_object(out, a.policy, "policy");
  if (a.result) put_bytes(out, "result", *a.result);
}

void put_fields(json_writer& out, const workflow_view& w) {
  put_object(out, w.summary, "workflow");
  put_bytes(out, "input", w.input);
  if (!w.terms.empty()) put_bytes(out, "terms", w.terms);
  out.begin_array("actions");
  for (const auto& a : w.actions) put_object(out, a);
  out.end_array();
}

void put_fields(json_writer& out, const history_event& e) {
  out.number("seq", e.seq);
  out.time("at", e.at);
  out.string("kind", e.kind);
  out.string("actor", e.actor);
  out.optional_string("action", e.action);
  put_bytes(out, "data", e.data);
}

void put_fields(json_writer& out, const attempt_progress& p) {
  out.string("action", p.action);
  out.number("attempt", p.attempt);
  out.string("progress", p.progress);
  out.time("heard_at", p.heard_at);
}

namespace {

template <class View>
void put_array(json_writer& out, std::string_view name, const std::vector<View>& all) {
  out.begin_array(name);
  for (const auto& one : all) put_object(out, one);
  out.end_array();
}

}  // namespace

void put_fields(json_writer& out, const action_reason& r) {
  out.string("kind", to_string(r.kind));
  out.string("text", r.text);
  out.optional_time("at", r.at);
  if (r.waits_for_total > 0) {
    put_strings(out, "waits_for", r.waits_for);
    out.number("waits_for_total", r.waits_for_total);
  }
  if (r.roots_total > 0) {
    put_strings(out, "roots", r.roots);
    out.number("roots_total", r.roots_total);
  }
  out.optional_string("note", r.note);
  if (r.place > 0) {
    out.number("place", r.place);
    out.number("line", r.line);
  }
}

void put_fields(json_writer& out, const running_attempt& r) {
  out.number("attempt", r.attempt);
  out.time("since", r.since);
}

void put_fields(json_writer& out, const explained_action& a) {
  out.string("key", a.key);
  out.string("type", a.type);
  out.string("status", to_string(a.status));
  out.number("attempts", a.attempts);
  if (a.running) put_object(out, *a.running, "running");
  put_array(out, "reasons", a.reasons);
  put_error(out, a.last_error);
  out.optional_time("deadline_at", a.deadline_at);
  if (a.stuck_attempt) out.number("stuck_attempt", *a.stuck_attempt);
}

void put_fields(json_writer& out, const root_cause& r) {
  out.string("key", r.key);
  out.string("type", r.type);
  out.number("holds", r.holds);
}

void put_fields(json_writer& out, const forecast_step& f) {
  out.optional_time("at", f.at);
  out.optional_string("action", f.action);
  out.number("count", f.count);
  out.string("text", f.text);
  out.optional_string("then", f.then);
  put_strings(out, "events", f.events);
}

void put_fields(json_writer& out, const explanation& e) {
  out.string("workflow", e.workflow_id);
  out.string("status", to_string(e.status));
  out.string("headline", e.headline);
  out.boolean("nothing_by_itself", e.nothing_by_itself);
  out.time("now", e.now);
  out.number("events", e.events);
  put_array(out, "actions", e.actions);
  put_array(out, "roots", e.roots);
  out.number("roots_total", e.roots_total);
  put_array(out, "forecast", e.forecast);
}

}  // namespace tenax::model
