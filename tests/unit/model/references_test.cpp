#include <boost/test/unit_test.hpp>

#include "model/references.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/cpu_time.hpp"
#include "tests/unit/model/faults.hpp"

using namespace tenax;
using namespace tenax::model;

namespace {

using keys = std::vector<std::string>;

// Of this process, so that a busy machine changes nothing.
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
    return render_input(*def, *def->find("it"), input, {position, read}, {}, bytes_max);
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
  const double start = support::cpu_seconds();
  BOOST_TEST(w.text(input).size() == 2u * 20'001 + 1);
  // Linear takes some 0.1 s; quadratic would take a minute.
  BOOST_TEST(support::cpu_seconds() - start < 10.0);
}

namespace {

// n results, the last one in the first row, and an input that refers to each twice.
struct fan_in {
  explicit fan_in(std::size_t n, const std::string& path = "") {
    workflow_builder spec("w");
    std::string input = "[";
    for (std::size_t i = 0; i < n; ++i) {
      const std::string key = "a" + std::to_string(i);
      spec.action(key, "noop");
      input += "\"${actions." + key + ".result" + path + "} ${actions." + key + ".result.n}\",";
    }
    def = compile(spec.input(R"({"n":-1})").action("it", "noop", input + "\"${workflow.input}\"]"));
    sources.position = [this, n](action_index i) {
      ++positions;
      return std::uint64_t{n - i};
    };
    sources.read = [this](action_index i) -> result<document_ptr> {
      kept_on += !last.expired();
      reads.push_back(i);
      if (reads.size() == fail_at) return tenax::error(errc::corrupt, "a row is torn");
      auto made =
          parse_document(i == no_action ? def->spec.input : "{\"n\":" + std::to_string(i) + "}");
      last = made;
      return made;
    };
  }
  rendered_input render() {
    const auto it = *def->find("it");
    return render_input(*def, it, def->spec.actions[it].input, sources, stop, plenty);
  }

