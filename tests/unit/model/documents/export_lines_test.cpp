#include "model/documents/export_lines.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "model/documents/json_tree.hpp"

using namespace tenax;
using namespace tenax::model;

namespace {

std::string failure_of(std::string_view line) {
  const auto parsed = parse_export_line(line, {});
  return parsed ? "" : parsed.error().message();
}

/// What comes back of a line; it must be one line of JSON.
template <class Line>
Line again(const Line& line) {
  const auto text = print_export_line(line);
  BOOST_TEST(text.find_first_of("\r\n") == std::string::npos);
  BOOST_TEST((parse_json(text, {.depth_around = 4}).failure == json_failure::none), text);
  const auto parsed = parse_export_line(text, {});
  BOOST_REQUIRE_MESSAGE(parsed, failure_of(text) << ": " << text);
  BOOST_REQUIRE(std::holds_alternative<Line>(*parsed));
  return std::get<Line>(*parsed);
}

export_event completed(std::string result) {
  export_event line{"w", 3, "pay", {}};
  line.what.kind = event_kind::action_completed;
  line.what.actor = event_actor::handler;
  line.what.at_ms = 1'700'000'000'001;
  line.what.attempt = 1;
  line.what.text = std::move(result);
  return line;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(export_lines)

BOOST_AUTO_TEST_CASE(an_export_is_for_people_too) {
  BOOST_TEST(print_export_line(export_begin{}) == R"({"type":"export","version":1})");
  workflow_spec spec;
  spec.id = "w";
  spec.name = "order";
  spec.actions.push_back({.key = "pay", .type = "charge", .input = R"({"eur": 5.00})"});
  BOOST_TEST(print_export_line(export_workflow{spec, workflow_status::completed}) ==
             R"({"type":"workflow","workflow":"w","status":"completed","spec":{"id":"w",)"
             R"("name":"order","actions":[{"key":"pay","type":"charge","input":{"eur": 5.00}}]}})");
  BOOST_TEST(print_export_line(completed(R"({"receipt": "r-17"})")) ==
             R"({"type":"event","workflow":"w","seq":3,"at":"2023-11-14T22:13:20.001Z",)"
             R"("kind":"action_completed","actor":"handler","action":"pay",)"
             R"("data":{"attempt":1,"result":{"receipt": "r-17"}}})");
  BOOST_TEST(print_export_line(export_workflow_end{"w", 4, 0x1f}) ==
             R"({"type":"workflow_end","workflow":"w","events":4,"checksum":"000000000000001f"})");
  BOOST_TEST(print_export_line(export_end{1, 4}) ==
             R"({"type":"export_end","workflows":1,"events":4})");
}

BOOST_AUTO_TEST_CASE(no_field_of_an_event_is_lost_whatever_it_holds) {
  constexpr std::uint64_t seed = 7;
  std::mt19937_64 random(seed);
  const auto number = [&]() -> std::uint64_t {
    switch (random() % 4) {
      case 0:
        return 0;
      case 1:
        return random() % 1'000;
      case 2:
        return std::numeric_limits<std::uint64_t>::max() >> (random() % 2);
      default:
        return random();
    }
  };
  const auto bytes = [&] {
    static const std::vector<std::string> some{"",
                                               "null",
                                               "{\"a\": [1, 2.50, 1e3]}",
                                               " {}",
                                               "[1,\n2]",
                                               "{\"a\":1,\"a\":2}",
                                               "text\r\n",
                                               "\"s\"",
                                               "\xef\xbb\xbf{}",
                                               "1e999",
                                               "\xff\xfe",
                                               "\xe2\x82\xac",
                                               "18446744073709551616",
                                               std::string("a\0b", 3),
                                               std::string(70, '[') + std::string(70, ']')};
    if (random() % 3 != 0) return some[random() % some.size()];
    std::string any(random() % 20, '\0');
    for (auto& c : any) c = static_cast<char>(random());
    return any;
  };
  BOOST_TEST_CONTEXT("seed " << seed) {
    for (int i = 0; i < 20'000; ++i) {
      export_event line{"w", number(), random() % 2 != 0 ? "key" : "", {}};
      auto& e = line.what;
      e.kind = static_cast<event_kind>(1 + random() % event_kind_max);
      e.actor = static_cast<event_actor>(random() % 3);
      e.at_ms = static_cast<time_ms>(number());
      e.attempt = static_cast<std::uint32_t>(number());
      e.count = static_cast<std::uint32_t>(number());
      e.due_at_ms = static_cast<time_ms>(number());
      e.wait_ms = static_cast<std::int64_t>(number());
      e.least_ms = static_cast<std::int64_t>(number());
      e.most_ms = static_cast<std::int64_t>(number());
      e.delivery = static_cast<delivery>(random() % 2);
      if (random() % 2 != 0) e.secret = {random(), random()};
      if (random() % 2 != 0) e.signal_seq = number();
      e.name = bytes();
      e.key = bytes();
      e.error_class = bytes();
      e.who = bytes();
      e.text = bytes();
      BOOST_TEST_REQUIRE((again(line) == line), print_export_line(line));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_spec_keeps_every_byte_of_its_inputs) {
  workflow_spec spec;
  spec.id = "w";
  spec.name = "n\"\n\xe2\x82\xac";
  spec.description = "d";
  spec.reference = "T-1";
  spec.order = action_order::sequential;
  spec.priority = -1'000;
  spec.deadline = milliseconds(1);
  spec.input = R"({"actions": [{"input": "}]\\\""}], "a" : 1.50 })";
  for (const std::string_view input :
       {"null", " null", "", "{ \"a\":\t1.0 }", "\"[{\\\"\"", "[[], {}, \"\"]", "[1,\n2]", "\xff",
        "{\"a\":1,\"a\":2}", "18446744073709551616", "-0.0", "true"}) {
    action_spec action{.key = "k" + std::to_string(spec.actions.size()), .type = "t"};
    action.input = input;
    spec.actions.push_back(action);
  }
  spec.actions[1].depends_on = {"k0", "k0"};
  spec.actions[2].scheduled_at = wall_time(milliseconds(1'700'000'000'001));
  spec.actions[3].delay = milliseconds(0);
  spec.actions[4].reason = "because";
  const export_workflow line{spec, workflow_status::in_progress};
  BOOST_TEST((again(line) == line));
  BOOST_TEST((again(export_workflow_end{"w", 5, std::nullopt}) ==
              export_workflow_end{"w", 5, std::nullopt}));
}

