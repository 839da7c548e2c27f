// The collector of traces, as tenax serve asks it.
#include "node/otlp.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>

#include "tests/unit/node/scripted.hpp"

using namespace tenax;
using namespace tenax::node;
using node_test::answer;
using node_test::scripted;
using kind = span_receipt::kind;

namespace {

span_receipt send_to(const std::string& url, const std::string& document = "{}",
                     const std::stop_token& stop = {}) {
  return collector_of(url).value()(document, stop);
}
span_receipt told(const std::string& status, const std::string& headers = "") {
  scripted server({answer(status, "{}", headers)});
  return send_to(server.url());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(otlp)

BOOST_AUTO_TEST_CASE(spans_are_posted_to_the_collector_as_json) {
  scripted server({answer("200 OK", "{}")});
  const auto r = send_to(server.url() + "/", R"({"resourceSpans":[]})");
  BOOST_TEST((r.what == kind::taken), r.why);
  const auto asked = server.requests().at(0);
  BOOST_TEST(asked.starts_with("POST /v1/traces HTTP/1.1\r\n"), asked);
  BOOST_TEST(asked.find("Content-Type: application/json\r\n") != std::string::npos, asked);
  BOOST_TEST(asked.find("Content-Length: 20\r\n") != std::string::npos, asked);
}

BOOST_AUTO_TEST_CASE(
    a_collector_that_has_too_much_to_do_is_asked_later_and_one_that_refuses_is_not) {
  for (const auto* status : {"429 Too Many", "502 Bad", "503 Busy", "504 Late"})
    BOOST_TEST((told(status).what == kind::again), status);
  for (const auto* status :
       {"400 Bad", "401 Who", "404 None", "413 Large", "500 Oops", "301 There"}) {
    const auto r = told(status, "Location: http://127.0.0.1:1/\r\n");
    BOOST_TEST((r.what == kind::refused), status);
    BOOST_TEST(r.why.find("HTTP " + std::string(status).substr(0, 3)) != std::string::npos, r.why);
  }
  BOOST_TEST((told("503 Busy", "Retry-After: 7\r\n").retry_after == std::chrono::seconds(7)));
}

BOOST_AUTO_TEST_CASE(a_collector_that_is_not_there_or_says_nothing_is_asked_later) {
  std::string gone;
  { gone = scripted({}).url(); }
  BOOST_TEST((send_to(gone).what == kind::again));
  scripted cut({""});
  BOOST_TEST((send_to(cut.url()).what == kind::again));
  scripted asked_in_vain({answer("200 OK", "{}")});
  std::stop_source stops;
  stops.request_stop();
  BOOST_TEST((send_to(asked_in_vain.url(), "{}", stops.get_token()).what == kind::again));
}

BOOST_AUTO_TEST_CASE(no_proxy_of_the_environment_is_asked_and_no_password_taken) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  BOOST_TEST((told("200 OK").what == kind::taken));
  ::unsetenv("http_proxy");
  for (const auto* wrong : {"", "collector:4318", "ftp://x", "http://me:pass@x", "http://x/?a=b"}) {
    const auto made = collector_of(wrong);
    BOOST_REQUIRE(!made);
    BOOST_TEST(made.error().message().find("--otlp-endpoint") != std::string::npos);
    BOOST_TEST(made.error().message().find("pass@") == std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
