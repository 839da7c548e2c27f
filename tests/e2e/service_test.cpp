// tenax serve as a service: its settings, what it tells systemd, its log.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "tests/unit/http/support.hpp"

using e2e::contains;
using e2e::json;
using std::chrono::seconds;
using tenax::http::tests::client;

namespace {

class service : public e2e::world {
 public:
  /// With these variables in its environment.
  void start(const e2e::arguments& variables, e2e::arguments more = {}) {
    e2e::arguments args{"serve", "--listen", "127.0.0.1:0", "--output", "json"};
    args.insert(args.end(), more.begin(), more.end());
    e2e::arguments words{"env"};
    words.insert(words.end(), variables.begin(), variables.end());
    const auto program = command(args);
    words.insert(words.end(), program.begin(), program.end());
    running = std::make_unique<e2e::process>(words);
    std::string line;
    BOOST_REQUIRE(e2e::eventually([&] {
      line += running->take_output(std::chrono::milliseconds(20));
      return contains(line, "\n");
    }));
    address = json::parse(line)["listening"][0];
  }
  int post(std::string_view path, std::string_view body) const {
    client c(address);
    c.request("POST", path, "", body);
    return c.read().status;
  }

  std::unique_ptr<e2e::process> running;
  std::string address;
};

/// What stands for systemd.
class notify_socket {
 public:
  explicit notify_socket(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    ::sockaddr_un at{};
    at.sun_family = AF_UNIX;
    path.copy(at.sun_path, sizeof at.sun_path - 1);
    BOOST_REQUIRE(::bind(fd_, reinterpret_cast<const ::sockaddr*>(&at), sizeof at) == 0);
    const ::timeval limit{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  ~notify_socket() { ::close(fd_); }
  notify_socket(const notify_socket&) = delete;
  notify_socket& operator=(const notify_socket&) = delete;
  /// The next word but for the watchdog's.
  [[nodiscard]] std::string told() {
    for (;;) {
      char text[1'000];
      const auto n = ::recv(fd_, text, sizeof text, 0);
      const std::string word(text, n < 0 ? 0 : static_cast<std::size_t>(n));
      if (word != "WATCHDOG=1") return word;
      ++alive;
    }
  }

  int alive = 0;

 private:
  int fd_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(as_a_service, service)

BOOST_AUTO_TEST_CASE(systemd_is_told_when_it_serves_reloads_and_stops) {
  notify_socket systemd(path("notify"));
  start({"NOTIFY_SOCKET=" + path("notify"), "WATCHDOG_USEC=30000"});
  BOOST_TEST(systemd.told().starts_with("READY=1\nSTATUS=serving on http://127.0.0.1:"));
  running->send(SIGHUP);
  BOOST_TEST(systemd.told().starts_with("RELOADING=1\n"));
  BOOST_TEST(systemd.told().starts_with("READY=1\n"));
  running->send(SIGTERM);
  BOOST_TEST(systemd.told().starts_with("STOPPING=1\n"));
  BOOST_TEST(systemd.alive > 0);
  BOOST_TEST(running->wait().exit_code == 0);
}

BOOST_AUTO_TEST_CASE(its_settings_come_from_options_the_environment_and_a_file) {
  const auto config = file("tenax.toml",
                           "drain_ms = 70\nmax_attempts = 7\nallow_exec = true\n"
                           "listen = ['127.0.0.1:7', '127.0.0.1:8']\nlog_format = 'json'\n");
  const auto command_line = command(
      {"serve", "--config", config, "--print-config", "--output", "json", "--max-attempts", "9"});
  e2e::arguments words{"env", "TENAX_DRAIN_MS=80"};
  words.insert(words.end(), command_line.begin(), command_line.end());
  const auto shown = e2e::run(words);
  BOOST_TEST(shown.exit_code == 0, shown.err);
  std::map<std::string, std::pair<json, std::string>> all;
  const auto printed = json::parse(shown.out);
  for (const auto& s : printed["settings"])
    all[s["key"].get<std::string>()] = {s["value"], s["from"].get<std::string>()};
  BOOST_TEST(all["max_attempts"].first == "9");
  BOOST_TEST(all["max_attempts"].second == "--max-attempts");
  BOOST_TEST(all["drain_ms"].first == "80");
  BOOST_TEST(all["drain_ms"].second == "TENAX_DRAIN_MS");
  BOOST_TEST(all["listen"].first == json({"127.0.0.1:7", "127.0.0.1:8"}));
  BOOST_TEST(all["listen"].second == config + ":4:10");
  BOOST_TEST(all["allow_exec"].first == "true");
  BOOST_TEST(all["durability"].second == "default");
  BOOST_TEST(all["data_dir"].first == data());
  for (const auto* key :
       {"config", "print_config", "output", "help", "server", "server_token_file"})
    BOOST_TEST(!all.contains(key));
  BOOST_TEST(contains(tenax({"serve", "--config", config, "--print-config"}).out, "drain_ms"));

  const auto typo = tenax({"serve", "--config", file("typo.toml", "\ntoken_fil = 'x'\n")});
  BOOST_TEST(typo.exit_code == 2);
  BOOST_TEST(contains(typo.err, "typo.toml:2:13: token_fil is no setting; there are token_file"));
  BOOST_TEST(tenax({"serve", "--config", path("none.toml")}).exit_code == 2);
  // The example that comes with it is one.
  const auto example = tenax({"serve", "--print-config", "--config",
                              std::string(TENAX_SOURCE_DIR) + "/examples/tenax.toml"});
  BOOST_TEST(example.exit_code == 0, example.err);
}

BOOST_AUTO_TEST_CASE(a_file_of_settings_is_what_it_serves_under) {
  const auto config = file("tenax.toml", "token_file = '" + path("tokens") + "'\n");
  BOOST_TEST(tenax({"token", "create", "n", "--scope", "read", "--token-file", path("tokens")})
                 .exit_code == 0);
  start({"TENAX_CONFIG=" + config});
  BOOST_TEST(post("/v1/workflows", "{}") == 401);
  running->send(SIGTERM);
  BOOST_TEST(running->wait().exit_code == 0);
}

BOOST_AUTO_TEST_CASE(no_payload_is_logged_at_the_default_level) {
  const std::string secret = "Xyzzy-17";
  start({}, {"--allow-exec", "--max-attempts", "1", "--log-format", "json"});
  const auto spec = [&](const std::string& id, const std::string& type, const std::string& input) {
    return R"({"id":")" + id + R"(","name":"n","actions":[{"key":"a","type":")" + type +
           R"(","input":)" + input + "}]}";
  };
  BOOST_TEST(post("/v1/workflows", spec("w1", "noop", "\"" + secret + "\"")) == 201);
  BOOST_TEST(post("/v1/workflows", spec("w2", "exec",
                                        R"({"argv":["sh","-c","echo )" + secret + R"( >&2; echo )" +
                                            secret + R"(; exit 3"]})")) == 201);
  BOOST_TEST(post("/v1/workflows", spec("w3", "wait_signal", R"({"name":"go"})")) == 201);
  BOOST_TEST(post("/v1/workflows/w3/signals", R"({"name":"go","payload":")" + secret + "\"}") ==
             200);
  BOOST_TEST(post("/v1/workflows", spec("w4", "wait", "\"" + secret + "\"")) == 422);
  BOOST_TEST(post("/v1/workflows", "{\"" + secret) == 422);
  BOOST_TEST(post("/v1/workflows/w1/cancel", R"({"reason":")" + secret + "\"}") != 500);
  BOOST_TEST(post("/v1/attempts/end", R"({"token":")" + secret + R"(","outcome":"complete"})") ==
             400);
  for (const auto* id : {"w1", "w2", "w3"}) {
    client c(address);
    c.get("/v1/workflows/" + std::string(id) + "?summary&wait_ms=10000");
    BOOST_TEST(c.read().status == 200);
  }
  running->send(SIGTERM);
  const auto end = running->wait();
  BOOST_TEST(end.exit_code == 0);
  BOOST_TEST(!contains(end.err, secret), end.err);
}

