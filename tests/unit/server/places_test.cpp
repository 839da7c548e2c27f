// Where a server listens, under which names, with which certificate: beyond this machine neither
// tokens nor TLS may be missing.
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>

#include "node/api/tokens.hpp"
#include "tests/unit/http/tls.hpp"
#include "tests/unit/server/support.hpp"

using namespace tenax;
using namespace tenax::api::tests;
using http::tests::tls_client;

namespace {

struct public_places : fixture {
  public_places() {
    http::tests::make_certificate(dir, "server", 1);
    ::chmod((dir / "server.key").c_str(), 0600);
    api::scope_set all;
    all.add(api::scope::admin);
    const auto made = api::make_token("test", all, {}, wall_time{});
    BOOST_REQUIRE(made);
    BOOST_REQUIRE(api::add_token(dir / "tokens", made->entry));
    token = made->text;
    auto opened = tenax::engine::open(dir / "data", opts);
    BOOST_REQUIRE(opened);
    engine.emplace(std::move(*opened));
  }

  [[nodiscard]] server_options with_all() const {
    server_options o;
    o.listen = {"0.0.0.0:0"};
    o.token_file = dir / "tokens";
    o.tls = {dir / "server.crt", dir / "server.key"};
    o.host_names = {"node.example"};
    return o;
  }
  /// Why it is refused; "" if it is not.
  std::string refusal(const server_options& o) {
    const auto s = server::start(*engine, o);
    if (s) return "";
    BOOST_TEST((s.error().code() == errc::invalid_argument));
    return s.error().message();
  }
  [[nodiscard]] std::string request(const std::string& host, bool with_token = true) const {
    return "GET /v1/version HTTP/1.1\r\nHost: " + host + "\r\n" +
           (with_token ? "Authorization: Bearer " + token + "\r\n" : "") + "\r\n";
  }
  /// The status of what is asked over TLS.
  [[nodiscard]] std::string ask_tls(const std::string& text) const {
    tls_client c(front->addresses()[0]);
    BOOST_REQUIRE(c.is_connected());
    c.send(text);
    const auto got = c.read(12);
    return got.size() < 12 ? got : got.substr(9, 3);
  }

