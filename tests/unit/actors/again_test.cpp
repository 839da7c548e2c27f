// What engine::retry does: a failed workflow goes on, a retry is made now.
#include "actors/core.hpp"
#include "storage/views.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::hours;
using std::chrono::milliseconds;

namespace {

struct again_fixture : engine_fixture {
  bool mended = false;
  /// Fails until the cause is mended.
  void handle_frail(const std::string& type, action_options how = {}) {
    handle(
        type,
        [this](const action_context&) {
          return mended ? outcome::success() : outcome::failure("down", "no answer");
        },
        std::move(how));
  }
  /// Messages and commits, and handlers begin if `starts`, until there is none.
  static void run(driver& d, bool starts) {
    for (;;) {
      if (d.jobs() > 0) {
        d.deliver(0);
      } else if (d.commit_waits()) {
        d.commit(true);
      } else if (starts && d.queued() > 0) {
        d.start_handler(0);
      } else {
        return;
      }
    }
  }
  std::optional<errc> code_of(const result<void>& r) {
    return r ? std::nullopt : std::optional(r.error().code());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(again, again_fixture)

BOOST_AUTO_TEST_CASE(a_failed_workflow_goes_on_where_it_failed_and_keeps_what_was_done) {
  std::vector<workflow_status> ends;
  opts.on_finished = [&](const workflow_summary& s) { ends.push_back(s.status); };
  handle_ok("ok");
  handle_frail("frail");
  open();
  submit(workflow_builder("order")
             .id("w")
             .action("first", "ok")
             .action("second", "frail")
             .after("first")
             .action("third", "ok")
             .after("second"));
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(engine->stats().failed == 1U);

  mended = true;
  must(engine->crash_and_reopen());
  must(engine->retry("w", "second", "the bank is back"));
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(starts("w", "first").size() == 1U);
  BOOST_TEST(starts("w", "second").size() == 4U);
  BOOST_TEST(starts("w", "third").size() == 1U);
  const auto told = events("w", "workflow_continued");
  BOOST_TEST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told[0].actor == "user");
  BOOST_TEST(told[0].data == R"({"reason":"the bank is back"})");
  BOOST_TEST((ends == std::vector{workflow_status::failed, workflow_status::completed}));
  BOOST_TEST(engine->stats().failed == 0U);
  BOOST_TEST(engine->stats().completed == 1U);
  BOOST_TEST(engine->stats().open == 0U);
}

BOOST_AUTO_TEST_CASE(what_goes_on_has_all_its_attempts_and_new_deadlines) {
  action_options how;
  how.schedule_to_close = hours(2);
  handle_frail("frail", how);
  open();
  submit(workflow_builder("test").id("w").deadline(hours(3)).action("a", "frail"));
  for (std::uint32_t life = 1; life <= 3; ++life) {
    engine->advance(hours(5));  // longer than each of the two
    BOOST_TEST(status("w") == workflow_status::failed);
    BOOST_TEST(action("w").attempts == 3 * life);
    must(engine->retry("w"));
  }
  mended = true;
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(findings() == "");
}

BOOST_AUTO_TEST_CASE(what_was_open_at_the_failure_goes_on_too) {
  handle_ok("ok");
  handle_frail("frail");
  action_options late;
  late.retry = retry_policy{};
  late.retry->max_attempts = 1;
  handle(
      "fails_once",
      [this](const action_context&) {
        return mended ? outcome::success() : outcome::fatal("broken", "at once");
      },
      late);
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("delayed", "ok")
             .delayed(hours(1))
             .action("backing_off", "frail")
             .action("blocked", "ok")
             .after("delayed")
             .action("fails", "fails_once"));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::failed);
  mended = true;
  must(engine->retry("w", "fails"));
  engine->run_until_idle();
  BOOST_TEST(action("w", "backing_off").status == action_status::completed);
  BOOST_TEST(action("w", "delayed").waiting == waiting_for::schedule);
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(an_at_most_once_attempt_in_flight_at_the_failure_waits_for_a_decision) {
  handle_frail("frail", {.start_to_close = {}, .max_running = 1});
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_ok("charge", once);
  opts.retry.max_attempts = 1;
  open().hold_handlers();
  submit(workflow_builder("test").id("w").action("charge", "charge").action("other", "frail"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->finish_handler("other"));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(engine->finish_handler("charge"));  // late: nobody waits for it
  mended = true;
  must(engine->retry("w"));
  engine->run_until_idle();
  BOOST_TEST(action("w", "charge").waiting == waiting_for::decision);
  BOOST_TEST(starts("w", "charge").size() == 1U);
  BOOST_TEST_REQUIRE(engine->finish_handler("other"));
  must(engine->resolve("w", "charge", {resolution::kind::complete, "1"}));
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(an_attempt_that_began_as_the_workflow_failed_is_not_given_its_number_again) {
  handle_frail("frail");
  handle_ok("ok");
  opts.retry.max_attempts = 1;
  open().hold_handlers();
  submit(workflow_builder("test").id("w").action("a", "ok").action("other", "frail"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->finish_handler("other"));
  BOOST_TEST(status("w") == workflow_status::failed);
  mended = true;
  must(engine->retry("w"));
  engine->run_until_idle();
  BOOST_TEST(engine->running_handlers().size() == 3U);  // the first one has not returned
  while (engine->finish_handler("a") || engine->finish_handler("other")) {
  }
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(action("w", "a").attempts == 2U);
  BOOST_TEST(events("w", "late_result").size() >= 1U);
}

BOOST_AUTO_TEST_CASE(a_retry_that_waits_is_made_now_when_asked) {
  handle_frail("frail");
  opts.retry.min_wait = opts.retry.max_wait = hours(10);
  open();
  submit(one("w", "frail"));
  submit(one("other", "frail"));
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  mended = true;
  must(engine->retry("w", "a", "it is up"));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(events("w", "retry_requested")[0].data == R"({"attempt":1,"reason":"it is up"})");
  BOOST_TEST(action("other").waiting == waiting_for::retry);
  must(engine->retry("other"));
  engine->run_until_idle();
  BOOST_TEST(status("other") == workflow_status::completed);
}

/// The handler that was given up is held, and the removal waits for it.
BOOST_AUTO_TEST_CASE(a_command_without_an_answer_yet_is_an_error_and_its_late_answer_harms_nobody) {
  handle_ok("slow", {.retry = retry_policy::never(), .start_to_close = milliseconds(1'000)});
  open().hold_handlers();
  submit(one("w", "slow"));
  engine->run_until_idle();
  engine->advance(milliseconds(5'000));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST((code_of(engine->remove("w")) == errc::timed_out));
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST((engine->summary("w").error().code() == errc::not_found));
}

/// The page takes it from the index of what has failed, and then it goes on.
BOOST_AUTO_TEST_CASE(a_page_of_failed_workflows_shows_none_that_has_gone_on_meanwhile) {
  handle_frail("frail");
  opts.retry.max_attempts = 1;
  auto& d = open_stepped();
  d.submit(one("w", "frail"), [](auto) {});
  run(d, true);
  d.finish_handler(0);
  run(d, true);
  bool gone_on = false;
  d.control.read_fails = [&](std::uint64_t, read_of what) {
    if (what != read_of::index && !std::exchange(gone_on, true)) {
      d.retry("w", "", "", [](auto) {});
      run(d, false);
    }
    return false;
  };
  list_query failed;
  failed.status = workflow_status::failed;
  const auto page = storage::list_page(d.core()->store(), failed);
  d.control.read_fails = nullptr;
  BOOST_TEST(gone_on);
  BOOST_TEST(must(page).items.empty());
}

/// Its time has come, a thread has it, and nothing says so yet.
BOOST_AUTO_TEST_CASE(a_retry_that_is_being_made_is_not_made_twice) {
  handle_frail("frail");
  opts.retry.min_wait = opts.retry.max_wait = milliseconds(1'000);
  auto& d = open_stepped();
  d.submit(one("w", "frail"), [](auto) {});
  const auto settle = [&] { run(d, false); };
  settle();
  d.start_handler(0);
  d.finish_handler(0);
  settle();
  d.pass(2'000);
  settle();
  BOOST_TEST_REQUIRE(d.queued() == 1U);
  d.start_handler(0, true);
  bool done = false;
  d.retry("w", "a", "", [&](const auto& r) { done = r.has_value(); });
  d.retry("w", "", "", [](const auto& r) { BOOST_TEST(r.has_value()); });
  settle();
  BOOST_TEST(done);
  BOOST_TEST(d.queued() == 0U);
  BOOST_TEST(d.running() == 1U);
}

BOOST_AUTO_TEST_CASE(a_retry_of_what_waits_for_none_is_refused_with_the_reason) {
  handle_ok("ok");
  handle_frail("frail");
  opts.retry.max_attempts = 1;
  open();
  submit(one("done", "ok"));
  submit(workflow_builder("test").id("failed").action("a", "frail").action("b", "ok"));
  engine->run_until_idle();
  engine->hold_handlers();
  submit(one("runs", "ok"));
  engine->run_until_idle();
  BOOST_TEST((code_of(engine->retry("done")) == errc::wrong_state));
  BOOST_TEST((code_of(engine->retry("failed", "b")) == errc::wrong_state));
  BOOST_TEST((code_of(engine->retry("failed", "nobody")) == errc::not_found));
  BOOST_TEST((code_of(engine->retry("runs")) == errc::wrong_state));
  BOOST_TEST((code_of(engine->retry("runs", "a")) == errc::wrong_state));
  BOOST_TEST((code_of(engine->retry("nobody")) == errc::not_found));
  must(engine->cancel("runs"));
  BOOST_TEST((code_of(engine->retry("runs")) == errc::wrong_state));
}

/// What comes while the end is on its way to the disk is worked on in one step: the workflow goes
/// on and fails again in one commit.
BOOST_AUTO_TEST_CASE(a_workflow_that_goes_on_and_fails_again_at_once_has_ended_once) {
  handle_frail("frail", {.start_to_close = {}, .max_running = 1});
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_ok("charge", once);
  opts.retry.max_attempts = 1;
  opts.retention.failed.age = hours(1);
  auto& d = open_stepped();
  d.submit(workflow_builder("test").id("w").action("charge", "charge").action("other", "frail"),
           [](auto) {});
  const auto settle = [&] { run(d, true); };
  const auto status = [&d] { return must(d.get("w")).summary.status; };
  settle();
  BOOST_TEST_REQUIRE(d.running() == 2U);
  d.finish_handler(d.started_call(0).action_key == "other" ? 0 : 1);
  while (!d.commit_waits()) d.deliver(0);  // the failure
  d.retry("w", "", "", [](const auto& r) { BOOST_TEST(r.has_value()); });
  d.resolve("w", "charge", {resolution::kind::fail, "no"},
            [](const auto& r) { BOOST_TEST(r.has_value()); });
  while (d.jobs() > 0) d.deliver(0);
  d.pass(10);
  settle();
  BOOST_TEST(status() == workflow_status::failed);
  BOOST_TEST(d.stats().failed == 1U);
  BOOST_TEST(must(d.verify()).findings_total == 0U);
  while (d.running() > 0) d.finish_handler(0);
  d.advance(hours(3));
  BOOST_TEST(d.stats().removed == 1U);
  BOOST_TEST(d.stats().failed == 0U);
  BOOST_TEST(must(d.verify()).findings_total == 0U);
}

/// One that is on its way out is not found, and nothing of it comes back.
BOOST_AUTO_TEST_CASE(a_retry_while_retention_removes_the_workflow_finds_it_or_does_not) {
  handle_frail("frail");
  opts.retry.max_attempts = 1;
  opts.retention.failed.count = 0;
  auto& d = open_stepped();
  int answers = 0;
  for (int n = 0; n < 200; ++n) {
    const auto id = "w" + std::to_string(n);
    d.submit(one(id, "frail"), [](auto) {});
    for (int step = 0; step < 400; ++step) {
      if (step == n) d.retry(id, "", "", [&](const auto&) { ++answers; });
      if (d.jobs() > 0) {
        d.deliver(0);
      } else if (d.commit_waits()) {
        d.commit(true);
      } else if (d.queued() > 0) {
        d.start_handler(0);
      } else if (d.running() > 0) {
        d.finish_handler(0);
      } else if (const auto next = d.next_timer_in(); next && *next < 10'000) {
        d.pass(*next);
      }
    }
  }
  BOOST_TEST(answers == 200);
  const auto report = must(d.verify());
  BOOST_TEST(report.findings_total == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
