#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>

#include "model/definition.hpp"
#include "model/validate.hpp"
#include "tenax/spec.hpp"
#include "tests/support/cpu_time.hpp"
#include "tests/unit/model/faults.hpp"

#ifndef TENAX_TRACES_DIR
#define TENAX_TRACES_DIR "../shared/wfinstances"
#endif

using namespace tenax;

namespace {

using keys = std::vector<std::string>;

// Of this process, so that a busy machine changes nothing.

std::string trace(const std::string& tasks, const std::string& executed) {
  return R"({"name":"t","schemaVersion":"1.5","workflow":{"specification":{"tasks":[)" + tasks +
         R"(]},"execution":{"tasks":[)" + executed + "]}}}";
}
std::string task(const std::string& id, const std::string& parents, const std::string& children) {
  return R"({"id":")" + id + R"(","name":"n )" + id + R"(","parents":[)" + parents +
         R"(],"children":[)" + children + "]}";
}
std::string ran(const std::string& id, const std::string& seconds = "1") {
  return R"({"id":")" + id + R"(","runtimeInSeconds":)" + seconds + "}";
}

std::vector<fault> trace_faults_of(std::string_view json) {
  const auto parsed = parse_trace(json);
  if (parsed) return {};
  BOOST_TEST((parsed.error().code() == errc::invalid_spec));
  return parsed.error().faults();
}

workflow_spec trace_spec_of(std::string_view json, const trace_options& options = {}) {
  const auto parsed = parse_trace(json, options);
  BOOST_TEST_REQUIRE(parsed.has_value(), (parsed ? "" : parsed.error().to_string()));
  return *parsed;
}

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

const std::string tasks_path = "/workflow/specification/tasks";
const std::string executed_path = "/workflow/execution/tasks";

}  // namespace

BOOST_AUTO_TEST_SUITE(wfformat_suite)

BOOST_AUTO_TEST_CASE(each_task_becomes_an_action_after_its_parents) {
  const auto spec =
      trace_spec_of(trace(task("a", "", "\"b\",\"c\"") + "," + task("b", "\"a\"", "\"c\"") + "," +
                              task("c", "\"b\",\"a\"", ""),
                          ran("c", "0") + "," + ran("a", "2.5") + "," + ran("b", "1000")));
  BOOST_TEST(spec.name == "t");
  BOOST_TEST(spec.id.empty());
  BOOST_TEST_REQUIRE(spec.actions.size() == 3u);
  BOOST_TEST(spec.actions[0].key == "a");
  BOOST_TEST(spec.actions[0].type == "wait");
  BOOST_TEST(spec.actions[0].reason == "n a");
  BOOST_TEST(spec.actions[0].input == R"({"seconds":0.0025})");
  BOOST_TEST(spec.actions[1].input == R"({"seconds":1.0})");
  BOOST_TEST(spec.actions[2].input == R"({"seconds":0.0})");
  BOOST_TEST(spec.actions[0].depends_on.empty());
  BOOST_TEST((spec.actions[1].depends_on == keys{"a"}));
  BOOST_TEST((spec.actions[2].depends_on == keys{"b", "a"}));
}

BOOST_AUTO_TEST_CASE(options_set_the_scale_and_the_action_type) {
  const std::string json = trace(task("a", "", ""), ran("a", "8"));
  const auto spec = trace_spec_of(json, {.time_scale = 0.5, .action_type = "noop"});
  BOOST_TEST(spec.actions[0].type == "noop");
  BOOST_TEST(spec.actions[0].input == R"({"seconds":4.0})");
  BOOST_TEST(trace_spec_of(json, {.time_scale = 0}).actions[0].input == R"({"seconds":0.0})");
}

