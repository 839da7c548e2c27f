// What engine::change does: another input or retry policy for an action that is not done.
#include "tests/unit/actors/random_steps.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::hours;
using std::chrono::milliseconds;

namespace {

action_change input_of(std::string text) {
  action_change c;
  c.input = std::move(text);
  return c;
}
action_change attempts_of(std::uint32_t most) {
  action_change c;
  c.policy.emplace().max_attempts = most;
  return c;
}

struct change_fixture : engine_fixture {
  /// Fails unless its input is this.
  void handle_choosy(const std::string& type, std::string good, action_options how = {}) {
    handle(
        type,
        [good = std::move(good)](const action_context& c) {
          return c.input == good ? outcome::success() : outcome::failure("bad", "what is this?");
        },
        std::move(how));
  }
  std::vector<std::string> inputs() const {
    std::vector<std::string> out;
    for (const auto& c : calls) out.push_back(c.input);
    return out;
  }
  /// Messages and commits, until there is none.
  static void settle(driver& d, bool commits = true) {
    for (;;) {
      if (d.jobs() > 0) {
        d.deliver(0);
      } else if (commits && d.commit_waits()) {
        d.commit(true);
      } else {
        return;
      }
    }
  }
};

using texts = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(change, change_fixture)

BOOST_AUTO_TEST_CASE(the_next_attempt_has_the_changed_input_at_the_time_for_which_it_waited) {
  handle_choosy("choosy", "2");
  opts.retry.min_wait = opts.retry.max_wait = hours(10);
  opts.retry.jitter_mode = jitter_kind::none;
  open();
  submit(one("w", "choosy", "1"));
  engine->run_until_idle();
  const auto due = action("w").next_retry_at;
  BOOST_TEST_REQUIRE(due.has_value());
  auto what = input_of("2");
  what.reason = "a typo";
  must(engine->change("w", "a", what, "ann"));
  engine->run_until_idle();
  BOOST_TEST((action("w").next_retry_at == due));
  BOOST_TEST(events("w", "input_changed").at(0).data ==
             R"({"reason":"a typo","who":"ann","input":2})");
  BOOST_TEST(events("w", "input_changed").at(0).actor == "user");
  const auto shown = action("w");
  BOOST_TEST(shown.input == "2");
  BOOST_TEST_REQUIRE(shown.input_changed.has_value());
  BOOST_TEST(shown.input_changed->who == "ann");
  BOOST_TEST(shown.input_changed->reason == "a typo");
  BOOST_TEST((shown.input_changed->at == engine->now()));
  BOOST_TEST(!shown.policy_changed.has_value());
  engine->advance(hours(11));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST((inputs() == texts{"1", "2"}));
  BOOST_TEST((starts("w").at(1) == *due));
  BOOST_TEST(action("w").input == "2");
}

BOOST_AUTO_TEST_CASE(a_failed_workflow_goes_on_with_the_changed_input_also_after_a_crash) {
  handle_choosy("choosy", "{\"eur\":5}");
  handle_ok("ok");
  opts.retry.max_attempts = 1;
  open();
  submit(workflow_builder("order")
             .id("w")
             .action("first", "ok")
             .action("pay", "choosy", "{\"eur\":-5}")
             .after("first")
             .action("last", "ok", "1")
             .after("pay"));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::failed);
  must(engine->change("w", "pay", input_of("{\"eur\":5}"), "ann"));
  must(engine->change("w", "last", input_of("2"), "ann"));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(findings() == "");
  must(engine->crash_and_reopen());
  must(engine->retry("w"));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(starts("w", "first").size() == 1U);
  BOOST_TEST(calls.back().input == "2");
}

BOOST_AUTO_TEST_CASE(a_changed_input_may_refer_to_what_the_action_depends_on_and_nothing_else) {
  handle("gives", [](const action_context&) { return outcome::success(R"({"n":7})"); });
  handle_ok("ok");
  open();
  submit(workflow_builder("test")
             .id("w")
             .input(R"({"x":1})")
             .action("near", "gives")
             .action("far", "gives")
             .action("a", "ok", "1")
             .after("near")
             .delayed(hours(1)));
  engine->run_until_idle();
  const auto far =
      engine->change("w", "a", input_of(R"({"v":["${actions.far.result.n}","${nothing}"]})"));
  BOOST_TEST_REQUIRE(told(far) == "invalid_argument");
  BOOST_TEST_REQUIRE(far.error().faults().size() == 2U);
  BOOST_TEST(far.error().faults()[0].path == "/input/v/0");
  BOOST_TEST(far.error().faults()[0].message.find("does not depend on") != std::string::npos);
  BOOST_TEST(told(engine->change("w", "a", input_of(R"("${actions.a.result}")"))) ==
             "invalid_argument");
  BOOST_TEST(told(engine->change("w", "a", input_of(R"("${workflow.input.y}")"))) ==
             "invalid_argument");
  must(engine->change("w", "a", input_of(R"(["${actions.near.result.n}","${workflow.input.x}"])")));
  must(engine->crash_and_reopen());
  engine->advance(hours(2));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(calls.back().input == "[7,1]");
}

