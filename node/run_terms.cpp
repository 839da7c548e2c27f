#include "node/run_terms.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "node/json_output.hpp"
#include "node/text.hpp"
#include "tenax/plain_numbers.hpp"

namespace tenax::node {

namespace {

/// The object, or null.
json object_of(std::string_view terms) {
  const plain_numbers no_locale;
  auto out = json::parse(terms, nullptr, false);
  return out.is_object() ? out : json();
}

std::string option_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

/// Sets `out` to the member, if there is one of its kind.
template <class T, class Target>
void take(const json& object, const char* name, Target& out) {
  const auto at = object.find(name);
  if (at == object.end()) return;
  if constexpr (std::is_same_v<T, std::string>) {
    if (at->is_string()) out = at->get<T>();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (at->is_boolean()) out = at->get<T>();
  } else {
    if (at->is_number()) out = at->get<T>();
  }
}

/// Adds the texts that `out` does not have.
void take_list(const json& object, const char* name, std::vector<std::string>& out) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_array()) return;
  for (const auto& one : *at) {
    if (!one.is_string()) continue;
    auto text = one.get<std::string>();
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
  }
}

}  // namespace

std::string terms_of(const run_options& run, const workflow_spec& spec) {
  std::set<std::string_view> types;
  for (const auto& a : spec.actions) types.insert(a.type);
  const auto policy = policy_of(run);
  json out{{"max_attempts", policy.max_attempts},
           {"min_wait_ms", policy.min_wait.count()},
           {"max_wait_ms", policy.max_wait.count()},
           {"on_exhausted", run.on_exhausted}};
  std::set<std::string> once;  // in any order, and twice, it is the same
  for (const auto& type : run.at_most_once)
    if (types.contains(type)) once.insert(type);
  if (!once.empty()) out["at_most_once"] = once;
  if (types.contains("exec")) {
    out["allow_exec"] = run.allow_exec;
    if (!run.exec_programs.empty())
      out["exec_program"] = std::set(run.exec_programs.begin(), run.exec_programs.end());
    if (!run.exec_env.empty()) out["exec_env"] = std::set(run.exec_env.begin(), run.exec_env.end());
    out["exec_timeout_ms"] = run.exec_timeout_ms;
  }
  if (types.contains("http")) {
    out["allow_host"] = std::set(run.allow_hosts.begin(), run.allow_hosts.end());
    out["http_timeout_ms"] = run.http_timeout_ms;
    if (!run.http_cacert.empty()) out["http_cacert"] = run.http_cacert;
    if (!run.secrets_dir.empty()) out["secrets_dir"] = run.secrets_dir;
  }
  if (run.faults.rate > 0) {  // without a rate, the seed decides nothing
    out["fail_rate"] = run.faults.rate;
    out["seed"] = run.faults.seed;
  }
  return dump(out);
}

std::vector<terms_difference> differences(std::string_view recorded, std::string_view given) {
  const auto before = object_of(recorded);
  const auto now = object_of(given);
  if (!before.is_object() || !now.is_object()) {
    if (recorded == given) return {};
    return {{"the terms", std::string{recorded}, std::string{given}}};
  }
  std::vector<terms_difference> out;
  for (const auto& [name, value] : now.items()) {
    const auto at = before.find(name);
    if (at != before.end() && *at == value) continue;
    out.push_back({option_of(name), at == before.end() ? "" : dump(*at), dump(value)});
  }
  for (const auto& [name, value] : before.items())
    if (!now.contains(name)) out.push_back({option_of(name), dump(value), ""});
  return out;
}

bool read_terms(std::string_view terms, run_options& run) {
  const auto object = object_of(terms);
  if (!object.is_object() || !object.contains("on_exhausted")) return false;
  take<std::uint32_t>(object, "max_attempts", run.max_attempts);
  take<std::uint64_t>(object, "min_wait_ms", run.min_wait_ms);
  take<std::uint64_t>(object, "max_wait_ms", run.max_wait_ms);
  take<std::string>(object, "on_exhausted", run.on_exhausted);
  take_list(object, "at_most_once", run.at_most_once);
  if (object.contains("allow_exec")) {
    take<bool>(object, "allow_exec", run.allow_exec);
    take_list(object, "exec_program", run.exec_programs);
    take_list(object, "exec_env", run.exec_env);
    take<std::uint64_t>(object, "exec_timeout_ms", run.exec_timeout_ms);
  }
  take_list(object, "allow_host", run.allow_hosts);
  take<std::uint64_t>(object, "http_timeout_ms", run.http_timeout_ms);
  take<std::string>(object, "http_cacert", run.http_cacert);
  take<std::string>(object, "secrets_dir", run.secrets_dir);
  run.faults.rate = 0;
  take<double>(object, "fail_rate", run.faults.rate);
  take<std::uint64_t>(object, "seed", run.faults.seed);
  return true;
}

std::string terms_text(std::string_view terms) {
  const auto object = object_of(terms);
  if (!object.is_object()) return printable(terms);
  std::string out;
  for (const auto& [name, value] : object.items()) {
    if (!out.empty()) out += ", ";
    out += name + ' ' + (value.is_string() ? value.get<std::string>() : dump(value));
  }
  return printable(out);
}

}  // namespace tenax::node
