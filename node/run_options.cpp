#include "node/run_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "node/spin.hpp"
#include "tenax/http_action.hpp"
#include "tenax/limits.hpp"

namespace tenax::node {

namespace {

milliseconds to_ms(std::uint64_t n) {
  // Beyond the longest wait there is; the policy's check names the limit.
  const auto most = static_cast<std::uint64_t>(limits{}.delay_max.count()) + 1;
  return milliseconds{static_cast<std::int64_t>(std::min(n, most))};
}

exec_options exec_of(const run_options& run) {
  exec_options exec;
  exec.programs = run.exec_programs;
  exec.timeout = to_ms(run.exec_timeout_ms);
  exec.inherit = run.exec_env;
  return exec;
}

http_options http_of(const run_options& run) {
  http_options http;
  http.allow_hosts = run.allow_hosts;
  http.timeout = to_ms(run.http_timeout_ms);
  http.cacert = run.http_cacert;
  if (!run.secrets_dir.empty()) http.secrets = secrets_in(run.secrets_dir);
  return http;
}

}  // namespace

retry_policy policy_of(const run_options& run) {
  retry_policy p;
  if (run.max_attempts) p.max_attempts = *run.max_attempts;
  if (run.min_wait_ms) p.min_wait = to_ms(*run.min_wait_ms);
  if (run.max_wait_ms) p.max_wait = to_ms(*run.max_wait_ms);
  if (run.min_wait_ms && !run.max_wait_ms) p.max_wait = std::max(p.min_wait, p.max_wait);
  if (run.max_wait_ms && !run.min_wait_ms) p.min_wait = std::min(p.min_wait, p.max_wait);
  if (run.on_exhausted == "pause") p.exhausted = on_exhausted::pause;
  if (run.on_exhausted == "skip") p.exhausted = on_exhausted::skip;
  return p;
}

std::vector<std::string> faults_of(const run_options& run) {
  auto out = policy_of(run).faults();
  if (!(run.faults.rate >= 0 && run.faults.rate <= 1)) out.emplace_back("--fail-rate must be 0..1");
  if (!(run.time_scale >= 0) || !std::isfinite(run.time_scale))
    out.emplace_back("--time-scale must be a number that is not negative");
  if (!run.exec_programs.empty() && !run.allow_exec)
    out.emplace_back("--exec-program needs --allow-exec");
  if (!run.exec_env.empty() && !run.allow_exec) out.emplace_back("--exec-env needs --allow-exec");
  for (const auto& wrong : exec_of(run).faults()) out.push_back("exec: " + wrong);
  if (!run.allow_hosts.empty())
    for (const auto& wrong : http_of(run).faults()) out.push_back("http: " + wrong);
  if (!run.http_cacert.empty() && run.allow_hosts.empty())
    out.emplace_back("--http-cacert needs --allow-host");
  if (!run.secrets_dir.empty() && run.allow_hosts.empty())
    out.emplace_back("--secrets-dir needs --allow-host");
  if (std::error_code ignored;
      !run.secrets_dir.empty() && !std::filesystem::is_directory(run.secrets_dir, ignored)) {
    out.emplace_back("--secrets-dir: there is no directory " + run.secrets_dir);
  }
  const auto handlers = make_handlers(run, std::make_shared<attempt_counters>());
  for (const auto& type : run.at_most_once)
    if (handlers.find(type) == nullptr)
      out.push_back("--at-most-once: there is no action type " + type);
  return out;
}

handler_registry make_handlers(const run_options& run, std::shared_ptr<attempt_counters> counters) {
  handler_registry registry;
  builtin::add_defaults(registry);
  // Always there, so that a workflow that was begun with --spin goes on without it.
  // Of a server every other type is for workers.
  if (!run.workers) add_spin(registry);
  if (run.allow_exec) {
    builtin::add_exec(registry, exec_of(run));
  }
  if (!run.allow_hosts.empty()) builtin::add_http(registry, http_of(run));
  for (const auto& type : run.at_most_once) {
    const auto* found = registry.find(type);
    if (found == nullptr) {
      if (run.workers) registry.add_worker(type, {.delivery = delivery::at_most_once});
      continue;
    }
    auto entry = *found;
    entry.options.delivery = delivery::at_most_once;
    registry.add(type, std::move(entry.run), std::move(entry.options));
  }
  inject_faults(registry, run.faults, std::move(counters));
  // What is off is not there, and no worker's either.
  if (run.workers) registry.others_for_workers({}, {"exec", "http"});
  return registry;
}

options engine_options(const run_options& run, std::shared_ptr<attempt_counters> counters) {
  options out;
  out.handlers = make_handlers(run, std::move(counters));
  out.retry = policy_of(run);
  out.handler_threads = run.handler_threads;
  if (run.durability == "async") out.durability = durability::async;
  if (run.horizon_ms) out.timer_horizon = to_ms(*run.horizon_ms);
  return out;
}

}  // namespace tenax::node
