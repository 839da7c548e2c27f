// Whether a step costs the same however much is in the store, and whether the due index stays quick
// after millions of deletes.
#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/scenarios.hpp"
#include "bench/sleepers.hpp"
#include "storage/keys.hpp"
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
      spec.name = "fill";
      many.wait_room(finishing++, 1'024);
      many.submit(e, spec);
    }
  }
  many.wait_acknowledged(p.workflows, 60);
  many.wait_finished(finishing, 120);
}

/// Until the process does next to nothing: compactions run on after the load.
void settle() {
  constexpr double look_seconds = 0.5;
  for (int n = 0; n < 240; ++n) {
    const double before = cpu_seconds();
    std::this_thread::sleep_for(std::chrono::duration<double>(look_seconds));
    if (cpu_seconds() - before < 0.02 * look_seconds) return;
  }
  require(false, "the process has not come to rest after 120 s");
}

struct scale_result {
  load_result seen;
  /// Of the whole load, the compactions that it left behind included.
  double cpu_us_per_action = 0;
};

/// The sequential load on a store with p.workflows in it.
scale_result run_on_filled_store(const params& p) {
  load driver(p, sequential_maker(p));
  bulk many(1'024);
  auto o = engine_options(p);
  add_step_handler(o, p);
  driver.watch(o);
  o.on_finished = [&many, of_driver = o.on_finished](const workflow_summary& s) {
    s.name == "fill" ? many.finished() : of_driver(s);
  };
  auto e = open_engine(p, std::move(o));
  fill(e, many, p);
  settle();
  const double cpu = cpu_seconds();
  const auto attempts = e.stats().attempts;
  driver.start(e);
  scale_result out;
  out.seen = driver.measure();
  driver.stop();
  settle();
  out.cpu_us_per_action =
      (cpu_seconds() - cpu) * 1e6 / static_cast<double>(e.stats().attempts - attempts);
  e.close();
  std::filesystem::remove_all(std::filesystem::path(p.dir) / "data");
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

run_result run_due_index(const params& p) {
  constexpr std::size_t live = 100'000;  // entries that stay
  constexpr std::size_t group = 4'096;
  storage::store_options so;
  so.durability = p.durability == "async" ? durability::async : durability::sync;
  so.cache_bytes = p.cache_mib << 20;
  so.write_buffer_bytes = p.write_buffer_mib << 20;
  auto opened = storage::open_store(std::filesystem::path(p.dir) / "data", so);
  require(opened.has_value(), opened ? "" : opened.error().to_string());
  storage::store& store = **opened;

  // Each entry is put, and removed once `live` later ones are there, as timers are.
  constexpr std::int64_t first_ms = 1'000'000'000'000;
  std::string key;
  storage::write_batch batch;
  const auto key_of = [&](std::size_t n) -> const std::string& {
    storage::keys::due(key, first_ms + static_cast<std::int64_t>(n), storage::timer_kind::retry,
                       "workflow-" + std::to_string(n), 0);
    return key;
  };
  const std::int64_t begun = now_ns();
  for (std::size_t n = 0; n < p.workflows + live;) {
    batch.clear();
    for (const std::size_t end = std::min(n + group, p.workflows + live); n < end; ++n) {
      batch.put(key_of(n), {});
      if (n >= live) batch.remove(key_of(n - live));
    }
    const auto written = store.write(store.epoch(), {&batch});
    require(written.has_value(), written ? "" : written.error().to_string());
    // As the due actor does when it fills its window.
    require(store.due({}, first_ms * 2, 1).has_value(), "the due index cannot be read");
  }
  const double seconds = static_cast<double>(now_ns() - begun) / 1e9;

  const auto find_first = [&](storage::store& in) {
    const std::int64_t begin = now_ns();
    const auto found = in.due({}, first_ms * 2, 1);
    const auto took = static_cast<double>(now_ns() - begin) / 1e3;
    require(found.has_value() && found->size() == 1, "no entry found");
    require(found->front().at_ms == first_ms + static_cast<std::int64_t>(p.workflows),
            "not the first entry");
    return took;
  };
  run_result out;
  out.set("deleted", static_cast<double>(p.workflows));
  out.set("live", static_cast<double>(live));
  out.set("moves_per_s", static_cast<double>(p.workflows + live) / seconds);
  out.set("find_first_us", find_first(store));
  histogram again;
  for (int n = 0; n < 1'000; ++n) again.record(static_cast<std::int64_t>(find_first(store) * 1e3));
  out.set_percentiles("find_again", again, "us", 1e3);
  // After a start the bound comes from the store.
  opened->reset();
  opened = storage::open_store(std::filesystem::path(p.dir) / "data", so);
  require(opened.has_value(), opened ? "" : opened.error().to_string());
  out.set("find_first_after_open_us", find_first(**opened));
  return out;
}

}  // namespace tenax::bench
