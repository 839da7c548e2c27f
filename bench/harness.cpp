#include "bench/harness.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "bench/machine.hpp"

extern char** environ;

namespace tenax::bench {

void require(bool holds, const std::string& what) {
  if (!holds) throw run_error(what);
}

options engine_options(const params& p) {
  options o;
  require(p.durability == "sync" || p.durability == "async", "durability is sync or async");
  o.durability = p.durability == "sync" ? durability::sync : durability::async;
  o.cache_bytes = p.cache_mib << 20;
  o.write_buffer_bytes = p.write_buffer_mib << 20;
  o.scheduler_threads = p.scheduler_threads;
  if (p.active_max > 0) o.active_workflows_max = p.active_max;
  return o;
}

// --- one run ---

double run_result::get(std::string_view name) const noexcept {
  for (const auto& [key, value] : numbers) {
    if (key == name) return value;
  }
  return 0;
}

void run_result::set_percentiles(const std::string& prefix, const histogram& h,
                                 const std::string& unit, double scale) {
  const auto put = [&](const char* name, double percent) {
    set(prefix + "_" + name + "_" + unit, static_cast<double>(h.percentile(percent)) / scale);
  };
  put("p50", 50);
  put("p90", 90);
  put("p99", 99);
  put("p999", 99.9);
  set(prefix + "_max_" + unit, static_cast<double>(h.most()) / scale);
  json curve = json::array();
  for (const double percent : {0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.99}) {
    curve.push_back({percent, static_cast<double>(h.percentile(percent)) / scale});
  }
  series[prefix + "_percentiles_" + unit] = std::move(curve);
}

run_result run_here(const params& p) {
  const auto& all = scenarios();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const scenario& s) { return p.scenario == s.name; });
  require(found != all.end(), "no such scenario: " + p.scenario);
  const auto own = [] { return cpu_seconds() + children_cpu_seconds(); };
  const double own_before = own();
  const double all_before = machine_cpu_seconds();
  const std::int64_t begin = now_ns();
  auto out = found->run(p);
  const double seconds = static_cast<double>(now_ns() - begin) / 1e9;
  const double others = (machine_cpu_seconds() - all_before) - (own() - own_before);
  out.set(others_cpu, std::max(0.0, others / seconds));
  return out;
}

namespace {

json to_json(const run_result& r) {
  json numbers = json::array();
  for (const auto& [name, value] : r.numbers) numbers.push_back({name, value});
  return {{"numbers", std::move(numbers)}, {"series", r.series}};
}

run_result result_from(const json& j) {
  run_result r;
  for (const auto& pair : j.at("numbers")) {
    r.set(pair.at(0).get<std::string>(), pair.at(1).is_number() ? pair.at(1).get<double>() : 0);
  }
  r.series = j.at("series");
  return r;
}

/// Waits for the process, at most so long; then kills it. Returns its wait status.
int wait_for(pid_t pid, double timeout_seconds) {
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_seconds);
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= until) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      throw run_error("took longer than " + std::to_string(static_cast<int>(timeout_seconds)) +
                      " s: killed");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return status;
}

}  // namespace

run_result run_in_child(const params& p, double timeout_seconds) {
  // Beside the run's directory, which belongs to the engine.
  const std::string params_file = p.dir + ".params.json";
  const std::string result_file = p.dir + ".result.json";
  std::ofstream(params_file) << json(p);
  std::filesystem::remove(result_file);
  std::string self = "/proc/self/exe";
  std::string command = "child";
  std::string in = params_file;
  std::string out = result_file;
  char* arguments[] = {self.data(), command.data(), in.data(), out.data(), nullptr};
  pid_t pid = 0;
  require(::posix_spawn(&pid, self.c_str(), nullptr, nullptr, arguments, environ) == 0,
          "cannot start a child process");
  const int status = wait_for(pid, timeout_seconds);
  json document;
  if (std::ifstream file(result_file); file) document = json::parse(file, nullptr, false);
  std::filesystem::remove(params_file);
  std::filesystem::remove(result_file);
  if (document.is_object() && document.contains("error")) {
    throw run_error(document["error"].get<std::string>());
  }
  if (!document.is_object()) {
    throw run_error(WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status))
                                        : "exit code " + std::to_string(WEXITSTATUS(status)));
  }
  return result_from(document);
}

