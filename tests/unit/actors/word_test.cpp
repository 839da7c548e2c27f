// Words from outside, about open attempts and as signals, that are late, forged, too large, too
// many or come in the wrong moment.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct word_fixture : engine_fixture {
  std::vector<std::string> tokens;
  void handle_open(const std::string& type, action_options options = {}) {
    handle(
        type,
        [this](const action_context& c) {
          tokens.push_back(c.token());
          return outcome::pending();
        },
        std::move(options));
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(words, word_fixture)

BOOST_AUTO_TEST_CASE(start_to_close_of_an_open_attempt_does_not_count_its_deferrals) {
  action_options how;
  how.start_to_close = seconds(60);
  handle(
      "ask",
      [this](const action_context& c) {
        tokens.push_back(c.token());
        if (c.deferrals == 0) return outcome::defer(c.now + hours(1));
        return outcome::pending();
      },
      how);
  open();
  submit(one("w", "ask"));
  engine->advance(hours(1));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  BOOST_TEST((action("w").next_at == engine->now() + seconds(60)));
  engine->advance(seconds(59));
  BOOST_TEST(told(engine->end_attempt(tokens.back(), outcome::success())) == "");
}

BOOST_AUTO_TEST_CASE(a_deferral_from_outside_before_the_handler_has_returned_stays) {
  std::optional<result<void>> answer;
  handle("ask", [&](const action_context& c) {
    tokens.push_back(c.token());
    if (c.deferrals == 0) {
      engine->as_engine().end_attempt_async(c.token(), outcome::defer(c.now + hours(1)),
                                            [&](result<void> r) { answer = std::move(r); });
    }
    return outcome::pending();
  });
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(answer.has_value());
  BOOST_TEST(told(*answer) == "");
  BOOST_TEST(action("w").waiting == waiting_for::timer);
  engine->advance(hours(1));
  BOOST_TEST(calls.size() == 2U);
  BOOST_TEST(action("w").waiting == waiting_for::outside);
}

BOOST_AUTO_TEST_CASE(what_a_handler_returns_after_a_deferral_from_outside_is_of_the_past) {
  std::optional<result<void>> answer;
  handle("ask", [&](const action_context& c) {
    tokens.push_back(c.token());
    if (c.deferrals > 0) return outcome::pending();
    engine->as_engine().end_attempt_async(c.token(), outcome::defer(c.now),
                                          [&](result<void> r) { answer = std::move(r); });
    return outcome::success("1");
  });
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(answer.has_value());
  BOOST_TEST(told(*answer) == "");
  // One of the two: the deferral (acknowledged) must count.
  BOOST_TEST(calls.size() == 2U);
  BOOST_TEST(action("w").waiting == waiting_for::outside);
}

BOOST_AUTO_TEST_CASE(a_word_with_the_token_of_an_earlier_part_of_the_attempt_changes_nothing) {
  handle_open("ask");
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  must(engine->end_attempt(tokens[0], outcome::defer(engine->now())));
  engine->run_until_idle();
  engine->hold_handlers();
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  must(engine->end_attempt(tokens[1], outcome::defer(engine->now())));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(engine->running_handlers().size() == 1U);
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success("late"))) == "lease_lost");
  BOOST_TEST(status("w") == workflow_status::in_progress);
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(tokens.size() == 3U);
  BOOST_TEST(told(engine->end_attempt(tokens[2], outcome::success())) == "");
}

BOOST_AUTO_TEST_CASE(the_same_word_again_is_no_error_whatever_it_is) {
  opts.limits.payload_bytes_max = 10;
  opts.limits.text_bytes_max = 20;
  handle_open("ask");
  open();
  const std::vector<outcome> words{
      outcome::success(std::string(10, '1')),
      outcome::defer(engine->now() + hours(24)),
      outcome::throttled(engine->now() + hours(24), std::string(30, 'm')),
      outcome::failure("c", "m", hours(24)),
      outcome::failure(std::string(200, 'c'), std::string(200, 'm')),
      outcome::failure("", ""),
      outcome::fatal("c", "m"),
      outcome::unknown("", "m")};
  for (std::size_t n = 0; n < words.size(); ++n) {
    const auto id = "w" + std::to_string(n);
    submit(one(id, "ask"));
    engine->run_until_idle();
    const auto token = tokens.back();
    BOOST_TEST(told(engine->end_attempt(token, words[n])) == "", id);
    BOOST_TEST(told(engine->end_attempt(token, words[n])) == "", id);
    must(engine->crash_and_reopen());
    BOOST_TEST(told(engine->end_attempt(token, words[n])) == "", id);
    BOOST_TEST(events(id, "late_result").empty(), id);
  }
}

