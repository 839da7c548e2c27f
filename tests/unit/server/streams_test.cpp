// Event streams: histories that go on, changes of all workflows, readers that come again.
#include <atomic>
#include <memory>

#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;

namespace {

struct event {
  std::string id{};
  std::string name{};
  json data{};
};

/// Reads events one by one, from a stream whose chunks may hold several; comments are skipped.
class event_reader {
 public:
  explicit event_reader(client c) : client_(std::move(c)) {}
  event_reader(event_reader&&) = default;
  /// What was read is held against the document.
  ~event_reader() {
    if (!path_.empty()) keep_answer("GET", path_, {200, {{"content-type", type}}, all_});
  }
  static constexpr const char* type = "text/event-stream";

  void open(const std::string& path, const std::string& headers) {
    path_ = path;
    client_.get(path, std::string("Accept: ") + type + "\r\n" + headers);
    const auto head = client_.read_head();
    BOOST_REQUIRE_EQUAL(head.status, 200);
    BOOST_TEST(head.headers.at("content-type") == type);
  }

  /// Nothing when the stream has ended.
  std::optional<event> next() {
    for (;;) {
      const auto end = text_.find("\n\n");
      if (end == std::string::npos) {
        if (is_over_) return std::nullopt;
        const auto more = client_.chunk();
        is_over_ = more.empty();
        text_ += more;
        all_ += more;
        continue;
      }
      const auto block = text_.substr(0, end + 1);
      text_.erase(0, end + 2);
      if (const auto e = parse(block); !e.name.empty()) return e;
    }
  }
  /// The next one of this name.
  event until(std::string_view name) {
    for (auto e = next(); e; e = next()) {
      if (e->name == name) return *e;
    }
    throw std::runtime_error("the stream has ended before " + std::string(name));
  }

 private:
  static event parse(const std::string& block) {
    event e;
    for (std::size_t at = 0; at < block.size();) {
      const auto end = block.find('\n', at);
      const auto line = block.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("id: ")) e.id = line.substr(4);
      if (line.starts_with("event: ")) e.name = line.substr(7);
      if (line.starts_with("data: ") && line.size() > 6) e.data = json::parse(line.substr(6));
    }
    return e;
  }
  client client_;
  std::string path_;
  std::string all_;
  std::string text_;
  bool is_over_ = false;
};

