// What work costs: writes to the store, actors in memory.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

BOOST_FIXTURE_TEST_SUITE(costs, engine_fixture)

BOOST_AUTO_TEST_CASE(a_fan_out_of_a_thousand_completes_in_few_writes) {
  handle_ok("ok");
  open();
  workflow_builder w("test");
  w.id("w").action("first", "ok");
  for (int n = 0; n < 1'000; ++n) w.action("k" + std::to_string(n), "ok").after("first");
  w.action("last", "ok");
  for (int n = 0; n < 1'000; ++n) w.after("k" + std::to_string(n));
  const auto before = engine->store_writes();
  submit(w);
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  engine->run_until_idle();
  BOOST_TEST(calls.size() == 1'002U);
  BOOST_TEST(engine->store_writes() - before <= 10U);
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_CASE(workflows_side_by_side_share_their_writes) {
  handle_ok("ok");
  open();
  const auto before = engine->store_writes();
  for (int n = 0; n < 1'000; ++n) {
    engine->submit_async(workflow_builder("test")
                             .id("w" + std::to_string(n))
                             .sequential()
                             .action("a", "ok")
                             .action("b", "ok")
                             .action("c", "ok"),
                         [](auto) {});
  }
  engine->run_until_idle();
  BOOST_TEST(engine->stats().completed == 1'000U);
  BOOST_TEST(engine->store_writes() - before <= 20U);
}

BOOST_AUTO_TEST_CASE(one_workflow_costs_a_write_for_the_submit_and_one_an_action) {
  handle_ok("ok");
  open();
  const auto before = engine->store_writes();
  submit(workflow_builder("test").id("w").sequential().action("a", "ok").action("b", "ok").action(
      "c", "ok"));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(engine->store_writes() - before == 4U);
}

/// However many are ready at once: each can be a megabyte. And what they refer to is read once.
BOOST_AUTO_TEST_CASE(an_input_is_made_when_its_handler_is_called) {
  handle("large", [](const action_context&) {
    return outcome::success('"' + std::string(100'000, 'x') + '"');
  });
  handle_ok("ok");
  workflow_builder w("test");
  w.id("w").action("large", "large");
  constexpr std::size_t many = 50;
  for (std::size_t n = 0; n < many; ++n) {
    w.action("k" + std::to_string(n), "ok", R"("${actions.large.result}")").after("large");
  }
  auto& d = open_stepped();
  count_reads();
  d.submit(w, [](auto) {});
  d.run_until_idle([&] { return d.queued() == many; });
  BOOST_TEST_REQUIRE(d.queued() == many);
  BOOST_TEST(reads == 0U);
  d.start_handler(0);
  d.finish_handler(0);
  BOOST_TEST(reads == 1U);
  d.run_until_idle();
  BOOST_TEST(calls.size() == many + 1);
  BOOST_TEST(reads == 1U);
  BOOST_TEST(calls.back().input.size() == 100'002U);
}

/// The usual case: what fits into a few kilobytes stays with the workflow.
BOOST_AUTO_TEST_CASE(small_results_are_not_read_again) {
  handle_ok("ok");
  auto& d = open_stepped();
  count_reads();
  d.submit(workflow_builder("test").id("w").action("a", "ok").action("b", "ok",
                                                                     R"("${actions.a.result}")"),
           [](auto) {});
  d.run_until_idle();
  BOOST_TEST(calls.size() == 2U);
  BOOST_TEST(reads == 0U);
}

BOOST_AUTO_TEST_CASE(queries_and_refused_commands_write_nothing) {
  handle_ok("ok");
  open();
  submit(one("w", "ok"));
  (void)must(engine->run_until_end("w"));
  const auto before = engine->store_writes();
  (void)must(engine->get("w"));
  (void)must(engine->history("w"));
  (void)must(engine->list());
  (void)must(engine->submit(one("w", "ok")));
  (void)engine->cancel("w");
  engine->advance(hours(1));
  BOOST_TEST(engine->store_writes() == before);
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
