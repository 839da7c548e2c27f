#include "node/fault_injection.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <stdexcept>
#include <string>

using namespace tenax;
using namespace tenax::node;

namespace {

action_context context(std::string_view workflow, std::string_view key, std::uint32_t attempt) {
  action_context ctx;
  ctx.workflow_id = workflow;
  ctx.action_key = key;
  ctx.attempt = attempt;
  return ctx;
}

/// The share of `n` draws below `rate`.
double share(std::uint64_t seed, double rate, int n) {
  int hits = 0;
  for (int i = 0; i < n; ++i) {
    const auto workflow = "wf-" + std::to_string(i % 7);
    const auto key = "task-" + std::to_string(i / 3);
    if (fault_draw(seed, workflow, key, static_cast<std::uint32_t>(1 + i % 3)) < rate) ++hits;
  }
  return static_cast<double>(hits) / n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fault_injection)

BOOST_AUTO_TEST_CASE(the_draw_is_fixed_for_all_time) {
  // Changing these numbers changes which attempts fail in everybody's recorded runs.
  BOOST_TEST(fault_draw(7, "montage", "mProject_1", 1) == 0x1.3dea2778530eep-1);
  BOOST_TEST(fault_draw(7, "montage", "mProject_1", 2) == 0x1.66021604053d3p-1);
}

BOOST_AUTO_TEST_CASE(every_argument_matters) {
  const auto base = fault_draw(1, "ab", "c", 1);
  BOOST_TEST(base == fault_draw(1, "ab", "c", 1));
  BOOST_TEST(base != fault_draw(2, "ab", "c", 1));
  BOOST_TEST(base != fault_draw(1, "a", "bc", 1));  // the border between the two
  BOOST_TEST(base != fault_draw(1, "ab", "d", 1));
  BOOST_TEST(base != fault_draw(1, "ab", "c", 2));
}

BOOST_AUTO_TEST_CASE(the_share_that_fails_is_the_rate) {
  // 5 standard deviations of a binomial draw of 40,000.
  for (const std::uint64_t seed : {0u, 1u, 7u, 12'345u}) {
    BOOST_TEST(std::abs(share(seed, 0.1, 40'000) - 0.1) < 0.0075);
    BOOST_TEST(std::abs(share(seed, 0.5, 40'000) - 0.5) < 0.0125);
    BOOST_TEST(share(seed, 0.0, 1'000) == 0.0);
    BOOST_TEST(share(seed, 1.0, 1'000) == 1.0);
  }
}

BOOST_AUTO_TEST_CASE(success_fails_at_the_end_and_deferral_is_no_end) {
  handler_registry registry;
  int calls = 0;
  registry.add("once", [&calls](const action_context& ctx) {
    ++calls;
    return ctx.deferrals == 0 ? outcome::defer(wall_time{} + milliseconds{5})
                              : outcome::success("1");
  });
  const auto counters = std::make_shared<attempt_counters>();
  inject_faults(registry, {1.0, 3}, counters);
  const auto& run = registry.find("once")->run;

  auto ctx = context("w", "a", 1);
  BOOST_TEST((run(ctx).what == outcome::kind::defer));
  BOOST_TEST(counters->ended == 0u);
  ctx.deferrals = 1;
  const auto out = run(ctx);
  BOOST_TEST((out.what == outcome::kind::failure));
  BOOST_TEST(out.error_class == "injected");
  BOOST_TEST(calls == 2);
  BOOST_TEST(counters->ended == 1u);
  BOOST_TEST(counters->failed == 1u);
  BOOST_TEST(counters->injected == 1u);
}

BOOST_AUTO_TEST_CASE(an_open_attempt_has_not_failed) {
  handler_registry registry;
  registry.add("ask", [](const action_context&) { return outcome::until_signal("go"); });
  const auto counters = std::make_shared<attempt_counters>();
  inject_faults(registry, {1.0, 3}, counters);
  BOOST_TEST((registry.find("ask")->run(context("w", "a", 1)).what == outcome::kind::pending));
  BOOST_TEST(counters->ended == 0u);
  BOOST_TEST(counters->failed == 0u);
}

BOOST_AUTO_TEST_CASE(without_a_rate_outcomes_pass_and_are_counted) {
  handler_registry registry;
  registry.add("good", [](const action_context&) { return outcome::success("1"); });
  registry.add("bad", [](const action_context&) { return outcome::fatal("x", "y"); });
  registry.add("throws",
               [](const action_context&) -> outcome { throw std::runtime_error("thrown"); });
  const auto counters = std::make_shared<attempt_counters>();
  inject_faults(registry, {}, counters);
  const auto ctx = context("w", "a", 1);
  BOOST_TEST(registry.find("good")->run(ctx).result == "1");
  BOOST_TEST((registry.find("bad")->run(ctx).what == outcome::kind::fatal));
  BOOST_CHECK_THROW(registry.find("throws")->run(ctx), std::runtime_error);
  BOOST_TEST(counters->ended == 3u);
  BOOST_TEST(counters->failed == 2u);
  BOOST_TEST(counters->injected == 0u);
}

BOOST_AUTO_TEST_CASE(an_attempt_stopped_by_the_closing_program_did_not_fail) {
  const auto counters = std::make_shared<attempt_counters>();
  std::stop_source stop;
  auto ctx = context("w", "a", 1);
  ctx.stop = stop.get_token();
  const auto failed = [&](delivery what) {
    handler_registry registry;
    registry.add("t", [](const action_context&) { return outcome::failure("stopped", ""); },
                 {.delivery = what});
    inject_faults(registry, {}, counters);
    (void)registry.find("t")->run(ctx);
    return counters->failed.exchange(0) + counters->ended.exchange(0);
  };
  stop.request_stop();
  BOOST_TEST(failed(delivery::at_least_once) == 2u);  // it timed out
  counters->closing = true;
  BOOST_TEST(failed(delivery::at_least_once) == 0u);
  BOOST_TEST(failed(delivery::at_most_once) == 0u);  // in doubt
}

BOOST_AUTO_TEST_CASE(wrapping_keeps_the_options) {
  handler_registry registry;
  action_options options;
  options.mode = run_mode::in_place;
  options.delivery = delivery::at_most_once;
  options.max_recoveries = 4;
  options.check = [](std::string_view) { return std::vector<fault>{{"/x", "no"}}; };
  registry.add(
      "t", [](const action_context&) { return outcome::success(); }, options);
  inject_faults(registry, {0.5, 1}, std::make_shared<attempt_counters>());
  const auto& kept = registry.find("t")->options;
  BOOST_TEST((kept.mode == run_mode::in_place));
  BOOST_TEST((kept.delivery == delivery::at_most_once));
  BOOST_TEST(kept.max_recoveries == 4u);
  BOOST_TEST(kept.check("{}").size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
