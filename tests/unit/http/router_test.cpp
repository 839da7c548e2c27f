// Paths and their handlers.
#include <boost/test/unit_test.hpp>
#include <string>

#include "http/router.hpp"
#include "tests/unit/http/support.hpp"

using namespace tenax::http;
using namespace tenax::http::tests;

namespace {

handler says(std::string text) {
  return [text](const request& r, const responder& to) {
    std::string body = text;
    for (const auto& [name, value] : r.params) body += " " + name + "=" + value;
    to.send({200, {}, body});
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(routing)

BOOST_AUTO_TEST_CASE(a_path_finds_its_handler) {
  router table;
  table.add("GET", "/w/{id}", says("one"));
  table.add("GET", "/w", says("all"));
  table.add("POST", "/w", says("new"));
  table.add("GET", "/w/{id}/a/{key}", says("action"));
  table.add("GET", "/w/counts", says("counts"));
  table.add("GET", "/", says("root"));
  const auto s = must_start({}, table);
  client c(s.addresses()[0]);
  const auto ask = [&](std::string_view method, std::string_view path) {
    c.request(method, path, "", "");
    return c.read(method == "HEAD");
  };
  BOOST_TEST(ask("GET", "/").body == "root");
  BOOST_TEST(ask("GET", "/w").body == "all");
  BOOST_TEST(ask("POST", "/w").body == "new");
  BOOST_TEST(ask("GET", "/w/7?x=y").body == "one id=7");
  BOOST_TEST(ask("GET", "/w/counts").body == "counts");  // a literal goes first
  BOOST_TEST(ask("GET", "/%77/a%2Fb%20c").body == "one id=a/b c");
  BOOST_TEST(ask("GET", "/w/7/a/x").body == "action id=7 key=x");
  for (const char* none : {"/v", "/w/", "/w/7/", "/w/7/b/x", "//", "/w//a/x", "/W"}) {
    BOOST_TEST(ask("GET", none).status == 404, none);
  }
}

BOOST_AUTO_TEST_CASE(a_method_that_a_path_does_not_have_is_405) {
  router table;
  table.add("GET", "/w/{id}", says("one"));
  table.add("DELETE", "/w/{id}", says("gone"));
  const auto s = must_start({}, table);
  client c(s.addresses()[0]);
  c.request("PUT", "/w/1", "", "x");
  const auto refused = c.read();
  BOOST_TEST(refused.status == 405);
  BOOST_TEST(refused.headers.at("allow") == "GET, HEAD, DELETE, OPTIONS");
  c.request("OPTIONS", "/w/1", "", "");
  const auto asked = c.read(true);
  BOOST_TEST(asked.status == 204);
  BOOST_TEST(asked.headers.at("allow") == "GET, HEAD, DELETE, OPTIONS");
  c.request("HEAD", "/w/1", "", "");
  BOOST_TEST(c.read(true).headers.at("content-length") == "8");
  c.request("get", "/w/1", "", "");
  BOOST_TEST(c.read().status == 405);
  table.add("GET", "/w/all", says("all"));
  const auto two = must_start({}, table);
  client d(two.addresses()[0]);
  d.request("PUT", "/w/all", "", "x");
  BOOST_TEST(d.read().headers.at("allow") == "GET, HEAD, DELETE, OPTIONS");
  c.request("OPTIONS", "/none", "", "");
  BOOST_TEST(c.read().status == 404);
}

BOOST_AUTO_TEST_CASE(the_application_words_its_refusals) {
  router table;
  table.add("GET", "/", says("root"));
  table.set_refusal([](int status, std::string_view, const request& r) {
    return response{status, {}, "no " + r.path};
  });
  const auto s = must_start({}, table);
  client c(s.addresses()[0]);
  c.get("/x");
  BOOST_TEST(c.read().body == "no /x");
}

BOOST_AUTO_TEST_SUITE_END()
