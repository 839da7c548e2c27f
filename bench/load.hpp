// load.hpp - what drives an engine: a closed loop (so many workflows in flight) or an open loop (so
// many a second, whatever the engine does), and what was seen meanwhile.
// Depends on include/tenax, bench/histogram. Thread safe where it says so.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/harness.hpp"
#include "bench/payload.hpp"
#include "tenax/engine.hpp"

namespace tenax::bench {

/// Makes the next workflow; called from one thread at a time.
using spec_maker = std::function<workflow_spec(fast_random&)>;

/// What was seen in the measured part of a run.
struct load_result {
  histogram latency_ns;  ///< submit (open loop: when it was to be submitted) to durable end
  histogram submit_ns;   ///< the same, to the durable submit
  double seconds = 0;
  std::uint64_t finished = 0;
  std::uint64_t actions = 0;  ///< completed, of finished workflows
  std::uint64_t commits = 0;
  std::uint64_t syncs = 0;
  std::uint64_t attempts = 0;
  double cpu_seconds = 0;
  std::uint64_t disk_bytes = 0;

  /// Rates, latency, CPU, commits by name.
  void report(run_result& out) const;
  [[nodiscard]] double commits_a_sync() const noexcept {
    return syncs == 0 ? 1 : static_cast<double>(commits) / static_cast<double>(syncs);
  }
};

/// Registers "step" (result = input) and, with fail_share > 0, makes it fail that often.
void add_step_handler(options& o, const params& p);
/// p.steps actions of type "step", one after the other.
[[nodiscard]] spec_maker sequential_maker(const params& p);
/// p.fan actions side by side, then one that waits for all.
[[nodiscard]] spec_maker fan_out_maker(const params& p);

class load {
 public:
  load(const params& p, spec_maker make);
  ~load();
  load(const load&) = delete;
  load& operator=(const load&) = delete;

  /// To be put into options before open.
  void watch(options& o);
  /// Begins; with p.rate > 0 at that rate, else with p.concurrency in flight.
  void start(engine& e);
  /// Waits for the warm-up, then measures for p.seconds and calls `look` every so many of them;
  /// null: nobody looks.
  load_result measure(const std::function<void(double)>& look = nullptr, double every_seconds = 1);
  /// Submits nothing more and waits until all have ended.
  void stop();

 private:
  void finished(const workflow_summary& s);
  /// Counts an end; true if the caller is to begin the slot anew.
  bool count_in(const workflow_summary& s, std::size_t& slot, std::int64_t now);
  void submit(std::size_t slot, std::int64_t begin_ns);
  void submitted(std::size_t slot, const result<submission>& r);
  void fail(std::string why);
  void pace();
  void resubmit_loop();
  void no_more();

  const params p_;
  const spec_maker make_;
  engine* engine_ = nullptr;
  std::int64_t origin_ns_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> counting_{false};

  std::mutex spec_mutex_;
  fast_random random_;
  std::vector<std::atomic<std::int64_t>> begun_ns_;  ///< by slot, closed loop

  std::mutex mutex_;
  std::condition_variable changed_;    ///< a failure, or something ended while stopping
  std::condition_variable slot_free_;  ///< for the driver
  // Guarded by mutex_.
  load_result seen_;
  std::size_t in_flight_ = 0;
  std::vector<std::size_t> free_slots_;
  std::string failure_;

  std::thread driver_;  ///< open loop, or closed loop with submit_from = thread
};

}  // namespace tenax::bench
