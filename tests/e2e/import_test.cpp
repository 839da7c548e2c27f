// From one data directory to another, as lines of text.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <string>

using e2e::contains;
using e2e::json;
using std::chrono::seconds;

namespace {

constexpr auto over = R"({"id":"done","name":"done","reference":"T-1","actions":[
  {"key":"a","type":"noop","input":{"n":1.5}},
  {"key":"b","type":"noop","input":{"from":"${actions.a.result.n}"}}]})";
constexpr auto timed = R"({"id":"waits","name":"waits","actions":[
  {"key":"a","type":"wait","input":{"seconds":2}},{"key":"b","type":"noop","depends_on":["a"]}]})";
constexpr auto long_work = R"({"id":"busy","name":"busy","actions":[
  {"key":"work","type":"spin","input":{"seconds":SECONDS}}]})";
constexpr auto undecided = R"({"id":"asks","name":"asks","actions":[{"key":"a","type":"noop"}]})";
constexpr auto flaky = R"({"id":"backs-off","name":"b","actions":[{"key":"a","type":"noop"}]})";

struct import_world : e2e::world {
  /// One of each: over, waiting for a decision, for a timer, for a retry, killed in mid-action.
  void fill() const {
    BOOST_TEST(tenax({"run", file("done.json", over)}).exit_code == 0);
    BOOST_TEST(tenax({"run", file("asks.json", undecided), "--fail-rate", "1", "--max-attempts",
                      "1", "--on-exhausted", "pause"})
                   .exit_code == 5);
    std::string work = long_work;
    work.replace(work.find("SECONDS"), 7, "0.5");
    killed({"run", file("busy.json", work)}, "busy", "attempt_started");
    killed({"run", file("waits.json", timed)}, "waits", "attempt_deferred");
    killed({"run", file("backs-off.json", flaky), "--fail-rate", "1", "--max-attempts", "2",
            "--min-wait-ms", "2000"},
           "backs-off", "retry_scheduled");
  }
  void killed(const e2e::arguments& args, const std::string& id, const std::string& at) const {
    e2e::process running(command(args));
    BOOST_TEST(e2e::eventually([&] { return contains(tenax({"history", id}).out, at); }), at);
    running.send(SIGKILL);
    (void)running.wait();
  }
  [[nodiscard]] json other_json(e2e::arguments args) const {
    args.insert(args.end(), {"--output", "json"});
    return json::parse(other(std::move(args)).out, nullptr, false);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(import_and_export, import_world)

BOOST_AUTO_TEST_CASE(an_imported_directory_says_and_exports_the_same) {
  fill();
  const auto lines = tenax({"export"}).out;
  const auto got = other({"import", file("all.jsonl", lines)});
  BOOST_TEST(got.exit_code == 0, got.err);
  BOOST_TEST(contains(got.out, "imported: 5 workflows"), got.out);
  BOOST_TEST((other({"export"}).out == lines));
  BOOST_TEST(other({"verify"}).exit_code == 0);
  BOOST_TEST((other_json({"list"}) == tenax_json({"list"})));
  BOOST_TEST(other_json({"list", "--reference", "T-1"})["workflows"].size() == 1u);
  BOOST_TEST(other_json({"list", "--to-decide"})["workflows"].size() == 1u);
  for (const auto* id : {"done", "asks", "busy", "waits", "backs-off"}) {
    BOOST_TEST((other_json({"show", id}) == tenax_json({"show", id})), id);
    BOOST_TEST((other_json({"history", id}) == tenax_json({"history", id})), id);
  }
  // once more
  const auto again = other({"import", path("all.jsonl")});
  BOOST_TEST(again.exit_code == 0);
  BOOST_TEST(contains(again.out, "busy: there already"), again.out);
  BOOST_TEST((other({"export"}).out == lines));
}

BOOST_AUTO_TEST_CASE(open_workflows_go_on_where_they_were_imported) {
  fill();
  const auto all = file("all.jsonl", tenax({"export"}).out);
  BOOST_TEST(e2e::run({"sh", "-c", "\"$0\" import - --data-dir \"$1\" < \"$2\"", TENAX_PROGRAM,
                       path("other"), all})
                 .exit_code == 0);
  BOOST_TEST(other({"resolve", "asks", "a", "skip"}).exit_code == 0);
  for (const auto* id : {"busy", "waits", "asks", "backs-off"}) {
    const auto got = other({"resume", id});
    const bool fails = id == std::string("backs-off");  // its retry was its last
    BOOST_TEST(got.exit_code == (fails ? 1 : 0), got.out << got.err);
  }
  const auto kinds = [&](const std::string& id) {
    std::string out;
    const auto history = other_json({"history", id});
    for (const auto& e : history["events"]) {
      out += e["kind"].get<std::string>() + " ";
    }
    return out;
  };
  BOOST_TEST(kinds("busy") ==
             "workflow_created attempt_started attempt_interrupted attempt_started "
             "action_completed workflow_completed ");
  BOOST_TEST(kinds("waits") ==
             "workflow_created attempt_started attempt_deferred attempt_started action_completed "
             "attempt_started action_completed workflow_completed ");
  BOOST_TEST(contains(kinds("asks"), "action_resolved action_skipped workflow_completed"));
  const auto history = other_json({"history", "backs-off"});
  const auto& events = history["events"];
  BOOST_TEST(kinds("backs-off") ==
             "workflow_created attempt_started attempt_failed retry_scheduled attempt_started "
             "attempt_failed retry_exhausted action_failed workflow_failed ");
  BOOST_TEST(events[4]["at"].get<std::string>() >=
             events[3]["data"]["next_retry_at"].get<std::string>());
  BOOST_TEST(other({"verify"}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_imported_is_said_with_its_place) {
  BOOST_TEST(tenax({"run", file("done.json", over)}).exit_code == 0);
  const auto lines = tenax({"export"}).out;
  const auto none = other({"import", path("none")});
  BOOST_TEST(none.exit_code == 2);
  BOOST_TEST(contains(none.err, "No such file"), none.err);
  BOOST_TEST(other({"import", path("")}).exit_code == 2);  // a directory
  const auto spec = other({"import", path("done.json")});
  BOOST_TEST(spec.exit_code == 2);
  BOOST_TEST(contains(spec.err, path("done.json") + ":1: "), spec.err);
  BOOST_TEST(!std::filesystem::exists(path("other")));

  auto damaged = lines;
  damaged.replace(damaged.find("1.5"), 3, "1.6");
  const auto got = other({"import", file("damaged.jsonl", damaged)});
  BOOST_TEST(got.exit_code == 2);
  BOOST_TEST(contains(got.err, "damaged.jsonl:"), got.err);
  BOOST_TEST(contains(got.err, "checksum"), got.err);
  BOOST_TEST(other_json({"list"})["workflows"].empty());
  const auto cut = other_json({"import", file("cut.jsonl", lines.substr(0, lines.size() - 20))});
  BOOST_TEST(cut["imported"] == 1);
  BOOST_TEST(contains(cut["error"]["message"].get<std::string>(), "cut.jsonl:"));

  // The same id, another history.
  const auto again = R"({"id":"done","name":"done","actions":[{"key":"c","type":"noop"}]})";
  std::filesystem::remove_all(path("other"));
  BOOST_TEST(other({"run", file("again.json", again)}).exit_code == 0);
  const auto refused = other({"import", file("all.jsonl", lines)});
  BOOST_TEST(refused.exit_code == 2);
  BOOST_TEST(contains(refused.err, "workflow done: it is there with other content"), refused.err);
  BOOST_TEST(other_json({"show", "done"})["actions"].size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_import_that_was_killed_is_repeated) {
  BOOST_TEST(tenax({"run", file("done.json", over), "--repeat", "3000"}).exit_code == 0);
  const auto lines = tenax({"export"}).out;
  e2e::process running({TENAX_PROGRAM, "import", "-", "--data-dir", path("other")},
                       e2e::output::pipes, e2e::input::from_test);
  constexpr std::size_t piece = 4'096;  // sent whole or not at all
  for (std::size_t at = 0; at < lines.size() * 3 / 4; at += piece) {
    BOOST_REQUIRE(e2e::eventually([&] { return running.write(lines.substr(at, piece)); }));
  }
  const auto there = [&] {
    const auto counted = other_json({"list", "--count"});
    return counted.is_object() ? counted.value("count", 0) : 0;
  };
  BOOST_TEST(e2e::eventually([&] { return there() > 0; }));
  running.send(SIGKILL);
  (void)running.wait();
  BOOST_TEST(other({"verify"}).exit_code == 0);
  BOOST_TEST(there() < 3000);
  BOOST_TEST(other({"import", file("all.jsonl", lines)}).exit_code == 0);
  BOOST_TEST((other({"export"}).out == lines));
  BOOST_TEST(other({"verify"}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(an_import_beside_a_running_process_is_refused) {
  std::string work = long_work;
  work.replace(work.find("SECONDS"), 7, "60");
  e2e::process running(command({"run", file("busy.json", work)}));
  BOOST_REQUIRE(running.wait_for("busy: started", seconds{30}));
  const auto lines = tenax({"export"}).out;
  const auto got = tenax({"import", file("all.jsonl", lines)});
  BOOST_TEST(got.exit_code == 3);
  BOOST_TEST(contains(got.err, "process " + std::to_string(running.pid())), got.err);
  running.send(SIGKILL);
  (void)running.wait();
}

BOOST_AUTO_TEST_SUITE_END()