struct stream_fixture : fixture {
  event_reader open_stream(const std::string& path, const std::string& headers = "") {
    event_reader r(connect());
    r.open(path, headers);
    return r;
  }
  event_reader history(const std::string& id, const std::string& query = "",
                       const std::string& headers = "") {
    return open_stream("/v1/workflows/" + id + "/history" + query, headers);
  }
  bool metric(const std::string& line) {
    return eventually(
        [&] { return get("/metrics").body.find("\n" + line + "\n") != std::string::npos; });
  }
  static std::string many_actions(const std::string& id, int n) {
    std::string spec = R"({"id":")" + id + R"(","name":"n","actions":[)";
    for (int i = 0; i < n; ++i)
      spec += (i > 0 ? "," : "") + (R"({"key":"a)" + std::to_string(i) + R"(","type":"noop"})");
    return spec + "]}";
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(api_streams, stream_fixture)

BOOST_AUTO_TEST_CASE(a_history_stream_has_every_event_once_and_ends_with_the_workflow) {
  submit("w", "ask");
  const auto token = given.of("w");
  auto s = history("w");
  std::uint64_t last = 0;
  const auto take = [&](const event& e) {
    BOOST_TEST(e.id == std::to_string(++last));
    BOOST_TEST(e.data["seq"] == last);
    BOOST_TEST(e.data["kind"] == e.name);
  };
  for (auto e = s.next(); e; e = s.next()) {
    take(*e);
    if (e->name == "attempt_opened") break;
  }
  must(post("/v1/attempts/end",
            json{{"token", token}, {"outcome", "complete"}, {"result", 7}}.dump()));
  for (auto e = s.next(); e; e = s.next()) {
    if (e->name == "end") {
      BOOST_TEST(e->id == "");
      BOOST_TEST(e->data["status"] == "completed");
      BOOST_TEST(e->data["events"] == last);
      break;
    }
    take(*e);
  }
  BOOST_TEST(!s.next());
  // The same as the pages say.
  const auto all = must(get("/v1/workflows/w/history"))["events"];
  BOOST_TEST(all.size() == last);
  auto again = history("w");
  for (const auto& e : all) BOOST_TEST(again.next()->data == e);
  BOOST_TEST(again.next()->name == "end");
  BOOST_TEST(metric("tenax_http_streams{of=\"history\"} 0"));
}

BOOST_AUTO_TEST_CASE(what_began_just_before_the_stream_did_is_told) {
  // A start is not waited for by anybody: it becomes durable a little later, and its handler runs
  // on meanwhile.
  struct held {
    std::atomic<int> begun = 0;
    std::atomic<bool> is_over = false;
  };
  const auto all = std::make_shared<held>();  // handlers outlive the test's own variables
  const std::shared_ptr<void> at_end(nullptr, [all](void*) { all->is_over = true; });
  opts.handlers.add("hold", [all](const action_context&) {
    ++all->begun;
    while (!all->is_over) ::poll(nullptr, 0, 1);
    return outcome::success();
  });
  for (int i = 0; i < 3; ++i) {
    const auto id = "w" + std::to_string(i);
    submit(id, "hold");
    BOOST_REQUIRE(eventually([&] { return all->begun > i; }));
    BOOST_TEST(history(id).until("attempt_started").id == "2");
  }
}

BOOST_AUTO_TEST_CASE(a_stream_goes_on_after_the_last_event_that_its_reader_has) {
  must(post("/v1/workflows", many_actions("w", 80)), 201);
  BOOST_TEST(status_at_end("w") == "completed");
  const auto n = must(get("/v1/workflows/w/history"))["events"].size();
  BOOST_TEST(history("w", "?after=100").next()->id == "101");
  BOOST_TEST(history("w", "", "Last-Event-ID: 120\r\n").next()->id == "121");
  // What was got last goes before where it began.
  BOOST_TEST(history("w", "?after=100", "Last-Event-ID: 120\r\n").next()->id == "121");
  BOOST_TEST(history("w", "", "Last-Event-ID: " + std::to_string(n) + "\r\n").next()->name ==
             "end");
  // It knows more than there is: of a workflow of that id that was removed.
  auto s = history("w", "", "Last-Event-ID: " + std::to_string(n + 1) + "\r\n");
  const auto reset = s.next();
  BOOST_TEST(reset->name == "reset");
  BOOST_TEST(reset->id == "0");
  BOOST_TEST(s.next()->id == "1");

  const auto wants = "Accept: text/event-stream\r\n";
  refused(get("/v1/workflows/nobody/history", wants), 404, "not_found");
  refused(get("/v1/workflows/w/history?limit=1", wants), 400, "invalid_argument");
  refused(get("/v1/workflows/w/history?after=x", wants), 400, "invalid_argument");
  refused(get("/v1/workflows/w/history", std::string(wants) + "Last-Event-ID: 1x\r\n"), 400,
          "invalid_argument");
}

BOOST_AUTO_TEST_CASE(a_long_history_with_large_payloads_reaches_a_slow_reader_whole) {
  const std::string large(600'000, 'x');
  std::string spec = R"({"id":"w","name":"n","actions":[)";
  for (int i = 0; i < 12; ++i) {
    spec += (i > 0 ? "," : "") +
            (R"({"key":"a)" + std::to_string(i) + R"(","type":"echo","input":")" + large + "\"}");
  }
  opts.handlers.add("echo",
                    [](const action_context& c) { return outcome::success(std::string(c.input)); });
  start();
  must(post("/v1/workflows", spec + "]}"), 201);
  BOOST_TEST(status_at_end("w") == "completed");
  event_reader s(client(front->addresses().at(0), 4'096));
  s.open("/v1/workflows/w/history", "");
  std::uint64_t last = 0;
  for (auto e = s.next(); e && e->name != "end"; e = s.next())
    BOOST_REQUIRE_EQUAL(e->id, std::to_string(++last));
  BOOST_TEST(last == must(get("/v1/workflows/w?summary"))["workflow"]["events"]);
  BOOST_TEST(metric("tenax_http_streams_dropped_total 0"));
}

BOOST_AUTO_TEST_CASE(progress_of_open_attempts_is_told_and_is_no_event) {
  submit("w", "ask");
  const auto token = given.of("w");
  auto s = history("w");
  s.until("attempt_opened");
  for (const auto* how_far : {"half way", "nearly"}) {
    must(post("/v1/attempts/heartbeat", json{{"token", token}, {"progress", how_far}}.dump()));
    const auto e = s.until("progress");
    BOOST_TEST(e.id == "");
    BOOST_TEST(e.data["action"] == "a");
    BOOST_TEST(e.data["attempt"] == 1);
    BOOST_TEST(e.data["progress"] == how_far);
  }
  // Who comes later is told how far it is.
  BOOST_TEST(history("w").until("progress").data["progress"] == "nearly");
  must(post("/v1/workflows/w/cancel"));
  BOOST_TEST(s.until("end").data["status"] == "cancelled");
}

BOOST_AUTO_TEST_CASE(changes_of_workflows_are_told_to_who_listens) {
  submit("before", "ask");
  auto s = open_stream("/v1/events");
  BOOST_TEST(s.next()->name == "reset");  // read the list now
  BOOST_TEST(s.until("totals").data["open"] == 1);
  submit("w", "noop");
  const auto of = [&](const std::string& id, const std::string& status) {
    for (auto e = s.until("workflow");; e = s.until("workflow")) {
      if (e.data["id"] == id && e.data["status"] == status) return e.data;
    }
  };
  const auto told = of("w", "completed");
  BOOST_TEST(told.dump() == workflow("w", "?summary")["workflow"].dump());
  must(post("/v1/workflows/before/cancel"));
  of("before", "cancelled");
  must(ask("DELETE", "/v1/workflows/w"));
  BOOST_TEST(s.until("removed").data["id"] == "w");
  BOOST_TEST(s.until("totals").data["submitted"] == 2);
  refused(get("/v1/events?after=1"), 400, "invalid_argument");
}

BOOST_AUTO_TEST_CASE(more_changes_than_are_told_one_by_one_are_a_reset) {
  start();
  auto s = open_stream("/v1/events");
  BOOST_TEST(s.next()->name == "reset");
  std::string batch;
  for (int i = 0; i < 2'000; ++i) batch += spec("w" + std::to_string(i), "noop") + "\n";
  BOOST_TEST(post("/v1/workflows", batch, "Content-Type: application/x-ndjson\r\n").status == 200);
  s.until("reset");
}

BOOST_AUTO_TEST_CASE(streams_end_politely_when_the_server_drains) {
  submit("w", "ask");
  auto s = history("w");
  s.until("attempt_opened");
  auto all = open_stream("/v1/events");
  BOOST_TEST(all.next()->name == "reset");
  BOOST_TEST(metric("tenax_http_streams{of=\"history\"} 1"));
  BOOST_TEST(metric("tenax_http_streams{of=\"changes\"} 1"));
  front->drain();
  BOOST_TEST(!s.next());  // and no `end`: come again with the last id
  while (all.next()) {
  }
  const auto wants = "Accept: text/event-stream\r\n";
  refused(get("/v1/workflows/w/history", wants), 503, "closing");
  refused(get("/v1/events", wants), 503, "closing");
}

BOOST_AUTO_TEST_CASE(streams_end_when_tokens_are_read_again) {
  submit("w", "ask");
  auto s = history("w");
  s.until("attempt_opened");
  BOOST_REQUIRE(front->reload());
  BOOST_TEST(!s.next());
  history("w").until("attempt_opened");  // who may still read comes again
}

BOOST_AUTO_TEST_CASE(streams_end_when_the_engine_does) {
  submit("w", "ask");
  auto s = history("w");
  s.until("attempt_opened");
  auto all = open_stream("/v1/events");
  BOOST_TEST(all.next()->name == "reset");
  engine->close();
  BOOST_TEST(!s.next());
  while (all.next()) {
  }
}

BOOST_AUTO_TEST_CASE(who_leaves_a_stream_is_forgotten) {
  submit("w", "ask");
  {
    auto s = history("w");
    auto all = open_stream("/v1/events");
    BOOST_TEST(metric("tenax_http_streams{of=\"history\"} 1"));
    BOOST_TEST(metric("tenax_http_streams{of=\"changes\"} 1"));
  }
  BOOST_TEST(metric("tenax_http_streams{of=\"history\"} 0"));
  BOOST_TEST(metric("tenax_http_streams{of=\"changes\"} 0"));
  BOOST_TEST(metric("tenax_http_streams_dropped_total 0"));
  BOOST_TEST(ask("HEAD", "/v1/workflows/w/history", "", "Accept: text/event-stream\r\n").status ==
             200);
  BOOST_TEST(metric("tenax_http_streams{of=\"history\"} 0"));
  must(post("/v1/workflows/w/cancel"));
}

BOOST_AUTO_TEST_CASE(streams_leave_connections_to_others) {
  places.connections_max = 8;
  submit("w", "ask");
  std::vector<event_reader> open;
  for (int i = 0; i < 4; ++i) open.push_back(history("w"));
  BOOST_TEST(metric("tenax_http_streams{of=\"history\"} 4"));
  const auto wants = "Accept: text/event-stream\r\n";
  refused(get("/v1/workflows/w/history", wants), 429, "overloaded");
  refused(get("/v1/events", wants), 429, "overloaded");
}

BOOST_AUTO_TEST_SUITE_END()
