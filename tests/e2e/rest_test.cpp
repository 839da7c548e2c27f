// What `tenax run` takes up: the workflows of its files, under the options they began with; and
// what it does with words, hints and closed descriptors.
#include "tests/e2e/program.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

using e2e::contains;
using e2e::json;
using e2e::world;
using std::chrono::seconds;

namespace {

constexpr auto other_spec = R"({"id":"other","name":"other","actions":[
  {"key":"w","type":"wait","input":{"seconds":1.5}}]})";
constexpr auto production = R"({"id":"prod","name":"prod","actions":[
  {"key":"w","type":"wait","input":{"seconds":0.5}},
  {"key":"b","type":"noop","depends_on":["w"]}]})";

struct rest_world : world {
  /// Runs until the condition holds, then kills it.
  template <class Holds>
  void killed_when(e2e::arguments args, Holds holds) const {
    e2e::process running(command(std::move(args)));
    BOOST_TEST(e2e::eventually(holds));
    running.send(SIGKILL);
    BOOST_TEST(running.wait().signal == SIGKILL);
  }
  [[nodiscard]] int events(const std::string& id, const std::string& kind) const {
    if (tenax({"show", id}).exit_code != 0) return 0;
    int n = 0;
    const auto history = tenax_json({"history", id});
    for (const auto& e : history["events"]) n += e["kind"] == kind ? 1 : 0;
    return n;
  }
  [[nodiscard]] std::string status(const std::string& id) const {
    return tenax_json({"show", id})["workflow"]["status"].get<std::string>();
  }
  [[nodiscard]] static int lines(const std::string& path) {
    std::ifstream in(path);
    int n = 0;
    for (std::string line; std::getline(in, line);) ++n;
    return n;
  }
  /// The program in a shell that has done something first; "$@" is its command line.
  [[nodiscard]] e2e::outcome in_shell(const std::string& script, e2e::arguments args) const {
    e2e::arguments all{"sh", "-c", script, path("")};
    for (auto& word : command(std::move(args))) all.push_back(std::move(word));
    return e2e::run(all);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(rest, rest_world)

BOOST_AUTO_TEST_CASE(an_exec_under_at_most_once_is_not_repeated_by_a_run_of_another_file) {
  const auto log = path("log");
  const auto spec =
      file("pay.json", R"({"id":"pay","name":"pay","actions":[{"key":"a","type":"exec",
      "input":{"argv":["sh","-c","echo paid >> )" +
                           log + R"(; exec sleep 600"]}}]})");
  const e2e::arguments args{"run", spec, "--allow-exec", "--at-most-once", "exec"};
  killed_when(args, [&] { return lines(log) == 1 && events("pay", "attempt_started") == 1; });

  const auto other = tenax({"run", file("other.json", other_spec), "--allow-exec"});
  BOOST_TEST(other.exit_code == 0, other.out << other.err);
  BOOST_TEST(contains(other.out, "1 other workflow is open and left at rest"), other.out);
  BOOST_TEST(lines(log) == 1);
  BOOST_TEST(events("pay", "attempt_started") == 1);

  BOOST_TEST(tenax(args).exit_code == 5);  // it asks for a decision, as its own options say
  BOOST_TEST(lines(log) == 1);
}

BOOST_AUTO_TEST_CASE(a_workflow_does_not_fail_under_the_fail_rate_of_another_run) {
  const auto spec = file("prod.json", production);
  killed_when({"run", spec}, [&] { return events("prod", "attempt_deferred") == 1; });
  const auto other =
      tenax({"run", file("other.json", other_spec), "--fail-rate", "1", "--max-attempts", "1"});
  BOOST_TEST(other.exit_code == 1, other.out << other.err);  // after 1.5 s: the timer is long due
  BOOST_TEST(status("prod") == "in_progress");
  BOOST_TEST(tenax({"run", spec}).exit_code == 0);
  BOOST_TEST(events("prod", "attempt_failed") == 0);
}

BOOST_AUTO_TEST_CASE(a_deploy_does_not_run_after_on_exhausted_skip_of_another_run) {
  const auto log = path("log");
  const auto spec = file("deploy.json", R"({"id":"deploy","name":"deploy","actions":[
      {"key":"check","type":"exec","input":{"argv":["false"]}},
      {"key":"go","type":"exec","input":{"argv":["sh","-c","echo deployed > )" +
                                            log + R"("]},"depends_on":["check"]}]})");
  killed_when({"run", spec, "--allow-exec", "--min-wait-ms", "100"},
              [&] { return events("deploy", "retry_scheduled") >= 1; });
  const auto other = tenax({"run", file("other.json", other_spec), "--allow-exec", "--on-exhausted",
                            "skip", "--max-attempts", "1"});
  BOOST_TEST(other.exit_code == 0, other.out << other.err);
  BOOST_TEST(!std::filesystem::exists(log));
  BOOST_TEST(tenax({"run", spec, "--allow-exec", "--min-wait-ms", "100"}).exit_code == 1);
  BOOST_TEST(!std::filesystem::exists(log));
}

