// Whether a crowd holds up those who have nothing to do with it: overdue timers after a downtime,
// and workflows that wait for a lane whose handlers hang.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <mutex>

#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/scenarios.hpp"
#include "bench/sleepers.hpp"

namespace tenax::bench {

// --- overdue ---

namespace {

/// Of each new wait and each new deadline.
constexpr std::int64_t new_timer_ms = 50;
/// Made before the downtime, to come due after it.
constexpr std::size_t old_deadlines = 500;
constexpr double downtime_seconds = 2;
constexpr double old_deadlines_spread_seconds = 5;

/// Sleeps for an hour unless its deadline comes first.
workflow_spec with_deadline(const char* name, std::int64_t ms) {
  auto s = sleeper(3'600'000);
  s.name = name;
  s.deadline = milliseconds(std::max<std::int64_t>(ms, 1));
  s.reference = std::to_string(wall_ms() + ms);
  return s;
}

/// Lateness of three kinds of timers, to the moment their workflow's end was durable.
class lateness {
 public:
  /// `reference` is when it was due, by the wall clock.
  void ended(const workflow_summary& s) {
    const std::int64_t now = wall_ms();
    const std::lock_guard lock(mutex_);
    std::int64_t due = 0;
    std::from_chars(s.reference.data(), s.reference.data() + s.reference.size(), due);
    auto& kind = s.name == "new-wait"       ? new_wait_
                 : s.name == "new-deadline" ? new_deadline_
                                            : old_deadline_;
    kind.record(now - due);
  }
  /// Those that have not fired count as so late: `waits` and `deadlines` are the new ones.
  void give_up(std::size_t waits, std::size_t deadlines, std::int64_t late_ms, run_result& out) {
    const std::lock_guard lock(mutex_);
    double missing = 0;
    const auto fill_up = [&](histogram& h, std::size_t expected) {
      for (; h.count() < expected; ++missing) h.record(late_ms);
    };
    fill_up(new_wait_, waits);
    out.set("missing_new_waits", missing);
    fill_up(new_deadline_, deadlines);
    fill_up(old_deadline_, old_deadlines);
    out.set("missing", missing);
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return new_wait_.count() + new_deadline_.count() + old_deadline_.count();
  }
  void report(run_result& out) const {
    const std::lock_guard lock(mutex_);
    out.set("new_waits", static_cast<double>(new_wait_.count()));
    out.set_percentiles("new_wait_late", new_wait_, "ms", 1);
    out.set("new_deadlines", static_cast<double>(new_deadline_.count()));
    out.set_percentiles("new_deadline_late", new_deadline_, "ms", 1);
    out.set("old_deadlines", static_cast<double>(old_deadline_.count()));
    out.set_percentiles("old_deadline_late", old_deadline_, "ms", 1);
  }

 private:
  mutable std::mutex mutex_;
  histogram new_wait_;
  histogram new_deadline_;
  histogram old_deadline_;
};

/// Submits new timers at a fixed rate, as long as it is told to.
class newcomers {
 public:
  newcomers(engine& e, double rate) : engine_(e), gap_ns_(1e9 / rate), begun_ns_(now_ns()) {}

  /// All that are due by now.
  void catch_up() {
    while (static_cast<double>(submitted_) * gap_ns_ < static_cast<double>(now_ns() - begun_ns_)) {
      auto s =
          submitted_ % 2 == 0 ? sleeper(new_timer_ms) : with_deadline("new-deadline", new_timer_ms);
      if (submitted_ % 2 == 0) {
        s.name = "new-wait";
        s.reference = std::to_string(wall_ms() + new_timer_ms);
      }
      engine_.submit_async(s, [this](const result<submission>& r) {
        if (!r) ++refused_;
      });
      ++submitted_;
    }
  }
  [[nodiscard]] std::size_t submitted() const noexcept { return submitted_; }
  [[nodiscard]] std::size_t refused() const noexcept { return refused_; }

