// Words about open attempts.
#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

namespace {
json ending(const std::string& token, const std::string& outcome) {
  return {{"token", token}, {"outcome", outcome}};
}
}  // namespace

BOOST_FIXTURE_TEST_SUITE(api_attempts, fixture)

BOOST_AUTO_TEST_CASE(an_open_attempt_is_ended_over_the_api_once) {
  submit("w", "ask");
  auto word = ending(given.of("w"), "complete");
  word["result"] = json::parse(R"({"receipt":12345678901234567})");
  BOOST_TEST(must(post("/v1/attempts/end", word.dump()))["ended"] == true);
  must(post("/v1/attempts/end", word.dump()));  // the answer may have been lost
  BOOST_TEST(status_at_end("w") == "completed");
  BOOST_TEST(workflow("w")["actions"][0]["result"]["receipt"] == 12345678901234567);
  word["result"] = 2;
  const auto late = post("/v1/attempts/end", word.dump());
  refused(late, 409, "lease_lost");
  BOOST_TEST(late.body.find(word["token"].get<std::string>()) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_outcome_means_what_a_handlers_does) {
  opts.retry = retry_policy::fixed(milliseconds(1), 2);
  start();
  const auto end = [&](const std::string& id, json more) {
    submit(id, "ask");
    more["token"] = given.of(id);
    must(post("/v1/attempts/end", more.dump()));
  };
  end("final", {{"outcome", "fail"}, {"error_class", "c"}, {"message", "m"}, {"final", true}});
  BOOST_TEST(status_at_end("final") == "failed");
  BOOST_TEST(workflow("final")["actions"][0]["last_error"]["class"] == "c");
  end("again", {{"outcome", "fail"}, {"error_class", "c"}, {"retry_after_ms", 1}});
  must(post("/v1/attempts/end", ending(given.of("again"), "complete").dump()));
  BOOST_TEST(status_at_end("again") == "completed");
  BOOST_TEST(workflow("again")["actions"][0]["attempts"] == 2);
  end("later", {{"outcome", "defer"}, {"until", "2001-01-01T00:00:00Z"}});
  must(post("/v1/attempts/end", ending(given.of("later"), "complete").dump()));
  BOOST_TEST(workflow("later", "?wait_ms=10000")["actions"][0]["attempts"] == 1);
  end("slow", {{"outcome", "throttle"}, {"until", "2030-01-01T00:00:00Z"}, {"message", "quota"}});
  BOOST_TEST(workflow("slow")["actions"][0]["last_error"]["message"] == "quota");
  end("doubt", {{"outcome", "unknown"}, {"error_class", "lost"}});
  must(post("/v1/attempts/end", ending(given.of("doubt"), "complete").dump()));
  BOOST_TEST(status_at_end("doubt") == "completed");
}

BOOST_AUTO_TEST_CASE(words_that_are_none_are_refused_without_the_token) {
  submit("w", "ask");
  const auto token = given.of("w");
  const std::vector<json> wrong{
      {{"outcome", "complete"}},
      {{"token", token}},
      {{"token", token}, {"outcome", "perhaps"}},
      {{"token", token}, {"outcome", "fail"}},
      {{"token", token}, {"outcome", "defer"}},
      {{"token", token}, {"outcome", "defer"}, {"until", "soon"}},
      {{"token", token}, {"outcome", "complete"}, {"message", "no field of it"}},
      {{"token", token}, {"outcome", "fail"}, {"error_class", "c"}, {"retry_after_ms", -1}},
      {{"token", token},
       {"outcome", "fail"},
       {"error_class", "c"},
       {"retry_after_ms", 1},
       {"final", true}},
      {{"token", token + "0"}, {"outcome", "complete"}},
      "text"};
  for (const auto& word : wrong) {
    const auto a = post("/v1/attempts/end", word.dump());
    refused(a, 400, "invalid_argument");
    BOOST_TEST(a.body.find(token) == std::string::npos, a.body);
  }
  for (const auto& cut :
       {"{\"token\":\"" + token + "\",\"outcome\":", "{\"x\":" + token + "}", "\"" + token}) {
    const auto a = post("/v1/attempts/end", cut);
    refused(a, 400, "invalid_argument");
    BOOST_TEST(a.body.find(token.substr(0, 12)) == std::string::npos, a.body);
  }
  refused(get("/v1/attempts/end?token=" + token), 405, "method_not_allowed");
  BOOST_TEST(get("/v1/workflows/w").body.find(token.substr(token.size() - 32)) ==
             std::string::npos);
  BOOST_TEST(get("/v1/workflows/w/history").body.find(token.substr(token.size() - 32)) ==
             std::string::npos);
  must(post("/v1/attempts/end", ending(token, "complete").dump()));
}

BOOST_AUTO_TEST_CASE(a_heartbeat_is_seen_and_says_until_when) {
  action_options beats;
  beats.heartbeat = std::chrono::hours(1);
  opts.handlers.add(
      "beat",
      [this](const action_context& c) {
        given.add(c);
        return outcome::pending();
      },
      beats);
  submit("w", "beat");
  submit("free", "ask");
  const auto token = given.of("w");
  const auto of_free = given.of("free");
  const auto a =
      must(post("/v1/attempts/heartbeat", json{{"token", token}, {"progress", "half"}}.dump()));
  BOOST_TEST(a["given_up_at"].is_string());
  BOOST_TEST(workflow("w")["actions"][0]["progress"] == "half");
  BOOST_TEST(must(post("/v1/attempts/heartbeat", json{{"token", of_free}}.dump()))["given_up_at"]
                 .is_null());
  refused(post("/v1/attempts/heartbeat", R"({"token":"x"})"), 400, "invalid_argument");
  refused(post("/v1/attempts/heartbeat", "{}"), 400, "invalid_argument");
  must(post("/v1/attempts/end", ending(token, "complete").dump()));
  refused(post("/v1/attempts/heartbeat", json{{"token", token}}.dump()), 409, "lease_lost");
}

BOOST_AUTO_TEST_CASE(an_array_of_words_is_answered_one_by_one) {
  json words = json::array();
  for (int i = 0; i < 200; ++i) {
    const auto id = "w" + std::to_string(i);
    submit(id, "ask");
    words.push_back(i % 10 == 3 ? json{{"outcome", "complete"}} : ending(given.of(id), "complete"));
  }
  json beats = json::array({{{"token", words[0]["token"]}}, {{"token", "x"}}});
  const auto beaten = must(post("/v1/attempts/heartbeat", beats.dump()));
  BOOST_TEST((beaten[0] == json{{"status", 200}, {"given_up_at", nullptr}}));
  BOOST_TEST(beaten[1]["status"] == 400);
  const auto answers = must(post("/v1/attempts/end", words.dump()));
  BOOST_TEST_REQUIRE(answers.size() == 200U);
  for (std::size_t i = 0; i < 200; ++i) {
    if (i % 10 == 3) {
      BOOST_TEST(answers[i]["status"] == 400);
      BOOST_TEST(answers[i]["faults"][0]["path"] == "/" + std::to_string(i) + "/token");
    } else {
      BOOST_TEST((answers[i] == json{{"status", 200}, {"ended", true}}));
      BOOST_TEST(status_at_end("w" + std::to_string(i)) == "completed");
    }
  }
  BOOST_TEST((must(post("/v1/attempts/end", "[]")) == json::array()));
  json many = json::array();
  for (int i = 0; i < 1'001; ++i) many.push_back(nullptr);
  refused(post("/v1/attempts/end", many.dump()), 400, "invalid_argument");
}

BOOST_AUTO_TEST_SUITE_END()
