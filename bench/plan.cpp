#include "bench/plan.hpp"

#include "bench/scenarios.hpp"

namespace tenax::bench {

const std::vector<scenario>& scenarios() {
  static const std::vector<scenario> all = {
      {"sequential", "workflows of --steps actions, one after the other", run_sequential},
      {"fan-out", "--fan actions side by side, and one that waits for all", run_fan_out},
      {"retry-storm", "a share of all attempts fails and backs off", run_retry_storm},
      {"mixed", "sequential workflows while a client queries", run_mixed},
      {"retention", "sequential workflows of which --workflows are kept", run_retention},
      {"latency", "one workflow at a time", run_latency},
      {"submit", "submits at a fixed --rate (open loop)", run_submit},
      {"api", "submits over HTTP, against an echo and submit_async", run_api},
      {"workers", "actions done by workers over HTTP, against blocking handlers", run_workers},
      {"timers", "--workflows sleep at once, then wake", run_timers},
      {"recovery", "a crash with --workflows open, then a start", run_recovery},
      {"scale", "sequential on a store with --workflows in it", run_scale},
      {"due-index", "timers found after --workflows of them were deleted", run_due_index},
      {"listing", "pages of --workflows open ones, before and after others came and went",
       run_listing},
      {"disk", "bytes on disk of a finished workflow", run_disk},
      {"soak", "memory and throughput over --seconds", run_soak},
      {"memory-results", "peak memory: --fan results of --payload bytes at once",
       run_memory_results},
      {"memory-inputs", "peak memory: an input of --fan results of --payload bytes",
       run_memory_inputs},
      {"memory-ready", "peak memory: --workflows of --fan ready actions each", run_memory_ready},
      {"fan-in", "one action that refers to --fan small results", run_fan_in},
      {"shared-result", "one result that --fan actions refer to", run_shared_result},
      {"overdue", "new timers beside --workflows overdue ones", run_overdue},
      {"lanes", "a lane that hangs with --workflows waiting, and another lane", run_lanes},
      {"selfcheck", "checks the bench's own statistics", run_selfcheck},
      {"overdue-fill", "", run_overdue_fill, true},
      {"lanes-part", "", run_lanes_part, true},
      {"timers-part", "", run_timers_part, true},
      {"recovery-fill", "", run_recovery_fill, true},
      {"soak-limit", "", run_soak_limit, true},
  };
  return all;
}

params defaults_of(const std::string& scenario) {
  params p;
  p.scenario = scenario;
  if (scenario == "fan-out") p.concurrency = 64;
  if (scenario == "latency") p.concurrency = 1;
  if (scenario == "submit") p.rate = 1'000;
  if (scenario == "api") p.workflows = 10'000;
  if (scenario == "retry-storm") p.concurrency = 4'096;
  if (scenario == "mixed") p.concurrency = 256;
  if (scenario == "retention") {
    p.workflows = 10'000;
    p.seconds = 20;  // what falls behind shows
  }
  if (scenario == "scale") {
    p.workflows = 1'000'000;
    p.seconds = 15;  // several rounds of compaction
  }
  if (scenario == "due-index") p.workflows = 5'000'000;
  if (scenario == "listing") {
    p.workflows = 1'000'000;
    p.steps = 1;
  }
  if (scenario == "disk") p.workflows = 50'000;
  if (scenario == "memory-results" || scenario == "memory-inputs") {
    p.fan = scenario == "memory-results" ? 800 : 400;
    p.payload_bytes = 1'000'000;
    p.handlers = "blocking";
  }
  if (scenario == "memory-ready") {
    p.workflows = 30;
    p.fan = 20'000;
  }
  if (scenario == "fan-in") {
    p.fan = 19'999;
    p.payload_bytes = 30;
    p.handlers = "blocking";
  }
  if (scenario == "shared-result") p.payload_bytes = 1'000'000;
  if (scenario == "overdue") p.rate = 200;
  if (scenario == "lanes") {
    p.workflows = 1'000'000;
    p.handlers = "blocking";
  }
  if (scenario == "soak") {
    p.seconds = 600;
    p.rate = 5'000;
    p.warmup_seconds = 300;  // as long as the caches take to fill at this rate (measured)
  }
  return p;
}

namespace {

class planner {
 public:
  planner(bool full, std::string durability) : full_(full), durability_(std::move(durability)) {}