BOOST_AUTO_TEST_CASE(the_same_file_with_other_options_is_told_what_differs_and_how_to_change_it) {
  const auto spec = file("prod.json", production);
  killed_when({"run", spec}, [&] { return events("prod", "attempt_deferred") == 1; });
  const auto before = tenax({"history", "prod"}).out;
  const e2e::arguments args{"run", spec, "--max-attempts", "5"};
  const auto refused = tenax(args);
  BOOST_TEST(refused.exit_code == 2, refused.out << refused.err);
  BOOST_TEST(contains(refused.err, "workflow prod began under other options:"), refused.err);
  BOOST_TEST(contains(refused.err, "--max-attempts: 3 then, 5 now"), refused.err);
  BOOST_TEST(contains(refused.err, "--change-options"), refused.err);
  BOOST_TEST(tenax({"history", "prod"}).out == before);  // nothing has moved
  const auto told = tenax_json(args, 2);
  BOOST_TEST(told["error"]["code"] == "conflict");
  BOOST_TEST(told["error"]["other_options"][0]["option"] == "--max-attempts");

  auto changing = args;
  changing.push_back("--change-options");
  BOOST_TEST(tenax(changing).exit_code == 0);
  const auto shown = tenax_json({"show", "prod"});
  BOOST_TEST(shown["terms"]["max_attempts"] == 5);
  BOOST_TEST(events("prod", "terms_recorded") == 1);
  BOOST_TEST(contains(tenax({"show", "prod"}).out, "runs under   max_attempts 5, "));
  // What is over says so too, and is left as it is.
  const auto over = tenax({"run", spec});
  BOOST_TEST(over.exit_code == 0);
  BOOST_TEST(contains(over.err, "workflow prod is over and ran under other options:"), over.err);
  BOOST_TEST(contains(over.err, "--max-attempts: 5 then, 3 now"), over.err);
  BOOST_TEST(tenax(args).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(a_file_without_an_id_is_the_same_workflow_under_any_options) {
  const auto spec = file("n.json", R"({"name":"n","actions":[{"key":"a","type":"noop"}]})");
  BOOST_TEST(tenax({"run", spec}).exit_code == 0);
  BOOST_TEST(contains(tenax({"run", spec, "--max-attempts", "7"}).err, "--max-attempts: 3 then"));
  BOOST_TEST(workflows().size() == 1u);
  BOOST_TEST(tenax({"run", spec, "--max-attempts", "7", "--new"}).exit_code == 0);
  BOOST_TEST(workflows().size() == 2u);
  // What does not concern it is no other option.
  BOOST_TEST(
      tenax({"run", spec, "--allow-exec", "--at-most-once", "exec", "--seed", "3"}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(resume_goes_on_under_the_recorded_options) {
  const auto spec = file("prod.json", production);
  const e2e::arguments args{"run",           spec, "--repeat",       "2",
                            "--fail-rate",   "1",  "--max-attempts", "2",
                            "--min-wait-ms", "10", "--on-exhausted", "skip"};
  killed_when(args, [&] {
    return events("prod-1", "attempt_deferred") == 1 && events("prod-2", "attempt_deferred") == 1;
  });
  std::filesystem::remove(spec);
  const auto shown = tenax({"show", "prod-1"});
  BOOST_TEST(contains(shown.out, "or tenax resume --data-dir " + data() + " prod-1"), shown.out);

  const auto one = tenax({"resume", "prod-1"});
  BOOST_TEST(one.exit_code == 0, one.out << one.err);
  BOOST_TEST(events("prod-1", "action_skipped") == 2);  // each of its actions fails and is skipped
  BOOST_TEST(status("prod-2") == "in_progress");
  const auto both = tenax_json({"resume", "prod-1", "prod-2"});
  BOOST_TEST(both["completed"] == 2);
  BOOST_TEST(both["others_open"] == 0);

  const auto none = tenax({"resume", "none"});
  BOOST_TEST(none.exit_code == 2);
  BOOST_TEST(contains(none.err, "none"), none.err);
}

BOOST_AUTO_TEST_CASE(what_runs_under_different_options_is_not_resumed_together) {
  const auto a = file("a.json", R"({"id":"a","name":"a","actions":[
      {"key":"w","type":"wait","input":{"seconds":600}}]})");
  const auto b = file("b.json", R"({"id":"b","name":"b","actions":[
      {"key":"w","type":"wait","input":{"seconds":600}}]})");
  killed_when({"run", a}, [&] { return events("a", "attempt_deferred") == 1; });
  killed_when({"run", b, "--max-attempts", "9"},
              [&] { return events("b", "attempt_deferred") == 1; });
  const auto got = tenax({"resume", "a", "b"});
  BOOST_TEST(got.exit_code == 2);
  BOOST_TEST(contains(got.err, "one by one"), got.err);
}

BOOST_AUTO_TEST_CASE(words_are_what_a_shell_has_given) {
  for (const std::string name : {"[x]", "{}", "++", "-p.json", "list"})
    (void)file(name,
               R"({"name":"w","actions":[{"key":"a","type":"noop","reason":")" + name + "\"}]}");
  (void)file("x", "not a spec");
  const auto here = [&](e2e::arguments args) {
    return in_shell("cd \"$0\" && exec \"$@\"", std::move(args));
  };
  // `command` adds --data-dir at the end, which `--` would make a file.
  const auto data_first = [&](e2e::arguments args) {
    e2e::arguments all{"--data-dir", data()};
    all.insert(all.end(), args.begin(), args.end());
    e2e::arguments shell{"sh", "-c", "cd \"$0\" && exec \"$@\"", path(""), command({})[0]};
    shell.insert(shell.end(), all.begin(), all.end());
    return e2e::run(shell);
  };
  for (const std::string name : {"[x]", "{}", "++", "list"}) {
    const auto got = here({"run", name});
    BOOST_TEST(got.exit_code == 0, name << ": " << got.out << got.err);
  }
  const auto dash = data_first({"run", "list", "--", "-p.json", "[x]"});
  BOOST_TEST(dash.exit_code == 0, dash.out << dash.err);
  BOOST_TEST(contains(dash.out, "3 workflows: 3 completed"), dash.out);
  BOOST_TEST(workflows().size() == 5u);
  const auto gone = here({"show", "[none]"});
  BOOST_TEST(gone.exit_code == 2);
  const auto too_many = here({"verify", "[x]"});
  BOOST_TEST(too_many.exit_code == 2);
  BOOST_TEST(contains(too_many.err, "[x]"), too_many.err);
  BOOST_TEST(!contains(too_many.err, "x01"), too_many.err);
}

