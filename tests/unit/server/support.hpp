// support.hpp - a server on an engine in a directory of its own, and a client.
#pragma once

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "tenax/server.hpp"
#include "tests/unit/http/support.hpp"
#include "tests/unit/server/answers.hpp"

namespace tenax::api::tests {

using json = nlohmann::ordered_json;
using http::tests::answer;
using http::tests::client;
using http::tests::eventually;

/// What handlers were given, for others to end.
class tokens {
 public:
  void add(const action_context& c) {
    const std::lock_guard lock(mutex_);
    kept_[std::string(c.workflow_id)] = c.token();
  }
  std::string of(const std::string& id) {
    BOOST_REQUIRE_MESSAGE(eventually([&] { return there(id); }), "no attempt of " << id);
    const std::lock_guard lock(mutex_);
    return std::exchange(kept_[id], {});
  }

 private:
  bool there(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return !kept_[id].empty();
  }
  std::mutex mutex_;
  std::map<std::string, std::string> kept_;
};

class fixture {
 public:
  fixture() {
    char name[] = "/tmp/tenax-api-XXXXXX";
    dir = ::mkdtemp(name);
    opts.log = [](log_level, std::string_view) {};
    opts.retry = retry_policy::never();
    opts.handlers.add("ask", [this](const action_context& c) {
      given.add(c);
      return outcome::pending(std::nullopt, "a person");
    });
    opts.handlers.add("fail",
                      [](const action_context&) { return outcome::failure("broken", "no luck"); });
    opts.handlers.add("bytes", [](const action_context& c) {
      return outcome::success(c.input == "\"raw\"" ? "\xff\xfe" : "no json");
    });
    action_options paused;
    paused.retry = retry_policy::never();
    paused.retry->exhausted = on_exhausted::pause;
    opts.handlers.add(
        "pause", [](const action_context&) { return outcome::failure("broken", "no luck"); },
        paused);
  }
  ~fixture() {
    front.reset();
    engine.reset();
    std::filesystem::remove_all(dir);
  }

  void start() {
    auto opened = engine::open(dir / "data", opts);
    if (!opened) throw std::runtime_error(opened.error().to_string());
    engine.emplace(std::move(*opened));
    places.listen = {"127.0.0.1:0"};
    auto started = server::start(*engine, places);
    if (!started) throw std::runtime_error(started.error().to_string());
    front.emplace(std::move(*started));
  }

  client connect() { return client(front->addresses().at(0)); }
  answer ask(std::string_view method, std::string_view path, std::string_view body = "",
             std::string_view headers = "") {
    if (!front) start();
    auto c = connect();
    c.request(method, path, headers, body);
    auto a = c.read(method == "HEAD");
    if (method != "HEAD") keep_answer(method, path, a);
    return a;
  }
  answer get(std::string_view path, std::string_view headers = "") {
    return ask("GET", path, "", headers);
  }
  answer post(std::string_view path, std::string_view body = "", std::string_view headers = "") {
    return ask("POST", path, body, headers);
  }
  /// The document of an answer that must have this status.
  static json must(const answer& a, int status = 200) {
    BOOST_REQUIRE_MESSAGE(a.status == status, a.status << " " << a.body);
    return json::parse(a.body);
  }
  /// An error's document, which must be whole.
  static json refused(const answer& a, int status, std::string_view code) {
    const auto p = must(a, status);
    BOOST_TEST(a.headers.at("content-type") == "application/problem+json");
    BOOST_TEST(p["status"] == status);
    BOOST_TEST(p["code"] == code);
    BOOST_TEST(p["type"] == "urn:tenax:error:" + std::string(code));
    BOOST_TEST(p["request_id"] == a.headers.at("x-request-id"));
    for (const auto* name : {"title", "class", "detail"}) BOOST_TEST(p[name].is_string(), name);
    return p;
  }
  static std::string spec(const std::string& id, const std::string& type,
                          const std::string& input = "null") {
    return R"({"id":")" + id + R"(","name":"n","actions":[{"key":"a","type":")" + type +
           R"(","input":)" + input + "}]}";
  }
  void submit(const std::string& id, const std::string& type, const std::string& input = "null") {
    must(post("/v1/workflows", spec(id, type, input)), 201);
  }
  json workflow(const std::string& id, const std::string& query = "") {
    return must(get("/v1/workflows/" + id + query));
  }
  std::string status_at_end(const std::string& id) {
    return workflow(id, "?summary&wait_ms=10000")["workflow"]["status"];
  }

  std::filesystem::path dir;
  options opts;
  server_options places;
  tokens given;
  std::optional<tenax::engine> engine;
  std::optional<server> front;
};

}  // namespace tenax::api::tests
