// Who asked for a change, and why.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::hours;

namespace {

struct who_fixture : engine_fixture {
  /// Of the last event of the kind.
  std::string last(const std::string& id, const std::string& kind) {
    const auto all = events(id, kind);
    return all.empty() ? "none" : all.back().data;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(who, who_fixture)

BOOST_AUTO_TEST_CASE(who_asked_for_a_change_and_why_is_in_the_history) {
  opts.limits.text_bytes_max = 40;
  std::string token;
  handle("ask", [&](const action_context& c) {
    token = c.token();
    return outcome::pending();
  });
  action_options once;
  once.retry = retry_policy{};
  once.retry->max_attempts = 1;
  handle(
      "fails", [](const action_context&) { return outcome::failure("net", "no"); }, once);
  handle("fails_often", [](const action_context&) { return outcome::failure("net", "no"); });
  open();
  const auto begin = [&](const std::string& id, const std::string& type) {
    submit(one(id, type, R"({"name":"go"})"));
    engine->run_until_idle();
  };

  begin("cancelled", "ask");
  must(engine->cancel("cancelled", "no money", "ann"));
  BOOST_TEST(last("cancelled", "workflow_cancelled") == R"({"who":"ann","reason":"no money"})");

  begin("resolved", "ask");
  resolution skip{resolution::kind::skip};
  skip.reason = "she is ill";
  must(engine->resolve("resolved", "a", skip, "ann"));
  BOOST_TEST(last("resolved", "action_resolved") ==
             R"({"reason":"she is ill","who":"ann","decision":"skip"})");
  BOOST_TEST(last("resolved", "action_skipped") == R"({"who":"ann","reason":"decided"})");

  begin("continued", "fails");
  must(engine->retry("continued", {}, "mended", std::string(60, 'a')));
  BOOST_TEST(last("continued", "workflow_continued") ==
             R"({"who":")" + std::string(40, 'a') + R"(","reason":"mended"})");

  begin("hurried", "fails_often");
  must(engine->retry("hurried", "a", "now", "bob"));
  BOOST_TEST(last("hurried", "retry_requested") == R"({"attempt":1,"who":"bob","reason":"now"})");

  begin("told", "wait_signal");
  must(engine->signal("told", "go", "1", "", "shop"));
  BOOST_TEST(last("told", "signal_received") == R"({"name":"go","who":"shop","payload":1})");

  begin("worked", "ask");
  must(engine->end_attempt(token, outcome::failure("net", "down"), "worker-7"));
  BOOST_TEST(last("worked", "attempt_failed") ==
             R"({"attempt":1,"who":"worker-7","error_class":"net","message":"down"})");
  BOOST_TEST(last("worked", "retry_scheduled").find("who") == std::string::npos);
  engine->advance(hours(1));
  must(engine->end_attempt(token, outcome::success("7"), "worker-8"));
  BOOST_TEST(last("worked", "action_completed") == R"({"attempt":2,"who":"worker-8","result":7})");
  BOOST_TEST(last("worked", "workflow_completed") == "{}");

  begin("changed", "ask");
  must(engine->record_terms("changed", "{}", "ann"));
  BOOST_TEST(last("changed", "terms_recorded") == R"({"who":"ann","terms":{}})");
}

BOOST_AUTO_TEST_CASE(who_does_not_say_who_asks_is_not_shown) {
  handle("ask", [](const action_context&) { return outcome::pending(); });
  open();
  submit(one("w", "ask"));
  engine->run_until_idle();
  must(engine->cancel("w", "no money"));
  BOOST_TEST(last("w", "workflow_cancelled") == R"({"reason":"no money"})");
}

BOOST_AUTO_TEST_SUITE_END()
