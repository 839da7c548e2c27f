// What a finished workflow leaves on the disk, and whether memory stays flat over a long time.
#include <algorithm>
#include <memory>

#include <rocksdb/db.h>

#include "bench/bulk.hpp"
#include "bench/limits.hpp"
#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/scenarios.hpp"
#include "storage/data_dir.hpp"
#include "storage/rocks_options.hpp"

namespace tenax::bench {

namespace {

/// Live table bytes after a full compaction.
double compacted_bytes(const params& p, const std::filesystem::path& database) {
  const auto db = open_database(storage::writer_options(store_options_of(p)), database);
  rocksdb::CompactRangeOptions how;
  how.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const auto status = db->CompactRange(how, nullptr, nullptr);
  require(status.ok(), "cannot compact: " + status.ToString());
  std::uint64_t bytes = 0;
  require(db->GetIntProperty("rocksdb.live-sst-files-size", &bytes), "no size");
  db->Close().PermitUncheckedError();
  return static_cast<double>(bytes);
}

/// Bytes that a database of nothing but the payloads takes: what no format could beat.
double payload_only_bytes(const params& p) {
  const auto db = open_limit_db(p, "limit-payload");
  fast_random random(99);
  char id[id_bytes];
  rocksdb::WriteOptions how;
  for (std::size_t i = 0; i < p.workflows; ++i) {
    put_id(id, i);
    // Input and result of a "step" are the same bytes, stored twice; zstd sees the second copy
    // only where the format puts both within its window, so a limit stores them once.
    const auto value = random_payload(random, p.payload_bytes * p.steps);
    require(db->Put(how, rocksdb::Slice(id, id_bytes), value).ok(), "a write failed");
  }
  db->Close().PermitUncheckedError();
  return compacted_bytes(p, std::filesystem::path(p.dir) / "limit-payload");
}

}  // namespace

run_result run_disk(const params& p) {
  // Results are random too, and not the input again.
  auto o = engine_options(p);
  std::mutex mutex;
  fast_random results(4'711);
  action_options how;
  how.mode = run_mode::in_place;
  o.handlers.add(
      "step",
      [&](const action_context&) {
        const std::lock_guard lock(mutex);
        return outcome::success(random_payload(results, p.payload_bytes));
      },
      how);
  bulk many(1'024);
  o.on_finished = [&](const workflow_summary&) { many.finished(); };
  run_result out;
  {
    auto e = open_engine(p, std::move(o));
    const auto make = sequential_maker(p);
    fast_random inputs(1);
    for (std::size_t i = 0; i < p.workflows; ++i) {
      many.wait_room(i, 1'024);
      many.submit(e, make(inputs));
    }
    many.wait_finished(p.workflows, 300);
    e.close();
  }
  const auto count = static_cast<double>(p.workflows);
  out.set("workflows", count);
  const double bytes =
      compacted_bytes(p, storage::database_dir(std::filesystem::path(p.dir) / "data"));
  out.set("disk_bytes_per_workflow", bytes / count);
  const auto payload = static_cast<double>(2 * p.steps * p.payload_bytes);
  out.set("payload_bytes_per_workflow", payload);
  auto twice = p;
  twice.payload_bytes *= 2;
  const double limit = payload_only_bytes(twice) / count;
  out.set("limit_payload_only_bytes", limit);
  out.set("ratio_to_payload_only", bytes / count / limit);
  return out;
}

namespace {

struct sample {
  double seconds = 0;
  double rss = 0;
};

/// Least squares: bytes a second.
double slope(const std::vector<sample>& samples) {
  double x = 0;
  double y = 0;
  for (const auto& s : samples) {
    x += s.seconds;
    y += s.rss;
  }
  const auto n = static_cast<double>(std::max<std::size_t>(samples.size(), 1));
  x /= n;
  y /= n;
  double above = 0;
  double below = 0;
  for (const auto& s : samples) {
    above += (s.seconds - x) * (s.rss - y);
    below += (s.seconds - x) * (s.seconds - x);
  }
  return below > 0 ? above / below : 0;
}

}  // namespace

/// In its own process: the memory of RocksDB alone after the rows of p.workflows.
run_result run_soak_limit(const params& p) {
  std::vector<workflow_shape> shapes;
  for (std::size_t i = 0; i < shape_variants; ++i) shapes.push_back(record_sequential(p, i + 1));
  run_result out;
  out.set("rss_bytes", rocksdb_alone(p, shapes, 256, p.seconds, p.workflows).rss_bytes);
  return out;
}

run_result run_soak(const params& p) {
  load driver(p, sequential_maker(p));
  auto o = engine_options(p);
  add_step_handler(o, p);
  driver.watch(o);
  auto e = open_engine(p, std::move(o));
  driver.start(e);
  std::vector<sample> samples;
  json curve = json::array();
  std::uint64_t completed = e.stats().completed;
  double at = 0;
  double first_rate = 0;
  double last_rate = 0;
  const auto seen = driver.measure([&](double seconds) {
    const auto rss = static_cast<double>(rss_bytes());
    const std::uint64_t now = e.stats().completed;
    const double rate = static_cast<double>(now - completed) / std::max(seconds - at, 1e-3);
    if (first_rate == 0 && at > 0) first_rate = rate;
    last_rate = rate;
    completed = now;
    at = seconds;
    samples.push_back({seconds, rss});
    curve.push_back({seconds, rss, rate});
  });
  driver.stop();
  e.close();
  run_result out;
  seen.report(out);
  out.set("rss_first_bytes", samples.front().rss);
  out.set("rss_last_bytes", samples.back().rss);
  const std::vector<sample> later(samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2),
                                  samples.end());
  const double growth = slope(later);
  out.set("rss_growth_mib_per_hour", growth * 3600 / (1 << 20));
  out.set("rss_growth_of_second_half_percent",
          100 * growth * (later.back().seconds - later.front().seconds) / later.front().rss);
  out.set("rate_last_to_first", first_rate > 0 ? last_rate / first_rate : 0);
  if (p.limits) {
    auto alone = p;
    alone.scenario = "soak-limit";
    alone.workflows = seen.finished;  // as fast as it can
    const double limit = run_in_child(alone, p.seconds + 120).get("rss_bytes");
    out.set("limit_rocksdb_rss_bytes", limit);
    out.set("ratio_rss_to_rocksdb", samples.back().rss / limit);
  }
  out.series["soak_seconds_rss_rate"] = std::move(curve);
  return out;
}

}  // namespace tenax::bench
