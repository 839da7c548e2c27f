// Lanes: who gets the next thread, and what those who wait cost.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

action_options at_most(std::size_t running) {
  action_options how;
  how.max_running = running;
  return how;
}

/// With `actions` independent ones of a type.
workflow_spec fan(const std::string& id, const std::string& type, int actions,
                  std::int32_t priority = 0) {
  workflow_builder w("test");
  w.id(id).priority(priority);
  for (int n = 0; n < actions; ++n) w.action("k" + std::to_string(n), type);
  return w;
}

std::string numbered(const std::string& head, int n) {
  const auto digits = std::to_string(n);
  return head + std::string(6 - digits.size(), '0') + digits;
}

}  // namespace

class lane_fixture : public engine_fixture {
 public:
  lane_fixture() { opts.handler_threads = 4; }

  void submit_many(const std::string& head, const std::string& type, int count) {
    for (int n = 0; n < count; ++n) {
      engine->submit_async(one(numbered(head, n), type), [](auto r) { (void)must(std::move(r)); });
    }
    engine->run_until_idle();
  }
  [[nodiscard]] std::size_t running(std::string_view head) const {
    const auto all = engine->running_handlers();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const auto& r) { return r.workflow_id.starts_with(head); }));
  }
  [[nodiscard]] std::size_t calls_of(std::string_view head) const {
    return static_cast<std::size_t>(std::count_if(calls.begin(), calls.end(), [&](const auto& c) {
      return c.workflow_id.starts_with(head);
    }));
  }
};

BOOST_FIXTURE_TEST_SUITE(lanes, lane_fixture)

BOOST_AUTO_TEST_CASE(workflows_take_turns_within_a_type) {
  handle_ok("ok", at_most(1));
  open().hold_handlers();
  submit(fan("large", "ok", 500));
  engine->run_until_idle();
  submit(fan("small", "ok", 3));
  engine->release_handlers();
  engine->run_until_idle();
  // It gets every other turn, also before what was let in ahead of it.
  std::size_t last = 0;
  for (std::size_t n = 0; n < calls.size(); ++n) {
    if (calls[n].workflow_id == "small") last = n;
  }
  BOOST_TEST(calls.size() == 503U);
  BOOST_TEST(last < 12U);
}

BOOST_AUTO_TEST_CASE(a_higher_priority_goes_first) {
  handle_ok("ok", at_most(1));
  open().hold_handlers();
  submit(fan("low", "ok", 300));
  engine->run_until_idle();
  submit(fan("high", "ok", 100, 5));
  engine->run_until_idle();
  engine->release_handlers();
  engine->run_until_idle();
  std::size_t last = 0;
  for (std::size_t n = 0; n < calls.size(); ++n) {
    if (calls[n].workflow_id == "high") last = n;
  }
  BOOST_TEST(last < 170U);  // 65 of the other were let in before
}

/// Also where the row is full of others: one of those goes to the store for it.
BOOST_AUTO_TEST_CASE(a_higher_priority_finds_room_in_a_full_row) {
  handle_ok("ok", at_most(1));
  opts.active_workflows_max = 16;  // rows of 8
  open().hold_handlers();
  submit_many("low", "ok", 300);
  submit(fan("high", "ok", 1, 5));
  engine->run_until_idle();
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(calls.size() == 301U);
  const auto high = std::find_if(calls.begin(), calls.end(),
                                 [](const auto& c) { return c.workflow_id == "high"; });
  BOOST_TEST((high - calls.begin() < 4));
}

BOOST_AUTO_TEST_CASE(a_type_that_hangs_leaves_threads_to_others) {
  handle_ok("hangs");
  handle_ok("ok");
  open().hold_handlers();
  submit_many("hang", "hangs", 20);
  BOOST_TEST(running("hang") == 4U);
  submit(one("other", "ok"));
  engine->run_until_idle();
  BOOST_TEST(running("other") == 1U);
}

BOOST_AUTO_TEST_CASE(no_more_than_max_running_of_a_type_run) {
  handle_ok("ok", at_most(2));
  open().hold_handlers();
  submit_many("w", "ok", 50);
  for (int n = 0; n < 50; ++n) {
    BOOST_TEST(running("w") == std::min<std::size_t>(2, 50 - static_cast<std::size_t>(n)));
    BOOST_REQUIRE(engine->finish_handler("a"));
  }
  BOOST_TEST(engine->stats().completed == 50U);
}

