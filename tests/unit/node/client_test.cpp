// The client, and a server that says what it is told to.
#include "node/client.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

#include "node/remote.hpp"
#include "tests/unit/node/scripted.hpp"

using namespace tenax;
using namespace tenax::node;
using node_test::answer;
using node_test::scripted;
using node_test::version;

namespace {

struct environment {
  environment(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~environment() { ::unsetenv(name_); }
  const char* name_;
};

error error_of(const endpoint& to) {
  auto opened = open_remote(to, "", "who");
  return opened ? error(errc::invalid_spec, "it was opened") : opened.error();
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(client_test)

BOOST_AUTO_TEST_CASE(a_change_without_an_answer_is_unknown_and_sent_once) {
  for (const std::string cut : {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"wor"}) {
    scripted server({version(), cut, cut, cut});
    const auto opened = open_remote({server.url(), {}, {}}, "", "who");
    BOOST_REQUIRE(opened);
    const auto done = (*opened)->signal("w", "go", "1", "");
    BOOST_REQUIRE(!done);
    BOOST_TEST((done.error().code() == errc::storage_unavailable), done.error().message());
    BOOST_TEST(has(done.error().message(), "nobody knows whether it happened"));
    const auto asked = server.requests();
    BOOST_REQUIRE(asked.size() == 2U);
    BOOST_TEST(asked[1].starts_with("POST /v1/workflows/w/signals HTTP/1.1\r\n"));
  }
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_is_named_and_nothing_happened) {
  std::string url;
  { url = scripted({}).url(); }
  const auto gone = error_of({url, {}, {}});
  BOOST_TEST((gone.code() == errc::unreachable));
  BOOST_TEST(has(gone.message(), url));
  for (const auto& text :
       {std::string("SSH-2.0-other\r\n"), answer("404 Not Found", "<html>"), answer("200 OK", "{}"),
        answer("302 Found", "", "Location: http://127.0.0.1:1/\r\n"), std::string()}) {
    scripted server({text, text});
    const auto e = error_of({server.url(), {}, {}});
    BOOST_TEST((e.code() == errc::unreachable), e.message());
    BOOST_TEST(has(e.message(), server.url()));
  }
  const auto none = error_of({"unix:/nowhere/api.sock", {}, {}});
  BOOST_TEST((none.code() == errc::unreachable), none.message());
}

BOOST_AUTO_TEST_CASE(a_server_of_another_version_is_told_from_one_that_refuses) {
  {
    scripted server({version("v2")});
    const auto e = error_of({server.url(), {}, {}});
    BOOST_TEST((e.code() == errc::format_too_new));
    BOOST_TEST(has(e.message(), "tenax 9.9 with the API v2"));
  }
  {
    scripted server(
        {version(), answer("404 Not Found", R"({"code":"no_such_path","detail":"x"})")});
    const auto opened = open_remote({server.url(), {}, {}}, "", "who");
    const auto e = opened.value()->explain("w").error();
    BOOST_TEST((e.code() == errc::format_too_new));
    BOOST_TEST(has(e.message(), "another version"));
  }
  {
    scripted server({answer("401 Unauthorized", R"({"code":"unauthorized","detail":"no token"})")});
    const auto e = error_of({server.url(), {}, {}});
    BOOST_TEST((e.code() == errc::invalid_argument));
    BOOST_TEST(has(e.message(), "no token (unauthorized)"));
  }
}

BOOST_AUTO_TEST_CASE(a_token_goes_nowhere_in_clear) {
  const std::string token = "tnx_secret";
  {
    scripted server({version()});
    BOOST_TEST(open_remote({server.url(), {}, token}, "", "who").has_value());
    BOOST_TEST(has(server.requests()[0], "Authorization: Bearer tnx_secret\r\n"));
  }
  for (const std::string url :
       {"http://192.0.2.1:8362", "http://tenax.example", "http://127.evil.example"}) {
    const auto e = error_of({url, {}, token});
    BOOST_TEST((e.code() == errc::invalid_argument), url);
    BOOST_TEST(!has(e.message(), token));
  }
  BOOST_TEST(
      (error_of({"http://127.0.0.1:1", {}, token + "\r\nX: y"}).code() == errc::invalid_argument));
  for (const std::string url : {"http://user:pass@127.0.0.1", "http://127.0.0.1?token=pass"}) {
    const auto e = error_of({url, {}, {}});
    BOOST_TEST((e.code() == errc::invalid_argument), url);
    BOOST_TEST(!has(e.message(), "pass"));
  }
}

BOOST_AUTO_TEST_CASE(only_http_is_spoken_and_no_proxy) {
  for (const std::string url :
       {"ftp://127.0.0.1", "file:///etc/passwd", "gopher://x", "", "http://"}) {
    const auto e = error_of({url, {}, {}});
    BOOST_TEST((e.code() == errc::invalid_argument), url << ": " << e.message());
  }
  const environment all("ALL_PROXY", "http://127.0.0.1:1");
  const environment http("http_proxy", "http://127.0.0.1:1");
  scripted server({version()});
  BOOST_TEST(open_remote({server.url(), {}, {}}, "", "who").has_value());
  BOOST_TEST(server.requests()[0].starts_with("GET /v1/version HTTP/1.1\r\n"));
}

BOOST_AUTO_TEST_CASE(ids_and_filters_are_one_segment_or_value_each) {
  scripted server({version(), version(), version()});
  const auto opened = open_remote({server.url() + "/behind/", {}, {}}, "", "who");
  BOOST_REQUIRE(opened);
  (void)(*opened)->get("a:1");
  list_query query;
  query.name = "a&limit=1 +%";
  query.page_token = "a+b/c=";
  (void)(*opened)->list(query);
  for (const auto* id : {"", ".", "..", "no/id", "no id"})  // none of a workflow: not asked
    BOOST_TEST(((*opened)->get(id).error().code() == errc::not_found));
  const auto asked = server.requests();
  BOOST_REQUIRE(asked.size() == 3U);
  BOOST_TEST(asked[0].starts_with("GET /behind/v1/version "));
  BOOST_TEST(asked[1].starts_with("GET /behind/v1/workflows/a%3A1 "), asked[1]);
  BOOST_TEST(asked[2].starts_with("GET /behind/v1/workflows?name=a%26limit%3D1%20%2B%25"
                                  "&cursor=a%2Bb%2Fc%3D&limit=100 "),
             asked[2]);
}

BOOST_AUTO_TEST_SUITE_END()
