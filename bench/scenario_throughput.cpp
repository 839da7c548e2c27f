// Throughput in a closed or an open loop: sequential workflows, fan-out with join, retry storm,
// mixed load with queries, retention.
#include <algorithm>
#include <cmath>
#include <map>
#include <thread>

#include "bench/limits.hpp"
#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/scenarios.hpp"
#include "model/documents/timestamp.hpp"

namespace tenax::bench {

engine open_engine(const params& p, options o) {
  auto opened = engine::open(std::filesystem::path(p.dir) / "data", std::move(o));
  require(opened.has_value(), opened ? "" : "cannot open: " + opened.error().to_string());
  return std::move(*opened);
}

namespace {

/// Who looks at the engine of a run.
struct watcher {
  std::function<void(const engine&)> each_100_ms;  ///< of the time that is measured
  std::function<void(const engine&)> at_end;       ///< when all have ended
};

/// Runs the load on a fresh engine and closes it.
load_result run_load(const params& p, spec_maker make, retention_options keep = {},
                     const watcher& watch = {}) {
  load driver(p, std::move(make));
  auto o = engine_options(p);
  o.retention = keep;
  add_step_handler(o, p);
  driver.watch(o);
  auto e = open_engine(p, std::move(o));
  driver.start(e);
  auto seen = driver.measure(
      [&](double) {
        if (watch.each_100_ms) watch.each_100_ms(e);
      },
      0.1);
  driver.stop();
  if (watch.at_end) watch.at_end(e);
  e.close();
  remove_tree(std::filesystem::path(p.dir) / "data");
  return seen;
}

void report_limit(run_result& out, const std::string& name, const limit_rate& l,
                  double actions_a_workflow) {
  out.set(name + "_actions_per_s", l.workflows_per_s * actions_a_workflow);
  out.set(name + "_cpu_us_per_action", l.cpu_us_per_workflow / actions_a_workflow);
  out.set(name + "_commits_per_sync", l.commits_per_sync);
  out.set(name + "_p50_ms", l.p50_ms);
}

void report_ratio(run_result& out, const std::string& name, const std::string& limit) {
  const double most = out.get(limit + "_actions_per_s");
  out.set(name, most > 0 ? out.get("actions_per_s") / most : 0);
}

/// The limit is the best of all stand-ins: what any of them can do, CAF and the journal can do.
void pick_best(run_result& out, std::initializer_list<const char*> stand_ins) {
  double best = 0;
  double cpu = 0;
  for (const std::string name : stand_ins) {
    const double rate = out.get(name + "_actions_per_s");
    if (rate > best) {
      best = rate;
      cpu = out.get(name + "_cpu_us_per_action");
    }
  }
  out.set("limit_caf_journal_actions_per_s", best);
  out.set("limit_caf_journal_cpu_us_per_action", cpu);
}

void report_disk(run_result& out, const params& p) {
  sync_probe probe(p.dir, 300);
  histogram took;
  probe.run(std::min(p.limit_seconds, 1.0), took);
  report_fdatasync(out, took);
}

std::vector<workflow_shape> sequential_shapes(const params& p) {
  // Large payloads: fewer variants, the memory is better spent elsewhere.
  const std::size_t variants = p.payload_bytes > 16'384 ? 4 : shape_variants;
  std::vector<workflow_shape> shapes;
  for (std::size_t i = 0; i < variants; ++i) shapes.push_back(record_sequential(p, i + 1));
  return shapes;
}

std::size_t batch_of(double commits_a_sync) {
  return static_cast<std::size_t>(std::max(1.0, std::round(commits_a_sync)));
}

}  // namespace

run_result run_sequential(const params& p) {
  const auto seen = run_load(p, sequential_maker(p));
  run_result out;
  seen.report(out);
  if (!p.limits) return out;
  const auto shapes = sequential_shapes(p);
  const auto actions = static_cast<double>(p.steps);
  out.set("commit_bytes_per_workflow", static_cast<double>(bytes_of(shapes.front())));
  out.set("commit_rows_per_workflow", static_cast<double>(rows_of(shapes.front())));
  const auto stand = [&](const std::string& name, stand_in how, bool sort) {
    report_limit(out, name, caf_and_journal(p, shapes, {.how = how, .sort = sort}, p.limit_seconds),
                 actions);
  };
  stand("limit_lean", stand_in::lean, false);
  stand("limit_lean_sorted", stand_in::lean, true);
  stand("limit_mid_sorted", stand_in::mid, true);
  pick_best(out, {"limit_lean", "limit_lean_sorted", "limit_mid_sorted"});
  report_limit(out, "limit_caf_alone",
               caf_and_journal(p, shapes, {.database = false}, p.limit_seconds / 2), actions);
  report_limit(out, "limit_rocksdb",
               rocksdb_alone(p, shapes, batch_of(seen.commits_a_sync()), p.limit_seconds), actions);
  report_disk(out, p);
  report_ratio(out, "ratio_to_caf_journal", "limit_caf_journal");
  report_ratio(out, "ratio_to_rocksdb", "limit_rocksdb");
  return out;
}

namespace {

/// Stand-ins of the fan-out: a record an action, and as many commits as the engine makes.
void report_fan_out_limits(run_result& out, const params& p, const load_result& seen) {
  const auto actions = static_cast<double>(p.fan + 1);
  const double groups =
      std::max(1.0, static_cast<double>(seen.commits) / static_cast<double>(seen.finished) - 2);
  const auto group = static_cast<std::size_t>(
      std::clamp(std::ceil(static_cast<double>(p.fan) / groups), 1.0, static_cast<double>(p.fan)));
  std::vector<workflow_shape> coalesced;
  std::vector<workflow_shape> single;
  for (std::size_t i = 0; i < 4; ++i) {
    coalesced.push_back(record_fan_out(p, group, i + 1));
    const auto& all = coalesced.back();
    std::size_t middle = 0;
    for (std::size_t c = 1; c + 1 < all.size(); ++c) middle += all[c].bytes();
    fast_random random(i);
    const std::string key = std::string(3, 'W') + std::string(id_bytes, '0') + "12345678";
    const std::size_t each = std::max<std::size_t>(middle / p.fan, key.size());
    single.push_back(
        {all.front(), commit_shape(key, 3, random_payload(random, each - key.size())), all.back()});
  }
  out.set("commit_bytes_per_workflow", static_cast<double>(bytes_of(coalesced.front())));
  out.set("actions_per_commit", static_cast<double>(group));
  const auto run = [&](const char* name, const auto& shapes, stand_in how, bool database) {
    report_limit(
        out, name,
        caf_and_journal(p, shapes, {.how = how, .fan = p.fan, .group = group, .database = database},
                        p.limit_seconds),
        actions);
  };
  run("limit_lean", single, stand_in::lean, true);
  run("limit_coalesced", coalesced, stand_in::coalesced, true);
  run("limit_caf_alone", coalesced, stand_in::coalesced, false);
  pick_best(out, {"limit_lean", "limit_coalesced"});
  const auto batch = std::min<std::size_t>(batch_of(seen.commits_a_sync()), p.concurrency);
  report_limit(out, "limit_rocksdb", rocksdb_alone(p, coalesced, batch, p.limit_seconds), actions);
  report_disk(out, p);
  report_ratio(out, "ratio_to_caf_journal", "limit_caf_journal");
  report_ratio(out, "ratio_to_rocksdb", "limit_rocksdb");
}

}  // namespace

run_result run_fan_out(const params& p) {
  require(p.fan < 60'000, "a fan of at most 60,000");
  const auto seen = run_load(p, fan_out_maker(p));
  run_result out;
  seen.report(out);
  if (p.limits) report_fan_out_limits(out, p, seen);
  return out;
}

namespace {

/// How late retries came, from the histories of finished workflows.
histogram retry_lateness(const engine& e) {
  list_query completed;
  completed.status = workflow_status::completed;
  completed.limit = 1'000;
  const auto listed = e.list(completed);
  require(listed.has_value(), "list failed");
  histogram late_ms;
  for (const auto& w : listed->items) {
    const auto events = e.history(w.id);
    require(events.has_value(), "history failed");
    std::map<std::string, wall_time> due;
    for (const auto& event : *events) {
      if (event.kind == "retry_scheduled") {
        const auto data = json::parse(event.data, nullptr, false);
        const auto at = model::parse_timestamp(data.value("next_retry_at", ""));
        require(at.has_value(), "a retry_scheduled event without its time");
        due[event.action] = *at;
      } else if (event.kind == "attempt_started" && due.contains(event.action)) {
        late_ms.record((event.at - due[event.action]).count());
        due.erase(event.action);
      }
    }
  }
  return late_ms;
}

}  // namespace

run_result run_retry_storm(const params& p) {
  auto planned = p;
  if (planned.fail_share <= 0) planned.fail_share = 0.2;
  load driver(planned, sequential_maker(planned));
  auto o = engine_options(planned);
  add_step_handler(o, planned);
  o.retry.max_attempts = 20;  // 0.2 to the 20th: none gives up
  o.retry.min_wait = milliseconds(100);
  driver.watch(o);
  auto e = open_engine(planned, std::move(o));
  driver.start(e);
  const auto seen = driver.measure();
  driver.stop();
  run_result out;
  seen.report(out);
  out.set("attempts_per_s", static_cast<double>(seen.attempts) / seen.seconds);
  out.set("attempts_per_action",
          static_cast<double>(seen.attempts) / static_cast<double>(seen.actions));
  const auto late_ms = retry_lateness(e);
  out.set("retries_looked_at", static_cast<double>(late_ms.count()));
  out.set_percentiles("retry_late", late_ms, "ms", 1);
  e.close();
  if (!p.limits) return out;
  // The same workflows if nothing failed.
  const auto shapes = sequential_shapes(p);
  report_limit(out, "limit_lean_sorted", caf_and_journal(p, shapes, {}, p.limit_seconds),
               static_cast<double>(p.steps));
  pick_best(out, {"limit_lean_sorted"});
  report_ratio(out, "ratio_to_caf_journal", "limit_caf_journal");
  report_disk(out, p);
  return out;
}

namespace {

/// One client that reads: a workflow, its history, and a page of the list, in turn, at a fixed
/// rate.
void query_loop(const engine& e, double rate, const std::atomic<bool>& stop, histogram& took_ns,
                std::uint64_t& failures) {
  const std::int64_t origin = now_ns();
  list_query newest;
  newest.limit = 20;
  std::string id;
  for (std::uint64_t n = 0; !stop; ++n) {
    const auto due = origin + static_cast<std::int64_t>(static_cast<double>(n) * 1e9 / rate);
    if (const auto left = due - now_ns(); left > 0) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(left));
    }
    bool ok = true;
    if (n % 3 == 0 || id.empty()) {
      const auto page = e.list(newest);
      ok = page.has_value();
      if (ok && !page->items.empty()) id = page->items[n % page->items.size()].id;
    } else if (n % 3 == 1) {
      ok = e.get(id).has_value();
    } else {
      ok = e.history(id).has_value();
    }
    took_ns.record(now_ns() - due);
    if (!ok) ++failures;
  }
}

}  // namespace

