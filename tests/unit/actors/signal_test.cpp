// Signals: engine::signal, outcome::until_signal, the built-in wait_signal.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct signal_fixture : engine_fixture {
  static workflow_spec waiting(const std::string& id,
                               const std::string& input = R"({"name":"approved"})") {
    return one(id, "wait_signal", input);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(signals, signal_fixture)

BOOST_AUTO_TEST_CASE(a_signal_completes_the_action_that_waits_for_it) {
  handle("ship", [](const action_context& c) { return outcome::success(std::string(c.input)); });
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "wait_signal", R"({"name":"approved"})")
             .action("b", "ship", R"({"by":"${actions.a.result.by}"})"));
  engine->advance(hours(24 * 365));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  BOOST_TEST(action("w").signal == "approved");
  BOOST_TEST(engine->stats().active == 0U);
  must(engine->signal("w", "rejected"));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  must(engine->signal("w", "approved", R"({"by":"ann","n":9007199254740993})", "mail-17"));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(action("w").result.value_or("") == R"({"by":"ann","n":9007199254740993})");
  BOOST_TEST(action("w", "b").result.value_or("") == R"({"by":"ann"})");
  const auto received = events("w", "signal_received");
  BOOST_TEST_REQUIRE(received.size() == 2U);
  BOOST_TEST(received[0].data == R"({"name":"rejected","payload":null})");
  BOOST_TEST(received[1].data == R"({"name":"approved","key":"mail-17","payload":)"
                                 R"({"by":"ann","n":9007199254740993}})");
  BOOST_TEST(received[1].actor == "user");
  BOOST_TEST(events("w", "action_completed")[0].data ==
             R"({"attempt":1,"signal_seq":)" + std::to_string(received[1].seq) + "}");
  must(engine->crash_and_reopen());
  BOOST_TEST(action("w").result.value_or("") == R"({"by":"ann","n":9007199254740993})");
}

BOOST_AUTO_TEST_CASE(a_signal_that_comes_early_waits_for_its_action) {
  handle_ok("slow");
  engine_fixture::opts.handlers.add("held",
                                    [](const action_context&) { return outcome::success(); });
  open();
  engine->hold_handlers("held");
  submit(workflow_builder("test")
             .id("w")
             .action("first", "held")
             .action("a", "wait_signal", R"({"name":"go"})")
             .after("first"));
  engine->run_until_idle();
  must(engine->signal("w", "go", "1"));
  must(engine->signal("w", "go", "2"));
  must(engine->crash_and_reopen());
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(action("w").result.value_or("") == "1");  // the first that came
}

BOOST_AUTO_TEST_CASE(each_signal_is_taken_once_by_who_waits_longest) {
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "wait_signal", R"({"name":"go"})")
             .delayed(seconds(5))
             .action("b", "wait_signal", R"({"name":"go"})"));
  engine->advance(seconds(10));
  must(engine->signal("w", "go", "1"));
  BOOST_TEST(action("w", "b").result.value_or("") == "1");
  BOOST_TEST(action("w", "a").waiting == waiting_for::outside);
  must(engine->signal("w", "go", "2"));
  engine->run_until_idle();
  BOOST_TEST(action("w", "a").result.value_or("") == "2");
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(a_signal_with_a_key_is_had_once_however_often_it_is_sent) {
  open();
  submit(workflow_builder("test")
             .id("w")
             .action("a", "wait_signal", R"({"name":"go"})")
             .action("b", "wait_signal", R"({"name":"go"})"));
  engine->run_until_idle();
  for (int n = 0; n < 3; ++n) must(engine->signal("w", "go", "1", "k"));
  must(engine->crash_and_reopen());
  must(engine->signal("w", "go", "1", "k"));
  BOOST_TEST(events("w", "signal_received").size() == 1U);
  BOOST_TEST(told(engine->signal("w", "go", "2", "k")) == "conflict");
  BOOST_TEST(told(engine->signal("w", "other", "2", "k")) == "");  // another signal
  must(engine->signal("w", "go", "2", "l"));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
  must(engine->signal("w", "go", "2", "l"));  // its answer may have been lost
  BOOST_TEST(told(engine->signal("w", "go", "3", "m")) == "wrong_state");
}

