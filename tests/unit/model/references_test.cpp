#include <boost/test/unit_test.hpp>

#include "model/references.hpp"

#include <ctime>
#include <map>

#include "tests/unit/model/faults.hpp"

using namespace tenax;
using namespace tenax::model;

namespace {

using keys = std::vector<std::string>;

// Of this process, so that a busy machine changes nothing.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
constexpr std::size_t plenty = 1u << 20;

// A workflow of actions a, b, c and then `it`, whose input is rendered.
struct world {
  std::string workflow_input = "null";
  std::map<std::string, std::string> results;  // absent: skipped
  std::size_t bytes_max = plenty;

  rendered_input render(const std::string& input) const {
    const auto def = compile(workflow_builder("w")
                                 .input(workflow_input)
                                 .action("a", "noop")
                                 .action("b", "noop")
                                 .action("x.y", "noop")
                                 .action("it", "noop", input));
    const auto position = [&](action_index i) {
      return results.contains(def->spec.actions[i].key) ? std::uint64_t{i + 1} : 0;
    };
    const auto read = [&](action_index i) -> result<document_ptr> {
      if (i == no_action) return parse_document(workflow_input);
      const auto found = results.find(def->spec.actions[i].key);
      if (found == results.end()) return document_ptr();
      return parse_document(found->second);
    };
    return render_input(*def, *def->find("it"), {position, read}, {}, bytes_max);
  }
  std::string text(const std::string& input) const {
    const auto rendered = render(input);
    return rendered ? rendered.input : "error: " + rendered.why->message();
  }
  std::string error(const std::string& input) const {
    const auto rendered = render(input);
    if (rendered) return "no error: " + rendered.input;
    BOOST_TEST((rendered.end == render_end::bad_reference));
    BOOST_TEST((rendered.why->code() == errc::invalid_argument));
    return rendered.why->message();
  }
};

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(references_suite)

BOOST_AUTO_TEST_CASE(scan_finds_each_action_once) {
  const auto scan = scan_references(
      R"({"x":"${actions.b.result}","y":["${actions.a.result.q.0} and ${actions.b.result.z}"]})");
  BOOST_TEST(scan.any);
  BOOST_TEST((scan.action_keys == keys{"a", "b"}));
  CHECK_NO_FAULT(scan.faults);
}

BOOST_AUTO_TEST_CASE(scan_of_the_workflow_input_names_no_action) {
  const auto scan = scan_references(R"(["${workflow.input}","${workflow.input.a.b}"])");
  BOOST_TEST(scan.any);
  BOOST_TEST(scan.action_keys.empty());
  CHECK_NO_FAULT(scan.faults);
}

BOOST_AUTO_TEST_CASE(an_escape_alone_must_be_rendered) {
  const auto scan = scan_references(R"("$${HOME}")");
  BOOST_TEST(scan.any);
  CHECK_NO_FAULT(scan.faults);
}

BOOST_AUTO_TEST_CASE(plain_dollars_and_braces_are_no_references) {
  for (const char* input :
       {"null", "{}", R"("$5 {x} $")", R"({"$a":{"b":1}})", R"("\u0041")", "42"}) {
    const auto scan = scan_references(input);
    BOOST_TEST(!scan.any, input);
    CHECK_NO_FAULT(scan.faults);
  }
}

BOOST_AUTO_TEST_CASE(references_written_with_json_escapes_are_references) {
  BOOST_TEST((scan_references(R"("\u0024{actions.a.result}")").action_keys == keys{"a"}));
  BOOST_TEST((scan_references(R"("$\u007bactions.a.result}")").action_keys == keys{"a"}));
}

BOOST_AUTO_TEST_CASE(input_that_is_no_json_holds_no_references) {
  for (const char* input :
       {"", "${actions.a.result}", "{\"a\":\"${actions.a.result}\",}", "\xff${x}"}) {
    const auto scan = scan_references(input);
    BOOST_TEST(!scan.any, input);
    BOOST_TEST(scan.action_keys.empty());
    CHECK_NO_FAULT(scan.faults);
  }
}

BOOST_AUTO_TEST_CASE(references_in_object_keys_are_not_references) {
  BOOST_TEST(!scan_references(R"({"${actions.a.result}":1})").any);
}