run_result run_mixed(const params& p) {
  const auto alone = run_load(p, sequential_maker(p));
  load driver(p, sequential_maker(p));
  auto o = engine_options(p);
  add_step_handler(o, p);
  driver.watch(o);
  auto e = open_engine(p, std::move(o));
  driver.start(e);
  std::atomic<bool> stop{false};
  histogram queries;
  std::uint64_t failures = 0;
  const double rate = p.queries_per_second > 0 ? p.queries_per_second : 500;
  std::thread reader([&] { query_loop(e, rate, stop, queries, failures); });
  load_result seen;
  try {
    seen = driver.measure();
  } catch (...) {
    stop = true;
    reader.join();
    throw;
  }
  stop = true;
  reader.join();
  driver.stop();
  e.close();
  run_result out;
  seen.report(out);
  out.set("queries_per_s",
          static_cast<double>(queries.count()) / (seen.seconds + p.warmup_seconds));
  out.set("query_failures", static_cast<double>(failures));
  out.set_percentiles("query", queries, "ms", 1e6);
  const double without = static_cast<double>(alone.actions) / alone.seconds;
  out.set("limit_without_queries_actions_per_s", without);
  out.set("ratio_to_without_queries", out.get("actions_per_s") / without);
  if (p.limits) report_disk(out, p);
  return out;
}