BOOST_AUTO_TEST_CASE(a_word_that_exceeds_a_limit_is_refused_and_ends_nothing) {
  opts.limits.payload_bytes_max = 10;
  opts.limits.delay_max = hours(24);
  handle_open("ask");
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  for (const auto& word : {outcome::success(std::string(11, '1')),
                           outcome::defer(engine->now() + hours(24) + milliseconds(1)),
                           outcome::failure("c", "m", hours(24) + milliseconds(1))}) {
    BOOST_TEST(told(engine->end_attempt(tokens[0], word)) == "invalid_argument");
  }
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  must(engine->end_attempt(tokens[0], outcome::success(std::string(10, '1'))));
}

BOOST_AUTO_TEST_CASE(a_signal_timeout_that_passed_while_nobody_was_there_fails_for_good) {
  action_options how;
  how.start_to_close = hours(1);
  handle(
      "ask", [](const action_context&) { return outcome::until_signal("go", seconds(10)); }, how);
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  engine->close();
  engine->advance(hours(2));
  must(engine->reopen());
  engine->advance(seconds(5));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(action("w").last_error.value().error_class == "signal_timeout");
}

BOOST_AUTO_TEST_CASE(words_with_another_attempts_number_write_nothing) {
  action_options how;
  handle_open("ask", how);
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  must(engine->end_attempt(tokens[0], outcome::failure("c", "m")));
  engine->advance(seconds(10));
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  const std::string secret = tokens[1].substr(tokens[1].rfind('~') + 1);
  for (int n = 0; n < 10; ++n) {
    BOOST_TEST(told(engine->end_attempt("w~0~1~" + secret, outcome::success())) == "lease_lost");
    BOOST_TEST(told(engine->end_attempt("w~0~0~" + secret, outcome::success())) == "lease_lost");
  }
  BOOST_TEST(events("w", "late_result").empty());
  BOOST_TEST(told(engine->end_attempt("w~0~1~" + std::string(32, '0'), outcome::success())) ==
             "invalid_argument");
}

/// Whoever knows an id can send words with a token that was never given.
BOOST_AUTO_TEST_CASE(a_forged_word_costs_a_bounded_look_at_a_history_of_any_length) {
  constexpr std::uint64_t late_events = 1'000;  // docs/adr/0011-open-attempts.md
  constexpr int reads_most = 20;
  action_options how;
  how.heartbeat = seconds(10);
  handle_open("ask", how);
  auto& d = open_stepped();
  d.submit(one("w", "ask"), [](auto) {});
  d.advance(seconds(12));  // given up after 10, tried again a second later
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  const auto events = [&] { return must(d.get("w")).summary.events; };
  const auto grow_to = [&](std::uint64_t length) {
    while (events() < length) {
      d.heartbeat(tokens[1], [](auto) {});
      d.advance(seconds(6));
    }
  };
  int reads = 0;
  d.control.read_fails = [&](std::uint64_t, read_of what) {
    reads += what == read_of::rows ? 1 : 0;
    return false;
  };
  const auto end = [&](const std::string& token) {
    std::string code = "no answer";
    reads = 0;
    d.end_attempt(token, outcome::success(), [&](const result<void>& r) { code = told(r); });
    d.run_until_idle();
    return code;
  };
  const std::string forged = "w~0~1~" + std::string(32, 'a');
  for (const auto length : {late_events - 10, 3 * late_events}) {
    grow_to(length);
    BOOST_TEST(end(forged) == "lease_lost");
    BOOST_TEST(reads <= reads_most);
  }
  BOOST_TEST(end(tokens[0]) == "lease_lost");  // as one that is too late to be known
  BOOST_TEST(reads <= reads_most);
  BOOST_TEST(events() == 3 * late_events);
  BOOST_TEST(end(tokens[1]) == "");  // the open one is known however long ago it was opened
}

