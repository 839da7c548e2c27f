#include "bench/figures.hpp"

#include <cstdio>
#include <functional>
#include <limits>

#include "bench/plan.hpp"

namespace tenax::bench {

namespace {

/// `handlers`: "" for any.
const row* find_row(const std::vector<row>& rows, const std::string& scenario,
                    const std::string& handlers = "") {
  for (const auto& r : rows) {
    if (!handlers.empty() && r.p.handlers != handlers) continue;
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

figure throughput(const row& r, const std::string& name, const std::string& target, double least,
                  double rate_enough) {
  const double rate = median(r, "actions_per_s");
  const double ratio = median(r, "ratio_to_caf_journal");
  return {name,
          target,
          text("%.0f actions/s, limit %.0f", rate, median(r, "limit_caf_journal_actions_per_s")),
          rate,
          ratio,
          rate >= rate_enough || ratio >= least,
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
                      r.p.scenario == "scale" || r.p.scenario == "due-index" ||
                      r.p.scenario == "listing";
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
  with("sequential", "3-step sequential, 1,024 in flight", [](const row& r) {
    return throughput(r, "3-step sequential, 1,024 in flight", ">= 0.75 of CAF + journal", 0.75,
                      std::numeric_limits<double>::infinity());
  });
  with("latency", "one workflow, p50", [](const row& r) {
    const double ratio = median(r, "ratio_to_fdatasync");
    return figure{
        "one workflow, p50",
        "<= 1.4 x dependent commits x fdatasync p50",
        text("%.2f ms, limit %.2f ms", median(r, "latency_p50_ms"), median(r, "limit_p50_ms")),
        median(r, "latency_p50_ms"),
        ratio,
        ratio > 0 && ratio <= 1.4};
  });
  with("fan-out", "fan-out 1,000 + join, 64 in flight", [](const row& r) {
    return throughput(r, "fan-out 1,000 + join, 64 in flight",
                      ">= 100,000 actions/s or >= 0.60 of CAF + journal", 0.6, 100'000);
  });
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
  with("timers", "CPU of a wake-up", [](const row& r) {
    const double ratio = median(r, "ratio_wake_cpu_to_sequential_action");
    return figure{"CPU of a wake-up",
                  "<= 2 x that of an action of sequential",
                  text("%.1f us, an action %.1f us", median(r, "wake_cpu_us_each"),
                       median(r, "limit_sequential_cpu_us_per_action")),
                  median(r, "wake_cpu_us_each"),
                  ratio,
                  ratio > 0 && ratio <= 2,
                  ""};
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
  with("listing", "a page of 100 of 1,000,000 open", [](const row& r) {
    return at_most(r, "a page of 100 of 1,000,000 open", "p99 <= 5 ms, after churn too",
                   "worst_page_p99_ms", "%.2f ms", 5);
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

namespace {

/// One line of the table of bounds.
struct bound {
  const char* scenario;
  const char* handlers;  ///< "" for any
  const char* name;
  const char* target;
  const char* number;
  const char* format;
  double limit;
  bool at_least = false;
  bool of_time = true;
};

constexpr bound bounds[] = {
    {"memory-results", "", "800 results of 1 MB at once", "peak < 250 MB", "peak_rss_mb", "%.0f MB",
     250, false, false},
    {"memory-inputs", "", "an input from 400 results of 1 MB", "peak < 200 MB", "peak_rss_mb",
     "%.0f MB", 200, false, false},
    {"memory-ready", "in_place", "30 x 20,000 ready, in place", "peak < 300 MB", "peak_rss_mb",
     "%.0f MB", 300, false, false},
    {"memory-ready", "blocking", "30 x 20,000 ready, blocking", "peak < 300 MB", "peak_rss_mb",
     "%.0f MB", 300, false, false},
    {"fan-in", "", "19,999 results to the handler of one", "< 1 s (aim 0.2 s)", "fan_in_s",
     "%.3f s", 1},
    {"fan-in", "", "close during that", "< 1 s", "close_max_s", "%.3f s", 1},
    {"shared-result", "in_place", "1,000 use 1 MB, in place: wall", "< 2 s", "wall_s", "%.2f s", 2},
    {"shared-result", "in_place", "a workflow beside, in place", "p50 <= 3 x alone",
     "ratio_beside_to_alone", "%.2f x", 3},
    {"shared-result", "blocking", "1,000 use 1 MB, blocking: wall", "< 2 s", "wall_s", "%.2f s", 2},
    {"shared-result", "blocking", "a workflow beside, blocking", "p50 <= 3 x alone",
     "ratio_beside_to_alone", "%.2f x", 3},
    {"overdue", "", "a new wait beside 100,000 overdue", "late p99 < 100 ms",
     "new_wait_late_p99_ms", "%.0f ms", 100},
    {"overdue", "", "a new deadline beside them", "late p99 < 100 ms", "new_deadline_late_p99_ms",
     "%.0f ms", 100},
    {"overdue", "", "an old deadline beside them", "late p99 < 100 ms", "old_deadline_late_p99_ms",
     "%.0f ms", 100},
    {"lanes", "", "1,000,000 wait for a full lane", "<= 200 B each", "memory_per_waiting_bytes",
     "%.0f B", 200, false, false},
    {"lanes", "", "another lane beside them", ">= 0.9 of it alone", "ratio_beside_to_alone",
     "%.2f x", 0.9, true},
};

std::string doubt_about_bound(const row& r, bool of_time) {
  if (!r.failure.empty()) return "a run failed: " + r.failure;
  const auto real = defaults_of(r.p.scenario);
  if (r.p.workflows < real.workflows) {
    return text("measured with %.0f workflows, not %.0f", static_cast<double>(r.p.workflows),
                static_cast<double>(real.workflows));
  }
  if (r.p.fan < real.fan) {
    return text("measured with %.0f, not %.0f", static_cast<double>(r.p.fan),
                static_cast<double>(real.fan));
  }
  const double others = median(r, others_cpu);
  if (of_time && others > others_cpu_most) return text("others kept %.2f cores busy", others);
  return "";
}

}  // namespace

std::vector<figure> bounds_figures(const std::vector<row>& rows) {
  std::vector<figure> out;
  for (const auto& b : bounds) {
    const auto* r = find_row(rows, b.scenario, b.handlers);
    const auto* s = r == nullptr ? nullptr : r->find(b.number);
    if (s == nullptr) {
      out.push_back({.name = b.name, .target = b.target, .measured = "not measured"});
      continue;
    }
    const double value = s->median;
    out.push_back({b.name, b.target, text(b.format, value), value, value / b.limit,
                   b.at_least ? value >= b.limit : value <= b.limit,
                   doubt_about_bound(*r, b.of_time)});
  }
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
