#include <boost/test/unit_test.hpp>

#include <chrono>
#include <fstream>
#include <iterator>
#include <random>

#include "tenax/spec.hpp"
#include "tests/support/cpu_time.hpp"
#include "tests/unit/model/faults.hpp"

using namespace tenax;
using namespace std::chrono_literals;

namespace {

std::vector<fault> faults_of(std::string_view json, const limits& bounds = {}) {
  const auto parsed = parse_spec(json, bounds);
  if (parsed) return {};
  BOOST_TEST((parsed.error().code() == errc::invalid_spec));
  return parsed.error().faults();
}

workflow_spec spec_of(std::string_view json) {
  const auto parsed = parse_spec(json);
  BOOST_TEST_REQUIRE(parsed.has_value(), (parsed ? "" : listed(parsed.error().faults())));
  return *parsed;
}

std::string with_action(const std::string& fields) {
  return R"({"name":"w","actions":[{"key":"a","type":"noop")" + fields + "}]}";
}
std::string with_input(const std::string& json) { return with_action(",\"input\":" + json); }
std::string input_of(const std::string& json) { return spec_of(with_input(json)).actions[0].input; }

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

// Of this process, so that a busy machine changes nothing.

// Specs as parse_spec makes them, but any bytes where the type allows any.
class spec_source {
 public:
  explicit spec_source(unsigned seed) : random_(seed) {}

