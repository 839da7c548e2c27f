// A million workflows asleep at once: how fast they are made, what each takes in memory, how late
// they wake; and what a start after a crash does with them.
#include <chrono>
#include <memory>
#include <thread>

#include <rocksdb/db.h>

#include "bench/limits.hpp"
#include "bench/payload.hpp"
#include "bench/plan.hpp"
#include "bench/scenarios.hpp"
#include "bench/sleepers.hpp"
#include "storage/data_dir.hpp"
#include "storage/rocks_options.hpp"

namespace tenax::bench {

namespace {

void report_creation_limit(run_result& out, const params& p) {
  std::vector<workflow_shape> shapes;
  for (std::size_t i = 0; i < shape_variants; ++i) shapes.push_back(record_sleeper(i + 1));
  const auto limit = caf_and_journal(p, shapes, {}, p.limit_seconds);
  out.set("limit_caf_journal_workflows_per_s", limit.workflows_per_s);
  out.set("ratio_creation_to_caf_journal", out.get("created_per_s") / limit.workflows_per_s);
  sync_probe probe(p.dir, 300);
  histogram took;
  probe.run(std::min(p.limit_seconds, 1.0), took);
  report_fdatasync(out, took);
}

/// What an action costs that is one step of three, with no timer.
void report_wake_cpu_limit(run_result& out, const params& p) {
  auto q = defaults_of("sequential");
  q.durability = p.durability;
  q.limits = false;
  q.seconds = p.seconds;
  q.warmup_seconds = p.warmup_seconds;
  q.dir = p.dir + "/part-sequential";
  std::filesystem::create_directories(q.dir);
  const double cpu = run_in_child(q, 600).get("cpu_us_per_action");
  remove_tree(q.dir);
  out.set("limit_sequential_cpu_us_per_action", cpu);
  out.set("ratio_wake_cpu_to_sequential_action", out.get("wake_cpu_us_each") / cpu);
}

}  // namespace

run_result run_timers_part(const params& p) {
  wake_watch watch;
  bulk many(1'024);
  auto o = engine_options(p);
  o.on_finished = [&](const workflow_summary& s) {
    watch.wake(s);
    many.finished();
  };
  auto e = open_engine(p, std::move(o));
  run_result out;
  if (p.workflows == 0) {
    rest(p.quiet_seconds);
    out.set("rss_bytes", static_cast<double>(rss_bytes()));
    return out;
  }
  fast_random random(7);
  const std::int64_t begun = now_ns();
  const std::int64_t wake_ms =
      wall_ms() + static_cast<std::int64_t>((allowance(p) + p.quiet_seconds + 2) * 1e3);
  for (std::size_t i = 0; i < p.workflows; ++i) {
    const auto due = wake_ms + static_cast<std::int64_t>(random.uniform() * p.spread_seconds * 1e3);
    many.submit(e, sleeper(std::max<std::int64_t>(due - wall_ms(), 1)));
  }
  many.wait_acknowledged(p.workflows, 60);
  const std::int64_t asleep = wait_asleep(e, p.workflows);
  out.set("created_per_s",
          static_cast<double>(p.workflows) / (static_cast<double>(asleep - begun) / 1e9));
  rest(p.quiet_seconds);
  require(wall_ms() < wake_ms,
          "making the sleepers took longer than planned, some woke already: see --allow");
  out.set("rss_bytes", static_cast<double>(rss_bytes()));
  out.set("open_workflows", static_cast<double>(e.stats().open));
  rest(static_cast<double>(std::max<std::int64_t>(wake_ms - wall_ms(), 0)) / 1e3);
  const double cpu = cpu_seconds();
  many.wait_finished(p.workflows, p.spread_seconds + 300);
  out.set("wake_cpu_us_each", (cpu_seconds() - cpu) * 1e6 / static_cast<double>(p.workflows));
  watch.report(out);
  e.close();
  return out;
}

run_result run_timers(const params& p) {
  const double seconds_max = 3 * allowance(p) + p.spread_seconds + p.quiet_seconds + 900;
  const double empty = run_part(p, "timers-part", 0, seconds_max).get("rss_bytes");
  const auto full = run_part(p, "timers-part", p.workflows, seconds_max);
  run_result out;
  out.set("workflows", static_cast<double>(p.workflows));
  out.set("rss_empty_bytes", empty);
  for (const auto& [name, value] : full.numbers) {
    if (name != others_cpu) out.set(name, value);  // measured for the whole run
  }
  out.set("memory_per_sleeper_bytes",
          (full.get("rss_bytes") - empty) / static_cast<double>(p.workflows));
  out.series = full.series;
  report_wake_cpu_limit(out, p);
  if (p.limits) report_creation_limit(out, p);
  return out;
}

// --- recovery ---

namespace {

/// Timers that come due while the engine starts; the others sleep for an hour.
constexpr std::size_t soon_most = 20'000;
constexpr double soon_spread_seconds = 10;

/// A copy of the database as the crash left it: files that never change are linked.
std::filesystem::path copy_database(const std::filesystem::path& from,
                                    const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    if (!entry.is_regular_file()) continue;
    const auto target = to / entry.path().filename();
    if (entry.path().extension() == ".sst") {
      std::filesystem::create_hard_link(entry.path(), target);
    } else {
      std::filesystem::copy_file(entry.path(), target);
    }
  }
  return to;
}

double time_rocksdb_open(const params& p, const std::filesystem::path& database) {
  const auto how = storage::writer_options(store_options_of(p));
  const std::int64_t begin = now_ns();
  const auto db = open_database(how, database);
  const double took = static_cast<double>(now_ns() - begin) / 1e9;
  db->Close().PermitUncheckedError();
  return took;
}

}  // namespace

run_result run_recovery_fill(const params& p) {
  bulk many(1'024);
  // Never closed: the process ends as in a crash.
  auto* e = new engine(open_engine(p, engine_options(p)));
  fast_random random(7);
  const std::size_t soon = std::min(soon_most, p.workflows / 2);
  const std::int64_t soon_ms = wall_ms() + static_cast<std::int64_t>((allowance(p) + 2) * 1e3);
  const std::size_t stride = p.workflows / soon;
  std::size_t due_soon = 0;
  for (std::size_t i = 0; i < p.workflows; ++i) {
    const bool early = i % stride == 0;
    if (early) ++due_soon;
    const auto due =
        early ? soon_ms + static_cast<std::int64_t>(random.uniform() * soon_spread_seconds * 1e3)
              : wall_ms() + 3'600'000 + static_cast<std::int64_t>(random.uniform() * 600'000);
    many.submit(*e, sleeper(std::max<std::int64_t>(due - wall_ms(), 1)));
  }
  many.wait_acknowledged(p.workflows, 60);
  wait_asleep(*e, p.workflows);
  require(wall_ms() < soon_ms, "making the sleepers took longer than planned: see --allow");
  // The first ones come due half a second after the start.
  rest(static_cast<double>(std::max<std::int64_t>(soon_ms - 500 - wall_ms(), 0)) / 1e3);
  run_result out;
  out.set("due_soon", static_cast<double>(due_soon));
  return out;
}

run_result run_recovery(const params& p) {
  auto fill = p;
  fill.scenario = "recovery-fill";
  const auto filled = run_in_child(fill, 3 * allowance(p) + 900);
  const auto data = std::filesystem::path(p.dir) / "data";
  const auto due_soon = static_cast<std::size_t>(filled.get("due_soon"));
  std::filesystem::path copy;
  if (p.limits) {
    copy = copy_database(storage::database_dir(data), std::filesystem::path(p.dir) / "copy");
  }

  const std::int64_t started_ms = wall_ms();
  const std::int64_t begun = now_ns();
  const auto since = [&] { return static_cast<double>(now_ns() - begun) / 1e9; };
  wake_watch watch(started_ms);
  bulk many(16);
  auto o = engine_options(p);
  o.on_finished = [&](const workflow_summary& s) {
    if (watch.wake(s)) many.finished();
  };
  auto e = open_engine(p, std::move(o));
  run_result out;
  out.set("workflows", static_cast<double>(p.workflows));
  out.set("opened_s", since());
  const auto accepted = e.submit(workflow_builder("first").action("a", "noop").build());
  require(accepted.has_value(), "the first submit failed");
  out.set("accepting_s", since());
  require(e.await(accepted->id, milliseconds(60'000)).has_value(), "the first workflow hangs");
  out.set("first_workflow_s", since());
  many.wait_finished(due_soon, 120);
  out.set("due_timers", static_cast<double>(due_soon));
  out.set("first_timer_s", static_cast<double>(watch.first_ms() - started_ms) / 1e3);
  out.set("all_due_fired_s", since());
  watch.report(out);
  out.set("late_max_s", watch.most_late_seconds());
  out.set("rss_bytes", static_cast<double>(rss_bytes()));
  e.close();
  if (p.limits) {
    const double limit = time_rocksdb_open(p, copy);
    out.set("limit_rocksdb_open_s", limit);
    out.set("ratio_open_to_rocksdb", limit > 0 ? out.get("opened_s") / limit : 0);
  }
  return out;
}

}  // namespace tenax::bench
