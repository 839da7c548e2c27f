#include "bench/plan.hpp"

#include <cstdio>
#include <functional>

#include "bench/scenarios.hpp"

namespace tenax::bench {

const std::vector<scenario>& scenarios() {
  static const std::vector<scenario> all = {
      {"sequential", "workflows of --steps actions, one after the other", run_sequential},
      {"fan-out", "--fan actions side by side, and one that waits for all", run_fan_out},
      {"retry-storm", "a share of all attempts fails and backs off", run_retry_storm},
      {"mixed", "sequential workflows while a client queries", run_mixed},
      {"retention", "sequential workflows of which --workflows are kept", run_retention},
      {"latency", "one workflow at a time", run_latency},
      {"submit", "submits at a fixed --rate (open loop)", run_submit},
      {"timers", "--workflows sleep at once, then wake", run_timers},
      {"recovery", "a crash with --workflows open, then a start", run_recovery},
      {"scale", "sequential on a store with --workflows in it", run_scale},
      {"due-index", "timers found after --workflows of them were deleted", run_due_index},
      {"disk", "bytes on disk of a finished workflow", run_disk},
      {"soak", "memory and throughput over --seconds", run_soak},
      {"selfcheck", "checks the bench's own statistics", run_selfcheck},
      {"timers-part", "", run_timers_part, true},
      {"recovery-fill", "", run_recovery_fill, true},
      {"soak-limit", "", run_soak_limit, true},
  };
  return all;
}

params defaults_of(const std::string& scenario) {
  params p;
  p.scenario = scenario;
  if (scenario == "fan-out") p.concurrency = 64;
  if (scenario == "latency") p.concurrency = 1;
  if (scenario == "submit") p.rate = 1'000;
  if (scenario == "retry-storm") p.concurrency = 4'096;
  if (scenario == "mixed") p.concurrency = 256;
  if (scenario == "retention") {
    p.workflows = 10'000;
    p.seconds = 20;  // what falls behind shows
  }
  if (scenario == "scale") {
    p.workflows = 1'000'000;
    p.seconds = 15;  // several rounds of compaction
  }
  if (scenario == "due-index") p.workflows = 5'000'000;
  if (scenario == "disk") p.workflows = 50'000;
  if (scenario == "soak") {
    p.seconds = 600;
    p.rate = 5'000;
    p.warmup_seconds = 300;  // as long as the caches take to fill at this rate (measured)
  }
  return p;
}

namespace {

class planner {
 public:
  planner(bool full, std::string durability) : full_(full), durability_(std::move(durability)) {}

  params& add(const std::string& scenario) {
    auto p = defaults_of(scenario);
    p.durability = durability_;
    if (!full_) {
      p.seconds = 2;
      p.warmup_seconds = 0.5;
      p.limit_seconds = 1;
    }
    entries_.push_back({std::move(p), full_ ? std::size_t{5} : std::size_t{1}});
    return entries_.back().p;
  }
  /// Sleepers, and what they need of time.
  void add_timers(std::size_t workflows) {
    auto& p = add("timers");
    p.workflows = workflows;
    if (!full_) {
      p.spread_seconds = 10;
      p.quiet_seconds = 3;
    }
  }
  void add_soak() {
    auto& p = add("soak");
    if (!full_) p.seconds = 10;
    entries_.back().once = true;
  }
  [[nodiscard]] bool full() const noexcept { return full_; }
  [[nodiscard]] std::size_t pick(std::size_t small, std::size_t real) const noexcept {
    return full_ ? real : small;
  }
  std::vector<plan_entry> take() { return std::move(entries_); }

