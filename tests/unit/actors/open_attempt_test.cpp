// Attempts that stay open (outcome::pending) until somebody outside ends them.
#include "storage/views.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct open_fixture : engine_fixture {
  std::vector<std::string> tokens;
  std::optional<milliseconds> heartbeat;

  /// Leaves each of its attempts open.
  void handle_open(const std::string& type, action_options options = {}) {
    handle(
        type,
        [this](const action_context& c) {
          tokens.push_back(c.token());
          return outcome::pending(heartbeat, "the approval of ops");
        },
        std::move(options));
  }
  static action_options beating(milliseconds every) {
    action_options o;
    o.heartbeat = every;
    return o;
  }
  void wait_for(milliseconds ms) { engine->advance(ms); }
};

const auto forever = hours(24 * 365);

}  // namespace

BOOST_FIXTURE_TEST_SUITE(open_attempts, open_fixture)

BOOST_AUTO_TEST_CASE(an_open_attempt_waits_until_it_is_ended_from_outside) {
  handle_open("ask");
  handle_ok("ok");
  open();
  submit(workflow_builder("test").id("w").action("a", "ask").action("b", "ok").after("a"));
  wait_for(forever);
  BOOST_TEST_REQUIRE(tokens.size() == 1U);
  const auto waiting = action("w");
  BOOST_TEST(waiting.waiting == waiting_for::outside);
  BOOST_TEST(waiting.pending_on == "the approval of ops");
  BOOST_TEST(!waiting.next_at.has_value());
  BOOST_TEST(must(engine->summary("w")).actions.outside == 1U);
  BOOST_TEST(engine->stats().active == 0U);  // it costs no memory
  BOOST_TEST(engine->stats().handlers_running == 0U);

  must(engine->end_attempt(tokens[0], outcome::success(R"({"by":"ann"})")));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(action("w").result.value_or("") == R"({"by":"ann"})");
  BOOST_TEST((kinds("w") == std::vector<std::string>{"workflow_created", "attempt_started",
                                                     "attempt_opened", "action_completed",
                                                     "attempt_started", "action_completed",
                                                     "workflow_completed"}));
  BOOST_TEST(events("w", "attempt_opened")[0].data ==
             R"({"attempt":1,"message":"the approval of ops"})");
}

BOOST_AUTO_TEST_CASE(an_open_attempt_survives_crashes_and_closes_also_at_most_once) {
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_open("once", once);
  handle_open("any");
  open();
  submit(one("once", "once"));
  submit(one("any", "any"));
  engine->run_until_idle();
  for (int life = 0; life < 15; ++life) {  // more than max_recoveries
    must(life % 2 == 0 ? engine->crash_and_reopen() : engine->reopen());
    wait_for(hours(1));
  }
  BOOST_TEST(calls.size() == 2U);
  for (const auto& token : tokens) must(engine->end_attempt(token, outcome::success()));
  BOOST_TEST(status("once") == workflow_status::completed);
  BOOST_TEST(status("any") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(every_outcome_of_an_open_attempt_counts_as_its_handlers) {
  handle_open("ask");
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  must(engine->end_attempt(tokens[0], outcome::failure("down", "no answer")));
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  BOOST_TEST(action("w").last_error.value().error_class == "down");
  wait_for(seconds(10));
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  must(engine->end_attempt(tokens[1], outcome::defer(engine->now() + seconds(5))));
  engine->run_until_idle();
  BOOST_TEST(action("w").waiting == waiting_for::timer);
  wait_for(seconds(5));
  BOOST_TEST_REQUIRE(tokens.size() == 3U);
  BOOST_TEST(calls.back().attempt == 2U);
  BOOST_TEST(calls.back().deferrals == 1U);
  must(engine->end_attempt(tokens[2], outcome::fatal("no", "rejected by ann")));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(must(engine->summary("w")).reason == "action a failed: rejected by ann");
}

BOOST_AUTO_TEST_CASE(an_unknown_outcome_from_outside_is_in_doubt_at_most_once) {
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_open("once", once);
  open();
  submit(one("w", "once"));
  engine->run_until_idle();
  must(engine->end_attempt(tokens[0], outcome::unknown("lost", "the worker died")));
  must(engine->end_attempt(tokens[0], outcome::unknown("lost", "the worker died")));
  BOOST_TEST(action("w").waiting == waiting_for::decision);
  wait_for(hours(1));
  BOOST_TEST(calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_same_word_again_is_no_error_and_another_is_refused_and_kept) {
  handle_open("ask");
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  must(engine->end_attempt(tokens[0], outcome::success("1")));
  must(engine->end_attempt(tokens[0], outcome::success("1")));
  must(engine->crash_and_reopen());
  must(engine->end_attempt(tokens[0], outcome::success("1")));
  BOOST_TEST(events("w", "late_result").empty());
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success("2"))) == "lease_lost");
  BOOST_TEST(events("w", "late_result").size() == 1U);
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success("2"))) == "lease_lost");
  BOOST_TEST(events("w", "late_result").size() == 1U);  // once
  BOOST_TEST(action("w").result.value_or("") == "1");
}