BOOST_AUTO_TEST_CASE(what_is_no_line_of_an_export_is_refused_with_the_reason) {
  const auto says = [](std::string_view line, std::string_view what) {
    const auto said = failure_of(line);
    BOOST_TEST(said.find(what) != std::string::npos, line << " -> " << said);
  };
  const std::string event =
      R"({"type":"event","workflow":"w","seq":3,"at":"2023-11-14T22:13:20.001Z",)"
      R"("kind":"attempt_started","actor":"handler","action":"pay","data":{"attempt":1}})";
  BOOST_TEST(failure_of(event) == "");
  const auto with = [&](std::string_view from, std::string_view to) {
    auto text = event;
    return text.replace(text.find(from), from.size(), to);
  };
  says("", "not a line of JSON");
  says(event.substr(0, event.size() - 1), "not a line of JSON");
  says("[]", "expected an object, found an array");
  says("{}", "field \"type\" is missing");
  says(with("\"event\"", "\"evnt\""), "unknown type of line \"evnt\"");
  says(with("attempt_started", "attempt_begun"), "unknown kind of event \"attempt_begun\"");
  says(with("handler", "robot"), "unknown actor \"robot\"");
  says(with(":3,", ":-3,"), "field \"seq\": expected an integer from 0");
  says(with(":3,", ":3.5,"), "field \"seq\"");
  says(with(":3,", ":18446744073709551616,"), "field \"seq\"");
  says(with("\"seq\":3,", ""), "field \"seq\" is missing");
  says(with(":1}", ":4294967296}"), "data: field \"attempt\"");
  says(with("{\"attempt\":1}", "{}"), "data: field \"attempt\" is missing");
  says(with("{\"attempt\":1}", "{\"attempt\":1,\"atempt\":1}"), "data: unknown field \"atempt\"");
  says(with("{\"attempt\":1}", "{\"attempt\":1,\"attempt\":2}"), "duplicate key");
  says(with("{\"attempt\":1}", "{\"attempt\":1,\"secret\":\"0a\"}"), "32 hexadecimal digits");
  says(with("{\"attempt\":1}", "[1]"), "data: expected an object");
  says(with("{\"attempt\":1}", "{\"attempt\":1,\"delivery\":\"twice\"}"), "no delivery");
  says(with("2023-11-14", "2023-11-34"), "is no time");
  says(with("{\"attempt\":1}", "{\"attempt\":1,\"text\":1}"), "expected a string");
  says(with("{\"attempt\":1}", "{\"attempt\":1,\"text_base64\":\"a\"}"), "not base64");
  says(with("{\"attempt\":1}", "{\"attempt\":1,\"text\":\"\",\"text_base64\":\"\"}"), "twice");
  const std::string workflow =
      R"({"type":"workflow","workflow":"w","status":"completed","spec":{"id":"w","name":"n",)"
      R"("actions":[{"key":"a","type":"t"}]}})";
  BOOST_TEST(failure_of(workflow) == "");
  const auto other = [&](std::string_view from, std::string_view to) {
    auto text = workflow;
    return text.replace(text.find(from), from.size(), to);
  };
  says(other("completed", "done"), "no status \"done\"");
  says(other("\"id\":\"w\"", "\"id\":\"v\""), "another id");
  says(other("\"type\":\"t\"", "\"typ\":\"t\""), "spec/actions/0/typ");
  says(R"({"type":"workflow_end","workflow":"w","events":1,"checksum":"12"})", "checksum");
  says(R"({"type":"export","version":1,"more":2})", "unknown field \"more\"");
  // What a later version looks like is not known: its version is told.
  BOOST_TEST(failure_of(R"({"type":"export","version":2,"more":2})") == "");
}

BOOST_AUTO_TEST_SUITE_END()