run_result run_retention(const params& p) {
  const auto alone = run_load(p, sequential_maker(p));
  histogram beyond;  // the count
  std::uint64_t removed = 0;
  std::uint64_t beyond_at_rest = 0;
  const auto beyond_now = [&](const engine& e) {
    const auto stats = e.stats();
    removed = stats.removed;
    return stats.completed - std::min<std::uint64_t>(stats.completed, p.workflows);
  };
  watcher watch;
  watch.each_100_ms = [&](const engine& e) {
    beyond.record(static_cast<std::int64_t>(beyond_now(e)));
  };
  watch.at_end = [&](const engine& e) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    beyond_at_rest = beyond_now(e);
  };
  const auto seen = run_load(p, sequential_maker(p), {.completed = {.count = p.workflows}}, watch);
  run_result out;
  seen.report(out);
  out.set("removed", static_cast<double>(removed));
  out.set("kept", static_cast<double>(p.workflows));
  out.set("beyond_p50", static_cast<double>(beyond.percentile(50)));
  out.set("beyond_most", static_cast<double>(beyond.most()));
  out.set("beyond_1_s_after", static_cast<double>(beyond_at_rest));
  // How long ago the oldest that is still there should have gone, at the most.
  out.set("behind_most_s", static_cast<double>(beyond.most()) / out.get("workflows_per_s"));
  const double without = static_cast<double>(alone.actions) / alone.seconds;
  out.set("limit_without_retention_actions_per_s", without);
  out.set("ratio_to_without_retention", out.get("actions_per_s") / without);
  return out;
}

}  // namespace tenax::bench
