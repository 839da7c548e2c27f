// The commands of the program, from outside: what they print, in both outputs, and how they end.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

using e2e::contains;
using e2e::json;
using e2e::world;
using std::chrono::seconds;

namespace {

constexpr auto chain = R"({"name":"chain","actions":[
  {"key":"a","type":"noop","input":{"n":1}},
  {"key":"b","type":"wait","input":{"seconds":0.05},"depends_on":["a"]},
  {"key":"c","type":"noop","input":{"from":"${actions.a.result.n}"},"depends_on":["b"]}]})";
constexpr auto long_wait = R"({"id":"long","name":"long","actions":[
  {"key":"first","type":"noop"},
  {"key":"second","type":"wait","input":{"seconds":3600},"depends_on":["first"]},
  {"key":"third","type":"noop","depends_on":["second"]}]})";

/// Two actions that fail for good, then wait for a person: run ends with 5.
e2e::arguments paused_run(const std::string& file) {
  return {"run",           file, "--fail-rate",    "1",    "--max-attempts", "2",
          "--max-wait-ms", "10", "--on-exhausted", "pause"};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cli, world)

BOOST_AUTO_TEST_CASE(the_examples_run_to_their_end) {
  e2e::arguments args{"run", "--allow-exec"};
  for (const auto& entry : std::filesystem::directory_iterator(TENAX_SOURCE_DIR "/examples/specs"))
    if (entry.path().extension() == ".json") args.push_back(entry.path().string());
  BOOST_REQUIRE(args.size() > 2u);
  const auto got = tenax(args);
  BOOST_TEST(got.exit_code == 0, got.out << got.err);
  BOOST_TEST(workflows().size() == args.size() - 2);
  for (const auto& w : workflows()) BOOST_TEST(w["status"] == "completed");
}

BOOST_AUTO_TEST_CASE(running_again_starts_nothing_new) {
  const auto spec = file("chain.json", chain);
  const auto first = tenax({"run", spec});
  BOOST_TEST(first.exit_code == 0, first.err);
  const auto before = workflows();
  const auto second = tenax_json({"run", spec});
  BOOST_TEST(second["workflows"][0]["existed"] == true);
  BOOST_TEST(second["attempts"] == 0);
  BOOST_TEST((workflows() == before));  // no new workflow and no new event
}

BOOST_AUTO_TEST_CASE(new_starts_another_and_repeat_starts_many) {
  const auto spec = file("chain.json", chain);
  BOOST_TEST(tenax({"run", spec}).exit_code == 0);
  BOOST_TEST(tenax({"run", spec, "--new"}).exit_code == 0);
  BOOST_TEST(tenax({"run", spec, "--repeat", "3"}).exit_code == 0);
  std::set<std::string> ids;
  for (const auto& w : workflows()) ids.insert(w["id"].get<std::string>());
  BOOST_TEST(ids.size() == 5u);
}

BOOST_AUTO_TEST_CASE(ten_thousand_workflows_run_in_one_command) {
  const auto spec = file("tiny.json", R"({"name":"tiny","actions":[{"key":"a","type":"noop"}]})");
  const auto got = tenax({"run", spec, "--repeat", "10000"});
  BOOST_TEST(got.exit_code == 0, got.err);
  BOOST_TEST(contains(got.out, "10,000 workflows: 10,000 completed"));
  BOOST_TEST(std::count(got.out.begin(), got.out.end(), '\n') < 100);  // no line for each
}

BOOST_AUTO_TEST_CASE(run_reports_as_json_with_nothing_around_it) {
  const auto got = tenax_json({"run", file("chain.json", chain)});
  BOOST_TEST(got["outcome"] == "completed");
  BOOST_TEST(got["exit_code"] == 0);
  BOOST_TEST(got["others_open"] == 0);
  BOOST_TEST(got["workflows"][0]["actions"]["completed"] == 3);
  BOOST_TEST(got["decisions"].empty());
}

BOOST_AUTO_TEST_CASE(injected_failures_are_retried_the_same_way_each_time) {
  const auto spec = file("chain.json", chain);
  const e2e::arguments args{"run",           spec, "--fail-rate",    "0.5",
                            "--seed",        "11", "--max-attempts", "20",
                            "--max-wait-ms", "5"};
  const auto first = tenax_json(args);
  const world other;
  const auto again = other.tenax_json(args);
  BOOST_TEST(first["failed_attempts"] == again["failed_attempts"]);
  BOOST_TEST(first["workflows"][0]["id"] == again["workflows"][0]["id"]);
  BOOST_TEST(first["failed_attempts"] > 0);
}