 private:
  bool full_;
  std::string durability_;
  std::vector<plan_entry> entries_;
};

}  // namespace

std::vector<plan_entry> plan_check(bool full, const std::string& durability) {
  planner plan(full, durability);
  plan.add("sequential");
  plan.add("latency");
  plan.add("fan-out");
  plan.add_timers(plan.pick(20'000, 1'000'000));
  plan.add("recovery").workflows = plan.pick(20'000, 1'000'000);
  plan.add("disk").workflows = plan.pick(10'000, 50'000);
  plan.add("scale").workflows = plan.pick(20'000, 1'000'000);
  plan.add("due-index").workflows = plan.pick(100'000, 5'000'000);
  plan.add_soak();
  return plan.take();
}

std::vector<plan_entry> plan_all(bool full, const std::string& durability) {
  planner plan(full, durability);
  for (const std::size_t steps : {1U, 3U, 10U}) plan.add("sequential").steps = steps;
  for (const std::size_t concurrency : {1U, 4U, 16U, 64U, 256U, 4'096U}) {
    auto& p = plan.add("sequential");
    p.concurrency = concurrency;
    p.limits = false;
  }
  plan.add("sequential").handlers = "blocking";
  for (const auto& [bytes, concurrency] : {std::pair{4'096U, 256U}, std::pair{262'144U, 16U}}) {
    auto& p = plan.add("sequential");
    p.payload_bytes = bytes;
    p.concurrency = concurrency;
  }
  for (const std::size_t fan : {100U, 1'000U}) plan.add("fan-out").fan = fan;
  plan.add("retry-storm");
  plan.add("mixed");
  plan.add("retention");
  plan.add("latency");
  for (const double rate : {500.0, 2'000.0, 5'000.0}) plan.add("submit").rate = rate;
  if (full) {
    plan.add_timers(100'000);
    plan.add_timers(1'000'000);
  } else {
    plan.add_timers(5'000);
    plan.add_timers(20'000);
  }
  plan.add("recovery").workflows = plan.pick(20'000, 1'000'000);
  for (const std::size_t workflows : {10'000U, 100'000U, 1'000'000U}) {
    if (workflows > 10'000 && !full) break;
    plan.add("scale").workflows = workflows;
  }
  plan.add("due-index").workflows = plan.pick(100'000, 5'000'000);
  plan.add("disk").workflows = plan.pick(10'000, 50'000);
  plan.add_soak();
  return plan.take();
}

// --- the figures ---

namespace {

const row* find_row(const std::vector<row>& rows, const std::string& scenario) {
  for (const auto& r : rows) {
    if (r.p.scenario == scenario && !r.numbers.empty()) return &r;
  }
  return nullptr;
}

std::string text(const char* format, double a, double b = 0) {
  char out[160];
  std::snprintf(out, sizeof out, format, a, b);  // NOLINT: formats are ours
  return out;
}

double median(const row& r, const std::string& name) {
  const auto* s = r.find(name);
  return s == nullptr ? 0 : s->median;
}

figure throughput(const row& r, const std::string& name) {
  const double rate = median(r, "actions_per_s");
  const double ratio = median(r, "ratio_to_caf_journal");
  return {name,
          ">= 100,000 actions/s or >= 0.60 of CAF + journal",
          text("%.0f actions/s, limit %.0f", rate, median(r, "limit_caf_journal_actions_per_s")),
          rate,
          ratio,
          rate >= 100'000 || ratio >= 0.6,
          ""};
}

figure at_most(const row& r, const std::string& name, const std::string& target,
               const std::string& number, const char* format, double most) {
  const auto* s = r.find(number);
  const double value = s == nullptr ? 0 : s->median;
  return {name, target, text(format, value), value, value / most, s != nullptr && value <= most,
          ""};
}

/// Nothing is faster than what it is made of, and no time measured on a busy machine is a proof.
std::string doubt_about(const row& r, bool of_time) {
  if (!r.failure.empty()) return "a run failed: " + r.failure;
  const bool counts = r.p.scenario == "timers" || r.p.scenario == "recovery" ||
                      r.p.scenario == "scale" || r.p.scenario == "due-index";
  const std::size_t promised = r.p.scenario == "due-index" ? 5'000'000 : 1'000'000;
  if (counts && r.p.workflows < promised) {
    return text("measured with %.0f workflows, not %.0f", static_cast<double>(r.p.workflows),
                static_cast<double>(promised));
  }
  if (const auto real = defaults_of(r.p.scenario);
      r.p.scenario == "soak" &&
      (r.p.seconds < real.seconds || r.p.warmup_seconds < real.warmup_seconds)) {
    return text("measured for %.0f s after %.1f s of warm-up", r.p.seconds, r.p.warmup_seconds);
  }
  if (!of_time) return "";
  const double others = median(r, others_cpu);
  if (others > others_cpu_most) return text("others kept %.2f cores busy", others);
  const auto* latency = r.find("ratio_to_fdatasync");
  if (latency != nullptr && latency->median < 0.9) return "faster than its limit: disturbed";
  for (const char* name : {"ratio_to_caf_journal", "ratio_to_rocksdb"}) {
    const auto* s = r.find(name);
    if (s != nullptr && s->median > 1.1) return std::string(name) + " is above 1: disturbed";
  }
  return "";
}

}  // namespace

std::vector<figure> check_figures(const std::vector<row>& rows) {
  std::vector<figure> out;
  const auto with = [&](const std::string& scenario, const std::string& name,
                        const std::function<figure(const row&)>& make, bool of_time = true) {
    const auto* r = find_row(rows, scenario);
    out.push_back(r != nullptr ? make(*r) : figure{.name = name, .measured = "not measured"});
    if (r != nullptr) out.back().doubt = doubt_about(*r, of_time);
  };
  with("sequential", "3-step sequential, 1,024 in flight",
       [](const row& r) { return throughput(r, "3-step sequential, 1,024 in flight"); });
  with("latency", "one workflow, p50", [](const row& r) {
    const double ratio = median(r, "ratio_to_fdatasync");
    return figure{
        "one workflow, p50",
        "<= 1.5 x dependent commits x fdatasync p50",
        text("%.2f ms, limit %.2f ms", median(r, "latency_p50_ms"), median(r, "limit_p50_ms")),
        median(r, "latency_p50_ms"),
        ratio,
        ratio > 0 && ratio <= 1.5};
  });
  with("fan-out", "fan-out 1,000 + join, 64 in flight",
       [](const row& r) { return throughput(r, "fan-out 1,000 + join, 64 in flight"); });
  with(
      "timers", "sleeping workflow, memory",
      [](const row& r) {
        return at_most(r, "sleeping workflow, memory", "<= 200 B each", "memory_per_sleeper_bytes",
                       "%.0f B", 200);
      },
      false);
  with("timers", "wake-up lateness p99", [](const row& r) {
    return at_most(r, "wake-up lateness p99", "< 100 ms", "late_p99_ms", "%.1f ms", 100);
  });
  with("recovery", "start to accepting submits", [](const row& r) {
    return at_most(r, "start to accepting submits", "<= 2 s", "accepting_s", "%.2f s", 2);
  });
  with("recovery", "start to first due timers", [](const row& r) {
    return at_most(r, "start to first due timers", "<= 10 s", "first_timer_s", "%.2f s", 10);
  });
  with("recovery", "latest timer after a start", [](const row& r) {
    return at_most(r, "latest timer after a start", "<= 10 s", "late_max_s", "%.2f s", 10);
  });
  with(
      "disk", "finished 3-step workflow on disk",
      [](const row& r) {
        return at_most(r, "finished 3-step workflow on disk", "<= 1,024 B",
                       "disk_bytes_per_workflow", "%.0f B", 1'024);
      },
      false);
  with("scale", "an action with 1,000,000 in the store", [](const row& r) {
    const double ratio = median(r, "cpu_ratio_to_1000_workflows");
    return figure{"an action with 1,000,000 in the store",
                  "<= 1.1 x its CPU with 1,000 in the store",
                  text("%.1f us, limit %.1f us", median(r, "settled_cpu_us_per_action"),
                       median(r, "limit_1000_workflows_settled_cpu_us_per_action")),
                  median(r, "settled_cpu_us_per_action"),
                  ratio,
                  ratio > 0 && ratio <= 1.1,
                  ""};
  });
  with("due-index", "due index after 5,000,000 deletes", [](const row& r) {
    return at_most(r, "due index after 5,000,000 deletes", "first timer found within 0.1 ms",
                   "find_again_p50_us", "%.1f us", 100);
  });
  with("soak", "memory over a soak", [](const row& r) {
    const double growth = median(r, "rss_growth_of_second_half_percent");
    const double ratio = median(r, "ratio_rss_to_rocksdb");
    return figure{"memory over a soak",
                  "grows <= 5 % in half 2, <= 1.25 x RocksDB alone",
                  text("%.1f %%, %.0f MB", growth, median(r, "rss_last_bytes") / 1e6),
                  growth,
                  ratio,
                  ratio > 0 && ratio <= 1.25 && growth <= 5,
                  ""};
  });
  return out;
}

void print_figures(const std::vector<figure>& figures) {
  std::printf("\n%-38s %-50s %-40s %7s  %s\n", "figure", "target", "measured (median)", "ratio",
              "");
  for (const auto& f : figures) {
    const char* verdict = !f.doubt.empty() ? "UNSURE" : f.passed ? "PASS" : "MISS";
    std::printf("%-38s %-50s %-40s %7.2f  %s%s%s\n", f.name.c_str(), f.target.c_str(),
                f.measured.c_str(), f.ratio, verdict, f.doubt.empty() ? "" : ": ", f.doubt.c_str());
  }
  std::fflush(stdout);
}

json figures_json(const std::vector<figure>& figures) {
  json out = json::array();
  for (const auto& f : figures) {
    out.push_back({{"name", f.name},
                   {"target", f.target},
                   {"measured", f.measured},
                   {"value", f.value},
                   {"ratio", f.ratio},
                   {"passed", f.passed && f.doubt.empty()},
                   {"doubt", f.doubt}});
  }
  return out;
}

}  // namespace tenax::bench
