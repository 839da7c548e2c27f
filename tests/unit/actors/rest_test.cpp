// Workflows that an engine leaves at rest, engines that are paused at first, terms, and removal.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

struct rest_fixture : engine_fixture {
  rest_fixture() { handle_ok("ok"); }
  /// From now on an engine goes on with ids that begin so, with handlers that are not held.
  void reopen_for(const std::string& prefix) {
    auto mine = opts;
    mine.takes_up = [prefix](std::string_view id) { return id.starts_with(prefix); };
    must(engine->crash_and_reopen(mine));
    engine->release_handlers();
  }
  [[nodiscard]] bool exists(const std::string& id) const { return engine->summary(id).has_value(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(rests, rest_fixture)

BOOST_AUTO_TEST_CASE(what_an_engine_does_not_take_up_stays_as_it_is) {
  handle_failing("bad");
  open();
  submit(workflow_builder("test").id("other-timer").action("a", "ok").delayed(seconds(5)));
  submit(workflow_builder("test")
             .id("other-deadline")
             .deadline(seconds(5))
             .action("a", "ok")
             .delayed(hours(9)));
  submit(one("other-retry", "bad"));
  engine->run_until_idle();
  BOOST_TEST(action("other-retry").waiting == waiting_for::retry);
  engine->hold_handlers();
  submit(one("other-running", "ok"));
  submit(one("mine", "ok"));
  engine->advance(seconds(1));  // their starts are on disk
  const auto calls_before = calls.size();

  reopen_for("mine");
  submit(one("mine-too", "ok"));
  submit(one("other-new", "ok"));
  engine->advance(hours(1));
  BOOST_TEST(status("mine") == workflow_status::completed);
  BOOST_TEST(status("mine-too") == workflow_status::completed);
  BOOST_TEST(calls.size() == calls_before + 2);
  BOOST_TEST(events("other-running", "attempt_interrupted").empty());
  BOOST_TEST(status("other-timer") == workflow_status::pending);
  BOOST_TEST(status("other-deadline") == workflow_status::pending);
  BOOST_TEST(status("other-new") == workflow_status::pending);
  BOOST_TEST(action("other-retry").attempts == 1U);

  must(engine->crash_and_reopen(opts));
  engine->advance(hours(1));
  BOOST_TEST(status("other-timer") == workflow_status::completed);
  BOOST_TEST(status("other-deadline") == workflow_status::failed);
  BOOST_TEST(status("other-new") == workflow_status::completed);
  BOOST_TEST(status("other-running") == workflow_status::completed);
  BOOST_TEST(status("other-retry") == workflow_status::failed);
}

BOOST_AUTO_TEST_CASE(a_command_moves_a_workflow_at_rest_no_further_than_it_says) {
  action_options pausing;
  pausing.retry = retry_policy::never();
  pausing.retry->exhausted = on_exhausted::pause;
  handle_failing("bad", pausing);
  open();
  submit(one("other-decide", "bad"));
  submit(workflow_builder("test").id("other-cancel").action("a", "ok").delayed(hours(1)));
  engine->run_until_idle();
  engine->hold_handlers();
  submit(one("other-running", "ok"));
  engine->advance(seconds(1));
  const auto calls_before = calls.size();

  reopen_for("mine");
  must(engine->resolve("other-decide", "a", {}));
  must(engine->cancel("other-cancel"));
  must(engine->record_terms("other-running", "1"));
  engine->advance(hours(2));
  BOOST_TEST(calls.size() == calls_before);
  BOOST_TEST(action("other-decide").waiting == waiting_for::a_thread);
  BOOST_TEST(status("other-cancel") == workflow_status::cancelled);
  BOOST_TEST(events("other-running", "attempt_interrupted").empty());
}

BOOST_AUTO_TEST_CASE(a_crowd_at_rest_hides_nobody_who_is_taken_up) {
  opts.active_workflows_max = 8;
  opts.paused = true;
  open();
  for (int i = 0; i < 3'000; ++i) submit(one("other-" + std::to_string(i), "ok"));
  for (int i = 0; i < 40; ++i) submit(one("mine-" + std::to_string(i), "ok"));
  opts.paused = false;
  reopen_for("mine");
  engine->run_until_idle();
  BOOST_TEST(engine->stats().completed == 40U);
  BOOST_TEST(engine->stats().open == 3'000U);
}

BOOST_AUTO_TEST_CASE(a_paused_engine_goes_on_when_it_is_started) {
  open();
  submit(workflow_builder("test").id("soon").action("a", "ok").delayed(seconds(5)));
  engine->hold_handlers();
  submit(one("running", "ok"));
  engine->advance(seconds(1));
  auto paused = opts;
  paused.paused = true;
  must(engine->crash_and_reopen(paused));
  engine->release_handlers();
  submit(one("new", "ok"));
  submit(workflow_builder("test").id("later").action("a", "ok").delayed(seconds(90)));
  engine->advance(minutes(1));
  BOOST_TEST(calls.empty());

  engine->start();
  engine->run_until_idle();
  BOOST_TEST(status("running") == workflow_status::completed);
  BOOST_TEST(events("running", "attempt_interrupted").size() == 1U);
  BOOST_TEST(status("new") == workflow_status::completed);
  BOOST_TEST(status("soon") == workflow_status::completed);
  BOOST_TEST(status("later") == workflow_status::pending);
  engine->advance(minutes(1));
  BOOST_TEST(status("later") == workflow_status::completed);
  engine->start();  // nothing more to start
  engine->run_until_idle();
  BOOST_TEST(calls.size() == 4U);
}

/// Whose time comes while nothing may start.
BOOST_AUTO_TEST_CASE(what_came_due_in_a_paused_engine_starts_with_it) {
  opts.paused = true;
  open();
  submit(workflow_builder("test").id("soon").action("a", "ok").delayed(seconds(5)));
  submit(workflow_builder("test").id("next").action("a", "ok").delayed(seconds(50)));
  engine->advance(seconds(20));
  BOOST_TEST(calls.empty());
  BOOST_TEST(engine->stats().active == 0U);
  engine->start();
  engine->run_until_idle();
  BOOST_TEST(status("soon") == workflow_status::completed);
  BOOST_TEST(status("next") == workflow_status::pending);
  engine->advance(minutes(1));
  BOOST_TEST(status("next") == workflow_status::completed);
}

/// A workflow at rest takes no place in memory, whatever is due of it.
BOOST_AUTO_TEST_CASE(timers_at_rest_take_no_place) {
  opts.active_workflows_max = 8;
  opts.takes_up = [](std::string_view id) { return id.starts_with("mine"); };
  open();
  for (int i = 0; i < 10; ++i) {
    submit(workflow_builder("test")
               .id("other-" + std::to_string(i))
               .action("a", "ok")
               .delayed(seconds(5)));
  }
  engine->advance(minutes(1));
  BOOST_TEST(engine->stats().active == 0U);
  submit(one("mine", "ok"));
  engine->run_until_idle();
  BOOST_TEST(status("mine") == workflow_status::completed);
}

/// What was submitted to the paused engine is still in memory then.
BOOST_AUTO_TEST_CASE(a_start_right_after_a_submit_misses_nothing) {
  opts.paused = true;
  open();
  for (int i = 0; i < 20; ++i) {
    engine->submit_async(one("w" + std::to_string(i), "ok"), {});
  }
  engine->start();
  engine->run_until_idle();
  BOOST_TEST(engine->stats().completed == 20U);
}

BOOST_AUTO_TEST_CASE(terms_are_kept_with_a_workflow_and_its_history) {
  open();
  const auto later = workflow_builder("test").id("w").action("a", "ok").delayed(hours(1)).build();
  (void)must(engine->submit(later, R"({"rate": 1})"));
  BOOST_TEST(must(engine->terms("w")) == R"({"rate": 1})");
  BOOST_TEST(must(engine->get("w")).terms == R"({"rate": 1})");
  BOOST_TEST(events("w").front().data == R"({"terms":{"rate":1}})");
  // no part of the content, and what is there keeps its own
  BOOST_TEST(must(engine->submit(later, "other")).existed);
  BOOST_TEST(must(engine->submit(later)).existed);
  must(engine->crash_and_reopen());
  BOOST_TEST(must(engine->terms("w")) == R"({"rate": 1})");

  must(engine->record_terms("w", "2"));
  BOOST_TEST(must(engine->terms("w")) == "2");
  BOOST_TEST(events("w", "terms_recorded").at(0).data == R"({"terms":2})");
  BOOST_TEST(events("w", "terms_recorded").at(0).actor == "user");
  must(engine->crash_and_reopen());
  BOOST_TEST(must(engine->get("w")).terms == "2");
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(must(engine->terms("w")) == "2");
  BOOST_TEST(code_of(engine->record_terms("w", "3")) == errc::wrong_state);
}

BOOST_AUTO_TEST_CASE(terms_have_bounds_and_are_nothing_by_default) {
  open();
  submit(one("w", "ok"));
  BOOST_TEST(must(engine->terms("w")).empty());
  BOOST_TEST(events("w").front().data == "{}");
  BOOST_TEST(code_of(engine->terms("none")) == errc::not_found);
  BOOST_TEST(code_of(engine->record_terms("none", "1")) == errc::not_found);
  const std::string most(limits{}.text_bytes_max, 'x');
  BOOST_TEST(code_of(engine->submit(one("v", "ok"), most + 'x')) == errc::invalid_argument);
  BOOST_TEST(!exists("v"));
  (void)must(engine->submit(one("v", "ok"), most));
  BOOST_TEST(code_of(engine->record_terms("v", most + 'x')) == errc::invalid_argument);
  BOOST_TEST(code_of(engine->record_terms("v", "")) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(what_is_over_can_be_removed_and_nothing_else) {
  open();
  submit(one("done", "ok"));
  submit(workflow_builder("test").id("open").action("a", "ok").delayed(hours(1)));
  engine->run_until_idle();
  BOOST_TEST(code_of(engine->remove("open")) == errc::wrong_state);
  BOOST_TEST(code_of(engine->remove("none")) == errc::not_found);
  BOOST_TEST(code_of(engine->remove("no id!")) == errc::not_found);
  must(engine->remove("done"));
  BOOST_TEST(!exists("done"));
  BOOST_TEST(exists("open"));
  BOOST_TEST(engine->stats().removed == 1U);
  BOOST_TEST(engine->stats().completed == 0U);
  BOOST_TEST(code_of(engine->remove("done")) == errc::not_found);
  submit(one("done", "ok"));  // the id is free
  engine->run_until_idle();
  BOOST_TEST(calls.size() == 2U);
}

BOOST_AUTO_TEST_CASE(one_workflow_is_removed_once_whoever_asks_and_retention_too) {
  opts.retention.completed.age = minutes(1);
  open();
  submit(one("w", "ok"));
  engine->run_until_idle();
  must(engine->remove("w"));
  for (int i = 0; i < 5; ++i) submit(one("v" + std::to_string(i), "ok"));
  engine->run_until_idle();
  engine->advance(minutes(1) - milliseconds(1));
  BOOST_TEST(engine->stats().removed == 1U);
  must(engine->remove("v0"));
  engine->advance(minutes(1));
  BOOST_TEST(engine->stats().removed == 6U);
  BOOST_TEST(engine->stats().submitted == 6U);
}

BOOST_AUTO_TEST_CASE(a_workflow_whose_handler_still_runs_is_removed_once_that_has_returned) {
  auto& d = open_stepped();
  d.hold_handlers = true;
  d.submit(one("w", "ok"), {});
  d.run_until_idle();
  std::optional<result<void>> cancelled;
  d.cancel("w", "", [&](result<void> r) { cancelled = std::move(r); });
  std::optional<result<void>> removed;
  d.remove("w", [&](result<void> r) { removed = std::move(r); });
  d.run_until_idle();
  BOOST_TEST_REQUIRE(cancelled.has_value());
  BOOST_TEST_REQUIRE(removed.has_value());  // it was open when that was asked
  BOOST_TEST(code_of(*removed) == errc::wrong_state);

  removed.reset();
  d.remove("w", [&](result<void> r) { removed = std::move(r); });
  d.run_until_idle();
  BOOST_TEST(!removed.has_value());
  BOOST_TEST(d.store().exists("w"));
  d.finish_handler(0);
  d.run_until_idle();
  BOOST_TEST_REQUIRE(removed.has_value());
  must(*removed);
  BOOST_TEST(!d.store().exists("w"));
  BOOST_TEST(must(d.verify()).findings_total == 0U);
}

BOOST_AUTO_TEST_CASE(a_paused_engine_removes_too) {
  open();
  submit(one("w", "ok"));
  engine->run_until_idle();
  opts.paused = true;
  must(engine->reopen(opts));
  must(engine->remove("w"));
  BOOST_TEST(!exists("w"));
}

BOOST_AUTO_TEST_SUITE_END()
