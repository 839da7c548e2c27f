// Timers: the due index, the horizon, the window in memory; clocks that step.
#include <random>

#include "tests/unit/actors/random_steps.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

struct timer_fixture : engine_fixture {
  timer_fixture() { handle_ok("ok"); }
  void submit_many(std::size_t count, const std::function<workflow_spec(std::size_t)>& make) {
    std::size_t done = 0;
    for (std::size_t n = 0; n < count; ++n) {
      engine->submit_async(make(n), [&done](result<submission> r) { done += r ? 1 : 0; });
    }
    engine->run_until_idle();
    BOOST_TEST(done == count);
  }
  static std::string id(std::size_t n) { return "w" + std::to_string(n); }
  workflow_spec delayed(std::size_t n, milliseconds delay) const {
    return workflow_builder("test").id(id(n)).action("a", "ok").delayed(delay);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(timers, timer_fixture)

BOOST_AUTO_TEST_CASE(a_timer_beyond_the_horizon_holds_no_actor) {
  action_options slow;
  slow.retry = retry_policy::fixed(minutes(10), 2);
  handle_failing("f", slow);
  open();
  const auto begun = engine->now();
  submit(one("w", "f"));
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  BOOST_TEST(engine->stats().active == 0U);
  engine->advance(minutes(9));
  BOOST_TEST(engine->stats().active == 0U);
  engine->advance(minutes(1));
  BOOST_TEST_REQUIRE(starts("w").size() == 2U);
  BOOST_TEST((starts("w")[1] == begun + minutes(10)));
}

BOOST_AUTO_TEST_CASE(a_wait_has_begun_when_its_attempt_began) {
  open();
  const auto begun = engine->now();
  submit(one("w", "wait", R"({"seconds": 90})"));
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST_REQUIRE(action("w").started_at.has_value());
  BOOST_TEST_REQUIRE(action("w").closed_at.has_value());
  BOOST_TEST((*action("w").started_at == begun));
  BOOST_TEST((*action("w").closed_at == begun + seconds(90)));
}

BOOST_AUTO_TEST_CASE(a_timer_within_the_horizon_is_kept_in_memory) {
  open();
  submit(delayed(0, seconds(30)));
  engine->run_until_idle();
  BOOST_TEST(engine->stats().active == 1U);
}

BOOST_AUTO_TEST_CASE(the_horizon_is_an_option) {
  opts.timer_horizon = seconds(1);
  open();
  submit(delayed(0, seconds(30)));
  engine->run_until_idle();
  BOOST_TEST(engine->stats().active == 0U);
  engine->advance(seconds(30));
  BOOST_TEST(calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(ten_thousand_workflows_due_at_once_all_start_and_never_all_at_once_in_memory) {
  opts.active_workflows_max = 500;
  open();
  const auto at = engine->now() + hours(3);
  submit_many(10'000, [&](std::size_t n) {
    return workflow_builder("test").id(id(n)).action("a", "ok").at(at).build();
  });
  BOOST_TEST(engine->stats().active == 0U);
  engine->advance(hours(3) - milliseconds(1));
  BOOST_TEST(calls.empty());
  BOOST_TEST(engine->stats().active == 0U);
  engine->advance(seconds(1));
  BOOST_TEST(calls.size() == 10'000U);
  BOOST_TEST(
      (std::all_of(calls.begin(), calls.end(), [&](const handled& c) { return c.began >= at; })));
  BOOST_TEST(engine->stats().completed == 10'000U);
}

BOOST_AUTO_TEST_CASE(thousands_of_timers_within_the_horizon_all_fire_in_time) {
  // More than the action actors may hold (4,096) and more than fit the due actor's window beside
  // them, in descending order, so that later ones are pushed out of the window.
  open();
  const auto begun = engine->now();
  constexpr std::size_t count = 10'000;
  const auto delay_of = [](std::size_t n) { return milliseconds(50'000 - static_cast<int>(n)); };
  submit_many(count, [&](std::size_t n) { return delayed(n, delay_of(n)); });
  engine->advance(minutes(1));
  BOOST_TEST_REQUIRE(calls.size() == count);
  std::size_t wrong = 0;
  milliseconds latest{0};
  for (const auto& c : calls) {
    const auto due = begun + delay_of(std::stoul(c.workflow_id.substr(1)));
    wrong += c.began < due ? 1 : 0;
    latest = std::max(latest, c.began - due);
  }
  BOOST_TEST(wrong == 0U);
  BOOST_TEST(latest.count() <= 1'000);
}

BOOST_AUTO_TEST_CASE(timers_of_one_workflow_all_fire_in_time) {
  open();
  const auto begun = engine->now();
  workflow_builder w("test");
  w.id("w");
  for (int n = 0; n < 6'000; ++n) {
    w.action("k" + std::to_string(n), "ok").delayed(milliseconds(10'000 + 7 * n));
  }
  submit(w);
  engine->advance(minutes(2));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST_REQUIRE(calls.size() == 6'000U);
  for (const auto& c : calls) {
    const auto due = begun + milliseconds(10'000 + 7 * std::stoi(c.key.substr(1)));
    if (c.began < due || c.began > due + seconds(1)) BOOST_ERROR(c.key + " at another time");
  }
}

BOOST_AUTO_TEST_CASE(a_scheduled_start_is_exact_and_one_in_the_past_is_now) {
  open();
  const auto begun = engine->now();
  submit(workflow_builder("test")
             .id("w")
             .action("past", "ok")
             .at(begun - hours(1))
             .action("soon", "ok")
             .at(begun + seconds(5))
             .action("far", "ok")
             .at(begun + hours(30)));
  engine->run_until_idle();
  BOOST_TEST((action("w", "far").next_at == begun + hours(30)));
  BOOST_TEST(action("w", "far").waiting == waiting_for::schedule);
  BOOST_TEST(must(engine->list_ready_scheduled(10, begun + hours(40))).size() == 2U);
  (void)must(engine->run_until_end("w", hours(48)));
  BOOST_TEST((starts("w", "past")[0] == begun));
  BOOST_TEST((starts("w", "soon")[0] == begun + seconds(5)));
  BOOST_TEST((starts("w", "far")[0] == begun + hours(30)));
}

BOOST_AUTO_TEST_CASE(the_wait_action_is_a_durable_timer) {
  open();
  const auto begun = engine->now();
  submit(one("w", "wait", R"({"seconds":90.5})"));
  engine->advance(seconds(60));
  must(engine->crash_and_reopen());
  const auto end = must(engine->run_until_end("w"));
  BOOST_TEST((end.closed_at == begun + milliseconds(90'500)));
}

/// Looks at the clock in between find nothing, so none is waited for.
BOOST_AUTO_TEST_CASE(a_year_of_idle_virtual_time_costs_its_timers_not_its_seconds) {
  opts.retention.completed.age = hours(24 * 200);
  opts.retention.failed.count = 1;
  action_options patient;
  patient.start_to_close = hours(24 * 300);
  handle_ok("ok");
  handle_ok("held", patient);
  auto& d = open_stepped();
  std::size_t steps = 0;
  d.on_step = [&steps](const std::string&) { ++steps; };
  const auto opened_ms = d.clock.now_ms();
  for (const auto& spec :
       {one("quick", "ok"), one("sleeper", "wait", R"({"seconds": 17280000})"),  // 200 days
        one("kept", "held")}) {
    d.submit(spec, nullptr);
  }
  d.hold_handlers = true;
  d.run_until_idle();
  for (std::size_t n = d.running(); n-- > 0;) {
    if (d.started_call(n).action_type != "held") d.finish_handler(n);
  }
  d.run_until_idle();
  const auto status_of = [&d](std::string_view id) { return must(d.get(id)).summary.status; };
  BOOST_TEST(status_of("quick") == workflow_status::completed);
  steps = 0;
  const auto day = hours(24);
  d.advance(199 * day);
  BOOST_TEST(status_of("quick") == workflow_status::completed);
  d.advance(2 * day);
  BOOST_TEST(code_of(d.get("quick")) == errc::not_found);
  d.advance(165 * day);
  BOOST_TEST(steps < 200U);
  const auto slept = must(d.get("sleeper"));
  BOOST_TEST(slept.actions[0].closed_at->time_since_epoch().count() - opened_ms ==
             std::chrono::milliseconds(200 * day).count());
  BOOST_TEST(must(d.get("kept")).actions[0].last_error->error_class == "timeout");
}

BOOST_AUTO_TEST_CASE(a_wall_clock_that_steps_back_delays_but_never_hastens) {
  for (const auto delay : {seconds(20), seconds(600)}) {
    calls.clear();
    open();
    const auto due = engine->now() + delay;
    submit(delayed(0, delay));
    engine->advance(delay / 2);
    engine->step_wall_clock(-seconds(300));
    engine->advance(delay / 2 + seconds(299));
    BOOST_TEST(calls.empty());
    engine->advance(seconds(3));
    BOOST_TEST_REQUIRE(calls.size() == 1U);
    BOOST_TEST((calls[0].began >= due));
  }
}

BOOST_AUTO_TEST_CASE(a_wall_clock_that_steps_forward_brings_far_timers_due_within_a_second) {
  open();
  submit(delayed(0, hours(3)));
  engine->run_until_idle();
  engine->step_wall_clock(hours(3));
  engine->advance(seconds(1));
  BOOST_TEST(calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_wall_clock_that_steps_forward_brings_near_timers_due_within_a_second) {
  open();
  submit(delayed(0, seconds(30)));
  engine->run_until_idle();
  engine->step_wall_clock(hours(3));
  engine->advance(seconds(1));
  BOOST_TEST(calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_wall_clock_that_is_put_right_again_changes_nothing) {
  open();
  submit(delayed(0, seconds(10)));
  engine->run_until_idle();
  engine->step_wall_clock(-hours(24));
  engine->advance(seconds(11));
  BOOST_TEST(calls.empty());
  engine->step_wall_clock(hours(24));
  engine->advance(seconds(1));
  BOOST_TEST(calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(history_times_never_go_back_although_the_clock_does) {
  handle_failing("f");
  open();
  submit(one("w", "f"));
  engine->run_until_idle();
  engine->step_wall_clock(-hours(1));
  engine->advance(hours(2));
  const auto all = events("w");
  for (std::size_t n = 1; n < all.size(); ++n) BOOST_TEST((all[n].at >= all[n - 1].at));
  BOOST_TEST(status("w") == workflow_status::failed);
}

BOOST_AUTO_TEST_CASE(a_timer_that_is_held_twice_starts_one_attempt) {
  // given a retry that becomes durable just before the due actor reads the index up to its time, so
  // that both it and the action's actor wait for it; then in any order of what follows
  std::size_t retried = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::size_t begun = 0;
    options o;
    o.log = [](log_level, std::string_view) {};
    o.retry = retry_policy::fixed(seconds(40), 3);
    o.handlers.add("f", [](const action_context&) { return outcome::failure("broken", "no"); });
    random_steps run(std::move(o), seed);
    run.on_start = [&] { ++begun; };
    run.engine.submit(workflow_builder("test").id("w").action("a", "f").delayed(seconds(30)),
                      [](auto) {});
    run.advance(minutes(10));
    const auto end = must(run.engine.get("w"));
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST(begun == 3U);
      BOOST_TEST(end.actions[0].attempts == 3U);
      BOOST_TEST(end.summary.status == workflow_status::failed);
      BOOST_TEST(must(run.engine.verify()).findings_total == 0U);
    }
    retried += end.actions[0].retry_count;
  }
  BOOST_TEST(retried == 400U);
}

/// Starts wait while there is no room in memory; deadlines must not, they make it.
/// The due actor has seen a retry on disk before its workflow was told; its wake-up comes when the
/// next attempt is over and that is not durable yet.
BOOST_AUTO_TEST_CASE(a_late_wake_up_starts_nothing_before_the_last_failure_is_durable) {
  opts.retry = retry_policy::table({milliseconds(10), milliseconds(0), milliseconds(0)});
  opts.timer_horizon = milliseconds(2);
  handle_failing("f");
  auto& d = open_stepped();
  d.clock.step_wall(1'767'225'600'000);
  d.pass(1'000);
  d.run_until_idle();
  const auto deliver_all_but = [&](std::vector<std::uint64_t> held) {
    for (std::size_t n = 0; n < d.jobs();) {
      const bool skip = std::find(held.begin(), held.end(), d.job_actor(n)) != held.end();
      if (skip) {
        ++n;
      } else {
        d.deliver(n);
        n = 0;
      }
    }
  };
  const auto run_attempt = [&] {
    BOOST_TEST_REQUIRE(d.queued() == 1U);
    d.start_handler(0, true);
    d.finish_handler(0);
  };
  d.submit(one("w", "f"), [](auto) {});
  d.commit(false);
  const auto engine_actor = d.job_actor(0);
  d.deliver(0);
  const auto workflow_actor = d.job_actor(0);
  deliver_all_but({});
  run_attempt();
  deliver_all_but({});
  d.commit(false);  // the retry is durable, its workflow is not told
  d.pass(10);
  deliver_all_but({workflow_actor, engine_actor});  // the due actor sends a wake-up
  for (int n = 0; n < 3 && d.queued() == 0; ++n) {
    deliver_all_but({engine_actor});
    d.pass(0);
  }
  run_attempt();
  deliver_all_but({engine_actor});
  BOOST_TEST_REQUIRE(d.commit_waits());
  deliver_all_but({});  // the wake-up comes
  BOOST_TEST(d.commit_waits());
  BOOST_TEST(d.queued() == 0U);
}

BOOST_AUTO_TEST_CASE(a_deadline_fires_although_memory_is_full) {
  opts.active_workflows_max = 1;
  open().hold_handlers();
  auto hangs = one("hangs", "ok");
  hangs.deadline = seconds(10);
  submit(delayed(0, seconds(5)));
  engine->run_until_idle();
  must(engine->crash_and_reopen());  // now only the store knows of it
  submit(hangs);
  engine->advance(seconds(6));
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  engine->advance(seconds(6));
  BOOST_TEST(status("hangs") == workflow_status::failed);
  engine->release_handlers();
  engine->advance(seconds(2));
  BOOST_TEST(status("w0") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(a_workflow_that_goes_to_rest_makes_room_for_one_that_is_due) {
  action_options slow;
  slow.retry = retry_policy::fixed(seconds(50), 2);
  handle_failing("f", slow);
  opts.active_workflows_max = 1;
  open().hold_handlers();
  submit(delayed(0, seconds(5)));
  engine->run_until_idle();
  must(engine->crash_and_reopen());
  submit(one("busy", "f"));
  engine->advance(seconds(6));
  BOOST_TEST(engine->finish_handler("a", "busy"));  // its retry comes in 50 s
  engine->release_handlers();
  engine->advance(seconds(2));
  BOOST_TEST(status("w0") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(a_scheduled_start_after_a_step_back_is_not_early) {
  open().hold_handlers();
  const auto at = engine->now() - minutes(30);
  auto spec = workflow_builder("test").id("w").action("a", "ok").action("b", "ok").build();
  spec.actions[1].depends_on = {"a"};
  spec.actions[1].scheduled_at = at;
  submit(spec);
  engine->run_until_idle();
  engine->step_wall_clock(-hours(1));
  engine->release_handlers();
  engine->advance(minutes(29));
  BOOST_TEST(starts("w", "b").empty());
  engine->advance(minutes(2));
  BOOST_TEST_REQUIRE(starts("w", "b").size() == 1U);
  BOOST_TEST((starts("w", "b")[0] >= at));
}

/// A delay that is cut would complete something before its time.
BOOST_AUTO_TEST_CASE(what_exceeds_delay_max_is_refused_and_never_cut) {
  opts.limits.delay_max = hours(1);
  handle("defers", [](const action_context& c) { return outcome::defer(c.now + hours(2)); });
  handle("later",
         [](const action_context&) { return outcome::failure("busy", "come back", hours(2)); });
  handle("says", [](const action_context&) { return outcome::success("7200"); });
  action_options ruled;
  ruled.retry.emplace();
  ruled.retry->rules.push_back({"broken", true, hours(2)});  // a policy's own limit is 10 years
  handle_failing("ruled", ruled);
  open();
  // where the input says how long, at submit
  BOOST_TEST(must(engine->submit(one("hour", "wait", R"({"seconds":3600})"))).id == "hour");
  const auto refused = engine->submit(one("hours", "wait", R"({"seconds":3600.001})"));
  BOOST_TEST_REQUIRE(code_of(refused) == errc::invalid_spec);
  BOOST_TEST(refused.error().faults().at(0).path == "/actions/0/input/seconds");
  // where a reference or a handler does, the attempt fails, and says why
  submit(workflow_builder("test")
             .id("reference")
             .action("s", "says")
             .action("a", "wait", R"({"seconds":"${actions.s.result}"})"));
  submit(one("defers", "defers"));
  submit(one("later", "later"));
  submit(one("ruled", "ruled"));
  engine->run_until_idle();
  for (const auto* id : {"reference", "defers", "later"}) {
    BOOST_TEST(status(id) == workflow_status::failed, id);
    BOOST_TEST(action(id).last_error->error_class == "delay_too_long", id);
    BOOST_TEST(action(id).attempts == 1U, id);
  }
  BOOST_TEST(action("later").last_error->message ==
             "the retry_after of 7200000 ms exceeds delay_max (3600000); the failure: busy: "
             "come back");
  BOOST_TEST((action("ruled").next_retry_at == engine->now() + hours(2)));
}

// --- crowds: what is due and waits must delay nothing else ---

namespace {

struct crowd_fixture : timer_fixture {
  static constexpr std::size_t crowd = 20'000;
  /// Workflows that wait beyond the horizon, in the store only.
  void submit_crowd(std::size_t count, milliseconds delay) {
    submit_many(count, [&](std::size_t n) { return delayed(n, delay); });
    BOOST_TEST(engine->stats().active == 0U);
  }
  /// A workflow that only its deadline ends.
  workflow_spec ends_after(const std::string& id, milliseconds deadline) const {
    auto spec = workflow_builder("test").id(id).action("a", "ok").delayed(hours(100)).build();
    spec.deadline = deadline;
    return spec;
  }
  [[nodiscard]] wall_time closed_at(const std::string& id) const {
    const auto at = must(engine->summary(id)).closed_at;
    BOOST_TEST_REQUIRE(at.has_value());
    return *at;
  }
  /// Nobody is there for so long.
  void be_down(milliseconds how_long) {
    must(engine->crash_and_reopen());
    engine->close();
    engine->advance(how_long);
    calls.clear();
    must(engine->reopen());
  }
  /// Each of the crowd was called once.
  void check_all_called_once(std::size_t count) const {
    std::map<std::string, int> by_id;
    for (const auto& c : calls) by_id[c.workflow_id] += c.attempt == 1 ? 1 : 2;
    std::size_t once = 0;
    for (std::size_t n = 0; n < count; ++n) once += by_id[id(n)] == 1 ? 1 : 0;
    BOOST_TEST(once == count);
  }
};

constexpr milliseconds on_time{100};

}  // namespace

BOOST_FIXTURE_TEST_CASE(after_a_downtime_new_timers_and_deadlines_come_on_time, crowd_fixture) {
  open();
  const auto begun = engine->now();
  submit_crowd(crowd, minutes(5));
  submit(ends_after("passed", minutes(6)));
  submit(ends_after("comes", minutes(10) + milliseconds(500)));
  submit(workflow_builder("test").id("far").action("a", "ok").delayed(minutes(10) + seconds(1)));
  // when all but the last two came due while nobody was there
  be_down(minutes(10) - (engine->now() - begun));
  const auto reopened = engine->now();
  submit(one("new", "wait", R"({"seconds": 0.05})"));
  submit(ends_after("new-d", milliseconds(70)));
  engine->advance(seconds(10));
  // then what is new or a deadline waits behind none of them
  BOOST_TEST((closed_at("new") - reopened <= milliseconds(50) + on_time));
  BOOST_TEST((closed_at("new-d") - reopened <= milliseconds(70) + on_time));
  BOOST_TEST((closed_at("passed") - reopened <= on_time));
  BOOST_TEST((closed_at("comes") - begun <= minutes(10) + milliseconds(500) + on_time));
  BOOST_TEST((closed_at("far") - begun <= minutes(10) + seconds(1) + on_time));
  // and they come at an even rate, each once
  check_all_called_once(crowd);
  std::map<wall_time, int> by_time;
  for (const auto& c : calls) ++by_time[c.began];
  for (const auto& [at, count] : by_time) BOOST_TEST(count <= 50);
  const auto took = by_time.rbegin()->first - reopened;
  BOOST_TEST((took >= seconds(2) - milliseconds(50)));
  BOOST_TEST((took <= seconds(4)));
}

BOOST_FIXTURE_TEST_CASE(a_crowd_of_deadlines_is_spread_and_delays_no_new_one, crowd_fixture) {
  open();
  submit_many(5'000, [&](std::size_t n) { return ends_after(id(n), minutes(5)); });
  be_down(minutes(10));
  const auto reopened = engine->now();
  submit(ends_after("new", milliseconds(50)));
  engine->advance(milliseconds(200));
  BOOST_TEST((closed_at("new") - reopened <= milliseconds(50) + on_time));
  BOOST_TEST(engine->stats().failed <= 2'100U);
  engine->advance(seconds(1));
  BOOST_TEST(engine->stats().failed == 5'001U);
}

BOOST_FIXTURE_TEST_CASE(timers_that_find_no_room_hide_no_later_deadline, crowd_fixture) {
  opts.active_workflows_max = 1;
  open().hold_handlers();
  const auto begun = engine->now();
  submit_crowd(crowd, minutes(2));
  for (int n = 0; n < 20; ++n)
    submit(ends_after("d" + std::to_string(n), minutes(3) + n * milliseconds(30)));
  submit(one("busy", "ok"));
  engine->advance(minutes(4));
  for (int n = 0; n < 20; ++n) {
    const auto late =
        closed_at("d" + std::to_string(n)) - begun - minutes(3) - n * milliseconds(30);
    BOOST_TEST((late <= on_time));
  }
  engine->release_handlers();
  engine->advance(seconds(10));
  check_all_called_once(crowd);
}

BOOST_FIXTURE_TEST_CASE(timers_that_find_no_room_delay_no_retry_of_a_workflow_in_memory,
                        crowd_fixture) {
  action_options quick;
  quick.retry = retry_policy::fixed(milliseconds(50), 3);
  handle_failing("f", quick);
  opts.active_workflows_max = 1;
  open().hold_handlers();
  submit_crowd(crowd, minutes(2));
  submit(one("busy", "f"));
  engine->advance(minutes(3));
  const auto attempt = [this] {
    for (const auto& h : engine->running_handlers()) {
      if (h.workflow_id == "busy") return h.attempt;
    }
    return 0U;
  };
  // given thousands that are due and wait for room
  BOOST_TEST_REQUIRE(attempt() == 1U);
  BOOST_TEST(engine->finish_handler("a", "busy"));
  BOOST_TEST(attempt() == 0U);
  engine->advance(milliseconds(50) + on_time);
  BOOST_TEST(attempt() == 2U);
  engine->release_handlers();
  engine->advance(minutes(1));
  check_all_called_once(crowd);
}

BOOST_FIXTURE_TEST_CASE(clocks_that_step_with_a_crowd_lose_and_hasten_nothing, crowd_fixture) {
  std::mt19937_64 random(5);
  opts.active_workflows_max = 50;
  open();
  std::vector<wall_time> due;
  const auto begun = engine->now();
  for (std::size_t n = 0; n < crowd; ++n) {
    due.push_back(begun + minutes(2) + milliseconds(random() % 3'600'000));
  }
  submit_many(crowd, [&](std::size_t n) {
    return workflow_builder("test").id(id(n)).action("a", "ok").at(due[n]).build();
  });
  for (int n = 0; n < 30; ++n) {
    if (n % 3 == 0) engine->hold_handlers();
    engine->step_wall_clock(
        milliseconds(static_cast<std::int64_t>(random() % 2'400'000) - 1'000'000));
    engine->advance(milliseconds(random() % 3'000));
    if (n % 3 == 1) engine->release_handlers();
    if (n == 15) must(engine->crash_and_reopen());
  }
  engine->release_handlers();
  engine->advance(hours(8));
  std::size_t early = 0;
  for (const auto& c : calls) {
    early += c.began < due[std::stoul(c.workflow_id.substr(1))] ? 1 : 0;
  }
  BOOST_TEST(early == 0U);
  BOOST_TEST(engine->stats().completed == crowd);
}

BOOST_AUTO_TEST_SUITE_END()
