#include "node/json_output.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

#include "node/text.hpp"

using namespace tenax;
using namespace tenax::node;

namespace {

/// {"NAME...": as put_bytes has it}
std::string shown(const std::string& name, std::string_view bytes) {
  std::string text;
  model::json_writer out(text);
  out.begin_object();
  model::put_bytes(out, name, bytes);
  out.end_object();
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(json_output)

BOOST_AUTO_TEST_CASE(bytes_are_shown_as_what_they_are) {
  BOOST_TEST(shown("input", "{\"b\":1, \"a\":[2,\n null]}") ==
             R"({"input":{"b":1,"a":[2,null]}})");  // in the author's order, on one line
  BOOST_TEST(shown("input", "not json") == R"({"input_text":"not json"})");
  BOOST_TEST(shown("input", "\xff\xfe") == R"({"input_base64":"//4="})");
}

BOOST_AUTO_TEST_CASE(deep_results_stay_text) {
  const auto depth = 1u << 18;
  const auto deep = std::string(depth, '[') + std::string(depth, ']');
  BOOST_TEST(parsed(shown("result", deep))["result_text"] == deep);
  const auto brackets = "\"[[[" + std::string(1'000, '[') + "\\\"\"";  // in a text
  BOOST_TEST(parsed(shown("result", brackets)).contains("result"));
}

BOOST_AUTO_TEST_CASE(no_integer_loses_digits) {
  for (const auto* kept : {"18446744073709551615", "-9223372036854775808", "[1.5]",
                           "0.10000000000000000000001"})  // no digit at all
    BOOST_TEST(shown("result", kept) == R"({"result":)" + std::string(kept) + "}");
  for (const auto* large :
       {"18446744073709551616", "-9223372036854775809", R"({"id":12345678901234567890123})"})
    BOOST_TEST(parsed(shown("result", large))["result_text"] == large);
}

BOOST_AUTO_TEST_CASE(every_double_is_shown_as_a_number) {
  for (const auto* kept :
       {"9.223372036854775808e18", "-9.3e18", "1e19", "[1.7976931348623157e+308]",
        "18446744073709551616.0", "1E300", "5e-324", "0.1"}) {
    for (const auto* name : {"result", "data"}) {
      const auto o = parsed(shown(name, kept));
      BOOST_TEST_REQUIRE(o.contains(name), kept);
      BOOST_TEST((o[name] == json::parse(kept)), kept);
    }
  }
  BOOST_TEST(shown("result", "1e400") == R"({"result_text":"1e400"})");  // beyond a double
  BOOST_TEST(parsed(shown("result", "[12345678901234567890123, 1e19]")).contains("result_text"));
}

BOOST_AUTO_TEST_CASE(everything_printed_is_utf8) {
  action_view a;
  a.key = "k";
  a.last_error = action_error{"c\xff", "\xc3"};
  a.result = std::string{"\x80"};
  BOOST_TEST(valid_utf8(to_json(a)));
  BOOST_TEST(valid_utf8(to_json(history_event{1, {}, "k", "user", "a", "\xff"})));
  BOOST_TEST(valid_utf8(dump(to_json(error{errc::corrupt, "bad \xff"}))));
}

BOOST_AUTO_TEST_CASE(field_names_stay) {
  workflow_summary w;
  w.id = "i";
  w.name = "n";
  w.closed_at = wall_time{milliseconds{1}};
  const auto s = parsed(to_json(w));
  for (const auto* name :
       {"id", "name", "status", "submitted_at", "closed_at", "actions", "events"})
    BOOST_TEST(s.contains(name), name);
  BOOST_TEST(!s.contains("deadline_at"));
  BOOST_TEST(s["closed_at"] == "1970-01-01T00:00:00.001Z");
  for (const auto* name : {"total", "blocked", "ready", "running", "timer", "backing_off",
                           "in_doubt", "completed", "failed", "cancelled", "skipped"})
    BOOST_TEST(s["actions"].contains(name), name);
  const auto a = parsed(to_json(action_view{}));
  for (const auto* name :
       {"key", "type", "depends_on", "status", "waiting", "attempts", "retry_count", "recoveries"})
    BOOST_TEST(a.contains(name), name);
  BOOST_TEST(!a.contains("stuck_attempt"));
  action_view stuck;
  stuck.stuck_attempt = 2;
  BOOST_TEST(parsed(to_json(stuck))["stuck_attempt"] == 2);
}

BOOST_AUTO_TEST_SUITE_END()
