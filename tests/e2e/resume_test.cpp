// Stopping and going on: Ctrl-C, SIGTERM, kill -9.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <map>

using e2e::contains;
using e2e::json;
using e2e::world;
using std::chrono::seconds;

namespace {

/// Six steps of 0.3 s, one after the other.
constexpr auto steps = R"({"id":"steps","name":"steps","order":"sequential","actions":[
  {"key":"s1","type":"wait","input":{"seconds":0.3}},{"key":"s2","type":"wait","input":{"seconds":0.3}},
  {"key":"s3","type":"wait","input":{"seconds":0.3}},{"key":"s4","type":"wait","input":{"seconds":0.3}},
  {"key":"s5","type":"wait","input":{"seconds":0.3}},{"key":"s6","type":"wait","input":{"seconds":0.3}}]})";

constexpr auto busy = R"({"id":"busy","name":"busy","actions":[
  {"key":"work","type":"spin","input":{"seconds":SECONDS}},
  {"key":"after","type":"noop","depends_on":["work"]}]})";

std::string busy_for(const std::string& seconds) {
  std::string text = busy;
  return text.replace(text.find("SECONDS"), 7, seconds);
}

struct resume_world : world {
  /// How many actions of a workflow have completed, as another process sees it.
  [[nodiscard]] int completed(const std::string& id) const {
    return tenax_json({"show", id})["workflow"]["actions"]["completed"].get<int>();
  }
  void wait_until_completed(const std::string& id, int n) const {
    BOOST_TEST(e2e::eventually([&] { return completed(id) >= n; }));
  }
  /// Until the start of its first attempt is on disk.
  void wait_until_started(const std::string& id) const {
    BOOST_TEST(e2e::eventually([&] { return count_events(id)["attempt_started"] >= 1; }));
  }
  [[nodiscard]] std::map<std::string, int> count_events(const std::string& id) const {
    std::map<std::string, int> out;
    const auto history = tenax_json({"history", id});
    for (const auto& e : history["events"]) ++out[e["kind"].get<std::string>()];
    return out;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resume, resume_world)

BOOST_AUTO_TEST_CASE(ctrl_c_stops_cleanly_and_the_same_command_goes_on) {
  const auto spec = file("steps.json", steps);
  e2e::process running(command({"run", spec}));
  BOOST_REQUIRE(running.wait_for("steps: started", seconds{30}));
  wait_until_completed("steps", 1);
  running.send(SIGINT);
  const auto stopped = running.wait(seconds{20});
  BOOST_TEST(stopped.exit_code == 130, stopped.out << stopped.err);
  BOOST_TEST(contains(stopped.out, "the same command goes on"), stopped.out);
  BOOST_TEST(contains(stopped.out, "of 6 actions done"), stopped.out);
  BOOST_TEST(completed("steps") < 6);

  const auto again = tenax({"run", spec});
  BOOST_TEST(again.exit_code == 0, again.out << again.err);
  BOOST_TEST(contains(again.out, "steps: is here already, "), again.out);
  auto events = count_events("steps");
  BOOST_TEST(events["action_completed"] == 6);  // none twice
  BOOST_TEST(events["workflow_completed"] == 1);
}

BOOST_AUTO_TEST_CASE(sigterm_says_so_in_json_too) {
  const auto spec = file("steps.json", steps);
  e2e::process running(command({"run", spec, "--output", "json"}));
  BOOST_REQUIRE(e2e::eventually([&] { return tenax({"show", "steps"}).exit_code == 0; }));
  running.send(SIGTERM);
  const auto stopped = running.wait(seconds{20});
  BOOST_TEST(stopped.exit_code == 130);
  const auto report = json::parse(stopped.out, nullptr, false);
  BOOST_REQUIRE(report.is_object());
  BOOST_TEST(report["outcome"] == "interrupted");
  BOOST_TEST(report["not_finished"] == 1);
}

BOOST_AUTO_TEST_CASE(a_busy_handler_is_asked_to_stop) {
  e2e::process running(command({"run", file("busy.json", busy_for("600"))}));
  BOOST_REQUIRE(running.wait_for("busy: started", seconds{30}));
  wait_until_started("busy");
  running.send(SIGINT);
  const auto stopped = running.wait(seconds{20});
  BOOST_TEST(!stopped.timed_out);
  BOOST_TEST(stopped.exit_code == 130);
  BOOST_TEST(contains(stopped.out, "0 attempts in this run, 0 failed"), stopped.out);
}

BOOST_AUTO_TEST_CASE(a_second_ctrl_c_leaves_at_once_and_loses_nothing) {
  const auto spec = file("e.json", R"({"id":"e","name":"e","actions":[{"key":"quick","type":"noop"},
      {"key":"slow","type":"exec","input":{"argv":["sleep","600"]}}]})");
  e2e::process running(command({"run", spec, "--allow-exec"}));
  BOOST_REQUIRE(running.wait_for("e: started", seconds{30}));
  wait_until_completed("e", 1);
  running.send(SIGINT);
  running.send(SIGINT);
  const auto stopped = running.wait(seconds{20});
  BOOST_TEST(stopped.exit_code == 130);
  BOOST_TEST(completed("e") == 1);
}