BOOST_AUTO_TEST_CASE(a_failed_workflow_ends_with_1_and_its_error_is_shown) {
  const auto spec = file("chain.json", chain);
  const auto got = tenax({"run", spec, "--fail-rate", "1", "--max-attempts", "1"});
  BOOST_TEST(got.exit_code == 1);
  BOOST_TEST(contains(got.out, "failed"));
  const auto id = workflows().at(0)["id"].get<std::string>();
  const auto shown = tenax({"show", id});
  BOOST_TEST(contains(shown.out, "last error: injected"));
  const auto why = tenax_json({"explain", id})["headline"].get<std::string>();
  BOOST_TEST(contains(why, "action a failed: "), why);
  BOOST_TEST(contains(why, "after 1 attempt); a retry"), why);
  BOOST_TEST(tenax({"run", spec, "--fail-rate", "1", "--max-attempts", "1"}).exit_code == 1);
}

BOOST_AUTO_TEST_CASE(list_filters_and_pages) {
  BOOST_TEST(tenax({"run", file("c.json", chain), "--repeat", "5"}).exit_code == 0);
  BOOST_TEST(tenax({"run", file("o.json", R"({"id":"other","name":"other","actions":[
                   {"key":"a","type":"noop"}]})")})
                 .exit_code == 0);
  BOOST_TEST(tenax_json({"list", "--name", "other"})["workflows"].size() == 1u);
  BOOST_TEST(tenax_json({"list", "--status", "failed"})["workflows"].empty());
  BOOST_TEST(tenax_json({"list", "--until", "2000-01-01"})["workflows"].empty());
  BOOST_TEST(tenax_json({"list", "--since", "2000-01-01T00:00:00Z"})["workflows"].size() == 6u);

  std::set<std::string> seen;
  std::string token;
  for (int pages = 0; pages < 10; ++pages) {
    auto page = tenax_json({"list", "--limit", "2", "--page-token", token});
    for (const auto& w : page["workflows"]) seen.insert(w["id"].get<std::string>());
    BOOST_TEST(page["workflows"].size() <= 2u);
    token = page["next_page_token"].get<std::string>();
    if (token.empty()) break;
  }
  BOOST_TEST(seen.size() == 6u);
  // The other way round, by reference, by what is waited for, and counted only.
  BOOST_TEST(tenax({"run", file("r.json", R"({"id":"referred","name":"other","reference":"PO 7",
                   "actions":[{"key":"a","type":"noop"}]})")})
                 .exit_code == 0);
  BOOST_TEST(tenax_json({"list", "--newest-first"})["workflows"][0]["id"] == "referred");
  const auto referred = tenax_json({"list", "--reference", "PO 7"})["workflows"];
  BOOST_REQUIRE(referred.size() == 1u);
  BOOST_TEST(referred[0]["id"] == "referred");
  BOOST_TEST(tenax_json({"list", "--count"})["count"] == 7);
  BOOST_TEST(tenax({"list", "--count", "--name", "other"}).out == "2\n");
  BOOST_TEST(tenax_json({"list", "--count", "--open"})["count"] == 0);
  BOOST_TEST(tenax_json({"list", "--waiting", "retry"})["workflows"].empty());
  BOOST_TEST(tenax_json({"list", "--error-class", "none"})["workflows"].empty());
  BOOST_TEST(tenax({"list", "--waiting", "godot"}).exit_code == 2);
  BOOST_TEST(tenax({"list", "--waiting", "retry", "--to-decide"}).exit_code == 2);

  const auto text = tenax({"list"});
  BOOST_TEST(text.out.starts_with("ID "));
  BOOST_TEST(contains(text.out, "other"));
}

BOOST_AUTO_TEST_CASE(show_history_verify_and_export_agree) {
  BOOST_TEST(tenax({"run", file("chain.json", chain)}).exit_code == 0);
  const auto w = workflows().at(0);
  const auto id = w["id"].get<std::string>();

  const auto shown = tenax_json({"show", id});
  BOOST_TEST(shown["workflow"] == w);
  BOOST_TEST(shown["actions"].size() == 3u);
  BOOST_TEST(shown["actions"][2]["result"]["from"] == 1);
  const auto table = tenax({"show", id});
  BOOST_TEST(table.exit_code == 0);
  for (const auto* part : {"ACTION", "ATTEMPTS", "completed", "wait"})
    BOOST_TEST(contains(table.out, part), part);

  const auto history = tenax_json({"history", id});
  const auto events = history["events"].get<std::vector<json>>();
  BOOST_TEST(events.size() == w["events"].get<std::size_t>());
  for (std::size_t i = 0; i < events.size(); ++i) BOOST_TEST(events[i]["seq"] == i + 1);
  BOOST_TEST(events.front()["kind"] == "workflow_created");
  BOOST_TEST(events.back()["kind"] == "workflow_completed");
  const auto rest = tenax_json({"history", id, "--after", "2", "--limit", "1"});
  BOOST_TEST((rest["events"] == json::array({events[2]})));
  BOOST_TEST(contains(tenax({"history", id}).out, "workflow_completed"));

  const auto lines = exported();
  BOOST_REQUIRE(lines.size() == 4 + events.size());
  BOOST_TEST(lines[0]["type"] == "export");
  BOOST_TEST(lines[1]["type"] == "workflow");
  BOOST_TEST(lines[1]["workflow"] == id);
  BOOST_TEST(lines[1]["status"] == "completed");
  BOOST_TEST(lines[1]["spec"]["actions"].size() == 3u);
  for (std::size_t i = 0; i < events.size(); ++i) {
    auto event = lines[2 + i];
    BOOST_TEST(event["type"] == "event");
    BOOST_TEST(event["workflow"] == id);
    event.erase("type");
    event.erase("workflow");
    BOOST_TEST(event == events[i]);
  }
  BOOST_TEST(lines.back()["workflows"] == 1);

  const auto verified = tenax_json({"verify"});
  BOOST_TEST(verified["clean"] == true);
  BOOST_TEST(verified["workflows"] == 1);
  BOOST_TEST(verified["events"] == events.size());
  BOOST_TEST(contains(tenax({"verify"}).out, "no findings"));
}

BOOST_AUTO_TEST_CASE(reading_needs_a_directory_that_exists_and_never_makes_one) {
  for (const e2e::arguments& args : {e2e::arguments{"list"},
                                     {"show", "x"},
                                     {"history", "x"},
                                     {"verify"},
                                     {"export"},
                                     {"cancel", "x"},
                                     {"resolve", "x", "y", "skip"}}) {
    const auto got = tenax(args);
    BOOST_TEST(got.exit_code == 3, args[0]);
    BOOST_TEST(contains(got.err, data() + " does not exist"), got.err);
    BOOST_TEST(!std::filesystem::exists(data()), args[0]);
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_exist_is_said) {
  BOOST_TEST(tenax({"run", file("chain.json", chain)}).exit_code == 0);
  const auto id = workflows().at(0)["id"].get<std::string>();
  for (const e2e::arguments& args : {e2e::arguments{"show", "nope"},
                                     {"explain", "nope"},
                                     {"history", "nope"},
                                     {"cancel", "nope"},
                                     {"resolve", "nope", "a", "skip"}}) {
    const auto got = tenax(args);
    BOOST_TEST(got.exit_code == 2, args[0]);
    BOOST_TEST(contains(got.err, "nope"));
  }
  BOOST_TEST(tenax({"resolve", id, "a", "skip"}).exit_code == 2);  // nothing to decide
  BOOST_TEST(tenax({"cancel", id}).exit_code == 2);                // it has ended
}

BOOST_AUTO_TEST_CASE(beside_a_running_process_reading_and_deciding_work) {
  const auto spec = file("long.json", long_wait);
  e2e::process running(command({"run", spec}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds{30}));
  BOOST_REQUIRE(e2e::eventually([&] { return !workflows().empty(); }));

  BOOST_TEST(workflows().at(0)["status"] == "in_progress");
  const auto shown = tenax({"show", "long"});
  BOOST_TEST(contains(shown.out, "second waits for its timer: goes on in 59m "), shown.out);
  BOOST_TEST(contains(shown.out, "waits for second"));
  BOOST_TEST(contains(shown.out, "process " + std::to_string(running.pid())));
  const auto why = tenax_json({"explain", "long"});
  BOOST_TEST(why["actions"][0]["reasons"][0]["kind"] == "timer");
  BOOST_TEST(why["actions"][1]["reasons"][0]["roots"][0] == "second");
  BOOST_TEST(why["forecast"][0]["at"] == why["actions"][0]["reasons"][0]["at"]);
  BOOST_TEST(why["nothing_by_itself"] == false);
  BOOST_TEST(contains(shown.out, why["actions"][1]["reasons"][0]["text"].get<std::string>()));
  BOOST_TEST(contains(tenax({"explain", "long"}).out,
                      "long (in_progress): second waits for its timer: goes on in 59m "));
  BOOST_TEST(tenax({"history", "long"}).exit_code == 0);
  BOOST_TEST(tenax({"export"}).exit_code == 0);
  BOOST_TEST(tenax({"verify"}).exit_code == 0);

  const auto undecided = tenax({"resolve", "long", "first", "skip"});
  BOOST_TEST(undecided.exit_code == 2);
  BOOST_TEST(contains(undecided.err, "does not wait for a decision"), undecided.err);
  const auto ended = tenax({"cancel", "long", "--reason", "no more"});
  BOOST_TEST(ended.out == "long: cancelled; the workflow is cancelled\n", ended.err);
  const auto run = running.wait();  // it was its last one
  BOOST_TEST(run.exit_code == 1);
  BOOST_TEST(contains(run.out, "cancelled      long: no more"), run.out);
}

/// The copy, seen through the program.
json workflows_of(const std::string& dir) {
  const auto listed = e2e::run({TENAX_PROGRAM, "list", "--data-dir", dir, "--output", "json"});
  BOOST_TEST(listed.exit_code == 0, listed.err);
  const auto verified = e2e::run({TENAX_PROGRAM, "verify", "--data-dir", dir});
  BOOST_TEST(verified.exit_code == 0, verified.out << verified.err);
  return json::parse(listed.out, nullptr, false)["workflows"];
}

BOOST_AUTO_TEST_CASE(a_backup_is_made_with_and_without_a_running_process) {
  const auto spec = file("long.json", long_wait);
  BOOST_TEST(tenax({"backup", path("none")}).exit_code == 3);  // nothing there to copy
  BOOST_TEST(!std::filesystem::exists(data()));
  for (const bool killed : {false, true}) {
    e2e::process running(command({"run", spec}));
    BOOST_REQUIRE(e2e::eventually([&] {
      return std::filesystem::is_socket(path("data/api.sock")) &&
             contains(tenax({"show", "long"}).out, "waits for second");
    }));
    const auto beside = path(killed ? "beside-2" : "beside");
    const auto made = tenax({"backup", beside});
    BOOST_TEST(made.exit_code == 0, made.err);
    BOOST_TEST(contains(made.out, beside));
    BOOST_TEST((workflows_of(beside) == json(workflows())));
    const auto again = tenax_json({"backup", beside}, 2);
    BOOST_TEST(again["error"]["code"] == "invalid_argument");
    BOOST_TEST(contains(again["error"]["message"].get<std::string>(), "not empty"));
    running.send(killed ? SIGKILL : SIGTERM);  // a killed one leaves its socket
    (void)running.wait();
    BOOST_TEST(std::filesystem::is_socket(path("data/api.sock")) == killed);
  }
  const auto made = tenax_json({"backup", path("alone")});
  BOOST_TEST(made["backup"] == path("alone"));
  BOOST_TEST((workflows_of(path("alone")) == json(workflows())));
  BOOST_TEST(tenax({"verify"}).exit_code == 0);
  // Restored by opening it.
  const auto cancelled = e2e::run({TENAX_PROGRAM, "cancel", "long", "--data-dir", path("alone")});
  BOOST_TEST(cancelled.exit_code == 0, cancelled.err);
  BOOST_TEST(workflows_of(path("alone"))[0]["status"] == "cancelled");
  BOOST_TEST(workflows().at(0)["status"] == "in_progress");
}

BOOST_AUTO_TEST_CASE(a_backup_beside_a_program_that_takes_no_requests_says_what_to_do) {
  e2e::process running(command({"run", file("long.json", long_wait)}));
  BOOST_REQUIRE(e2e::eventually([&] { return std::filesystem::exists(path("data/api.sock")); }));
  std::filesystem::remove(path("data/api.sock"));  // as if tenax were only a part of it
  const auto got = tenax({"backup", path("copy")});
  BOOST_TEST(got.exit_code == 3);
  BOOST_TEST(contains(got.err, "process " + std::to_string(running.pid())), got.err);
  BOOST_TEST(contains(got.err, "engine.backup"), got.err);
  BOOST_TEST(!std::filesystem::exists(path("copy")));
  BOOST_TEST(tenax_json({"cancel", "long"}, 3)["error"]["code"] == "data_dir_locked");
  BOOST_TEST(contains(tenax({"show", "long"}).out, std::to_string(running.pid())));  // is read
  running.send(SIGTERM);
  BOOST_TEST(running.wait().exit_code == 130);
}

BOOST_AUTO_TEST_CASE(cancel_ends_a_workflow_and_starts_no_other) {
  const auto spec = file("long.json", long_wait);
  e2e::process running(command({"run", spec}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds{30}));
  running.send(SIGINT);
  BOOST_TEST(running.wait().exit_code == 130);

  const auto got = tenax({"cancel", "long", "--reason", "not needed"});
  BOOST_TEST(got.exit_code == 0, got.err);
  const auto w = workflows().at(0);
  BOOST_TEST(w["status"] == "cancelled");
  BOOST_TEST(w["reason"] == "not needed");
  BOOST_TEST(tenax({"cancel", "long"}).exit_code == 0);  // cancelling again is no error
  BOOST_TEST(tenax({"run", spec}).exit_code == 1);
}

BOOST_AUTO_TEST_CASE(a_decision_that_is_needed_has_its_own_exit_code_and_command) {
  const auto spec = file("one.json", R"({"id":"one","name":"one","actions":[
      {"key":"a","type":"noop"},{"key":"b","type":"noop","depends_on":["a"]}]})");
  const auto got = tenax(paused_run(spec));
  BOOST_TEST(got.exit_code == 5, got.out << got.err);
  BOOST_TEST(contains(got.out, "tenax resolve --data-dir " + data() + " one a "), got.out);
  const auto shown = tenax({"show", "one"});
  BOOST_TEST(contains(shown.out, ": tenax resolve --data-dir " + data() + " one a "), shown.out);
  const auto why = tenax({"explain", "one"});
  BOOST_TEST(why.exit_code == 0, why.err);
  BOOST_TEST(contains(why.out,
                      "nothing will happen by itself: no process has the data directory "
                      "open; a waits for a decision: it failed for good (attempt 2)"),
             why.out);
  BOOST_TEST(contains(why.out, "it holds 1 other"), why.out);
  BOOST_TEST(contains(why.out, ": tenax resolve --data-dir " + data() + " one a "), why.out);
  BOOST_TEST(tenax_json({"explain", "one"})["nothing_by_itself"] == true);

  const auto report = [&] {
    auto args = paused_run(spec);
    return tenax_json(std::move(args), 5);
  }();
  BOOST_TEST(report["outcome"] == "decision_needed");
  BOOST_TEST(report["decisions"][0]["action"] == "a");

  // Resolved, and not a step more: the engine that resolves starts nothing.
  BOOST_TEST(tenax({"resolve", "one", "a", "complete", "--value", R"({"by":"hand"})"}).exit_code ==
             0);
  const auto after = tenax_json({"show", "one"});
  BOOST_TEST(after["actions"][0]["result"]["by"] == "hand");
  BOOST_TEST(after["actions"][1]["attempts"] == 0);
  BOOST_TEST(tenax({"run", spec, "--change-options"}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(decisions_beyond_those_named_are_counted_and_can_be_listed) {
  BOOST_TEST(tenax({"run", file("chain.json", chain)}).exit_code == 0);
  auto args = paused_run(file(
      "p.json", R"({"name":"p","actions":[{"key":"a","type":"noop"},{"key":"b","type":"noop"}]})"));
  args.insert(args.end(), {"--repeat", "60"});
  const auto text = tenax(args);
  BOOST_TEST(text.exit_code == 5, text.err);
  const auto how = "and 100 more: tenax list --data-dir " + data() + " --to-decide\n";
  BOOST_TEST(contains(text.out, how), text.out);
  const auto report = tenax_json(args, 5);
  BOOST_TEST(report["decisions_total"] == 120);
  BOOST_TEST(report["decisions"].size() == 100u);

  const auto listed = tenax_json({"list", "--to-decide"});
  BOOST_TEST(listed["workflows"].size() == 60u);
  for (const auto& w : listed["workflows"]) BOOST_TEST(w["name"] == "p");
  BOOST_TEST(tenax_json({"list", "--to-decide", "--limit", "7"})["workflows"].size() == 7u);
}

BOOST_AUTO_TEST_CASE(every_decision_does_what_it_says) {
  const auto spec = file("p.json", R"({"name":"p","actions":[{"key":"a","type":"noop"}]})");
  auto args = paused_run(spec);
  args.insert(args.end(), {"--repeat", "3"});
  BOOST_TEST(tenax(args).exit_code == 5);
  std::vector<std::string> ids;
  for (const auto& w : workflows()) ids.push_back(w["id"].get<std::string>());
  BOOST_REQUIRE(ids.size() == 3u);
  BOOST_TEST(tenax({"resolve", ids[0], "a", "skip"}).exit_code == 0);
  BOOST_TEST(tenax({"resolve", ids[1], "a", "fail", "--message", "given up"}).exit_code == 0);
  BOOST_TEST(tenax({"resolve", ids[2], "a", "retry"}).exit_code == 0);
  BOOST_TEST(tenax_json({"show", ids[0]})["workflow"]["status"] == "completed");
  BOOST_TEST(tenax_json({"show", ids[1]})["workflow"]["status"] == "failed");
  BOOST_TEST(contains(tenax({"show", ids[1]}).out, "given up"));
  const auto open = tenax_json({"show", ids[2]});
  BOOST_TEST(open["workflow"]["status"] == "in_progress");
  BOOST_TEST(open["actions"][0]["waiting"] == "thread");
  for (const e2e::arguments& bad : {e2e::arguments{"explode"},
                                    {"complete", "--value", "not json"},
                                    {"skip", "--value", "1"},
                                    {"retry", "--message", "x"}}) {
    e2e::arguments line{"resolve", ids[2], "a"};
    line.insert(line.end(), bad.begin(), bad.end());
    BOOST_TEST(tenax(line).exit_code == 2, bad[0]);
  }
}

BOOST_AUTO_TEST_CASE(other_open_workflows_are_counted_in_the_summary) {
  e2e::process first(command({"run", file("long.json", long_wait)}));
  BOOST_REQUIRE(first.wait_for("long: started", seconds{30}));
  first.send(SIGINT);
  BOOST_TEST(first.wait().exit_code == 130);
  const auto got = tenax({"run", file("chain.json", chain)});
  BOOST_TEST(got.exit_code == 0);
  BOOST_TEST(contains(got.out, "1 other workflow is open"), got.out);
}

BOOST_AUTO_TEST_CASE(in_a_pipe_progress_is_plain_lines_and_on_a_terminal_bars) {
  const auto spec = file("f.json", R"({"name":"f","actions":[
      {"key":"a","type":"wait","input":{"seconds":1.2}},{"key":"b","type":"noop"}]})");
  const auto piped = tenax({"run", spec});
  BOOST_TEST(e2e::plain(piped.out), piped.out);
  BOOST_TEST(contains(piped.out, ": started, 2 actions"));
  BOOST_TEST(contains(piped.out, ": completed in"));

  e2e::process seen(command({"run", spec, "--new"}), e2e::output::terminal);
  const auto shown = seen.wait();
  BOOST_TEST(shown.exit_code == 0, shown.out);
  BOOST_TEST(contains(shown.out, "\x1b["));  // redrawn
  BOOST_TEST(contains(shown.out, "1/2 done  1 on timers"), shown.out);
  BOOST_TEST(contains(shown.out, "1 workflow: 1 completed"));
}

BOOST_AUTO_TEST_CASE(exec_is_off_unless_allowed) {
  const auto spec = file("e.json", R"({"id":"e","name":"e","actions":[
      {"key":"a","type":"exec","input":{"argv":["echo","hi"]}}]})");
  const auto refused = tenax({"run", spec});
  BOOST_TEST(refused.exit_code == 2);
  BOOST_TEST(contains(refused.err, "--allow-exec"), refused.err);
  BOOST_TEST(!std::filesystem::exists(data()));
  BOOST_TEST(tenax({"run", spec, "--allow-exec", "--exec-program", "/bin/true"}).exit_code == 2);
  BOOST_TEST(tenax({"run", spec, "--allow-exec"}).exit_code == 0);
  BOOST_TEST(tenax_json({"show", "e"})["actions"][0]["result"]["stdout"] == "hi\n");
}

