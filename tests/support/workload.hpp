// workload.hpp - the workflows that the crash and fault programs run: each is a function of a seed
// and a number, so that every process knows what it must look like. Header only: programs of
// several suites use it. Depends on include/tenax only.
#pragma once

#include <poll.h>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tenax/engine.hpp"

namespace tenax::workload {

/// splitmix64: the same numbers on every machine.
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// 0..n-1; n > 0.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }
  /// from..to, both included.
  std::uint64_t between(std::uint64_t from, std::uint64_t to) {
    return from + below(to - from + 1);
  }

 private:
  std::uint64_t state_;
};

/// FNV-1a, 64 bits.
inline std::uint64_t hash(std::string_view bytes, std::uint64_t start = 0xcbf29ce484222325U) {
  for (const char c : bytes) {
    start = (start ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return start;
}

inline std::string id_of(std::uint32_t number) { return "w" + std::to_string(number); }
/// The number of a workflow's id.
inline std::uint32_t number_of(std::string_view id) {
  return static_cast<std::uint32_t>(std::stoul(std::string(id.substr(1))));
}

// What an action type does:
//   steady   succeeds                         flaky    fails 0-2 times (half of them throw)
//   slow     takes 5-40 ms, then succeeds     later    defers itself once, then succeeds
//   late     attempt 1 outlives its time      quick    succeeds, on the actor's own thread
//   once     at most once                     doomed   fails always: the workflow fails
//   skipped  fails always: is skipped         paused   fails always: waits for a decision
inline constexpr std::string_view common_types[] = {"steady", "flaky", "flaky", "slow",
                                                    "quick",  "later", "late",  "once"};
inline constexpr std::string_view rare_types[] = {"doomed", "skipped", "paused"};

/// Workflow `number` of the workload `seed`.
inline workflow_spec make_spec(std::uint64_t seed, std::uint32_t number) {
  random_numbers r(seed * 1'000'003 + number);
  workflow_spec spec;
  spec.id = id_of(number);
  spec.name = "load-" + std::to_string(r.below(4));
  spec.reference = "seed " + std::to_string(seed);
  spec.order = r.chance(20) ? action_order::sequential : action_order::dag;
  if (r.chance(5)) spec.deadline = milliseconds(r.between(50, 2'000));
  // One in 20 has more than one page of actions.
  const std::uint64_t actions = r.chance(5) ? r.between(17, 40) : r.between(1, 6);
  for (std::uint64_t a = 0; a < actions; ++a) {
    action_spec action;
    action.key = "a" + std::to_string(a);
    action.type = r.chance(6) ? rare_types[r.below(std::size(rare_types))]
                              : common_types[r.below(std::size(common_types))];
    action.input = "{\"n\":" + std::to_string(r.below(1'000));
    for (std::uint64_t d = 0; d < a; ++d) {
      if (!r.chance(a > 6 ? 8 : 25)) continue;
      const std::string key = "a" + std::to_string(d);
      action.depends_on.push_back(key);
      if (r.chance(30)) action.input += ",\"from_" + key + "\":\"${actions." + key + ".result}\"";
    }
    action.input += "}";
    if (r.chance(10)) action.delay = milliseconds(r.between(1, 40));
    spec.actions.push_back(std::move(action));
  }
  return spec;
}

/// Policies short enough that lives of some hundred milliseconds see retries.
inline retry_policy short_policy(on_exhausted then = on_exhausted::fail_workflow) {
  retry_policy p;
  p.max_attempts = 4;
  p.min_wait = milliseconds(5);
  p.max_wait = milliseconds(30);
  p.exhausted = then;
  return p;
}

/// Sleeps without the standard library's clock; a handler that blocks.
inline void take_ms(std::uint64_t ms) { ::poll(nullptr, 0, static_cast<int>(ms)); }

/// What one attempt does; a function of the action and the attempt number.
inline outcome run_action(const action_context& c) {
  random_numbers r(hash(c.idempotency_key));
  const std::uint64_t fails = r.below(3);
  const bool throws = r.chance(50);
  const std::uint64_t ms = r.below(4);
  const std::string_view type = c.action_type;
  const auto success = [&] {
    // The attempt is in the result: one that overwrites another would show.
    return outcome::success("{\"by\":\"" + std::string(c.idempotency_key) +
                            "\",\"attempt\":" + std::to_string(c.attempt) +
                            ",\"at\":" + std::to_string(c.now.time_since_epoch().count()) + "}");
  };
  if (type == "quick") return success();
  if (type == "slow") {
    take_ms(5 + r.below(36));
    return success();
  }
  if (type == "late") {
    // The first attempt is given up after 10 ms and may end while the second one runs.
    take_ms(c.attempt == 1 ? 14 + r.below(20) : 3 + r.below(5));
    return success();
  }
  take_ms(ms);
  if (type == "later" && c.deferrals == 0) return outcome::defer(c.now + milliseconds(15));
  if (type == "doomed" || type == "skipped" || type == "paused") {
    return outcome::failure("always", "attempt " + std::to_string(c.attempt));
  }
  if (type == "flaky" && c.attempt <= fails) {
    if (throws) throw std::runtime_error("thrown in attempt " + std::to_string(c.attempt));
    return outcome::failure("flaky", "attempt " + std::to_string(c.attempt));
  }
  return success();
}

/// All action types; each call of a handler goes through `around`.
using around_handler =
    std::function<outcome(const action_context&, const std::function<outcome()>& run)>;
inline handler_registry make_handlers(around_handler around) {
  handler_registry all;
  const auto add = [&](std::string type, action_options options) {
    if (!options.retry) options.retry = short_policy();
    options.max_recoveries = 100'000;  // crashes are what these programs are about
    all.add(
        std::move(type),
        [around](const action_context& c) { return around(c, [&] { return run_action(c); }); },
        std::move(options));
  };
  for (const char* type : {"steady", "flaky", "slow", "later", "doomed"}) add(type, {});
  action_options in_place;
  in_place.mode = run_mode::in_place;
  add("quick", std::move(in_place));
  action_options late;
  late.start_to_close = milliseconds(10);
  add("late", std::move(late));
  action_options once;
  once.delivery = delivery::at_most_once;
  add("once", std::move(once));
  action_options skipped;
  skipped.retry = short_policy(on_exhausted::skip);
  add("skipped", std::move(skipped));
  action_options paused;
  paused.retry = short_policy(on_exhausted::pause);
  add("paused", std::move(paused));
  return all;
}

inline options make_options(around_handler around) {
  options o;
  o.handlers = make_handlers(std::move(around));
  o.retry = short_policy();
  o.handler_threads = 4;
  o.cache_bytes = 4u << 20;
  o.write_buffer_bytes = 4u << 20;
  o.timer_horizon = milliseconds(25);  // short: the due index is read again and again
  return o;
}

/// "" if the stored workflow is the one that was submitted, else what differs.
inline std::string compare(const workflow_spec& spec, const workflow_view& view) {
  if (view.summary.id != spec.id) return "id " + view.summary.id;
  if (view.summary.name != spec.name) return "name " + view.summary.name;
  if (view.summary.reference != spec.reference) return "reference " + view.summary.reference;
  if (view.input != spec.input) return "input";
  if (view.actions.size() != spec.actions.size()) {
    return std::to_string(view.actions.size()) + " actions";
  }
  for (std::size_t a = 0; a < spec.actions.size(); ++a) {
    const auto& wanted = spec.actions[a];
    const auto& found = view.actions[a];
    if (found.key != wanted.key || found.type != wanted.type || found.input != wanted.input) {
      return "action " + wanted.key + ": " + found.key + " " + found.type + " " + found.input;
    }
  }
  return {};
}

}  // namespace tenax::workload
