// When a failed attempt is made again, and what is seen meanwhile.
#include <stdexcept>

#include "tenax/exceptions.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

struct retry_fixture : engine_fixture {
  /// The gaps between the attempts of a workflow whose only action always fails under this policy.
  std::vector<milliseconds> gaps(const retry_policy& policy) {
    action_options how;
    how.retry = policy;
    handle_failing("f", how);
    open();
    submit(one("w", "f"));
    (void)must(engine->run_until_end("w", hours(24)));
    std::vector<milliseconds> out;
    const auto times = starts("w");
    for (std::size_t i = 1; i < times.size(); ++i) out.push_back(times[i] - times[i - 1]);
    return out;
  }
  /// Every gap is the delay that the history says, and within the policy's bounds.
  void check_gaps(const retry_policy& policy) {
    const auto found = gaps(policy);
    BOOST_TEST(found.size() == policy.max_attempts - 1);
    milliseconds previous{0};
    for (std::size_t n = 0; n < found.size(); ++n) {
      const auto bounds = policy.bounds(n, previous);
      BOOST_TEST_CONTEXT("retry " << n << ", gap " << found[n].count()) {
        BOOST_TEST((found[n] >= bounds.least && found[n] <= bounds.most));
      }
      previous = found[n];
    }
    BOOST_TEST(events("w", "retry_scheduled").size() == found.size());
  }
};

bool between(milliseconds d, int least, int most) {
  return d >= milliseconds(least) && d <= milliseconds(most);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(retries, retry_fixture)

BOOST_AUTO_TEST_CASE(by_default_retries_come_after_1_to_1_5_then_2_to_3_seconds) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    how.seed = seed;
    calls.clear();
    const auto found = gaps(retry_policy{});
    BOOST_TEST_CONTEXT("seed " << seed) {
      BOOST_TEST_REQUIRE(found.size() == 2U);
      BOOST_TEST(between(found[0], 1'000, 1'500));
      BOOST_TEST(between(found[1], 2'000, 3'000));
      BOOST_TEST(status("w") == workflow_status::failed);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_times_and_another_seed_others) {
  const auto times = [this](std::uint64_t seed) {
    how.seed = seed;
    calls.clear();
    return gaps(retry_policy{});
  };
  const auto first = times(7);
  const auto again = times(7);
  const auto other = times(8);
  BOOST_TEST((first == again));
  BOOST_TEST((first != other));
}

BOOST_AUTO_TEST_CASE(an_attempt_starts_exactly_at_next_retry_at) {
  // given a failing action in back-off
  handle_failing("f");
  open();
  submit(one("w", "f"));
  engine->run_until_idle();
  const auto at = action("w").next_retry_at;
  BOOST_TEST_REQUIRE(at.has_value());
  // when all but one millisecond of the wait has passed
  engine->advance(*at - engine->now() - milliseconds(1));
  // then it has not started; a millisecond later it has
  BOOST_TEST(calls.size() == 1U);
  engine->advance(milliseconds(1));
  BOOST_TEST_REQUIRE(calls.size() == 2U);
  BOOST_TEST((calls[1].began == *at));
}

BOOST_AUTO_TEST_CASE(every_jitter_stays_within_its_bounds) {
  for (const auto jitter : {jitter_kind::additive, jitter_kind::full, jitter_kind::equal,
                            jitter_kind::decorrelated, jitter_kind::none}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      retry_policy policy;
      policy.max_attempts = 8;
      policy.max_wait = seconds(20);
      policy.jitter_mode = jitter;
      how.seed = seed;
      calls.clear();
      BOOST_TEST_CONTEXT(to_string(jitter) << ", seed " << seed) { check_gaps(policy); }
    }
  }
}

BOOST_AUTO_TEST_CASE(fixed_linear_and_table_waits_are_exact_without_jitter) {
  using ms = std::vector<milliseconds>;
  const auto exact = [this](const retry_policy& p) {
    calls.clear();
    return gaps(p);
  };
  BOOST_TEST((exact(retry_policy::fixed(seconds(5), 4)) == ms{seconds(5), seconds(5), seconds(5)}));
  BOOST_TEST((exact(retry_policy::table({seconds(1), seconds(10), minutes(2)})) ==
              ms{seconds(1), seconds(10), minutes(2)}));
  retry_policy linear;
  linear.max_attempts = 4;
  linear.curve = wait_curve::linear;
  linear.jitter_mode = jitter_kind::none;
  BOOST_TEST((exact(linear) == ms{seconds(1), seconds(2), seconds(3)}));
  BOOST_TEST(exact(retry_policy::never()).empty());
}

