#include "node/change_commands.hpp"

#include <filesystem>
#include <utility>
#include <vector>

#include "model/documents/json_tree.hpp"
#include "model/documents/policy_json.hpp"
#include "node/engines.hpp"
#include "node/read_file.hpp"
#include "node/text.hpp"

namespace tenax::node {

namespace {

/// Tells what became of it.
int report(const common_options& common, const std::string& what,
           const result<workflow_summary>& done, std::string_view how) {
  if (!done) return report_error(common, what, done.error());
  if (common.json)
    print_line(R"({"workflow":)" + to_json(*done) + "}");
  else
    print(printable(done->id) + ": " + printable(how) + "; the workflow is " +
          std::string{to_string(done->status)} + '\n');
  return finish_output(exit_ok);
}

/// JSON without its spaces, so that the same is stored whichever way it goes.
std::optional<std::string> compact(std::string_view text) {
  const auto parsed = model::parse_json(text, {});
  if (parsed.failure != model::json_failure::none) return std::nullopt;
  std::string out;
  (void)model::append_json(out, parsed.tree, model::json_tree::root);
  return out;
}

result<resolution> make_resolution(const resolve_options& o) {
  using kind = resolution::kind;
  const auto wrong = [](std::string message) {
    return error{errc::invalid_argument, std::move(message)};
  };
  resolution out;
  out.reason = o.reason;
  if (o.decision == "retry")
    out.what = kind::retry;
  else if (o.decision == "skip")
    out.what = kind::skip;
  else if (o.decision == "complete")
    out.what = kind::complete;
  else if (o.decision == "fail")
    out.what = kind::fail;
  else
    return wrong("the decision is retry, skip, complete or fail, not " + o.decision);
  if (o.value && out.what != kind::complete) return wrong("--value goes with complete");
  if (o.message && out.what != kind::fail) return wrong("--message goes with fail");
  const auto value = o.value ? compact(*o.value) : std::nullopt;
  if (o.value && !value)
    return wrong("--value must be JSON (a text needs its own quotes: '\"text\"')");
  if (out.what == kind::complete && !o.value)
    return wrong("complete needs a result: --value JSON (--value null if it has none)");
  if (value) out.value = *value;
  if (out.what == kind::fail) out.value = o.message.value_or("failed by decision");
  return out;
}

}  // namespace

int cancel_command(const common_options& common, const cancel_options& o) {
  const auto what = "cannot cancel " + o.id;
  auto target = open_to_change(common, o.id);
  if (!target) return report_error(common, what, target.error());
  return report(common, what, (*target)->cancel(o.id, o.reason), "cancelled");
}

int resolve_command(const common_options& common, const resolve_options& o) {
  const auto decision = make_resolution(o);
  if (!decision) return report_error(common, "bad option", decision.error());
  const auto what = "cannot resolve " + o.id + " " + o.key;
  auto target = open_to_change(common, o.id);
  if (!target) return report_error(common, what, target.error());
  return report(common, what, (*target)->resolve(o.id, o.key, *decision),
                "action " + o.key + ": " + o.decision);
}

namespace {

/// All that have failed and match. They are listed first: those that go on leave the list.
int retry_failed(const common_options& common, operable& target, const retry_options& o) {
  const std::string what = "cannot retry what has failed";
  list_query query;
  query.status = workflow_status::failed;
  query.name = o.name;
  query.error_class = o.error_class;
  query.limit = 1'000;
  std::vector<std::string> ids;
  do {
    const auto found = target.list(query);
    if (!found) return report_error(common, what, found.error());
    for (const auto& w : found->items) ids.push_back(w.id);
    query.page_token = found->next_page_token;
  } while (!query.page_token.empty());
  for (const auto& id : ids) {
    if (const auto done = target.retry(id, {}, o.reason); !done)
      return report_error(common, "cannot retry " + id, done.error());
  }
  if (common.json) {
    print_line({{"retried", ids}});
  } else {
    for (const auto& id : ids) print(printable(id) + ": goes on\n");
    print(std::to_string(ids.size()) + " failed workflows go on\n");
  }
  return finish_output(exit_ok);
}

}  // namespace

int retry_command(const common_options& common, const retry_options& o) {
  const bool of_one = !o.id.empty();
  if (of_one == o.failed || (of_one && (o.name || o.error_class)))
    return report_error(common, "bad option",
                        error{errc::invalid_argument,
                              "name one workflow, or say --failed (--name and --error-class go "
                              "with that)"});
  const auto what = of_one ? "cannot retry " + o.id : "cannot retry what has failed";
  auto target = open_to_change(common, of_one ? std::optional(o.id) : std::nullopt);
  if (!target) return report_error(common, what, target.error());
  if (!of_one) return retry_failed(common, **target, o);
  return report(common, what, (*target)->retry(o.id, o.key, o.reason), "goes on");
}

namespace {

/// The option's own words, or what its file holds.
result<std::string> text_or_file(const std::string& given) {
  if (!given.starts_with('@')) return given;
  const auto name = given.substr(1);
  auto text = read_file(name == "-" ? "/dev/stdin" : name);
  if (!text) return error{text.error().code(), name + " " + text.error().message()};
  return text;
}

result<action_change> make_change(const change_options& o) {
  action_change out;
  out.reason = o.reason;
  out.policy_as_registered = o.policy_as_registered;
  if (o.input) {
    const auto text = text_or_file(*o.input);
    if (!text) return text.error();
    out.input = compact(*text);
    if (!out.input)
      return error{errc::invalid_argument,
                   "--input must be JSON (a text needs its own quotes: '\"text\"'), or @FILE"};
  }
  policy_change policy;
  policy.max_attempts = o.max_attempts;
  if (o.min_wait_ms) policy.min_wait = milliseconds{*o.min_wait_ms};
  if (o.max_wait_ms) policy.max_wait = milliseconds{*o.max_wait_ms};
  if (o.on_exhausted) policy.exhausted = model::parse_on_exhausted(*o.on_exhausted);
  if (!policy.empty()) out.policy = policy;
  if (out.input || out.policy || out.policy_as_registered) return out;
  return error{errc::invalid_argument,
               "say what changes: --input JSON, --max-attempts, --min-wait-ms, --max-wait-ms, "
               "--on-exhausted or --policy-as-registered"};
}

std::string named(const action_change& what) {
  const bool policy = what.policy || what.policy_as_registered;
  return what.input ? policy ? "input and policy" : "input" : "policy";
}

}  // namespace

int change_command(const common_options& common, const change_options& o) {
  const auto change = make_change(o);
  if (!change) return report_error(common, "bad option", change.error());
  const auto what = "cannot change " + o.id + " " + o.key;
  auto target = open_to_change(common, o.id);
  if (!target) return report_error(common, what, target.error());
  return report(common, what, (*target)->change(o.id, o.key, *change),
                "action " + o.key + " has the " + named(*change));
}

int signal_command(const common_options& common, const signal_options& o) {
  const auto what = "cannot signal " + o.id;
  const auto payload = compact(o.payload);
  if (!payload)
    return report_error(common, "bad option",
                        error{errc::invalid_argument,
                              "--payload must be JSON (a text needs its "
                              "own quotes: '\"text\"')"});
  auto target = open_to_change(common, o.id);
  if (!target) return report_error(common, what, target.error());
  return report(common, what, (*target)->signal(o.id, o.name, *payload, o.key),
                "has the signal " + o.name);
}

int remove_command(const common_options& common, const remove_options& o) {
  const auto what = "cannot remove " + o.id;
  auto target = open_to_change(common, o.id);
  if (!target) return report_error(common, what, target.error());
  if (const auto done = (*target)->remove(o.id); !done)
    return report_error(common, what, done.error());
  if (common.json)
    print_line({{"removed", o.id}});
  else
    print(printable(o.id) + ": removed\n");
  return finish_output(exit_ok);
}

int backup_command(const common_options& common, const backup_options& o) {
  const bool of_server = !server_of(common).empty();
  const std::string what = "cannot make a backup";
  const auto wrong = [&](std::string message) {
    return report_error(common, what, error{errc::invalid_argument, std::move(message)});
  };
  if (!valid_utf8(o.target)) return wrong("TARGET is not UTF-8");
  if (of_server && !std::filesystem::path(o.target).is_absolute())
    return wrong("TARGET is a directory of the server's machine: name it from / on");
  const auto to = std::filesystem::absolute(o.target).lexically_normal();
  auto target = open_to_change(common, std::nullopt);
  if (!target) return report_error(common, what, target.error());
  if (const auto made = (*target)->backup(to); !made)
    return report_error(common, what, made.error());
  if (common.json)
    print_line({{"backup", to.string()}});
  else
    print("backup: " + printable(to.string()) + '\n');
  return finish_output(exit_ok);
}

}  // namespace tenax::node
