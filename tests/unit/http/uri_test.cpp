// Paths and queries.
#include <boost/test/unit_test.hpp>

#include "http/uri.hpp"

using namespace tenax::http;

BOOST_AUTO_TEST_SUITE(uri)

BOOST_AUTO_TEST_CASE(only_sound_paths_are_origin_form) {
  for (const char* good : {"/", "/a/b?c=d", "/%2F", "/a%20b?x=%7b%7D", "/?", "//", "/a?b?c"}) {
    BOOST_TEST(is_origin_form(good), good);
  }
  for (const char* bad : {"", "a", "*", "http://a/", "a:1", "/%", "/%2", "/%zz", "/%00", "/a%00b",
                          "/a b", "/a#b", "/\x7f", "/\xc3\xa9", "/a\tb"}) {
    BOOST_TEST(!is_origin_form(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(what_is_encoded_comes_back_decoded) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const auto encoded = percent_encode(all);
  BOOST_TEST(percent_decode(encoded) == all);
  BOOST_TEST(encoded.find_first_of("/?#&=+ ") == std::string::npos);
  BOOST_TEST(percent_decode("a+b") == "a+b");
  BOOST_TEST(percent_decode("a+b", true) == "a b");
  BOOST_TEST(percent_decode("%4") == "%4");
  BOOST_TEST(percent_decode("%") == "%");
  BOOST_TEST(percent_decode("%g1%41") == "%g1A");
}

BOOST_AUTO_TEST_CASE(a_query_is_read_in_order) {
  const auto values = parse_query("a=1&b&a=2&&c=x%26y=z&d=");
  BOOST_REQUIRE_EQUAL(values.size(), 5u);
  BOOST_TEST(values[1].first == "b");
  BOOST_TEST(values[3].second == "x&y=z");
  BOOST_TEST(query_value("a=1&b&a=2", "a").value() == "1");
  BOOST_TEST(query_value("a=1&b&a=2", "b").value() == "");
  BOOST_TEST(!query_value("a=1", "c").has_value());
  BOOST_TEST(!query_value("", "c").has_value());
}

BOOST_AUTO_TEST_CASE(an_encoded_slash_does_not_part_segments) {
  const auto segments = path_segments("/v1/a%2Fb/");
  BOOST_REQUIRE_EQUAL(segments.size(), 3u);
  BOOST_TEST(segments[1] == "a%2Fb");
  BOOST_TEST(segments[2].empty());
  BOOST_TEST(path_segments("/").size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