BOOST_AUTO_TEST_CASE(a_wait_for_a_signal_ends_at_its_timeout) {
  open();
  submit(waiting("w", R"({"name":"go","timeout_seconds":2.5})"));
  submit(waiting("at-once", R"({"name":"go","timeout_seconds":0})"));
  engine->run_until_idle();
  BOOST_TEST((action("w").next_at == engine->now() + milliseconds(2'500)));
  BOOST_TEST(status("at-once") == workflow_status::failed);
  engine->advance(milliseconds(2'499));
  BOOST_TEST(action("w").waiting == waiting_for::outside);
  must(engine->crash_and_reopen());
  engine->advance(milliseconds(1));
  BOOST_TEST(status("w") == workflow_status::failed);
  BOOST_TEST(action("w").last_error.value().error_class == "signal_timeout");
  BOOST_TEST(told(engine->signal("w", "go")) == "wrong_state");
  // A failed workflow that goes on waits anew.
  must(engine->retry("w"));
  must(engine->signal("w", "go"));
  engine->run_until_idle();
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(a_handler_of_the_program_waits_for_a_signal_too) {
  handle("ask", [](const action_context&) { return outcome::until_signal("answer", hours(1)); });
  handle("bad", [](const action_context&) { return outcome::until_signal("no such name"); });
  open();
  submit(workflow_builder("test").id("w").action("a", "ask"));
  submit(one("bad", "bad"));
  engine->run_until_idle();
  must(engine->signal("w", "answer", "42"));
  BOOST_TEST(action("w").result.value_or("") == "42");
  BOOST_TEST(status("bad") == workflow_status::failed);
}

BOOST_AUTO_TEST_CASE(signals_are_bounded_and_checked) {
  opts.limits.signals_max = 3;
  opts.limits.payload_bytes_max = 100;
  open();
  submit(waiting("w"));
  engine->run_until_idle();
  BOOST_TEST(told(engine->signal("nobody", "go")) == "not_found");
  for (const char* name : {"", "a b", "a/b"}) {
    BOOST_TEST(told(engine->signal("w", name)) == "invalid_argument");
  }
  BOOST_TEST(told(engine->signal("w", std::string(129, 'n'))) == "invalid_argument");
  BOOST_TEST(told(engine->signal("w", "n", std::string(101, '1'))) == "invalid_argument");
  BOOST_TEST(told(engine->signal("w", "n", "1", std::string(129, 'k'))) == "invalid_argument");
  for (int n = 0; n < 3; ++n) must(engine->signal("w", "n", "1", std::to_string(n)));
  BOOST_TEST(told(engine->signal("w", "approved")) == "overloaded");
  must(engine->signal("w", "n", "1", "2"));  // it is there
  for (const char* input :
       {"{}", R"({"name":7})", R"({"name":"a b"})", R"({"name":"n","timeout_seconds":-1})",
        R"({"name":"n","timeout_seconds":"1"})", R"({"name":"n","timeout_seconds":1e300})"}) {
    BOOST_TEST(told(engine->submit(waiting("x", input))) == "invalid_spec", input);
  }
}

BOOST_AUTO_TEST_CASE(results_of_many_signals_are_shown) {
  open();
  workflow_builder many("test");
  many.id("w");
  for (int n = 0; n < 40; ++n) {
    many.action("k" + std::to_string(n), "wait_signal",
                R"({"name":"s)" + std::to_string(n) + R"("})");
  }
  submit(many);
  engine->run_until_idle();
  for (int n = 0; n < 30; ++n)
    must(engine->signal("w", "s" + std::to_string(n), std::to_string(n)));
  for (int n = 0; n < 40; ++n) {
    const auto a = action("w", "k" + std::to_string(n));
    BOOST_TEST(a.result.value_or("none") == (n < 30 ? std::to_string(n) : "none"));
  }
}

BOOST_AUTO_TEST_SUITE_END()