BOOST_AUTO_TEST_CASE(a_late_word_is_kept_if_its_attempt_was_opened_in_the_latest_thousand_events) {
  action_options how;
  how.heartbeat = seconds(10);
  handle_open("ask", how);
  open();
  submit(one("w", "ask"));
  engine->advance(seconds(12));
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  const auto opened = events("w", "attempt_opened").front().seq;
  while (must(engine->summary("w")).events < opened + 1'000) {
    must(engine->heartbeat(tokens[1]));
    engine->advance(seconds(6));
  }
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success())) == "lease_lost");
  BOOST_TEST(events("w", "late_result").empty());
  must(engine->cancel("w"));
  tokens.clear();
  submit(one("v", "ask"));
  engine->advance(seconds(12));
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  while (must(engine->summary("v")).events < events("v", "attempt_opened").front().seq + 999) {
    must(engine->heartbeat(tokens[1]));
    engine->advance(seconds(6));
  }
  BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success())) == "lease_lost");
  BOOST_TEST(events("v", "late_result").size() == 1U);
}

BOOST_AUTO_TEST_CASE(signals_that_wait_for_the_disk_are_within_memory_bytes_max) {
  opts.memory_bytes_max = 8u << 20;
  open();
  submit(one("w", "wait_signal", R"({"name":"never"})"));
  engine->run_until_idle();
  std::map<std::string, int> answers;
  for (int n = 0; n < 64; ++n) {
    engine->as_engine().signal_async("w", "n", std::string(1u << 20, '1'), "",
                                     [&](result<void> r) { ++answers[told(r)]; });
  }
  BOOST_TEST(answers["overloaded"] > 40);
  engine->run_until_idle();
  BOOST_TEST(answers[""] > 0);
  BOOST_TEST(answers["overloaded"] + answers[""] == 64);
  must(engine->signal("w", "n"));
}