  definition_ptr def;
  input_sources sources;
  std::function<bool()> stop;
  std::size_t positions = 0;
  std::vector<action_index> reads;
  std::size_t fail_at = 0;
  std::size_t kept_on = 0;
  std::weak_ptr<const parsed_document> last;
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_source_is_read_once_in_the_order_of_its_row_and_let_go_before_the_next) {
  fan_in w(1'000);
  const auto rendered = w.render();
  BOOST_REQUIRE(rendered);
  BOOST_TEST(rendered.input.starts_with(R"(["{\"n\":0} 0","{\"n\":1} 1",)"));
  BOOST_TEST(rendered.input.ends_with(R"({"n":-1}])"));
  BOOST_TEST(w.positions == 1'000u);
  BOOST_REQUIRE(w.reads.size() == 1'001u);
  BOOST_TEST(w.reads[0] == no_action);
  for (std::size_t i = 1; i < w.reads.size(); ++i) BOOST_REQUIRE(w.reads[i] == 1'000u - i);
  BOOST_TEST(w.kept_on == 0u);
}

BOOST_AUTO_TEST_CASE(twenty_thousand_small_results_cost_one_read_each_and_a_stop_is_seen_between) {
  fan_in w(20'000, ".n");
  std::size_t asked = 0;
  w.stop = [&] { return ++asked, false; };
  BOOST_REQUIRE(w.render());
  BOOST_TEST(w.positions == 20'000u);
  BOOST_TEST(w.reads.size() == 20'001u);
  BOOST_TEST(asked > 20'001u);
  BOOST_TEST(asked < 20'100u);
}

BOOST_AUTO_TEST_CASE(a_source_that_cannot_be_read_is_no_bad_reference) {
  fan_in w(10);
  w.fail_at = 4;
  const auto rendered = w.render();
  BOOST_TEST((rendered.end == render_end::unread));
  BOOST_TEST((rendered.why->code() == errc::corrupt));
  BOOST_TEST(rendered.why->message() == "a row is torn");
  BOOST_TEST(w.reads.size() == 4u);
  BOOST_TEST(rendered.input.empty());
}

BOOST_AUTO_TEST_CASE(a_stop_ends_rendering_before_the_next_source) {
  fan_in w(100);
  w.stop = [&] { return w.reads.size() == 3; };
  const auto rendered = w.render();
  BOOST_TEST((rendered.end == render_end::stopped));
  BOOST_TEST(!rendered.why.has_value());
  BOOST_TEST(w.reads.size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_stop_ends_rendering_within_a_large_output) {
  std::string input = "[";
  for (int i = 0; i < 20'000; ++i) input += "\"${workflow.input}\",";
  const auto def = compile(workflow_builder("w").input("1").action("it", "noop", input + "0]"));
  const auto read = [](action_index) -> result<document_ptr> { return parse_document("1"); };
  std::size_t asked = 0;
  std::size_t stop_at = SIZE_MAX;
  const std::function<bool()> stop = [&] { return ++asked == stop_at; };
  const input_sources sources{[](action_index) { return std::uint64_t{0}; }, read};
  BOOST_TEST(
      render_input(*def, 0, def->spec.actions[0].input, sources, stop, plenty).input.size() ==
      2u * 20'000 + 3);
  const std::size_t looks = asked;
  BOOST_TEST(looks > 6u);
  for (stop_at = 1; stop_at <= looks; ++stop_at) {
    asked = 0;
    const auto stopped = render_input(*def, 0, def->spec.actions[0].input, sources, stop, plenty);
    BOOST_TEST((stopped.end == render_end::stopped));
    BOOST_TEST(stopped.input.empty());
    BOOST_TEST(asked == stop_at);
  }
}

BOOST_AUTO_TEST_CASE(one_lookup_in_a_large_document_makes_no_index_and_many_stay_linear) {
  constexpr std::uint64_t n = 100'000;
  std::string object = "{";
  std::string array = "[";
  for (std::uint64_t i = 0; i < n; ++i) {
    object += "\"m" + std::to_string(i) + "\":" + std::to_string(i) + ",";
    array += std::to_string(i) + ",";
  }
  const auto parsed = parse_json("{\"o\":" + object + "\"m7\":-7},\"a\":" + array + "0]}",
                                 {.depth_max = 64, .unique_keys = false});
  const path_lookup lookup(parsed.tree);
  std::string missing;
  const auto text = [&](const std::string& path) {
    const auto at = lookup.find(path, missing);
    return at ? std::string(parsed.tree.text(*at)) : "nothing: " + missing;
  };
  BOOST_TEST(text(".o.m5") == "5");
  BOOST_TEST(lookup.looked_at() <= n + 100);
  BOOST_TEST(text(".a.99999") == "99999");
  BOOST_TEST(lookup.looked_at() <= 2 * n + 200);
  for (std::uint64_t i = 0; i < n; i += 10) {
    const std::string number = std::to_string(i);
    BOOST_REQUIRE(text(".o.m" + number) == number);
    BOOST_REQUIRE(text(".a." + number) == number);
  }
  BOOST_TEST(text(".o.m7") == "-7");  // there twice
  BOOST_TEST(holds(text(".o.m"), "there is no member \"m\""));
  BOOST_TEST(holds(text(".a.100001"), "no element \"100001\" in an array of 100001"));
  // A pass for each, an index for each, and a hundred steps or less a look-up.
  BOOST_TEST(lookup.looked_at() <= 4 * n + 2 * (n / 10) * 100);
}

BOOST_AUTO_TEST_CASE(threads_look_up_in_one_document_at_once) {
  std::string object = "{\"few\":{\"x\":1}";
  for (int i = 0; i < 2'000; ++i) object += ",\"m" + std::to_string(i) + "\":" + std::to_string(i);
  const auto document = parse_document(object + "}");
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::string missing;
      for (int i = 0; i < 2'000; ++i) {
        const auto at = document->find(".m" + std::to_string(i), missing);
        if (!at || document->tree().text(*at) != std::to_string(i)) ++wrong;
        if (!document->find(".few.x", missing)) ++wrong;
      }
    });
  }
  for (auto& t : threads) t.join();
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(a_document_tells_what_it_is_and_what_it_takes) {
  const auto json = parse_document("[1,2]");
  BOOST_TEST(json->is_json());
  BOOST_TEST(json->text().empty());
  const auto text = parse_document(std::string(100'000, 'x'));
  BOOST_TEST(!text->is_json());
  BOOST_TEST(text->text().size() == 100'000u);
  BOOST_TEST(text->bytes() > 100'000u);
  BOOST_TEST(text->bytes() < 110'000u);
  const auto deep = parse_document(std::string(100'000, '['));
  BOOST_TEST(!deep->is_json());
  BOOST_TEST(holds(std::string(deep->too_deep()), "json_depth_max"));
  BOOST_TEST(deep->bytes() < 2'000u);  // what was read of it is not kept
  std::string numbers = "[0";
  for (int i = 1; i < 100'000; ++i) numbers += ",0";
  BOOST_TEST(parse_document(numbers + "]")->bytes() > 100'000u * 24);
}

BOOST_AUTO_TEST_SUITE_END()