BOOST_AUTO_TEST_CASE(a_word_about_an_attempt_that_was_given_up_is_refused_and_kept_once) {
  handle_open("ask", beating(seconds(10)));
  open();
  submit(one("w", "ask"));
  wait_for(seconds(12));  // given up after 10, tried again a second later
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  BOOST_TEST(action("w").last_error.value().error_class == "heartbeat_timeout");
  for (int n = 0; n < 2; ++n) {
    BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success())) == "lease_lost");
    BOOST_TEST(events("w", "late_result").size() == 1U);
  }
  BOOST_TEST(told(engine->heartbeat(tokens[0])) == "lease_lost");
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  must(engine->end_attempt(tokens[1], outcome::success()));
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(who_does_not_have_the_token_ends_nothing) {
  handle_open("ask");
  open();
  submit(workflow_builder("test").id("w").action("a", "ask").action("b", "ask"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  BOOST_TEST(tokens[0] != tokens[1]);
  const auto secret = [](const std::string& t) { return t.substr(t.rfind('~') + 1); };
  BOOST_TEST(secret(tokens[0]).size() == 32U);
  const std::string guessed(32, 'a');
  const std::string of_b = "w~0~1~" + secret(tokens[1]);
  for (const auto& token :
       {"w~0~1~" + guessed, of_b, "w~0~2~" + secret(tokens[0]), "w~7~1~" + secret(tokens[0])}) {
    BOOST_TEST(told(engine->end_attempt(token, outcome::success())) == "lease_lost", token);
    BOOST_TEST(told(engine->heartbeat(token)) == "lease_lost", token);
  }
  for (const auto& token : {std::string(), std::string("w"), tokens[0] + "0", "~" + tokens[0],
                            "w~0~1~" + std::string(32, 'A'), std::string("w~00~1~") + guessed,
                            std::string("w~0~+1~") + guessed, "w/0~0~1~" + guessed}) {
    BOOST_TEST(told(engine->end_attempt(token, outcome::success())) == "invalid_argument", token);
    BOOST_TEST(told(engine->heartbeat(token)) == "invalid_argument", token);
  }
  BOOST_TEST(told(engine->end_attempt("v~0~1~" + guessed, outcome::success())) == "not_found");
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::pending())) == "invalid_argument");
  BOOST_TEST(events("w", "late_result").empty());
  BOOST_TEST(must(engine->summary("w")).actions.outside == 2U);
  // Nor does who reads the history learn it.
  for (const auto& e : events("w")) BOOST_TEST(e.data.find(secret(tokens[0])) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_open_attempt_that_is_not_heard_of_is_given_up_on_time) {
  handle_open("ask", beating(seconds(10)));
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  BOOST_TEST((action("w").next_at == engine->now() + seconds(10)));
  wait_for(milliseconds(9'999));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  wait_for(milliseconds(1));
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  const auto given_up = events("w", "attempt_timed_out");
  BOOST_TEST_REQUIRE(given_up.size() == 1U);
  BOOST_TEST(
      given_up[0].data ==
      R"-({"attempt":1,"error_class":"heartbeat_timeout","message":"nothing was heard of the )-"
      R"-(open attempt within its heartbeat (10000 ms)"})-");
}