BOOST_AUTO_TEST_CASE(small_words_in_flight_are_bounded) {
  opts.memory_bytes_max = 8u << 20;
  handle_open("ask");
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  std::map<std::string, int> answers;
  for (int n = 0; n < 100'000; ++n) {
    engine->as_engine().end_attempt_async(tokens[0], outcome::success(),
                                          [&](result<void> r) { ++answers[told(r)]; });
  }
  BOOST_TEST(answers["overloaded"] > 50'000);
  engine->run_until_idle();
  BOOST_TEST(answers["overloaded"] + answers[""] == 100'000);
}

BOOST_AUTO_TEST_CASE(payloads_that_are_no_json_and_references_to_them) {
  handle("use", [](const action_context& c) { return outcome::success(std::string(c.input)); });
  open();
  const std::vector<std::string> payloads{
      "",     "no json", std::string("a\0b\xff\xfe", 5), "{\"a\":1", R"({"by":"x"})", "[]",
      "null", "\"s\""};
  for (std::size_t n = 0; n < payloads.size(); ++n) {
    const auto id = "w" + std::to_string(n);
    submit(workflow_builder("test")
               .id(id)
               .action("a", "wait_signal", R"({"name":"go"})")
               .action("b", "use", R"({"v":"${actions.a.result}","w":"${actions.a.result.by}"})"));
    engine->run_until_idle();
    must(engine->signal(id, "go", payloads[n], "k"));
    must(engine->signal(id, "go", payloads[n], "k"));
    engine->advance(hours(1));
    const auto b = action(id, "b");
    BOOST_TEST_MESSAGE(n << ": " << to_string(b.status) << " "
                         << (b.last_error ? b.last_error->error_class + ": " + b.last_error->message
                                          : b.result.value_or("-")));
    BOOST_TEST((action(id).result == payloads[n]));
    (void)must(engine->history(id));
    (void)must(engine->explain(id));
  }
}

BOOST_AUTO_TEST_CASE(signals_and_words_to_who_is_at_rest_paused_or_draining) {
  handle_open("ask");
  handle_ok("ok");
  open();
  const auto spec = [](const std::string& id) {
    return workflow_builder("test")
        .id(id)
        .action("a", "ask")
        .action("s", "wait_signal", R"({"name":"go"})")
        .action("c", "ok")
        .after("a")
        .action("d", "ok")
        .after("s");
  };
  for (const char* id : {"rest", "paused", "drain"}) submit(spec(id));
  engine->run_until_idle();
  auto rest = opts;
  rest.takes_up = [](std::string_view id) { return id != "rest"; };
  must(engine->reopen(rest));
  must(engine->end_attempt(tokens[0], outcome::success()));
  must(engine->signal("rest", "go"));
  engine->advance(hours(1));
  BOOST_TEST(action("rest").status == action_status::completed);
  BOOST_TEST(action("rest", "c").status == action_status::validated);
  BOOST_TEST(action("rest", "d").status == action_status::validated);
  auto paused = opts;
  paused.paused = true;
  must(engine->reopen(paused));
  must(engine->end_attempt(tokens[1], outcome::success()));
  must(engine->signal("paused", "go"));
  engine->advance(hours(1));
  BOOST_TEST(action("paused", "c").status == action_status::validated);
  engine->start();
  engine->advance(seconds(1));
  BOOST_TEST(status("paused") == workflow_status::completed);
  BOOST_TEST(status("rest") == workflow_status::completed);
  must(engine->drain());
  must(engine->end_attempt(tokens[2], outcome::success()));
  must(engine->signal("drain", "go"));
  engine->advance(hours(1));
  BOOST_TEST(action("drain", "c").status == action_status::validated);
  must(engine->reopen(opts));
  engine->advance(seconds(1));
  BOOST_TEST(status("drain") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(thousands_expire_at_once_and_the_clock_steps) {
  action_options how;
  how.heartbeat = seconds(100);
  how.retry = retry_policy{};
  handle_open("ask", how);
  open();
  const int n = 20'000;
  for (int i = 0; i < n; ++i) submit(one("w" + std::to_string(i), "ask"));
  engine->run_until_idle();
  BOOST_TEST(tokens.size() == static_cast<std::size_t>(n));
  engine->step_wall_clock(-hours(1));
  engine->advance(seconds(200));
  BOOST_TEST(must(engine->heartbeat(tokens[0])).has_value());
  engine->step_wall_clock(hours(1) - seconds(150));
  engine->advance(seconds(49));
  BOOST_TEST(action("w1").waiting == waiting_for::outside);
  engine->advance(seconds(200));
  BOOST_TEST(action("w1").attempts >= 2U);
  std::size_t left = 0;
  for (int i = 0; i < n; i += 100) left += action("w" + std::to_string(i)).attempts == 1 ? 1 : 0;
  BOOST_TEST(left <= 1U);
}

BOOST_AUTO_TEST_CASE(a_thousand_signals_are_taken_in_their_order) {
  open();
  workflow_builder b("test");
  b.id("w");
  for (int n = 0; n < 1'000; ++n) {
    b.action("k" + std::to_string(n), "wait_signal", R"({"name":"go"})");
  }
  submit(b);
  for (int n = 0; n < 1'000; ++n) {
    must(engine->signal("w", "go", std::to_string(n)));
    if (n % 100 == 0) must(engine->crash_and_reopen());
  }
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(told(engine->signal("w", "go")) == "wrong_state");
}

BOOST_AUTO_TEST_CASE(a_restart_between_every_two_steps) {
  action_options once;
  once.delivery = delivery::at_most_once;
  once.heartbeat = hours(1);
  handle_open("once", once);
  handle_open("ask");
  handle_ok("ok");
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "once")
             .action("b", "ask")
             .action("s", "wait_signal", R"({"name":"go"})")
             .action("t", "wait_signal", R"({"name":"go"})")
             .after("a")
             .action("z", "ok")
             .after("t"));
  const auto again = [&] { must(engine->crash_and_reopen()); };
  again();
  engine->run_until_idle();
  again();
  BOOST_TEST_REQUIRE(tokens.size() == 2U);
  const bool a_first = tokens[0].starts_with("w~0");
  const auto of_a = tokens[a_first ? 0 : 1];
  const auto of_b = tokens[a_first ? 1 : 0];
  must(engine->signal("w", "go", "1", "k1"));
  again();
  must(engine->signal("w", "go", "1", "k1"));
  must(engine->signal("w", "go", "2", "k2"));
  again();
  must(engine->heartbeat(of_a));
  again();
  must(engine->end_attempt(of_a, outcome::failure("x", "y")));
  again();
  must(engine->end_attempt(of_a, outcome::failure("x", "y")));
  engine->advance(seconds(5));
  again();
  BOOST_TEST_REQUIRE(tokens.size() == 3U);
  must(engine->end_attempt(tokens[2], outcome::success("3")));
  again();
  must(engine->end_attempt(tokens[2], outcome::success("3")));
  engine->run_until_idle();
  again();
  BOOST_TEST(action("w", "t").result.value_or("") == "2");
  BOOST_TEST(action("w", "s").result.value_or("") == "1");
  must(engine->end_attempt(of_b, outcome::success()));
  again();
  engine->run_until_idle();
  again();
  BOOST_TEST(status("w") == workflow_status::completed);
  must(engine->end_attempt(of_b, outcome::success()));
  BOOST_TEST(must(engine->verify()).findings_total == 0U);
}

BOOST_AUTO_TEST_CASE(a_failed_workflow_with_open_attempts_at_most_once_goes_on) {
  action_options once;
  once.delivery = delivery::at_most_once;
  handle_open("once", once);
  handle_open("ask");
  handle("bad", [&](const action_context& c) {
    return c.attempt < 2 ? outcome::fatal("x", "y") : outcome::success();
  });
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "once")
             .action("b", "ask")
             .action("s", "wait_signal", R"({"name":"go"})")
             .action("c", "bad")
             .delayed(seconds(1)));
  engine->advance(seconds(2));
  BOOST_TEST(status("w") == workflow_status::failed);
  must(engine->retry("w"));
  must(engine->crash_and_reopen());
  engine->advance(seconds(2));
  BOOST_TEST(action("w").waiting == waiting_for::decision);
  BOOST_TEST(action("w", "b").waiting == waiting_for::outside);
  BOOST_TEST(action("w", "s").waiting == waiting_for::outside);
  for (int n = 0; n < 2; ++n) {
    BOOST_TEST(told(engine->end_attempt(tokens[0], outcome::success())) == "lease_lost");
    BOOST_TEST(told(engine->end_attempt(tokens[1], outcome::success())) == "lease_lost");
  }
  BOOST_TEST(events("w", "late_result").size() == 2U);
  must(engine->resolve("w", "a", {resolution::kind::complete, "1"}));
  must(engine->end_attempt(tokens.back(), outcome::success()));
  must(engine->signal("w", "go"));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
  (void)must(engine->explain("w"));
}