BOOST_AUTO_TEST_CASE(every_hint_works_when_pasted) {
  const auto spec =
      file("p.json", R"({"id":"-p1","name":"p","actions":[{"key":"-k","type":"noop"}]})");
  const e2e::arguments args{
      "run", spec, "--fail-rate", "1", "--max-attempts", "1", "--on-exhausted", "pause"};
  const auto asked = tenax(args);
  BOOST_TEST(asked.exit_code == 5);
  // Found in both outputs, typed as they are.
  const auto paste = [&](const std::string& text, const std::string& begin) {
    const auto at = text.find(begin);
    BOOST_TEST_REQUIRE(at != std::string::npos, text);
    const auto line = text.substr(at, text.find('\n', at) - at);
    const auto got =
        e2e::run({"sh", "-c", "tenax() { '" + command({})[0] + "' \"$@\"; }\n" + line});
    BOOST_TEST(got.exit_code == 0, line << ": " << got.out << got.err);
  };
  paste(asked.out, "tenax resolve");
  const auto shown = tenax({"show", "--", "-p1"});  // waits for nothing yet: it was only resolved
  (void)shown;
  const auto again = tenax(args);
  BOOST_TEST(again.exit_code == 5);
  paste(again.out, "tenax resolve");
}

BOOST_AUTO_TEST_CASE(complete_needs_a_value) {
  const auto spec =
      file("p.json", R"({"id":"p","name":"p","actions":[{"key":"k","type":"noop"}]})");
  BOOST_TEST(
      tenax({"run", spec, "--fail-rate", "1", "--max-attempts", "1", "--on-exhausted", "pause"})
          .exit_code == 5);
  const auto refused = tenax({"resolve", "p", "k", "complete"});
  BOOST_TEST(refused.exit_code == 2);
  BOOST_TEST(contains(refused.err, "--value null"), refused.err);
  BOOST_TEST(status("p") == "in_progress");
  BOOST_TEST(tenax({"resolve", "p", "k", "complete", "--value", "null"}).exit_code == 0);
  BOOST_TEST(tenax_json({"show", "p"})["actions"][0]["result"].is_null());
}