BOOST_AUTO_TEST_CASE(a_crowd_that_waits_for_a_full_lane_is_not_in_memory_and_delays_no_other_type) {
  handle_ok("slow", at_most(1));
  handle_ok("ok");
  opts.active_workflows_max = 64;  // rows of 32
  open().hold_handlers();
  submit_many("crowd", "slow", 10'000);
  // Those let in, their row, and nobody else.
  BOOST_TEST(engine->stats().active <= 1U + 3U + 32U);
  for (int n = 0; n < 300; ++n) {
    submit(one(numbered("other", n), "ok"));
    engine->run_until_idle();
    BOOST_REQUIRE(engine->finish_handler("a", numbered("other", n)));
    BOOST_REQUIRE(status(numbered("other", n)) == workflow_status::completed);
  }
  BOOST_TEST(calls_of("crowd") == 0U);

  // Nor after a crash, and nobody of it is forgotten.
  must(engine->crash_and_reopen());
  engine->hold_handlers();
  engine->run_until_idle();
  BOOST_TEST(engine->stats().active <= 1U + 3U + 32U);
  submit(one("late", "ok"));
  engine->run_until_idle();
  BOOST_REQUIRE(engine->finish_handler("a", "late"));
  BOOST_TEST(status("late") == workflow_status::completed);
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(engine->stats().completed == 10'301U);
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_full_lane_can_be_cancelled_and_meets_its_deadline) {
  handle_ok("slow", at_most(1));
  opts.active_workflows_max = 16;
  open().hold_handlers();
  submit_many("crowd", "slow", 500);
  submit(workflow_builder("test").id("late").deadline(milliseconds(5'000)).action("a", "slow"));
  must(engine->cancel("crowd000400"));
  BOOST_TEST(status("crowd000400") == workflow_status::cancelled);
  engine->advance(milliseconds(5'000));
  BOOST_TEST(status("late") == workflow_status::failed);
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(engine->stats().completed == 499U);
}

/// Where one of its lanes has room, that one goes on.
BOOST_AUTO_TEST_CASE(a_workflow_with_room_in_one_of_its_lanes_is_taken_up) {
  handle_ok("slow", at_most(1));
  handle_ok("ok");
  opts.active_workflows_max = 16;
  open().hold_handlers();
  submit_many("crowd", "slow", 500);
  submit(workflow_builder("test").id("both").action("s", "slow").action("o", "ok"));
  engine->run_until_idle();
  BOOST_REQUIRE(engine->finish_handler("o", "both"));
  BOOST_TEST((action("both", "o").status == action_status::completed));
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(status("both") == workflow_status::completed);
  BOOST_TEST(engine->stats().completed == 501U);
}

/// What comes due at a full row becomes ready, so that it waits where the ready ones do.
BOOST_AUTO_TEST_CASE(a_crowd_that_comes_due_at_a_full_lane_is_not_in_memory_and_delays_no_other) {
  handle_ok("slow", at_most(1));
  handle_ok("ok");
  opts.active_workflows_max = 64;  // rows of 32
  open().hold_handlers();
  for (int n = 0; n < 2'000; ++n) {
    submit(workflow_builder("test")
               .id(numbered("crowd", n))
               .action("a", "slow")
               .delayed(milliseconds(60'000 + n % 7)));
  }
  engine->advance(milliseconds(61'000));
  BOOST_TEST(engine->stats().active <= 1U + 3U + 32U);
  for (int n = 0; n < 100; ++n) {
    submit(one(numbered("other", n), "ok"));
    engine->run_until_idle();
    BOOST_REQUIRE(engine->finish_handler("a", numbered("other", n)));
    BOOST_REQUIRE(status(numbered("other", n)) == workflow_status::completed);
  }
  BOOST_TEST((action(numbered("crowd", 1'999), "a").waiting == waiting_for::a_thread));
  BOOST_TEST(events(numbered("crowd", 1'999), "action_due").size() == 1U);

  must(engine->crash_and_reopen());
  engine->release_handlers();
  engine->advance(milliseconds(1'000));  // what was still to be let in is overdue now
  BOOST_TEST(engine->stats().completed == 2'100U);
  BOOST_TEST(engine->stats().active == 0U);
  BOOST_TEST(events(numbered("crowd", 1'999), "attempt_started").size() == 1U);
}

/// A deferred attempt stays the same one.
BOOST_AUTO_TEST_CASE(a_deferral_that_comes_due_at_a_full_lane_goes_on_with_its_attempt) {
  handle(
      "asks_again",
      [](const action_context& c) {
        return c.deferrals == 0 ? outcome::defer(c.now + milliseconds(1'000)) : outcome::success();
      },
      at_most(1));
  opts.active_workflows_max = 16;
  open();
  submit_many("w", "asks_again", 300);
  engine->hold_handlers();
  engine->advance(milliseconds(2'000));
  BOOST_TEST(events("w000299", "action_due").size() == 1U);
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(engine->stats().completed == 300U);
  BOOST_TEST(action("w000299", "a").attempts == 1U);
}

BOOST_AUTO_TEST_CASE(retries_that_come_due_while_their_lane_is_full_are_made) {
  handle(
      "flaky",
      [](const action_context& c) {
        return c.attempt == 1 ? outcome::failure("broken", "for now") : outcome::success();
      },
      at_most(1));
  opts.active_workflows_max = 16;
  open();
  submit_many("w", "flaky", 300);
  engine->advance(std::chrono::hours(1));
  BOOST_TEST(engine->stats().completed == 300U);
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