BOOST_AUTO_TEST_CASE(delay_cap_clamps_after_jitter) {
  retry_policy policy;
  policy.max_attempts = 6;
  policy.delay_cap = milliseconds(1'700);
  const auto found = gaps(policy);
  BOOST_TEST_REQUIRE(found.size() == 5U);
  BOOST_TEST(between(found[0], 1'000, 1'500));
  for (std::size_t n = 1; n < 5; ++n) BOOST_TEST(found[n].count() == 1'700);
}

BOOST_AUTO_TEST_CASE(the_handlers_retry_after_wins_over_the_policy) {
  handle("f", [](const action_context& c) {
    return c.attempt == 1 ? outcome::failure("busy", "later", seconds(42)) : outcome::success();
  });
  open();
  submit(one("w", "f"));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST((starts("w")[1] - starts("w")[0] == seconds(42)));
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(a_fatal_outcome_is_never_retried) {
  handle("f", [](const action_context&) { return outcome::fatal("bad_input", "never"); });
  open();
  submit(one("w", "f"));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(calls.size() == 1U);
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(events("w", "retry_exhausted").size() == 1U);
}

BOOST_AUTO_TEST_CASE(rules_for_error_classes_come_before_the_policy) {
  // given a rule that forbids retries of "auth" and one with a fixed delay for "quota"
  action_options how_type;
  how_type.retry = retry_policy{};
  how_type.retry->rules = {{"auth", false, {}}, {"quota", true, seconds(7)}};
  handle(
      "f", [](const action_context& c) { return outcome::failure(std::string(c.input), "no"); },
      how_type);
  open();
  // when actions fail with these classes and with another
  submit(one("auth", "f", "auth"));
  submit(one("quota", "f", "quota"));
  submit(one("other", "f", "other"));
  engine->advance(minutes(1));
  // then
  BOOST_TEST(starts("auth").size() == 1U);
  BOOST_TEST_REQUIRE(starts("quota").size() == 3U);
  BOOST_TEST((starts("quota")[1] - starts("quota")[0] == seconds(7)));
  BOOST_TEST((starts("quota")[2] - starts("quota")[1] == seconds(7)));
  BOOST_TEST_REQUIRE(starts("other").size() == 3U);
  BOOST_TEST(between(starts("other")[1] - starts("other")[0], 1'000, 1'500));
}

BOOST_AUTO_TEST_CASE(count_error_and_time_are_visible_while_in_back_off) {
  handle_failing("f");
  open();
  const auto begun = engine->now();
  submit(one("w", "f"));
  engine->run_until_idle();
  const auto a = action("w");
  BOOST_TEST(a.status == action_status::executing);
  BOOST_TEST(a.waiting == waiting_for::retry);
  BOOST_TEST(a.retry_count == 1U);
  BOOST_TEST(a.attempts == 1U);
  BOOST_TEST_REQUIRE(a.last_error.has_value());
  BOOST_TEST(a.last_error->error_class == "broken");
  BOOST_TEST(a.last_error->message == "no luck");
  BOOST_TEST_REQUIRE(a.next_retry_at.has_value());
  BOOST_TEST(between(*a.next_retry_at - begun, 1'000, 1'500));
  BOOST_TEST(status("w") == workflow_status::in_progress);
  // and the due index has it, but not before its time
  BOOST_TEST(must(engine->list_retry_eligible()).empty());
  const auto due = must(engine->list_retry_eligible(10, *a.next_retry_at));
  BOOST_TEST_REQUIRE(due.size() == 1U);
  BOOST_TEST(due[0].workflow_id == "w");
  BOOST_TEST(due[0].action == "a");
  BOOST_TEST((due[0].due_at == *a.next_retry_at));
}

BOOST_AUTO_TEST_CASE(the_policy_of_the_action_type_beats_the_engines) {
  opts.retry = retry_policy::fixed(seconds(3), 2);
  action_options own;
  own.retry = retry_policy::fixed(seconds(9), 4);
  handle_failing("own", own);
  handle_failing("plain");
  open();
  submit(one("own", "own"));
  submit(one("plain", "plain"));
  engine->advance(minutes(5));
  BOOST_TEST(starts("own").size() == 4U);
  BOOST_TEST((starts("own")[1] - starts("own")[0] == seconds(9)));
  BOOST_TEST(starts("plain").size() == 2U);
  BOOST_TEST((starts("plain")[1] - starts("plain")[0] == seconds(3)));
}

BOOST_AUTO_TEST_CASE(exhaustion_fails_the_workflow_by_default_and_cancels_what_is_pending) {
  handle_failing("f", {.retry = retry_policy::never()});
  handle_ok("ok");
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "f")
             .action("after", "ok")
             .after("a")
             .action("later", "ok")
             .delayed(hours(1)));
  const auto end = must(engine->run_until_end("w"));
  BOOST_TEST(end.status == workflow_status::failed);
  BOOST_TEST(end.failed_action == "a");
  BOOST_TEST(action("w", "a").status == action_status::failed);
  BOOST_TEST(action("w", "after").status == action_status::cancelled);
  BOOST_TEST(action("w", "later").status == action_status::cancelled);
  BOOST_TEST(starts("w", "later").empty());
}

BOOST_AUTO_TEST_CASE(exhaustion_can_pause_until_somebody_decides) {
  action_options pausing;
  pausing.retry = retry_policy::fixed(seconds(1), 2);
  pausing.retry->exhausted = on_exhausted::pause;
  bool works = false;
  handle(
      "f",
      [&](const action_context&) {
        return works ? outcome::success("1") : outcome::failure("broken", "no");
      },
      pausing);
  open();
  submit(one("w", "f"));
  engine->advance(hours(1));
  BOOST_TEST(calls.size() == 2U);
  BOOST_TEST(action("w").waiting == waiting_for::decision);
  BOOST_TEST(status("w") == workflow_status::in_progress);
  BOOST_TEST(engine->stats().active == 0U);
  // when a person repairs the cause and says retry, the attempts are counted anew
  must(engine->resolve("w", "a", {resolution::kind::retry, "null"}));
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  works = true;
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(calls.size() == 4U);
  BOOST_TEST(calls.back().attempt == 4U);
}

BOOST_AUTO_TEST_CASE(exhaustion_can_skip_and_dependants_go_on_with_null) {
  action_options skipping;
  skipping.retry = retry_policy::never();
  skipping.retry->exhausted = on_exhausted::skip;
  handle_failing("f", skipping);
  handle_ok("ok");
  open();
  submit(workflow_builder("test").id("w").action("a", "f").action(
      "b", "ok", R"({"got":"${actions.a.result}"})"));
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(action("w", "a").status == action_status::skipped);
  BOOST_TEST_REQUIRE(calls.size() == 2U);
  BOOST_TEST(calls[1].input == R"({"got":null})");
}

/// What it did before it threw, nobody knows; a failure that it reports is known.
BOOST_AUTO_TEST_CASE(an_at_most_once_attempt_that_throws_waits_for_a_decision) {
  for (const auto mode : {run_mode::blocking, run_mode::in_place}) {
    calls.clear();
    opts.handlers = {};
    const action_options once{.mode = mode, .delivery = delivery::at_most_once};
    const auto throws = [](const action_context&) -> outcome {
      throw std::runtime_error("thrown");
    };
    const auto unsure = [](const action_context&) { return outcome::unknown("lost", "who knows"); };
    handle("throws", throws, once);
    handle("unsure", unsure, once);
    handle("unsure_again", unsure);
    handle_failing("fails", once);
    open();
    for (const auto* type : {"throws", "unsure", "unsure_again", "fails"}) submit(one(type, type));
    engine->advance(hours(1));
    for (const auto* id : {"throws", "unsure"}) {
      BOOST_TEST(starts(id).size() == 1U);
      BOOST_TEST(action(id).waiting == waiting_for::decision);
      BOOST_TEST(events(id, "outcome_unknown").size() == 1U);
      BOOST_TEST(events(id, "attempt_failed").empty());
    }
    BOOST_TEST(action("throws").last_error->error_class == "exception");
    BOOST_TEST(action("throws").last_error->message == "thrown");
    BOOST_TEST(action("unsure").last_error->error_class == "lost");
    BOOST_TEST(engine->stats().active == 0U);
    for (const auto* id : {"unsure_again", "fails"}) {
      BOOST_TEST(starts(id).size() == 3U);
      BOOST_TEST(status(id) == workflow_status::failed);
    }
  }
}

BOOST_AUTO_TEST_CASE(being_throttled_spends_no_attempt_and_is_told_in_the_history) {
  handle("asks", [this](const action_context& c) {
    return calls.size() < 10 ? outcome::throttled(c.now + milliseconds(30'000), "HTTP 429")
                             : outcome::success();
  });
  open();
  submit(one("w", "asks"));
  engine->advance(milliseconds(1));
  BOOST_TEST(action("w").waiting == waiting_for::timer);
  BOOST_TEST(action("w").last_error->error_class == "throttled");
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(action("w").attempts == 1U);  // of three that it may have
  BOOST_TEST(calls.back().deferrals == 9U);
  const auto told = events("w", "attempt_deferred");
  BOOST_TEST_REQUIRE(told.size() == 9U);
  BOOST_TEST(told[0].data.find(R"("error_class":"throttled","message":"HTTP 429")") !=
             std::string::npos);
}

struct bank_busy : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct card_refused {};

BOOST_AUTO_TEST_CASE(the_message_of_an_exception_names_what_caused_it) {
  handle("nested", [](const action_context&) -> outcome {
    try {
      throw bank_busy("no answer");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("the card was not charged"));
    }
  });
  handle("foreign", [](const action_context&) -> outcome { throw 17; });
  open();
  for (const auto* type : {"nested", "foreign"}) submit(one(type, type));
  engine->advance(hours(1));
  BOOST_TEST(action("nested").last_error->message ==
             "the card was not charged; caused by: no answer");
  BOOST_TEST(action("foreign").last_error->message ==
             "something of type int, which is no std::exception");
}

BOOST_AUTO_TEST_CASE(a_rule_of_the_type_says_what_an_exception_means) {
  const auto rule = exception_classes()
                        .add<bank_busy>("network", outcome::kind::failure)
                        .add<card_refused>("card", outcome::kind::fatal)
                        .add<std::logic_error>("bug");
  action_options how{.delivery = delivery::at_most_once};
  how.on_exception = rule;
  handle(
      "busy",
      [](const action_context&) -> outcome {
        try {
          throw bank_busy("no answer");
        } catch (...) {
          std::throw_with_nested(std::runtime_error("outside"));
        }
      },
      how);
  handle(
      "refused", [](const action_context&) -> outcome { throw card_refused(); }, how);
  handle(
      "bug", [](const action_context&) -> outcome { throw std::out_of_range("7"); }, how);
  handle(
      "other", [](const action_context&) -> outcome { throw std::runtime_error("x"); }, how);
  how.on_exception = [](const std::exception_ptr& e) -> std::optional<outcome> {
    std::rethrow_exception(e);
  };
  handle(
      "rule_throws", [](const action_context&) -> outcome { throw bank_busy("y"); }, how);
  open();
  for (const auto* type : {"busy", "refused", "bug", "other", "rule_throws"}) {
    submit(one(type, type));
  }
  engine->advance(hours(1));
  // not done, so not in doubt: tried again
  BOOST_TEST(status("busy") == workflow_status::failed);
  BOOST_TEST(starts("busy").size() == 3U);
  BOOST_TEST(action("busy").last_error->error_class == "network");
  BOOST_TEST(action("busy").last_error->message == "outside; caused by: no answer");
  BOOST_TEST(starts("refused").size() == 1U);
  BOOST_TEST(status("refused") == workflow_status::failed);
  BOOST_TEST(action("refused").last_error->error_class == "card");
  const std::vector<std::pair<std::string, std::string>> in_doubt{
      {"bug", "bug"}, {"other", "exception"}, {"rule_throws", "exception"}};
  for (const auto& [id, wanted] : in_doubt) {
    BOOST_TEST(action(id).waiting == waiting_for::decision, id);
    BOOST_TEST(action(id).last_error->error_class == wanted, id);
  }
  BOOST_TEST(action("rule_throws").last_error->message == "y; on_exception threw: y");
}

struct speechless : std::exception {
  const char* what() const noexcept override { return nullptr; }
};

BOOST_AUTO_TEST_CASE(an_exception_without_words_and_an_outcome_of_no_kind_are_failures) {
  handle("speechless", [](const action_context&) -> outcome { throw speechless(); });
  const auto no_kind = [](const action_context&) {
    outcome o = outcome::success();
    o.what = static_cast<outcome::kind>(200);
    return o;
  };
  handle("no_kind", no_kind);
  handle("no_kind_once", no_kind, {.delivery = delivery::at_most_once});
  open();
  for (const auto* type : {"speechless", "no_kind", "no_kind_once"}) submit(one(type, type));
  engine->advance(hours(1));
  BOOST_TEST(status("speechless") == workflow_status::failed);
  BOOST_TEST(action("speechless").last_error->error_class == "exception");
  BOOST_TEST(action("speechless").last_error->message ==
             "an exception of type retries::speechless without words");
  BOOST_TEST(status("no_kind") == workflow_status::failed);
  BOOST_TEST(starts("no_kind").size() == 3U);
  for (const auto* id : {"no_kind", "no_kind_once"}) {
    BOOST_TEST(action(id).last_error->error_class == "bad_outcome");
    BOOST_TEST(action(id).last_error->message ==
               "the handler returned an outcome of kind 200, which is none");
  }
  BOOST_TEST(action("no_kind_once").waiting == waiting_for::decision);
}

BOOST_AUTO_TEST_CASE(a_decision_to_retry_begins_with_the_policys_first_wait) {
  action_options how;
  how.retry.emplace();
  how.retry->max_attempts = 4;
  how.retry->min_wait = seconds(1);
  how.retry->max_wait = seconds(600);
  how.retry->jitter_mode = jitter_kind::decorrelated;
  how.retry->exhausted = on_exhausted::pause;
  handle_failing("f", how);
  open();
  submit(one("w", "f"));
  for (std::size_t decisions = 0; decisions < 3; ++decisions) {
    engine->advance(hours(1));
    BOOST_TEST(starts("w").size() == 4 * (decisions + 1));
    const auto retries = events("w", "retry_scheduled");
    BOOST_TEST_REQUIRE(retries.size() == 3 * (decisions + 1));
    BOOST_TEST(retries[3 * decisions].data.find(R"("wait_least_ms":1000,"wait_most_ms":3000)") !=
               std::string::npos);
    BOOST_TEST(findings() == "");
    must(engine->resolve("w", "a", {}));
  }
}

BOOST_AUTO_TEST_CASE(a_handler_that_throws_has_failed) {
  handle("std", [](const action_context& c) -> outcome {
    if (c.attempt == 1) throw std::runtime_error("thrown");
    return outcome::success();
  });
  handle("odd", [](const action_context& c) -> outcome {
    if (c.attempt == 1) throw 42;
    return outcome::success();
  });
  open();
  submit(one("std", "std"));
  submit(one("odd", "odd"));
  engine->run_until_idle();
  BOOST_TEST(action("std").last_error->error_class == "exception");
  BOOST_TEST(action("std").last_error->message == "thrown");
  BOOST_TEST(action("odd").last_error->error_class == "exception");
  engine->advance(seconds(2));
  BOOST_TEST(status("std") == workflow_status::completed);
  BOOST_TEST(status("odd") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(in_place_handlers_retry_as_others_do) {
  action_options in_place;
  in_place.mode = run_mode::in_place;
  handle(
      "f",
      [](const action_context& c) {
        return c.attempt < 3 ? outcome::failure("broken", "no") : outcome::success();
      },
      in_place);
  open();
  submit(one("w", "f"));
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
  BOOST_TEST(starts("w").size() == 3U);
  BOOST_TEST(between(starts("w")[1] - starts("w")[0], 1'000, 1'500));
}

BOOST_AUTO_TEST_CASE(deferring_is_no_attempt_and_takes_no_retry) {
  handle("f", [](const action_context& c) {
    return c.deferrals < 3 ? outcome::defer(c.now + minutes(10)) : outcome::success("1");
  });
  open();
  const auto begun = engine->now();
  submit(one("w", "f"));
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::timer);
  BOOST_TEST((action("w").next_at == begun + minutes(10)));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST_REQUIRE(calls.size() == 4U);
  for (std::uint32_t n = 0; n < 4; ++n) {
    BOOST_TEST(calls[n].attempt == 1U);
    BOOST_TEST(calls[n].deferrals == n);
    BOOST_TEST((calls[n].began == begun + n * minutes(10)));
  }
  BOOST_TEST(action("w").retry_count == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
