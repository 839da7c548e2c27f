// tenax serve: kill -9, SIGTERM, its socket and its address.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>

#include "tests/unit/http/support.hpp"

using e2e::contains;
using e2e::json;
using e2e::world;
using std::chrono::seconds;
using tenax::http::tests::answer;
using tenax::http::tests::client;

namespace {

class serving : public world {
 public:
  void start(e2e::arguments more = {}) {
    e2e::arguments args{"serve", "--listen", "127.0.0.1:0", "--output", "json"};
    args.insert(args.end(), more.begin(), more.end());
    running = std::make_unique<e2e::process>(command(args));
    std::string line;
    BOOST_REQUIRE(e2e::eventually([&] {
      line += running->take_output(std::chrono::milliseconds(20));
      return contains(line, "\n");
    }));
    address = json::parse(line)["listening"][0];
  }
  answer ask(std::string_view method, std::string_view path, std::string_view body = "",
             const std::string& token = "") const {
    client c(address);
    c.request(method, path, token.empty() ? "" : "Authorization: Bearer " + token + "\r\n", body);
    return c.read();
  }
  json get(std::string_view path) const {
    const auto a = ask("GET", path);
    BOOST_REQUIRE_MESSAGE(a.status == 200, a.body);
    return json::parse(a.body);
  }
  void submit(const std::string& id, const std::string& type, const std::string& input) const {
    const auto a = ask("POST", "/v1/workflows",
                       R"({"id":")" + id + R"(","name":"n","actions":[{"key":"a","type":")" + type +
                           R"(","input":)" + input + "}]}");
    BOOST_REQUIRE_MESSAGE(a.status == 201, a.body);
  }
  std::string status_at_end(const std::string& id) const {
    return get("/v1/workflows/" + id + "?summary&wait_ms=10000")["workflow"]["status"];
  }
  e2e::outcome stop(int signal) const {
    running->send(signal);
    return running->wait();
  }

  std::unique_ptr<e2e::process> running;
  std::string address;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(serve, serving)

