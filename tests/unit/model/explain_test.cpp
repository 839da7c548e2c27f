#include <boost/test/unit_test.hpp>

#include "model/explain.hpp"

#include <algorithm>
#include <chrono>

#include "model/roots.hpp"
#include "tests/support/cpu_time.hpp"

using namespace tenax;
using namespace tenax::model;

namespace {

constexpr time_ms noon = 1'772'366'400'000;  // 2026-03-01T12:00:00Z

class middle final : public rng {
  double uniform() override { return 0.5; }
};

/// A workflow that is driven by commands, and what an engine knows of it.
struct explained_life {
  explained_life() {
    policy.max_attempts = 3;
    policy.min_wait = milliseconds(10'000);
    policy.jitter_mode = jitter_kind::none;
    for (const auto* type : {"charge", "ship"}) types.add(type, nothing());
    action_options fails_alone;
    fails_alone.retry = retry_policy::never();
    fails_alone.retry->exhausted = on_exhausted::pause;
    types.add("asks", nothing(), fails_alone);
    action_options once;
    once.delivery = delivery::at_most_once;
    types.add("once", nothing(), once);
    action_options limited;
    limited.schedule_to_close = milliseconds(25'000);
    types.add("limited", nothing(), limited);
    facts.running_max = 5;
    for (const auto* type : {"charge", "ship", "asks", "once", "limited"}) {
      facts.lanes[type] = {0, 4};
    }
  }
  static handler nothing() {
    return [](const action_context&) { return outcome::success(); };
  }
  void make(workflow_builder b) {
    def = compile(std::move(b).id("w").build());
    state = initial_state(*def);
    changes.begin(state);
    does(create{});
  }
  void does(const command& what) {
    decision d;
    decide(*def, state, what, now_ms, random, rules, d);
    BOOST_REQUIRE(!d.refused);
    for (auto& e : d.events) apply(*def, state, std::move(e), changes);
  }
  action_index at(std::string_view key) const { return def->find(key).value(); }
  void starts(std::string_view key) {
    const auto& action = state.actions[at(key)];
    does(begin_attempt{at(key), action.goes_on() ? action.attempt : action.attempt + 1,
                       action.goes_on() ? action.deferrals : 0, now_ms});
  }
  void ends(std::string_view key, outcome how) {
    does(end_attempt{at(key), state.actions[at(key)].attempt, std::move(how)});
  }
  void fails(std::string_view key) {
    starts(key);
    ends(key, outcome::failure("bank", "no answer"));
  }
  void call(std::string_view key, engine_facts::call::place where, std::uint32_t attempt = 1) {
    facts.calls.push_back({at(key), attempt, where, now_ms - 5'000});
  }
  explanation by_engine() const { return explain(*def, state, {now_ms, &facts, &rules, false}); }
  explanation by_reader(bool no_process = false) const {
    return explain(*def, state, {now_ms, nullptr, nullptr, no_process});
  }

  handler_registry types;
  retry_policy policy;
  limits bounds;
  rulebook rules{types, policy, bounds};
  middle random;
  time_ms now_ms = noon;
  definition_ptr def;
  workflow_state state;
  change_set changes;
  engine_facts facts;
};

const explained_action& of(const explanation& e, std::string_view key) {
  const auto found =
      std::find_if(e.actions.begin(), e.actions.end(), [&](const auto& a) { return a.key == key; });
  BOOST_REQUIRE(found != e.actions.end());
  return *found;
}

/// "kind, kind"
std::string kinds_of(const explanation& e, std::string_view key) {
  std::string out;
  for (const auto& r : of(e, key).reasons) {
    out += (out.empty() ? "" : ", ") + std::string(to_string(r.kind));
  }
  return out;
}

std::string text_of(const explanation& e, std::string_view key, std::size_t n = 0) {
  const auto& reasons = of(e, key).reasons;
  return n < reasons.size() ? reasons[n].text : "";
}

workflow_builder one(const std::string& type) { return workflow_builder("w").action("a", type); }

using place = engine_facts::call::place;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(explains, explained_life)

BOOST_AUTO_TEST_CASE(every_kind_of_reason_has_a_stable_text) {
  for (int k = 0; k <= static_cast<int>(reason_kind::unknown); ++k) {
    const auto kind = static_cast<reason_kind>(k);
    BOOST_TEST((to_string(kind) == "unknown") == (kind == reason_kind::unknown), "kind " << k);
  }
}

BOOST_AUTO_TEST_CASE(a_retry_says_which_attempt_when_and_what_follows) {
  make(one("charge"));
  fails("a");
  const auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "retry");
  BOOST_TEST(text_of(e, "a") == "waits for its retry: attempt 2 (2 of 3) in 10.0 s, 12:00:10.000Z");
  BOOST_TEST(e.headline ==
             "a waits for its retry: attempt 2 (2 of 3) in 10.0 s, 12:00:10.000Z, after bank: no "
             "answer");
  BOOST_REQUIRE(e.forecast.size() == 1U);
  BOOST_TEST(e.forecast[0].at.value().time_since_epoch().count() == noon + 10'000);
  BOOST_TEST(e.forecast[0].text == "a is tried again (attempt 2, 2 of 3)");
  BOOST_TEST(e.forecast[0].then ==
             "if it succeeds: the workflow is completed; if it fails: a retry 20.0 s later, unless "
             "the handler says otherwise (1 attempt left)");
  BOOST_TEST(!e.nothing_by_itself);
  now_ms += 10'000;
  fails("a");
  const auto last = by_engine();
  BOOST_TEST(last.forecast[0].then ==
             "if it succeeds: the workflow is completed; if it fails: the workflow fails, for no "
             "attempt is left");
}

BOOST_AUTO_TEST_CASE(a_time_that_has_come_is_no_reason_any_more) {
  make(one("charge"));
  fails("a");
  now_ms += 10'000;
  BOOST_TEST(kinds_of(by_engine(), "a") == "starting");
  BOOST_TEST(by_engine().forecast[0].events.back() == "action_due");
  facts.lanes["charge"] = {4, 4};
  BOOST_TEST(kinds_of(by_engine(), "a") == "lane_full");
  BOOST_TEST(kinds_of(by_reader(), "a") == "unknown");
  BOOST_TEST(text_of(by_reader(), "a") ==
             "was due 0 ms ago, 12:00:10.000Z; whether a process runs it is not known from here");
}

BOOST_AUTO_TEST_CASE(a_clock_that_stepped_back_gives_the_time_that_is_waited_for) {
  make(one("charge"));
  fails("a");
  now_ms -= 3'600'000;
  const auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "retry");
  BOOST_TEST(text_of(e, "a") == "waits for its retry: attempt 2 (2 of 3) in 1h 00m, 12:00:10Z");
}

BOOST_AUTO_TEST_CASE(all_reasons_are_given_not_the_first) {
  make(one("charge"));
  facts.lanes["charge"] = {4, 4};
  facts.running = 5;
  facts.memory_full = true;
  auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "lane_full, threads_full, memory_full");
  BOOST_TEST(text_of(e, "a") == "waits for a handler of charge to return: 4 run, as many as may");
  facts.paused = true;
  facts.at_rest = true;
  e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "paused, at_rest, lane_full, threads_full, memory_full");
  BOOST_TEST(e.nothing_by_itself);
  BOOST_TEST(e.headline ==
             "nothing will happen by itself: the engine is paused: it goes on at engine::start");
}

BOOST_AUTO_TEST_CASE(a_place_in_line_is_said_where_it_is_known_and_a_wait_beyond_the_usual_one) {
  make(workflow_builder("w").action("a", "charge").action("b", "charge"));
  const auto note_of = [&](const std::string& key) {
    for (const auto& a : by_engine().actions) {
      if (a.key == key) return a.reasons.at(0).note;
    }
    return std::string("?");
  };
  auto& lane = facts.lanes["charge"];
  lane = {4, 4};
  BOOST_TEST(note_of("a") == "");  // it waits on disk, or is on its way
  lane.line = {.calls = 3, .row = 340, .place = 12, .first = 0, .ready_at_ms = now_ms - 40'000};
  BOOST_TEST(note_of("a") == "its workflow is 12th of 340 in line");
  lane.line.more = true;
  BOOST_TEST(note_of("b") == "its workflow is 12th of 340 in line, and more may wait on disk");
  lane.usual_ms = 64'000;
  lane.line.more = false;
  BOOST_TEST(note_of("a") == "its workflow is 12th of 340 in line");  // no longer than usual
  lane.usual_ms = 1'024;
  BOOST_TEST(
      note_of("a") ==
      "its workflow is 12th of 340 in line; it has waited 40.0 s, nine in ten wait less than "
      "1.0 s");
  BOOST_TEST(note_of("b") == "its workflow is 12th of 340 in line");  // since when is not known
  facts.calls.push_back({.action = 0,
                         .attempt = 1,
                         .where = engine_facts::call::place::waits,
                         .since_ms = now_ms - 2'000,
                         .in_line = 2});
  BOOST_TEST(note_of("a") ==
             "2nd of 3 in line; it has waited 2.0 s, nine in ten wait less than 1.0 s");
  BOOST_TEST(by_engine().actions.at(0).reasons.at(0).place == 2U);
  BOOST_TEST(by_engine().actions.at(0).reasons.at(0).line == 3U);
  lane.line = {.calls = 0, .row = 1, .place = 1, .first = 1, .ready_at_ms = now_ms};
  BOOST_TEST(note_of("b") == "");  // alone, and not for long
}

BOOST_AUTO_TEST_CASE(a_type_without_handler_is_said_before_its_time_comes) {
  make(workflow_builder("w")
           .action("a", "gone")
           .delayed(milliseconds(5'000))
           .action("b", "gone")
           .after("a"));
  const auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "schedule, no_handler");
  BOOST_TEST(kinds_of(e, "b") == "dependencies, no_handler");
  BOOST_TEST(e.nothing_by_itself);
  BOOST_TEST(e.headline ==
             "nothing will happen by itself: a has no handler: none is registered for its type, "
             "gone; it holds 1 other");
  // Who does not know the engine's handlers says nothing of them.
  BOOST_TEST(kinds_of(by_reader(), "a") == "schedule");
  BOOST_TEST(kinds_of(by_reader(), "b") == "dependencies");
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_person_says_that_nothing_will_happen_by_itself) {
  make(workflow_builder("w").action("a", "asks").action("b", "ship").after("a"));
  fails("a");
  const auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "exhausted");
  BOOST_TEST(e.nothing_by_itself);
  BOOST_TEST(e.headline ==
             "nothing will happen by itself: a waits for a decision: it failed for good (attempt "
             "1), after bank: no answer; it holds 1 other");
  BOOST_REQUIRE(e.forecast.size() == 1U);
  BOOST_TEST(e.forecast[0].text == e.headline);
  BOOST_TEST(e.forecast[0].events.empty());
  BOOST_TEST(by_reader().nothing_by_itself);  // whoever runs it

  make(one("once"));
  starts("a");
  ends("a", outcome::unknown("network", "reset"));
  BOOST_TEST(kinds_of(by_engine(), "a") == "in_doubt");
  BOOST_TEST(text_of(by_engine(), "a") == "waits for a decision: nobody knows how attempt 1 ended");
  BOOST_TEST(by_engine().nothing_by_itself);
}

BOOST_AUTO_TEST_CASE(an_open_attempt_waits_for_somebody_outside) {
  make(workflow_builder("w").action("a", "charge").action("b", "ship").after("a"));
  starts("a");
  does(end_attempt{at("a"), 1, outcome::pending(), attempt_secret{1, 2}});
  auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "outside");
  BOOST_TEST(e.nothing_by_itself);
  BOOST_TEST(e.headline ==
             "nothing will happen by itself: a waits for somebody outside to end attempt 1; "
             "it holds 1 other");
  make(one("charge"));
  starts("a");
  auto pending = outcome::pending(milliseconds(5'000));
  does(end_attempt{at("a"), 1, pending, attempt_secret{1, 2}});
  e = by_engine();
  BOOST_TEST(!e.nothing_by_itself);
  BOOST_TEST(text_of(e, "a") ==
             "waits for somebody outside to end attempt 1; given up in 5.0 "
             "s, 12:00:05.000Z, unless it is heard of");
  BOOST_REQUIRE(e.forecast.size() == 1U);
  BOOST_TEST(e.forecast[0].text ==
             "the open attempt of a is given up, unless it is over or heard of");
  BOOST_TEST(e.forecast[0].events[0] == "attempt_timed_out");
  types = {};  // nobody knows what follows then
  BOOST_TEST(by_engine().nothing_by_itself);
}

BOOST_AUTO_TEST_CASE(a_task_that_a_worker_has_is_said_to_be_with_it) {
  types.add_worker("charge");
  make(one("charge"));
  starts("a");
  does(end_attempt{at("a"), 1, outcome::pending(milliseconds(5'000)), attempt_secret{1, 2}});
  BOOST_TEST(
      text_of(by_engine(), "a") ==
      "is with a worker (attempt 1); given up in 5.0 s, 12:00:05.000Z, unless it is heard of");
}

BOOST_AUTO_TEST_CASE(an_action_that_waits_for_a_signal_says_which) {
  make(workflow_builder("w").action("a", "charge"));
  starts("a");
  does(end_attempt{at("a"), 1, outcome::until_signal("paid"), attempt_secret{1, 2}});
  auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "signal");
  BOOST_TEST(text_of(e, "a") == "waits for the signal paid");
  BOOST_TEST(e.nothing_by_itself);
  make(one("charge"));
  starts("a");
  does(end_attempt{at("a"), 1, outcome::until_signal("paid", milliseconds(5'000)),
                   attempt_secret{1, 2}});
  e = by_engine();
  BOOST_TEST(text_of(e, "a") == "waits for the signal paid; fails in 5.0 s, 12:00:05.000Z");
  BOOST_REQUIRE(e.forecast.size() == 1U);
  BOOST_TEST(e.forecast[0].text == "a fails, unless the signal paid has come: its timeout");
}

BOOST_AUTO_TEST_CASE(a_deadline_happens_by_itself) {
  make(workflow_builder("w").deadline(milliseconds(60'000)).action("a", "asks"));
  fails("a");
  const auto e = by_engine();
  BOOST_TEST(!e.nothing_by_itself);
  BOOST_REQUIRE(e.forecast.size() == 1U);
  BOOST_TEST(e.forecast[0].text == "the workflow fails, unless it is over: its deadline");
  BOOST_TEST(e.forecast[0].events[0] == "workflow_failed");
  BOOST_TEST(e.headline ==
             "the workflow fails, unless it is over: its deadline, in 1m 00s, 12:01:00Z; a waits "
             "for a decision: it failed for good (attempt 1), after bank: no answer");
}

BOOST_AUTO_TEST_CASE(schedule_to_close_is_in_the_forecast_and_bounds_retries) {
  make(one("limited"));
  fails("a");
  const auto e = by_engine();
  BOOST_REQUIRE(e.forecast.size() == 2U);
  BOOST_TEST(e.forecast[0].text == "a is tried again (attempt 2, 2 of 3)");
  BOOST_TEST(e.forecast[0].then ==
             "if it succeeds: the workflow is completed; if it fails: the workflow fails, for "
             "schedule_to_close leaves no time for a retry");
  BOOST_TEST(e.forecast[1].text == "a fails, unless it is over: its schedule_to_close");
  BOOST_TEST(e.forecast[1].at.value().time_since_epoch().count() == noon + 25'000);
  BOOST_TEST(of(e, "a").deadline_at.value().time_since_epoch().count() == noon + 25'000);
}

BOOST_AUTO_TEST_CASE(what_comes_first_is_first_in_the_forecast) {
  make(workflow_builder("w")
           .deadline(milliseconds(20'000))
           .action("late", "ship")
           .delayed(milliseconds(30'000))
           .action("soon", "ship")
           .delayed(milliseconds(5'000))
           .action("now", "ship")
           .action("runs", "charge"));
  starts("runs");
  call("runs", place::runs);
  const auto e = by_engine();
  std::vector<std::string> texts;
  for (const auto& step : e.forecast) texts.push_back(step.text.substr(0, step.text.find(" (")));
  BOOST_TEST((texts == std::vector<std::string>{
                           "the handler of runs", "now", "soon starts",
                           "the workflow fails, unless it is over: its deadline", "late starts"}));
  BOOST_TEST(e.headline == "runs runs (attempt 1) for 5.0 s, since 11:59:55.000Z");
}

BOOST_AUTO_TEST_CASE(a_handler_that_runs_is_no_action_that_waits) {
  make(one("charge"));
  call("a", place::runs);  // its start is not on disk yet
  BOOST_TEST(of(by_engine(), "a").running.value().attempt == 1U);
  BOOST_TEST(of(by_engine(), "a").reasons.empty());
  BOOST_TEST((by_engine().forecast[0].events == std::vector<std::string_view>{"attempt_started"}));
  starts("a");
  BOOST_TEST(of(by_engine(), "a").running.has_value());
  BOOST_TEST(by_engine().forecast[0].events.front() == "action_completed");
  // Who cannot see the handler does not say that it runs.
  BOOST_TEST(kinds_of(by_reader(), "a") == "unknown");
  BOOST_TEST(!of(by_reader(), "a").running);
  BOOST_TEST(kinds_of(by_reader(true), "a") == "settling, no_process");
  BOOST_TEST(by_reader(true).nothing_by_itself);
}

BOOST_AUTO_TEST_CASE(who_sees_the_disk_only_does_not_say_that_a_process_goes_on) {
  make(one("charge"));
  fails("a");
  const auto e = by_reader();
  BOOST_TEST(e.headline ==
             "a waits for its retry: attempt 2 in 10.0 s, 12:00:10.000Z, after bank: no answer; "
             "whether a process goes on with it is not known from here");
  BOOST_TEST(e.forecast[0].text == "a is tried again (attempt 2), if a process goes on with it");
  BOOST_TEST(e.forecast[0].then ==
             "if it succeeds: the workflow is completed; if it fails: as its engine's retry policy "
             "says");
}

BOOST_AUTO_TEST_CASE(an_attempt_that_was_given_up_is_not_the_one_that_waits) {
  make(one("charge"));
  fails("a");
  call("a", place::given_up, 1);
  const auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "retry");
  BOOST_TEST(of(e, "a").stuck_attempt.value() == 1U);
  facts.calls.clear();
  call("a", place::runs, 1);  // nobody has told the executor yet
  BOOST_TEST(kinds_of(by_engine(), "a") == "retry");
  BOOST_TEST(of(by_engine(), "a").stuck_attempt.value() == 1U);
}

BOOST_AUTO_TEST_CASE(a_call_that_a_thread_has_does_not_wait_for_its_lane) {
  make(one("charge"));
  facts.lanes["charge"] = {4, 4};
  call("a", place::begins);
  BOOST_TEST(kinds_of(by_engine(), "a") == "starting");
  facts.calls.clear();
  call("a", place::waits);
  BOOST_TEST(kinds_of(by_engine(), "a") == "lane_full");
}

BOOST_AUTO_TEST_CASE(an_attempt_whose_end_is_not_on_disk_is_said_to_be_settling) {
  make(one("charge"));
  starts("a");
  BOOST_TEST(kinds_of(by_engine(), "a") == "settling");
  BOOST_TEST(!by_engine().nothing_by_itself);
  types = {};
  BOOST_TEST(kinds_of(by_engine(), "a") == "no_handler");
  BOOST_TEST(by_engine().nothing_by_itself);
}

BOOST_AUTO_TEST_CASE(what_holds_the_engine_holds_what_has_a_time_too) {
  make(one("charge"));
  fails("a");
  facts.at_rest = true;
  auto e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "retry, at_rest");
  BOOST_TEST(e.nothing_by_itself);
  BOOST_TEST(e.forecast[0].text ==
             "nothing will happen by itself: this engine leaves the workflow at rest "
             "(options::takes_up)");
  BOOST_TEST(e.forecast[0].then == "then: a is tried again (attempt 2, 2 of 3)");
  facts.at_rest = false;
  facts.stopped = "the engine has stopped: no space left";
  BOOST_TEST(kinds_of(by_engine(), "a") == "retry, stopped");
  BOOST_TEST(by_engine().nothing_by_itself);
  facts.writes = true;  // a commit that had begun before
  BOOST_TEST(!by_engine().nothing_by_itself);
  facts.stopped.clear();
  facts.draining = true;
  e = by_engine();
  BOOST_TEST(kinds_of(e, "a") == "retry, draining");
  BOOST_TEST(e.forecast.empty());
  facts.closing = true;
  BOOST_TEST(kinds_of(by_engine(), "a") == "retry, closing");
  BOOST_TEST(kinds_of(by_reader(true), "a") == "retry, no_process");
}

BOOST_AUTO_TEST_CASE(what_may_wait_on_disk_is_unknown) {
  make(one("charge"));
  facts.places_full = true;
  BOOST_TEST(kinds_of(by_engine(), "a") == "unknown");
  BOOST_TEST(!by_engine().nothing_by_itself);
}

BOOST_AUTO_TEST_CASE(a_deferral_and_a_throttled_attempt_say_what_they_wait_for) {
  make(one("charge"));
  starts("a");
  ends("a", outcome::defer(wall_time(milliseconds(noon + 60'000))));
  BOOST_TEST(text_of(by_engine(), "a") == "waits for its timer: goes on in 1m 00s, 12:01:00Z");
  BOOST_TEST(kinds_of(by_engine(), "a") == "timer");
  now_ms += 60'000;
  starts("a");
  ends("a", outcome::throttled(wall_time(milliseconds(noon + 120'000)), "429"));
  BOOST_TEST(text_of(by_engine(), "a") == "is throttled: goes on in 1m 00s, 12:02:00Z");
}

BOOST_AUTO_TEST_CASE(the_end_of_a_workflow_is_explained) {
  make(one("charge"));
  for (int n = 0; n < 3; ++n) {
    fails("a");
    now_ms = std::max(now_ms, state.actions[0].due_at_ms);
  }
  BOOST_REQUIRE(state.status == workflow_status::failed);
  now_ms += 5'000;
  const auto e = by_engine();
  BOOST_TEST(e.headline ==
             "failed 5.0 s ago, 12:00:30.000Z: action a failed: no answer (bank, after 3 attempts);"
             " a retry goes on from there");
  BOOST_TEST(e.actions.empty());
  BOOST_TEST(e.nothing_by_itself);
  make(one("charge"));
  does(cancel{"enough"});
  BOOST_TEST(by_engine().headline == "cancelled 0 ms ago, 12:00:35.000Z: enough");
}

// --- through the graph ---

BOOST_AUTO_TEST_CASE(a_chain_has_one_root) {
  workflow_builder b("w");
  b.sequential();
  for (int n = 0; n < 100; ++n) b.action("k" + std::to_string(n), "charge");
  make(std::move(b));
  fails("k0");
  const auto e = by_engine();
  BOOST_REQUIRE(e.roots.size() == 1U);
  BOOST_TEST(e.roots[0].key == "k0");
  BOOST_TEST(e.roots[0].holds == 99U);
  BOOST_TEST(e.actions.size() == 100U);
  BOOST_TEST(text_of(e, "k1") == "waits for k0");
  BOOST_TEST(text_of(e, "k99") == "waits for k98; held by k0");
  BOOST_TEST(e.headline.ends_with("after bank: no answer; it holds 99 others"));
}

BOOST_AUTO_TEST_CASE(a_diamond_is_held_by_what_is_open_at_its_sides) {
  workflow_builder b("w");
  b.action("top", "charge")
      .action("left", "charge")
      .after("top")
      .action("right", "asks")
      .after("top");
  b.action("bottom", "ship").after("left").after("right").action("end", "ship").after("bottom");
  make(std::move(b));
  auto e = by_engine();
  BOOST_REQUIRE(e.roots.size() == 1U);
  BOOST_TEST(e.roots[0].holds == 4U);
  starts("top");
  ends("top", outcome::success());
  fails("right");
  fails("left");
  e = by_engine();
  BOOST_REQUIRE(e.roots.size() == 2U);
  BOOST_TEST(e.roots[0].holds == 2U);
  BOOST_TEST(e.roots[1].holds == 2U);
  BOOST_TEST(e.roots[0].key == "right");  // it needs somebody
  const auto& end = of(e, "end").reasons[0];
  BOOST_TEST(end.roots_total == 2U);
  BOOST_TEST((end.roots == std::vector<std::string>{"right", "left"}));
  BOOST_TEST(text_of(e, "bottom") == "waits for left, right");
  BOOST_TEST(text_of(e, "end") == "waits for bottom; held by right, left");
}

/// Against a walk from each root.
BOOST_AUTO_TEST_CASE(roots_of_random_graphs_hold_what_a_walk_finds) {
  seeded_rng random_graph(7);
  for (int round = 0; round < 50; ++round) {
    workflow_builder b("w");
    const std::size_t size = 2 + random_graph.next() % 300;
    for (std::size_t n = 0; n < size; ++n) {
      b.action("k" + std::to_string(n), "charge");
      for (std::uint64_t deps = n > 0 ? random_graph.next() % 3 : 0; deps > 0; --deps) {
        b.after("k" + std::to_string(random_graph.next() % n));
      }
    }
    make(std::move(b));
    const auto found = find_roots(*def, state, std::vector<bool>(def->size()));
    std::vector<std::uint32_t> held(def->size());
    std::size_t total = 0;
    for (action_index a = 0; a < def->size(); ++a) {
      if (state.actions[a].phase == phase::blocked || def->dependants[a].empty()) continue;
      std::vector<bool> seen(def->size());
      std::vector<action_index> walk{a};
      std::uint32_t holds = 0;
      for (std::size_t i = 0; i < walk.size(); ++i) {
        for (const auto d : def->dependants[walk[i]]) {
          if (seen[d]) continue;
          seen[d] = true;
          walk.push_back(d);
          ++held[d];
          ++holds;
        }
      }
      BOOST_TEST(found.roots.at(total).action == a);
      BOOST_TEST(found.roots.at(total).holds == holds);
      ++total;
    }
    BOOST_TEST(found.total == total);
    for (action_index a = 0; a < def->size(); ++a) BOOST_TEST(found.of[a].total == held[a]);
  }
}

/// What is quadratic takes minutes here.
BOOST_AUTO_TEST_CASE(twenty_thousand_actions_are_explained_in_one_pass) {
  workflow_builder chain("w");
  chain.sequential();
  for (int n = 0; n < 20'000; ++n) chain.action("k" + std::to_string(n), "charge");
  make(std::move(chain));
  const double before = support::cpu_seconds();
  auto e = by_engine();
  BOOST_TEST(e.roots[0].holds == 19'999U);
  // Two layers, all edges: 10,000 roots; 10 of them hold each of the others.
  workflow_builder layers("w");
  for (int n = 0; n < 10'000; ++n) layers.action("r" + std::to_string(n), "charge");
  for (int n = 0; n < 10'000; ++n) {
    layers.action("b" + std::to_string(n), "charge");
    for (int d = 0; d < 10; ++d) layers.after("r" + std::to_string((n + d * 997) % 10'000));
  }
  make(std::move(layers));
  e = by_engine();
  BOOST_TEST(e.roots_total == 10'000U);
  BOOST_TEST(e.roots.size() == roots_counted_max);
  BOOST_TEST(e.forecast.size() <= 64U);
  BOOST_TEST(support::cpu_seconds() - before < 5.0);
}

BOOST_AUTO_TEST_SUITE_END()