BOOST_AUTO_TEST_CASE(a_key_ends_at_the_first_result_that_is_a_whole_step) {
  BOOST_TEST((scan_references(R"("${actions.x.y.result.z}")").action_keys == keys{"x.y"}));
  BOOST_TEST(
      (scan_references(R"("${actions.a.results.result}")").action_keys == keys{"a.results"}));
  BOOST_TEST((scan_references(R"("${actions.a.result.result}")").action_keys == keys{"a"}));
}

BOOST_AUTO_TEST_CASE(malformed_references_are_faults_at_their_strings) {
  for (const char* bad :
       {"${}", "${HOME}", "${actions}", "${actions.a}", "${actions..result}",
        "${actions.a b.result}", "${actions.a.result.}", "${actions.a.result..x}",
        "${actions.a.resultx}", "${workflow.inputs}", "${workflow.input.}", "${workflow}",
        "${ actions.a.result}", "${actions.a.result.${x}", "${actions.../x.result}"}) {
    const auto scan = scan_references(std::string("{\"k\":[\"") + bad + "\"]}");
    BOOST_TEST(scan.any);
    CHECK_ONLY_FAULT(scan.faults, "/k/0", "is not a reference");
  }
  CHECK_ONLY_FAULT(scan_references(R"("a ${actions.a.result")").faults, "", "no closing }");
}

BOOST_AUTO_TEST_CASE(every_malformed_reference_of_a_string_is_a_fault) {
  BOOST_TEST(scan_references(R"("${a} $${ok} ${b} ${c")").faults.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_whole_string_takes_the_value_with_its_type) {
  world w;
  w.results["a"] =
      R"( {"n": 12345678901234567890, "f":1.5, "s":"t\u00e9xt", "b":true, "z":null, "l":[1,{"q":2}]} )";
  BOOST_TEST(w.text(R"("${actions.a.result.n}")") == "12345678901234567890");
  BOOST_TEST(w.text(R"("${actions.a.result.f}")") == "1.5");
  BOOST_TEST(w.text(R"("${actions.a.result.s}")") == "\"t\xc3\xa9xt\"");
  BOOST_TEST(w.text(R"("${actions.a.result.b}")") == "true");
  BOOST_TEST(w.text(R"("${actions.a.result.z}")") == "null");
  BOOST_TEST(w.text(R"({"v":"${actions.a.result.l}","w":"${actions.a.result.l.1.q}"})") ==
             R"({"v":[1,{"q":2}],"w":2})");
}

BOOST_AUTO_TEST_CASE(inside_text_strings_are_bare_and_the_rest_is_json) {
  world w;
  w.workflow_input = R"({"who":"\"Ada\"\n"})";
  w.results["a"] = R"({"n":7,"l":[1,"x"]})";
  BOOST_TEST(
      w.text(R"("dear ${workflow.input.who}: ${actions.a.result.n}, ${actions.a.result.l}!")") ==
      R"("dear \"Ada\"\n: 7, [1,\"x\"]!")");
  BOOST_TEST(w.text(R"("${actions.a.result.n}${actions.a.result.n}")") == R"("77")");
  BOOST_TEST(w.text(R"(" ${actions.a.result.n}")") == R"(" 7")");
}

BOOST_AUTO_TEST_CASE(escapes_become_plain_text) {
  world w;
  w.results["a"] = "1";
  BOOST_TEST(w.text(R"("$${HOME}")") == R"("${HOME}")");
  BOOST_TEST(w.text(R"("$${actions.a.result} is ${actions.a.result}")") ==
             R"("${actions.a.result} is 1")");
  BOOST_TEST(w.text(R"("$$${x} $5 $")") == R"("$${x} $5 $")");
}

BOOST_AUTO_TEST_CASE(what_was_put_in_is_not_looked_at_again) {
  world w;
  w.results["a"] = R"("${actions.b.result} $${x}")";
  w.results["b"] = "1";
  BOOST_TEST(w.text(R"("${actions.a.result}")") == R"("${actions.b.result} $${x}")");
}

BOOST_AUTO_TEST_CASE(input_without_references_keeps_its_bytes) {
  world w;
  for (const std::string input :
       {"", "null", " { \"a\" : 1.50 } ", "raw ${HOME}", "\xff\xfe", "\"\\u0041\""}) {
    BOOST_TEST(w.text(input) == input);
  }
}

BOOST_AUTO_TEST_CASE(object_keys_stay_as_they_are) {
  world w;
  w.results["a"] = "1";
  BOOST_TEST(w.text(R"({"${actions.a.result}":"${actions.a.result}"})") ==
             R"({"${actions.a.result}":1})");
}

BOOST_AUTO_TEST_CASE(a_result_that_is_no_json_is_a_string) {
  world w;
  w.results["a"] = "plain \"text\"";
  w.results["b"] = "";
  w.results["x.y"] = "\xff!";
  BOOST_TEST(w.text(R"("${actions.a.result}")") == R"("plain \"text\"")");
  BOOST_TEST(w.text(R"("<${actions.b.result}>")") == R"("<>")");
  BOOST_TEST(w.text(R"("${actions.x.y.result}")") == "\"\xef\xbf\xbd!\"");
  BOOST_TEST(holds(w.error(R"("${actions.a.result.m}")"), "not JSON"));
}

BOOST_AUTO_TEST_CASE(a_skipped_action_reads_as_null_at_any_path) {
  world w;
  BOOST_TEST(
      w.text(R"(["${actions.a.result}","${actions.a.result.x.0}","<${actions.a.result}>"])") ==
      R"([null,null,"<null>"])");
}

BOOST_AUTO_TEST_CASE(a_path_that_does_not_exist_is_an_error_that_says_what_is_missing) {
  world w;
  w.results["a"] = R"({"l":[1,2],"n":null})";
  BOOST_TEST(holds(w.error(R"("${actions.a.result.q}")"), "there is no member \"q\""));
  BOOST_TEST(holds(w.error(R"("${actions.a.result.l.2}")"), "no element \"2\" in an array of 2"));
  BOOST_TEST(holds(w.error(R"("${actions.a.result.l.-1}")"), "no element"));
  BOOST_TEST(holds(w.error(R"("${actions.a.result.l.99999999999999999999}")"), "no element"));
  BOOST_TEST(holds(w.error(R"("${actions.a.result.n.x}")"), "null has no member"));
  BOOST_TEST(holds(w.error(R"("${actions.a.result.q}")"), "${actions.a.result.q}"));
}

BOOST_AUTO_TEST_CASE(of_a_name_twice_in_a_result_the_last_counts) {
  world w;
  w.results["a"] = R"({"n":1,"n":2})";
  BOOST_TEST(w.text(R"("${actions.a.result.n}")") == "2");
}

BOOST_AUTO_TEST_CASE(output_beyond_its_bound_is_an_error_and_takes_no_memory) {
  world w;
  w.results["a"] = "\"" + std::string(1'000'000, 'x') + "\"";
  std::string input = "[";
  for (int i = 0; i < 20'000; ++i) input += "\"${actions.a.result} ${actions.a.result}\",";
  input += "1]";
  BOOST_TEST(holds(w.error(input), "larger than 1048576 bytes"));
  w.bytes_max = 10;
  w.results["a"] = R"("12345678")";
  BOOST_TEST(w.text(R"("${actions.a.result}")") == R"("12345678")");
  w.results["a"] = R"("123456789")";
  BOOST_TEST(holds(w.error(R"("${actions.a.result}")"), "larger than 10 bytes"));
  BOOST_TEST(holds(w.error(R"(["${actions.b.result}","${actions.b.result}"])"), "larger"));
}

BOOST_AUTO_TEST_CASE(nesting_grows_to_the_limit_and_not_beyond) {
  world w;
  w.results["a"] = std::string(63, '[') + std::string(63, ']');
  BOOST_TEST(w.text(R"(["${actions.a.result}"])") == "[" + w.results["a"] + "]");
  BOOST_TEST(holds(w.error(R"([["${actions.a.result}"]])"), "json_depth_max (64)"));
  w.results["a"] = std::string(200'000, '[') + std::string(200'000, ']');
  BOOST_TEST(holds(w.error(R"("${actions.a.result}")"), "json_depth_max (64)"));
}

BOOST_AUTO_TEST_CASE(many_lookups_in_a_large_result_are_linear) {
  world w;
  w.results["a"] = "[0";
  for (int i = 1; i < 200'000; ++i) w.results["a"] += ",0";
  w.results["a"] += "]";
  std::string input = "[\"${actions.a.result.0}\"";
  for (int i = 0; i < 20'000; ++i) {
    input += ",\"${actions.a.result." + std::to_string(199'999 - i) + "}\"";
  }
  input += "]";
  const double start = cpu_seconds();
  BOOST_TEST(w.text(input).size() == 2u * 20'001 + 1);
  // Linear takes some 0.1 s; quadratic would take a minute.
  BOOST_TEST(cpu_seconds() - start < 10.0);
}

BOOST_AUTO_TEST_SUITE_END()
