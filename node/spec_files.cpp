#include "node/spec_files.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <unordered_map>
#include <utility>

#include "model/validate.hpp"
#include "node/hash.hpp"
#include "node/read_file.hpp"

namespace tenax::node {

namespace {

result<workflow_spec> read_spec(const std::string& name, const run_options& run) {
  auto text = read_file(name);
  if (!text) return text.error();
  if (!is_trace(*text)) return parse_spec(*text);
  trace_options trace;
  trace.time_scale = run.time_scale;
  if (run.spin) trace.action_type = "spin";
  return parse_trace(*text, trace);
}

void add_faults(plan& out, const std::string& file, const error& e) {
  if (e.faults().empty()) {
    out.faults.push_back(
        {file, "", e.message().empty() ? std::string{describe(e.code())} : e.message()});
    return;
  }
  for (const auto& f : e.faults()) out.faults.push_back({file, f.path, f.message, f.count});
}

/// Checks a spec under the longest id that it will get; `given` is its id without --new.
void check(plan& out, const std::string& file, const workflow_spec& spec, const std::string& given,
           const run_options& run, const handler_registry& handlers) {
  auto longest = spec;
  if (run.repeat) longest.id += "-" + std::to_string(*run.repeat);
  for (auto& f : check_spec(longest, handlers)) {
    if (f.path == "/id" && model::valid_id(given))
      f.message +=
          std::string{", with what "} + (run.another ? "--new" : "--repeat") + " adds to it";
    out.faults.push_back({file, std::move(f.path), std::move(f.message), f.count});
  }
  const auto is_off = [&](const char* type, const char* message) {
    if (std::ranges::any_of(spec.actions, [&](const action_spec& a) { return a.type == type; }))
      out.faults.push_back({file, "", message});
  };
  if (!run.allow_exec) is_off("exec", "exec is off; --allow-exec lets this file run programs");
  if (run.allow_hosts.empty())
    is_off("http", "http is off; --allow-host says where this file may send requests");
}

void add_workflows(plan& out, std::size_t spec, const run_options& run) {
  const auto& id = out.specs[spec].id;
  if (!run.repeat) {
    out.workflows.push_back({id, spec});
    return;
  }
  for (std::uint32_t n = 1; n <= *run.repeat; ++n)
    out.workflows.push_back({id + "-" + std::to_string(n), spec});
}

}  // namespace

std::string content_id(const workflow_spec& spec) {
  constexpr std::size_t name_max = 64;
  std::string out;
  for (const char c : spec.name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == ':';
    if (plain)
      out += c;
    else if (!out.empty() && out.back() != '-')
      out += '-';
    if (out.size() == name_max) break;
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  if (out.empty()) out = "workflow";

  auto content = spec;
  content.id.clear();
  constexpr std::string_view options;  // were hashed once, those at their default as nothing
  std::array<char, 16> hex{};
  const auto hash = stable_hash{}.add(print_spec(content)).add(options).value();
  std::snprintf(hex.data(), hex.size(), "-%012llx", static_cast<unsigned long long>(hash >> 16));
  return out + hex.data();
}

plan make_plan(const run_options& run, const handler_registry& handlers, std::string_view stamp) {
  plan out;
  std::unordered_map<std::string, std::size_t> by_id;
  for (const auto& file : run.files) {
    auto spec = read_spec(file, run);
    if (!spec) {
      add_faults(out, file, spec.error());
      continue;
    }
    if (spec->id.empty()) spec->id = content_id(*spec);
    const auto given = spec->id;
    if (run.another) spec->id += "-" + std::string{stamp};
    check(out, file, *spec, given, run, handlers);
    if (const auto known = by_id.find(spec->id); known != by_id.end()) {
      if (out.specs[known->second] != *spec)
        out.faults.push_back(
            {file, "/id",
             "is also the id of " + out.files[known->second] + ", which has other content"});
      continue;
    }
    by_id.emplace(spec->id, out.specs.size());
    out.specs.push_back(std::move(*spec));
    out.files.push_back(file);
  }
  if (!out.faults.empty()) return out;
  for (std::size_t i = 0; i < out.specs.size(); ++i) add_workflows(out, i, run);
  return out;
}

}  // namespace tenax::node