BOOST_AUTO_TEST_CASE(names_and_errors_cannot_write_to_the_terminal) {
  const auto spec = file("evil.json",
                         R"({"id":"evil","name":"a\u001b[2Jb","description":"\u009b31m\u202e",
      "actions":[{"key":"a","type":"log_message",
                  "input":{"level":"error","message":"\u001b]0;x\u0007"}}]})");
  const auto got = tenax({"run", spec, "--log-level", "debug"});
  BOOST_TEST(got.exit_code == 0, got.err);
  for (const auto& text : {got.out, got.err, tenax({"list"}).out, tenax({"show", "evil"}).out,
                           tenax({"history", "evil"}).out}) {
    BOOST_TEST(e2e::plain(text), text);
    BOOST_TEST(!contains(text, "\u202e"));
  }
}

BOOST_AUTO_TEST_CASE(output_that_cannot_be_written_is_an_error) {
  BOOST_TEST(tenax({"run", file("chain.json", chain)}).exit_code == 0);
  const auto got =
      e2e::run({"sh", "-c", "\"$0\" list --data-dir \"$1\" > /dev/full", TENAX_PROGRAM, data()});
  BOOST_TEST(got.exit_code == 3);
  BOOST_TEST(contains(got.err, "could not be written"), got.err);
}

