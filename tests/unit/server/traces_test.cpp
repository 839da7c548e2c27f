// Spans for a collector: what they are, and that nobody waits for it.
#include <atomic>
#include <condition_variable>
#include <thread>

#include "model/trace.hpp"
#include "node/api/traces.hpp"
#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

namespace {

/// Takes what it is sent, or says what it is told to.
class collector {
 public:
  auto sender() {
    return [this](const std::string& document, const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      ++asked_;
      while (is_held_ && !stop.stop_requested()) changed_.wait_for(lock, milliseconds(5));
      if (answer_.what != span_receipt::kind::taken) return answer_;
      const auto spans = json::parse(document)["resourceSpans"][0]["scopeSpans"][0]["spans"];
      for (const auto& s : spans) spans_.push_back(s);
      text_ += document;
      return answer_;
    };
  }
  void answer(span_receipt a) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(a);
  }
  void hold(bool h) {
    const std::lock_guard lock(mutex_);
    is_held_ = h;
  }
  std::vector<json> spans() {
    const std::lock_guard lock(mutex_);
    return spans_;
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  int asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_held_ = false;
  int asked_ = 0;
  span_receipt answer_;
  std::vector<json> spans_;
  std::string text_;
};

std::string text_of(const json& span, std::string_view attribute) {
  for (const auto& a : span["attributes"]) {
    if (a["key"] != attribute) continue;
    return a["value"].contains("stringValue") ? a["value"]["stringValue"] : a["value"]["intValue"];
  }
  return "";
}

struct traced : fixture {
  traced() {
    places.send_spans = to.sender();
    opts.trace_context = true;
    action_options twice;
    twice.retry = retry_policy();
    twice.retry->min_wait = twice.retry->max_wait = milliseconds(1);
    opts.handlers.add(
        "flaky",
        [this](const action_context& c) {
          {
            const std::lock_guard lock(mutex);
            parents.push_back(c.traceparent());
          }
          return c.attempt < 3 ? outcome::failure("network", "secret-message")
                               : outcome::success(R"("secret-result")");
        },
        twice);
  }
  std::vector<json> wait_for(std::size_t n) {
    BOOST_REQUIRE_MESSAGE(eventually([&] { return to.spans().size() >= n; }), to.spans().size());
    return to.spans();
  }
  std::uint64_t metric(const std::string& name) {
    const auto body = get("/metrics").body;
    const auto at = body.find("\n" + name + " ");
    return at == std::string::npos ? ~std::uint64_t{0}
                                   : std::stoull(body.substr(at + name.size() + 2));
  }
  std::int64_t at_ns(const json& span, const char* name) {
    return std::stoll(span[name].get<std::string>());
  }
  collector to;
  std::mutex mutex;
  std::vector<std::string> parents;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(api_traces, traced)

BOOST_AUTO_TEST_CASE(a_workflow_and_each_attempt_is_a_span_and_retries_are_linked) {
  submit("w", "flaky", R"({"card":"secret-input"})");
  BOOST_TEST(status_at_end("w") == "completed");
  const auto spans = wait_for(4);
  BOOST_TEST_REQUIRE(spans.size() == 4U);
  const auto history = must(get("/v1/workflows/w/history"))["events"];
  const auto submitted = engine->summary("w").value().submitted_at;
  const auto trace = model::trace_of("w", submitted.time_since_epoch().count());
  const auto id_of = [](std::uint64_t span) {
    return model::print_traceparent({}, span).substr(36, 16);
  };
  for (const auto& s : spans) BOOST_TEST(s["traceId"] == model::print_trace(trace));

  const auto& root = spans[3];
  BOOST_TEST(root["spanId"] == id_of(model::workflow_span(trace, 0)));
  BOOST_TEST(!root.contains("parentSpanId"));
  BOOST_TEST(root["name"] == "n");
  BOOST_TEST(root["status"]["code"] == 1);
  BOOST_TEST(text_of(root, "tenax.workflow.id") == "w");
  BOOST_TEST(at_ns(root, "startTimeUnixNano") == submitted.time_since_epoch().count() * 1'000'000);

  std::int64_t before = at_ns(root, "startTimeUnixNano");
  for (std::uint32_t n = 1; n <= 3; ++n) {
    const auto& s = spans[n - 1];
    BOOST_TEST(s["name"] == "a");
    BOOST_TEST(s["parentSpanId"] == root["spanId"]);
    BOOST_TEST(s["spanId"] == id_of(model::attempt_span(trace, "a", n)));
    BOOST_TEST(text_of(s, "tenax.attempt") == std::to_string(n));
    BOOST_TEST(text_of(s, "tenax.action.type") == "flaky");
    BOOST_TEST(text_of(s, "tenax.outcome") == (n < 3 ? "failed" : "completed"));
    BOOST_TEST(text_of(s, "error.type") == (n < 3 ? "network" : ""));
    BOOST_TEST(s["status"]["code"] == (n < 3 ? 2 : 1));
    BOOST_TEST(s.contains("links") == (n > 1));
    if (n > 1) {
      BOOST_TEST(s["links"][0]["spanId"] == spans[n - 2]["spanId"]);
      BOOST_TEST(s["links"][0]["traceId"] == s["traceId"]);
    }
    BOOST_TEST(at_ns(s, "startTimeUnixNano") >= before);
    before = at_ns(s, "endTimeUnixNano");
    BOOST_TEST(before >= at_ns(s, "startTimeUnixNano"));
    // What the handler was told is this span.
    BOOST_TEST(parents.at(n - 1) == "00-" + s["traceId"].get<std::string>() + "-" +
                                        s["spanId"].get<std::string>() + "-01");
  }
  BOOST_TEST(at_ns(root, "endTimeUnixNano") == before);
  BOOST_TEST(to.text().find("secret-") == std::string::npos);
  BOOST_TEST(metric("tenax_trace_spans_total{fate=\"sent\"}") == 4U);
}

BOOST_AUTO_TEST_CASE(what_goes_on_and_what_is_outside_has_its_spans) {
  submit("w", "ask");
  const auto token = given.of("w");
  must(post("/v1/attempts/end", json{{"token", token},
                                     {"outcome", "fail"},
                                     {"error_class", "no"},
                                     {"message", "m"},
                                     {"final", true}}
                                    .dump()));
  auto spans = wait_for(2);
  BOOST_TEST(text_of(spans[0], "tenax.outcome") == "failed");
  BOOST_TEST(spans[1]["status"]["code"] == 2);
  must(post("/v1/workflows/w/retry", "{}"));
  const auto second = given.of("w");
  must(post("/v1/workflows/w/cancel", "{}"));
  spans = wait_for(4);
  BOOST_TEST(text_of(spans[2], "tenax.attempt") == "2");
  BOOST_TEST(text_of(spans[2], "tenax.outcome") == "cancelled");
  BOOST_TEST(spans[2]["parentSpanId"] == spans[3]["spanId"]);
  BOOST_TEST(spans[2]["links"][0]["spanId"] == spans[0]["spanId"]);
  BOOST_TEST(spans[3]["links"][0]["spanId"] == spans[1]["spanId"]);
  BOOST_TEST(spans[3]["traceId"] == spans[1]["traceId"]);
  // A late word is no news for a trace, and another workflow of this id is another trace.
  must(post("/v1/attempts/end", json{{"token", second}, {"outcome", "complete"}}.dump()), 409);
  must(ask("DELETE", "/v1/workflows/w"));
  submit("w", "noop");
  spans = wait_for(6);
  BOOST_TEST(spans.size() == 6U);
  BOOST_TEST(spans[5]["traceId"] != spans[0]["traceId"]);
}

BOOST_AUTO_TEST_CASE(a_trace_goes_on_after_a_restart_and_tells_nothing_twice) {
  must(post("/v1/workflows", R"({"id":"w","name":"n","actions":[{"key":"before","type":"noop"},)"
                             R"({"key":"a","type":"ask","depends_on":["before"]}]})"),
       201);
  (void)given.of("w");
  BOOST_TEST(wait_for(1)[0]["name"] == "before");
  front.reset();
  engine.reset();
  start();
  must(post("/v1/workflows/w/cancel", "{}"));
  const auto spans = wait_for(3);
  BOOST_TEST(spans.size() == 3U);
  BOOST_TEST(text_of(spans[1], "tenax.action.key") == "a");  // it began before
  BOOST_TEST(spans[1]["parentSpanId"] == spans[2]["spanId"]);
  BOOST_TEST(spans[2]["traceId"] == spans[0]["traceId"]);
  BOOST_TEST(spans[0]["parentSpanId"] == spans[2]["spanId"]);
  const auto submitted = engine->summary("w").value().submitted_at;
  BOOST_TEST(at_ns(spans[2], "startTimeUnixNano") ==
             submitted.time_since_epoch().count() * 1'000'000);
}

BOOST_AUTO_TEST_CASE(a_collector_that_is_slow_or_down_holds_up_nobody_and_drops_are_counted) {
  start();
  to.hold(true);
  constexpr std::size_t actions = 1'000;
  constexpr std::size_t workflows = api::traces::spans_max / actions + 2;
  std::string spec;
  for (std::size_t n = 0; n < actions; ++n)
    spec +=
        std::string(n > 0 ? "," : "") + R"({"key":"k)" + std::to_string(n) + R"(","type":"noop"})";
  const auto ends = [&](const std::string& id) {
    must(post("/v1/workflows", R"({"id":")" + id + R"(","name":"n","actions":[)" + spec + "]}"),
         201);
    BOOST_TEST(status_at_end(id) == "completed");
  };
  for (std::size_t n = 0; n < workflows; ++n) ends("slow" + std::to_string(n));
  to.answer({span_receipt::kind::again, "HTTP 503", milliseconds(0)});
  to.hold(false);  // from here on it is down
  BOOST_REQUIRE(
      eventually([&] { return metric("tenax_trace_spans_waiting") == api::traces::spans_max; }));
  const auto most = workflows * (actions + 1);
  BOOST_REQUIRE(eventually([&] {
    return metric("tenax_trace_spans_total{fate=\"dropped\"}") == most - api::traces::spans_max;
  }));
  BOOST_TEST(metric("tenax_trace_spans_total{fate=\"sent\"}") == 0U);
  ends("down");
  const int asked = to.asked();
  BOOST_TEST(asked < 20);  // it is not asked all the time
  to.answer({});
  BOOST_REQUIRE(eventually([&] { return metric("tenax_trace_spans_waiting") == 0U; }));
  const auto spans = to.spans();
  BOOST_TEST(spans.size() >= api::traces::spans_max);
  for (const auto& s : spans) BOOST_TEST_REQUIRE(s["traceId"].get<std::string>().size() == 32U);
}

BOOST_AUTO_TEST_CASE(what_a_collector_will_not_have_is_not_sent_again) {
  to.answer({span_receipt::kind::refused, "HTTP 400", {}});
  submit("w", "noop");
  BOOST_REQUIRE(
      eventually([&] { return metric("tenax_trace_spans_total{fate=\"refused\"}") == 2U; }));
  to.answer({});
  submit("w2", "noop");
  const auto spans = wait_for(2);
  BOOST_TEST(text_of(spans[0], "tenax.workflow.id") == "w2");
}

BOOST_AUTO_TEST_CASE(a_server_that_stops_sends_what_waits_and_waits_for_no_collector) {
  submit("w", "noop");
  BOOST_TEST(status_at_end("w") == "completed");
  front->stop(milliseconds(0));
  BOOST_TEST(to.spans().size() == 2U);
  front.reset();
  engine.reset();
  start();
  to.hold(true);
  submit("w2", "noop");
  BOOST_REQUIRE(eventually([&] { return to.asked() == 2; }));
  const auto begun = std::chrono::steady_clock::now();
  front.reset();
  BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds(8)));
}

BOOST_AUTO_TEST_CASE(who_collects_no_spans_has_no_metrics_of_them) {
  places.send_spans = nullptr;
  submit("w", "flaky");
  BOOST_TEST(status_at_end("w") == "completed");
  BOOST_TEST(get("/metrics").body.find("tenax_trace_") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
