#include "node/spec_files.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <memory>
#include <string>

#include "tests/unit/node/support.hpp"

using namespace tenax;
using namespace tenax::node;
using node_test::temp_dir;

namespace {

constexpr auto simple = R"({"name":"n","actions":[{"key":"a","type":"noop"}]})";
constexpr auto trace = R"({"name":"t","schemaVersion":"1.5","workflow":{
  "specification":{"tasks":[
    {"name":"x","id":"x1","parents":[],"children":["y1"]},
    {"name":"y","id":"y1","parents":["x1"],"children":[]}]},
  "execution":{"tasks":[{"id":"x1","runtimeInSeconds":2},{"id":"y1","runtimeInSeconds":4}]}}})";

plan plan_of(const run_options& run, std::string_view stamp = "stamp") {
  return make_plan(run, make_handlers(run, std::make_shared<attempt_counters>()), stamp);
}

workflow_spec named(std::string name) {
  workflow_spec s;
  s.name = std::move(name);
  s.actions.push_back({.key = "a", .type = "noop"});
  return s;
}

bool has(const plan& p, std::string_view path, std::string_view part) {
  return std::any_of(p.faults.begin(), p.faults.end(), [&](const file_fault& f) {
    return f.path == path && f.message.find(part) != std::string::npos;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(spec_files)

BOOST_AUTO_TEST_CASE(the_id_is_fixed_for_all_time) {
  // Changing this breaks resuming what an older tenax has begun.
  BOOST_TEST(content_id(named("order")) == "order-56b85a110aa5");
}

BOOST_AUTO_TEST_CASE(the_id_depends_on_content_only) {
  const auto base = content_id(named("order"));
  BOOST_TEST(base.size() == std::string{"order-"}.size() + 12);
  BOOST_TEST(base.find_first_not_of("0123456789abcdef", 6) == std::string::npos);
  BOOST_TEST(base == content_id(named("order")));
  auto other = named("order");
  other.actions[0].reason = "because";
  BOOST_TEST(base != content_id(other));
  other = named("order");
  other.id = "given";  // the id itself is not content
  BOOST_TEST(base == content_id(other));
}

BOOST_AUTO_TEST_CASE(any_name_makes_a_valid_id) {
  const auto front = [](std::string name) {
    const auto id = content_id(named(std::move(name)));
    return id.substr(0, id.size() - 13);
  };
  BOOST_TEST(front("Hello, wörld! v1.2") == "Hello-w-rld-v1.2");
  BOOST_TEST(front("../../etc/passwd") == "..-..-etc-passwd");
  BOOST_TEST(front("日本") == "workflow");
  BOOST_TEST(front("") == "workflow");
  BOOST_TEST(front(std::string(500, 'x')) == std::string(64, 'x'));
}

BOOST_AUTO_TEST_CASE(a_trace_becomes_waits_or_cpu_work) {
  const temp_dir dir;
  run_options run;
  run.files = {dir.file("t.json", trace)};
  const auto waits = plan_of(run);
  BOOST_TEST(waits.faults.empty());
  BOOST_REQUIRE(waits.specs.size() == 1u);
  BOOST_TEST(waits.specs[0].actions[0].type == "wait");
  BOOST_TEST((waits.specs[0].actions[1].depends_on == std::vector<std::string>{"x1"}));

  run.spin = true;
  const auto spins = plan_of(run);
  BOOST_TEST(spins.specs[0].actions[0].type == "spin");
  BOOST_TEST(spins.specs[0].id != waits.specs[0].id);

  run.time_scale = 0.5;
  BOOST_TEST(plan_of(run).specs[0].id != spins.specs[0].id);
}

BOOST_AUTO_TEST_CASE(repeat_and_new_make_more_of_them) {
  const temp_dir dir;
  run_options run;
  run.files = {dir.file("a.json", simple)};
  const auto id = plan_of(run).workflows.at(0).id;
  run.repeat = 3;
  const auto three = plan_of(run);
  BOOST_REQUIRE(three.workflows.size() == 3u);
  BOOST_TEST(three.workflows[0].id == id + "-1");
  BOOST_TEST(three.workflows[2].id == id + "-3");
  run.repeat.reset();
  run.another = true;
  BOOST_TEST(plan_of(run, "18f").workflows.at(0).id == id + "-18f");
}

BOOST_AUTO_TEST_CASE(an_id_that_options_make_too_long_blames_the_option) {
  const temp_dir dir;
  const auto with_id = [&](const std::string& id) {
    return dir.file("a.json",
                    R"({"id":")" + id + R"(","name":"n","actions":[{"key":"a","type":"noop"}]})");
  };
  run_options run;
  run.files = {with_id(std::string(128, 'x'))};
  BOOST_TEST(plan_of(run).faults.empty());
  run.repeat = 2;
  BOOST_TEST(has(plan_of(run), "/id", "with what --repeat adds to it"));
  run.another = true;
  BOOST_TEST(has(plan_of(run), "/id", "with what --new adds to it"));
  run.files = {with_id("a b")};
  BOOST_TEST(!has(plan_of(run), "/id", "--new"));
}

BOOST_AUTO_TEST_CASE(the_same_file_twice_is_one_workflow) {
  const temp_dir dir;
  run_options run;
  run.files = {dir.file("a.json", simple), dir.file("b.json", simple)};
  const auto p = plan_of(run);
  BOOST_TEST(p.faults.empty());
  BOOST_TEST(p.workflows.size() == 1u);
}

BOOST_AUTO_TEST_CASE(two_files_with_one_id_and_other_content_are_a_fault) {
  const temp_dir dir;
  run_options run;
  run.files = {
      dir.file("a.json", R"({"id":"i","name":"n","actions":[{"key":"a","type":"noop"}]})"),
      dir.file("b.json", R"({"id":"i","name":"n","actions":[{"key":"b","type":"noop"}]})")};
  const auto p = plan_of(run);
  BOOST_TEST(has(p, "/id", "a.json"));
  BOOST_TEST(p.workflows.empty());
}

BOOST_AUTO_TEST_CASE(every_file_is_checked_before_anything_is_planned) {
  const temp_dir dir;
  run_options run;
  run.files = {
      dir.file("good.json", simple), dir.path() / "absent.json", dir.path().string(),
      dir.file("types.json",
               R"({"name":"n","actions":[{"key":"a","type":"nope"},{"key":"a","type":"exec",
                        "input":{"argv":["true"]}}]})")};
  const auto p = plan_of(run);
  BOOST_TEST(p.workflows.empty());
  BOOST_TEST(has(p, "", "cannot be opened"));
  BOOST_TEST(has(p, "", "directory"));
  BOOST_TEST(has(p, "", "--allow-exec"));
  BOOST_TEST(has(p, "/actions/0/type", ""));
}

BOOST_AUTO_TEST_CASE(a_file_beyond_the_limit_is_not_read) {
  const temp_dir dir;
  run_options run;
  run.files = {dir.file("big.json", std::string(10u << 20, ' '))};
  BOOST_TEST(has(plan_of(run), "", "10485760 bytes, more than spec_bytes_max (8388608)"));
}

BOOST_AUTO_TEST_SUITE_END()