BOOST_AUTO_TEST_CASE(heartbeats_keep_an_attempt_open_and_are_not_all_written) {
  handle_open("ask", beating(seconds(10)));
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  for (int n = 1; n <= 1'000; ++n) {
    wait_for(seconds(1));
    const auto until = must(engine->heartbeat(tokens[0], std::to_string(n) + " of 1000"));
    BOOST_TEST_REQUIRE(until.has_value());
    BOOST_TEST((*until - engine->now() >= seconds(10)));  // what the type promises
  }
  BOOST_TEST(action("w").progress == "1000 of 1000");
  BOOST_TEST((action("w").heard_at == engine->now()));
  BOOST_TEST(calls.size() == 1U);
  BOOST_TEST(events("w", "attempt_extended").size() <= 200U);
  // Silence: no sooner than the heartbeat, no later than half of it more.
  wait_for(seconds(10));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  wait_for(seconds(5));
  BOOST_TEST(events("w", "attempt_timed_out").size() == 1U);
  BOOST_TEST(action("w").progress == "");
}

BOOST_AUTO_TEST_CASE(a_heartbeat_of_the_call_comes_before_that_of_the_type) {
  handle_open("ask", beating(hours(1)));
  heartbeat = seconds(2);
  open();
  submit(one("w", "ask"));
  wait_for(seconds(2));
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  heartbeat = milliseconds(0);
  wait_for(seconds(10));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(action("w").last_error.value().error_class == "bad_heartbeat");
}

