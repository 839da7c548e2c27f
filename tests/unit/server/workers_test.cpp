// Workers that ask over the API.
#include <thread>

#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

namespace {

struct worker_api : fixture {
  worker_api() { opts.handlers.others_for_workers(); }

  static json wants(const std::string& type, std::uint64_t wait_ms = 10'000) {
    return {{"worker", "w1"}, {"types", json::array({type})}, {"wait_ms", wait_ms}};
  }
  json poll(const json& what) { return must(post("/v1/workers/poll", what.dump()))["tasks"]; }
  json end(const json& task) {
    const json word{{"token", task["token"]}, {"outcome", "complete"}, {"result", 7}};
    return must(post("/v1/attempts/end", word.dump()));
  }
  /// A poll that waits, on a connection of its own.
  client waiting(const json& what) {
    if (!front) start();
    const auto before = polls_of(what["types"][0]);
    auto c = connect();
    c.request("POST", "/v1/workers/poll", "", what.dump());
    BOOST_REQUIRE(eventually([&] { return polls_of(what["types"][0]) > before; }));
    return c;
  }
  std::uint64_t polls_of(const std::string& type) {
    for (const auto& q : engine->worker_stats()) {
      if (q.type == type) return q.polls_waiting;
    }
    return 0;
  }
  json worker(const std::string& name) {
    const auto all = must(get("/v1/workers"));
    for (const auto& w : all["workers"]) {
      if (w["worker"] == name) return w;
    }
    return nullptr;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(api_workers, worker_api)

BOOST_AUTO_TEST_CASE(a_task_is_polled_heard_of_and_ended) {
  submit("w", "render", R"({"frame":12345678901234567})");
  auto what = wants("render");
  what["lease_ms"] = 60'000;
  const auto tasks = poll(what);
  BOOST_TEST_REQUIRE(tasks.size() == 1U);
  const auto& t = tasks[0];
  BOOST_TEST(t["workflow_id"] == "w");
  BOOST_TEST(t["action"] == "a");
  BOOST_TEST(t["type"] == "render");
  BOOST_TEST(t["attempt"] == 1);
  BOOST_TEST(t["idempotency_key"] == "w/a");
  BOOST_TEST(t["input"]["frame"] == 12345678901234567);
  BOOST_TEST(worker("w1")["running"] == 1);
  must(post("/v1/attempts/heartbeat", json{{"token", t["token"]}, {"progress", "half"}}.dump()));
  end(t);
  BOOST_TEST(status_at_end("w") == "completed");
  BOOST_TEST(worker("w1")["running"] == 0);
  BOOST_TEST(worker("w1")["given"] == 1);
}

BOOST_AUTO_TEST_CASE(a_poll_that_waits_is_answered_when_there_is_a_task) {
  auto c = waiting(wants("render", 60'000));
  BOOST_TEST(worker("w1")["polls_waiting"] == 1);
  submit("w", "render");
  const auto tasks = must(c.read())["tasks"];
  BOOST_TEST_REQUIRE(tasks.size() == 1U);
  end(tasks[0]);
  BOOST_TEST(poll(wants("render", 20)).empty());
}

BOOST_AUTO_TEST_CASE(the_same_poll_id_again_gives_the_same_tasks) {
  submit("w", "render");
  auto what = wants("render");
  what["poll_id"] = "p-1";
  const auto first = poll(what);
  BOOST_TEST_REQUIRE(first.size() == 1U);
  BOOST_TEST(poll(what) == first);
  what["wait_ms"] = 0;
  what["poll_id"] = "p-2";
  BOOST_TEST(poll(what).empty());
  what["worker"] = "w2";
  what["poll_id"] = "p-1";
  BOOST_TEST(poll(what).empty());
  end(first[0]);
}

BOOST_AUTO_TEST_CASE(who_asks_again_under_a_poll_id_waits_in_place_of_who_asked_before) {
  auto what = wants("render", 60'000);
  what["poll_id"] = "p-1";
  auto first = waiting(what);
  auto second = connect();
  second.request("POST", "/v1/workers/poll", "", what.dump());
  BOOST_TEST(must(first.read())["tasks"].empty());
  submit("w", "render");
  BOOST_TEST(must(second.read())["tasks"].size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_takes_no_task_with_it) {
  { auto c = waiting(wants("render", 60'000)); }
  BOOST_REQUIRE(eventually([&] { return polls_of("render") == 0; }));
  submit("w", "render");
  const auto tasks = poll(wants("render"));
  BOOST_TEST_REQUIRE(tasks.size() == 1U);
  BOOST_TEST(tasks[0]["attempt"] == 1);
  BOOST_TEST(tasks[0]["deferrals"] == 0);
}

BOOST_AUTO_TEST_CASE(what_is_ready_and_who_asks_is_shown) {
  submit("w", "render");
  BOOST_REQUIRE(eventually([&] { return must(get("/v1/queues"))["queues"].size() == 1U; }));
  auto queues = must(get("/v1/queues"))["queues"];
  BOOST_TEST(queues[0]["type"] == "render");
  BOOST_TEST(queues[0]["asked_at"].is_null());
  BOOST_REQUIRE(
      eventually([&] { return must(get("/v1/queues"))["queues"][0]["workflows_in_row"] == 1; }));
  queues = must(get("/v1/queues"))["queues"];
  BOOST_TEST(queues[0]["oldest_ready_at"] == workflow("w", "?summary")["workflow"]["submitted_at"]);
  BOOST_TEST(queues[0]["given_per_s"].is_null());  // nobody has looked for ten seconds
  poll(wants("render"));
  queues = must(get("/v1/queues"))["queues"];
  BOOST_TEST(queues[0]["delivered"] == 1);
  BOOST_TEST(queues[0]["oldest_ready_at"].is_null());
  BOOST_TEST(queues[0]["to_start"]["counts"].size() == time_histogram::classes);
  BOOST_TEST(queues[0]["asked_at"].is_string());
  const auto metrics = get("/metrics").body;
  BOOST_TEST(metrics.find("tenax_worker_tasks_total{type=\"render\"} 1\n") != std::string::npos);
  BOOST_TEST(metrics.find("tenax_worker_polls_waiting{type=\"render\"} 0\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(rates_are_of_what_has_come_since_somebody_looked) {
  using std::chrono::seconds;
  api::rates r;
  const auto begun = api::rates::clock::now();
  const auto at = [&](int s, std::uint64_t n) { return r.look("a", n, begun + seconds(s)); };
  BOOST_TEST(!at(0, 100));
  BOOST_TEST(!at(9, 200));
  BOOST_TEST(at(10, 200).value() == 10.0);
  BOOST_TEST(at(50, 600).value() == 10.0);
  BOOST_TEST(at(65, 600).value() == 400.0 / 56);  // of 9 s on: what is older is forgotten
  BOOST_TEST(!r.look("b", 7, begun + seconds(65)));
  BOOST_TEST(!at(1'000, 900));  // nobody has looked for long
  BOOST_TEST(at(1'020, 1'000).value() == 5.0);
}

BOOST_AUTO_TEST_CASE(a_poll_that_waits_is_answered_when_the_server_drains) {
  auto c = waiting(wants("render", 60'000));
  front->drain();
  BOOST_TEST(must(c.read())["tasks"].empty());
  refused(post("/v1/workers/poll", wants("render").dump()), 503, "closing");
}

BOOST_AUTO_TEST_CASE(polls_that_are_none_are_refused) {
  const std::vector<json> wrong{
      json::object(),
      {{"worker", "w"}},
      {{"types", json::array({"a"})}},
      {{"worker", "w"}, {"types", json::array()}},
      {{"worker", "w"}, {"types", "a"}},
      {{"worker", "w"}, {"types", json::array({1})}},
      {{"worker", "w"}, {"types", json::array({"noop"})}},
      {{"worker", "w"}, {"types", json::array({"a"})}, {"max", 0}},
      {{"worker", "w"}, {"types", json::array({"a"})}, {"max", 1'001}},
      {{"worker", "w"}, {"types", json::array({"a"})}, {"wait_ms", 60'001}},
      {{"worker", "w"}, {"types", json::array({"a"})}, {"lease_ms", 0}},
      {{"worker", "w"}, {"types", json::array({"a"})}, {"poll_id", ""}},
      {{"worker", "w"}, {"types", json::array({"a"})}, {"more", 1}},
      {{"worker", std::string(129, 'w')}, {"types", json::array({"a"})}},
      {{"worker", "w"}, {"types", json::array({std::string(129, 'a')})}},
      {{"worker", "w"}, {"types", json(std::vector<std::string>(101, "a"))}}};
  for (const auto& what : wrong) {
    refused(post("/v1/workers/poll", what.dump()), 400, "invalid_argument");
  }
}

BOOST_AUTO_TEST_SUITE_END()
