// What is asked about workflows, and what is done to them.
#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

BOOST_FIXTURE_TEST_SUITE(api_workflows, fixture)

BOOST_AUTO_TEST_CASE(a_view_has_every_byte_of_the_payloads) {
  const std::string number = "12345678901234567";
  const std::string input =
      R"({"n":)" + number + R"(,"f":0.10000000000000001,"big":18446744073709551615})";
  submit("w", "noop", input);
  BOOST_TEST(status_at_end("w") == "completed");
  const auto a = get("/v1/workflows/w");
  BOOST_TEST(a.body.find(R"("n":)" + number + ",") != std::string::npos);
  BOOST_TEST(a.body.find(R"("big":18446744073709551615)") != std::string::npos);
  submit("raw", "bytes", "\"raw\"");
  submit("text", "bytes");
  BOOST_TEST(status_at_end("raw") == "completed");
  BOOST_TEST(status_at_end("text") == "completed");
  BOOST_TEST(workflow("raw")["actions"][0]["result_base64"] == "//4=");
  BOOST_TEST(workflow("text")["actions"][0]["result_text"] == "no json");
}

BOOST_AUTO_TEST_CASE(an_etag_is_the_last_seq_and_spares_what_is_known) {
  submit("w", "noop");
  BOOST_TEST(status_at_end("w") == "completed");
  for (const auto* query : {"", "?summary"}) {
    const auto first = get(std::string("/v1/workflows/w") + query);
    const auto etag = first.headers.at("etag");
    const auto events = json::parse(first.body)["workflow"]["events"].get<int>();
    BOOST_TEST(etag == "W/\"" + std::to_string(events) + "\"");
    const auto again =
        get(std::string("/v1/workflows/w") + query, "If-None-Match: " + etag + "\r\n");
    BOOST_TEST(again.status == 304);
    BOOST_TEST(again.body == "");
    must(get(std::string("/v1/workflows/w") + query, "If-None-Match: W/\"1\"\r\n"));
  }
  BOOST_TEST(workflow("w", "?summary").size() == 1U);
  refused(get("/v1/workflows/nobody"), 404, "not_found");
  refused(get("/v1/workflows/nobody?summary"), 404, "not_found");
  refused(get("/v1/workflows/no%20id"), 404, "not_found");
  refused(get("/v1/workflows/w?sumary"), 400, "invalid_argument");
  BOOST_TEST(ask("HEAD", "/v1/workflows/w").status == 200);
}

BOOST_AUTO_TEST_CASE(a_wait_ends_with_the_workflow_with_news_or_with_its_time) {
  submit("w", "ask");
  const auto token = given.of("w");
  BOOST_REQUIRE(
      eventually([&] { return workflow("w", "?summary")["workflow"]["actions"]["outside"] == 1; }));
  const auto seq = workflow("w", "?summary")["workflow"]["events"].get<int>();
  // Its time: the state of now.
  const auto late = workflow("w", "?wait_ms=20&until=terminal");
  BOOST_TEST(late["workflow"]["status"] == "in_progress");
  BOOST_TEST(late["actions"][0]["pending_on"] == "a person");
  BOOST_TEST(workflow("w", "?summary&wait_ms=20&after=" +
                               std::to_string(seq))["workflow"]["events"] == seq);
  // News that are there.
  BOOST_TEST(workflow("w", "?summary&wait_ms=60000&after=" +
                               std::to_string(seq - 1))["workflow"]["events"] == seq);
  // What comes.
  auto news = connect(), end = connect();
  news.get("/v1/workflows/w?summary&wait_ms=60000&after=" + std::to_string(seq));
  end.get("/v1/workflows/w?wait_ms=60000");
  BOOST_REQUIRE(eventually(
      [&] { return get("/metrics").body.find("tenax_http_waits 2\n") != std::string::npos; }));
  must(post("/v1/attempts/end",
            json{{"token", token}, {"outcome", "complete"}, {"result", 7}}.dump()));
  BOOST_TEST(must(news.read())["workflow"]["events"].get<int>() > seq);
  BOOST_TEST(must(end.read())["actions"][0]["result"] == 7);

  refused(get("/v1/workflows/nobody?wait_ms=60000"), 404, "not_found");
  for (const auto* wrong : {"wait_ms=60001", "wait_ms=x", "wait_ms=1&until=soon",
                            "wait_ms=1&until=terminal&after=1", "wait_ms=1&wait_ms=1"}) {
    refused(get(std::string("/v1/workflows/w?") + wrong), 400, "invalid_argument");
  }
}

