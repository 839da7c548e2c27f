// What happens to work under way when the process dies or ends, and comes back.
#include "storage/views.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

BOOST_FIXTURE_TEST_SUITE(recovery, engine_fixture)

BOOST_AUTO_TEST_CASE(a_restart_in_back_off_keeps_the_same_next_retry_at) {
  for (const bool crash : {true, false}) {
    calls.clear();
    handle_failing("f");
    open();
    submit(one("w", "f"));
    engine->run_until_idle();
    const auto at = action("w").next_retry_at;
    BOOST_TEST_REQUIRE(at.has_value());
    // when the engine is opened again, twice, before that time
    for (int n = 0; n < 2; ++n) {
      engine->advance(milliseconds(100));
      must(crash ? engine->crash_and_reopen() : engine->reopen());
      engine->run_until_idle();
      BOOST_TEST((action("w").next_retry_at == at));
      BOOST_TEST(action("w").retry_count == 1U);
    }
    // then the attempt starts exactly then
    engine->advance(seconds(2));
    BOOST_TEST_REQUIRE(starts("w").size() == 2U);
    BOOST_TEST((starts("w")[1] == at));
  }
}

BOOST_AUTO_TEST_CASE(overdue_retries_are_spread_after_a_restart_not_fired_as_a_herd) {
  // given 1,000 workflows whose retries come due while nobody is there
  handle("f", [](const action_context& c) {
    return c.attempt == 1 ? outcome::failure("busy", "later", seconds(10)) : outcome::success();
  });
  open();
  for (int n = 0; n < 1'000; ++n) submit(one("w" + std::to_string(n), "f"));
  engine->run_until_idle();
  must(engine->crash_and_reopen());
  engine->close();
  calls.clear();
  engine->advance(minutes(5));
  // when it comes back
  must(engine->reopen());
  const auto reopened = engine->now();
  engine->advance(seconds(10));
  // then they start over a tenth of a second, at an even rate
  BOOST_TEST_REQUIRE(calls.size() == 1'000U);
  std::map<wall_time, int> by_time;
  for (const auto& c : calls) ++by_time[c.began];
  BOOST_TEST((by_time.rbegin()->first - reopened >= milliseconds(90)));
  BOOST_TEST((by_time.rbegin()->first - reopened <= seconds(2)));
  for (const auto& [at, count] : by_time) BOOST_TEST(count <= 50);
}

BOOST_AUTO_TEST_CASE(an_attempt_in_flight_at_a_crash_is_made_again_and_counted) {
  handle_ok("ok");
  open().hold_handlers();
  submit(one("w", "ok"));
  engine->advance(seconds(1));  // its start is durable
  must(engine->crash_and_reopen());
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  BOOST_TEST(engine->running_handlers()[0].attempt == 2U);
  BOOST_TEST(action("w").recoveries == 1U);
  BOOST_TEST(events("w", "attempt_interrupted").size() == 1U);
  BOOST_TEST(action("w").retry_count == 0U);
  engine->finish_handler("a");
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(an_action_that_keeps_killing_the_process_fails_after_max_recoveries) {
  action_options frail;
  frail.max_recoveries = 3;
  handle_ok("frail", frail);
  open().hold_handlers();
  submit(one("w", "frail"));
  engine->advance(seconds(1));
  for (int crash = 1; crash <= 3; ++crash) {
    must(engine->crash_and_reopen());
    engine->advance(seconds(1));
    BOOST_TEST(status("w") == workflow_status::in_progress);
    BOOST_TEST(engine->running_handlers().size() == 1U);
  }
  must(engine->crash_and_reopen());
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(action("w").last_error->error_class == "max_recoveries");
  BOOST_TEST(engine->running_handlers().empty());
}

BOOST_AUTO_TEST_CASE(a_start_that_a_crash_has_lost_is_durable_before_the_handler_runs_again) {
  // given an attempt that began, unrecorded, when the process died
  handle_ok("ok");
  open().hold_handlers();
  submit(one("w", "ok"));
  engine->run_until_idle();
  BOOST_TEST(engine->running_handlers().size() == 1U);
  BOOST_TEST(events("w", "attempt_started").empty());
  // when it comes back
  must(engine->crash_and_reopen());
  engine->run_until_idle();
  // then the handler runs, and its start is durable, without any time passing
  BOOST_TEST(engine->running_handlers().size() == 1U);
  BOOST_TEST(events("w", "attempt_started").size() == 1U);
  // so the next crash in it counts as a recovery
  must(engine->crash_and_reopen());
  engine->run_until_idle();
  BOOST_TEST(action("w").recoveries == 1U);
}

BOOST_AUTO_TEST_CASE(a_retry_start_that_a_crash_has_lost_is_durable_first_too) {
  handle("f", [](const action_context& c) {
    return c.attempt == 1 ? outcome::failure("busy", "later") : outcome::success();
  });
  open();
  submit(one("w", "f"));
  engine->run_until_idle();
  engine->hold_handlers();
  engine->advance(*action("w").next_retry_at - engine->now());
  BOOST_TEST(engine->running_handlers().size() == 1U);
  BOOST_TEST(events("w", "attempt_started").size() == 1U);  // the second is not durable yet
  must(engine->crash_and_reopen());
  engine->run_until_idle();
  BOOST_TEST(engine->running_handlers().size() == 1U);
  BOOST_TEST(events("w", "attempt_started").size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_start_that_may_be_lost_is_not_forgotten_when_its_workflow_leaves_memory) {
  handle("f", [](const action_context& c) {
    return c.attempt == 1 ? outcome::failure("busy", "later") : outcome::success();
  });
  action_options pausing;
  pausing.retry = retry_policy::never();
  pausing.retry->exhausted = on_exhausted::pause;
  handle_failing("p", pausing);
  open();
  // given many overdue retries before that of "w", which wake one after the other
  for (int n = 0; n < 200; ++n) submit(one("other" + std::to_string(n), "f"));
  engine->advance(milliseconds(600));
  submit(workflow_builder("test").id("w").action("a", "f").action("b", "p"));
  engine->run_until_idle();
  engine->step_wall_clock(minutes(1));
  must(engine->crash_and_reopen());
  engine->hold_handlers();
  engine->advance(milliseconds(2));
  // when a decision takes "w" into memory, is written, and "w" leaves again
  must(engine->resolve("w", "b", {resolution::kind::skip, ""}));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(events("w", "attempt_started").size() == 2U);
  // then the start of its retry is durable before the handler runs, all the same
  const auto runs = [this] {
    const auto all = engine->running_handlers();
    return std::any_of(all.begin(), all.end(), [](const auto& h) { return h.workflow_id == "w"; });
  };
  for (int ms = 0; ms < 100 && !runs(); ++ms) engine->advance(milliseconds(1));
  BOOST_TEST(runs());
  BOOST_TEST(events("w", "attempt_started").size() == 3U);
}

BOOST_AUTO_TEST_CASE(an_at_most_once_start_is_durable_before_the_handler_runs) {
  handle_ok("once", {.delivery = delivery::at_most_once});
  open().hold_handlers();
  submit(one("w", "once"));
  engine->run_until_idle();
  BOOST_TEST(engine->running_handlers().size() == 1U);
  BOOST_TEST(events("w", "attempt_started").size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_at_most_once_attempt_in_flight_at_a_crash_waits_for_a_decision) {
  struct choice {
    resolution::kind what;
    const char* value;
    workflow_status end;
    std::size_t calls;
    const char* result;
  };
  const choice choices[] = {
      {resolution::kind::retry, "null", workflow_status::completed, 1, "\"done\""},
      {resolution::kind::skip, "null", workflow_status::completed, 0, ""},
      {resolution::kind::complete, "[1]", workflow_status::completed, 0, "[1]"},
      {resolution::kind::fail, "lost", workflow_status::failed, 0, ""}};
  for (const auto& c : choices) {
    const resolution decision{c.what, c.value};
    calls.clear();
    handle("once", [](const action_context&) { return outcome::success("\"done\""); },
           {.delivery = delivery::at_most_once});
    open().hold_handlers();
    submit(one("w", "once"));
    engine->run_until_idle();
    must(engine->crash_and_reopen());
    engine->release_handlers();
    engine->advance(hours(1));
    // given an action in doubt: it is not made again
    BOOST_TEST(calls.empty());
    BOOST_TEST(action("w").waiting == waiting_for::decision);
    BOOST_TEST(events("w", "outcome_unknown").size() == 1U);
    BOOST_TEST(engine->stats().active == 0U);
    // a decision is refused where none is asked for
    BOOST_TEST(code_of(engine->resolve("w", "b", decision)) == errc::not_found);
    BOOST_TEST(code_of(engine->resolve("v", "a", decision)) == errc::not_found);
    // when somebody decides
    must(engine->resolve("w", "a", decision));
    // then
    BOOST_TEST(must(engine->run_until_end("w")).status == c.end);
    BOOST_TEST(calls.size() == c.calls);
    BOOST_TEST(action("w").result.value_or("") == c.result);
    BOOST_TEST(code_of(engine->resolve("w", "a", decision)) == errc::wrong_state);
  }
}

/// Delivery belongs to the attempt: what another program says of the type holds for the next one.
BOOST_AUTO_TEST_CASE(an_attempt_keeps_the_delivery_that_it_was_started_with) {
  for (const auto started_as : {delivery::at_most_once, delivery::at_least_once}) {
    const bool once = started_as == delivery::at_most_once;
    calls.clear();
    opts.handlers = {};
    const options without = opts;
    handle_ok("t", {.delivery = started_as});
    open().hold_handlers();
    submit(one("w", "t"));
    engine->advance(seconds(1));
    BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
    BOOST_TEST((events("w", "attempt_started")[0].data.find("at_most_once") != std::string::npos) ==
               once);
    // when programs come back that know the type otherwise, or not at all
    auto other = without;
    std::swap(opts, other);
    handle_ok("t", {.delivery = once ? delivery::at_least_once : delivery::at_most_once});
    std::swap(opts, other);
    must(engine->crash_and_reopen(once ? without : other));
    engine->run_until_idle();
    if (once) must(engine->crash_and_reopen(other));
    engine->run_until_idle();
    // then
    BOOST_TEST((action("w").waiting == waiting_for::decision) == once);
    BOOST_TEST(events("w", once ? "outcome_unknown" : "attempt_interrupted").size() == 1U);
    if (!once) {
      BOOST_TEST(events("w", "attempt_started").back().data.find("at_most_once") !=
                 std::string::npos);
    }
    engine->release_handlers();
  }
}

BOOST_AUTO_TEST_CASE(a_deferred_attempt_keeps_its_delivery_too) {
  const auto later = [](const action_context& c) {
    return c.deferrals == 0 ? outcome::defer(c.now + minutes(1)) : outcome::success();
  };
  handle("t", later, {.delivery = delivery::at_most_once});
  open();
  submit(one("w", "t"));
  engine->run_until_idle();
  opts.handlers = {};
  handle("t", later);
  must(engine->crash_and_reopen(opts));
  engine->hold_handlers();
  engine->advance(minutes(2));
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  must(engine->crash_and_reopen());
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::decision);
}

BOOST_AUTO_TEST_CASE(a_result_that_was_not_durable_is_made_again_and_one_that_was_is_not) {
  int runs = 0;
  handle("count", [&](const action_context&) { return outcome::success(std::to_string(++runs)); });
  open();
  submit(workflow_builder("test").id("w").sequential().action("a", "count").action("b", "count"));
  // given that the commit with the result of "a" is lost
  engine->fail_commit(1);
  engine->run_until_idle();
  BOOST_TEST(!engine->healthy());
  BOOST_TEST(runs == 1);
  // when
  must(engine->crash_and_reopen());
  (void)must(engine->run_until_end("w"));
  // then "a" has run twice, "b" once
  BOOST_TEST((order() == std::vector<std::string>{"a", "a", "b"}));
  BOOST_TEST(action("w", "a").result.value() == "2");
}

BOOST_AUTO_TEST_CASE(an_action_without_handler_waits_and_goes_on_when_it_has_one) {
  const options without = opts;
  handle_ok("ok");
  open();
  submit(workflow_builder("test").id("w").action("a", "ok").delayed(seconds(1)));
  submit(workflow_builder("test").id("v").action("a", "ok").delayed(seconds(1)));
  engine->run_until_idle();
  // when the program comes back without the handler
  must(engine->reopen(without));
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::pending);
  BOOST_TEST(engine->stats().active == 0U);
  must(engine->cancel("v"));
  must(engine->reopen(without));
  engine->run_until_idle();
  // and then with it
  must(engine->reopen(opts));
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(status("v") == workflow_status::cancelled);
}

BOOST_AUTO_TEST_CASE(a_ready_action_without_handler_says_no_handler) {
  const options without = opts;
  handle_ok("ok");
  opts.paused = true;  // nothing starts
  open();
  submit(one("w", "ok"));
  must(engine->reopen(without));
  engine->advance(minutes(1));
  BOOST_TEST(action("w").waiting == waiting_for::handler);
}

/// A retry, a deferral and an attempt in flight, whose type another program does not know.
BOOST_AUTO_TEST_CASE(what_comes_due_without_its_handler_says_so_and_is_logged_once) {
  std::vector<std::string> warnings;
  opts.log = [&](log_level level, std::string_view text) {
    if (level == log_level::warning) warnings.emplace_back(text);
  };
  const options without = opts;
  handle_failing("f");
  handle("d", [](const action_context& c) { return outcome::defer(c.now + minutes(1)); });
  handle_ok("ok");
  open();
  submit(one("retry", "f"));
  submit(one("timer", "d"));
  engine->run_until_idle();
  engine->hold_handlers();
  submit(one("flight", "ok"));
  engine->advance(milliseconds(500));
  must(engine->crash_and_reopen(without));
  engine->run_until_idle();
  BOOST_TEST(action("retry").waiting == waiting_for::retry);
  BOOST_TEST(action("timer").waiting == waiting_for::timer);
  // when their time has come
  engine->advance(hours(1));
  for (const auto* id : {"retry", "timer", "flight"}) {
    BOOST_TEST(action(id).waiting == waiting_for::handler, id);
  }
  std::sort(warnings.begin(), warnings.end());
  const std::vector<std::string> expected{
      "workflow flight, action a waits: no handler is registered for its type ok",
      "workflow retry, action a waits: no handler is registered for its type f",
      "workflow timer, action a waits: no handler is registered for its type d"};
  BOOST_TEST(warnings == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_clean_close_stops_handlers_and_their_attempts_are_made_again) {
  // given a handler that fails when it is asked to stop
  handle("f", [](const action_context& c) {
    return c.stop.stop_requested() ? outcome::failure("stopped", "asked to") : outcome::success();
  });
  open().hold_handlers();
  submit(one("w", "f"));
  engine->advance(seconds(1));
  // when
  must(engine->reopen());
  // then that was no failure of its own: the attempt is made again, no retry is counted
  BOOST_TEST_REQUIRE(calls.size() == 1U);
  BOOST_TEST(calls[0].stop_requested);
  engine->release_handlers();
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(action("w").retry_count == 0U);
  BOOST_TEST(!action("w").last_error.has_value());
}

/// Its start was not told yet: it must not look as if it had never been called.
BOOST_AUTO_TEST_CASE(an_attempt_that_a_close_stops_as_it_begins_is_recorded) {
  handle("f", [](const action_context& c) {
    return c.stop.stop_requested() ? outcome::failure("stopped", "asked to") : outcome::success();
  });
  auto& d = open_stepped();
  d.submit(one("w", "f"), [](auto) {});
  while (d.queued() == 0) d.jobs() > 0 ? d.deliver(0) : static_cast<void>(d.commit(false));
  d.start_handler(0, true);
  d.close();
  must(d.open());
  std::vector<std::string> kinds;
  const auto history = storage::read_history(d.store(), "w", 0, 100);
  for (const auto& e : must(history)) kinds.push_back(e.kind);
  const std::vector<std::string> expected{"workflow_created", "attempt_started",
                                          "attempt_interrupted"};
  BOOST_TEST(kinds == expected, boost::test_tools::per_element());
}

/// max_recoveries is for what kills the process.
BOOST_AUTO_TEST_CASE(a_clean_close_is_no_recovery) {
  action_options patient;
  patient.max_recoveries = 2;
  handle(
      "f",
      [](const action_context& c) {
        return c.stop.stop_requested() ? outcome::failure("stopped", "asked to")
                                       : outcome::success();
      },
      patient);
  open().hold_handlers();
  submit(one("w", "f"));
  for (int n = 0; n < 5; ++n) {
    engine->advance(seconds(1));
    BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
    must(engine->reopen());
  }
  engine->release_handlers();
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(action("w").recoveries == 0U);
}

BOOST_AUTO_TEST_CASE(an_at_most_once_attempt_that_a_close_kept_from_starting_is_not_in_doubt) {
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_ok("once", once);
  opts.handler_threads = 1;
  open().hold_handlers();
  submit(one("first", "once"));
  submit(one("second", "once"));  // its start is durable, but there is no thread for it
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  must(engine->reopen());
  engine->release_handlers();
  BOOST_TEST(must(engine->run_until_end("second")).status == workflow_status::completed);
  BOOST_TEST(starts("second").size() == 1U);
}

/// The start was durable and the engine closed before the handler could begin: with the commit not
/// told yet, behind a drain, or on its way to a thread.
BOOST_AUTO_TEST_CASE(an_at_most_once_attempt_that_never_began_is_made_after_a_close) {
  for (const auto mode : {run_mode::blocking, run_mode::in_place}) {
    for (const bool drained : {false, true}) {
      for (int steps = 0; steps < 12; ++steps) {
        calls.clear();
        opts.handlers = {};
        handle_ok("once", {.mode = mode, .delivery = delivery::at_most_once});
        auto& d = open_stepped();
        d.submit(one("w", "once"), [](auto) {});
        d.commit(false);
        while (!d.commit_waits() && d.jobs() > 0) d.deliver(0);  // until its start is to be written
        d.commit(false);
        if (drained) d.start_draining();
        for (int n = 0; n < steps && d.jobs() > 0; ++n) d.deliver(0);
        const bool began = !calls.empty();
        d.close();
        must(d.open());
        d.run_until_idle();
        const auto end = must(d.get("w"));
        BOOST_TEST(calls.size() == 1U);
        if (!began) BOOST_TEST(end.summary.status == workflow_status::completed);
        BOOST_TEST(end.actions[0].recoveries == 0U);
      }
    }
  }
}

/// It may have done a part of its work.
BOOST_AUTO_TEST_CASE(an_at_most_once_attempt_that_a_close_stopped_waits_for_a_decision) {
  action_options once{.delivery = delivery::at_most_once};
  const auto stoppable = [](const action_context& c) {
    return c.stop.stop_requested() ? outcome::failure("stopped", "half done") : outcome::success();
  };
  handle("once", stoppable, once);
  once.retry = retry_policy::never();
  handle("never_again", stoppable, once);
  open().hold_handlers();
  submit(one("w", "once"));
  submit(one("v", "never_again"));
  engine->run_until_idle();
  must(engine->reopen());
  engine->release_handlers();
  engine->advance(minutes(1));
  for (const auto* id : {"w", "v"}) {
    BOOST_TEST(action(id).waiting == waiting_for::decision);
    BOOST_TEST(starts(id).size() == 1U);
    BOOST_TEST(events(id, "outcome_unknown").size() == 1U);
    must(engine->resolve(id, "a", resolution{}));
    BOOST_TEST(must(engine->run_until_end(id)).status == workflow_status::completed);
  }
}

BOOST_AUTO_TEST_CASE(a_success_during_close_counts) {
  handle_ok("ok");
  open().hold_handlers();
  submit(one("w", "ok"));
  engine->advance(seconds(1));
  must(engine->reopen());
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_value_of_a_decision_is_bounded_like_a_result) {
  action_options pausing;
  pausing.retry = retry_policy::never();
  pausing.retry->exhausted = on_exhausted::pause;
  handle_failing("p", pausing);
  opts.limits.payload_bytes_max = 100;
  open();
  submit(one("w", "p"));
  engine->run_until_idle();
  const auto complete = [&](std::size_t bytes) {
    return engine->resolve("w", "a", {resolution::kind::complete, std::string(bytes, '1')});
  };
  BOOST_TEST(code_of(complete(101)) == errc::invalid_argument);
  const auto no_kind = static_cast<resolution::kind>(77);
  BOOST_TEST(code_of(engine->resolve("w", "a", {no_kind, ""})) == errc::invalid_argument);
  BOOST_TEST(action("w").waiting == waiting_for::decision);
  must(complete(100));
  BOOST_TEST(status("w") == workflow_status::completed);
}

/// `tenax cancel` and `resolve` open a paused engine that knows no handlers and no delivery.
BOOST_AUTO_TEST_CASE(a_paused_engine_leaves_what_was_in_flight_to_one_that_runs) {
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_ok("once", once);
  const auto running = opts;
  open().hold_handlers();
  submit(one("w", "once"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  options paused;
  paused.log = opts.log;
  paused.paused = true;
  must(engine->crash_and_reopen(paused));
  BOOST_TEST(code_of(engine->resolve("w", "a", resolution{})) == errc::wrong_state);
  BOOST_TEST(events("w", "attempt_interrupted").empty());
  must(engine->crash_and_reopen(running));
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::decision);
  must(engine->crash_and_reopen(paused));
  must(engine->resolve("w", "a", resolution{}));
  must(engine->crash_and_reopen(running));
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(many_crashes_in_a_row_lose_nothing) {
  handle("f", [](const action_context& c) {
    return c.attempt % 3 != 0 ? outcome::failure("busy", "again") : outcome::success();
  });
  open();
  for (int n = 0; n < 20; ++n) {
    submit(workflow_builder("test")
               .id("w" + std::to_string(n))
               .sequential()
               .action("a", "f")
               .action("b", "f"));
  }
  for (int crash = 0; crash < 20; ++crash) {
    engine->advance(milliseconds(137 * (crash % 7)));
    must(engine->crash_and_reopen());
    BOOST_TEST(findings() == "");
  }
  engine->advance(minutes(5));
  BOOST_TEST(engine->stats().completed == 20U);
}

BOOST_AUTO_TEST_SUITE_END()