  workflow_spec next() {
    workflow_spec spec;
    spec.id = maybe() ? text() : "";
    spec.name = text();
    spec.description = maybe() ? text() : "";
    spec.reference = maybe() ? text() : "";
    spec.order = maybe() ? action_order::sequential : action_order::dag;
    spec.input = input();
    if (maybe()) spec.deadline = milliseconds{number()};
    for (auto n = pick(6); n > 0; --n) {
      action_spec& action = spec.actions.emplace_back();
      action.key = text();
      action.type = text();
      action.input = input();
      for (auto d = pick(4); d > 0; --d) action.depends_on.push_back(text());
      if (maybe())
        action.scheduled_at = wall_time{milliseconds{random_() % 253'402'300'800'000ull}};
      if (maybe()) action.delay = milliseconds{number()};
      action.reason = maybe() ? text() : "";
    }
    return spec;
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  bool maybe() { return pick(2) == 0; }
  std::int64_t number() { return static_cast<std::int64_t>(random_()) >> pick(64); }
  std::string text() {
    static const char* const parts[] = {
        "a", "B.", "\"", "\\", "\n", "\x01", "/", "\x7f", "${x}", "\xc3\xa9", "\xf0\x9f\x98\x80",
        "0", "~"};
    std::string out;
    for (auto n = pick(8); n > 0; --n) out += parts[pick(std::size(parts))];
    return out;
  }
  std::string input() {
    if (pick(5) == 0) {  // not JSON
      std::string bytes = "{";
      for (auto n = pick(9); n > 0; --n) bytes += static_cast<char>(pick(256));
      return bytes;
    }
    return value(4);
  }
  std::string value(int depth) {
    switch (pick(depth > 0 ? 7 : 5)) {
      case 0:
        return "null";
      case 1:
        return maybe() ? "true" : "false";
      case 2:
        return std::to_string(number());
      case 3:
        return maybe() ? std::to_string(random_()) : maybe() ? "0.1" : "1e+300";
      case 4:
        return quoted();
      case 5: {
        std::string out = "[";
        for (auto n = pick(4); n > 0; --n) out += value(depth - 1) + (n > 1 ? "," : "");
        return out + "]";
      }
      default: {
        std::string out = "{";
        const auto count = pick(4);
        for (std::uint64_t n = 0; n < count; ++n) {
          out += (n > 0 ? ",\"k" : "\"k") + std::to_string(count - n) + "\":" + value(depth - 1);
        }
        return out + "}";
      }
    }
  }
  std::string quoted() {
    static const char* const parts[] = {"a", "\\\"", "\\\\", "\\n", "\\u0001", "/", "\xe2\x82\xac"};
    std::string out = "\"";
    for (auto n = pick(6); n > 0; --n) out += parts[pick(std::size(parts))];
    return out + "\"";
  }

  std::mt19937_64 random_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(spec_json_suite)

BOOST_AUTO_TEST_CASE(every_field_is_read) {
  const auto spec = spec_of(R"( {
    "id": "order-1", "name": "order", "description": "d", "reference": "T-1", "order": "sequential",
    "input": {"b": 1, "a": [true, null]}, "deadline_ms": 5000,
    "actions": [
      {"key": "a", "type": "noop"},
      {"key": "b", "type": "wait", "input": {"seconds": 1.5}, "depends_on": ["a"],
       "scheduled_at": "2026-03-01T10:30:00+01:00", "reason": "r"},
      {"key": "c", "type": "noop", "delay_ms": 250}
    ] } )");
  workflow_spec expected = workflow_builder("order")
                               .id("order-1")
                               .description("d")
                               .reference("T-1")
                               .sequential()
                               .input(R"({"b":1,"a":[true,null]})")
                               .deadline(5s)
                               .action("a", "noop")
                               .action("b", "wait", R"({"seconds":1.5})")
                               .after("a")
                               .at(wall_time{1'772'357'400s})
                               .because("r")
                               .action("c", "noop")
                               .delayed(250ms);
  BOOST_TEST((spec == expected));
}

BOOST_AUTO_TEST_CASE(absent_fields_have_their_defaults) {
  BOOST_TEST((spec_of(with_action("")) == workflow_builder("w").action("a", "noop").build()));
  BOOST_TEST(
      (spec_of(R"({"name":"w","order":"dag","actions":[]})") == workflow_builder("w").build()));
}

BOOST_AUTO_TEST_CASE(printing_is_canonical) {
  const auto spec = spec_of(R"({"actions":[{"reason":"r","delay_ms":1,"type":"t","key":"k",
    "input":{"z":1,"a":2}}],"order":"dag","input":null,"name":"n","id":"i","description":""})");
  BOOST_TEST(print_spec(spec) ==
             R"({"id":"i","name":"n","actions":[{"key":"k","type":"t","input":{"z":1,"a":2},)"
             R"("delay_ms":1,"reason":"r"}]})");
  BOOST_TEST(print_spec(workflow_spec{}) == R"({"name":"","actions":[]})");
}

BOOST_AUTO_TEST_CASE(what_was_printed_reads_as_the_same_spec) {
  for (unsigned seed = 1; seed <= 2'000; ++seed) {
    const workflow_spec spec = spec_source(seed).next();
    const std::string printed = print_spec(spec);
    const auto again = parse_spec(printed);
    BOOST_TEST_REQUIRE(again.has_value(), "seed " << seed << ": " << printed << "\n"
                                                  << (again ? "" : listed(again.error().faults())));
    BOOST_TEST_REQUIRE((*again == spec), "seed " << seed << ": " << printed);
    BOOST_TEST_REQUIRE(print_spec(*again) == printed, "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(json_inputs_of_cpp_callers_lose_nothing_but_their_spaces) {
  const auto spec = workflow_builder("w").action("a", "noop", " {\"b\" : 1,\n \"a\" : 0.10 } ");
  BOOST_TEST(spec_of(print_spec(spec)).actions[0].input == R"({"b":1,"a":0.1})");
}

BOOST_AUTO_TEST_CASE(inputs_that_are_no_json_survive_as_base64) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (const std::string& input :
       {bytes, std::string(), std::string("raw"), nested(70), std::string(R"({"a":1,"a":2})")}) {
    const workflow_spec spec = workflow_builder("w").input(input).action("a", "noop", input);
    BOOST_TEST(print_spec(spec).find("\"input_base64\":\"") != std::string::npos);
    BOOST_TEST((spec_of(print_spec(spec)) == spec));
  }
}

BOOST_AUTO_TEST_CASE(bad_base64_is_a_fault) {
  for (const char* bad :
       {"A", "AA", "AAA", "AA=A", "A===", "AA==AA==", "AB==", "A A=", "\xc3\xa9=="}) {
    CHECK_ONLY_FAULT(faults_of(with_action(std::string(",\"input_base64\":\"") + bad + "\"")),
                     "/actions/0/input_base64", "base64");
  }
  CHECK_ONLY_FAULT(faults_of(with_action(R"(,"input":1,"input_base64":"AA==")")), "/actions/0",
                   "exclude each other");
}

BOOST_AUTO_TEST_CASE(numbers_keep_their_precision) {
  for (const char* number :
       {"0", "-1", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
        "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890", "0.1",
        "1.0", "-0.0", "5e-324", "1.7976931348623157e+308", "0.30000000000000004", "100000.0",
        "0.0001"}) {
    BOOST_TEST(input_of(number) == number);
  }
  BOOST_TEST(input_of("1E2") == "100.0");
  BOOST_TEST(input_of("-0") == "0");
}

BOOST_AUTO_TEST_CASE(the_order_of_keys_is_kept) {
  BOOST_TEST(input_of(R"({ "z" : 1, "a" : { "y" : [ ], "b" : { } } })") ==
             R"({"z":1,"a":{"y":[],"b":{}}})");
}

BOOST_AUTO_TEST_CASE(strings_keep_their_characters) {
  BOOST_TEST(input_of(R"("\u00e9\ud83d\ude00\/\u0000\b\f\n\r\t\"\\\u001f")") ==
             "\"\xc3\xa9\xf0\x9f\x98\x80/\\u0000\\b\\f\\n\\r\\t\\\"\\\\\\u001f\"");
}

BOOST_AUTO_TEST_CASE(missing_fields_are_faults) {
  const auto faults = faults_of(R"({"actions":[{"key":"a"},{}]})");
  BOOST_TEST(faults.size() == 4u, listed(faults));
  CHECK_FAULT(faults, "", "\"name\" is missing");
  CHECK_FAULT(faults, "/actions/0", "\"type\" is missing");
  CHECK_FAULT(faults, "/actions/1", "\"key\" is missing");
  CHECK_FAULT(faults, "/actions/1", "\"type\" is missing");
  CHECK_ONLY_FAULT(faults_of(R"({"name":"w"})"), "", "\"actions\" is missing");
}

BOOST_AUTO_TEST_CASE(unknown_fields_are_faults_that_name_the_known_ones) {
  const auto faults =
      faults_of(R"({"name":"w","x/y":1,"actions":[{"key":"a","type":"t","depends-on":[]}]})");
  BOOST_TEST(faults.size() == 2u, listed(faults));
  CHECK_FAULT(faults, "/x~1y", "unknown field \"x/y\"");
  CHECK_FAULT(faults, "/actions/0/depends-on", "known: depends_on");
}

BOOST_AUTO_TEST_CASE(wrong_types_say_what_was_expected_and_found) {
  const auto faults = faults_of(R"({"id":1,"name":[],"description":null,"reference":{},"order":true,
    "deadline_ms":"1","input_base64":7,"actions":[7,{"key":1,"type":null,"depends_on":"a",
    "scheduled_at":5,"delay_ms":1.5,"reason":false},{"key":"k","type":"t","depends_on":["a",1]}]})");
  BOOST_TEST(faults.size() == 15u, listed(faults));
  CHECK_FAULT(faults, "/id", "expected a string, found a number");
  CHECK_FAULT(faults, "/name", "expected a string, found an array");
  CHECK_FAULT(faults, "/description", "expected a string, found null");
  CHECK_FAULT(faults, "/reference", "expected a string, found an object");
  CHECK_FAULT(faults, "/order", "expected a string, found a boolean");
  CHECK_FAULT(faults, "/deadline_ms", "expected a number, found a string");
  CHECK_FAULT(faults, "/input_base64", "expected a string, found a number");
  CHECK_FAULT(faults, "/actions/0", "expected an object, found a number");
  CHECK_FAULT(faults, "/actions/1/key", "expected a string");
  CHECK_FAULT(faults, "/actions/1/type", "expected a string");
  CHECK_FAULT(faults, "/actions/1/depends_on", "expected an array, found a string");
  CHECK_FAULT(faults, "/actions/1/scheduled_at", "expected a string");
  CHECK_FAULT(faults, "/actions/1/delay_ms", "expected a 64-bit integer, found \"1.5\"");
  CHECK_FAULT(faults, "/actions/1/reason", "expected a string");
  CHECK_FAULT(faults, "/actions/2/depends_on/1", "expected a string, found a number");
  CHECK_ONLY_FAULT(faults_of(R"({"name":"w","actions":{}})"), "/actions", "expected an array");
  for (const char* json : {"[]", "1", "null", "\"x\"", "true"}) {
    CHECK_ONLY_FAULT(faults_of(json), "", "expected an object");
  }
}

BOOST_AUTO_TEST_CASE(an_order_that_is_none_is_a_fault) {
  CHECK_ONLY_FAULT(faults_of(R"({"name":"w","order":"random","actions":[]})"), "/order",
                   "\"random\"");
}

BOOST_AUTO_TEST_CASE(duplicate_keys_are_faults_wherever_they_are) {
  const auto faults = faults_of(
      R"({"name":"w","name":"v","actions":[{"key":"a","type":"t"},{"key":"a","type":"t",
      "input":{"x":[{"p":1,"q":2,"p":3,"p":4}]}}]})");
  BOOST_TEST(faults.size() == 2u, listed(faults));
  CHECK_FAULT(faults, "/name", "duplicate key \"name\"");
  CHECK_FAULT(faults, "/actions/1/input/x/0/p", "duplicate key \"p\"");
}