void remove_tree(const std::filesystem::path& dir) {
  constexpr int tries = 20;
  for (int n = 1; n < tries; ++n) {
    std::error_code failed;
    std::filesystem::remove_all(dir, failed);
    if (!failed) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::filesystem::remove_all(dir);
}

run_result run_part(params p, const std::string& scenario, std::size_t workflows,
                    double timeout_seconds) {
  p.scenario = scenario;
  p.workflows = workflows;
  p.dir += "/part-" + std::to_string(workflows);
  std::filesystem::create_directories(p.dir);
  auto result = run_in_child(p, timeout_seconds);
  remove_tree(p.dir);
  return result;
}

[[noreturn]] void child_main(const std::string& params_file, const std::string& result_file) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // an orphan would go on measuring for nobody
  ::prctl(PR_SET_NAME, "tenax-bench-run");
  json out;
  try {
    std::ifstream in(params_file);
    out = to_json(run_here(json::parse(in).get<params>()));
  } catch (const std::exception& e) {
    out = {{"error", e.what()}};
  }
  std::ofstream(result_file) << out << std::flush;
  // No destructors: an engine that a scenario leaves open ends as in a crash.
  std::_Exit(out.contains("error") ? 1 : 0);
}

// --- all runs ---

spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

const spread* row::find(std::string_view name) const noexcept {
  for (const auto& [key, value] : numbers) {
    if (key == name) return &value;
  }
  return nullptr;
}

row measure(params p, std::size_t runs, const std::filesystem::path& dir, bool in_process) {
  row out;
  const double patience = 600 + 20 * (p.seconds + p.warmup_seconds + p.spread_seconds) +
                          static_cast<double>(p.workflows) / 1'000;
  for (std::size_t i = 0; i < runs; ++i) {
    const auto own = dir / ("tenax-bench-" + std::to_string(::getpid()) + "-" + std::to_string(i));
    remove_tree(own);
    std::filesystem::create_directories(own);
    p.dir = own.string();
    std::fprintf(stderr, "%s: run %zu of %zu\n", p.scenario.c_str(), i + 1, runs);
    try {
      out.each.push_back(in_process ? run_here(p) : run_in_child(p, patience));
    } catch (const std::exception& e) {
      out.failure = e.what();
      std::fprintf(stderr, "%s: run %zu: %s\n", p.scenario.c_str(), i + 1, e.what());
    }
    remove_tree(own);
  }
  p.dir.clear();
  out.p = std::move(p);
  out.runs = out.each.size();
  if (out.each.empty()) return out;
  for (const auto& [name, first] : out.each.front().numbers) {
    std::vector<double> values;
    for (const auto& run : out.each) values.push_back(run.get(name));
    out.numbers.emplace_back(name, spread_of(std::move(values)));
  }
  return out;
}

json to_json(const row& r) {
  json numbers = json::object();
  for (const auto& [name, s] : r.numbers) {
    numbers[name] = {{"median", s.median}, {"min", s.least}, {"max", s.most}};
  }
  json each = json::array();
  for (const auto& run : r.each) {
    json one = json::object();
    for (const auto& [name, value] : run.numbers) one[name] = value;
    each.push_back({{"numbers", std::move(one)}, {"series", run.series}});
  }
  json out = {{"scenario", r.p.scenario},
              {"params", r.p},
              {"runs", r.runs},
              {"numbers", numbers},
              {"each", std::move(each)}};
  out["params"].erase("dir");
  out["params"].erase("scenario");
  if (!r.failure.empty()) out["failure"] = r.failure;
  return out;
}

namespace {

std::string print_number(double v) {
  char text[64];
  const double size = std::abs(v);
  if (size >= 1e5) {
    std::snprintf(text, sizeof text, "%.0f", v);
  } else if (size >= 100) {
    std::snprintf(text, sizeof text, "%.1f", v);
  } else if (size >= 1) {
    std::snprintf(text, sizeof text, "%.2f", v);
  } else {
    std::snprintf(text, sizeof text, "%.4f", v);
  }
  return text;
}

}  // namespace

void print_row(const row& r) {
  const auto& p = r.p;
  std::printf("\n%s  durability=%s payload=%zu B concurrency=%zu", p.scenario.c_str(),
              p.durability.c_str(), p.payload_bytes, p.concurrency);
  if (p.scenario.starts_with("fan")) std::printf(" fan=%zu", p.fan);
  if (p.scenario.starts_with("seq") || p.scenario == "latency") std::printf(" steps=%zu", p.steps);
  if (p.rate > 0) std::printf(" rate=%.0f/s", p.rate);
  std::printf(" handlers=%s warm-up=%.1f s measured=%.1f s runs=%zu\n", p.handlers.c_str(),
              p.warmup_seconds, p.seconds, r.runs);
  if (!r.failure.empty()) std::printf("  FAILED: %s\n", r.failure.c_str());
  if (r.numbers.empty()) return;
  std::printf("  %-34s %14s %14s %14s\n", "", "median", "min", "max");
  for (const auto& [name, s] : r.numbers) {
    std::printf("  %-34s %14s %14s %14s\n", name.c_str(), print_number(s.median).c_str(),
                print_number(s.least).c_str(), print_number(s.most).c_str());
  }
  std::fflush(stdout);
}

}  // namespace tenax::bench