BOOST_AUTO_TEST_CASE(an_attempt_that_nobody_could_be_heard_of_has_its_heartbeat_again) {
  handle_open("ask", beating(seconds(10)));
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  engine->close();
  engine->advance(hours(10));
  must(engine->reopen());
  wait_for(milliseconds(9'000));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  BOOST_TEST(must(engine->heartbeat(tokens[0])).has_value());
  wait_for(seconds(9));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  wait_for(seconds(7));
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  BOOST_TEST(calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(start_to_close_bounds_an_open_attempt_whatever_is_heard_of_it) {
  auto how = beating(seconds(10));
  how.start_to_close = seconds(25);
  handle_open("ask", how);
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  const auto began = engine->now();
  for (int n = 0; n < 24; ++n) {
    wait_for(seconds(1));
    const auto until = must(engine->heartbeat(tokens[0]));
    BOOST_TEST((until && *until <= began + seconds(25)));
  }
  wait_for(milliseconds(999));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  wait_for(milliseconds(1));
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  BOOST_TEST(action("w").last_error.value().error_class == "timeout");

  // Also through a restart.
  wait_for(seconds(5));
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  must(engine->crash_and_reopen());
  wait_for(seconds(30));
  BOOST_TEST(told(engine->heartbeat(tokens[1])) == "lease_lost");
}

BOOST_AUTO_TEST_CASE(an_open_attempt_at_most_once_that_is_given_up_is_in_doubt) {
  auto how = beating(seconds(10));
  how.delivery = delivery::at_most_once;
  handle_open("once", how);
  open();
  submit(one("w", "once"));
  wait_for(hours(1));
  BOOST_TEST(action("w").waiting == waiting_for::decision);
  BOOST_TEST(action("w").last_error.value().error_class == "heartbeat_timeout");
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success())) == "lease_lost");
  BOOST_TEST(calls.size() == 1U);
  must(engine->resolve("w", "a", {resolution::kind::complete, "2"}));
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(schedule_to_close_and_deadline_and_cancel_end_open_attempts) {
  action_options how;
  how.schedule_to_close = seconds(30);
  handle_open("bounded", how);
  handle_open("ask");
  open();
  submit(one("bounded", "bounded"));
  submit(workflow_builder("test").id("late").deadline(seconds(20)).action("a", "ask"));
  submit(one("cancelled", "ask"));
  engine->run_until_idle();
  must(engine->cancel("cancelled"));
  wait_for(seconds(30));
  BOOST_TEST(status("bounded") == workflow_status::failed);
  BOOST_TEST(status("late") == workflow_status::failed);
  BOOST_TEST(status("cancelled") == workflow_status::cancelled);
  for (const auto& token : tokens) {
    BOOST_TEST(told(engine->heartbeat(token)) == "lease_lost");
    BOOST_TEST(told(engine->end_attempt(token, outcome::success())) == "lease_lost");
  }
  for (const char* id : {"bounded", "late", "cancelled"}) {
    BOOST_TEST(events(id, "late_result").size() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(a_person_decides_instead_of_who_was_asked) {
  handle_open("ask");
  open();
  for (const char* id : {"complete", "skip", "fail", "retry"}) submit(one(id, "ask"));
  engine->run_until_idle();
  must(engine->resolve("complete", "a", {resolution::kind::complete, "7"}));
  must(engine->resolve("skip", "a", {resolution::kind::skip, ""}));
  must(engine->resolve("fail", "a", {resolution::kind::fail, "too late"}));
  must(engine->resolve("retry", "a", {resolution::kind::retry, ""}));
  engine->run_until_idle();
  BOOST_TEST(action("complete").result.value_or("") == "7");
  BOOST_TEST(action("skip").status == action_status::skipped);
  BOOST_TEST(status("fail") == workflow_status::failed);
  BOOST_TEST(tokens.size() == 5U);
  BOOST_TEST(calls.back().attempt == 2U);
  must(engine->end_attempt(tokens[4], outcome::success()));
  BOOST_TEST(status("retry") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(a_word_that_comes_before_the_handler_has_returned_counts) {
  // An answer can be quicker than the handler that asked for it.
  std::optional<result<void>> answer;
  handle("ask", [&](const action_context& c) {
    tokens.push_back(c.token());
    engine->as_engine().end_attempt_async(c.token(), outcome::success("5"),
                                          [&](result<void> r) { answer = std::move(r); });
    return outcome::pending();
  });
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(answer.has_value());
  BOOST_TEST(told(*answer) == "");
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(action("w").result.value_or("") == "5");
  must(engine->end_attempt(tokens[0], outcome::success("5")));
  BOOST_TEST(events("w", "late_result").empty());
}

BOOST_AUTO_TEST_CASE(a_failed_workflow_that_goes_on_asks_again) {
  handle_open("ask");
  handle_failing("bad");
  open();
  submit(workflow_builder("test").id("w").action("a", "ask").action("b", "bad"));
  wait_for(hours(1));
  BOOST_TEST(status("w") == workflow_status::failed);
  must(engine->retry("w"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success())) == "lease_lost");
  must(engine->end_attempt(tokens[1], outcome::success()));
  BOOST_TEST(action("w").status == action_status::completed);
}

BOOST_AUTO_TEST_CASE(without_its_handler_an_open_attempt_waits_and_can_only_succeed) {
  handle_open("ask", beating(seconds(10)));
  open();
  submit(workflow_builder("test").id("w").action("a", "ask").action("b", "ask"));
  engine->run_until_idle();
  must(engine->reopen(options{}));
  wait_for(hours(1));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::failure("no", ""))) == "wrong_state");
  must(engine->end_attempt(tokens[1], outcome::success()));
  must(engine->reopen(opts));
  wait_for(seconds(10));
  BOOST_TEST(action("w").waiting == waiting_for::retry);
  BOOST_TEST(action("w", "b").status == action_status::completed);
}

BOOST_AUTO_TEST_CASE(open_attempts_are_found_and_counted) {
  handle_open("ask");
  open();
  for (int n = 0; n < 5; ++n) submit(one("w" + std::to_string(n), "ask"));
  engine->run_until_idle();
  must(engine->end_attempt(tokens[0], outcome::success()));
  list_query query;
  query.waiting = waiting_for::outside;
  BOOST_TEST(must(engine->count(query)).count == 4U);
  for (const auto& s : engine->type_stats()) {
    if (s.type == "ask") BOOST_TEST(s.opened == 5U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
