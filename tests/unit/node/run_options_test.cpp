#include "node/run_options.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <memory>

using namespace tenax;
using namespace tenax::node;

BOOST_AUTO_TEST_SUITE(run_options_suite)

BOOST_AUTO_TEST_CASE(one_bound_given_alone_moves_the_other) {
  run_options run;
  run.max_wait_ms = 20;
  BOOST_TEST(policy_of(run).min_wait.count() == 20);
  BOOST_TEST(policy_of(run).faults().empty());
  run = {};
  run.min_wait_ms = 100'000;
  BOOST_TEST(policy_of(run).max_wait.count() == 100'000);
  BOOST_TEST(faults_of(run).empty());
}

BOOST_AUTO_TEST_CASE(both_bounds_given_are_taken_as_they_are) {
  run_options run;
  run.min_wait_ms = 50;
  run.max_wait_ms = 20;
  BOOST_TEST(!faults_of(run).empty());
}

BOOST_AUTO_TEST_CASE(bad_numbers_are_refused) {
  const auto refused = [](auto change) {
    run_options run;
    change(run);
    return !faults_of(run).empty();
  };
  BOOST_TEST(faults_of({}).empty());
  BOOST_TEST(refused([](auto& o) { o.faults.rate = -0.1; }));
  BOOST_TEST(refused([](auto& o) { o.faults.rate = 1.1; }));
  BOOST_TEST(refused([](auto& o) { o.faults.rate = std::nan(""); }));
  BOOST_TEST(refused([](auto& o) { o.time_scale = -1; }));
  BOOST_TEST(refused([](auto& o) { o.time_scale = std::numeric_limits<double>::infinity(); }));
  BOOST_TEST(refused([](auto& o) { o.max_attempts = 0; }));
  BOOST_TEST(refused([](auto& o) { o.max_attempts = 101; }));
  BOOST_TEST(refused([](auto& o) { o.max_wait_ms = std::numeric_limits<std::uint64_t>::max(); }));
  BOOST_TEST(refused([](auto& o) { o.exec_programs = {"/bin/true"}; }));
  BOOST_TEST(refused([](auto& o) { o.exec_env = {"HOME"}; }));
  BOOST_TEST(refused([](auto& o) {
    o.allow_exec = true;
    o.exec_env = {"HOME=x"};
  }));
  BOOST_TEST(refused([](auto& o) { o.at_most_once = {"nope"}; }));
  BOOST_TEST(refused([](auto& o) { o.allow_hosts = {"http://api.example.com"}; }));
  BOOST_TEST(refused([](auto& o) { o.secrets_dir = "secrets"; }));
  BOOST_TEST(refused([](auto& o) { o.http_cacert = "ca.pem"; }));
  BOOST_TEST(refused([](auto& o) {
    o.allow_hosts = {"api.example.com"};
    o.http_timeout_ms = std::numeric_limits<std::uint64_t>::max();
  }));
}

BOOST_AUTO_TEST_CASE(what_is_off_is_not_for_workers_either) {
  run_options run;
  run.workers = true;
  auto handlers = make_handlers(run, std::make_shared<attempt_counters>());
  BOOST_TEST(handlers.find("exec") == nullptr);
  BOOST_TEST(handlers.find("http") == nullptr);
  BOOST_REQUIRE(handlers.find("render") != nullptr);
  run.allow_exec = true;
  handlers = make_handlers(run, std::make_shared<attempt_counters>());
  BOOST_TEST((handlers.find("exec")->options.mode == run_mode::blocking));
}

BOOST_AUTO_TEST_CASE(exec_is_off_unless_allowed) {
  const auto counters = std::make_shared<attempt_counters>();
  run_options run;
  const auto without = make_handlers(run, counters);
  BOOST_TEST(without.find("exec") == nullptr);
  BOOST_TEST(without.find("spin") != nullptr);
  run.allow_exec = true;
  run.at_most_once = {"exec"};
  const auto handlers = make_handlers(run, counters);
  BOOST_REQUIRE(handlers.find("exec") != nullptr);
  BOOST_TEST((handlers.find("exec")->options.delivery == delivery::at_most_once));
  BOOST_TEST((handlers.find("wait")->options.delivery == delivery::at_least_once));
  BOOST_TEST(static_cast<bool>(handlers.find("wait")->options.check));
}

BOOST_AUTO_TEST_CASE(http_is_off_until_hosts_are_allowed) {
  const auto counters = std::make_shared<attempt_counters>();
  run_options run;
  run.workers = true;
  const auto without = make_handlers(run, counters);
  BOOST_TEST(without.find("http") == nullptr);
  run.allow_hosts = {"api.example.com", "10.0.0.0/8:8080"};
  run.at_most_once = {"http"};
  BOOST_TEST(faults_of(run).empty());
  const auto handlers = make_handlers(run, counters);
  const auto& http = handlers.find("http")->options;
  BOOST_TEST((http.mode == run_mode::blocking));
  BOOST_TEST((http.delivery == delivery::at_most_once));
  BOOST_TEST(http.check(R"({"method":"GET","url":"https://api.example.com"})").empty());
  BOOST_TEST(http.check(R"({"method":"GET","url":"https://evil.example"})").size() == 1u);
}

BOOST_AUTO_TEST_CASE(types_that_a_server_does_not_have_are_for_workers) {
  run_options run;
  run.at_most_once = {"render"};
  BOOST_TEST(faults_of(run).size() == 1U);
  run.workers = true;
  BOOST_TEST(faults_of(run).empty());
  const auto handlers = make_handlers(run, std::make_shared<attempt_counters>());
  const auto& render = handlers.find("render")->options;
  BOOST_TEST((render.mode == run_mode::worker));
  BOOST_TEST((render.delivery == delivery::at_most_once));
  BOOST_TEST((handlers.find("other")->options.mode == run_mode::worker));
  BOOST_TEST((handlers.find("other")->options.delivery == delivery::at_least_once));
  BOOST_TEST((handlers.find("wait")->options.mode == run_mode::in_place));
}

BOOST_AUTO_TEST_CASE(spin_takes_the_time_it_is_told_and_stops_when_asked) {
  const auto handlers = make_handlers({}, std::make_shared<attempt_counters>());
  const auto& spin = *handlers.find("spin");
  BOOST_TEST(spin.options.check(R"({"seconds":-1})").size() == 1u);
  BOOST_TEST(spin.options.check(R"({"second":1})").size() == 2u);
  BOOST_TEST(spin.options.check("[]").size() == 1u);

  action_context ctx;
  ctx.input = R"({"seconds":0.01})";
  BOOST_TEST((spin.run(ctx).what == outcome::kind::success));
  std::stop_source stop;
  stop.request_stop();
  ctx.stop = stop.get_token();
  ctx.input = R"({"seconds":86400})";
  BOOST_TEST(spin.run(ctx).error_class == "stopped");
}

BOOST_AUTO_TEST_SUITE_END()
