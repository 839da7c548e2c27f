// What the action type http promises, against servers that say what they are told to.
#include "tenax/http_action.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "node/http_action/transfer.hpp"
#include "tests/unit/http/tls.hpp"
#include "tests/unit/http_action/support.hpp"
#include "tests/unit/node/scripted.hpp"

using namespace tenax;
using http_action_test::has;
using namespace std::chrono_literals;
using http::tests::eventually;
using json = nlohmann::ordered_json;
using node_test::answer;
using node_test::scripted;
using node_test::silence;
using kind = outcome::kind;

namespace {

constexpr wall_time now{1'700'000'000'000ms};  // Tue, 14 Nov 2023 22:13:20 GMT

/// "127.0.0.1:PORT"
std::string place_of(const scripted& server) { return server.url().substr(7); }
std::string port_of(const scripted& server) {
  return server.url().substr(server.url().rfind(':') + 1);
}

outcome call(http_options options, const json& input, std::stop_token stop = {}) {
  handler_registry registry;
  builtin::add_http(registry, std::move(options));
  action_context ctx;
  const auto text = input.dump();
  ctx.input = text;
  ctx.idempotency_key = "wf/pay";
  ctx.now = now;
  ctx.stop = std::move(stop);
  return registry.find("http")->run(ctx);
}

http_options allowing(const scripted& server) {
  http_options options;
  options.allow_hosts = {place_of(server)};
  return options;
}

json get(const scripted& server, const std::string& path = "/") {
  return {{"method", "GET"}, {"url", server.url() + path}};
}
json post(const scripted& server, json body) {
  return {{"method", "POST"}, {"url", server.url() + "/"}, {"body", std::move(body)}};
}

/// What an answer is made to.
outcome answered(const std::string& text, const json& more = json::object()) {
  scripted server({text});
  auto input = get(server);
  input.update(more);
  return call(allowing(server), input);
}

json result_of(const outcome& o) {
  BOOST_REQUIRE_MESSAGE(o.what == kind::success, o.error_class + ": " + o.message);
  return json::parse(o.result);
}

std::vector<fault> faults_of(const json& input, http_options options = {}) {
  if (options.allow_hosts.empty()) options.allow_hosts = {"api.example.com"};
  handler_registry registry;
  builtin::add_http(registry, std::move(options));
  return registry.find("http")->options.check(input.dump());
}

struct environment {
  environment(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~environment() { ::unsetenv(name_); }
  const char* name_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(http_action_suite)

BOOST_AUTO_TEST_CASE(a_2xx_answer_is_the_result) {
  const auto json_type = std::string("Content-Type: application/json; charset=utf-8\r\n");
  const auto body = R"({"id": 12345678901234567890123, "a":[1.5, "\u00e9"]})";
  const auto o = answered(answer("201 Created", body, json_type));
  BOOST_REQUIRE((o.what == kind::success));
  BOOST_TEST(o.result ==  // integers digit by digit
             "{\"status\":201,\"body\":{\"id\":12345678901234567890123,\"a\":[1.5,\"\xc3\xa9\"]}}");
  const auto problem = "Content-Type: application/problem+json\r\n";
  BOOST_TEST(result_of(answered(answer("200 OK", "[1]", problem)))["body"] == json::array({1}));
  // Headers are dropped; what is no JSON is a text, or base64.
  BOOST_TEST(answered(answer("200 OK", "{oops", json_type)).result ==
             R"({"status":200,"body":"{oops"})");
  BOOST_TEST(answered(answer("200 OK", "{\"a\":1}")).result ==
             R"({"status":200,"body":"{\"a\":1}"})");
  BOOST_TEST(answered(answer("200 OK", "\xff\xfe")).result ==
             R"({"status":200,"body_base64":"//4="})");
  BOOST_TEST(answered(answer("204 No Content", "")).result == R"({"status":204,"body":null})");
  // As deep as a result may be, and no deeper.
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  BOOST_TEST(result_of(answered(answer("200 OK", nested(63), json_type)))["body"].is_array());
  BOOST_TEST(result_of(answered(answer("200 OK", nested(64), json_type)))["body"].is_string());
}

BOOST_AUTO_TEST_CASE(a_request_has_what_the_input_says_and_the_attempts_key) {
  scripted server({answer("200 OK", ""), answer("200 OK", ""), answer("200 OK", ""),
                   answer("200 OK", ""), answer("200 OK", "")});
  auto input = post(server, {{"n", 1}, {"s", "\xc3\xa9\n"}});
  input["url"] = server.url() + "/a/../b%2Fc?x=1&y=a+b#part";
  input["headers"] = {{"X-One", "1"}, {"X-Empty", ""}};
  result_of(call(allowing(server), input));
  input = post(server, "plain");
  input["headers"] = {{"idempotency-key", "mine"}, {"Content-Type", "text/csv"}};
  result_of(call(allowing(server), input));
  input = {{"method", "POST"}, {"url", server.url()}};
  result_of(call(allowing(server), input));
  result_of(call(allowing(server), get(server)));
  input = {{"method", "HEAD"}, {"url", server.url()}, {"body", nullptr}};
  BOOST_TEST(call(allowing(server), input).result == R"({"status":200,"body":null})");
  const auto sent = server.requests();
  BOOST_REQUIRE(sent.size() == 5U);
  // Newer versions of libcurl leave the digits of %2F as they are.
  const auto line = sent[0].substr(0, sent[0].find(" HTTP/1.1\r\nHost: " + place_of(server)));
  BOOST_TEST((line == "POST /b%2fc?x=1&y=a+b" || line == "POST /b%2Fc?x=1&y=a+b"), sent[0]);
  for (const auto* header :
       {"\r\nX-One: 1\r\n", "\r\nX-Empty:\r\n", "\r\nIdempotency-Key: wf/pay\r\n",
        "\r\nContent-Type: application/json\r\n", "\r\nUser-Agent: tenax/"})
    BOOST_TEST(has(sent[0], header), sent[0]);
  BOOST_TEST(sent[0].ends_with("\r\n\r\n{\"n\":1,\"s\":\"\xc3\xa9\\n\"}"), sent[0]);
  BOOST_TEST(!has(sent[0], "Expect"));
  BOOST_TEST(has(sent[1], "\r\nidempotency-key: mine\r\n"));
  BOOST_TEST(!has(sent[1], "wf/pay"));
  BOOST_TEST(has(sent[1], "\r\nContent-Type: text/csv\r\n"));
  BOOST_TEST(sent[1].ends_with("\r\n\r\nplain"));
  BOOST_TEST(has(sent[2], "\r\nContent-Length: 0\r\n"), sent[2]);
  BOOST_TEST(!has(sent[2], "Content-Type"), sent[2]);
  BOOST_TEST(!has(sent[3], "Content-"), sent[3]);
  BOOST_TEST(sent[4].starts_with("HEAD / HTTP/1.1\r\n"));
}

BOOST_AUTO_TEST_CASE(a_request_has_the_trace_context_of_its_attempt) {
  const struct : token_source {
    [[nodiscard]] std::string token() const override { return {}; }
    [[nodiscard]] std::string traceparent() const override { return "00-aa-bb-01"; }
  } source;
  scripted server({answer("200 OK", ""), answer("200 OK", "")});
  handler_registry registry;
  builtin::add_http(registry, allowing(server));
  const auto text = get(server).dump();
  action_context ctx;
  ctx.input = text;
  (void)registry.find("http")->run(ctx);  // nobody collects spans
  ctx.tokens = &source;
  (void)registry.find("http")->run(ctx);
  const auto sent = server.requests();
  BOOST_REQUIRE(sent.size() == 2U);
  BOOST_TEST(!has(sent[0], "traceparent"));
  BOOST_TEST(has(sent[1], "\r\ntraceparent: 00-aa-bb-01\r\n"), sent[1]);
}

BOOST_AUTO_TEST_CASE(each_status_means_what_the_documents_say) {
  const std::map<std::string, kind> meanings{
      {"300 x", kind::fatal},   {"301 x", kind::fatal},   {"304 x", kind::fatal},
      {"307 x", kind::fatal},   {"400 x", kind::fatal},   {"401 x", kind::fatal},
      {"404 x", kind::fatal},   {"409 x", kind::fatal},   {"422 x", kind::fatal},
      {"408 x", kind::failure}, {"425 x", kind::failure}, {"429 x", kind::failure},
      {"503 x", kind::failure}, {"500 x", kind::unknown}, {"501 x", kind::unknown},
      {"502 x", kind::unknown}, {"504 x", kind::unknown}, {"599 x", kind::unknown}};
  for (const auto& [status, what] : meanings) {
    const auto o = answered(answer(status, status.starts_with("304") ? "" : "the \x1b reason\n"));
    BOOST_TEST((o.what == what), status);
    BOOST_TEST(o.error_class == "http_" + status.substr(0, 3));
    BOOST_TEST(!o.retry_after.has_value());
    if (status[0] != '3') BOOST_TEST(has(o.message, ": the \\x1b reason\\n"), o.message);
  }
}

BOOST_AUTO_TEST_CASE(what_may_be_done_once_is_not_repeated_after_a_proxys_word) {
  scripted server({answer("503 x", "reset before headers"), answer("408 x", ""),
                   answer("429 x", ""), answer("425 x", "")});
  handler_registry registry;
  builtin::add_http(registry, allowing(server));
  const auto text = get(server).dump();
  action_context ctx;
  ctx.input = text;
  ctx.delivery = delivery::at_most_once;
  for (const auto what : {kind::unknown, kind::unknown, kind::failure, kind::failure}) {
    BOOST_TEST((registry.find("http")->run(ctx).what == what));
  }
}

BOOST_AUTO_TEST_CASE(retry_after_is_when_the_next_attempt_is_made) {
  const auto wait = [](const std::string& status, const std::string& value) {
    const auto o = answered(answer(status, "", "Retry-After: " + value + "\r\n"));
    BOOST_TEST((o.what == kind::failure || o.what == kind::unknown), o.message);
    return o.retry_after.value_or(-1ms);
  };
  BOOST_TEST((wait("429 x", "17") == 17s));
  BOOST_TEST((wait("503 x", "17") == 17s));
  BOOST_TEST((wait("503 x", "Tue, 14 Nov 2023 22:14:20 GMT") == 1min));
  BOOST_TEST((wait("429 x", "99999999999999") == std::chrono::hours{24}));  // at most
  for (const std::string none : {"0", "-1", "soon", "Tue, 14 Nov 2023 22:00:00 GMT", "1 2", ""})
    BOOST_TEST((wait("429 x", none) == -1ms), none);  // the policy says
  BOOST_TEST((wait("500 x", "17") == -1ms));
}

BOOST_AUTO_TEST_CASE(redirects_are_not_followed) {
  scripted inside({answer("200 OK", "secret of the host")});
  scripted server({answer("302 Found", "", "Location: " + inside.url() + "/\r\n")});
  auto options = allowing(server);
  options.allow_hosts.push_back(place_of(inside));
  const auto o = call(options, get(server));
  BOOST_TEST((o.what == kind::fatal));
  BOOST_TEST(o.error_class == "http_302");
  BOOST_TEST(has(o.message, "redirects are not followed"));
  BOOST_TEST(inside.connections() == 0);
}

BOOST_AUTO_TEST_CASE(no_address_of_this_host_or_its_network_is_reached_and_no_socket_made) {
  scripted inside({answer("200 OK", "inside")});
  const auto port = port_of(inside);
  http_options options;
  options.allow_hosts = {"*:" + port};
  const http_action::allowed_hosts hosts(options.allow_hosts);
  for (const std::string host : {"127.0.0.1",
                                 "localhost",
                                 "LOCALHOST",
                                 "127.1",
                                 "127.0.1",
                                 "2130706433",
                                 "0x7f000001",
                                 "0x7f.1",
                                 "0177.0.0.1",
                                 "017700000001",
                                 "127.0.0.1.",
                                 "localhost.",
                                 "%31%32%37.0.0.1",
                                 "0.0.0.0",
                                 "0",
                                 "127.255.255.254",
                                 "10.0.0.1",
                                 "10.1",
                                 "100.64.0.1",
                                 "169.254.169.254",
                                 "0xa9fea9fe",
                                 "2852039166",
                                 "172.16.0.1",
                                 "192.168.0.1",
                                 "192.0.0.1",
                                 "198.18.0.1",
                                 "224.0.0.1",
                                 "240.0.0.1",
                                 "255.255.255.255",
                                 "[::1]",
                                 "[::]",
                                 "[0:0:0:0:0:0:0:1]",
                                 "[::127.0.0.1]",
                                 "[::ffff:127.0.0.1]",
                                 "[::ffff:7f00:1]",
                                 "[::ffff:169.254.169.254]",
                                 "[64:ff9b::127.0.0.1]",
                                 "[2002:7f00:1::]",
                                 "[2001::1]",
                                 "[2001:db8::1]",
                                 "[fe80::1]",
                                 "[fc00::1]",
                                 "[fd00:ec2::254]",
                                 "[ff02::1]",
                                 "[::1%25lo]",
                                 "[fe80::1%25eth0]"}) {
    const auto url = "http://" + host + ":" + port + "/latest/meta-data";
    const auto o = call(options, {{"method", "GET"}, {"url", url}});
    BOOST_TEST((o.what == kind::fatal || o.what == kind::failure), url + " " + o.message);
    BOOST_TEST((o.error_class == "http_refused_address" || o.error_class == "bad_input" ||
                o.error_class == "http_network"),
               url + " " + o.error_class + ": " + o.message);
    curl::owned<CURLU> parsed(curl_url());
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) continue;
    const http_action::place target{host, static_cast<std::uint16_t>(std::stoi(port)), false};
    const auto got = http_action::transfer({"GET", parsed.get(), target, {}, {}}, hosts,
                                           {5s, 5s, 1'000}, {}, {});
    BOOST_TEST(got.sockets == 0U, url);
    BOOST_TEST(!got.was_sent, url);
  }
  BOOST_TEST(inside.connections() == 0);
}

BOOST_AUTO_TEST_CASE(a_name_reaches_an_address_of_this_host_only_if_that_is_allowed_too) {
  scripted server({answer("200 OK", "inside")});
  const json input{{"method", "GET"}, {"url", "http://localhost:" + port_of(server)}};
  http_options options;
  options.allow_hosts = {"localhost:" + port_of(server)};
  const auto o = call(options, input);
  BOOST_TEST((o.what == kind::fatal));
  BOOST_TEST(o.error_class == "http_refused_address");
  BOOST_TEST(has(o.message, "(loopback)"), o.message);
  options.allow_hosts.push_back("127.0.0.0/8:1");  // another port
  BOOST_TEST(call(options, input).error_class == "http_refused_address");
  options.allow_hosts.push_back("127.0.0.0/8:" + port_of(server));
  BOOST_TEST(result_of(call(options, input))["body"] == "inside");
}

BOOST_AUTO_TEST_CASE(no_proxy_is_used_whatever_the_environment_says) {
  scripted proxy({answer("200 OK", "by a proxy")});
  scripted server({answer("200 OK", "itself")});
  const environment a("http_proxy", proxy.url());
  const environment b("HTTP_PROXY", proxy.url());
  const environment c("ALL_PROXY", proxy.url());
  BOOST_TEST(result_of(call(allowing(server), get(server)))["body"] == "itself");
  BOOST_TEST(proxy.connections() == 0);
}

BOOST_AUTO_TEST_CASE(faulty_inputs_are_refused_with_every_fault) {
  const json good{{"method", "POST"}, {"url", "https://api.example.com/x"}};
  BOOST_TEST(faults_of(good).empty());
  const auto path_of = [&](const char* name, const json& value) {
    auto input = good;
    input[name] = value;
    const auto faults = faults_of(input);
    BOOST_REQUIRE_MESSAGE(faults.size() == 1U, input.dump());
    return faults[0].path;
  };
  for (const std::string url :
       {"", "api.example.com", "ftp://api.example.com", "file:///etc/passwd",
        "gopher://api.example.com", "http://", "https://other.example.com/",
        "https://api.example.com:8443/", "https://api.example.com@evil.example/",
        "https://user:pass@api.example.com/", "https://user@api.example.com/",
        "https://api.example.com/a b", "https://api.example.com/\r\nX: y",
        "https://api.example.com/\xc3\xa9", "https://api.example.com\\@evil.example/",
        "https://evil.example#@api.example.com/", "https://evil.example?@api.example.com/"})
    BOOST_TEST(path_of("url", url) == "/url", url);
  for (const std::string method : {"", "get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\nX: y"})
    BOOST_TEST(path_of("method", method) == "/method", method);
  for (const std::string name : {"", "a b", "a:", "a\r\nb", "h\xc3\xb6", "Host", "CONTENT-LENGTH",
                                 "Transfer-Encoding", "connection", "Upgrade", "Expect", "TE"})
    BOOST_TEST(path_of("headers", {{name, "v"}}).starts_with("/headers"), name);
  for (const auto& value :
       std::vector<std::string>{"a\r\nX: y", "a\nb", "a\rb", std::string("a\0b", 3), "\x7f"})
    BOOST_TEST(path_of("headers", {{"X-A", value}}) == "/headers/X-A", value);
  BOOST_TEST(path_of("headers", {{"X-A", "1"}, {"x-a", "2"}}) == "/headers/x-a");
  BOOST_TEST(path_of("headers", {{"X-A", 1}}) == "/headers/X-A");
  BOOST_TEST(path_of("headers", "X-A: 1") == "/headers");
  for (const json& time : {json(0), json(-1), json(60.001), json("1"), json(1e300)})
    BOOST_TEST(path_of("timeout_seconds", time) == "/timeout_seconds");
  BOOST_TEST(path_of("follow", true) == "/follow");
  BOOST_TEST(faults_of(json::object()).size() == 2U);
  BOOST_TEST(
      faults_of({{"method", "HEAD"}, {"url", "http://api.example.com"}, {"body", 1}}).size() == 1U);
  BOOST_TEST(faults_of(json::array()).size() == 1U);
  const auto o = call({.allow_hosts = {"api.example.com"}}, {{"method", "GET"}});
  BOOST_TEST((o.what == kind::fatal));
  BOOST_TEST(o.error_class == "bad_input");
}

BOOST_AUTO_TEST_CASE(options_that_are_no_good_refuse_every_request) {
  http_options options;
  BOOST_TEST(call(options, {{"method", "GET"}, {"url", "http://api.example.com"}}).error_class ==
             "bad_input");
  options.allow_hosts = {"api.example.com"};
  options.timeout = 0ms;
  const auto o = call(options, {{"method", "GET"}, {"url", "http://api.example.com"}});
  BOOST_TEST(has(o.message, "the options of http: timeout must be"), o.message);
}

BOOST_AUTO_TEST_CASE(what_may_have_been_done_is_unknown_and_what_was_not_sent_is_a_failure) {
  std::string url;
  std::string place;
  {
    const scripted gone({});
    url = gone.url();
    place = place_of(gone);
  }
  const auto refused = call({.allow_hosts = {place}}, {{"method", "POST"}, {"url", url}});
  BOOST_TEST((refused.what == kind::failure), refused.message);
  BOOST_TEST(refused.error_class == "http_network");
  BOOST_TEST(has(refused.message, "not sent: "));
  for (const std::string cut :
       {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", "SSH-2.0-other\r\n"}) {
    scripted server({cut, cut, cut});
    const auto o = call(allowing(server), post(server, 1));
    BOOST_TEST((o.what == kind::unknown), o.message);
    BOOST_TEST(o.error_class == "http_network");
    BOOST_TEST(server.connections() == 1, cut);  // and never by itself again
  }
}

BOOST_AUTO_TEST_CASE(an_answer_that_does_not_come_in_time_is_given_up) {
  scripted server({silence});
  auto input = post(server, 1);
  input["timeout_seconds"] = 0.05;
  const auto o = call(allowing(server), input);
  BOOST_TEST((o.what == kind::unknown));
  BOOST_TEST(o.error_class == "http_timeout");
  BOOST_TEST(has(o.message, "50 ms"), o.message);
}

BOOST_AUTO_TEST_CASE(a_stop_request_ends_a_request_at_once) {
  using clock = std::chrono::steady_clock;
  auto soonest = clock::duration::max();
  for (int tries = 0; tries < 3; ++tries) {  // the machine may have other work
    scripted server({silence, silence});
    std::stop_source stop;
    clock::time_point asked;
    std::thread asks([&] {
      (void)eventually([&] { return !server.requests().empty(); });
      asked = clock::now();
      stop.request_stop();
    });
    const auto o = call(allowing(server), get(server), stop.get_token());
    asks.join();
    soonest = std::min(soonest, clock::now() - asked);
    BOOST_TEST((o.what == kind::unknown));
    BOOST_TEST(o.error_class == "stopped");
    const auto again = call(allowing(server), get(server), stop.get_token());
    BOOST_TEST((again.what == kind::failure));  // not begun
    BOOST_TEST(server.connections() == 1);
  }
  BOOST_TEST((soonest < 100ms));  // libcurl by itself looks up later
}

BOOST_AUTO_TEST_CASE(more_than_the_cap_is_not_read_and_that_is_said) {
  scripted server({answer("200 OK", "abcdefghij"), answer("200 OK", "abc\xe2\x82\xac"),
                   answer("200 OK", "abcd"),
                   answer("200 OK", "[1,2,3,4]", "Content-Type: application/json\r\n")});
  auto options = allowing(server);
  options.response_bytes_max = 4;
  BOOST_TEST(call(options, get(server)).result ==
             R"({"status":200,"body":"abcd","body_truncated":true})");
  BOOST_TEST(call(options, get(server)).result ==  // no half character
             R"({"status":200,"body":"abc","body_truncated":true})");
  BOOST_TEST(call(options, get(server)).result == R"({"status":200,"body":"abcd"})");
  BOOST_TEST(call(options, get(server)).result ==
             R"({"status":200,"body":"[1,2","body_truncated":true})");
  const std::string head(70'000, 'x');
  const auto o = answered(answer("200 OK", "", "X-Long: " + head + "\r\n"));
  BOOST_TEST(o.error_class == "http_network");
}

BOOST_AUTO_TEST_CASE(certificates_are_checked) {
  std::string made = (std::filesystem::temp_directory_path() / "tenax-http-XXXXXX").string();
  BOOST_REQUIRE(::mkdtemp(made.data()) != nullptr);
  const std::filesystem::path dir(made);
  http::tests::make_certificate(dir, "localhost");
  http::tests::make_certificate(dir, "other");
  http::options served;
  served.tls = http::tls_options{dir / "localhost.crt", dir / "localhost.key", ""};
  const auto server = http::tests::must_start(served, [](http::request, const http::responder& to) {
    to.send({200, {}, "by TLS"});
  });
  const auto port = server.addresses().at(0).substr(server.addresses().at(0).rfind(':') + 1);
  http_options options;
  options.allow_hosts = {"localhost:" + port, "127.0.0.1:" + port};
  const json input{{"method", "GET"}, {"url", "https://localhost:" + port}};
  for (const std::string trusted : {"", "other.crt"}) {
    options.cacert = trusted.empty() ? "" : dir / trusted;
    const auto o = call(options, input);
    BOOST_TEST((o.what == kind::failure), o.message);  // nothing was sent
    BOOST_TEST(o.error_class == "http_network");
  }
  options.cacert = dir / "localhost.crt";
  BOOST_TEST(result_of(call(options, input))["body"] == "by TLS");
  const auto by_address = call(options, {{"method", "GET"}, {"url", "https://127.0.0.1:" + port}});
  BOOST_TEST((by_address.what == kind::failure), by_address.message);  // another name
  std::filesystem::remove_all(dir);
}

BOOST_AUTO_TEST_SUITE_END()
