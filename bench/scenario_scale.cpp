// Whether a step costs the same however much is in the store, and whether the due index and the
// listing stay quick after millions of deletes.
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include <rocksdb/db.h>

#include "bench/limits.hpp"
#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/scenarios.hpp"
#include "bench/sleepers.hpp"
#include "storage/data_dir.hpp"
#include "storage/keys.hpp"
#include "storage/rocks_options.hpp"
#include "storage/store.hpp"

namespace tenax::bench {

namespace {

/// Half of `workflows` finished, half asleep for an hour or more.
void fill(engine& e, bulk& many, const params& p) {
  const auto make = sequential_maker(p);
  fast_random random(11);
  std::size_t finishing = 0;
  for (std::size_t i = 0; i < p.workflows; ++i) {
    if (i % 2 == 0) {
      const auto hour_ms = 3'600'000 + static_cast<std::int64_t>(random.uniform() * 3'600'000);
      many.submit(e, sleeper(hour_ms));
    } else {
      auto spec = make(random);
      many.wait_room(finishing++, 1'024);
      many.submit(e, spec);
    }
  }
  many.wait_acknowledged(p.workflows, 60);
  many.wait_finished(finishing, 120);
}

/// Until the process does next to nothing.
void settle() {
  constexpr double look_seconds = 0.5;
  for (int n = 0; n < 240; ++n) {
    const double before = cpu_seconds();
    std::this_thread::sleep_for(std::chrono::duration<double>(look_seconds));
    if (cpu_seconds() - before < 0.02 * look_seconds) return;
  }
  require(false, "the process has not come to rest after 120 s");
}

/// Compacts what a closed engine has left in level 0 and returns the CPU seconds of that. RocksDB
/// would have done it a little later: without, up to seven of the load's twenty-odd flushes would
/// go uncounted, or those of the filling would count for the load. Opening the database and reading
/// its log again is not counted.
double take_up_rest(const params& p) {
  auto how = storage::writer_options(store_options_of(p));
  how.level0_file_num_compaction_trigger = 1;
  const auto db = open_database(how, storage::database_dir(std::filesystem::path(p.dir) / "data"));
  const double cpu = cpu_seconds();
  settle();
  const double used = cpu_seconds() - cpu;
  std::string left;
  require(db->GetProperty("rocksdb.num-files-at-level0", &left) && left == "0",
          "level 0 has not been compacted");
  db->Close().PermitUncheckedError();
  return used;
}

void fill_store(const params& p) {
  bulk many(1'024);
  auto o = engine_options(p);
  add_step_handler(o, p);
  o.on_finished = [&many](const workflow_summary&) { many.finished(); };
  auto e = open_engine(p, std::move(o));
  fill(e, many, p);
  e.close();
}

struct scale_result {
  load_result seen;
  /// Of the whole load, and of compacting what it left in level 0.
  double cpu_us_per_action = 0;
};

/// The sequential load on a store with p.workflows in it, opened anew.
scale_result run_on_filled_store(const params& p) {
  fill_store(p);
  (void)take_up_rest(p);
  scale_result out;
  double cpu = 0;
  double attempts = 0;
  {
    load driver(p, sequential_maker(p));
    auto o = engine_options(p);
    add_step_handler(o, p);
    driver.watch(o);
    auto e = open_engine(p, std::move(o));
    settle();
    cpu = cpu_seconds();
    driver.start(e);
    out.seen = driver.measure();
    driver.stop();
    cpu = cpu_seconds() - cpu;
    attempts = static_cast<double>(e.stats().attempts);
    e.close();
  }
  out.cpu_us_per_action = (cpu + take_up_rest(p)) * 1e6 / attempts;
  remove_tree(std::filesystem::path(p.dir) / "data");
  return out;
}

}  // namespace

run_result run_scale(const params& p) {
  auto small = p;
  small.workflows = 1'000;
  const auto few = run_on_filled_store(small);
  const auto many = run_on_filled_store(p);
  run_result out;
  out.set("workflows", static_cast<double>(p.workflows));
  many.seen.report(out);
  const double limit = static_cast<double>(few.seen.actions) / few.seen.seconds;
  out.set("settled_cpu_us_per_action", many.cpu_us_per_action);
  out.set("limit_1000_workflows_actions_per_s", limit);
  out.set("limit_1000_workflows_settled_cpu_us_per_action", few.cpu_us_per_action);
  out.set("ratio_to_1000_workflows", out.get("actions_per_s") / limit);
  out.set("cpu_ratio_to_1000_workflows", many.cpu_us_per_action / few.cpu_us_per_action);
  return out;
}

namespace {

/// Due entries that stay.
constexpr std::size_t live_timers = 100'000;
constexpr std::int64_t first_due_ms = 1'000'000'000'000;

std::unique_ptr<storage::store> open_store(const params& p, const std::string& name) {
  auto opened = storage::open_store(std::filesystem::path(p.dir) / name, store_options_of(p));
  require(opened.has_value(), opened ? "" : opened.error().to_string());
  return std::move(*opened);
}

/// Puts and removes `deleted` timers: each is removed once live_timers later ones are there.
void move_timers(storage::store& store, std::size_t deleted) {
  constexpr std::size_t group = 4'096;
  std::string key;
  storage::write_batch batch;
  const auto key_of = [&](std::size_t n) -> const std::string& {
    storage::keys::due(key, first_due_ms + static_cast<std::int64_t>(n), storage::timer_kind::retry,
                       "workflow-" + std::to_string(n), 0);
    return key;
  };
  for (std::size_t n = 0; n < deleted + live_timers;) {
    batch.clear();
    for (const std::size_t end = std::min(n + group, deleted + live_timers); n < end; ++n) {
      batch.put(key_of(n), {});
      if (n >= live_timers) batch.remove(key_of(n - live_timers));
    }
    const auto written = store.write(store.epoch(), {&batch});
    require(written.has_value(), written ? "" : written.error().to_string());
    // As the due actor does when it fills its window.
    require(store.due(storage::timer_group::start, {}, first_due_ms * 2, 1).has_value(),
            "the due index cannot be read");
  }
}

/// Nanoseconds to the first of the live entries, which is number `first`.
std::int64_t find_first(storage::store& in, std::size_t first) {
  const std::int64_t begin = now_ns();
  const auto found = in.due(storage::timer_group::start, {}, first_due_ms * 2, 1);
  const auto took = now_ns() - begin;
  require(found.has_value() && found->size() == 1, "no entry found");
  require(found->front().at_ms == first_due_ms + static_cast<std::int64_t>(first),
          "not the first entry");
  return took;
}

histogram find_again(storage::store& in, std::size_t first) {
  histogram took;
  for (int n = 0; n < 1'000; ++n) took.record(find_first(in, first));
  return took;
}

}  // namespace

run_result run_due_index(const params& p) {
  auto store = open_store(p, "data");
  const std::int64_t begun = now_ns();
  move_timers(*store, p.workflows);
  const double seconds = static_cast<double>(now_ns() - begun) / 1e9;
  run_result out;
  out.set("deleted", static_cast<double>(p.workflows));
  out.set("live", static_cast<double>(live_timers));
  out.set("moves_per_s", static_cast<double>(p.workflows + live_timers) / seconds);
  out.set("find_first_us", static_cast<double>(find_first(*store, p.workflows)) / 1e3);
  out.set_percentiles("find_again", find_again(*store, p.workflows), "us", 1e3);
  // After a start the bound comes from the store.
  store.reset();
  store = open_store(p, "data");
  out.set("find_first_after_open_us", static_cast<double>(find_first(*store, p.workflows)) / 1e3);
  store.reset();

  // The limit: the same live entries where nothing was ever deleted.
  store = open_store(p, "limit-undeleted");
  move_timers(*store, 0);
  const double limit = static_cast<double>(find_again(*store, 0).percentile(50)) / 1e3;
  out.set("limit_undeleted_find_again_p50_us", limit);
  out.set("ratio_to_undeleted", out.get("find_again_p50_us") / limit);
  return out;
}

namespace {

constexpr std::size_t page_limit = 100;
constexpr int pages_measured = 2'000;

/// Pages one after the other from where the query begins, `pages` at most.
void list_pages(const engine& e, list_query query, int pages, histogram& took_ns) {
  for (int n = 0; n < pages; ++n) {
    const std::int64_t begun = now_ns();
    auto page = e.list(query);
    took_ns.record(now_ns() - begun);
    require(page.has_value(), page ? "" : page.error().to_string());
    query.page_token = std::move(page->next_page_token);
    if (query.page_token.empty()) return;
  }
}

/// Open workflows, all and newest, from both ends and from anywhere between `first` and now.
void list_around(const engine& e, wall_time first, histogram& took_ns) {
  fast_random random(3);
  list_query query;
  query.limit = page_limit;
  for (const bool open : {true, false}) {
    for (const bool newest_first : {false, true}) {
      query.open = open;
      query.newest_first = newest_first;
      query.from.reset();
      list_pages(e, query, pages_measured / 8, took_ns);
      const auto span = static_cast<double>(wall_ms() - first.time_since_epoch().count());
      for (int n = 0; n < pages_measured / 16; ++n) {
        const auto at = first + milliseconds(static_cast<std::int64_t>(random.uniform() * span));
        (newest_first ? query.until : query.from) = at;
        list_pages(e, query, 2, took_ns);
      }
      query.until.reset();
    }
  }
}

}  // namespace

/// p.workflows sleepers; then half as many workflows that come and go, all but every thousandth,
/// and the same pages again.
run_result run_listing(const params& p) {
  bulk many(1'024);
  auto o = engine_options(p);
  add_step_handler(o, p);
  o.on_finished = [&many](const workflow_summary&) { many.finished(); };
  auto e = open_engine(p, std::move(o));
  const wall_time first{milliseconds(wall_ms())};
  constexpr std::int64_t hours_ms = 6 * 3'600'000;
  for (std::size_t n = 0; n < p.workflows; ++n) many.submit(e, sleeper(hours_ms));
  many.wait_acknowledged(p.workflows, 120);
  wait_asleep(e, p.workflows);
  run_result out;
  out.set("open", static_cast<double>(e.stats().open));
  histogram page;
  list_around(e, first, page);
  out.set_percentiles("page", page, "ms", 1e6);

  const auto make = sequential_maker(p);
  fast_random random(11);
  const std::size_t passing = p.workflows / 2;
  for (std::size_t n = 0; n < passing; ++n) {
    if (n % 1'000 == 0) many.submit(e, sleeper(hours_ms));
    many.wait_room(n, 1'024);
    many.submit(e, make(random));
  }
  many.wait_finished(passing, 120);
  histogram churned;
  list_around(e, first, churned);
  out.set_percentiles("churned_page", churned, "ms", 1e6);
  out.set("worst_page_p99_ms", std::max(out.get("page_p99_ms"), out.get("churned_page_p99_ms")));

  // The limit: what a page shows, one by one.
  list_query query;
  query.open = true;
  query.limit = page_limit;
  const auto shown = e.list(query);
  require(shown.has_value(), "no page");
  histogram alone;
  for (int n = 0; n < 200; ++n) {
    const std::int64_t begun = now_ns();
    for (const auto& w : shown->items) require(e.summary(w.id).has_value(), "no summary");
    alone.record(now_ns() - begun);
  }
  const double limit = static_cast<double>(alone.percentile(50)) / 1e6;
  out.set("limit_summaries_p50_ms", limit);
  out.set("ratio_to_summaries", out.get("churned_page_p50_ms") / limit);
  e.close();
  return out;
}

}  // namespace tenax::bench
