// Stopping: after a failed commit, by drain, by close; and not starting at all (paused).
#include "tests/support/processes.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {
struct stop_fixture : engine_fixture {
  stop_fixture() { handle_ok("ok"); }
};
}  // namespace

BOOST_FIXTURE_TEST_SUITE(stops, stop_fixture)

BOOST_AUTO_TEST_CASE(after_a_failed_commit_nothing_is_acknowledged_and_no_handler_starts) {
  for (const auto how_it_fails : {failed_commit::lost, failed_commit::written}) {
    calls.clear();
    open().hold_handlers();
    submit(one("runs", "ok"));
    submit(workflow_builder("test").id("waits").action("a", "ok").delayed(seconds(5)));
    engine->run_until_idle();
    BOOST_TEST(engine->healthy());
    // when the commit of a result fails
    engine->fail_commit(1, how_it_fails);
    bool answered = false;
    engine->submit_async(one("same_commit", "ok"), [&](result<submission> r) {
      BOOST_TEST(code_of(r) == errc::storage_unavailable);
      BOOST_TEST(classify(r.error().code()) == error_class::unknown);
      answered = true;
    });
    engine->finish_handler("a", "runs");
    // then
    BOOST_TEST(answered);
    BOOST_TEST(!engine->healthy());
    BOOST_TEST(code_of(engine->submit(one("later", "ok"))) == errc::stopped);
    BOOST_TEST(code_of(engine->cancel("waits")) == errc::stopped);
    BOOST_TEST(code_of(engine->resolve("waits", "a", {})) == errc::stopped);
    BOOST_TEST(code_of(engine->run_until_end("waits")) == errc::stopped);
    engine->release_handlers();
    engine->advance(minutes(1));
    BOOST_TEST(calls.size() == 1U);
    const auto writes = engine->store_writes();
    engine->advance(minutes(1));
    BOOST_TEST(engine->store_writes() == writes);
    // and after a new open everything goes on
    must(engine->reopen());
    BOOST_TEST(findings() == "");
    engine->advance(minutes(1));
    BOOST_TEST(status("runs") == workflow_status::completed);
    BOOST_TEST(status("waits") == workflow_status::completed);
    BOOST_TEST((code_of(engine->summary("later")) == errc::not_found));
  }
}