BOOST_AUTO_TEST_CASE(an_input_that_submit_would_refuse_is_refused) {
  opts.limits.payload_bytes_max = 100;
  action_options checked;
  checked.check = [](std::string_view input) {
    return input == "1" ? std::vector<fault>() : std::vector<fault>{{"/n", "must be 1"}};
  };
  handle_failing("checked", checked);
  open();
  submit(one("w", "checked", "1"));
  engine->run_until_idle();
  const auto wrong = engine->change("w", "a", input_of("2"));
  BOOST_TEST_REQUIRE(told(wrong) == "invalid_argument");
  BOOST_TEST(wrong.error().faults().at(0).path == "/input/n");
  BOOST_TEST(told(engine->change("w", "a", input_of(std::string(101, '1')))) == "invalid_argument");
  BOOST_TEST(told(engine->change("w", "a", {})) == "invalid_argument");
  BOOST_TEST(told(engine->change("w", "a", attempts_of(0))) == "invalid_argument");
  BOOST_TEST(told(engine->change("w", "b", attempts_of(2))) == "not_found");
  BOOST_TEST(told(engine->change("v", "a", attempts_of(2))) == "not_found");
  BOOST_TEST(events("w", "input_changed").empty());
  BOOST_TEST(events("w", "policy_changed").empty());
}

BOOST_AUTO_TEST_CASE(an_input_is_not_changed_while_an_attempt_has_it_nor_when_the_action_is_done) {
  handle_ok("ok");
  handle("opens", [](const action_context&) { return outcome::pending(); });
  open().hold_handlers();
  submit(one("runs", "ok", "1"));
  submit(one("done", "ok", "1"));
  submit(one("stopped", "ok", "1"));
  submit(one("open", "opens", "1"));
  engine->run_until_idle();
  const auto refused = engine->change("runs", "a", input_of("2"));
  BOOST_TEST_REQUIRE(told(refused) == "wrong_state");
  BOOST_TEST(refused.error().message().find("its attempt runs") != std::string::npos);
  // Its policy is looked at when it has failed.
  must(engine->change("runs", "a", attempts_of(7)));
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(told(engine->change("open", "a", input_of("2"))) == "wrong_state");
  BOOST_TEST(told(engine->change("done", "a", input_of("2"))) == "wrong_state");
  BOOST_TEST(told(engine->change("done", "a", attempts_of(7))) == "wrong_state");
  BOOST_TEST(told(engine->change("done", "a", input_of("1"))) == "");  // so it is
  BOOST_TEST(events("done", "input_changed").empty());
  must(engine->cancel("open"));
  BOOST_TEST(told(engine->change("open", "a", input_of("2"))) == "wrong_state");
}

BOOST_AUTO_TEST_CASE(the_same_change_again_is_no_error_and_no_event_whatever_has_come_of_it) {
  handle_choosy("choosy", "2");
  open();
  submit(one("w", "choosy", "1"));
  engine->run_until_idle();
  auto both = input_of("2");
  both.policy = attempts_of(9).policy;
  must(engine->change("w", "a", both));
  must(engine->change("w", "a", both));
  must(engine->crash_and_reopen());
  must(engine->change("w", "a", both));
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::completed);
  must(engine->change("w", "a", both));
  BOOST_TEST(events("w", "input_changed").size() == 1U);
  BOOST_TEST(events("w", "policy_changed").size() == 1U);
}

