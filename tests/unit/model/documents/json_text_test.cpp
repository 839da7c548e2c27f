#include <boost/test/unit_test.hpp>

#include "model/documents/json_text.hpp"

#include <charconv>
#include <cmath>
#include <cstring>
#include <random>
#include <set>

#include "model/documents/json_tree.hpp"
#include "model/documents/suggest.hpp"

using namespace tenax::model;

BOOST_AUTO_TEST_SUITE(json_text_suite)

BOOST_AUTO_TEST_CASE(utf8_accepts_every_code_point_in_its_shortest_form_only) {
  const auto encode = [](std::uint32_t code, std::size_t bytes) {
    std::string out;
    if (bytes == 1) return std::string(1, static_cast<char>(code));
    static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out += static_cast<char>(lead[bytes] | code >> (6 * (bytes - 1)));
    for (std::size_t i = bytes - 1; i > 0; --i) {
      out += static_cast<char>(0x80 | (code >> (6 * (i - 1)) & 0x3f));
    }
    return out;
  };
  std::size_t wrong = 0;
  for (std::uint32_t code = 0; code < 0x20'0000; ++code) {
    const std::size_t shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (std::size_t bytes = shortest; bytes <= 4; ++bytes) {
      const bool valid = bytes == shortest && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
      const std::string text = encode(code, bytes) + "x";
      if (utf8_length(text, 0) != (valid ? bytes : 0)) ++wrong;
    }
  }
  BOOST_TEST(wrong == 0u);
  for (const char* cut : {"\xc3", "\xe2\x82", "\xf0\x9f\x98", "\x80", "\xff", "\xe2x\x82"}) {
    BOOST_TEST(utf8_length(cut, 0) == 0u);
  }
  BOOST_TEST(utf8_length("", 0) == 0u);
}

BOOST_AUTO_TEST_CASE(a_prefix_never_cuts_a_character) {
  const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  for (std::size_t max = 0; max <= text.size() + 1; ++max) {
    const auto prefix = utf8_prefix(text, max);
    BOOST_TEST(prefix.size() <= max);
    BOOST_TEST(prefix.size() + 4 > std::min(max, text.size()));
    BOOST_TEST(find_invalid_utf8(prefix) == std::string_view::npos);
  }
}

BOOST_AUTO_TEST_CASE(numbers_read_back_as_the_same_double) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    if (i % 2 == 0) value = static_cast<double>(static_cast<std::int64_t>(bits >> 30)) / 1e3;
    const std::string text = json_number(value);
    double again = 0;
    std::from_chars(text.data(), text.data() + text.size(), again);
    BOOST_TEST_REQUIRE(again == value, text);
    const json_parse parsed = parse_json(text, {});
    BOOST_TEST_REQUIRE((parsed.failure == json_failure::none), text);
    BOOST_TEST_REQUIRE(parsed.tree.text(json_tree::root) == text);
  }
}

BOOST_AUTO_TEST_CASE(pointers_are_escaped) {
  std::string path;
  append_pointer(path, "a/b~c");
  append_pointer(path, std::size_t{7});
  append_pointer(path, "");
  BOOST_TEST(path == "/a~1b~0c/7/");
}

BOOST_AUTO_TEST_CASE(a_walk_knows_the_way_to_every_node) {
  const json_parse parsed = parse_json(R"({"a":[1,{"b":[]},[[2]]],"c":{},"d":3})", {});
  std::vector<std::string> paths;
  for (json_walk walk(parsed.tree, json_tree::root); !walk.done(); walk.next()) {
    paths.push_back(walk.pointer());
  }
  const std::vector<std::string> expected{"",     "/a",     "/a/0",     "/a/1", "/a/1/b",
                                          "/a/2", "/a/2/0", "/a/2/0/0", "/c",   "/d"};
  BOOST_TEST(paths == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(depth_counts_arrays_and_objects) {
  const auto depth = [](std::string_view json) {
    return json_depth(parse_json(json, {}).tree, json_tree::root);
  };
  BOOST_TEST(depth("1") == 0u);
  BOOST_TEST(depth("[]") == 1u);
  BOOST_TEST(depth("[[],{},1]") == 2u);
  BOOST_TEST(depth(R"({"a":[{"b":1}],"c":[]})") == 3u);
}

BOOST_AUTO_TEST_CASE(the_nearest_names_come_first_and_the_rest_are_counted) {
  BOOST_TEST(nearest_names("lgo", {"aaaaaaaa", "log", "wait"}) == "log, wait, aaaaaaaa");
  BOOST_TEST(nearest_names("x", {}) == "none");
  BOOST_TEST(nearest_names("x", {"a", "b", "c", "d", "e", "f", "g"}) == "a, b, c, d, e, 2 more");
}

BOOST_AUTO_TEST_SUITE_END()
