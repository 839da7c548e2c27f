// What an engine says of its workflows: what it knows beside the store, and that it then comes so.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

struct explain_fixture : engine_fixture {
  explain_fixture() {
    handle_ok("ok");
    handle_failing("bad");
    action_options asks;
    asks.retry = retry_policy::never();
    asks.retry->exhausted = on_exhausted::pause;
    handle_failing("asks", asks);
    action_options single;
    single.max_running = 1;
    handle_ok("single", single);
  }
  [[nodiscard]] explanation why(std::string_view id) const { return must(engine->explain(id)); }
  /// "kind, kind" of action "a".
  [[nodiscard]] std::string kinds_of(std::string_view id, std::string_view key = "a") const {
    std::string out;
    for (const auto& a : why(id).actions) {
      if (a.key != key) continue;
      if (a.running) out += "running";
      for (const auto& r : a.reasons) {
        out += (out.empty() ? "" : ", ") + std::string(to_string(r.kind));
      }
    }
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(engine_explains, explain_fixture)

BOOST_AUTO_TEST_CASE(explain_answers_with_the_errors_of_get) {
  open();
  BOOST_TEST(code_of(engine->explain("nobody")) == errc::not_found);
  BOOST_TEST(code_of(engine->explain("no such id")) == errc::not_found);
  submit(one("w", "ok"));
  engine->run_until_idle();
  BOOST_TEST(why("w").headline.starts_with("completed"));
  BOOST_TEST(must(engine->as_engine().explain("w")).headline == why("w").headline);
  engine->close();
  BOOST_TEST(why("w").headline.starts_with("completed"));
  must(engine->reopen());
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_full_lane_says_so_and_starts_when_it_has_room) {
  open();
  engine->hold_handlers();
  submit(one("first", "single"));
  engine->run_until_idle();
  submit(one("second", "single"));
  submit(one("other", "ok"));
  engine->run_until_idle();
  BOOST_TEST(kinds_of("first") == "running");
  BOOST_TEST((why("first").actions[0].running->since == engine->now()));
  BOOST_TEST(kinds_of("second") == "lane_full");
  BOOST_TEST(kinds_of("other") == "running");
  engine->advance(hours(1));
  BOOST_TEST(events("second", "attempt_started").empty());
  BOOST_TEST(engine->finish_handler("a", "first"));
  BOOST_TEST(kinds_of("second") == "running");
  engine->release_handlers();
  engine->run_until_idle();
}

BOOST_AUTO_TEST_CASE(the_place_in_line_is_the_order_in_which_they_start) {
  open();
  engine->hold_handlers();
  const auto place_of = [&](const std::string& id) {
    const auto a = why(id).actions.at(0);
    return a.running ? std::string("runs")
                     : std::to_string(a.reasons.at(0).place) + " of " +
                           std::to_string(a.reasons.at(0).line);
  };
  // One runs, 64 are let in ahead, the others stand in the row.
  for (int n = 0; n < 70; ++n) {
    submit(one("w" + std::to_string(n), "single"));
    engine->run_until_idle();
  }
  BOOST_TEST(place_of("w0") == "runs");
  BOOST_TEST(place_of("w1") == "1 of 64");
  BOOST_TEST(place_of("w64") == "64 of 64");
  BOOST_TEST(place_of("w65") == "1 of 5");
  BOOST_TEST(place_of("w69") == "5 of 5");
  BOOST_TEST(why("w69").actions[0].reasons[0].note == "its workflow is 5th of 5 in line");
  submit(workflow_builder("test").id("urgent").priority(1).action("a", "single"));
  engine->run_until_idle();
  BOOST_TEST(place_of("urgent") == "1 of 6");
  BOOST_TEST(place_of("w69") == "6 of 6");
  for (const auto* id : {"w0", "urgent", "w1"}) {
    BOOST_TEST(engine->finish_handler("a", id), id);
    engine->run_until_idle();
  }
  BOOST_TEST(place_of("w2") == "runs");
  BOOST_TEST(place_of("w3") == "1 of 64");
  BOOST_TEST(place_of("w69") == "3 of 3");
  engine->release_handlers();
  engine->run_until_idle();
}

BOOST_AUTO_TEST_CASE(a_wait_beyond_the_usual_one_of_its_type_is_said) {
  opts.handlers.add_worker("render");
  open();
  const auto ask = [&] {
    worker_poll p;
    p.types = {"render"};
    p.max = 100;
    p.wait = seconds(1);
    engine->as_engine().poll_async(p, [&](result<std::vector<worker_task>> r) {
      for (const auto& t : must(std::move(r)))
        engine->as_engine().end_attempt_async(t.token, outcome::success(), {});
    });
    engine->run_until_idle();
  };
  for (int n = 0; n < 30; ++n) submit(one("w" + std::to_string(n), "render"));
  engine->advance(seconds(1));
  ask();
  engine->advance(seconds(2));  // its time is over
  submit(one("late", "render"));
  engine->advance(milliseconds(500));
  BOOST_TEST(kinds_of("late") == "workers_full");
  BOOST_TEST(why("late").actions.at(0).reasons.at(0).note == "");
  engine->advance(seconds(60));
  BOOST_TEST(why("late").actions.at(0).reasons.at(0).note ==
             "it has waited 1m 00s, nine in ten wait less than 1.0 s");
  BOOST_TEST(why("late").headline.find("nine in ten wait less than") != std::string::npos);
  const auto stats = engine->as_engine().worker_stats().at(0);
  BOOST_TEST((stats.oldest_ready_at == must(engine->summary("late")).submitted_at));
  ask();
  BOOST_TEST(status("late") == workflow_status::completed);
  BOOST_TEST(!engine->as_engine().worker_stats().at(0).oldest_ready_at);
}

BOOST_AUTO_TEST_CASE(when_all_threads_are_taken_that_is_the_reason) {
  opts.handler_threads = 1;  // two of all types together
  open();
  engine->hold_handlers();
  submit(one("first", "single"));
  submit(one("second", "ok"));
  engine->run_until_idle();
  submit(one("third", "bad"));
  engine->run_until_idle();
  BOOST_TEST(kinds_of("third") == "threads_full");
  engine->release_handlers();
  engine->run_until_idle();
}

BOOST_AUTO_TEST_CASE(the_forecast_of_a_retry_is_when_it_comes) {
  open();
  submit(one("w", "bad"));
  engine->run_until_idle();
  const auto e = why("w");
  BOOST_TEST(kinds_of("w") == "retry");
  const auto at = e.forecast.at(0).at.value();
  BOOST_TEST((at == action("w").next_retry_at.value()));
  engine->advance(at - engine->now() - milliseconds(1));
  BOOST_TEST(must(engine->history("w")).size() == e.events);
  engine->advance(milliseconds(1));
  BOOST_TEST(must(engine->history("w", e.events)).at(0).kind == e.forecast[0].events.at(0));
}

BOOST_AUTO_TEST_CASE(where_nothing_happens_by_itself_nothing_does_until_somebody_acts) {
  open();
  submit(workflow_builder("test").id("w").action("a", "asks").action("b", "ok").after("a"));
  engine->run_until_idle();
  const auto e = why("w");
  BOOST_TEST(e.nothing_by_itself);
  BOOST_TEST(e.roots.at(0).key == "a");
  BOOST_TEST(e.roots[0].holds == 1U);
  engine->advance(hours(10'000));
  BOOST_TEST(must(engine->history("w")).size() == e.events);
  must(engine->resolve("w", "a", {resolution::kind::skip}));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(what_an_engine_leaves_at_rest_says_so) {
  open();
  submit(one("other", "bad"));
  engine->run_until_idle();
  auto mine = opts;
  mine.takes_up = [](std::string_view id) { return id != "other"; };
  must(engine->reopen(mine));
  BOOST_TEST(kinds_of("other") == "retry, at_rest");
  BOOST_TEST(why("other").nothing_by_itself);
  const auto before = must(engine->history("other")).size();
  engine->advance(hours(1));
  BOOST_TEST(kinds_of("other") == "at_rest");
  BOOST_TEST(must(engine->history("other")).size() == before);
  must(engine->reopen(opts));
}

BOOST_AUTO_TEST_CASE(a_paused_engine_says_so_until_it_is_started) {
  opts.paused = true;
  open();
  submit(one("w", "ok"));
  engine->run_until_idle();
  BOOST_TEST(kinds_of("w") == "paused");
  BOOST_TEST(why("w").nothing_by_itself);
  engine->start();
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(an_engine_that_has_stopped_says_why_and_until_when) {
  open();
  submit(one("w", "bad"));
  engine->run_until_idle();
  engine->fail_commit();
  BOOST_TEST(code_of(engine->submit(one("x", "ok"))) == errc::storage_unavailable);
  BOOST_TEST(kinds_of("w") == "retry, stopped");
  BOOST_TEST(why("w").headline.starts_with(
      "nothing will happen by itself: the engine has stopped: a commit failed"));
  must(engine->crash_and_reopen());
}

BOOST_AUTO_TEST_CASE(what_came_due_without_its_handler_is_held_by_that_alone) {
  open();
  submit(one("w", "bad"));
  engine->run_until_idle();
  auto others = opts;
  others.handlers = {};
  must(engine->reopen(others));
  BOOST_TEST(kinds_of("w") == "retry, no_handler");
  engine->advance(hours(1));
  BOOST_TEST(kinds_of("w") == "no_handler");
  BOOST_TEST(why("w").nothing_by_itself);
  must(engine->reopen(opts));
}

BOOST_AUTO_TEST_CASE(a_start_that_is_not_durable_yet_is_not_said_to_wait_for_its_lane) {
  action_options once;
  once.delivery = delivery::at_most_once;
  once.max_running = 1;
  handle_ok("once", once);
  auto& e = open_stepped();
  e.hold_handlers = true;
  e.submit(one("w", "once"), nullptr);
  while (e.queued() == 0) {
    if (e.jobs() > 0) {
      e.deliver(0);
    } else {
      BOOST_REQUIRE(e.commit_waits());
      e.commit(false);
    }
  }
  const auto kind = [&] { return must(e.explain("w")).actions.at(0).reasons.at(0).kind; };
  BOOST_TEST((kind() == reason_kind::starting));
  e.start_handler(0);  // a thread has it, and it counts as running
  for (;;) {
    BOOST_TEST((kind() == reason_kind::starting || kind() == reason_kind::settling));
    if (e.jobs() > 0) {
      e.deliver(0);
    } else if (e.commit_waits()) {
      e.commit(false);
    } else {
      break;
    }
  }
  BOOST_TEST(e.queued() == 1U);
  e.start_handler(0);
  BOOST_TEST(must(e.explain("w")).actions.at(0).running.has_value());
  e.crash();
}

BOOST_AUTO_TEST_SUITE_END()
