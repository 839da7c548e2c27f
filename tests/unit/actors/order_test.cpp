// Dependencies, order, and outputs that feed inputs.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;
using keys = std::vector<std::string>;

BOOST_FIXTURE_TEST_SUITE(order_of_actions, engine_fixture)

BOOST_AUTO_TEST_CASE(an_action_starts_when_all_it_depends_on_are_over) {
  handle_ok("ok");
  open().hold_handlers();
  submit(workflow_builder("test")
             .id("w")
             .action("d", "ok")
             .after("b")
             .after("c")
             .action("b", "ok")
             .after("a")
             .action("c", "ok")
             .after("a")
             .action("a", "ok"));
  const auto running = [this] {
    engine->run_until_idle();
    keys out;
    for (const auto& r : engine->running_handlers()) out.push_back(r.action_key);
    std::sort(out.begin(), out.end());
    return out;
  };
  BOOST_TEST((running() == keys{"a"}));
  BOOST_TEST(action("w", "d").waiting == waiting_for::dependencies);
  BOOST_TEST((action("w", "d").waiting_on == keys{"b", "c"}));
  engine->finish_handler("a");
  BOOST_TEST((running() == keys{"b", "c"}));
  engine->finish_handler("c");
  BOOST_TEST((running() == keys{"b"}));
  BOOST_TEST((action("w", "d").waiting_on == keys{"b"}));
  engine->finish_handler("b");
  BOOST_TEST((running() == keys{"d"}));
  engine->finish_handler("d");
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(sequential_runs_one_after_the_other_in_the_order_written) {
  handle_ok("ok");
  open();
  workflow_builder w("test");
  w.id("w").sequential();
  keys expected;
  for (int n = 0; n < 30; ++n) {
    expected.push_back("k" + std::to_string((n * 7) % 30));
    w.action(expected.back(), "ok");
  }
  submit(w);
  (void)must(engine->run_until_end("w"));
  BOOST_TEST((order() == expected));
}

BOOST_AUTO_TEST_CASE(independent_actions_run_side_by_side) {
  handle_ok("ok");
  open().hold_handlers();
  submit(workflow_builder("test").id("w").action("a", "ok").action("b", "ok").action("c", "ok"));
  engine->run_until_idle();
  BOOST_TEST(engine->running_handlers().size() == 3U);
}

BOOST_AUTO_TEST_CASE(outputs_feed_inputs_also_across_a_restart) {
  handle("make",
         [](const action_context&) { return outcome::success(R"({"id":7,"tags":["x"]})"); });
  handle_ok("use");
  for (const bool crash : {false, true}) {
    calls.clear();
    open();
    submit(workflow_builder("test")
               .id("w")
               .input(R"({"who":"Ada"})")
               .action("a", "make")
               .action("b", "use",
                       R"({"n":"${actions.a.result.id}","t":"${actions.a.result.tags}",)"
                       R"("s":"for ${workflow.input.who}: ${actions.a.result.id}","e":"$${x}"})")
               .delayed(hours(1)));
    engine->run_until_idle();
    if (crash) must(engine->crash_and_reopen());
    BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
    BOOST_TEST(calls.back().input == R"({"n":7,"t":["x"],"s":"for Ada: 7","e":"${x}"})");
  }
}

BOOST_AUTO_TEST_CASE(a_reference_that_leads_nowhere_at_run_time_fails_the_action) {
  handle("make", [](const action_context&) { return outcome::success(R"({"id":7})"); });
  handle_ok("use");
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "make")
             .action("b", "use", R"({"n":"${actions.a.result.name}"})"));
  const auto end = must(engine->run_until_end("w"));
  BOOST_TEST(end.status == workflow_status::failed);
  BOOST_TEST(end.failed_action == "b");
  BOOST_TEST(action("w", "b").last_error->error_class == "bad_reference");
  BOOST_TEST((order() == keys{"a"}));
}

BOOST_AUTO_TEST_CASE(a_bad_reference_follows_the_exhaustion_rule_of_its_type) {
  handle("make", [](const action_context&) { return outcome::success("1"); });
  action_options skipping;
  skipping.retry = retry_policy{};
  skipping.retry->exhausted = on_exhausted::skip;
  handle_ok("use", skipping);
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "make")
             .action("b", "use", R"("${actions.a.result.name}")")
             .action("c", "make")
             .after("b"));
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(action("w", "b").status == action_status::skipped);
  BOOST_TEST((order() == keys{"a", "c"}));
}

BOOST_AUTO_TEST_CASE(a_result_beyond_payload_bytes_max_fails_the_attempt_for_good) {
  opts.limits.payload_bytes_max = 100;
  handle("big", [](const action_context&) { return outcome::success(std::string(101, '1')); });
  open();
  submit(one("w", "big"));
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::failed);
  BOOST_TEST(calls.size() == 1U);
  BOOST_TEST(action("w").last_error->error_class == "result_too_large");
}

BOOST_AUTO_TEST_CASE(delay_counts_from_the_end_of_the_dependencies) {
  handle_ok("ok");
  open();
  const auto begun = engine->now();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "ok")
             .delayed(minutes(1))
             .action("b", "ok")
             .after("a")
             .delayed(minutes(2)));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST((starts("w", "a")[0] == begun + minutes(1)));
  BOOST_TEST((starts("w", "b")[0] == begun + minutes(3)));
}

BOOST_AUTO_TEST_CASE(the_idempotency_key_is_the_same_for_every_attempt_and_life) {
  std::vector<std::string> seen;
  opts.handlers.add("f", [&](const action_context& c) {
    seen.emplace_back(c.idempotency_key);
    return seen.size() < 3 ? outcome::failure("busy", "again") : outcome::success();
  });
  open();
  submit(one("w", "f"));
  engine->run_until_idle();
  must(engine->crash_and_reopen());
  (void)must(engine->run_until_end("w"));
  BOOST_TEST_REQUIRE(seen.size() == 3U);
  BOOST_TEST(seen[0] == seen[1]);
  BOOST_TEST(seen[0] == seen[2]);
}

BOOST_AUTO_TEST_SUITE_END()
