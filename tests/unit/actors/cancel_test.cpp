// Cancelling: what stops, when, and what it answers.
#include "tests/unit/actors/random_steps.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

BOOST_FIXTURE_TEST_SUITE(cancels, engine_fixture)

BOOST_AUTO_TEST_CASE(a_cancel_in_back_off_ends_it_and_no_attempt_follows) {
  handle_failing("f");
  open();
  submit(one("w", "f"));
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  must(engine->cancel("w", "no longer wanted"));
  BOOST_TEST(status("w") == workflow_status::cancelled);
  BOOST_TEST(must(engine->summary("w")).reason == "no longer wanted");
  BOOST_TEST(must(engine->list_retry_eligible(10, engine->now() + hours(1))).empty());
  engine->advance(hours(1));
  BOOST_TEST(calls.size() == 1U);
  BOOST_TEST(action("w").status == action_status::cancelled);
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_CASE(a_cancel_asks_what_runs_to_stop_and_fences_its_result) {
  handle_ok("ok");
  open().hold_handlers();
  submit(one("w", "ok"));
  engine->advance(seconds(1));
  BOOST_TEST(!engine->running_handlers().at(0).stop_requested);
  must(engine->cancel("w"));
  engine->run_until_idle();
  BOOST_TEST(engine->running_handlers().at(0).stop_requested);
  BOOST_TEST(engine->finish_handler("a"));
  BOOST_TEST(status("w") == workflow_status::cancelled);
  BOOST_TEST(!action("w").result.has_value());
  BOOST_TEST(kinds("w").back() == "late_result");
}

BOOST_AUTO_TEST_CASE(a_second_cancel_is_no_error_and_leaves_no_second_event) {
  handle_failing("f");
  open();
  submit(one("w", "f"));
  must(engine->cancel("w", "first"));
  must(engine->cancel("w", "second"));
  BOOST_TEST(events("w", "workflow_cancelled").size() == 1U);
  BOOST_TEST(must(engine->summary("w")).reason == "first");
}

BOOST_AUTO_TEST_CASE(a_cancel_after_another_end_is_refused) {
  handle_ok("ok");
  open();
  submit(one("w", "ok"));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(code_of(engine->cancel("w")) == errc::wrong_state);
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(code_of(engine->cancel("nobody")) == errc::not_found);
  engine->run_until_idle();
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_CASE(a_workflow_that_is_not_in_memory_can_be_cancelled) {
  handle_ok("ok");
  open();
  submit(workflow_builder("test").id("w").action("a", "ok").delayed(hours(5)));
  engine->run_until_idle();
  BOOST_TEST(engine->stats().active == 0U);
  must(engine->cancel("w"));
  engine->advance(hours(6));
  BOOST_TEST(status("w") == workflow_status::cancelled);
  BOOST_TEST(calls.empty());
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_CASE(an_answered_cancel_survives_a_crash) {
  handle_failing("f");
  open();
  submit(one("w", "f"));
  must(engine->cancel("w"));
  must(engine->crash_and_reopen());
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::cancelled);
  BOOST_TEST(calls.size() <= 1U);
}

BOOST_AUTO_TEST_CASE(no_handler_starts_after_the_commit_of_a_cancel) {
  // given a workflow whose actions start in three ways, and a cancel that comes in between;
  // messages, commits and handlers in any order
  std::size_t cut_short = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    std::function<void()> begins;
    const auto run_it = [](const action_context&) { return outcome::success(); };
    options o;
    o.log = [](log_level, std::string_view) {};
    o.handlers.add("pool", run_it);
    o.handlers.add("once", run_it, {.delivery = delivery::at_most_once});
    o.handlers.add("in_place",
                   [&](const action_context&) {
                     begins();
                     return outcome::success();
                   },
                   {.mode = run_mode::in_place});
    random_steps run(std::move(o), seed);
    std::size_t too_late = 0;
    begins = run.on_start = [&] {
      // then no handler begins once the cancel is durable
      const auto header = run.engine.store().load_header("w");
      too_late += header && header->state.status == workflow_status::cancelled ? 1 : 0;
    };
    workflow_builder w("test");
    w.id("w");
    for (const std::string type : {"pool", "in_place", "once"}) {
      for (int n = 0; n < 3; ++n) {
        w.action(type + std::to_string(n), type);
        if (n > 0) w.after(type + std::to_string(n - 1));
      }
    }
    run.engine.submit(w, [](auto) {});
    run.some(run.below(80));
    // when
    run.engine.cancel("w", "", [&](result<void> r) { cut_short += r ? 1 : 0; });
    run.until_idle();
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(too_late == 0U);
      BOOST_TEST(must(run.engine.verify()).findings_total == 0U);
    }
  }
  BOOST_TEST(cut_short > 50U);  // not all came too late to matter
}

BOOST_AUTO_TEST_CASE(a_cancel_after_an_acknowledged_submit_finds_it_whatever_came_before) {
  handle_ok("ok");
  auto& d = open_stepped();
  d.run_until_idle();
  std::optional<result<submission>> submitted;
  std::optional<result<void>> early;
  std::optional<result<void>> late;
  d.submit(one("w", "ok"), [&](auto r) { submitted = std::move(r); });
  // A cancel overtakes the commit: its workflow's actor looks, and finds nothing,
  d.cancel("w", "early", [&](auto r) { early = std::move(r); });
  BOOST_REQUIRE(d.jobs() == 1U);
  const auto engine_actor = d.job_actor(0);
  d.deliver(0);
  BOOST_REQUIRE(d.jobs() == 1U);
  d.deliver(0);
  BOOST_TEST(!early.has_value());
  // and before it has answered, the submit is durable and another cancel comes.
  d.commit(false);
  BOOST_REQUIRE(submitted.has_value());
  must(*submitted);
  d.cancel("w", "late", [&](auto r) { late = std::move(r); });
  for (std::size_t n = 0; n < d.jobs();) {
    if (d.job_actor(n) == engine_actor) {
      d.deliver(n);
      n = 0;
    } else {
      ++n;
    }
  }
  d.run_until_idle();
  BOOST_REQUIRE((early.has_value() && late.has_value()));
  BOOST_TEST((late->has_value() || code_of(*late) == errc::wrong_state));
  BOOST_TEST((must(d.store().load_header("w")).state.status == workflow_status::cancelled));
}

BOOST_AUTO_TEST_CASE(an_id_that_none_can_have_is_not_found_at_once) {
  auto& d = open_stepped();
  int reads = 0;
  d.control.read_fails = [&reads](std::uint64_t, read_of) {
    ++reads;
    return false;
  };
  for (const auto& id : {std::string(), std::string(129, 'a'), std::string(1u << 20, 'x'),
                         std::string("a b"), std::string("a\0b", 3), std::string("..")}) {
    std::vector<errc> got;
    const auto note = [&got](const auto& r) { got.push_back(code_of(r)); };
    // when nothing runs
    d.cancel(id, "", note);
    d.resolve(id, "a", {}, note);
    d.on_end(id, note);
    note(d.get(id));
    // then each is answered all the same
    BOOST_TEST(got == std::vector<errc>(4, errc::not_found), boost::test_tools::per_element());
  }
  BOOST_TEST(reads == 0);
  d.control.read_fails = nullptr;
}

BOOST_AUTO_TEST_SUITE_END()