BOOST_AUTO_TEST_CASE(attempts_are_counted_by_the_changed_policy) {
  handle_failing("fails");
  opts.retry = retry_policy::fixed(hours(1), 2);
  open();
  for (const std::string id : {"more", "fewer", "back", "pause"}) submit(one(id, "fails"));
  engine->run_until_idle();
  must(engine->change("more", "a", attempts_of(5), "ann"));
  must(engine->change("fewer", "a", attempts_of(1)));
  must(engine->change("back", "a", attempts_of(5)));
  auto back = action_change{};
  back.policy_as_registered = true;
  must(engine->change("back", "a", back));
  auto pause = action_change{};
  pause.policy.emplace().exhausted = on_exhausted::pause;
  pause.policy->min_wait = milliseconds(5);
  must(engine->change("pause", "a", pause));
  BOOST_TEST(events("pause", "policy_changed").at(0).data ==
             R"({"policy":{"min_wait_ms":5,"on_exhausted":"pause"}})");
  must(engine->crash_and_reopen());
  const auto why = must(engine->explain("more"));
  BOOST_TEST(why.actions.at(0).reasons.at(0).text.find("(2 of 5)") != std::string::npos);
  BOOST_TEST(why.forecast.at(0).then.find("3 attempts left, by a changed policy") !=
             std::string::npos);
  engine->advance(hours(24));
  BOOST_TEST(action("more").attempts == 5U);
  BOOST_TEST(status("more") == workflow_status::failed);
  BOOST_TEST(action("fewer").attempts == 2U);  // the one that waited is made
  BOOST_TEST(action("back").attempts == 2U);
  BOOST_TEST(action("pause").waiting == waiting_for::decision);
  BOOST_TEST(*action("more").policy.max_attempts == 5U);
  BOOST_TEST(action("more").policy_changed->who == "ann");
  BOOST_TEST(action("back").policy.empty());
  must(engine->retry("more"));
  engine->advance(hours(24));
  BOOST_TEST(action("more").attempts == 10U);
}

BOOST_AUTO_TEST_CASE(changes_of_a_policy_add_up_and_a_wait_that_is_set_has_the_other_give_way) {
  policy_change first;
  first.max_attempts = 5;
  first.max_wait = milliseconds(100);
  policy_change then;
  then.min_wait = milliseconds(500);
  const auto both = first.then(then);
  BOOST_TEST(*both.max_attempts == 5U);
  BOOST_TEST(both.min_wait->count() == 500);
  BOOST_TEST(both.max_wait->count() == 500);
  const auto policy = then.applied_to(retry_policy::fixed(milliseconds(10), 2));
  BOOST_TEST(policy.max_wait.count() == 500);
  BOOST_TEST(policy.max_attempts == 2U);
  then.max_wait = milliseconds(1);
  BOOST_TEST(!then.faults().empty());
}

BOOST_AUTO_TEST_CASE(a_call_that_waits_for_a_thread_is_made_with_the_changed_input) {
  handle_ok("ok", {.max_running = 1});
  auto& d = open_stepped();
  d.submit(workflow_builder("test").id("w").action("a", "ok", "1").action("b", "ok", "1"),
           [](auto) {});
  settle(d);
  BOOST_TEST_REQUIRE(d.queued() == 2U);
  d.start_handler(0);
  settle(d);
  std::map<std::string, std::string> answers;
  for (const std::string key : {"a", "b"}) {
    d.change("w", key, input_of("2"), [&, key](const auto& r) { answers[key] = told(r); });
  }
  settle(d);
  BOOST_TEST(answers.at("a") == "wrong_state");  // a thread has it
  BOOST_TEST(answers.at("b") == "");
  d.run_until_idle();
  BOOST_TEST((inputs() == texts{"1", "2"}));
  BOOST_TEST(must(d.get("w")).summary.status == workflow_status::completed);
  BOOST_TEST(must(d.get("w")).actions.at(1).attempts == 1U);
  BOOST_TEST(must(d.verify()).findings_total == 0U);
}

/// A thread may have it, and wait until its start is durable.
BOOST_AUTO_TEST_CASE(a_call_that_was_taken_back_says_nothing_of_the_one_in_its_place) {
  handle_ok("once", {.delivery = delivery::at_most_once});
  std::size_t changed = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      calls.clear();
      random_steps d(opts, seed);
      d.engine.submit(one("w", "once", "1"), [](auto) {});
      d.some(d.below(25));
      d.engine.change("w", "a", input_of("2"), [&](const auto& r) { changed += r ? 1 : 0; });
      d.until_idle();
      BOOST_TEST((must(d.engine.get("w")).summary.status == workflow_status::completed));
      BOOST_TEST(calls.size() == 1U);
      for (const auto& e : must(d.engine.store().history("w", 0, 100))) {
        BOOST_TEST((e.event.kind != model::event_kind::attempt_interrupted));
      }
    }
  }
  BOOST_TEST(changed > 50U);
}