 private:
  engine& engine_;
  const double gap_ns_;
  const std::int64_t begun_ns_;
  std::size_t submitted_ = 0;
  std::atomic<std::size_t> refused_{0};
};

}  // namespace

/// Makes the crowd and ends as in a crash once all of it is due.
run_result run_overdue_fill(const params& p) {
  bulk many(1'024);
  // Never closed.
  auto* e = new engine(open_engine(p, engine_options(p)));
  fast_random random(7);
  const std::int64_t due_ms = wall_ms() + static_cast<std::int64_t>((allowance(p) + 2) * 1e3);
  const std::int64_t opened_ms = due_ms + static_cast<std::int64_t>(downtime_seconds * 1e3);
  for (std::size_t i = 0; i < old_deadlines; ++i) {
    const auto at =
        opened_ms + 500 +
        static_cast<std::int64_t>(random.uniform() * old_deadlines_spread_seconds * 1e3);
    many.submit(*e, with_deadline("old-deadline", at - wall_ms()));
  }
  for (std::size_t i = 0; i < p.workflows; ++i) {
    const auto due = due_ms + static_cast<std::int64_t>(random.uniform() * 1e3);
    many.submit(*e, sleeper(std::max<std::int64_t>(due - wall_ms(), 1)));
  }
  many.wait_acknowledged(p.workflows + old_deadlines, 60);
  wait_asleep(*e, p.workflows + old_deadlines);
  require(wall_ms() < due_ms, "making the sleepers took longer than planned: see --allow");
  run_result out;
  out.set("opens_at_ms", static_cast<double>(opened_ms));
  return out;
}

run_result run_overdue(const params& p) {
  auto fill = p;
  fill.scenario = "overdue-fill";
  const auto filled = run_in_child(fill, 3 * allowance(p) + 900);
  rest((filled.get("opens_at_ms") - static_cast<double>(wall_ms())) / 1e3);

  lateness late;
  std::atomic<std::size_t> woke{0};
  std::atomic<std::int64_t> crowd_gone_ns{0};
  auto o = engine_options(p);
  o.on_finished = [&](const workflow_summary& s) {
    if (s.name != "sleeper") return late.ended(s);
    if (++woke == p.workflows) crowd_gone_ns = now_ns();
  };
  const std::int64_t begun = now_ns();
  const auto since = [&] { return static_cast<double>(now_ns() - begun) / 1e9; };
  auto e = open_engine(p, std::move(o));
  run_result out;
  out.set("opened_s", since());
  newcomers fresh(e, p.rate);
  // Beside the crowd, and long enough for the old deadlines.
  while (crowd_gone_ns == 0 || since() < old_deadlines_spread_seconds + 1) {
    fresh.catch_up();
    rest(0.002);
    require(since() < 600, std::to_string(woke) + " overdue timers have fired after 600 s");
  }
  const auto expected = fresh.submitted() + old_deadlines;
  constexpr double patience_seconds = 20;
  const double until = since() + patience_seconds;
  while (late.count() < expected && since() < until) rest(0.01);
  out.set("crowd_gone_s", static_cast<double>(crowd_gone_ns - begun) / 1e9);
  out.set("refused", static_cast<double>(fresh.refused()));
  late.give_up((fresh.submitted() + 1) / 2, fresh.submitted() / 2,
               static_cast<std::int64_t>(patience_seconds * 1e3), out);
  late.report(out);
  out.set("peak_rss_mb", static_cast<double>(peak_rss_bytes()) / 1e6);
  e.close();
  return out;
}

// --- lanes ---

/// p.workflows wait for a lane of two whose handlers hang; beside them the sequential load.
run_result run_lanes_part(const params& p) {
  bulk many(1'024);
  load driver(p, sequential_maker(p));
  auto o = engine_options(p);
  add_step_handler(o, p);
  action_options how;
  how.max_running = 2;
  o.handlers.add(
      "hang",
      [](const action_context& c) {
        while (!c.stop.stop_requested()) rest(0.01);
        return outcome::success();
      },
      how);
  driver.watch(o);
  auto e = open_engine(p, std::move(o));
  run_result out;
  const auto hanging = workflow_builder("hanging").action("a", "hang").build();
  const std::int64_t begun = now_ns();
  for (std::size_t i = 0; i < p.workflows; ++i) many.submit(e, hanging);
  many.wait_acknowledged(p.workflows, 120);
  out.set("crowd_made_s", static_cast<double>(now_ns() - begun) / 1e9);
  rest(p.quiet_seconds);
  out.set("rss_bytes", static_cast<double>(rss_bytes()));
  out.set("active_workflows", static_cast<double>(e.stats().active));
  driver.start(e);
  try {
    driver.measure().report(out);
  } catch (const run_error&) {
    out.set("actions_per_s", 0);  // nothing ended: the crowd holds it up
    out.set("cpu_us_per_action", 0);
  }
  out.set("peak_rss_mb", static_cast<double>(peak_rss_bytes()) / 1e6);
  e.close();
  return out;
}

run_result run_lanes(const params& p) {
  const double seconds_max = 3 * allowance(p) + p.quiet_seconds + p.seconds + 300;
  const auto alone = run_part(p, "lanes-part", 0, seconds_max);
  const auto crowded = run_part(p, "lanes-part", p.workflows, seconds_max);
  run_result out;
  out.set("workflows", static_cast<double>(p.workflows));
  for (const char* name : {"crowd_made_s", "active_workflows", "rss_bytes", "peak_rss_mb"}) {
    out.set(name, crowded.get(name));
  }
  out.set("rss_empty_bytes", alone.get("rss_bytes"));
  out.set("memory_per_waiting_bytes",
          (crowded.get("rss_bytes") - alone.get("rss_bytes")) / static_cast<double>(p.workflows));
  for (const char* name : {"actions_per_s", "cpu_us_per_action"}) {
    out.set(name, crowded.get(name));
    out.set(std::string("limit_alone_") + name, alone.get(name));
  }
  out.set("ratio_beside_to_alone", crowded.get("actions_per_s") / alone.get("actions_per_s"));
  return out;
}

}  // namespace tenax::bench