BOOST_AUTO_TEST_CASE(a_closed_pipe_ends_reading_quietly_and_leaves_nothing_behind) {
  e2e::process running(command({"run", file("long.json", long_wait)}));
  BOOST_REQUIRE(running.wait_for("long: started", seconds{30}));
  std::filesystem::create_directory(path("tmp"));
  // The reader of the pipe is gone before the first word.
  const auto got = e2e::run({"bash", "-c",
                             "export TMPDIR=\"$2\"; exec 3> >(:); wait $!;"
                             "\"$0\" export --data-dir \"$1\" >&3",
                             TENAX_PROGRAM, data(), path("tmp")});
  BOOST_TEST(got.exit_code == 141, got.exit_code);
  BOOST_TEST(got.err == "");
  BOOST_TEST(std::filesystem::is_empty(path("tmp")));
  running.send(SIGTERM);
  BOOST_TEST(running.wait().exit_code == 130);
}

BOOST_AUTO_TEST_CASE(help_tells_the_exit_codes_and_usage_errors_end_with_2) {
  const auto help = e2e::run({TENAX_PROGRAM, "--help"});
  BOOST_TEST(help.exit_code == 0);
  for (const auto* part : {"run", "resolve", "Exit codes", "130", "141", "--data-dir"})
    BOOST_TEST(contains(help.out, part), part);
  BOOST_TEST(contains(e2e::run({TENAX_PROGRAM, "--version"}).out, "tenax "));
  for (e2e::arguments args : {e2e::arguments{TENAX_PROGRAM},
                              {TENAX_PROGRAM, "run"},
                              {TENAX_PROGRAM, "fly"},
                              {TENAX_PROGRAM, "list", "--output", "xml"},
                              {TENAX_PROGRAM, "list", "--limit"},
                              {TENAX_PROGRAM, "list", "--nope"}}) {
    const auto text = e2e::run(args);
    BOOST_TEST(text.exit_code == 2);
    BOOST_TEST(contains(text.err, "tenax: usage"), text.err);
    BOOST_TEST(text.out == "");
    args.insert(args.end(), {"--output", "json"});
    const auto machine = e2e::run(args);
    BOOST_TEST(machine.exit_code == 2);
    const auto doc = json::parse(machine.out, nullptr, false);
    BOOST_REQUIRE_MESSAGE(doc.is_object(), machine.out);
    BOOST_TEST(doc["error"]["code"] == "invalid_argument");
  }
  BOOST_TEST(contains(e2e::run({TENAX_PROGRAM, "lst", "--limit", "1"}).err,
                      "lst is no command; there are list, "));
}

BOOST_AUTO_TEST_SUITE_END()
