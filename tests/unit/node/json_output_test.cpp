#include "node/json_output.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

#include "node/text.hpp"

using namespace tenax;
using namespace tenax::node;

BOOST_AUTO_TEST_SUITE(json_output)

BOOST_AUTO_TEST_CASE(bytes_are_shown_as_what_they_are) {
  json o;
  put_bytes(o, "input", R"({"b":1,"a":[2,null]})");
  BOOST_TEST(dump(o) == R"({"input":{"b":1,"a":[2,null]}})");  // in the author's order
  o = {};
  put_bytes(o, "input", "not json");
  BOOST_TEST(dump(o) == R"({"input_text":"not json"})");
  o = {};
  put_bytes(o, "input", "\xff\xfe");
  BOOST_TEST(dump(o) == R"({"input_base64":"//4="})");
}

BOOST_AUTO_TEST_CASE(deep_results_stay_text) {
  const auto depth = 1u << 18;
  const auto deep = std::string(depth, '[') + std::string(depth, ']');
  json o;
  put_bytes(o, "result", deep);
  BOOST_TEST(o["result_text"] == deep);
  BOOST_TEST(dump(o).size() > deep.size());
  o = {};
  put_bytes(o, "result", "\"[[[" + std::string(1'000, '[') + "\\\"\"");  // brackets in a text
  BOOST_TEST(o.contains("result"));
}

BOOST_AUTO_TEST_CASE(no_integer_loses_digits) {
  for (const auto* kept : {"18446744073709551615", "-9223372036854775808", "[1.5]"}) {
    json o;
    put_bytes(o, "result", kept);
    BOOST_TEST(dump(o) == R"({"result":)" + std::string(kept) + "}");
  }
  for (const auto* large :
       {"18446744073709551616", "-9223372036854775809", R"({"id":12345678901234567890123})"}) {
    json o;
    put_bytes(o, "result", large);
    BOOST_TEST(o["result_text"] == large);
  }
}

BOOST_AUTO_TEST_CASE(every_double_is_shown_as_a_number) {
  for (const auto* kept :
       {"9.223372036854775808e18", "-9.3e18", "1e19", "[1.7976931348623157e+308]",
        "18446744073709551616.0", "1E300", "5e-324", "0.1"}) {
    for (const auto* name : {"result", "data"}) {
      json o;
      put_bytes(o, name, kept);
      BOOST_TEST_REQUIRE(o.contains(name), kept);
      BOOST_TEST((json::parse(dump(o))[name] == json::parse(kept)), kept);
    }
  }
  json o;
  put_bytes(o, "result", "1e400");  // beyond a double
  BOOST_TEST(o["result_text"] == "1e400");
  o = {};
  put_bytes(o, "result", "[12345678901234567890123, 1e19]");
  BOOST_TEST(o.contains("result_text"));
}

BOOST_AUTO_TEST_CASE(base64_is_rfc_4648) {
  BOOST_TEST(base64("") == "");
  BOOST_TEST(base64("f") == "Zg==");
  BOOST_TEST(base64("fo") == "Zm8=");
  BOOST_TEST(base64("foo") == "Zm9v");
  BOOST_TEST(base64("foobar") == "Zm9vYmFy");
  BOOST_TEST(base64("\xff\xff\xff") == "////");
}

BOOST_AUTO_TEST_CASE(everything_printed_is_utf8) {
  action_view a;
  a.key = "k";
  a.last_error = action_error{"c\xff", "\xc3"};
  a.result = std::string{"\x80"};
  BOOST_TEST(valid_utf8(dump(to_json(a))));
  BOOST_TEST(valid_utf8(dump(to_json(history_event{1, {}, "k", "user", "a", "\xff"}))));
  BOOST_TEST(valid_utf8(dump(to_json(error{errc::corrupt, "bad \xff"}))));
}

BOOST_AUTO_TEST_CASE(field_names_stay) {
  workflow_summary w;
  w.id = "i";
  w.name = "n";
  w.closed_at = wall_time{milliseconds{1}};
  const auto s = to_json(w);
  for (const auto* name :
       {"id", "name", "status", "submitted_at", "closed_at", "actions", "events"})
    BOOST_TEST(s.contains(name), name);
  BOOST_TEST(!s.contains("deadline_at"));
  BOOST_TEST(s["closed_at"] == "1970-01-01T00:00:00.001Z");
  for (const auto* name : {"total", "blocked", "ready", "running", "timer", "backing_off",
                           "in_doubt", "completed", "failed", "cancelled", "skipped"})
    BOOST_TEST(s["actions"].contains(name), name);
  const auto a = to_json(action_view{});
  for (const auto* name :
       {"key", "type", "depends_on", "status", "waiting", "attempts", "retry_count", "recoveries"})
    BOOST_TEST(a.contains(name), name);
  BOOST_TEST(!a.contains("stuck_attempt"));
  action_view stuck;
  stuck.stuck_attempt = 2;
  BOOST_TEST(to_json(stuck)["stuck_attempt"] == 2);
}

BOOST_AUTO_TEST_SUITE_END()
