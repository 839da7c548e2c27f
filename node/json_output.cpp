#include "node/json_output.hpp"

#include "node/text.hpp"
#include "tenax/plain_numbers.hpp"

namespace tenax::node {

namespace {

/// What must be known of a document before there is a tree of it: results come from handlers, which
/// no validation has seen. The parser that calls this does not recurse.
class shape {
 public:
  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(std::int64_t) { return true; }
  bool number_unsigned(std::uint64_t) { return true; }
  /// An integer beyond 64 bits comes here too: as a double it would lose digits.
  bool number_float(double, const std::string& written) {
    return written.find_first_of(".eE") != std::string::npos;
  }
  bool string(const std::string&) { return true; }
  bool binary(const json::binary_t&) { return true; }
  bool key(const std::string&) { return true; }
  bool start_object(std::size_t) { return ++depth_ <= depth_max; }
  bool start_array(std::size_t) { return ++depth_ <= depth_max; }
  bool end_object() { return --depth_, true; }
  bool end_array() { return --depth_, true; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) { return false; }

 private:
  static constexpr std::size_t depth_max = 100;  // printing a tree recurses
  std::size_t depth_ = 0;
};

void put_time(json& object, const char* name, const std::optional<wall_time>& at) {
  if (at) object[name] = format_time(*at);
}

void put_text(json& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

}  // namespace

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto left = std::min<std::size_t>(bytes.size() - i, 3);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= left ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

void put_bytes(json& object, const std::string& name, std::string_view bytes) {
  if (!valid_utf8(bytes)) {
    object[name + "_base64"] = base64(bytes);
    return;
  }
  const plain_numbers no_locale;  // the parser asks it for its decimal point
  if (shape seen; json::sax_parse(bytes, &seen)) {
    object[name] = json::parse(bytes);
  } else {
    object[name + "_text"] = bytes;
  }
}

json to_json(const action_counts& c) {
  return {{"total", c.total},       {"blocked", c.blocked},     {"ready", c.ready},
          {"running", c.running},   {"timer", c.timer},         {"backing_off", c.backing_off},
          {"in_doubt", c.in_doubt}, {"outside", c.outside},     {"completed", c.completed},
          {"failed", c.failed},     {"cancelled", c.cancelled}, {"skipped", c.skipped}};
}

json to_json(const workflow_summary& w) {
  json out{{"id", w.id}, {"name", w.name}, {"status", to_string(w.status)}};
  put_text(out, "description", w.description);
  put_text(out, "reference", w.reference);
  out["submitted_at"] = format_time(w.submitted_at);
  put_time(out, "started_at", w.started_at);
  put_time(out, "closed_at", w.closed_at);
  put_time(out, "deadline_at", w.deadline_at);
  out["actions"] = to_json(w.actions);
  out["events"] = w.events;
  put_text(out, "failed_action", w.failed_action);
  put_text(out, "reason", w.reason);
  return out;
}

json to_json(const action_view& a) {
  json out{{"key", a.key},
           {"type", a.type},
           {"depends_on", a.depends_on},
           {"status", to_string(a.status)},
           {"waiting", to_string(a.waiting)}};
  if (!a.waiting_on.empty()) out["waiting_on"] = a.waiting_on;
  put_time(out, "next_at", a.next_at);
  out["attempts"] = a.attempts;
  out["retry_count"] = a.retry_count;
  out["recoveries"] = a.recoveries;
  put_time(out, "next_retry_at", a.next_retry_at);
  put_text(out, "signal", a.signal);
  put_text(out, "pending_on", a.pending_on);
  put_text(out, "progress", a.progress);
  put_time(out, "heard_at", a.heard_at);
  if (a.last_error)
    out["last_error"] = {{"class", a.last_error->error_class}, {"message", a.last_error->message}};
  put_time(out, "started_at", a.started_at);
  put_time(out, "closed_at", a.closed_at);
  if (a.stuck_attempt) out["stuck_attempt"] = *a.stuck_attempt;
  put_bytes(out, "input", a.input);
  if (a.result) put_bytes(out, "result", *a.result);
  return out;
}

json to_json(const workflow_view& w) {
  json out{{"workflow", to_json(w.summary)}};
  put_bytes(out, "input", w.input);
  if (!w.terms.empty()) put_bytes(out, "terms", w.terms);
  auto& actions = out["actions"] = json::array();
  for (const auto& a : w.actions) actions.push_back(to_json(a));
  return out;
}

namespace {

json to_json(const action_reason& r) {
  json out{{"kind", to_string(r.kind)}, {"text", r.text}};
  put_time(out, "at", r.at);
  if (r.waits_for_total > 0) {
    out["waits_for"] = r.waits_for;
    out["waits_for_total"] = r.waits_for_total;
  }
  if (r.roots_total > 0) {
    out["roots"] = r.roots;
    out["roots_total"] = r.roots_total;
  }
  return out;
}

json to_json(const explained_action& a) {
  json out{
      {"key", a.key}, {"type", a.type}, {"status", to_string(a.status)}, {"attempts", a.attempts}};
  if (a.running)
    out["running"] = {{"attempt", a.running->attempt}, {"since", format_time(a.running->since)}};
  auto& reasons = out["reasons"] = json::array();
  for (const auto& r : a.reasons) reasons.push_back(to_json(r));
  if (a.last_error)
    out["last_error"] = {{"class", a.last_error->error_class}, {"message", a.last_error->message}};
  put_time(out, "deadline_at", a.deadline_at);
  if (a.stuck_attempt) out["stuck_attempt"] = *a.stuck_attempt;
  return out;
}

json to_json(const forecast_step& f) {
  json out;
  put_time(out, "at", f.at);
  put_text(out, "action", f.action);
  out["count"] = f.count;
  out["text"] = f.text;
  put_text(out, "then", f.then);
  out["events"] = f.events;
  return out;
}

}  // namespace

json to_json(const explanation& e) {
  json out{{"workflow", e.workflow_id}, {"status", to_string(e.status)},
           {"headline", e.headline},    {"nothing_by_itself", e.nothing_by_itself},
           {"now", format_time(e.now)}, {"events", e.events}};
  auto& actions = out["actions"] = json::array();
  for (const auto& a : e.actions) actions.push_back(to_json(a));
  auto& roots = out["roots"] = json::array();
  for (const auto& r : e.roots)
    roots.push_back({{"key", r.key}, {"type", r.type}, {"holds", r.holds}});
  out["roots_total"] = e.roots_total;
  auto& forecast = out["forecast"] = json::array();
  for (const auto& f : e.forecast) forecast.push_back(to_json(f));
  return out;
}

json to_json(const history_event& e) {
  json out{{"seq", e.seq}, {"at", format_time(e.at)}, {"kind", e.kind}, {"actor", e.actor}};
  put_text(out, "action", e.action);
  put_bytes(out, "data", e.data);
  return out;
}

json to_json(const verify_report& r) {
  json out{{"clean", r.findings_total == 0},
           {"workflows", r.workflows},
           {"events", r.events},
           {"due_entries", r.due_entries},
           {"findings_total", r.findings_total},
           {"findings", json::array()}};
  for (const auto& f : r.findings)
    out["findings"].push_back({{"invariant", f.invariant}, {"where", f.where}, {"what", f.what}});
  return out;
}

json to_json(const error& e) {
  json inner{{"code", to_string(e.code())},
             {"message", e.message().empty() ? std::string{describe(e.code())} : e.message()}};
  if (!e.faults().empty()) {
    auto& faults = inner["faults"] = json::array();
    for (const auto& f : e.faults()) faults.push_back({{"path", f.path}, {"message", f.message}});
  }
  return {{"error", std::move(inner)}};
}

}  // namespace tenax::node
