#include "node/view_reading.hpp"

#include <charconv>
#include <exception>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "model/documents/base64.hpp"
#include "model/documents/json_text.hpp"
#include "model/documents/json_tree.hpp"
#include "model/documents/policy_json.hpp"
#include "model/documents/timestamp.hpp"

namespace tenax::node {

namespace {

/// Thrown to the one place that knows the document.
struct misread {
  std::string what;
};

/// The members of an object, as they are written: payloads must keep every letter.
class members {
 public:
  explicit members(std::string_view json) {
    if (!json.starts_with('{')) throw misread{"an object"};
    model::each_json_text(
        json, [this](std::string_view n, std::string_view v) { all_.emplace_back(n, v); });
  }

  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const {
    for (const auto& [n, value] : all_)
      if (n == name) return value;
    return std::nullopt;
  }
  /// One that must be there.
  [[nodiscard]] std::string_view of(std::string_view name) const {
    const auto found = find(name);
    if (!found) throw misread{std::string(name)};
    return *found;
  }
  [[nodiscard]] std::string text(std::string_view name) const { return text_of(of(name), name); }
  /// "" if it is not there.
  [[nodiscard]] std::string text_or_none(std::string_view name) const {
    const auto found = find(name);
    return found ? text_of(*found, name) : std::string{};
  }
  template <class Number>
  [[nodiscard]] Number number(std::string_view name) const {
    const auto digits = of(name);
    Number n{};
    const auto* const end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, n) != std::from_chars_result{end, {}})
      throw misread{std::string(name)};
    return n;
  }
  template <class Number>
  [[nodiscard]] std::optional<Number> number_if_there(std::string_view name) const {
    return find(name) ? std::optional(number<Number>(name)) : std::nullopt;
  }
  [[nodiscard]] bool flag(std::string_view name) const { return of(name) == "true"; }
  /// What `parse` knows.
  template <class Parse>
  [[nodiscard]] auto word(std::string_view name, Parse parse) const ->
      typename decltype(parse(std::string_view()))::value_type {
    const auto value = text(name);
    auto known = parse(std::string_view(value));
    if (!known) throw misread{std::string(name) + ": " + model::shown(value)};
    return *std::move(known);
  }
  [[nodiscard]] wall_time time(std::string_view name) const {
    return word(name, model::parse_timestamp);
  }
  [[nodiscard]] std::optional<wall_time> time_if_there(std::string_view name) const {
    return find(name) ? std::optional(time(name)) : std::nullopt;
  }
  /// What model::put_bytes wrote.
  [[nodiscard]] std::optional<std::string> bytes(const std::string& name) const {
    if (const auto document = find(name)) return std::string(*document);
    if (find(name + "_text")) return text(name + "_text");
    if (!find(name + "_base64")) return std::nullopt;
    return word(name + "_base64", model::decode_base64);
  }
  [[nodiscard]] std::string bytes_of(const std::string& name) const {
    auto found = bytes(name);
    if (!found) throw misread{name};
    return *std::move(found);
  }
  template <class Read>
  [[nodiscard]] auto list(std::string_view name, Read read) const {
    std::vector<decltype(read(std::string_view()))> out;
    const auto array = of(name);
    if (!array.starts_with('[')) throw misread{std::string(name)};
    model::each_json_text(
        array, [&](std::string_view, std::string_view value) { out.push_back(read(value)); });
    return out;
  }
  template <class Read>
  [[nodiscard]] auto list_if_there(std::string_view name, Read read) const {
    return find(name) ? list(name, read) : decltype(list(name, read)){};
  }

  static std::string text_of(std::string_view value, std::string_view name) {
    if (!value.starts_with('"')) throw misread{std::string(name)};
    if (value.find('\\') == std::string_view::npos)
      return std::string(value.substr(1, value.size() - 2));
    return std::string(model::parse_json(value, {}).tree.text(model::json_tree::root));
  }

 private:
  std::vector<std::pair<std::string_view, std::string_view>> all_;
};

std::string read_text(std::string_view value) { return members::text_of(value, "a text"); }

