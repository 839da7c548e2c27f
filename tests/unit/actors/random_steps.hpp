// random_steps.hpp - an engine in memory whose messages, commits and handlers happen in an order
// that a seed decides: for tests of what must hold in every order.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <utility>

#include "testing/driver.hpp"
#include "testing/memory_disk.hpp"

namespace tenax::testing {

class random_steps {
  std::shared_ptr<void> disk_ = make_memory_disk();
  std::mt19937_64 random_;

 public:
  random_steps(options opts, std::uint64_t seed) : random_(seed), engine(setup(opts, seed)) {
    if (auto opened = engine.open(); !opened) throw std::runtime_error(opened.error().to_string());
  }

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  /// False: nothing was left to do without time passing.
  bool step() {
    const std::uint64_t jobs = engine.jobs();
    const std::uint64_t commits = engine.commit_waits() || engine.lazy_waits() ? 1 : 0;
    const std::uint64_t queued = engine.queued();
    const std::uint64_t running = engine.running();
    const std::uint64_t all = jobs + commits + queued + running;
    if (all == 0) return false;
    std::uint64_t n = below(all);
    if (n < jobs) {
      engine.deliver(n);
    } else if ((n -= jobs) < commits) {
      engine.commit(true);
    } else if ((n -= commits) < queued) {
      engine.start_handler(n);
      if (engine.running() > running && on_start) on_start();
    } else {
      engine.finish_handler(n - queued);
    }
    return true;
  }
  void some(std::uint64_t steps) {
    while (steps-- > 0 && step()) {
    }
  }
  void until_idle() {
    while (step()) {
    }
  }
  /// Timer by timer, in random order in between.
  void advance(milliseconds by) {
    for (time_ms left = by.count();;) {
      until_idle();
      if (left <= 0) return;
      const time_ms next = std::min(left, engine.next_timer_in().value_or(left));
      engine.pass(next);
      left -= next;
    }
  }

  driver engine;
  /// A handler of the pool has begun.
  std::function<void()> on_start;

 private:
  driver_setup setup(options& opts, std::uint64_t seed) {
    driver_setup s;
    s.dir = "/virtual";
    s.env = disk_.get();
    s.options = std::move(opts);
    s.start_ms = 1'767'225'600'000;
    s.seed = seed;
    return s;
  }
};

}  // namespace tenax::testing