  params& add(const std::string& scenario) {
    auto p = defaults_of(scenario);
    p.durability = durability_;
    if (!full_) {
      p.seconds = 2;
      p.warmup_seconds = 0.5;
      p.limit_seconds = 1;
    }
    entries_.push_back({std::move(p), full_ ? std::size_t{5} : std::size_t{1}});
    return entries_.back().p;
  }
  /// Sleepers, and what they need of time.
  void add_timers(std::size_t workflows) {
    auto& p = add("timers");
    p.workflows = workflows;
    if (!full_) {
      p.spread_seconds = 10;
      p.quiet_seconds = 3;
    }
  }
  void add_soak() {
    auto& p = add("soak");
    if (!full_) p.seconds = 10;
    entries_.back().once = true;
  }
  /// What must stay bounded, whatever waits.
  void add_bounds() {
    add("memory-results").fan = pick(100, 800);
    add("memory-inputs").fan = pick(50, 400);
    for (const char* handlers : {"in_place", "blocking"}) {
      auto& p = add("memory-ready");
      p.handlers = handlers;
      p.workflows = pick(3, 30);
    }
    add("fan-in").fan = pick(2'000, 19'999);
    for (const char* handlers : {"in_place", "blocking"}) {
      auto& p = add("shared-result");
      p.handlers = handlers;
      p.fan = pick(100, 1'000);
    }
    add("overdue").workflows = pick(10'000, 100'000);
    add("lanes").workflows = pick(20'000, 1'000'000);
    entries_.back().once = true;
  }
  [[nodiscard]] bool full() const noexcept { return full_; }
  [[nodiscard]] std::size_t pick(std::size_t small, std::size_t real) const noexcept {
    return full_ ? real : small;
  }
  std::vector<plan_entry> take() { return std::move(entries_); }

 private:
  bool full_;
  std::string durability_;
  std::vector<plan_entry> entries_;
};

}  // namespace

std::vector<plan_entry> plan_check(bool full, const std::string& durability) {
  planner plan(full, durability);
  plan.add("sequential");
  plan.add("latency");
  plan.add("fan-out");
  plan.add_timers(plan.pick(20'000, 1'000'000));
  plan.add("recovery").workflows = plan.pick(20'000, 1'000'000);
  plan.add("disk").workflows = plan.pick(10'000, 50'000);
  plan.add("scale").workflows = plan.pick(20'000, 1'000'000);
  plan.add("due-index").workflows = plan.pick(100'000, 5'000'000);
  plan.add("listing").workflows = plan.pick(20'000, 1'000'000);
  plan.add_soak();
  return plan.take();
}

std::vector<plan_entry> plan_all(bool full, const std::string& durability) {
  planner plan(full, durability);
  for (const std::size_t steps : {1U, 3U, 10U}) plan.add("sequential").steps = steps;
  for (const std::size_t concurrency : {1U, 4U, 16U, 64U, 256U, 4'096U}) {
    auto& p = plan.add("sequential");
    p.concurrency = concurrency;
    p.limits = false;
  }
  plan.add("sequential").handlers = "blocking";
  for (const auto& [bytes, concurrency] : {std::pair{4'096U, 256U}, std::pair{262'144U, 16U}}) {
    auto& p = plan.add("sequential");
    p.payload_bytes = bytes;
    p.concurrency = concurrency;
  }
  for (const std::size_t fan : {100U, 1'000U}) plan.add("fan-out").fan = fan;
  plan.add("retry-storm");
  plan.add("mixed");
  plan.add("retention");
  plan.add("latency");
  for (const double rate : {500.0, 2'000.0, 5'000.0}) plan.add("submit").rate = rate;
  if (full) {
    plan.add_timers(100'000);
    plan.add_timers(1'000'000);
  } else {
    plan.add_timers(5'000);
    plan.add_timers(20'000);
  }
  plan.add("recovery").workflows = plan.pick(20'000, 1'000'000);
  for (const std::size_t workflows : {10'000U, 100'000U, 1'000'000U}) {
    if (workflows > 10'000 && !full) break;
    plan.add("scale").workflows = workflows;
  }
  plan.add("due-index").workflows = plan.pick(100'000, 5'000'000);
  plan.add("listing").workflows = plan.pick(20'000, 1'000'000);
  plan.add("disk").workflows = plan.pick(10'000, 50'000);
  plan.add_bounds();
  plan.add_soak();
  return plan.take();
}

std::vector<plan_entry> plan_bounds(bool full, const std::string& durability) {
  planner plan(full, durability);
  plan.add_bounds();
  return plan.take();
}

}  // namespace tenax::bench
