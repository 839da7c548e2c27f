// The awkward requests: what framing takes and what it refuses, whole and a byte at a time.
#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "http/framing.hpp"

using namespace tenax::http;

namespace {

constexpr framing_limits small{.head_bytes_max = 512, .headers_max = 8, .body_bytes_max = 64};

struct verdict {
  std::vector<request> requests{};
  int refused = 0;          ///< the status; 0 if it was not
  bool is_waiting = false;  ///< in the middle of a request
};

/// What a connection's bytes become when they come `step` at a time.
verdict frame(std::string_view bytes, std::size_t step, framing_limits limits = small) {
  verdict v;
  framer f(limits);
  while (true) {
    auto part = bytes.substr(0, step);
    bytes.remove_prefix(part.size());
    do {
      const auto done = f.next(part);
      if (done == framer::step::refused) {
        v.refused = f.refusal().status;
        BOOST_TEST(!f.refusal().reason.empty());
        return v;
      }
      if (done == framer::step::complete) v.requests.push_back(f.take());
      v.is_waiting = done == framer::step::head;
    } while (!part.empty() || v.is_waiting);
    if (bytes.empty()) return v;
  }
}

/// The same however the bytes come.
verdict frame(std::string_view bytes, framing_limits limits = small) {
  const auto whole = frame(bytes, bytes.size(), limits);
  for (const std::size_t step : {1u, 2u, 3u, 7u}) {
    const auto split = frame(bytes, step, limits);
    BOOST_TEST(split.refused == whole.refused);
    BOOST_TEST(split.requests.size() == whole.requests.size());
  }
  return whole;
}

std::string get(std::string_view more) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(more) + "\r\n";
}
std::string post(std::string_view headers, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

void check_refused(int status, const std::vector<std::string>& all) {
  for (const auto& bytes : all) {
    BOOST_TEST_CONTEXT(bytes) {
      const auto v = frame(bytes);
      BOOST_TEST(v.refused == status);
      BOOST_TEST(v.requests.empty());
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(framing)

BOOST_AUTO_TEST_CASE(a_request_is_read_as_it_was_sent) {
  const auto v = frame(
      "POST /v1/a%2Fb?x=1&y HTTP/1.1\r\nHost: localhost:80\r\nX-Thing:  some value \r\n"
      "Content-Length: 5\r\n\r\nhello");
  BOOST_REQUIRE_EQUAL(v.requests.size(), 1u);
  const auto& r = v.requests[0];
  BOOST_TEST(r.method == "POST");
  BOOST_TEST(r.path == "/v1/a%2Fb");
  BOOST_TEST(r.query == "x=1&y");
  BOOST_TEST(r.body == "hello");
  BOOST_TEST(r.find_header("x-thing").value() == "some value");
  BOOST_TEST(r.find_header("host").value() == "localhost:80");
  BOOST_TEST(!r.find_header("X-Thing").has_value());
  BOOST_TEST(r.keep_alive);
}

BOOST_AUTO_TEST_CASE(pipelined_requests_come_one_after_the_other) {
  const auto v = frame(post("Content-Length: 3\r\n", "abc") + get("") +
                       post("Content-Length: 0\r\n", "") + get("X: y\r\n"));
  BOOST_REQUIRE_EQUAL(v.requests.size(), 4u);
  BOOST_TEST(v.requests[0].body == "abc");
  BOOST_TEST(v.requests[1].body.empty());
  BOOST_TEST(v.requests[1].method == "GET");
  BOOST_TEST(v.requests[3].find_header("x").value() == "y");
}

BOOST_AUTO_TEST_CASE(what_follows_a_body_is_another_request_and_no_part_of_it) {
  const auto v = frame(post("Content-Length: 4\r\n", "GET GET / HTTP/1.1\r\nHost: b\r\n\r\n"));
  BOOST_REQUIRE_EQUAL(v.requests.size(), 2u);
  BOOST_TEST(v.requests[0].body == "GET ");
  BOOST_TEST(v.requests[1].find_header("host").value() == "b");
}

BOOST_AUTO_TEST_CASE(any_transfer_encoding_is_411) {
  check_refused(411, {
                         post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
                         post("Transfer-Encoding: identity\r\n", ""),
                         post("transfer-encoding:\tchunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
                         post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
                         post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
                         post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
                         post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
                         post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", ""),
                         post("Transfer-Encoding:\r\n", ""),
                         post("Content-Length: 3\r\nTransfer-Encoding: , chunked\r\n", "abc"),
                     });
}

BOOST_AUTO_TEST_CASE(a_content_length_is_one_number_of_digits) {
  check_refused(400, {
                         post("Content-Length: +7\r\n", "1234567"),
                         post("Content-Length: -1\r\n", ""),
                         post("Content-Length: 0x5\r\n", "hello"),
                         post("Content-Length: 5 5\r\n", "hello"),
                         post("Content-Length: 5, 5\r\n", "hello"),
                         post("Content-Length: 5,6\r\n", "hello"),
                         post("Content-Length: 5,\r\n", "hello"),
                         post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
                         post("Content-Length: 5\r\ncontent-length: 6\r\n", "hello1"),
                         post("Content-Length:\r\n", ""),
                         post("Content-Length: 5.0\r\n", "hello"),
                         post("Content-Length: 1e1\r\n", "hello"),
                         post("Content-Length: 18446744073709551616\r\n", ""),
                         post("Content-Length: 99999999999999999999999\r\n", ""),
                     });
  BOOST_TEST(frame(post("Content-Length: 005\r\n", "hello")).requests.at(0).body == "hello");
}

BOOST_AUTO_TEST_CASE(a_request_has_exactly_one_host) {
  check_refused(400, {
                         "GET / HTTP/1.1\r\n\r\n",
                         "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                         "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
                         "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
                         "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
                         "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
                         "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
                         "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
                     });
  BOOST_TEST(frame("GET / HTTP/1.0\r\n\r\n").requests.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_target_is_a_path) {
  const auto with = [](std::string target) {
    return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  check_refused(400, {with("http://a/"), with("*"), with("a:80"), with("a"), with(""), with("/a b"),
                      with("/%00"), with("/a%0"), with("/%zz"), with("/a#b"), with("/\xc3\xa9")});
}

BOOST_AUTO_TEST_CASE(a_malformed_head_is_400) {
  check_refused(400, {
                         "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
                         " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                         "GET /\r\n\r\n",
                         "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
                         "GET / http/1.1\r\nHost: a\r\n\r\n",
                         "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
                         "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
                         "G\xc3\x84T / HTTP/1.1\r\nHost: a\r\n\r\n",
                         get("X : y\r\n"),
                         get("Content-Length : 5\r\n"),
                         get(": y\r\n"),
                         get("X\r\n"),
                         get("X y: z\r\n"),
                         get("X(: z\r\n"),
                         get(std::string("X: a\0b\r\n", 8)),
                         get("X: a\x01\r\n"),
                         get("X: a\x7f\r\n"),
                         get("X: a\r\n folded\r\n"),
                         get("X: a\r\n\tfolded\r\n"),
                         get("X: a\rY: b\r\n"),
                         get("X: a\r\r\n"),
                         "GET / HTTP/1.1\nHost: a\n\n",
                         "GET / HTTP/1.1\r\nHost: a\n\r\n",
                         "GET / HTTP/1.1\r\nHost: a\r\n\n",
                         "\x16\x03\x01\x02\x00\x01",
                         "\n",
                     });
}

BOOST_AUTO_TEST_CASE(other_versions_are_505) {
  check_refused(505, {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
                      "GET / HTTP/0.9\r\n\r\n", "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n"});
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_refused_before_it_is_there) {
  check_refused(414, {"GET /" + std::string(600, 'a')});
  check_refused(431, {"GET / HTTP/1.1\r\nX: " + std::string(600, 'a')});
  std::string many;
  for (int i = 0; i < 8; ++i) many += "X: y\r\n";
  check_refused(431, {get(many)});
  BOOST_TEST(frame(get(many.substr(6))).requests.size() == 1u);
  check_refused(413,
                {post("Content-Length: 65\r\n", ""),
                 post("Expect: 100-continue\r\nContent-Length: 18446744073709551615\r\n", "")});
  BOOST_TEST(frame(post("Content-Length: 64\r\n", std::string(64, 'b'))).requests.size() == 1u);
}

BOOST_AUTO_TEST_CASE(continue_is_expected_only_with_a_body_to_come) {
  const auto expects = [](std::string bytes) {
    framer f(small);
    std::string_view rest = bytes;
    BOOST_REQUIRE(f.next(rest) == framer::step::head);
    return f.expects_continue();
  };
  BOOST_TEST(expects(post("Expect: 100-Continue\r\nContent-Length: 5\r\n", "")));
  BOOST_TEST(!expects(post("Expect: 100-continue\r\n", "")));
  BOOST_TEST(!expects(post("Content-Length: 5\r\n", "")));
  BOOST_TEST(!expects("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
  check_refused(417, {post("Expect: tea\r\nContent-Length: 5\r\n", "hello")});
}

BOOST_AUTO_TEST_CASE(keep_alive_is_the_versions_rule) {
  const auto keeps = [](std::string bytes) { return frame(bytes).requests.at(0).keep_alive; };
  BOOST_TEST(keeps(get("")));
  BOOST_TEST(!keeps(get("Connection: close\r\n")));
  BOOST_TEST(!keeps(get("Connection: keep-alive, Close\r\n")));
  BOOST_TEST(!keeps("GET / HTTP/1.0\r\n\r\n"));
  BOOST_TEST(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(empty_lines_before_a_request_are_passed_over) {
  BOOST_TEST(frame("\r\n" + get("") + "\r\n\r\n" + get("")).requests.size() == 2u);
  std::string many;
  for (int i = 0; i < 300; ++i) many += "\r\n";
  check_refused(414, {many});
}

BOOST_AUTO_TEST_CASE(half_a_request_is_waited_for) {
  const auto whole = post("Content-Length: 5\r\n", "hello");
  for (std::size_t n = 1; n < whole.size(); ++n) {
    const auto v = frame(std::string_view(whole).substr(0, n));
    BOOST_TEST(v.refused == 0);
    BOOST_TEST(v.requests.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_refusal_is_for_good) {
  framer f(small);
  std::string_view bytes = "\n";
  BOOST_REQUIRE(f.next(bytes) == framer::step::refused);
  const auto fine = get("");
  bytes = fine;
  BOOST_REQUIRE(f.next(bytes) == framer::step::refused);
}

BOOST_AUTO_TEST_SUITE_END()