BOOST_AUTO_TEST_CASE(syntax_faults_have_line_column_and_byte) {
  CHECK_ONLY_FAULT(faults_of("{\n  \"name\": \"w\",\n  x\n}"), "", "line 3, column 3 (byte 19): ");
  for (const char* bad :
       {"",        " ",        "{",       "{\"a\"",      "{\"a\":",  "{\"a\":1,}", "[1,]", "{} x",
        "{}{}",    "nul",      "NaN",     "[Infinity]",  "[-]",      "[01]",       "[1.]", "[+1]",
        "{'a':1}", "// c\n{}", "\"\\x\"", "\"\\ud800\"", "\"a\nb\"", "\xef\xbb"}) {
    const auto faults = faults_of(bad);
    CHECK_ONLY_FAULT(faults, "", "line ");
  }
}

BOOST_AUTO_TEST_CASE(trailing_garbage_is_a_fault) {
  CHECK_ONLY_FAULT(faults_of(with_action("") + "\n]"), "", "line 2, column 1");
  CHECK_ONLY_FAULT(faults_of(with_action("") + std::string("\0x", 2)), "", "NUL");
  CHECK_ONLY_FAULT(faults_of(std::string("\n\0{}", 4)), "", "line 2, column 1");
}

BOOST_AUTO_TEST_CASE(nan_and_numbers_out_of_range_are_faults) {
  CHECK_ONLY_FAULT(faults_of(with_input("NaN")), "", "line 1, column ");
  CHECK_ONLY_FAULT(faults_of(with_input("1e400")), "", "number overflow");
  CHECK_ONLY_FAULT(faults_of(with_action(",\"delay_ms\":9223372036854775808")),
                   "/actions/0/delay_ms", "64-bit integer");
  for (const char* delay : {"1e3", "1.0"}) {
    CHECK_ONLY_FAULT(faults_of(with_action(std::string(",\"delay_ms\":") + delay)),
                     "/actions/0/delay_ms", "64-bit integer");
  }
}