BOOST_AUTO_TEST_CASE(options_do_not_matter_for_what_is_over_and_an_empty_filter_is_no_filter) {
  const auto over =
      file("o.json", R"({"id":"o","name":"o","actions":[{"key":"a","type":"noop"}]})");
  BOOST_TEST(tenax({"run", over}).exit_code == 0);
  const auto more =
      file("m.json", R"({"id":"m","name":"m","actions":[{"key":"a","type":"noop"}]})");
  BOOST_TEST(tenax({"run", "--max-attempts", "7", over, more}).exit_code == 0);
  BOOST_TEST(status("m") == "completed");
  for (const auto* filter :
       {"--since", "--until", "--name", "--reference", "--error-class", "--status", "--waiting"}) {
    const auto got = tenax({"list", "--count", filter, ""});
    BOOST_TEST(got.exit_code == 2, filter);
    BOOST_TEST(contains(got.err, filter), got.err);
  }
}

/// A failed workflow goes on at the next run, and what was done is not done again.
BOOST_AUTO_TEST_CASE(what_has_failed_goes_on_after_retry) {
  const auto log = path("log");
  const auto mended = path("mended");
  const auto spec = file("s.json", R"({"id":"s","name":"repair","actions":[
      {"key":"first","type":"exec","input":{"argv":["sh","-c","echo x >> )" +
                                       log + R"("]}},
      {"key":"second","type":"exec","input":{"argv":["test","-e",")" +
                                       mended + R"("]},"depends_on":["first"]}]})");
  const e2e::arguments run{"run", spec, "--allow-exec", "--max-attempts", "1"};
  BOOST_TEST(tenax(run).exit_code != 0);
  BOOST_TEST(status("s") == "failed");
  BOOST_TEST(tenax({"retry", "s", "first"}).exit_code != 0);  // that one has not failed
  BOOST_TEST(tenax({"retry"}).exit_code != 0);
  std::ofstream(mended) << "yes";
  BOOST_TEST(tenax({"retry", "--failed", "--name", "other"}).exit_code == 0);
  BOOST_TEST(status("s") == "failed");
  BOOST_TEST(contains(tenax({"retry", "--failed", "--name", "repair"}).out, "s: goes on"));
  BOOST_TEST(status("s") == "in_progress");
  BOOST_TEST(tenax(run).exit_code == 0);
  BOOST_TEST(status("s") == "completed");
  BOOST_TEST(lines(log) == 1);
  BOOST_TEST(events("s", "workflow_continued") == 1);
  BOOST_TEST(tenax({"verify"}).exit_code == 0);
}

BOOST_AUTO_TEST_CASE(what_is_over_is_removed_and_what_is_open_is_not) {
  BOOST_TEST(tenax({"run", file("o.json",
                                R"({"id":"o","name":"o","actions":[{"key":"a","type":"noop"}]})")})
                 .exit_code == 0);
  const auto prod = file("prod.json", production);
  killed_when({"run", prod}, [&] { return events("prod", "attempt_deferred") == 1; });
  const auto refused = tenax({"remove", "prod"});
  BOOST_TEST(refused.exit_code == 2);
  BOOST_TEST(contains(refused.err, "is open"), refused.err);
  BOOST_TEST(tenax({"remove", "o"}).exit_code == 0);
  BOOST_TEST(tenax({"remove", "o"}).exit_code == 2);
  BOOST_TEST(workflows().size() == 1u);
}

BOOST_AUTO_TEST_CASE(with_the_standard_descriptors_closed_nothing_is_written_into_the_data) {
  const auto spec = file("o.json", R"({"id":"o","name":"o","actions":[
      {"key":"a","type":"log_message","input":{"level":"error","message":"not into the database"}}]})");
  for (const std::string closed : {"<&- >&- 2>&-", "2>&-", ">&-", "<&-", "<&- 2>&-"}) {
    const auto got =
        in_shell("exec \"$@\" " + closed, {"run", spec, "--new", "--log-level", "debug"});
    BOOST_TEST(got.exit_code == 0, closed << got.err);
  }
  for (const auto& f : std::filesystem::recursive_directory_iterator(data())) {
    if (!f.is_regular_file()) continue;
    std::ifstream in(f.path());
    std::stringstream text;
    text << in.rdbuf();
    if (f.path().filename() == "LOCK" || f.path().filename() == "lock")
      BOOST_TEST(text.str().empty(), f.path());
    // As a line of the log; in the database it is the input of the action.
    BOOST_TEST(!contains(text.str(), " error not into"), f.path());
  }
}

BOOST_AUTO_TEST_SUITE_END()