BOOST_AUTO_TEST_CASE(who_leaves_waits_no_more) {
  submit("w", "ask");
  {
    auto c = connect();
    c.get("/v1/workflows/w?wait_ms=60000");
    BOOST_REQUIRE(eventually(
        [&] { return get("/metrics").body.find("tenax_http_waits 1\n") != std::string::npos; }));
  }
  BOOST_TEST(eventually(
      [&] { return get("/metrics").body.find("tenax_http_waits 0\n") != std::string::npos; }));
}

BOOST_AUTO_TEST_CASE(a_listing_has_pages_filters_and_a_count) {
  for (const auto* id : {"a", "b", "c"}) submit(id, "noop");
  submit("f", "fail");
  must(post("/v1/workflows",
            R"({"id":"r","name":"other","reference":"T/1","actions":[{"key":"a","type":"ask"}]})"),
       201);
  for (const auto* id : {"a", "b", "c", "f"}) (void)status_at_end(id);
  std::vector<std::string> ids;
  for (std::string cursor; ids.size() < 10;) {
    const auto page =
        must(get("/v1/workflows?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const auto& w : page["workflows"]) ids.push_back(w["id"]);
    if (page["next_cursor"].is_null()) break;
    cursor = page["next_cursor"];
    BOOST_TEST(cursor.find_first_of("+/") == std::string::npos);
  }
  BOOST_TEST((ids == std::vector<std::string>{"a", "b", "c", "f", "r"}));
  // Whatever is in a cursor, it may stand in a URL as it is.
  for (int i = 0; i < 40; ++i) {
    const auto query =
        "/v1/workflows?limit=1&until=2030-01-01T00:00:" + std::to_string(10 + i) + "Z";
    const std::string cursor = must(get(query))["next_cursor"];
    BOOST_TEST(cursor.find_first_of("+/") == std::string::npos, cursor);
    BOOST_TEST(must(get(query + "&cursor=" + cursor))["workflows"][0]["id"] == "b");
  }
  const auto first = [&](const std::string& query) {
    const auto page = must(get("/v1/workflows?" + query));
    return page["workflows"].empty() ? "" : page["workflows"][0]["id"].get<std::string>();
  };
  BOOST_TEST(first("newest_first") == "r");
  BOOST_TEST(first("status=failed") == "f");
  BOOST_TEST(first("error_class=broken") == "f");
  BOOST_TEST(first("open=true") == "r");
  BOOST_TEST(first("name=other") == "r");
  BOOST_TEST(first("reference=T%2F1") == "r");
  BOOST_TEST(first("until=2001-01-01T00:00:00Z") == "");
  BOOST_TEST(first("from=2001-01-01T00:00:00Z") == "a");
  BOOST_REQUIRE(eventually([&] { return first("waiting=outside") == "r"; }));
  BOOST_TEST((must(get("/v1/workflows:count")) == json{{"count", 5}, {"next_cursor", nullptr}}));
  BOOST_TEST(must(get("/v1/workflows:count?name=n"))["count"] == 4);
  for (const auto* wrong : {"limit=0", "limit=1001", "status=odd", "waiting=odd", "from=yesterday",
                            "cursor=odd", "open=2", "nme=x"}) {
    refused(get(std::string("/v1/workflows?") + wrong), 400, "invalid_argument");
  }
  refused(get("/v1/workflows:count?limit=2"), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(a_history_comes_in_pages_and_ends) {
  std::string spec = R"({"id":"w","name":"n","actions":[)";
  for (int i = 0; i < 80; ++i) {
    spec += (i > 0 ? "," : "") + (R"({"key":"a)" + std::to_string(i) + R"(","type":"noop"})");
  }
  start();
  must(post("/v1/workflows", spec + "]}"), 201);
  BOOST_TEST(status_at_end("w") == "completed");
  const auto all = must(get("/v1/workflows/w/history"));
  BOOST_TEST(all["next_after"].is_null());
  const auto n = all["events"].size();
  BOOST_TEST(n > 150U);
  for (std::size_t i = 0; i < n; ++i) BOOST_TEST(all["events"][i]["seq"] == i + 1);
  BOOST_TEST(all["events"][0]["kind"] == "workflow_created");
  const auto some = must(get("/v1/workflows/w/history?after=10&limit=70"));
  BOOST_TEST(some["events"].size() == 70U);
  BOOST_TEST(some["events"][0]["seq"] == 11);
  BOOST_TEST(some["next_after"] == 80);
  const auto rest = must(get("/v1/workflows/w/history?after=" + std::to_string(n)));
  BOOST_TEST(rest["events"].empty());
  refused(get("/v1/workflows/nobody/history"), 404, "not_found");
  refused(get("/v1/workflows/w/history?limit=0"), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(commands_do_what_they_say_or_say_why_not) {
  submit("w", "wait", R"({"seconds":60})");
  const auto cancelled = must(post("/v1/workflows/w/cancel", R"({"reason":"enough"})"));
  BOOST_TEST(cancelled["workflow"]["status"] == "cancelled");
  BOOST_TEST(cancelled["workflow"]["reason"] == "enough");
  must(post("/v1/workflows/w/cancel"));  // again is no error
  refused(post("/v1/workflows/nobody/cancel"), 404, "not_found");
  refused(post("/v1/workflows/w/cancel?reason=x"), 400, "invalid_argument");
  for (const auto* wrong : {"[]", "{", R"({"reason":1})", R"({"reson":"x"})"}) {
    const auto p = refused(post("/v1/workflows/w/cancel", wrong), 400, "invalid_argument");
    BOOST_TEST(p["faults"].size() == 1U);
  }

  submit("f", "fail");
  BOOST_TEST(status_at_end("f") == "failed");
  refused(post("/v1/workflows/f/cancel"), 409, "wrong_state");
  BOOST_TEST(must(post("/v1/workflows/f/retry", R"({"reason":"mended"})"))["workflow"]["id"] ==
             "f");
  BOOST_TEST(status_at_end("f") == "failed");
  must(post("/v1/workflows/f/retry", R"({"action":"a"})"));
  refused(post("/v1/workflows/f/retry", R"({"action":"b"})"), 404, "not_found");
  refused(post("/v1/workflows/w/retry"), 409, "wrong_state");

  for (const auto* id : {"p1", "p2", "p3"}) {
    submit(id, "pause");
    BOOST_REQUIRE(eventually([&] { return workflow(id)["actions"][0]["waiting"] == "decision"; }));
  }
  const auto resolve = [&](const std::string& id, std::string_view body) {
    return post("/v1/workflows/" + id + "/actions/a/resolve", body);
  };
  for (const auto* wrong :
       {"{}", R"({"decision":"perhaps"})", R"({"decision":"complete"})",
        R"({"decision":"skip","value":1})", R"({"decision":"retry","message":"m"})"}) {
    refused(resolve("p1", wrong), 400, "invalid_argument");
  }
  refused(post("/v1/workflows/p1/actions/b/resolve", R"({"decision":"skip"})"), 404, "not_found");
  must(resolve("p1", R"({"decision":"complete","value":{"n":18446744073709551615}})"));
  must(resolve("p2", R"({"decision":"fail","message":"never"})"));
  must(resolve("p3", R"({"decision":"skip"})"));
  BOOST_TEST(status_at_end("p1") == "completed");
  BOOST_TEST(get("/v1/workflows/p1").body.find("18446744073709551615") != std::string::npos);
  BOOST_TEST(status_at_end("p2") == "failed");
  BOOST_TEST(status_at_end("p3") == "completed");
  refused(resolve("p3", R"({"decision":"skip"})"), 409, "wrong_state");

  submit("open", "ask");
  refused(ask("DELETE", "/v1/workflows/open"), 409, "wrong_state");
  BOOST_TEST(must(ask("DELETE", "/v1/workflows/w"))["removed"] == "w");
  refused(ask("DELETE", "/v1/workflows/w"), 404, "not_found");
  refused(get("/v1/workflows/w"), 404, "not_found");
}

BOOST_AUTO_TEST_CASE(what_waits_is_changed_over_the_api_and_shows_it) {
  submit("w", "wait", R"({"seconds":60})");
  submit("f", "fail", R"({"n":1})");
  BOOST_TEST(status_at_end("f") == "failed");
  const auto change = [&](const std::string& id, std::string_view body) {
    return post("/v1/workflows/" + id + "/actions/a/change", body);
  };
  must(change("f", R"({"input":{"n": 18446744073709551615},"reason":"a typo","who":"ann"})"));
  must(change("f", R"({"policy":{"max_attempts":5,"min_wait_ms":1,"on_exhausted":"pause"}})"));
  BOOST_TEST(get("/v1/workflows/f").body.find("18446744073709551615") != std::string::npos);
  const auto f = workflow("f")["actions"][0];
  BOOST_TEST(f["input_changed"]["who"] == "ann");
  BOOST_TEST(f["input_changed"]["reason"] == "a typo");
  BOOST_TEST(f["policy"] ==
             json::parse(R"({"max_attempts":5,"min_wait_ms":1,"on_exhausted":"pause"})"));
  BOOST_TEST(f.contains("policy_changed"));
  must(change("f", R"({"policy_as_registered":true,"policy":{"max_wait_ms":9}})"));
  BOOST_TEST(workflow("f")["actions"][0]["policy"] == json::parse(R"({"max_wait_ms":9})"));
  must(change("w", R"({"input":{"seconds":61}})"));
  BOOST_TEST(workflow("w")["actions"][0]["input"]["seconds"] == 61);
  must(change("w", R"({"input":{"seconds":61}})"));  // again is no error
  for (const auto* wrong :
       {"{}", "[]", R"({"input":{"seconds":"x"}})", R"({"policy":{"max_attempts":0}})",
        R"({"policy":{"min_wait_ms":9,"max_wait_ms":1}})", R"({"policy":{"attempts":1}})",
        R"({"policy":{"on_exhausted":"stop"}})", R"({"policy":1})", R"({"inputs":1})"}) {
    refused(change("w", wrong), 400, "invalid_argument");
  }
  const auto fault = refused(change("w", R"({"input":"${actions.a.result}"})"), 400,
                             "invalid_argument")["faults"][0];
  BOOST_TEST(fault["path"] == "/input");
  refused(post("/v1/workflows/w/actions/b/change", R"({"input":1})"), 404, "not_found");
  refused(change("nobody", R"({"input":1})"), 404, "not_found");
  must(post("/v1/workflows/w/cancel"));
  refused(change("w", R"({"input":{"seconds":62}})"), 409, "wrong_state");
}

BOOST_AUTO_TEST_CASE(who_asks_over_the_api_is_in_the_history) {
  const auto last = [&](const std::string& id, std::string_view kind) {
    const auto all = must(get("/v1/workflows/" + id + "/history"))["events"];
    json found;
    for (const auto& e : all) found = e["kind"] == kind ? e["data"] : found;
    return found;
  };
  submit("w", "ask");
  const auto token = given.of("w");
  must(post("/v1/attempts/end",
            R"({"token":")" + token + R"(","outcome":"fail","error_class":"c","who":"worker-7"})"));
  BOOST_TEST(last("w", "attempt_failed")["who"] == "worker-7");
  must(post("/v1/workflows/w/retry", R"({"who":"ann","reason":"mended"})"));
  BOOST_TEST(last("w", "workflow_continued")["who"] == "ann");
  const auto action = std::string("/v1/workflows/w/actions/a/resolve");
  BOOST_REQUIRE(eventually([&] { return workflow("w")["actions"][0]["waiting"] == "outside"; }));
  must(post(action, R"({"decision":"skip","who":"bob","reason":"ill"})"));
  BOOST_TEST(last("w", "action_resolved")["who"] == "bob");
  BOOST_TEST(last("w", "action_resolved")["reason"] == "ill");
  submit("c", "ask");
  must(post("/v1/workflows/c/signals", R"({"name":"go","who":"shop"})"));
  BOOST_TEST(last("c", "signal_received")["who"] == "shop");
  must(post("/v1/workflows/c/cancel", R"({"who":"ann"})"));
  BOOST_TEST(last("c", "workflow_cancelled")["who"] == "ann");
}

BOOST_AUTO_TEST_CASE(terms_are_shown_as_they_were_given) {
  start();
  BOOST_REQUIRE(engine->submit(workflow_builder("n").id("t").action("a", "noop"), R"({"x":1})"));
  submit("none", "noop");
  BOOST_TEST(must(get("/v1/workflows/t/terms"))["terms"]["x"] == 1);
  BOOST_TEST(must(get("/v1/workflows/none/terms"))["terms"].is_null());
  refused(get("/v1/workflows/nobody/terms"), 404, "not_found");
}

BOOST_AUTO_TEST_CASE(a_signal_is_sent_once_and_an_explanation_says_who_waits_for_it) {
  submit("w", "wait_signal", R"({"name":"go"})");
  BOOST_REQUIRE(
      eventually([&] { return workflow("w", "?summary")["workflow"]["actions"]["outside"] == 1; }));
  const auto why = must(get("/v1/workflows/w/explain"));
  BOOST_TEST(why["nothing_by_itself"] == true);
  BOOST_TEST(why["actions"][0]["reasons"][0]["kind"] == "signal");
  refused(get("/v1/workflows/nobody/explain"), 404, "not_found");
  const std::string signals = "/v1/workflows/w/signals";
  refused(post(signals, "{}"), 400, "invalid_argument");
  refused(post(signals, R"({"name":"a b"})"), 400, "invalid_argument");
  refused(post(signals, R"({"name":"go","other":1})"), 400, "invalid_argument");
  refused(post("/v1/workflows/nobody/signals", R"({"name":"go"})"), 404, "not_found");
  const std::string go = R"({"name":"go","key":"k","payload":{"n":12345678901234567890}})";
  must(post(signals, go));
  BOOST_TEST(status_at_end("w") == "completed");
  must(post(signals, go));
  refused(post(signals, R"({"name":"go","key":"k","payload":1})"), 409, "conflict");
  refused(post(signals, R"({"name":"go"})"), 409, "wrong_state");
  BOOST_TEST(get("/v1/workflows/w").body.find(R"({"n":12345678901234567890})") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
