#include <boost/test/unit_test.hpp>

#include "model/validate.hpp"

#include <stdexcept>

#include "tests/unit/model/faults.hpp"

using namespace tenax;
using namespace tenax::model;
using namespace std::chrono_literals;

namespace {

handler_registry known_types() {
  handler_registry types;
  const auto run = [](const action_context&) { return outcome::success(); };
  for (const char* name : {"noop", "wait", "log_message"}) types.add(name, run);
  action_options checked;
  checked.check = [](std::string_view input) -> std::vector<fault> {
    if (input == "\"throw\"") throw std::runtime_error("no luck");
    if (input == "\"fine\"") return {};
    return {{"/amount", "must be positive"}};
  };
  types.add("charge", run, checked);
  return types;
}

std::vector<fault> faults_of(const workflow_spec& spec, const limits& bounds = {}) {
  return validate(spec, known_types(), bounds);
}

workflow_spec one_action() { return workflow_builder("w").action("a", "noop").build(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(validate_suite)

BOOST_AUTO_TEST_CASE(ids_are_1_to_128_of_a_small_alphabet) {
  for (const char* good : {"a", "A-b_c:d.e", "0", "...", "a..b", ".a"}) {
    BOOST_TEST(valid_id(good), good);
  }
  for (const char* bad :
       {"", ".", "..", "../x", "a/b", "a b", "a\n", "\xc3\xa9", "a\\b", "a%", "~"}) {
    BOOST_TEST(!valid_id(bad), bad);
  }
  BOOST_TEST(valid_id(std::string(128, 'x')));
  BOOST_TEST(!valid_id(std::string(129, 'x')));
  BOOST_TEST(!valid_id(std::string_view("a\0b", 3)));
}

BOOST_AUTO_TEST_CASE(a_good_spec_has_no_faults) {
  const auto spec = workflow_builder("order")
                        .id("order-1")
                        .description("Gr\xc3\xbc\xc3\x9f")
                        .reference("TICKET-1")
                        .input(R"({"customer":{"id":7}})")
                        .deadline(1h)
                        .action("a", "noop", R"({"id":"${workflow.input.customer.id}"})")
                        .action("b", "wait", R"({"seconds":"${actions.a.result.id}"})")
                        .delayed(5s)
                        .action("c", "noop")
                        .after("a")
                        .at(wall_time{1'800'000'000'000ms})
                        .because("why not")
                        .build();
  CHECK_NO_FAULT(faults_of(spec));
}

BOOST_AUTO_TEST_CASE(an_empty_id_is_no_fault) { CHECK_NO_FAULT(faults_of(one_action())); }

BOOST_AUTO_TEST_CASE(an_id_that_is_a_path_is_a_fault) {
  auto spec = one_action();
  for (const char* bad : {"../x", "..", "a/b", "a b"}) {
    spec.id = bad;
    CHECK_ONLY_FAULT(faults_of(spec), "/id", bad);
  }
}

BOOST_AUTO_TEST_CASE(a_workflow_without_actions_is_a_fault) {
  CHECK_ONLY_FAULT(faults_of(workflow_builder("w")), "/actions", "at least one action");
}

BOOST_AUTO_TEST_CASE(a_workflow_without_a_name_is_a_fault) {
  auto spec = one_action();
  spec.name.clear();
  CHECK_ONLY_FAULT(faults_of(spec), "/name", "empty");
}

BOOST_AUTO_TEST_CASE(every_text_must_be_utf8_without_nul) {
  auto spec = one_action();
  const std::string nul("a\0b", 3);
  spec.name = "ok\xff";
  spec.description = nul;
  spec.reference = "\xc0\x80";
  spec.actions[0].reason = "\xed\xa0\x80";
  const auto faults = faults_of(spec);
  BOOST_TEST(faults.size() == 4u, listed(faults));
  CHECK_FAULT(faults, "/name", "not UTF-8 at byte 2");
  CHECK_FAULT(faults, "/description", "NUL character at byte 1");
  CHECK_FAULT(faults, "/reference", "not UTF-8 at byte 0");
  CHECK_FAULT(faults, "/actions/0/reason", "not UTF-8 at byte 0");
}

BOOST_AUTO_TEST_CASE(texts_beyond_their_limit_name_it) {
  auto spec = one_action();
  spec.name = spec.description = spec.reference = spec.actions[0].reason = std::string(4'097, 'x');
  const auto faults = faults_of(spec);
  for (const char* path : {"/name", "/description", "/reference", "/actions/0/reason"}) {
    CHECK_FAULT(faults, path, "4097 bytes, more than text_bytes_max (4096)");
  }
  spec.name = spec.description = spec.reference = spec.actions[0].reason = std::string(4'096, 'x');
  CHECK_NO_FAULT(faults_of(spec));
}

BOOST_AUTO_TEST_CASE(keys_and_types_have_the_alphabet_of_ids) {
  const auto spec =
      workflow_builder("w").action("../x", "noop").action("", "noop").action("c", "no op");
  const auto faults = faults_of(spec);
  BOOST_TEST(faults.size() == 3u, listed(faults));
  CHECK_FAULT(faults, "/actions/0/key", "\"../x\"");
  CHECK_FAULT(faults, "/actions/1/key", "\"\"");
  CHECK_FAULT(faults, "/actions/2/type", "\"no op\"");
}

BOOST_AUTO_TEST_CASE(a_duplicate_key_names_the_first_place) {
  const auto spec =
      workflow_builder("w").action("a", "noop").action("b", "noop").action("a", "noop");
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/2/key",
                   "duplicate key \"a\", first at /actions/0/key");
}

BOOST_AUTO_TEST_CASE(an_unknown_type_names_the_known_ones_nearest_first) {
  CHECK_ONLY_FAULT(faults_of(workflow_builder("w").action("a", "wiat")), "/actions/0/type",
                   "unknown action type \"wiat\"; known: wait, ");
  const auto none = validate(one_action(), handler_registry{}, limits{});
  CHECK_ONLY_FAULT(none, "/actions/0/type", "known: none");
}

BOOST_AUTO_TEST_CASE(a_missing_dependency_is_a_fault_at_its_element) {
  const auto spec =
      workflow_builder("w").action("a", "noop").action("b", "noop").after("a").after("zz");
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/1/depends_on/1", "no action \"zz\"");
}

BOOST_AUTO_TEST_CASE(an_action_cannot_depend_on_itself) {
  CHECK_ONLY_FAULT(faults_of(workflow_builder("w").action("a", "noop").after("a")),
                   "/actions/0/depends_on/0", "itself");
}

BOOST_AUTO_TEST_CASE(a_cycle_names_its_actions_in_order) {
  const auto spec = workflow_builder("w")
                        .action("a", "noop")
                        .after("c")
                        .action("b", "noop")
                        .after("a")
                        .action("c", "noop")
                        .after("b");
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/0/depends_on/0", "cycle: a -> c -> b -> a");
}

BOOST_AUTO_TEST_CASE(separate_cycles_are_separate_faults) {
  const auto spec = workflow_builder("w")
                        .action("a", "noop")
                        .after("b")
                        .action("b", "noop")
                        .after("a")
                        .action("x", "noop")
                        .action("c", "noop")
                        .after("d")
                        .action("d", "noop")
                        .after("c")
                        .after("a");
  const auto faults = faults_of(spec);
  BOOST_TEST(faults.size() == 2u, listed(faults));
  CHECK_FAULT(faults, "/actions/0/depends_on/0", "a -> b -> a");
  CHECK_FAULT(faults, "/actions/3/depends_on/0", "c -> d -> c");
}

BOOST_AUTO_TEST_CASE(a_cycle_through_references_is_a_fault) {
  const auto spec = workflow_builder("w")
                        .action("a", "noop", R"("${actions.b.result}")")
                        .action("b", "noop", R"(["x ${actions.a.result.y}"])");
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/0", "cycle: a -> b -> a");
}

BOOST_AUTO_TEST_CASE(a_cycle_through_sequential_order_is_a_fault) {
  const auto spec =
      workflow_builder("w").sequential().action("a", "noop").after("b").action("b", "noop");
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/0/depends_on/0", "sequential order");
}

BOOST_AUTO_TEST_CASE(a_cycle_of_twenty_thousand_actions_is_one_short_fault) {
  workflow_builder builder("w");
  constexpr int count = 20'000;
  for (int i = 0; i < count; ++i) {
    builder.action("a" + std::to_string(i), "noop").after("a" + std::to_string((i + 1) % count));
  }
  const auto faults = faults_of(builder);
  CHECK_ONLY_FAULT(faults, "/actions/0/depends_on/0", "a0 -> a1 -> ");
  CHECK_FAULT(faults, "/actions/0/depends_on/0", "19980 more");
  BOOST_TEST(faults.front().message.size() < 1'000u);
}

BOOST_AUTO_TEST_CASE(a_chain_of_twenty_thousand_actions_has_no_faults) {
  workflow_builder builder("w");
  builder.action("a0", "noop");
  for (int i = 1; i < 20'000; ++i) {
    builder.action("a" + std::to_string(i), "noop").after("a" + std::to_string(i - 1));
  }
  CHECK_NO_FAULT(faults_of(builder));
}

BOOST_AUTO_TEST_CASE(a_reference_to_an_unknown_action_is_a_fault_at_its_string) {
  const auto spec =
      workflow_builder("w").action("a", "noop", R"({"x":[1,{"y/z":"a ${actions.zz.result}"}]})");
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/0/input/x/1/y~1z", "no action \"zz\"");
}

BOOST_AUTO_TEST_CASE(a_reference_to_oneself_is_a_fault) {
  const auto spec = workflow_builder("w").action("a", "noop", R"({"x":"${actions.a.result}"})");
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/0/input/x", "itself");
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_a_reference_is_a_fault) {
  const auto spec = workflow_builder("w").action("a", "noop", R"(["${HOME}", "ok", "${open"])");
  const auto faults = faults_of(spec);
  BOOST_TEST(faults.size() == 2u, listed(faults));
  CHECK_FAULT(faults, "/actions/0/input/0", "\"${HOME}\" is not a reference");
  CHECK_FAULT(faults, "/actions/0/input/2", "no closing }");
}

BOOST_AUTO_TEST_CASE(a_reference_into_the_workflow_input_must_exist) {
  const auto spec = workflow_builder("w")
                        .input(R"({"list":[1,2],"n":5})")
                        .action("a", "noop", R"(["${workflow.input}","${workflow.input.list.1}"])")
                        .action("b", "noop", R"("${workflow.input.nope}")")
                        .action("c", "noop", R"("${workflow.input.list.2}")")
                        .action("d", "noop", R"("${workflow.input.n.x}")")
                        .action("e", "noop", R"("${workflow.input.list.01}")");
  const auto faults = faults_of(spec);
  BOOST_TEST(faults.size() == 4u, listed(faults));
  CHECK_FAULT(faults, "/actions/1/input", "no member \"nope\"");
  CHECK_FAULT(faults, "/actions/2/input", "no element \"2\" in an array of 2");
  CHECK_FAULT(faults, "/actions/3/input", "a number has no member \"x\"");
  CHECK_FAULT(faults, "/actions/4/input", "no element \"01\"");
}

BOOST_AUTO_TEST_CASE(a_path_into_workflow_input_that_is_no_json_is_a_fault) {
  const auto spec =
      workflow_builder("w").input("raw").action("a", "noop", R"("${workflow.input.x}")");
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/0/input", "not JSON");
}

BOOST_AUTO_TEST_CASE(input_that_is_no_json_is_left_alone) {
  for (const std::string input : {"", "raw ${HOME}", "\xff\xfe", "{\"a\":\"${x}\",}"}) {
    CHECK_NO_FAULT(faults_of(workflow_builder("w").action("a", "noop", input)));
  }
}

BOOST_AUTO_TEST_CASE(input_beyond_its_size_names_the_limit) {
  auto spec = one_action();
  spec.input = spec.actions[0].input = std::string((1u << 20) + 1, 'x');
  const auto faults = faults_of(spec);
  BOOST_TEST(faults.size() == 2u, listed(faults));
  CHECK_FAULT(faults, "/input", "payload_bytes_max (1048576)");
  CHECK_FAULT(faults, "/actions/0/input", "payload_bytes_max (1048576)");
}

BOOST_AUTO_TEST_CASE(input_nested_too_deep_names_the_limit) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK_NO_FAULT(
      faults_of(workflow_builder("w").input(nested(64)).action("a", "noop", nested(64))));
  const auto faults =
      faults_of(workflow_builder("w").input(nested(65)).action("a", "noop", nested(200'000)));
  BOOST_TEST(faults.size() == 2u, listed(faults));
  std::string path;
  for (int i = 0; i < 64; ++i) path += "/0";
  CHECK_FAULT(faults, "/input" + path, "json_depth_max (64)");
  CHECK_FAULT(faults, "/actions/0/input" + path, "json_depth_max (64)");
}

BOOST_AUTO_TEST_CASE(scheduled_at_and_delay_exclude_each_other) {
  const auto spec = workflow_builder("w").action("a", "noop").at(wall_time{1ms}).delayed(1ms);
  CHECK_ONLY_FAULT(faults_of(spec), "/actions/0", "exclude each other");
}

BOOST_AUTO_TEST_CASE(delays_are_zero_to_ten_years) {
  CHECK_ONLY_FAULT(faults_of(workflow_builder("w").action("a", "noop").delayed(-1ms)),
                   "/actions/0/delay_ms", "negative");
  CHECK_NO_FAULT(faults_of(workflow_builder("w").action("a", "noop").delayed(0ms)));
  CHECK_NO_FAULT(faults_of(workflow_builder("w").action("a", "noop").delayed(limits{}.delay_max)));
  CHECK_ONLY_FAULT(
      faults_of(workflow_builder("w").action("a", "noop").delayed(limits{}.delay_max + 1ms)),
      "/actions/0/delay_ms", "delay_max");
  CHECK_ONLY_FAULT(
      faults_of(workflow_builder("w").action("a", "noop").delayed(milliseconds::max())),
      "/actions/0/delay_ms", "delay_max");
}

BOOST_AUTO_TEST_CASE(deadlines_are_positive_and_at_most_ten_years) {
  auto spec = one_action();
  for (const auto bad : {0ms, -1ms, milliseconds::min()}) {
    spec.deadline = bad;
    CHECK_ONLY_FAULT(faults_of(spec), "/deadline_ms", "at least 1 ms");
  }
  spec.deadline = limits{}.delay_max + 1ms;
  CHECK_ONLY_FAULT(faults_of(spec), "/deadline_ms", "delay_max");
  spec.deadline = 1ms;
  CHECK_NO_FAULT(faults_of(spec));
}

BOOST_AUTO_TEST_CASE(scheduled_times_lie_in_the_years_1970_to_9999) {
  for (const auto bad :
       {wall_time::min(), wall_time{-1ms}, wall_time{253'402'300'800'000ms}, wall_time::max()}) {
    CHECK_ONLY_FAULT(faults_of(workflow_builder("w").action("a", "noop").at(bad)),
                     "/actions/0/scheduled_at", "1970 to 9999");
  }
  for (const auto good : {wall_time{0ms}, wall_time{253'402'300'799'999ms}}) {
    CHECK_NO_FAULT(faults_of(workflow_builder("w").action("a", "noop").at(good)));
  }
}

BOOST_AUTO_TEST_CASE(the_check_of_a_type_sees_inputs_without_references) {
  CHECK_ONLY_FAULT(faults_of(workflow_builder("w").action("a", "charge", "{}")),
                   "/actions/0/input/amount", "must be positive");
  CHECK_NO_FAULT(faults_of(workflow_builder("w").action("a", "charge", "\"fine\"")));
}

BOOST_AUTO_TEST_CASE(the_check_of_a_type_is_not_called_when_there_are_references) {
  CHECK_NO_FAULT(faults_of(workflow_builder("w").action("a", "charge", R"("${workflow.input}")")));
}

BOOST_AUTO_TEST_CASE(a_check_that_throws_is_a_fault) {
  CHECK_ONLY_FAULT(faults_of(workflow_builder("w").action("a", "charge", "\"throw\"")),
                   "/actions/0/input", "no luck");
}

BOOST_AUTO_TEST_CASE(too_many_actions_name_the_limit) {
  workflow_builder builder("w");
  for (int i = 0; i < 11; ++i) builder.action("a" + std::to_string(i), "noop");
  limits bounds;
  bounds.actions_max = 10;
  CHECK_ONLY_FAULT(faults_of(builder, bounds), "/actions",
                   "11 actions, more than actions_max (10)");
}

BOOST_AUTO_TEST_CASE(a_spec_beyond_its_size_names_the_limit) {
  workflow_builder builder("w");
  const std::string input(1'000'000, '1');
  for (int i = 0; i < 9; ++i) builder.action("a" + std::to_string(i), "noop", input);
  CHECK_ONLY_FAULT(faults_of(builder), "", "spec_bytes_max (8388608)");
}

BOOST_AUTO_TEST_CASE(all_faults_come_at_once) {
  auto spec = workflow_builder("w")
                  .id("..")
                  .action("a", "nope")
                  .after("missing")
                  .delayed(-1ms)
                  .action("a", "charge", "{}")
                  .action("b", "noop", R"("${actions.q.result}")")
                  .after("b")
                  .build();
  const auto faults = faults_of(spec);
  BOOST_TEST(faults.size() == 8u, listed(faults));
  for (const char* path : {"/id", "/actions/0/type", "/actions/0/depends_on/0",
                           "/actions/0/delay_ms", "/actions/1/key", "/actions/1/input/amount",
                           "/actions/2/input", "/actions/2/depends_on/0"}) {
    CHECK_FAULT(faults, path, "");
  }
}

BOOST_AUTO_TEST_CASE(the_list_ends_after_a_thousand_faults_and_counts_the_rest) {
  workflow_builder builder("w");
  for (int i = 0; i < 1'500; ++i) builder.action("a" + std::to_string(i), "nope");
  const auto faults = faults_of(builder);
  BOOST_TEST(faults.size() == 1'001u);
  BOOST_TEST(faults.back().message == "and 500 more faults");
  BOOST_TEST(faults.back().count == 500U);
}

BOOST_AUTO_TEST_CASE(messages_are_short_and_printable_whatever_the_names_are) {
  auto spec = workflow_builder("w").action(std::string(100'000, '\x01') + "\xff", "noop").build();
  spec.actions[0].depends_on = {std::string(1'000, '\xff'), "\x1b[31m\xc2\x9b"};
  for (const fault& f : faults_of(spec)) {
    BOOST_TEST(f.message.size() < 300u);
    for (const char c : f.message) BOOST_TEST((c >= 0x20 && c < 0x7f));
  }
}

BOOST_AUTO_TEST_SUITE_END()