BOOST_AUTO_TEST_CASE(the_log_is_lines_of_json_with_what_they_are_about) {
  start({}, {"--log-format", "json", "--log-level", "info"});
  BOOST_TEST(post("/v1/workflows",
                  R"({"id":"w","name":"n","actions":[{"key":"a","type":"log_message",)"
                  R"("input":{"level":"info","message":"say \"it\"\nnow"}}]})") == 201);
  client c(address);
  c.get("/v1/workflows/w?summary&wait_ms=10000");
  BOOST_TEST(c.read().status == 200);
  BOOST_TEST(post("/v1/workflows/w/cancel", "") == 409);
  running->send(SIGTERM);
  const auto end = running->wait();
  std::vector<json> lines;
  for (std::size_t from = 0; from < end.err.size();) {
    const auto line_end = std::min(end.err.find('\n', from), end.err.size());
    lines.push_back(json::parse(end.err.substr(from, line_end - from)));
    from = line_end + 1;
  }
  BOOST_TEST_REQUIRE(lines.size() == 2U, end.err);
  BOOST_TEST(lines[0]["level"] == "info");
  BOOST_TEST(lines[0]["workflow"] == "w");
  BOOST_TEST(lines[0]["action"] == "a");
  BOOST_TEST(lines[0]["attempt"] == 1);
  BOOST_TEST(contains(lines[0]["message"].get<std::string>(), "say \"it\""));
  BOOST_TEST(lines[0]["time"].get<std::string>().size() == 24U);
  BOOST_TEST(lines[1]["message"] == "POST /v1/workflows/w/cancel: 409");
  BOOST_TEST(lines[1]["request_id"].is_string());
}

BOOST_AUTO_TEST_SUITE_END()