/// The state in memory runs ahead: it is ready, while the disk has it wait for its time.
BOOST_AUTO_TEST_CASE(a_retry_right_after_a_change_starts_nothing_before_it_is_durable) {
  handle_choosy("choosy", "2", {.mode = run_mode::in_place});
  handle_choosy("choosy_too", "2");
  opts.retry.min_wait = opts.retry.max_wait = hours(10);
  for (const std::string type : {"choosy", "choosy_too"}) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      BOOST_TEST_CONTEXT(type << " seed " << seed) {
        calls.clear();
        random_steps d(opts, seed);
        d.engine.submit(one("w", type, "1"), [](auto) {});
        d.until_idle();
        bool early = false;
        d.engine.change("w", "a", input_of("2"), [](const auto& r) { BOOST_TEST(told(r) == ""); });
        d.some(d.below(8));
        d.engine.retry("w", "a", "", [](const auto& r) { BOOST_TEST(told(r) == ""); });
        while (d.step()) {
          if (calls.size() < 2) continue;
          const auto all = must(d.engine.store().history("w", 0, 100));
          early = early || std::none_of(all.begin(), all.end(), [](const auto& e) {
                    return e.event.kind == model::event_kind::retry_requested;
                  });
        }
        BOOST_TEST(!early);
        BOOST_TEST((inputs() == texts{"1", "2"}));
        BOOST_TEST((must(d.engine.get("w")).summary.status == workflow_status::completed));
      }
    }
  }
}

/// Else a crash could take back what a handler has worked on.
BOOST_AUTO_TEST_CASE(an_attempt_starts_only_when_its_changed_input_is_durable) {
  handle_ok("ok");
  auto& d = open_stepped();
  d.submit(
      workflow_builder("test").id("w").action("a", "ok", "1").action("b", "ok", "1").after("a"),
      [](auto) {});
  settle(d);
  d.start_handler(0);
  d.finish_handler(0);
  settle(d, false);
  BOOST_TEST_REQUIRE(d.commit_waits());  // a is done, and b will be ready
  std::string answer = "none";
  d.change("w", "b", input_of("2"), [&](const auto& r) { answer = told(r); });
  settle(d, false);
  d.commit(true);  // without the change, which came later
  settle(d, false);
  BOOST_TEST_REQUIRE(answer == "none");
  BOOST_TEST(d.queued() == 0U);
  d.run_until_idle();
  BOOST_TEST(answer == "");
  BOOST_TEST((inputs() == texts{"1", "2"}));
  BOOST_TEST(must(d.get("w")).summary.status == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_decision_is_changed_before_it_is_made_again) {
  retry_policy pausing;
  pausing.exhausted = on_exhausted::pause;
  const action_options once{.delivery = delivery::at_most_once, .retry = pausing};
  handle(
      "paused",
      [](const action_context& c) {
        return c.input == "2" ? outcome::success() : outcome::fatal("bad", "no");
      },
      once);
  handle(
      "in_doubt",
      [](const action_context& c) {
        return c.input == "2" ? outcome::success() : outcome::unknown("lost", "who knows");
      },
      once);
  open();
  for (const std::string id : {"paused", "in_doubt"}) {
    submit(one(id, id, "1"));
    engine->run_until_idle();
    BOOST_TEST(action(id).waiting == waiting_for::decision);
    must(engine->change(id, "a", input_of("2")));
    must(engine->crash_and_reopen());
    BOOST_TEST(action(id).waiting == waiting_for::decision);
    must(engine->resolve(id, "a", {resolution::kind::retry}));
    engine->run_until_idle();
    BOOST_TEST(status(id) == workflow_status::completed);
  }
}

BOOST_AUTO_TEST_CASE(a_worker_is_told_the_changed_input) {
  opts.handlers.add_worker("render");
  open();
  submit(one("w", "render", "1"));
  engine->run_until_idle();
  must(engine->change("w", "a", input_of("2")));
  worker_poll p;
  p.types = {"render"};
  const auto tasks = must(engine->as_engine().poll(p));
  BOOST_TEST_REQUIRE(tasks.size() == 1U);
  BOOST_TEST(tasks[0].input == "2");
  BOOST_TEST(told(engine->change("w", "a", input_of("3"))) == "wrong_state");
}

BOOST_AUTO_TEST_CASE(a_long_history_takes_no_more_changes) {
  handle_failing("fails");
  opts.limits.history_events_max = 8;
  opts.retry.min_wait = opts.retry.max_wait = hours(10);
  open();
  submit(one("w", "fails", "0"));
  engine->run_until_idle();
  std::size_t taken = 0;
  for (int n = 1; n < 20; ++n) {
    const auto r = engine->change("w", "a", input_of(std::to_string(n)));
    if (r) ++taken;
    if (!r) BOOST_TEST(told(r) == "wrong_state");
  }
  BOOST_TEST(taken == 4U);
  BOOST_TEST(action("w").input == "4");
}

BOOST_AUTO_TEST_SUITE_END()