BOOST_AUTO_TEST_CASE(kill_9_loses_nothing_that_was_answered) {
  start();
  for (int i = 0; i < 50; ++i) submit("w" + std::to_string(i), "noop", "{}");
  submit("slow", "wait", R"({"seconds":1.5})");
  BOOST_TEST(stop(SIGKILL).signal == SIGKILL);
  start();  // its sockets are of a dead process
  BOOST_TEST(get("/v1/workflows:count")["count"] == 51);
  for (int i = 0; i < 50; ++i) BOOST_TEST(status_at_end("w" + std::to_string(i)) == "completed");
  BOOST_TEST(status_at_end("slow") == "completed");
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(a_worker_asks_by_curl_and_ends_its_task_after_a_kill) {
  start();
  submit("film", "render", R"({"frame":1})");
  const auto curl = [&](const std::string& path, const json& body) {
    const auto a = ask("POST", path, body.dump());
    BOOST_REQUIRE_MESSAGE(a.status == 200, a.body);
    return json::parse(a.body);
  };
  const json wants{{"worker", "w1"}, {"types", json::array({"render"})}, {"wait_ms", 60'000}};
  const auto tasks = curl("/v1/workers/poll", wants)["tasks"];
  BOOST_TEST_REQUIRE(tasks.size() == 1U);
  BOOST_TEST(tasks[0]["input"]["frame"] == 1);
  const json beat{{"token", tasks[0]["token"]}, {"progress", "half"}};
  BOOST_TEST(curl("/v1/attempts/heartbeat", beat)["given_up_at"].is_string());
  BOOST_TEST(stop(SIGKILL).signal == SIGKILL);
  start();
  const json end{{"token", tasks[0]["token"]}, {"outcome", "complete"}, {"result", {{"png", 1}}}};
  BOOST_TEST(curl("/v1/attempts/end", end)["ended"] == true);
  BOOST_TEST(status_at_end("film") == "completed");
  auto asks = std::make_unique<client>(address);
  asks->request("POST", "/v1/workers/poll", "", wants.dump());
  BOOST_REQUIRE(
      e2e::eventually([&] { return get("/v1/queues")["queues"][0]["polls_waiting"] == 1; }));
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
  const auto a = asks->read();
  BOOST_TEST(a.status == 200);
  BOOST_TEST(json::parse(a.body)["tasks"].empty());
}

BOOST_AUTO_TEST_CASE(sigterm_lets_handlers_end_and_answers_those_who_wait) {
  start({"--allow-exec"});
  submit("w", "exec", R"({"argv":["sleep","1"]})");
  submit("far", "wait", R"({"seconds":3600})");
  BOOST_REQUIRE(e2e::eventually([&] { return get("/v1/stats")["handlers_running"] == 1; }));
  BOOST_REQUIRE(e2e::eventually(
      [&] { return get("/v1/workflows/far?summary")["workflow"]["actions"]["timer"] == 1; }));
  client waits(address);
  waits.get("/v1/workflows/far?summary&wait_ms=60000");
  BOOST_REQUIRE(e2e::eventually(
      [&] { return contains(ask("GET", "/metrics").body, "tenax_http_waits 1\n"); }));
  running->send(SIGTERM);
  BOOST_TEST(json::parse(waits.read().body)["workflow"]["status"] == "in_progress");
  const auto end = running->wait();
  BOOST_TEST(end.exit_code == 0, end.err);
  BOOST_TEST(!std::filesystem::exists(data() + "/api.sock"));
  const auto shown = tenax_json({"show", "w"});
  BOOST_TEST(shown["actions"][0]["result"]["exit_code"] == 0);  // it was not stopped
  BOOST_TEST(shown["actions"][0]["attempts"] == 1);
}

BOOST_AUTO_TEST_CASE(a_second_signal_ends_it_at_once) {
  start({"--allow-exec"});
  submit("w", "exec", R"({"argv":["sleep","100"]})");
  BOOST_REQUIRE(e2e::eventually([&] { return get("/v1/stats")["handlers_running"] == 1; }));
  running->send(SIGTERM);
  BOOST_REQUIRE(e2e::eventually([&] { return ask("GET", "/readyz").status == 503; }));
  running->send(SIGTERM);
  BOOST_TEST(running->wait(seconds(5)).exit_code == 130);
}

BOOST_AUTO_TEST_CASE(the_socket_is_in_the_directory_and_a_backup_can_be_asked_for) {
  start();
  submit("w", "noop", "{}");
  client c(client::at_path{data() + "/api.sock"});
  c.get("/v1/workflows/w");
  BOOST_TEST(c.read().status == 200);
  BOOST_TEST(tenax({"backup", path("copy")}).exit_code == 0);
  BOOST_TEST(stop(SIGINT).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(tokens_are_made_listed_and_revoked_and_sighup_tells_the_server) {
  const auto file = path("tokens");
  const auto make = [&](const std::string& name, const std::string& scope) {
    return tenax({"token", "create", name, "--scope", scope, "--token-file", file});
  };
  const auto made = make("ci", "read");
  BOOST_TEST(made.exit_code == 0, made.err);
  const auto first = made.out.substr(0, made.out.find('\n'));
  BOOST_TEST(!contains(made.err, first));
  start({"--token-file", file});
  BOOST_TEST(ask("GET", "/v1/stats").status == 401);
  BOOST_TEST(ask("GET", "/v1/stats", "", first).status == 200);
  BOOST_TEST(ask("POST", "/v1/workflows", "{}", first).status == 403);

  const auto second = tenax_json({"token", "create", "ops", "--scope", "operate", "--scope", "read",
                                  "--expires", "90d", "--token-file", file});
  BOOST_TEST(second["scopes"] == json({"read", "operate"}));
  const std::string secret = second["token"];
  running->send(SIGHUP);
  BOOST_TEST(e2e::eventually([&] { return ask("GET", "/v1/stats", "", secret).status == 200; }));
  const auto listed = tenax({"token", "list", "--token-file", file});
  BOOST_TEST(contains(listed.out, "read, operate"));
  BOOST_TEST(!contains(listed.out, secret.substr(13)));

  const auto id = first.substr(4, 8);
  BOOST_TEST(tenax({"token", "revoke", id, "--token-file", file}).exit_code == 0);
  BOOST_TEST(tenax({"token", "revoke", id, "--token-file", file}).exit_code == 2);
  running->send(SIGHUP);
  BOOST_TEST(e2e::eventually([&] { return ask("GET", "/v1/stats", "", first).status == 401; }));

  (void)this->file("tokens", "broken");  // keeps its mode
  running->send(SIGHUP);
  running->send(SIGHUP);  // no second signal that ends it
  BOOST_TEST(ask("GET", "/v1/stats", "", secret).status == 200);
  const auto end = stop(SIGTERM);
  BOOST_TEST(end.exit_code == 0, end.err);
  BOOST_TEST(contains(end.err, "the tokens stay as they were"));
  BOOST_TEST(tenax({"serve", "--listen", "127.0.0.1:0", "--token-file", file}).exit_code == 2);
  for (const e2e::arguments& wrong :
       {e2e::arguments{"token", "create", "n", "--scope", "root", "--token-file", file},
        {"token", "create", "n", "--token-file", file},
        {"token", "create", "n", "--scope", "read"},
        {"token", "create", "n", "--scope", "read", "--expires", "2020-01-01", "--token-file",
         file},
        {"token"}})
    BOOST_TEST(tenax(wrong).exit_code == 2);
}

BOOST_AUTO_TEST_CASE(beyond_loopback_it_serves_with_tokens_and_a_certificate) {
  const auto certificate = path("server.crt");
  const auto key = path("server.key");
  const auto file = path("tokens");
  const auto made =
      e2e::run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "1", "-subj", "/CN=node.example", "-addext",
                "subjectAltName=DNS:node.example", "-keyout", key, "-out", certificate});
  BOOST_TEST_REQUIRE(made.exit_code == 0, made.err);
  const auto created =
      tenax_json({"token", "create", "n", "--scope", "read", "--token-file", file});
  e2e::arguments args{"serve",     "--listen", "0.0.0.0:0",   "--token-file", file,
                      "--tls-key", key,        "--host-name", "node.example"};
  BOOST_TEST(tenax(args).exit_code == 2);
  args.insert(args.end(), {"--tls-certificate", certificate, "--output", "json"});
  running = std::make_unique<e2e::process>(command(args));
  std::string line;
  BOOST_REQUIRE(e2e::eventually([&] {
    line += running->take_output(std::chrono::milliseconds(20));
    return contains(line, "\n");
  }));
  address = json::parse(line)["listening"][0];
  if (e2e::run({"curl", "--version"}).exit_code == 0) {
    const auto port = address.substr(address.rfind(':') + 1);
    const auto a = e2e::run({"curl", "-s", "--cacert", certificate, "--resolve",
                             "node.example:" + port + ":127.0.0.1", "-H",
                             "Authorization: Bearer " + created["token"].get<std::string>(),
                             "https://node.example:" + port + "/v1/version"});
    BOOST_TEST(a.exit_code == 0, a.err);
    BOOST_TEST(contains(a.out, "\"api\":\"v1\""));
  }
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(a_server_that_cannot_listen_begins_nothing) {
  start();
  const auto made =
      ask("POST", "/v1/workflows",
          R"({"id":"w","name":"n","actions":[{"key":"a","type":"noop","delay_ms":500}]})");
  BOOST_TEST(made.status == 201);
  const auto due = std::chrono::steady_clock::now() + std::chrono::milliseconds(600);
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::socklen_t size = sizeof at;
  BOOST_REQUIRE(::bind(taken, reinterpret_cast<::sockaddr*>(&at), size) == 0);
  BOOST_REQUIRE(::listen(taken, 1) == 0);
  ::getsockname(taken, reinterpret_cast<::sockaddr*>(&at), &size);
  BOOST_REQUIRE(e2e::eventually([&] { return std::chrono::steady_clock::now() > due; }));
  const auto refused =
      tenax({"serve", "--listen", "127.0.0.1:" + std::to_string(ntohs(at.sin_port))});
  ::close(taken);
  BOOST_TEST(refused.exit_code != 0);
  BOOST_TEST(contains(refused.err, "in use"), refused.err);
  BOOST_TEST(!contains(tenax({"history", "w"}).out, "attempt_started"));
  start();
  BOOST_TEST(status_at_end("w") == "completed");
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(the_demo_has_workflows_to_look_at_and_a_worker) {
  start({"--demo"});
  BOOST_REQUIRE(e2e::eventually([&] { return get("/v1/workflows:count")["count"] == 5; }));
  const auto says = [&](const std::string& id, std::string_view what) {
    const std::string headline = get("/v1/workflows/" + id + "/explain")["headline"];
    return contains(headline, what);
  };
  BOOST_TEST(e2e::eventually([&] { return says("demo-translation", "waits for a worker"); }));
  BOOST_TEST(e2e::eventually([&] { return says("demo-reminder", "timer"); }));
  BOOST_REQUIRE(e2e::eventually([&] { return says("demo-approval", "signal approved"); }));
  const auto told = ask("POST", "/v1/workflows/demo-approval/signals", R"({"name":"approved"})");
  BOOST_TEST(told.status == 200, told.body);
  BOOST_REQUIRE(e2e::eventually([&] { return status_at_end("demo-approval") == "completed"; }));
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
  start({"--demo"});  // again is no error
  BOOST_TEST(get("/v1/workflows:count")["count"] == 5);
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
}

namespace {

/// A collector of traces, and what it has printed.
class collector {
 public:
  explicit collector(const e2e::arguments& how = {})
      : running_([&] {
          e2e::arguments argv{"python3", std::string(TENAX_SOURCE_DIR) + "/tests/e2e/collector.py"};
          argv.insert(argv.end(), how.begin(), how.end());
          return argv;
        }()) {
    url = "http://127.0.0.1:" + line();
  }
  std::string line() {
    BOOST_REQUIRE(e2e::eventually([&] {
      text_ += running_.take_output(std::chrono::milliseconds(20));
      return contains(text_, "\n");
    }));
    const auto end = text_.find('\n');
    auto out = text_.substr(0, end);
    text_.erase(0, end + 1);
    return out;
  }
  /// By name.
  std::map<std::string, json> spans(std::size_t n) {
    std::map<std::string, json> out;
    while (out.size() < n) {
      const auto document = json::parse(line());
      for (const auto& s : document["resourceSpans"][0]["scopeSpans"][0]["spans"])
        out[s["name"]] = s;
    }
    return out;
  }
  std::string url;

 private:
  e2e::process running_;
  std::string text_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(spans_go_to_the_collector_and_programs_know_theirs) {
  collector to;
  start({"--allow-exec", "--otlp-endpoint", to.url});
  const auto made = ask("POST", "/v1/workflows", R"({"id":"w","name":"order","actions":[
    {"key":"ask","type":"exec","input":{"argv":["sh","-c","echo $TRACEPARENT"]}},
    {"key":"film","type":"render"}]})");
  BOOST_TEST(made.status == 201, made.body);
  const json wants{{"worker", "w1"}, {"types", json::array({"render"})}, {"wait_ms", 10'000}};
  const auto task = json::parse(ask("POST", "/v1/workers/poll", wants.dump()).body)["tasks"][0];
  const json end{{"token", task["token"]}, {"outcome", "complete"}};
  BOOST_TEST(ask("POST", "/v1/attempts/end", end.dump()).status == 200);
  BOOST_TEST(status_at_end("w") == "completed");
  auto spans = to.spans(3);
  const auto parent_of = [&](const std::string& name) {
    return "00-" + spans[name]["traceId"].get<std::string>() + "-" +
           spans[name]["spanId"].get<std::string>() + "-01";
  };
  BOOST_TEST(get("/v1/workflows/w")["actions"][0]["result"]["stdout"] == parent_of("ask") + "\n");
  BOOST_TEST(task["traceparent"] == parent_of("film"));
  BOOST_TEST(spans["ask"]["parentSpanId"] == spans["order"]["spanId"]);
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(a_collector_that_hangs_keeps_no_server_from_ending) {
  collector hangs({"--hang"});
  start({"--otlp-endpoint", hangs.url});
  submit("w", "noop", "{}");
  BOOST_TEST(hangs.line() == "hangs");
  BOOST_TEST(status_at_end("w") == "completed");
  running->send(SIGTERM);
  const auto end = running->wait(seconds(8));
  BOOST_TEST(end.exit_code == 0, end.err);
  BOOST_TEST(tenax({"serve", "--otlp-endpoint", "collector"}).exit_code == 2);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_served_is_said) {
  const auto far = tenax({"serve", "--listen", "0.0.0.0:0"});
  BOOST_TEST(far.exit_code == 2);
  BOOST_TEST(contains(far.err, "beyond loopback without tokens"));
  BOOST_TEST(tenax({"serve", "--exec-program", "/bin/true"}).exit_code == 2);
  start();
  const auto taken = tenax({"serve", "--listen", "127.0.0.1:0"});
  BOOST_TEST(taken.exit_code == 3);  // the directory is open
  BOOST_TEST(stop(SIGTERM).exit_code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
