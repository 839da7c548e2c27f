// POST /v1/workflows: one document, and one a line.
#include <algorithm>

#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

BOOST_FIXTURE_TEST_SUITE(api_submit, fixture)

BOOST_AUTO_TEST_CASE(a_workflow_is_created_once_and_found_again) {
  const auto first = post("/v1/workflows", spec("w1", "noop"));
  BOOST_TEST((must(first, 201) == json{{"id", "w1"}, {"existed", false}}));
  BOOST_TEST(first.headers.at("location") == "/v1/workflows/w1");
  BOOST_TEST(
      (must(post("/v1/workflows", spec("w1", "noop"))) == json{{"id", "w1"}, {"existed", true}}));
  refused(post("/v1/workflows", spec("w1", "wait", R"({"seconds":1})")), 409, "conflict");
  BOOST_TEST(must(get("/v1/workflows:count"))["count"] == 1);
}

BOOST_AUTO_TEST_CASE(every_fault_of_a_spec_comes_with_its_pointer) {
  const auto p = refused(post("/v1/workflows", R"({"id":"w","name":"n","actions":[
      {"key":"a","type":"nothing"},{"key":"b","type":"wait","input":{"seconds":-1}}]})"),
                         422, "invalid_spec");
  BOOST_TEST(p["class"] == "rejected");
  BOOST_TEST_REQUIRE(p["faults"].size() == 2U);
  BOOST_TEST(p["faults"][0]["path"] == "/actions/0/type");
  BOOST_TEST(p["faults"][1]["path"] == "/actions/1/input/seconds");
  refused(post("/v1/workflows", "{"), 422, "invalid_spec");
  refused(post("/v1/workflows", ""), 422, "invalid_spec");
}

BOOST_AUTO_TEST_CASE(an_idempotency_key_becomes_the_id_where_there_is_none) {
  const std::string_view without = R"({"name":"n","actions":[{"key":"a","type":"noop"}]})";
  BOOST_TEST(must(post("/v1/workflows", without, "Idempotency-Key: k-1\r\n"), 201)["id"] == "k-1");
  const auto again = must(post("/v1/workflows", without, "Idempotency-Key: \"k-1\"\r\n"));
  BOOST_TEST(again["existed"] == true);
  BOOST_TEST(must(post("/v1/workflows", spec("own", "noop"), "Idempotency-Key: k-2\r\n"),
                  201)["id"] == "own");
  refused(post("/v1/workflows", without, "Idempotency-Key: no id\r\n"), 422, "invalid_spec");
  BOOST_TEST(must(post("/v1/workflows", without), 201)["id"] != "k-1");
}

BOOST_AUTO_TEST_CASE(large_documents_and_traces_are_specs_too) {
  const auto large = "\"" + std::string(100'000, 'x') + "\"";
  submit("large", "noop", large);
  BOOST_TEST(status_at_end("large") == "completed");
  BOOST_TEST(workflow("large")["actions"][0]["result"].dump() == large);
  const auto trace = R"({"name":"t","schemaVersion":"1.5","workflow":{"specification":{"tasks":[
    {"name":"a","id":"a","parents":[],"children":[]}]},
    "execution":{"tasks":[{"id":"a","runtimeInSeconds":1}]}}})";
  const auto made = must(post("/v1/workflows", trace), 201);
  BOOST_TEST(status_at_end(made["id"]) == "completed");
}

BOOST_AUTO_TEST_CASE(a_body_beyond_the_limit_is_not_read) {
  start();
  auto c = connect();
  c.send("POST /v1/workflows HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n");
  refused(c.read(), 413, "content_too_large");
}

BOOST_AUTO_TEST_CASE(what_the_engine_has_no_room_for_is_429) {
  opts.open_workflows_max = 1;
  submit("w1", "wait", R"({"seconds":60})");
  const auto full = post("/v1/workflows", spec("w2", "noop"));
  const auto p = refused(full, 429, "overloaded");
  BOOST_TEST(p["detail"].get<std::string>().find("open_workflows_max") != std::string::npos);
  BOOST_TEST(full.headers.at("retry-after") == "1");
  must(post("/v1/workflows", spec("w1", "wait", R"({"seconds":60})")));
}

BOOST_AUTO_TEST_CASE(each_line_is_answered_in_its_order) {
  std::string lines;
  constexpr int n = 3'000;
  for (int i = 0; i < n; ++i) {
    if (i % 100 == 7) {
      lines += "{not json\r\n\n";
    } else if (i % 100 == 8 && i > 100) {
      lines += spec("w" + std::to_string(i - 100), "noop") + "\n";
    } else {
      lines += spec("w" + std::to_string(i), "noop") + "\n";
    }
  }
  lines += spec("last", "noop");
  const auto a = post("/v1/workflows", lines, "Content-Type: application/x-ndjson\r\n");
  BOOST_REQUIRE_EQUAL(a.status, 200);
  BOOST_TEST(a.headers.at("content-type") == "application/x-ndjson");
  std::vector<json> answers;
  for (std::string_view rest = a.body; !rest.empty();) {
    const auto end = rest.find('\n');
    answers.push_back(json::parse(rest.substr(0, end)));
    rest.remove_prefix(end + 1);
  }
  BOOST_TEST_REQUIRE(answers.size() == std::size_t{n + 1});
  for (int i = 0; i < n; ++i) {
    const auto& one = answers[static_cast<std::size_t>(i)];
    if (i % 100 == 7) {
      BOOST_TEST(one["code"] == "invalid_spec");
      BOOST_TEST(one["status"] == 422);
    } else if (i % 100 == 8 && i > 100) {
      BOOST_TEST(one["id"] == "w" + std::to_string(i - 100));
      BOOST_TEST(one["status"] == (i < 200 ? 200 : one["status"].get<int>()));
    } else {
      BOOST_TEST(one["id"] == "w" + std::to_string(i));
      BOOST_TEST(one["status"] == 201);
    }
  }
  BOOST_TEST(answers.back()["id"] == "last");
  BOOST_TEST(must(post("/v1/workflows", spec("w1", "noop")))["existed"] == true);
  const auto none = post("/v1/workflows", "\n", "Content-Type: application/x-ndjson\r\n");
  BOOST_TEST(none.status == 200);
  BOOST_TEST(none.body == "");
}

BOOST_AUTO_TEST_CASE(a_batch_of_more_lines_than_are_answered_is_refused_whole) {
  std::string lines;
  for (int i = 0; i <= 10'000; ++i) lines += "1\n";
  const auto a = post("/v1/workflows", lines, "Content-Type: application/x-ndjson\r\n");
  refused(a, 400, "invalid_argument");
  const auto most =
      post("/v1/workflows", lines.substr(2), "Content-Type: application/x-ndjson\r\n");
  BOOST_TEST(most.status == 200);
  BOOST_TEST(std::count(most.body.begin(), most.body.end(), '\n') == 10'000);
}

BOOST_AUTO_TEST_SUITE_END()
