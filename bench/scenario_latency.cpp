// Latency: one workflow at a time against the disk's own, and submits at a fixed rate.
#include <condition_variable>
#include <mutex>

#include "bench/limits.hpp"
#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/scenarios.hpp"

namespace tenax::bench {

namespace {

/// One workflow at a time, timed to the moment its end is durable.
class one_at_a_time {
 public:
  explicit one_at_a_time(const params& p) : make_(sequential_maker(p)), random_(1) {
    auto o = engine_options(p);
    add_step_handler(o, p);
    o.on_finished = [this](const workflow_summary&) {
      const std::int64_t now = now_ns();
      const std::lock_guard lock(mutex_);
      ended_ns_ = now;
      changed_.notify_one();
    };
    engine_.emplace(open_engine(p, std::move(o)));
  }
  ~one_at_a_time() { engine_->close(); }
  one_at_a_time(const one_at_a_time&) = delete;
  one_at_a_time& operator=(const one_at_a_time&) = delete;

  void run(int count, histogram* took_ns) {
    for (int i = 0; i < count; ++i) {
      const auto spec = make_(random_);
      const std::int64_t begun = now_ns();
      const auto submitted = engine_->submit(spec);
      require(submitted.has_value(), "a submit failed");
      std::unique_lock lock(mutex_);
      require(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return ended_ns_ > 0; }),
              "a workflow did not end within 30 s");
      if (took_ns != nullptr) took_ns->record(ended_ns_ - begun);
      ended_ns_ = 0;
    }
  }
  [[nodiscard]] engine_stats stats() const { return engine_->stats(); }

 private:
  spec_maker make_;
  fast_random random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t ended_ns_ = 0;
  std::optional<engine> engine_;  // last: its threads use all of the above
};

}  // namespace

run_result run_latency(const params& p) {
  one_at_a_time subject(p);
  sync_probe probe(p.dir, 300);
  histogram workflows;
  histogram syncs;
  subject.run(100, nullptr);
  const auto before = subject.stats();
  // In turns, so that the disk's mood is the same for both.
  const std::int64_t end = now_ns() + static_cast<std::int64_t>(p.seconds * 1e9);
  while (now_ns() < end) {
    subject.run(20, &workflows);
    for (int i = 0; i < 40; ++i) probe.once(syncs);
  }
  const auto after = subject.stats();
  const auto count = static_cast<double>(workflows.count());
  run_result out;
  out.set("workflows", count);
  out.set_percentiles("latency", workflows, "ms", 1e6);
  out.set("commits_per_workflow", static_cast<double>(after.commits - before.commits) / count);
  out.set("syncs_per_workflow", static_cast<double>(after.syncs - before.syncs) / count);
  report_fdatasync(out, syncs);
  // The submit, and each action before the next.
  const double dependent = static_cast<double>(p.steps) + 1;
  const double limit = dependent * out.get("limit_fdatasync_p50_ms");
  out.set("dependent_commits", dependent);
  out.set("limit_p50_ms", limit);
  out.set("ratio_to_fdatasync", limit > 0 ? out.get("latency_p50_ms") / limit : 0);
  return out;
}

run_result run_submit(const params& p) {
  load driver(p, sequential_maker(p));
  auto o = engine_options(p);
  add_step_handler(o, p);
  driver.watch(o);
  auto e = open_engine(p, std::move(o));
  driver.start(e);
  const auto seen = driver.measure();
  driver.stop();
  e.close();
  run_result out;
  out.set("rate_asked_per_s", p.rate);
  out.set("workflows_per_s", static_cast<double>(seen.finished) / seen.seconds);
  out.set_percentiles("submit", seen.submit_ns, "ms", 1e6);
  out.set_percentiles("latency", seen.latency_ns, "ms", 1e6);
  out.set("cpu_cores_used", seen.cpu_seconds / seen.seconds);
  sync_probe probe(p.dir, 300);
  histogram took;
  probe.run(std::min(p.limit_seconds, 1.0), took);
  report_fdatasync(out, took);
  const double limit = out.get("limit_fdatasync_p50_ms");
  out.set("ratio_submit_p50_to_fdatasync", limit > 0 ? out.get("submit_p50_ms") / limit : 0);
  return out;
}

}  // namespace tenax::bench
