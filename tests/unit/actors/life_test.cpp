// The life of an action (docs/adr/0007-life-of-an-action.md): what stands between "ready" and its
// handler, and what that may hold.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

struct life_fixture : engine_fixture {
  /// An action whose input is made from a large result, by a thread or for a handler in place.
  workflow_spec with_large_input(const std::string& id, const std::string& type) {
    handle("large", [](const action_context&) {
      return outcome::success('"' + std::string(100'000, 'x') + '"');
    });
    return workflow_builder("test")
        .id(id)
        .action("large", "large")
        .action("a", type, R"("${actions.large.result}")");
  }
  /// Runs until the input of "a" has been made and its handler has not begun.
  driver& until_rendered(const workflow_spec& spec) {
    slow_rendering = true;
    auto& d = open_stepped();
    count_reads();
    d.submit(spec, [](auto) {});
    d.run_until_idle([&] { return reads > 0; });
    BOOST_TEST_REQUIRE(reads > 0U);
    BOOST_TEST(calls.size() == 1U);
    return d;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(life, life_fixture)

BOOST_AUTO_TEST_CASE(no_handler_starts_after_a_cancel_that_came_while_its_input_was_made) {
  action_options once;
  once.delivery = delivery::at_most_once;
  action_options here;
  here.mode = run_mode::in_place;
  for (const auto& how : {action_options{}, once, here}) {
    opts.handlers = {};
    calls.clear();
    handle_ok("ok", how);
    auto& d = until_rendered(with_large_input("w", "ok"));
    // One that runs in place can be sooner than the cancel: then that is refused.
    std::optional<std::size_t> called;
    d.cancel("w", "enough", [&](result<void> r) {
      called = calls.size();
      BOOST_TEST((r ? *called == 1 : *called == 2 && how.mode == run_mode::in_place));
    });
    d.run_until_idle();
    BOOST_TEST_REQUIRE(called.has_value());
    BOOST_TEST(calls.size() == *called);
  }
}

BOOST_AUTO_TEST_CASE(no_handler_starts_after_a_commit_that_failed_while_its_input_was_made) {
  action_options here;
  here.mode = run_mode::in_place;
  for (const auto& how : {action_options{}, here}) {
    opts.handlers = {};
    calls.clear();
    handle_ok("ok", how);
    auto& d = until_rendered(with_large_input("w", "ok"));
    d.control.fate = [](std::uint64_t) { return write_fate::lost; };
    d.submit(one("other", "ok"), [](auto) {});
    d.commit(true);
    BOOST_TEST(d.halted());
    d.run_until_idle();
    BOOST_TEST(calls.size() == 1U);
  }
}

/// Recorded as started is what a thread has taken, not what waits for one.
BOOST_AUTO_TEST_CASE(what_a_crash_finds_waiting_for_a_thread_is_neither_a_recovery_nor_in_doubt) {
  opts.handler_threads = 4;
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_ok("ok");
  handle_ok("once", once);
  open().hold_handlers();
  for (int n = 0; n < 100; ++n) {
    submit(one("w" + std::to_string(n), "ok"));
    submit(one("o" + std::to_string(n), "once"));
  }
  for (int life = 0; life < 12; ++life) {
    engine->run_until_idle();
    engine->advance(milliseconds(500));
    BOOST_TEST(engine->running_handlers().size() <= 5U);
    must(engine->crash_and_reopen());
  }
  engine->release_handlers();
  engine->advance(minutes(1));
  std::size_t in_doubt = 0;
  std::uint32_t recoveries = 0;
  for (int n = 0; n < 100; ++n) {
    BOOST_TEST(status("w" + std::to_string(n)) != workflow_status::failed);
    recoveries += action("w" + std::to_string(n)).recoveries;
    in_doubt += action("o" + std::to_string(n)).waiting == waiting_for::decision ? 1 : 0;
  }
  BOOST_TEST(recoveries + in_doubt <= 12U * 5U);
  BOOST_TEST(engine->stats().completed == 200U - in_doubt);
}

/// 100 results of 10 kB that are made faster than the disk takes them.
BOOST_AUTO_TEST_CASE(beyond_the_memory_budget_outcomes_wait_and_no_attempt_starts) {
  action_options here;
  here.mode = run_mode::in_place;
  for (const auto& how : {action_options{}, here}) {
    opts.handlers = {};
    opts.memory_bytes_max = 8 * 50'000;
    calls.clear();
    handle(
        "makes",
        [](const action_context&) {
          return outcome::success('"' + std::string(10'000, 'x') + '"');
        },
        how);
    workflow_builder w("test");
    w.id("w");
    for (int n = 0; n < 100; ++n) w.action("k" + std::to_string(n), "makes");
    auto& d = open_stepped();
    std::size_t most = 0;
    d.on_step = [&](const std::string&) { most = std::max(most, d.bytes_in_flight()); };
    d.submit(w, [](auto) {});
    d.run_until_idle();
    BOOST_TEST(calls.size() == 100U);
    BOOST_TEST(most > 40'000U);
    BOOST_TEST(most <= 70'000U);
    BOOST_TEST(d.bytes_in_flight() == 0U);
    BOOST_TEST(d.stats().completed == 1U);
    d.on_step = nullptr;
  }
}

/// However little they give back: 200 that make nothing, behind one large input.
BOOST_AUTO_TEST_CASE(all_who_wait_for_memory_go_on_when_there_is_some) {
  action_options here;
  here.mode = run_mode::in_place;
  handle_ok("holds");
  handle(
      "nothing", [](const action_context&) { return outcome::success(""); }, here);
  const auto holder = with_large_input("w", "holds");
  opts.memory_bytes_max = 8 * 10'000;
  open().hold_handlers();
  submit(holder);
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->finish_handler("large"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  workflow_builder many("test");
  many.id("many");
  for (int n = 0; n < 200; ++n) many.action("k" + std::to_string(n), "nothing");
  submit(many);
  engine->run_until_idle();
  BOOST_TEST(status("many") == workflow_status::pending);
  BOOST_TEST(engine->finish_handler("a", "w"));
  engine->run_until_idle();
  BOOST_TEST(status("many") == workflow_status::completed);
  BOOST_TEST(status("w") == workflow_status::completed);
}

/// 20 workflows of which two at most find room in memory.
BOOST_AUTO_TEST_CASE(workflows_beyond_the_memory_budget_wait_in_the_store) {
  handle_ok("ok");
  workflow_builder w("test");
  for (int n = 0; n < 50; ++n) {
    w.action("k" + std::to_string(n), "ok", '"' + std::string(1'000, 'x') + '"');
  }
  opts.memory_bytes_max = 150'000;
  opts.handler_threads = 1;
  open().hold_handlers();
  for (int n = 0; n < 20; ++n) {
    submit(w.id("w" + std::to_string(n)));
    engine->run_until_idle();
  }
  BOOST_TEST(engine->stats().active <= 3U);
  // a command and a deadline reach those in the store all the same
  must(engine->cancel("w19"));
  engine->release_handlers();
  engine->advance(minutes(1));
  BOOST_TEST(engine->stats().completed == 19U);
  BOOST_TEST(engine->stats().active == 0U);
}

/// Those that only wait for a retry make room for those that can do something.
BOOST_AUTO_TEST_CASE(workflows_that_wait_for_timers_make_room_when_memory_is_full) {
  action_options patient;
  patient.retry = retry_policy::fixed(seconds(40), 5);
  handle(
      "fails_once",
      [](const action_context& c) {
        return c.attempt == 1 ? outcome::failure("busy", "later") : outcome::success();
      },
      patient);
  handle_ok("ok");
  opts.memory_bytes_max = 20'000;
  open();
  const std::string input = '"' + std::string(15'000, 'x') + '"';
  for (int n = 0; n < 10; ++n) submit(one("r" + std::to_string(n), "fails_once", input));
  engine->run_until_idle();
  submit(one("now", "ok", input));
  engine->advance(seconds(1));
  BOOST_TEST(status("now") == workflow_status::completed);
  engine->advance(minutes(2));
  BOOST_TEST(engine->stats().completed == 11U);
  for (int n = 0; n < 10; ++n) {
    const auto began = starts("r" + std::to_string(n));
    BOOST_TEST_REQUIRE(began.size() == 2U);
    BOOST_TEST((began[1] - began[0] >= seconds(40)));
    BOOST_TEST((began[1] - began[0] <= seconds(41)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