BOOST_AUTO_TEST_CASE(an_empty_id_is_a_fault_and_an_absent_one_is_none) {
  CHECK_ONLY_FAULT(faults_of(R"({"id":"","name":"w","actions":[]})"), "/id", "the id is empty");
  BOOST_TEST(spec_of(R"({"name":"w","actions":[]})").id == "");
}

BOOST_AUTO_TEST_CASE(invalid_utf8_is_a_fault_with_its_place) {
  for (const char* bad : {"\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    const auto faults = faults_of(std::string("{\"name\":\n\"ab") + bad + "\",\"actions\":[]}");
    CHECK_ONLY_FAULT(faults, "", "line 2, column ");
    CHECK_ONLY_FAULT(faults, "", "UTF-8");
    for (const char c : faults.front().message) BOOST_TEST((c >= 0x20 && c < 0x7f));
  }
  CHECK_ONLY_FAULT(faults_of("{\"name\":\n\"ab\xff\",\"actions\":[]}"), "", "column 4 (byte 12)");
}

BOOST_AUTO_TEST_CASE(nesting_two_hundred_thousand_deep_is_a_fault_and_quick) {
  const double start = support::cpu_seconds();
  std::string objects;
  for (int i = 0; i < 200'000; ++i) objects += "{\"a\":";
  for (const std::string& deep : {nested(200'000), std::string(200'000, '['), objects}) {
    for (const std::string& json : {deep, with_input(deep), R"({"name":)" + deep}) {
      const auto faults = faults_of(json);
      BOOST_TEST(faults.size() == 1u);
      BOOST_TEST(faults.front().message.find("json_depth_max") != std::string::npos);
    }
  }
  BOOST_TEST(support::cpu_seconds() - start < 5.0);
}

BOOST_AUTO_TEST_CASE(inputs_may_nest_to_the_limit_wherever_they_are) {
  BOOST_TEST(input_of(nested(64)) == nested(64));
  BOOST_TEST(spec_of(R"({"name":"w","input":)" + nested(64) + R"(,"actions":[]})").input ==
             nested(64));
  CHECK_ONLY_FAULT(
      faults_of(with_input(nested(65))),
      "/actions/0/input" +
          [] {
            std::string path;
            for (int i = 0; i < 64; ++i) path += "/0";
            return path;
          }(),
      "json_depth_max (64)");
  CHECK_ONLY_FAULT(faults_of(R"({"name":"w","input":)" + nested(66) + R"(,"actions":[]})"),
                   "/input", "json_depth_max (64)");
}

BOOST_AUTO_TEST_CASE(a_document_of_ten_mebibytes_is_a_fault_and_quick) {
  const double start = support::cpu_seconds();
  CHECK_ONLY_FAULT(faults_of(with_input("\"" + std::string(10u << 20, 'x') + "\"")), "",
                   "more than spec_bytes_max (8388608)");
  BOOST_TEST(support::cpu_seconds() - start < 1.0);
}

BOOST_AUTO_TEST_CASE(the_limits_that_are_passed_count) {
  limits bounds;
  bounds.spec_bytes_max = 40;
  CHECK_ONLY_FAULT(faults_of(with_action(""), bounds), "", "spec_bytes_max (40)");
  bounds = {};
  bounds.actions_max = 1;
  CHECK_ONLY_FAULT(faults_of(R"({"name":"w","actions":[{},{}]})", bounds), "/actions",
                   "2 actions, more than actions_max (1)");
  bounds = {};
  bounds.json_depth_max = 1;
  CHECK_ONLY_FAULT(faults_of(with_input("[[]]"), bounds), "/actions/0/input/0",
                   "json_depth_max (1)");
}

BOOST_AUTO_TEST_CASE(hostile_documents_of_the_full_size_are_read_in_seconds) {
  const std::size_t size = 8u << 20;
  const auto repeated = [&](const std::string& before, const std::string& part,
                            const std::string& after) {
    std::string json = before;
    json.reserve(size);
    while (json.size() + part.size() + after.size() < size) json += part;
    json.back() = ' ';  // the last comma
    return json + after;
  };
  std::string many_keys = R"({"name":"w","actions":[{"key":"a","type":"t","input":{)";
  for (int i = 0; many_keys.size() + 24 < size; ++i)
    many_keys += "\"" + std::to_string(i) + "\":0,";
  many_keys.back() = '}';
  many_keys += "}]}";
  const double start = support::cpu_seconds();
  CHECK_NO_FAULT(faults_of(many_keys));
  CHECK_NO_FAULT(faults_of(repeated(R"({"name":"w","input":[)", "0,", R"(],"actions":[]})")));
  CHECK_NO_FAULT(faults_of(repeated(R"({"name":"w","input":[)", "1e9,", R"(],"actions":[]})")));
  BOOST_TEST(faults_of(repeated(R"({"name":"w","actions":[)", "{},", "]}")).size() == 1u);
  BOOST_TEST(faults_of(repeated("{", "\"a\":0,", "}")).size() == 1'001u);
  BOOST_TEST(faults_of(repeated("{\"actions\":[{", "\"a\":[],\"b\":[],", "}]}")).size() == 1'001u);
  BOOST_TEST(support::cpu_seconds() - start < 60.0);
}

BOOST_AUTO_TEST_CASE(the_list_ends_after_a_thousand_faults_and_counts_the_rest) {
  std::string json = R"({"name":"w","actions":[1)";
  for (int i = 1; i < 3'000; ++i) json += ",1";
  const auto faults = faults_of(json + "]}");
  BOOST_TEST(faults.size() == 1'001u);
  BOOST_TEST(faults.back().message == "and 2000 more faults");
  BOOST_TEST(faults.back().count == 2000U);
}

BOOST_AUTO_TEST_CASE(paths_stay_short_whatever_the_keys_are) {
  const std::string name(1'000'000, 'n');
  for (const fault& f : faults_of("{\"" + name + "\":1,\"name\":\"w\",\"actions\":[]}")) {
    BOOST_TEST(f.path.size() < 200u);
    BOOST_TEST(f.message.size() < 400u);
  }
}

BOOST_AUTO_TEST_CASE(an_action_is_never_scheduled_before_the_time_in_its_spec) {
  const auto spec = spec_of(with_action(R"(,"scheduled_at":"2026-03-01T12:00:10.0009Z")"));
  BOOST_TEST((spec.actions[0].scheduled_at == wall_time{milliseconds{1'772'366'410'001}}));
}

BOOST_AUTO_TEST_CASE(a_time_that_is_not_rfc_3339_is_a_fault) {
  for (const char* bad : {"", "tomorrow", "2026-03-01T12:00:00", "2026-12-31T23:59:60Z"}) {
    CHECK_ONLY_FAULT(faults_of(with_action(std::string(",\"scheduled_at\":\"") + bad + "\"")),
                     "/actions/0/scheduled_at", "RFC 3339");
  }
}

#ifdef TENAX_SOURCE_DIR
BOOST_AUTO_TEST_CASE(the_examples_run_with_built_in_actions_only) {
  handler_registry types;
  builtin::add_defaults(types);
  for (const char* name : {"order.json", "fanout.json", "small-trace.json"}) {
    std::ifstream in(std::string(TENAX_SOURCE_DIR) + "/examples/specs/" + name);
    const std::string json{std::istreambuf_iterator<char>(in), {}};
    const auto spec = is_trace(json) ? parse_trace(json) : parse_spec(json);
    BOOST_TEST_REQUIRE(spec.has_value(), name);
    CHECK_NO_FAULT(check_spec(*spec, types));
  }
}
#endif

BOOST_AUTO_TEST_CASE(printing_never_makes_invalid_json) {
  workflow_spec spec =
      workflow_builder("\xff\xc3").id(std::string("\0\x80", 2)).action("\xed\xa0\x80", "t");
  BOOST_TEST(spec_of(print_spec(spec)).name == "\xef\xbf\xbd\xef\xbf\xbd");
}

BOOST_AUTO_TEST_SUITE_END()