  std::string token;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(api_places, public_places)

BOOST_AUTO_TEST_CASE(beyond_loopback_neither_tokens_nor_tls_may_be_missing) {
  for (const auto* address : {"0.0.0.0:0", "[::]:0", "192.168.1.1:0", "example.org:0", ":0",
                              "127.0.0.1.example.org:0", "1270.0.0.1:0", "128.0.0.1:0"}) {
    auto o = with_all();
    o.listen = {"127.0.0.1:0", address};
    o.token_file.clear();
    o.host_names.clear();
    BOOST_TEST(has(refusal(o), "beyond loopback without tokens"), address);
    BOOST_TEST(has(refusal(o), "tenax token create"), address);
    o = with_all();
    o.listen = {address};
    o.tls.reset();
    BOOST_TEST(has(refusal(o), "beyond loopback without TLS"), address);
    BOOST_TEST(has(refusal(o), "--tls-certificate"), address);
  }
  auto o = with_all();
  BOOST_TEST(refusal(o) == "");
  o.host_names.clear();
  BOOST_TEST(has(refusal(o), "--host-name"));
}

BOOST_AUTO_TEST_CASE(tls_files_that_are_no_good_are_refused) {
  auto o = with_all();
  o.tls->key.clear();
  BOOST_TEST(has(refusal(o), "both a certificate and its key"));
  o.tls->key = dir / "nothing";
  BOOST_TEST(has(refusal(o), "TLS files"));
  o = with_all();
  ::chmod(o.tls->key.c_str(), 0604);
  BOOST_TEST(has(refusal(o), "chmod 600"));
  ::chmod(o.tls->key.c_str(), 0640);  // a group may: how certificates are often shared
  BOOST_TEST(refusal(o) == "");
}

BOOST_AUTO_TEST_CASE(a_proxy_that_ends_tls_needs_tokens_and_no_certificate) {
  auto o = with_all();
  o.proxy_ends_tls = true;
  BOOST_TEST(has(refusal(o), "not at both"));
  o.tls.reset();
  BOOST_TEST(refusal(o) == "");
  o.token_file.clear();
  o.host_names.clear();
  o.listen = {"127.0.0.1:0"};
  BOOST_TEST(has(refusal(o), "behind a proxy"));
}

BOOST_AUTO_TEST_CASE(a_name_that_others_use_needs_tokens) {
  auto o = with_all();
  o.listen = {"127.0.0.1:0"};
  o.token_file.clear();
  BOOST_TEST(has(refusal(o), "needs tokens"));
  o.host_names = {"localhost", "127.0.0.3"};
  BOOST_TEST(refusal(o) == "");
  for (const auto* name : {"", "*", "a b", "node.example:80", "http://node.example", "[", "a/b"}) {
    o.host_names = {name};
    BOOST_TEST(has(refusal(o), "no host name"), name);
  }
}

BOOST_AUTO_TEST_CASE(it_serves_over_tls_under_its_names_only) {
  front.emplace(server::start(*engine, with_all()).value());
  BOOST_TEST(ask_tls(request("node.example")) == "200");
  BOOST_TEST(ask_tls(request("Node.Example:8362")) == "200");
  BOOST_TEST(ask_tls(request("localhost")) == "200");
  BOOST_TEST(ask_tls(request("evil.example")) == "421");
  BOOST_TEST(ask_tls(request("0.0.0.0")) == "421");
  BOOST_TEST(ask_tls(request("node.example", false)) == "401");
  BOOST_TEST(ask_tls("GET /v1/version HTTP/1.1\r\nHost: node.example\r\n"
                     "Origin: https://evil.example\r\n\r\n") == "403");
  client plain(front->addresses()[0]);
  plain.send(request("node.example"));
  BOOST_TEST(!has(plain.rest(), "HTTP"));
}

BOOST_AUTO_TEST_CASE(an_address_that_is_listened_on_is_one_of_its_names) {
  server_options o;
  o.listen = {"127.0.0.2:0"};
  front.emplace(server::start(*engine, o).value());
  client c(front->addresses()[0]);
  c.send(request("127.0.0.2"));
  BOOST_TEST(c.read().status == 200);
  c.send(request("127.0.0.3"));
  BOOST_TEST(c.read().status == 421);
}

BOOST_AUTO_TEST_CASE(connections_leave_file_descriptors_to_the_engine) {
  struct ::rlimit before {};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  auto few = before;
  few.rlim_cur = 900;
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  std::string logged;
  server_options o;
  o.listen = {"127.0.0.1:0"};
  o.log = [&](log_level, std::string_view what) { logged += what; };
  front.emplace(server::start(*engine, o).value());
  BOOST_TEST(has(logged, "at most 132 connections, not 10000"));
  ::setrlimit(RLIMIT_NOFILE, &before);
}

BOOST_AUTO_TEST_CASE(a_reload_takes_a_new_certificate_and_keeps_the_old_one_if_that_is_broken) {
  std::string logged;
  std::mutex mutex;
  auto o = with_all();
  o.log = [&](log_level, std::string_view what) {
    const std::lock_guard lock(mutex);
    logged += what;
  };
  front.emplace(server::start(*engine, o).value());
  const auto serial = [&] { return tls_client(front->addresses()[0]).serial(); };
  BOOST_TEST(serial() == 1);
  http::tests::make_certificate(dir, "server", 2);
  BOOST_TEST(!!front->reload());
  BOOST_TEST(serial() == 2);
  http::tests::make_certificate(dir, "other", 3);
  std::filesystem::rename(dir / "other.key", dir / "server.key");  // not this certificate's
  ::chmod((dir / "server.key").c_str(), 0600);
  BOOST_TEST(!front->reload());
  BOOST_TEST(serial() == 2);
  BOOST_TEST(has(logged, "the certificate stays as it was"));
  BOOST_TEST(ask_tls(request("localhost")) == "200");
  // Broken tokens do not keep a new certificate out.
  http::tests::make_certificate(dir, "server", 4);
  ::chmod((dir / "server.key").c_str(), 0604);
  BOOST_TEST(!front->reload());
  BOOST_TEST(serial() == 2);
  BOOST_TEST(has(logged, "can be read or written by everybody"));
  ::chmod((dir / "server.key").c_str(), 0600);
  ::chmod((dir / "tokens").c_str(), 0644);
  BOOST_TEST(!front->reload());
  BOOST_TEST(serial() == 4);
  BOOST_TEST(has(logged, "the tokens stay as they were"));
}

BOOST_AUTO_TEST_SUITE_END()