BOOST_AUTO_TEST_CASE(a_time_scale_that_is_no_factor_is_an_invalid_argument) {
  for (const double bad :
       {-1.0, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    const auto parsed = parse_trace("{}", {.time_scale = bad});
    BOOST_TEST_REQUIRE(!parsed.has_value());
    BOOST_TEST((parsed.error().code() == errc::invalid_argument));
  }
}

BOOST_AUTO_TEST_CASE(ids_become_valid_and_unique_keys) {
  const std::string long_id(200, 'x');
  const std::vector<std::string> ids{"a b",       "a/b",   "a_b",         "..",
                                     "\xc3\xa9!", long_id, long_id + "y", "a_b_2"};
  std::string tasks;
  std::string executed;
  for (const auto& id : ids) {
    tasks += (tasks.empty() ? "" : ",") + task(id, "", "");
    executed += (executed.empty() ? "" : ",") + ran(id);
  }
  const auto spec = trace_spec_of(trace(tasks, executed));
  std::set<std::string> made;
  for (const auto& action : spec.actions) {
    BOOST_TEST(model::valid_id(action.key), action.key);
    BOOST_TEST(made.insert(action.key).second, action.key);
  }
  BOOST_TEST(spec.actions[2].key == "a_b", "a valid id keeps its name");
  BOOST_TEST(spec.actions[7].key == "a_b_2", "a valid id keeps its name");
  BOOST_TEST(spec.actions[0].key == "a_b_3");
  BOOST_TEST(spec.actions[3].key == "__");
  BOOST_TEST(spec.actions[4].key == "___2", "one _ for each character that is replaced");
  BOOST_TEST(spec.actions[5].key == std::string(128, 'x'));
}

BOOST_AUTO_TEST_CASE(parents_are_found_under_their_new_keys) {
  const auto spec = trace_spec_of(trace(task("a b", "", "\"c\"") + "," + task("c", "\"a b\"", ""),
                                        ran("a b") + "," + ran("c")));
  BOOST_TEST((spec.actions[1].depends_on == keys{"a_b"}));
}

BOOST_AUTO_TEST_CASE(names_are_made_fitting) {
  std::string json = trace(task("a", "", ""), ran("a"));
  const std::string long_name = std::string(4'095, 'x') + "\xc3\xa9";
  json.replace(json.find("\"t\""), 3, "\"" + long_name + "\"");
  BOOST_TEST(trace_spec_of(json).name == std::string(4'095, 'x'));
  json = trace(task("a", "", ""), ran("a"));
  json.replace(json.find("\"t\""), 3, "\"a\\u0000b\"");
  BOOST_TEST(trace_spec_of(json).name == "a b");
  json = trace(task("a", "", ""), ran("a"));
  json.replace(json.find("\"t\""), 3, "\"\"");
  BOOST_TEST(trace_spec_of(json).name == "trace");
}

BOOST_AUTO_TEST_CASE(unknown_fields_and_foreign_executions_are_no_faults) {
  std::string json = trace(task("a", "", ""), ran("a") + "," + ran("stage_in"));
  json.insert(1, R"("x":{"y":[1]},)");
  BOOST_TEST(trace_spec_of(json).actions.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_edge_named_twice_is_one_edge) {
  const auto spec = trace_spec_of(trace(task("a", "", "\"b\"") + "," + task("b", "\"a\",\"a\"", ""),
                                        ran("a") + "," + ran("b")));
  BOOST_TEST((spec.actions[1].depends_on == keys{"a"}));
}

BOOST_AUTO_TEST_CASE(another_version_is_a_fault) {
  std::string json = trace(task("a", "", ""), ran("a"));
  json.replace(json.find("1.5"), 3, "1.4");
  CHECK_ONLY_FAULT(trace_faults_of(json), "/schemaVersion",
                   "\"1.4\" is not supported, only \"1.5\"");
  CHECK_ONLY_FAULT(trace_faults_of(R"({"schemaVersion":1.5,"workflow":{}})"), "/schemaVersion",
                   "expected a string, found a number");
  CHECK_ONLY_FAULT(trace_faults_of(R"({"workflow":{}})"), "", "\"schemaVersion\" is missing");
  CHECK_ONLY_FAULT(trace_faults_of("[]"), "", "expected an object");
}

BOOST_AUTO_TEST_CASE(missing_parts_are_faults_at_what_lacks_them) {
  CHECK_ONLY_FAULT(trace_faults_of(R"({"schemaVersion":"1.5"})"), "", "\"workflow\" is missing");
  CHECK_ONLY_FAULT(trace_faults_of(R"({"schemaVersion":"1.5","workflow":{}})"), "/workflow",
                   "\"specification\" is missing");
  CHECK_ONLY_FAULT(trace_faults_of(R"({"schemaVersion":"1.5","workflow":{"specification":{}}})"),
                   "/workflow/specification", "\"tasks\" is missing");
  CHECK_ONLY_FAULT(
      trace_faults_of(R"({"schemaVersion":"1.5","workflow":{"specification":{"tasks":[)" +
                      task("a", "", "") + "]}}}"),
      "/workflow", "\"execution\" is missing");
  CHECK_ONLY_FAULT(trace_faults_of(trace("", "")), tasks_path, "at least one task");
  const auto faults = trace_faults_of(trace("{},7", ""));
  BOOST_TEST(faults.size() == 5u, listed(faults));
  for (const char* field : {"id", "name", "parents", "children"}) {
    CHECK_FAULT(faults, tasks_path + "/0", std::string("\"") + field + "\" is missing");
  }
  CHECK_FAULT(faults, tasks_path + "/1", "expected an object, found a number");
}

BOOST_AUTO_TEST_CASE(duplicate_ids_are_faults) {
  const auto faults = trace_faults_of(
      trace(task("a", "", "") + "," + task("a", "", ""), ran("a") + "," + ran("a")));
  BOOST_TEST(faults.size() == 2u, listed(faults));
  CHECK_FAULT(faults, tasks_path + "/1/id", "duplicate id \"a\", first at " + tasks_path + "/0/id");
  CHECK_FAULT(faults, executed_path + "/1/id", "duplicate id \"a\"");
}

BOOST_AUTO_TEST_CASE(an_empty_id_is_a_fault) {
  CHECK_ONLY_FAULT(trace_faults_of(trace(task("", "", ""), ran(""))), tasks_path + "/0/id",
                   "empty");
}

BOOST_AUTO_TEST_CASE(parents_and_children_that_do_not_exist_are_faults) {
  const auto faults = trace_faults_of(trace(task("a", "\"p\"", "\"q\",7"), ran("a")));
  BOOST_TEST(faults.size() == 3u, listed(faults));
  CHECK_FAULT(faults, tasks_path + "/0/parents/0", "no task \"p\"");
  CHECK_FAULT(faults, tasks_path + "/0/children/0", "no task \"q\"");
  CHECK_FAULT(faults, tasks_path + "/0/children/1", "expected a string, found a number");
}

BOOST_AUTO_TEST_CASE(a_task_cannot_be_its_own_parent) {
  const auto faults = trace_faults_of(trace(task("a", "\"a\"", "\"a\""), ran("a")));
  BOOST_TEST(faults.size() == 2u, listed(faults));
  CHECK_FAULT(faults, tasks_path + "/0/parents/0", "own parent");
}

BOOST_AUTO_TEST_CASE(parents_and_children_that_contradict_each_other_are_faults) {
  const auto faults = trace_faults_of(
      trace(task("a", "", "\"b\"") + "," + task("b", "", "") + "," + task("c", "\"a\",\"b\"", ""),
            ran("a") + "," + ran("b") + "," + ran("c")));
  BOOST_TEST(faults.size() == 3u, listed(faults));
  CHECK_FAULT(faults, tasks_path + "/0/children/0",
              "\"b\" does not name this task among its parents");
  CHECK_FAULT(faults, tasks_path + "/2/parents/0",
              "\"a\" does not name this task among its children");
  CHECK_FAULT(faults, tasks_path + "/2/parents/1", "\"b\"");
}

BOOST_AUTO_TEST_CASE(runtimes_must_be_there_and_not_negative) {
  const auto faults =
      trace_faults_of(trace(task("a", "", "") + "," + task("b", "", "") + "," + task("c", "", "") +
                                "," + task("d", "", ""),
                            ran("a", "-0.5") + R"(,{"id":"b"},)" + ran("c", "\"1\"")));
  BOOST_TEST(faults.size() == 4u, listed(faults));
  CHECK_FAULT(faults, executed_path + "/0/runtimeInSeconds", "negative");
  CHECK_FAULT(faults, executed_path + "/1", "\"runtimeInSeconds\" is missing");
  CHECK_FAULT(faults, executed_path + "/2/runtimeInSeconds", "expected a number, found a string");
  CHECK_FAULT(faults, tasks_path + "/3", "no runtime: /workflow/execution/tasks has no \"d\"");
}

BOOST_AUTO_TEST_CASE(a_runtime_beyond_all_numbers_is_a_fault) {
  const auto parsed =
      parse_trace(trace(task("a", "", ""), ran("a", "1e300")), {.time_scale = 1e10});
  BOOST_TEST_REQUIRE(!parsed.has_value());
  CHECK_ONLY_FAULT(parsed.error().faults(), executed_path + "/0/runtimeInSeconds", "out of range");
}

BOOST_AUTO_TEST_CASE(limits_hold_for_traces_too) {
  CHECK_ONLY_FAULT(trace_faults_of(std::string(10u << 20, ' ')), "", "spec_bytes_max (8388608)");
  CHECK_ONLY_FAULT(
      trace_faults_of("{\"a\":" + std::string(200'000, '[')),
      "/a" +
          [] {
            std::string path;
            for (int i = 0; i < 63; ++i) path += "/0";
            return path;
          }(),
      "json_depth_max (64)");
  limits bounds;
  bounds.actions_max = 1;
  const auto parsed = parse_trace(
      trace(task("a", "", "") + "," + task("b", "", ""), ran("a") + "," + ran("b")), {}, bounds);
  BOOST_TEST_REQUIRE(!parsed.has_value());
  CHECK_ONLY_FAULT(parsed.error().faults(), tasks_path, "2 tasks, more than actions_max (1)");
}

BOOST_AUTO_TEST_CASE(syntax_faults_have_their_place) {
  CHECK_ONLY_FAULT(trace_faults_of("{\n \"name\":\"\xff\"}"), "", "line 2, column 10 (byte 11)");
}

BOOST_AUTO_TEST_CASE(documents_are_told_apart) {
  BOOST_TEST(is_trace(trace("", "")));
  BOOST_TEST(is_trace(R"({"workflow":1,"schemaVersion":2, broken)"));
  for (const std::string json :
       {R"({"name":"w","actions":[]})", R"({"workflow":{"schemaVersion":"1.5"}})",
        R"({"workflow":1})", R"([{"workflow":1,"schemaVersion":1}])", "", "{", "null",
        "\"workflow\"", R"({"a":{"workflow":1,"schemaVersion":1}})"}) {
    BOOST_TEST(!is_trace(json), json);
  }
  BOOST_TEST(!is_trace(std::string(200'000, '[')));
  BOOST_TEST(!is_trace("{\"a\":" + std::string(200'000, '[')));
}

BOOST_AUTO_TEST_CASE(the_traces_of_real_workflows_have_their_tasks_and_edges) {
  struct sample {
    const char* file;
    std::size_t tasks;
    std::size_t edges;
  };
  const sample samples[] = {
      {"1000genome-chameleon-2ch-100k-001.json", 52, 76},
      {"blast-chameleon-small-001.json", 43, 120},
      {"bwa-chameleon-medium-001.json", 1004, 4000},
      {"cycles-chameleon-1l-1c-9p-001.json", 67, 97},
      {"helloworld-chain-5-chameleon.json", 5, 4},
      {"helloworld-forkjoin-10-chameleon.json", 10, 16},
      {"methylseq-dirt02-001.json", 36, 70},
      {"montage-chameleon-2mass-005d-001.json", 58, 114},
      {"sarek-dirt02-001.json", 26, 50},
      {"seismology-chameleon-100p-001.json", 101, 100},
      {"soykb-chameleon-10fastq-10ch-001.json", 96, 194},
      {"srasearch-chameleon-10a-001.json", 22, 30},
  };
  const std::filesystem::path folder = TENAX_TRACES_DIR;
  if (!std::filesystem::exists(folder)) {
    BOOST_TEST_MESSAGE("skipped: no traces in " << folder);
    return;
  }
  handler_registry types;
  types.add("wait", [](const action_context&) { return outcome::success(); });
  for (const sample& s : samples) {
    const std::string json = read(folder / s.file);
    BOOST_TEST(is_trace(json), s.file);
    const double start = support::cpu_seconds();
    const auto parsed = parse_trace(json);
    const double took = support::cpu_seconds() - start;
    BOOST_TEST_REQUIRE(parsed.has_value(), s.file);
    BOOST_TEST(took < 1.0, s.file);
    BOOST_TEST_MESSAGE(s.file << ": " << took * 1e3 << " ms");
    BOOST_TEST((*parsed).actions.size() == s.tasks, s.file);
    CHECK_NO_FAULT(model::validate(*parsed, types, limits{}));
    const auto def = model::compile(*parsed);
    std::size_t edges = 0;
    for (const auto& needs : def->dependencies) edges += needs.size();
    BOOST_TEST(edges == s.edges, s.file);
    const auto again = parse_spec(print_spec(*parsed));
    BOOST_TEST_REQUIRE(again.has_value(), s.file);
    BOOST_TEST((*again == *parsed), s.file);
  }
}

BOOST_AUTO_TEST_SUITE_END()
