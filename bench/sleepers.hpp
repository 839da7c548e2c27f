// sleepers.hpp - workflows of one `wait` action, and how late they wake.
// Depends on include/tenax, bench/bulk. `wake` is thread safe.
#pragma once

#include <charconv>
#include <chrono>
#include <mutex>
#include <thread>

#include "bench/bulk.hpp"
#include "bench/machine.hpp"

namespace tenax::bench {

/// `description` carries the length of the sleep, so that a wake-up can tell when it was due
/// without a table of a million entries.
inline workflow_spec sleeper(std::int64_t sleep_ms) {
  workflow_spec s;
  s.name = "sleeper";
  s.description = std::to_string(sleep_ms);
  s.actions.resize(1);
  s.actions[0].key = "sleep";
  s.actions[0].type = "wait";
  char input[64];
  std::snprintf(input, sizeof input, "{\"seconds\":%lld.%03d}",
                static_cast<long long>(sleep_ms / 1000), static_cast<int>(sleep_ms % 1000));
  s.actions[0].input = input;
  return s;
}

inline void rest(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

/// Waits until every one of `count` workflows has been taken up, its first call made, and nothing
/// is committed any more. Returns when that was.
inline std::int64_t wait_asleep(const engine& e, std::size_t count) {
  std::uint64_t last = 0;
  std::int64_t since = now_ns();
  const std::int64_t begun = since;
  while (true) {
    const auto s = e.stats();
    if (s.commits != last) since = now_ns();
    last = s.commits;
    if (s.attempts >= count && now_ns() - since > 200'000'000) return since;
    require(now_ns() - begun < 600'000'000'000, "the sleepers are not asleep after 600 s");
    rest(0.01);
  }
}

/// Seconds that making so many sleepers may take at most: they must not wake before all are asleep.
inline double allowance(const params& p) {
  return p.allow_seconds > 0 ? p.allow_seconds : static_cast<double>(p.workflows) / 6'000 + 5;
}

/// Lateness of wake-ups. Those due before `not_before_ms` count from then: the engine was not
/// there.
class wake_watch {
 public:
  explicit wake_watch(std::int64_t not_before_ms = 0) : not_before_ms_(not_before_ms) {}

  /// To be called by options.on_finished; false if it is not a sleeper.
  bool wake(const workflow_summary& s) {
    if (s.name != "sleeper" || !s.started_at || !s.closed_at) return false;
    std::int64_t sleep_ms = 0;
    std::from_chars(s.description.data(), s.description.data() + s.description.size(), sleep_ms);
    const std::int64_t due =
        std::max(not_before_ms_, s.started_at->time_since_epoch().count() + sleep_ms);
    const std::int64_t woke = s.closed_at->time_since_epoch().count();
    const std::int64_t now = wall_ms();
    const std::lock_guard lock(mutex_);
    late_ms_.record(woke - due);
    durable_late_ms_.record(now - due);
    if (woke < due && not_before_ms_ == 0) ++early_;
    if (first_ms_ == 0) first_ms_ = now;
    return true;
  }
  /// Wall clock of the first wake-up; 0: none yet.
  [[nodiscard]] std::int64_t first_ms() const {
    const std::lock_guard lock(mutex_);
    return first_ms_;
  }
  void report(run_result& out) const {
    const std::lock_guard lock(mutex_);
    out.set_percentiles("late", late_ms_, "ms", 1);
    out.set("late_durable_p50_ms", static_cast<double>(durable_late_ms_.percentile(50)));
    out.set("late_durable_p99_ms", static_cast<double>(durable_late_ms_.percentile(99)));
    out.set("woke", static_cast<double>(late_ms_.count()));
    out.set("woke_early", static_cast<double>(early_));
  }
  [[nodiscard]] double most_late_seconds() const {
    const std::lock_guard lock(mutex_);
    return static_cast<double>(durable_late_ms_.most()) / 1e3;
  }

 private:
  const std::int64_t not_before_ms_;
  mutable std::mutex mutex_;
  histogram late_ms_;          ///< to the moment the wake-up was decided
  histogram durable_late_ms_;  ///< to the moment its end was durable
  std::uint64_t early_ = 0;
  std::int64_t first_ms_ = 0;
};

}  // namespace tenax::bench