BOOST_AUTO_TEST_CASE(what_ends_a_wait_for_a_signal_is_explained_as_it_comes) {
  action_options how;
  how.start_to_close = seconds(10);
  handle(
      "late", [](const action_context&) { return outcome::until_signal("go", hours(1)); }, how);
  handle(
      "soon", [](const action_context&) { return outcome::until_signal("go", seconds(5)); }, how);
  open();
  submit(one("late", "late"));
  submit(one("soon", "soon"));
  engine->run_until_idle();
  const auto holds = [](const std::vector<std::string_view>& kinds, std::string_view kind) {
    return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  };
  const auto late = must(engine->explain("late"));
  const auto soon = must(engine->explain("soon"));
  BOOST_TEST_MESSAGE(late.headline);
  BOOST_TEST_MESSAGE(late.forecast.front().text);
  engine->advance(seconds(10));
  BOOST_TEST(events("late", "attempt_timed_out").size() == 1U);
  BOOST_TEST(holds(late.forecast.front().events, "attempt_timed_out"));
  BOOST_TEST(!holds(late.forecast.front().events, "attempt_failed"));
  BOOST_TEST(events("soon", "attempt_failed").size() == 1U);
  BOOST_TEST(holds(soon.forecast.front().events, "attempt_failed"));
  BOOST_TEST(!holds(soon.forecast.front().events, "attempt_timed_out"));
}

BOOST_AUTO_TEST_CASE(an_open_attempt_whose_history_is_full_says_so) {
  opts.limits.history_events_max = 20;
  action_options how;
  how.heartbeat = seconds(10);
  handle_open("ask", how);
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  for (int n = 0; n < 300 && status("w") == workflow_status::in_progress; ++n) {
    must(engine->heartbeat(tokens[0]));
    engine->advance(seconds(1));
  }
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(must(engine->summary("w")).reason ==
             "the history has reached history_events_max (20 events)");
  BOOST_TEST(must(engine->summary("w")).events == 21U);
}

BOOST_AUTO_TEST_SUITE_END()