/// The value that has this name, of those up to `last`.
template <class Enum>
std::optional<Enum> named(std::string_view name, Enum last) {
  for (int i = 0; i <= static_cast<int>(last); ++i)
    if (to_string(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
  return std::nullopt;
}

std::optional<action_status> parse_action_status(std::string_view text) {
  return named(text, action_status::skipped);
}

/// Kinds of later versions are shown by their text.
reason_kind parse_reason(std::string_view text) {
  return named(text, reason_kind::unknown).value_or(reason_kind::unknown);
}

/// What a view refers to must stay.
std::string_view kept(std::string text) {
  static std::set<std::string> all;
  return *all.insert(std::move(text)).first;
}

action_counts to_counts(const members& m) {
  action_counts c;
  c.total = m.number<std::uint32_t>("total");
  c.blocked = m.number<std::uint32_t>("blocked");
  c.ready = m.number<std::uint32_t>("ready");
  c.running = m.number<std::uint32_t>("running");
  c.timer = m.number<std::uint32_t>("timer");
  c.backing_off = m.number<std::uint32_t>("backing_off");
  c.in_doubt = m.number<std::uint32_t>("in_doubt");
  c.outside = m.number<std::uint32_t>("outside");
  c.completed = m.number<std::uint32_t>("completed");
  c.failed = m.number<std::uint32_t>("failed");
  c.cancelled = m.number<std::uint32_t>("cancelled");
  c.skipped = m.number<std::uint32_t>("skipped");
  return c;
}

workflow_summary to_summary(std::string_view json) {
  const members m(json);
  workflow_summary w;
  w.id = m.text("id");
  w.name = m.text("name");
  w.status = m.word("status", parse_workflow_status);
  w.description = m.text_or_none("description");
  w.reference = m.text_or_none("reference");
  w.submitted_at = m.time("submitted_at");
  w.started_at = m.time_if_there("started_at");
  w.closed_at = m.time_if_there("closed_at");
  w.deadline_at = m.time_if_there("deadline_at");
  w.actions = to_counts(members(m.of("actions")));
  w.events = m.number<std::uint64_t>("events");
  w.failed_action = m.text_or_none("failed_action");
  w.reason = m.text_or_none("reason");
  return w;
}

std::optional<action_error> to_last_error(const members& of) {
  const auto found = of.find("last_error");
  if (!found) return std::nullopt;
  const members m(*found);
  return action_error{m.text("class"), m.text("message")};
}

std::optional<change_view> to_change(const members& of, std::string_view name) {
  const auto found = of.find(name);
  if (!found) return std::nullopt;
  const members m(*found);
  return change_view{m.time("at"), m.text_or_none("who"), m.text_or_none("reason")};
}

action_view to_action(std::string_view json) {
  const members m(json);
  action_view a;
  a.key = m.text("key");
  a.type = m.text("type");
  a.depends_on = m.list("depends_on", read_text);
  a.status = m.word("status", parse_action_status);
  a.waiting = m.word("waiting", parse_waiting_for);
  a.waiting_on = m.list_if_there("waiting_on", read_text);
  a.next_at = m.time_if_there("next_at");
  a.attempts = m.number<std::uint32_t>("attempts");
  a.retry_count = m.number<std::uint32_t>("retry_count");
  a.recoveries = m.number<std::uint32_t>("recoveries");
  a.next_retry_at = m.time_if_there("next_retry_at");
  a.signal = m.text_or_none("signal");
  a.pending_on = m.text_or_none("pending_on");
  a.progress = m.text_or_none("progress");
  a.heard_at = m.time_if_there("heard_at");
  a.last_error = to_last_error(m);
  a.started_at = m.time_if_there("started_at");
  a.closed_at = m.time_if_there("closed_at");
  a.stuck_attempt = m.number_if_there<std::uint32_t>("stuck_attempt");
  a.input = m.bytes_of("input");
  a.input_changed = to_change(m, "input_changed");
  a.policy_changed = to_change(m, "policy_changed");
  if (const auto policy = m.find("policy")) {
    const auto read = model::parse_policy(*policy);
    if (!read) throw misread{"policy"};
    a.policy = *read;
  }
  a.result = m.bytes("result");
  return a;
}

workflow_view to_view(std::string_view json) {
  const members m(json);
  workflow_view w;
  w.summary = to_summary(m.of("workflow"));
  w.input = m.bytes_of("input");
  w.terms = m.bytes("terms").value_or("");
  w.actions = m.list("actions", to_action);
  return w;
}

history_event to_event(std::string_view json) {
  const members m(json);
  history_event e;
  e.seq = m.number<std::uint64_t>("seq");
  e.at = m.time("at");
  e.kind = m.text("kind");
  e.actor = m.text("actor");
  e.action = m.text_or_none("action");
  e.data = m.bytes_of("data");
  return e;
}

action_reason to_reason(std::string_view json) {
  const members m(json);
  action_reason r;
  r.kind = parse_reason(m.text("kind"));
  r.text = m.text("text");
  r.at = m.time_if_there("at");
  r.waits_for = m.list_if_there("waits_for", read_text);
  r.waits_for_total = m.number_if_there<std::size_t>("waits_for_total").value_or(0);
  r.roots = m.list_if_there("roots", read_text);
  r.roots_total = m.number_if_there<std::size_t>("roots_total").value_or(0);
  r.note = m.text_or_none("note");
  r.place = m.number_if_there<std::size_t>("place").value_or(0);
  r.line = m.number_if_there<std::size_t>("line").value_or(0);
  return r;
}

explained_action to_explained(std::string_view json) {
  const members m(json);
  explained_action a;
  a.key = m.text("key");
  a.type = m.text("type");
  a.status = m.word("status", parse_action_status);
  a.attempts = m.number<std::uint32_t>("attempts");
  if (const auto running = m.find("running")) {
    const members r(*running);
    a.running = running_attempt{r.number<std::uint32_t>("attempt"), r.time("since")};
  }
  a.reasons = m.list("reasons", to_reason);
  a.last_error = to_last_error(m);
  a.deadline_at = m.time_if_there("deadline_at");
  a.stuck_attempt = m.number_if_there<std::uint32_t>("stuck_attempt");
  return a;
}

root_cause to_root(std::string_view json) {
  const members m(json);
  return {m.text("key"), m.text("type"), m.number<std::size_t>("holds")};
}

forecast_step to_step(std::string_view json) {
  const members m(json);
  forecast_step f;
  f.at = m.time_if_there("at");
  f.action = m.text_or_none("action");
  f.count = m.number<std::size_t>("count");
  f.text = m.text("text");
  f.then = m.text_or_none("then");
  f.events = m.list("events", [](std::string_view value) { return kept(read_text(value)); });
  return f;
}

explanation to_explanation(std::string_view json) {
  const members m(json);
  explanation e;
  e.workflow_id = m.text("workflow");
  e.status = m.word("status", parse_workflow_status);
  e.headline = m.text("headline");
  e.nothing_by_itself = m.flag("nothing_by_itself");
  e.now = m.time("now");
  e.events = m.number<std::uint64_t>("events");
  e.actions = m.list("actions", to_explained);
  e.roots = m.list("roots", to_root);
  e.roots_total = m.number<std::size_t>("roots_total");
  e.forecast = m.list("forecast", to_step);
  return e;
}

/// As the engine has it: the API's cursors are in the alphabet of URLs.
std::string to_token(const members& m) {
  if (m.of("next_cursor") == "null") return {};
  auto token = m.text("next_cursor");
  for (char& c : token) c = c == '-' ? '+' : c == '_' ? '/' : c;
  return token;
}

problem_read to_problem(std::string_view json) {
  const members m(json);
  auto code = m.text("code");
  const auto known = named(code, errc::unreachable);
  auto message = m.text("detail");
  auto faults = m.list_if_there("faults", [](std::string_view value) {
    const members f(value);
    return fault{f.text("path"), f.text("message"),
                 f.number_if_there<std::uint64_t>("count").value_or(1)};
  });
  return {std::move(code),
          error(known.value_or(errc::invalid_argument), std::move(message), std::move(faults)),
          known.has_value()};
}

template <class Read>
auto read_document(std::string_view json, std::string_view what, Read read)
    -> result<decltype(read(json))> {
  constexpr std::size_t depth_max = 200;  // of a payload and what is around it
  const auto not_known = [what](const std::string& why) {
    return error(errc::format_too_new,
                 std::string(what) + " is not what this version knows: " + why);
  };
  while (json.ends_with('\n')) json.remove_suffix(1);
  const auto checked = model::parse_json(json, {.depth_max = depth_max, .unique_keys = false});
  if (checked.failure != model::json_failure::none) return not_known("it is no JSON");
  try {
    return read(json);
  } catch (const misread& wrong) {
    return not_known("there is no " + wrong.what);
  }
}

}  // namespace

result<workflow_summary> read_summary(std::string_view json) {
  return read_document(json, "a workflow", [](std::string_view text) {
    return to_summary(members(text).of("workflow"));
  });
}

result<workflow_view> read_view(std::string_view json) {
  return read_document(json, "a workflow", to_view);
}

result<explanation> read_explanation(std::string_view json) {
  return read_document(json, "an explanation", to_explanation);
}

result<page<workflow_summary>> read_page(std::string_view json) {
  return read_document(json, "a list", [](std::string_view text) {
    const members m(text);
    return page<workflow_summary>{m.list("workflows", to_summary), to_token(m)};
  });
}

result<list_count> read_count(std::string_view json) {
  return read_document(json, "a count", [](std::string_view text) {
    const members m(text);
    return list_count{m.number<std::uint64_t>("count"), to_token(m)};
  });
}

result<std::vector<history_event>> read_history(std::string_view json) {
  return read_document(json, "a history", [](std::string_view text) {
    return members(text).list("events", to_event);
  });
}

result<server_version> read_version(std::string_view json) {
  return read_document(json, "a version", [](std::string_view text) {
    const members m(text);
    return server_version{m.text("version"), m.text("api")};
  });
}

result<problem_read> read_problem(std::string_view json) {
  return read_document(json, "an error", to_problem);
}

}  // namespace tenax::node