BOOST_AUTO_TEST_CASE(every_single_failing_commit_of_a_run_leaves_a_store_in_order) {
  // The k-th write of the same run fails, for each k until none does.
  for (const auto how_it_fails : {failed_commit::lost, failed_commit::written}) {
    for (std::uint64_t k = 1;; ++k) {
      calls.clear();
      handle("f", [](const action_context& c) {
        return c.attempt < 2 ? outcome::failure("busy", "again") : outcome::success("1");
      });
      open();
      engine->fail_commit(k, how_it_fails);
      const auto spec = workflow_builder("test")
                            .id("w")
                            .action("a", "f")
                            .action("b", "f", R"("${actions.a.result}")")
                            .action("c", "ok")
                            .delayed(seconds(1))
                            .build();
      const bool acknowledged = engine->submit(spec).has_value();
      engine->advance(seconds(10));
      const bool failed = !engine->healthy();
      must(engine->crash_and_reopen());
      BOOST_TEST_CONTEXT("write " << k) {
        BOOST_TEST(findings() == "");
        if (acknowledged) BOOST_TEST(engine->summary("w").has_value());
        BOOST_TEST(engine->submit(spec).has_value());
        BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
        BOOST_TEST(findings() == "");
      }
      if (!failed) {
        BOOST_TEST(k > 5U);
        break;
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(drain_lets_what_runs_finish_and_starts_nothing_else) {
  open().hold_handlers();
  submit(workflow_builder("test").id("w").sequential().action("a", "ok").action("b", "ok"));
  submit(workflow_builder("test").id("v").action("a", "ok").delayed(seconds(5)));
  engine->run_until_idle();
  BOOST_TEST(code_of(engine->drain()) == errc::timed_out);
  BOOST_TEST(code_of(engine->submit(one("more", "ok"))) == errc::closing);
  engine->finish_handler("a", "w");
  must(engine->drain());
  engine->release_handlers();
  engine->advance(minutes(1));
  BOOST_TEST((order() == std::vector<std::string>{"a"}));
  BOOST_TEST(action("w", "a").status == action_status::completed);
  BOOST_TEST(!is_terminal(status("w")));
  // what was left goes on at the next open
  must(engine->reopen());
  engine->advance(minutes(1));
  BOOST_TEST(engine->stats().completed == 2U);
}

BOOST_AUTO_TEST_CASE(a_closed_engine_answers_queries_alone_under_virtual_time_as_in_real_time) {
  const auto answers = [](auto& e) {
    std::vector<std::string> all;
    const auto note = [&](const auto& r) { all.push_back(r ? "ok" : r.error().to_string()); };
    e.close();
    e.close();
    for (const char* id : {"w", "v"}) {
      note(e.submit(one(id, "ok")));
      note(e.cancel(id));
      note(e.resolve(id, "a", {}));
      note(e.summary(id));
      note(e.get(id));
      note(e.history(id));
    }
    note(e.submit_json("[]"));
    e.submit_async(one("v", "ok"), note);
    note(e.list());
    note(e.list_retry_eligible());
    note(e.list_ready_scheduled());
    all.push_back(e.healthy() ? "healthy" : "stopped");
    all.push_back(std::to_string(e.stats().completed) + " completed");
    return all;
  };
  open();
  submit(one("w", "ok"));
  (void)must(engine->run_until_end("w"));
  const auto virtually = answers(*engine);
  BOOST_TEST(code_of(engine->run_until_end("w")) == errc::closing);
  must(engine->drain());
  engine->advance(seconds(1));

  const support::temporary_directory place("tenax-closed");
  auto real = must(tenax::engine::open(place.path() / "data", opts));
  (void)must(real.submit(one("w", "ok")));
  (void)must(real.await("w"));
  BOOST_TEST(virtually == answers(real), boost::test_tools::per_element());
  BOOST_TEST(code_of(real.await("w")) == errc::closing);
  must(real.drain(milliseconds(0)));
}

BOOST_AUTO_TEST_CASE(a_virtual_engine_that_could_not_be_opened_again_answers_closing) {
  open();
  submit(one("w", "ok"));
  auto unusable = opts;
  unusable.active_workflows_max = 0;
  engine->close();
  BOOST_TEST(code_of(engine->crash_and_reopen(unusable)) == errc::invalid_argument);
  BOOST_TEST(code_of(engine->summary("w")) == errc::closing);
  BOOST_TEST(code_of(engine->submit(one("v", "ok"))) == errc::closing);
  BOOST_TEST(!engine->healthy());
  must(engine->reopen(opts));
}

BOOST_AUTO_TEST_CASE(what_was_submitted_just_before_a_close_is_durable_and_runs_later) {
  open();
  int done = 0;
  for (int n = 0; n < 10; ++n) {
    engine->submit_async(one("w" + std::to_string(n), "ok"),
                         [&](result<submission> r) { done += r ? 1 : 0; });
  }
  engine->close();
  BOOST_TEST(done == 10);
  must(engine->reopen());
  engine->run_until_idle();
  BOOST_TEST(engine->stats().completed == 10U);
}

/// The start of an at_least_once attempt: written within 20 ms, and nobody waits for it.
BOOST_AUTO_TEST_CASE(a_failed_commit_that_nobody_waits_for_stops_the_engine_too) {
  open().hold_handlers();
  submit(one("w", "ok"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  engine->fail_commit(1);
  engine->advance(seconds(1));
  BOOST_TEST(!engine->healthy());
  BOOST_TEST(code_of(engine->submit(one("later", "ok"))) == errc::stopped);
}

/// A cancel that waits behind a commit that is still good.
BOOST_AUTO_TEST_CASE(after_a_failed_commit_every_command_is_answered) {
  auto& d = open_stepped();
  d.hold_handlers = true;
  d.submit(workflow_builder("test").id("w").action("a", "ok").action("b", "ok"), [](auto) {});
  d.run_until_idle();
  const auto deliver_all = [&d] {
    while (d.jobs() > 0) d.deliver(0);
  };
  // A command that comes while a good commit of its workflow is on its way waits for the next one,
  d.finish_handler(0);
  deliver_all();
  std::optional<result<void>> answer;
  d.cancel("w", "enough", [&](result<void> r) { answer = std::move(r); });
  deliver_all();
  d.commit(false);
  // and before the workflow hears of the good one, a commit of another workflow fails.
  d.control.fate = [](std::uint64_t) { return write_fate::lost; };
  d.submit(one("other", "ok"), [](auto) {});
  d.commit(false);
  BOOST_TEST(d.halted());
  BOOST_TEST(!answer.has_value());
  deliver_all();
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(code_of(*answer) == errc::stopped);
}

BOOST_AUTO_TEST_CASE(a_paused_engine_accepts_and_shows_but_starts_nothing) {
  opts.paused = true;
  open();
  submit(one("now", "ok"));
  submit(workflow_builder("test").id("soon").action("a", "ok").delayed(seconds(5)));
  submit(one("unwanted", "ok"));
  must(engine->cancel("unwanted"));
  engine->advance(hours(1));
  BOOST_TEST(calls.empty());
  BOOST_TEST(status("now") == workflow_status::pending);
  BOOST_TEST(status("unwanted") == workflow_status::cancelled);
  BOOST_TEST(must(engine->list()).items.size() == 3U);
  // and goes on when it is opened without
  opts.paused = false;
  must(engine->reopen(opts));
  engine->advance(seconds(10));
  BOOST_TEST(engine->stats().completed == 2U);
}

BOOST_AUTO_TEST_CASE(on_finished_is_called_once_after_the_end_is_durable) {
  std::vector<std::string> finished;
  opts.on_finished = [&](const workflow_summary& s) {
    finished.push_back(s.id);
    BOOST_TEST(must(engine->summary(s.id)).status == s.status);
  };
  handle_failing("f", {.retry = retry_policy::never()});
  open();
  submit(one("w", "ok"));
  submit(one("v", "f"));
  engine->run_until_idle();
  submit(workflow_builder("test").id("u").action("a", "ok").delayed(hours(1)));
  must(engine->cancel("u"));
  must(engine->crash_and_reopen());
  engine->advance(hours(2));
  BOOST_TEST((finished == std::vector<std::string>{"w", "v", "u"}));
}

BOOST_AUTO_TEST_SUITE_END()
