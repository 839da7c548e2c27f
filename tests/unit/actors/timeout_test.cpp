// Timeouts of attempts, actions and workflows; results that come too late.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

struct timeout_fixture : engine_fixture {
  timeout_fixture() {
    action_options slow;
    slow.start_to_close = seconds(10);
    slow.retry = retry_policy::fixed(seconds(5), 3);
    handle(
        "slow", [](const action_context& c) { return outcome::success(std::to_string(c.attempt)); },
        slow);
    handle_ok("ok");
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(timeouts, timeout_fixture)

BOOST_AUTO_TEST_CASE(an_attempt_without_outcome_times_out_and_is_made_again) {
  // given a handler that does not return
  open().hold_handlers();
  submit(one("w", "slow"));
  const auto begun = engine->now();
  engine->advance(milliseconds(9'999));
  BOOST_TEST(!engine->running_handlers().at(0).stop_requested);
  // when start_to_close has passed
  engine->advance(milliseconds(1));
  // then it is asked to stop, and the next attempt is scheduled
  BOOST_TEST(engine->running_handlers().at(0).stop_requested);
  auto a = action("w");
  BOOST_TEST(a.waiting == waiting_for::retry);
  BOOST_TEST((a.next_retry_at == begun + seconds(15)));
  BOOST_TEST(a.last_error->error_class == "timeout");
  BOOST_TEST(events("w", "attempt_timed_out").size() == 1U);
  // and starts at its time, although the first handler still runs
  engine->advance(seconds(5));
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 2U);
  BOOST_TEST(engine->running_handlers()[1].attempt == 2U);
}

BOOST_AUTO_TEST_CASE(a_late_result_is_recorded_and_changes_nothing) {
  open().hold_handlers();
  submit(one("w", "slow"));
  engine->advance(seconds(11));
  const auto before = action("w");
  // when the abandoned handler comes with a success after all
  BOOST_TEST(engine->finish_handler("a"));
  // then
  const auto after = action("w");
  BOOST_TEST((after.status == before.status && after.waiting == before.waiting));
  BOOST_TEST((after.next_retry_at == before.next_retry_at));
  BOOST_TEST(after.attempts == before.attempts);
  BOOST_TEST(!after.result.has_value());
  BOOST_TEST(events("w", "late_result").size() == 1U);
  BOOST_TEST(engine->stats().late_results == 1U);
  // and the second attempt's result counts
  engine->release_handlers();
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(action("w").result.value() == "2");
}

BOOST_AUTO_TEST_CASE(a_late_result_does_not_end_the_attempt_that_runs_now) {
  open().hold_handlers();
  submit(one("w", "slow"));
  engine->advance(seconds(16));
  BOOST_TEST(engine->running_handlers().size() == 2U);
  BOOST_TEST(engine->finish_handler("a"));  // the oldest: attempt 1
  BOOST_TEST(status("w") == workflow_status::in_progress);
  BOOST_TEST(action("w").waiting == waiting_for::nothing);
  BOOST_TEST(engine->finish_handler("a"));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(action("w").result.value() == "2");
  BOOST_TEST(events("w", "late_result").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_late_result_after_the_workflows_end_is_recorded_and_changes_nothing) {
  action_options once;
  once.start_to_close = seconds(10);
  once.retry = retry_policy::never();
  handle_ok("once", once);
  open().hold_handlers();
  submit(one("w", "once"));
  engine->advance(seconds(10));
  BOOST_TEST(status("w") == workflow_status::failed);
  const auto closed_at = must(engine->summary("w")).closed_at;
  BOOST_TEST(engine->finish_handler("a"));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST((must(engine->summary("w")).closed_at == closed_at));
  BOOST_TEST(kinds("w").back() == "late_result");
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_CASE(a_deferred_attempt_gets_a_new_start_to_close_for_each_call) {
  action_options how_long;
  how_long.start_to_close = seconds(10);
  handle(
      "d",
      [](const action_context& c) {
        return c.deferrals == 0 ? outcome::defer(c.now + seconds(30)) : outcome::success();
      },
      how_long);
  open();
  submit(one("w", "d"));
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(events("w", "attempt_timed_out").empty());
}

BOOST_AUTO_TEST_CASE(schedule_to_close_ends_an_action_that_runs) {
  action_options limited;
  limited.schedule_to_close = seconds(30);
  handle_ok("limited", limited);
  open().hold_handlers();
  submit(one("w", "limited"));
  engine->advance(milliseconds(29'999));
  BOOST_TEST(status("w") == workflow_status::in_progress);
  engine->advance(milliseconds(1));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(action("w").last_error->error_class == "timeout");
  BOOST_TEST(engine->running_handlers().at(0).stop_requested);
  BOOST_TEST(engine->finish_handler("a"));
  BOOST_TEST(events("w", "late_result").size() == 1U);
}

BOOST_AUTO_TEST_CASE(schedule_to_close_does_not_hide_the_error_before_it) {
  action_options limited;
  limited.schedule_to_close = seconds(30);
  limited.retry = retry_policy::fixed(seconds(5), 3);
  handle_failing("limited", limited);
  open();
  submit(one("w", "limited"));
  engine->run_until_idle();
  engine->hold_handlers();  // the second attempt hangs
  engine->advance(seconds(30));
  BOOST_TEST(status("w") == workflow_status::failed);
  const std::string said =
      "not done within schedule_to_close (30000 ms); last error: broken: no luck";
  BOOST_TEST(action("w").last_error->error_class == "timeout");
  BOOST_TEST(action("w").last_error->message == said);
  BOOST_TEST(must(engine->summary("w")).reason == "action a failed: " + said);
  BOOST_TEST(events("w", "action_failed")[0].data ==
             R"({"error_class":"timeout","message":")" + said + "\"}");
}

BOOST_AUTO_TEST_CASE(no_retry_is_scheduled_beyond_schedule_to_close) {
  action_options limited;
  limited.schedule_to_close = seconds(12);
  limited.retry = retry_policy::fixed(seconds(5), 100);
  handle_failing("limited", limited);
  open();
  submit(one("w", "limited"));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(starts("w").size() == 3U);  // at 0, 5 and 10 s; the next would be at 15 s
  BOOST_TEST(status("w") == workflow_status::failed);
  const auto exhausted = events("w", "retry_exhausted");
  BOOST_TEST_REQUIRE(exhausted.size() == 1U);
  BOOST_TEST(exhausted[0].data.find("schedule_to_close") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(schedule_to_close_counts_from_the_scheduled_start) {
  action_options limited;
  limited.schedule_to_close = seconds(30);
  limited.retry = retry_policy::fixed(seconds(20), 100);
  handle_failing("limited", limited);
  open();
  const auto begun = engine->now();
  submit(workflow_builder("test").id("w").action("a", "limited").delayed(hours(1)));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST_REQUIRE(starts("w").size() == 2U);
  BOOST_TEST((starts("w")[0] == begun + hours(1)));
  BOOST_TEST((starts("w")[1] == begun + hours(1) + seconds(20)));
}

BOOST_AUTO_TEST_CASE(the_workflows_deadline_fails_it_wherever_it_stands) {
  open().hold_handlers();
  // given one that runs, one in back-off beyond the horizon, one that waits for its time
  handle("later",
         [](const action_context&) { return outcome::failure("busy", "come back", minutes(30)); });
  must(engine->reopen(opts));
  submit(workflow_builder("test").id("runs").deadline(minutes(10)).action("a", "ok"));
  submit(workflow_builder("test").id("backs_off").deadline(minutes(10)).action("a", "later"));
  submit(workflow_builder("test")
             .id("waits")
             .deadline(minutes(10))
             .action("a", "ok")
             .delayed(hours(1)));
  engine->run_until_idle();
  BOOST_TEST(engine->finish_handler("a", "backs_off"));
  const auto begun = engine->now();
  // when its deadline passes
  engine->advance(minutes(10) - milliseconds(1));
  for (const auto* id : {"runs", "backs_off", "waits"}) {
    BOOST_TEST(!is_terminal(status(id)), id);
  }
  engine->advance(milliseconds(1));
  // then
  for (const auto* id : {"runs", "backs_off", "waits"}) {
    BOOST_TEST(status(id) == workflow_status::failed, id);
    BOOST_TEST((must(engine->summary(id)).closed_at == begun + minutes(10)));
    BOOST_TEST(action(id).status == action_status::cancelled, id);
  }
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  BOOST_TEST(engine->running_handlers()[0].stop_requested);
  engine->release_handlers();
  engine->advance(hours(2));
  BOOST_TEST(starts("waits").empty());
}

BOOST_AUTO_TEST_CASE(deadlines_hold_across_a_crash_and_in_downtime) {
  action_options limited;
  limited.schedule_to_close = minutes(2);
  limited.retry = retry_policy::fixed(minutes(1), 100);
  handle_failing("limited", limited);
  open();
  submit(workflow_builder("test")
             .id("workflow")
             .deadline(minutes(10))
             .action("a", "ok")
             .delayed(hours(1)));
  submit(one("action", "limited"));
  engine->run_until_idle();
  engine->close();
  engine->advance(hours(1));  // nobody is there
  must(engine->reopen());
  engine->advance(seconds(1));
  BOOST_TEST(status("workflow") == workflow_status::failed);
  BOOST_TEST(status("action") == workflow_status::failed);
  BOOST_TEST(starts("workflow").empty());
}

BOOST_AUTO_TEST_CASE(a_deadline_that_was_met_does_nothing) {
  open();
  submit(workflow_builder("test").id("w").deadline(minutes(10)).action("a", "ok"));
  (void)must(engine->run_until_end("w"));
  const auto length = kinds("w").size();
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(kinds("w").size() == length);
}

/// Nobody knows what its handler has done, and still does.
BOOST_AUTO_TEST_CASE(an_at_most_once_attempt_that_times_out_waits_for_a_decision) {
  action_options once;
  once.delivery = delivery::at_most_once;
  once.start_to_close = seconds(10);
  once.retry = retry_policy::fixed(seconds(1), 5);
  handle_ok("once", once);
  open().hold_handlers();
  submit(one("w", "once"));
  engine->advance(hours(1));
  // then it is asked to stop, and not made again
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  BOOST_TEST(engine->running_handlers()[0].stop_requested);
  auto a = action("w");
  BOOST_TEST(a.waiting == waiting_for::decision);
  BOOST_TEST(a.attempts == 1U);
  BOOST_TEST(a.last_error->error_class == "timeout");
  BOOST_TEST(a.last_error->message == "no outcome within start_to_close (10000 ms)");
  const auto unknown = events("w", "outcome_unknown");
  BOOST_TEST_REQUIRE(unknown.size() == 1U);
  BOOST_TEST(unknown[0].data == R"x({"attempt":1,"error_class":"timeout",)x"
                                R"x("message":"no outcome within start_to_close (10000 ms)"})x");
  // its result comes too late
  BOOST_TEST(engine->finish_handler("a"));
  BOOST_TEST(events("w", "late_result").size() == 1U);
  BOOST_TEST(action("w").waiting == waiting_for::decision);
  BOOST_TEST(engine->stats().active == 0U);
  // and what is decided is done
  engine->release_handlers();
  must(engine->resolve("w", "a", {}));
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(action("w").attempts == 2U);
}

BOOST_AUTO_TEST_CASE(a_decision_while_the_given_up_handler_still_runs_is_carried_out) {
  action_options once;
  once.delivery = delivery::at_most_once;
  once.start_to_close = seconds(10);
  handle_ok("once", once);
  open().hold_handlers();
  submit(one("w", "once"));
  engine->advance(seconds(11));
  must(engine->resolve("w", "a", {}));
  engine->run_until_idle();
  BOOST_TEST(engine->running_handlers().size() == 2U);
  BOOST_TEST(engine->finish_handler("a"));
  BOOST_TEST(status("w") == workflow_status::in_progress);
  BOOST_TEST(engine->finish_handler("a"));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(events("w", "late_result").size() == 1U);
}

/// Its actor waits for the handler that was given up, and is wanted again before that ends.
BOOST_AUTO_TEST_CASE(a_handler_that_hangs_does_not_hold_up_a_late_retry) {
  action_options how;
  how.start_to_close = seconds(5);
  how.retry = retry_policy::fixed(minutes(10), 2);
  handle_ok("hangs", how);
  open().hold_handlers();
  submit(one("w", "hangs"));
  engine->advance(minutes(11));
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 2U);
  BOOST_TEST(engine->running_handlers()[1].attempt == 2U);
}

BOOST_AUTO_TEST_CASE(a_handler_that_was_given_up_is_named_in_the_log_and_counted) {
  std::vector<std::string> said;
  opts.log = [&](log_level level, std::string_view message) {
    if (level == log_level::warning) said.emplace_back(message);
  };
  open().hold_handlers();
  submit(one("w", "slow"));
  submit(one("v", "ok"));
  engine->advance(milliseconds(9'999));
  BOOST_TEST(engine->stats().handlers_running == 2U);
  BOOST_TEST(engine->stats().handlers_stuck == 0U);
  BOOST_TEST(!action("w").stuck_attempt.has_value());
  // when its start_to_close has passed
  engine->advance(milliseconds(1));
  BOOST_TEST(engine->stats().handlers_running == 1U);
  BOOST_TEST(engine->stats().handlers_stuck == 1U);
  BOOST_TEST(action("w").stuck_attempt.value() == 1U);
  BOOST_TEST(!action("v").stuck_attempt.has_value());
  engine->advance(milliseconds(1'999));
  BOOST_TEST(said.empty());
  // and two seconds more
  engine->advance(milliseconds(1));
  BOOST_TEST_REQUIRE(said.size() == 1U);
  BOOST_TEST(said[0] ==
             "workflow w, action a: the handler of slow (attempt 1) was given up and asked to stop "
             "2 s ago, and has not returned; 1 such handlers keep a thread");
  // the second attempt hangs as well: the latest is shown
  engine->advance(seconds(14));
  BOOST_TEST(engine->stats().handlers_stuck == 2U);
  BOOST_TEST(action("w").stuck_attempt.value() == 2U);
  // once they have returned nothing is left of it
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(engine->stats().handlers_stuck == 0U);
  BOOST_TEST(!action("w").stuck_attempt.has_value());
  engine->advance(seconds(2));
  BOOST_TEST(said.size() == 1U);  // the second returned within its two seconds
}

/// One thread: one runs, the lane lets 64 in ahead, and the rest stand in their workflows' rows.
BOOST_AUTO_TEST_CASE(ready_actions_that_wait_for_a_thread_are_counted) {
  opts.handler_threads = 1;
  open().hold_handlers();
  auto spec = workflow_builder("test").id("w");
  for (int n = 0; n < 100; ++n) spec.action("a" + std::to_string(n), "ok");
  submit(spec);
  engine->run_until_idle();
  BOOST_TEST(engine->stats().handlers_running == 1U);
  BOOST_TEST(engine->stats().actions_waiting == 99U);
  engine->release_handlers();
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(engine->stats().actions_waiting == 0U);
  BOOST_TEST(engine->stats().handlers_running == 0U);
  // and what a cancel takes out of the row is not
  engine->hold_handlers();
  submit(spec.id("v"));
  engine->run_until_idle();
  must(engine->cancel("v"));
  engine->run_until_idle();
  BOOST_TEST(engine->stats().actions_waiting == 0U);
}

BOOST_AUTO_TEST_CASE(attempts_that_a_close_leaves_behind_count_as_stopped) {
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_ok("once", once);
  open().hold_handlers();
  submit(one("again", "ok"));
  submit(one("once", "once"));
  submit(one("given_up", "slow"));
  engine->advance(seconds(11));
  const auto closed = engine->close(milliseconds(100));
  BOOST_TEST_REQUIRE(!closed.has_value());
  BOOST_TEST(closed.error().code() == errc::timed_out);
  BOOST_TEST(closed.error().message() ==
             "3 handlers have not returned within 100 ms and were left behind: workflow again, "
             "action a (attempt 1); workflow once, action a (attempt 1); workflow given_up, "
             "action a (attempt 1)");
  BOOST_TEST(engine->stats().handlers_stuck == 3U);
  engine->release_handlers();
  must(engine->reopen());
  BOOST_TEST(must(engine->run_until_end("again")).status == workflow_status::completed);
  BOOST_TEST(action("again").attempts == 2U);
  BOOST_TEST(action("again").recoveries == 0U);
  BOOST_TEST(action("once").waiting == waiting_for::decision);
  BOOST_TEST(must(engine->run_until_end("given_up")).status == workflow_status::completed);
  BOOST_TEST(events("given_up", "late_result").empty());
  BOOST_TEST(calls.size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
