#include "node/run_terms.hpp"

#include <boost/test/unit_test.hpp>

#include "node/json_output.hpp"
#include "node/render.hpp"

using namespace tenax;
using namespace tenax::node;

namespace {

workflow_spec of_types(const std::vector<std::string>& types) {
  workflow_spec s;
  for (const auto& t : types) s.actions.push_back({.key = t, .type = t});
  return s;
}

const workflow_spec spinning = of_types({"spin", "noop"});
const workflow_spec with_exec = of_types({"exec"});
const workflow_spec with_http = of_types({"http"});

/// What `change` makes of the terms that a workflow of these types has by default.
template <class Change>
std::vector<terms_difference> changed(const workflow_spec& spec, Change change) {
  run_options run;
  run.allow_exec = true;
  const auto before = terms_of(run, spec);
  change(run);
  return differences(before, terms_of(run, spec));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(run_terms)

BOOST_AUTO_TEST_CASE(the_text_is_fixed_for_all_time) {
  // What is recorded with workflows is compared with it.
  BOOST_TEST(terms_of({}, spinning) ==
             R"({"max_attempts":3,"min_wait_ms":1000,"max_wait_ms":60000,"on_exhausted":"fail"})");
  run_options run;
  run.allow_exec = true;
  run.at_most_once = {"exec", "exec", "spin"};
  run.exec_programs = {"/bin/b", "/bin/a"};
  run.exec_env = {"HOME"};
  run.faults = {0.5, 7};
  BOOST_TEST(terms_of(run, with_exec) ==
             R"({"max_attempts":3,"min_wait_ms":1000,"max_wait_ms":60000,"on_exhausted":"fail",)"
             R"("at_most_once":["exec"],"allow_exec":true,"exec_program":["/bin/a","/bin/b"],)"
             R"("exec_env":["HOME"],"exec_timeout_ms":60000,"fail_rate":0.5,"seed":7})");
  run_options requests;
  requests.allow_hosts = {"b.example", "a.example"};
  BOOST_TEST(terms_of(requests, with_http) ==
             R"({"max_attempts":3,"min_wait_ms":1000,"max_wait_ms":60000,"on_exhausted":"fail",)"
             R"("allow_host":["a.example","b.example"],"http_timeout_ms":60000})");
}

BOOST_AUTO_TEST_CASE(every_option_that_changes_what_happens_differs) {
  const auto one = [](const std::vector<terms_difference>& d) {
    BOOST_TEST_REQUIRE(d.size() == 1u);
    return d[0].option + ": " + d[0].recorded + " -> " + d[0].given;
  };
  BOOST_TEST(one(changed(spinning, [](auto& r) { r.max_attempts = 7; })) ==
             "--max-attempts: 3 -> 7");
  BOOST_TEST(one(changed(spinning, [](auto& r) { r.min_wait_ms = 5; })) ==
             "--min-wait-ms: 1000 -> 5");
  BOOST_TEST(one(changed(spinning, [](auto& r) { r.max_wait_ms = 70'000; })) ==
             "--max-wait-ms: 60000 -> 70000");
  BOOST_TEST(one(changed(spinning, [](auto& r) { r.on_exhausted = "skip"; })) ==
             R"(--on-exhausted: "fail" -> "skip")");
  BOOST_TEST(one(changed(spinning, [](auto& r) { r.at_most_once = {"spin"}; })) ==
             R"(--at-most-once:  -> ["spin"])");
  BOOST_TEST(one(changed(with_exec, [](auto& r) { r.exec_programs = {"/bin/a"}; })) ==
             R"(--exec-program:  -> ["/bin/a"])");
  BOOST_TEST(one(changed(with_exec, [](auto& r) { r.exec_env = {"A"}; })) ==
             R"(--exec-env:  -> ["A"])");
  BOOST_TEST(one(changed(with_exec, [](auto& r) { r.exec_timeout_ms = 1; })) ==
             "--exec-timeout-ms: 60000 -> 1");
  BOOST_TEST(one(changed(with_http, [](auto& r) { r.allow_hosts = {"a"}; })) ==
             R"(--allow-host: [] -> ["a"])");
  BOOST_TEST(one(changed(with_http, [](auto& r) { r.http_timeout_ms = 1; })) ==
             "--http-timeout-ms: 60000 -> 1");
  BOOST_TEST(one(changed(with_http, [](auto& r) { r.http_cacert = "c"; })) ==
             R"(--http-cacert:  -> "c")");
  BOOST_TEST(one(changed(with_http, [](auto& r) { r.secrets_dir = "s"; })) ==
             R"(--secrets-dir:  -> "s")");
  BOOST_TEST(changed(spinning, [](auto& r) { r.faults.rate = 0.1; }).size() == 2u);
}

BOOST_AUTO_TEST_CASE(what_does_not_concern_the_workflow_is_no_difference) {
  BOOST_TEST(changed(spinning, [](auto& r) {
               r.faults.seed = 9;  // without a rate it decides nothing
               r.handler_threads = 3;
               r.durability = "async";
               r.files = {"x"};
               r.at_most_once = {"exec"};
               r.allow_exec = false;
               r.exec_programs = {"/bin/a"};
               r.exec_env = {"A"};
               r.exec_timeout_ms = 1;
               r.allow_hosts = {"a"};
               r.http_timeout_ms = 1;
               r.secrets_dir = "s";
             }).empty());
}

BOOST_AUTO_TEST_CASE(terms_are_read_back) {
  run_options run;
  run.max_attempts = 9;
  run.min_wait_ms = 4;
  run.on_exhausted = "pause";
  run.allow_exec = true;
  run.at_most_once = {"exec"};
  run.exec_programs = {"/bin/a"};
  run.exec_timeout_ms = 17;
  run.faults = {0.25, 3};
  const auto terms = terms_of(run, with_exec);
  run_options again;
  BOOST_TEST(read_terms(terms, again));
  BOOST_TEST(terms_of(again, with_exec) == terms);
  BOOST_TEST(faults_of(again).empty());
}

BOOST_AUTO_TEST_CASE(terms_of_requests_are_read_back) {
  run_options run;
  run.allow_hosts = {"a.example"};
  run.http_timeout_ms = 17;
  run.http_cacert = "ca.pem";
  run.secrets_dir = "/";
  const auto terms = terms_of(run, with_http);
  run_options again;
  BOOST_TEST(read_terms(terms, again));
  BOOST_TEST(terms_of(again, with_http) == terms);
  BOOST_TEST(faults_of(again).empty());
}

BOOST_AUTO_TEST_CASE(the_terms_of_others_are_shown_and_not_taken_for_ours) {
  run_options run;
  for (const std::string other : {"", "x", "1", "[]", "{}", R"({"max_attempts":"x"})"})
    BOOST_TEST(!read_terms(other, run), other);
  BOOST_TEST(!differences("mine", terms_of({}, spinning)).empty());
  BOOST_TEST(differences("mine", "mine").empty());
  BOOST_TEST(terms_text("a\x1b") == "a\\x1b");
  BOOST_TEST(terms_text(R"({"a":1,"b":"x\u001b","c":[1]})") == "a 1, b x\\x1b, c [1]");
}

BOOST_AUTO_TEST_CASE(show_tells_the_terms_and_how_to_go_on) {
  workflow_view w;
  w.summary.id = "-w";
  w.terms = terms_of({}, spinning);
  show_context context;
  context.target = "my data";
  const auto text = render_workflow(w, {}, context);
  BOOST_TEST(text.find("runs under   max_attempts 3, min_wait_ms 1000") != std::string::npos, text);
  BOOST_TEST(text.find("or tenax resume --data-dir 'my data' -- -w\n") != std::string::npos, text);
  BOOST_TEST(parsed(to_json(w))["terms"]["max_attempts"] == 3);
  w.terms.clear();
  BOOST_TEST(render_workflow(w, {}, context).find("runs under") == std::string::npos);
  BOOST_TEST(render_workflow(w, {}, context).find("resume") == std::string::npos);
  BOOST_TEST(!parsed(to_json(w)).contains("terms"));
}

BOOST_AUTO_TEST_SUITE_END()