BOOST_AUTO_TEST_CASE(kill_9_and_the_same_command_goes_on) {
  const auto spec = file("steps.json", steps);
  e2e::process running(command({"run", spec}));
  BOOST_REQUIRE(running.wait_for("steps: started", seconds{30}));
  wait_until_completed("steps", 2);
  running.send(SIGKILL);
  BOOST_TEST(running.wait().signal == SIGKILL);
  const auto left = completed("steps");
  BOOST_TEST(left >= 2);
  const auto shown = tenax({"show", "steps"});
  BOOST_TEST(contains(shown.out, "no process has the data directory open"), shown.out);
  BOOST_TEST(tenax({"verify"}).exit_code == 0);

  const auto again = tenax({"run", spec});
  BOOST_TEST(again.exit_code == 0, again.out << again.err);
  auto events = count_events("steps");
  BOOST_TEST(events["action_completed"] == 6);
  BOOST_TEST(events["workflow_created"] == 1);
}

BOOST_AUTO_TEST_CASE(kill_9_in_a_handler_makes_the_attempt_again) {
  const auto spec = file("busy.json", busy_for("1"));
  e2e::process running(command({"run", spec}));
  BOOST_REQUIRE(running.wait_for("busy: started", seconds{30}));
  wait_until_started("busy");
  running.send(SIGKILL);
  BOOST_TEST(running.wait().signal == SIGKILL);
  const auto again = tenax({"run", spec});
  BOOST_TEST(again.exit_code == 0, again.out << again.err);
  const auto work = tenax_json({"show", "busy"})["actions"][0];
  BOOST_TEST(work["recoveries"] == 1);
}

BOOST_AUTO_TEST_CASE(kill_9_in_an_at_most_once_handler_asks_for_a_decision) {
  const auto spec = file("busy.json", busy_for("1"));
  const e2e::arguments args{"run", spec, "--at-most-once", "spin"};
  e2e::process running(command(args));
  BOOST_REQUIRE(running.wait_for("busy: started", seconds{30}));
  wait_until_started("busy");
  running.send(SIGKILL);
  BOOST_TEST(running.wait().signal == SIGKILL);

  const auto asked = tenax(args);
  BOOST_TEST(asked.exit_code == 5, asked.out << asked.err);
  BOOST_TEST(contains(asked.out, "busy work retry  # or skip"), asked.out);
  BOOST_TEST(contains(asked.out, "outcome is unknown"), asked.out);
  const auto done = tenax({"resolve", "busy", "work", "complete", "--value", "1"});
  BOOST_TEST(done.exit_code == 0, done.err);
  BOOST_TEST(tenax(args).exit_code == 0);
  BOOST_TEST(tenax_json({"show", "busy"})["actions"][0]["result"] == 1);
}

BOOST_AUTO_TEST_SUITE_END()
