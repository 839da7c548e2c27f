#include "node/render.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

#include "node/progress.hpp"
#include "node/run_report.hpp"
#include "node/text.hpp"

using namespace tenax;
using namespace tenax::node;

namespace {

wall_time at_ms(std::int64_t ms) { return wall_time{milliseconds{1'772'366'400'000 + ms}}; }

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

action_view action(std::string key, std::vector<std::string> after = {}) {
  action_view a;
  a.key = std::move(key);
  a.type = "wait";
  a.depends_on = std::move(after);
  return a;
}

workflow_view workflow(std::vector<action_view> actions) {
  workflow_view w;
  w.summary.id = "w1";
  w.summary.name = "name";
  w.summary.status = workflow_status::in_progress;
  w.summary.submitted_at = at_ms(0);
  w.summary.actions.total = static_cast<std::uint32_t>(actions.size());
  w.actions = std::move(actions);
  return w;
}

const show_context running{at_ms(10'000), "process 7 (tenax) has the data directory open", false};

}  // namespace

BOOST_AUTO_TEST_SUITE(render)

BOOST_AUTO_TEST_CASE(actions_come_after_what_they_depend_on) {
  const auto order = dependency_order(
      {action("d", {"b", "c"}), action("c", {"a"}), action("b", {"a"}), action("a"), action("z")});
  BOOST_TEST((order == std::vector<std::size_t>{3, 1, 2, 0, 4}));
}

BOOST_AUTO_TEST_CASE(the_order_of_a_long_chain_is_found_without_recursion) {
  std::vector<action_view> chain;
  for (int i = 0; i < 20'000; ++i)
    chain.push_back(action(std::to_string(i), i + 1 < 20'000
                                                  ? std::vector<std::string>{std::to_string(i + 1)}
                                                  : std::vector<std::string>{}));
  const auto order = dependency_order(chain);
  BOOST_TEST(order.size() == 20'000u);
  BOOST_TEST(order.front() == 19'999u);
}

explained_action waits(std::string key, reason_kind kind, std::string text) {
  explained_action a;
  a.key = std::move(key);
  a.type = "wait";
  a.reasons.emplace_back().kind = kind;
  a.reasons[0].text = std::move(text);
  return a;
}

BOOST_AUTO_TEST_CASE(show_says_what_the_explanation_says_and_how_to_decide) {
  explanation why;
  why.headline = "nothing will happen by itself: a waits";
  why.actions = {waits("a", reason_kind::exhausted, "waits for a decision"),
                 waits("b", reason_kind::dependencies, "waits for a")};
  auto there = running;
  there.target = "my data";
  const auto text = render_workflow(workflow({action("a"), action("b")}), why, there);
  BOOST_TEST(contains(text, "why          nothing will happen by itself: a waits\n"), text);
  BOOST_TEST(contains(text, "waits for a decision: tenax resolve --data-dir 'my data' w1 a retry"));
  BOOST_TEST(contains(text, "waits for a\n"));
  // That no process runs is said once, not in each row.
  auto& a = why.actions[0];
  a = waits("a", reason_kind::retry, "waits for its retry");
  a.reasons.push_back({reason_kind::no_process, "no process"});
  BOOST_TEST(render_reasons("w1", a, running) == "waits for its retry");
  a.reasons.erase(a.reasons.begin());
  BOOST_TEST(render_reasons("w1", a, running) == "no process");
}

BOOST_AUTO_TEST_CASE(explain_folds_actions_of_one_type_and_reason) {
  explanation why;
  why.workflow_id = "w1";
  why.status = workflow_status::in_progress;
  why.headline = "a waits for its retry";
  why.actions.push_back(waits("a", reason_kind::retry, "waits for its retry"));
  for (int n = 0; n < 1'000; ++n) {
    why.actions.push_back(waits("b" + std::to_string(n), reason_kind::dependencies, "waits for a"));
  }
  why.roots = {{"a", "wait", 1'000}};
  why.roots_total = 1;
  why.forecast.emplace_back().text = "a is tried again";
  why.forecast[0].then = "if it succeeds: b0 +999 can start";
  const auto text = render_explanation(why, running);
  BOOST_TEST(contains(text, "w1 (in_progress): a waits for its retry\n"), text);
  BOOST_TEST(contains(text, "1,000  b0, b1, b2 +997  wait  held by 1 root; b0 waits for a\n"));
  BOOST_TEST(contains(text, "1,000  a     wait\n"));
  BOOST_TEST(contains(text, "a is tried again\n"));
  BOOST_TEST(contains(text, "  if it succeeds: b0 +999 can start\n"));
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') < 15);
}

BOOST_AUTO_TEST_CASE(an_attempt_that_was_given_up_and_still_runs_is_shown) {
  auto a = action("a");
  a.waiting = waiting_for::decision;
  a.stuck_attempt = 3;
  const std::string text = "attempt 3 was given up and still runs";
  explanation why;
  why.actions = {waits("a", reason_kind::in_doubt, "waits for a decision")};
  BOOST_TEST(contains(render_workflow(workflow({a}), why, running), "; " + text));
  auto ended = workflow({a});
  ended.summary.status = workflow_status::cancelled;
  BOOST_TEST(contains(render_workflow(ended, {}, running), text));
  a.stuck_attempt.reset();
  BOOST_TEST(!contains(render_workflow(workflow({a}), {}, running), "still runs"));
}

BOOST_AUTO_TEST_CASE(large_workflows_hide_what_is_completed) {
  std::vector<action_view> many;
  for (int i = 0; i < 300; ++i) {
    many.push_back(action("done" + std::to_string(i)));
    many.back().status = action_status::completed;
  }
  many.push_back(action("left"));
  auto w = workflow(many);
  const auto cut = render_workflow(w, {}, running);
  BOOST_TEST(contains(cut, "left"));
  BOOST_TEST(!contains(cut, "done7 "));
  BOOST_TEST(contains(cut, "and 300 completed actions (--all shows them)"));
  const auto all = render_workflow(w, {}, {running.now, running.runs_at, true});
  BOOST_TEST(contains(all, "done7 "));
  w.actions.resize(200);
  BOOST_TEST(contains(render_workflow(w, {}, running), "done7 "));
}

BOOST_AUTO_TEST_CASE(documents_cannot_write_to_the_terminal) {
  auto a = action("a");
  a.last_error = action_error{"boom\x1b[31m", "line\nbreak \x1b]0;title\x07"};
  auto w = workflow({a});
  w.summary.name = "evil\x1b[2J";
  w.summary.reason = "\x1b[1m";
  explanation why;
  why.workflow_id = why.headline = "evil\x1b[2J";
  why.actions.push_back(waits("a\x1b", reason_kind::retry, "\x1b[1m"));
  why.roots = {{"\x1b", "\x1b", 1}};
  why.forecast.emplace_back().text = "\x1b";
  why.forecast[0].then = "\x1b";
  for (const auto& text :
       {render_workflow(w, why, running), render_explanation(why, running),
        render_list({w.summary}, running.now),
        render_history({{1, at_ms(0), "attempt_failed", "handler", "a", "{\"x\":\"\x1b\"}"}}),
        news_line({run_news::kind::ended, tracked{.id = "w\x1b", .reason = "\x1b"}})}) {
    BOOST_TEST(!contains(text, "\x1b"));
    BOOST_TEST(!contains(text, "\x07"));
  }
}

BOOST_AUTO_TEST_CASE(bars_fit_the_width) {
  tracked w{.id = "montage-0a1b2c3d4e5f", .status = workflow_status::in_progress};
  w.actions.total = 58;
  w.actions.completed = 29;
  w.actions.running = 3;
  w.actions.backing_off = 1;
  BOOST_TEST(bar_line(w, 20, 79) ==
             "montage-0a1b2c3d4e5f  [#########----------]  29/58 done  3 running  1 retrying");
  for (std::size_t width = 1; width < 200; ++width)
    BOOST_TEST(columns(bar_line(w, 20, width)) <= width);
  w.actions.completed = 58;
  w.status = workflow_status::completed;
  BOOST_TEST(contains(bar_line(w, 20, 200), std::string(30, '#')));
  BOOST_TEST(!bar_line({.id = "empty"}, 10, 80).empty());  // nothing divided by nothing
}

BOOST_AUTO_TEST_CASE(the_report_ends_with_the_exit_code_that_fits) {
  run_report r;
  r.totals.workflows = 2;
  r.totals.completed = 2;
  BOOST_TEST(exit_of(r) == exit_ok);
  r.totals.completed = 1;
  r.totals.failed = 1;
  BOOST_TEST(exit_of(r) == exit_workflow_failed);
  r.totals = {.workflows = 1, .cancelled = 1};
  BOOST_TEST(exit_of(r) == exit_workflow_failed);
  r.end.what = run_end::kind::decision;
  BOOST_TEST(exit_of(r) == exit_decision);
  r.end.what = run_end::kind::interrupted;
  BOOST_TEST(exit_of(r) == exit_interrupted);
  r.end.what = run_end::kind::failed;
  r.end.why = error{errc::conflict, ""};
  BOOST_TEST(exit_of(r) == exit_bad_input);
  r.end.why = error{errc::stopped, ""};
  BOOST_TEST(exit_of(r) == exit_engine_error);
}

BOOST_AUTO_TEST_CASE(the_report_names_the_commands_for_decisions) {
  run_report r;
  r.totals.workflows = 1;
  r.data_dir = "my data";
  r.end.what = run_end::kind::decision;
  r.decisions = {{"w1", "a", "boom: no"}, {"w1", "b", ""}};
  r.others_open = 1;
  const auto text = report_text(r);
  BOOST_TEST(contains(text, "tenax resolve --data-dir 'my data' w1 a retry  # or skip"));
  BOOST_TEST(contains(text, "boom: no"));
  BOOST_TEST(contains(text, "it may have run when the process ended: its outcome is unknown"));
  BOOST_TEST(contains(text,
                      "1 other workflow is open and left at rest: run their files, or tenax resume "
                      "--data-dir 'my data' ID"));
}

BOOST_AUTO_TEST_CASE(the_report_does_not_call_an_unknown_submit_not_submitted) {
  run_report r;
  r.totals.workflows = 2;
  r.end.what = run_end::kind::failed;
  r.workflows = {{.id = "w1", .unknown = true}, {.id = "w2"}};
  const auto text = report_text(r);
  BOOST_TEST(contains(text, "unknown        w1: it may have been submitted"), text);
  BOOST_TEST(contains(text, "not submitted  w2"), text);
  plan p;
  p.specs.emplace_back();
  p.files.emplace_back("f");
  const auto json = report_json(r, p);
  BOOST_TEST(json["workflows"][0]["status"] == "unknown");
  BOOST_TEST(json["workflows"][1]["status"] == "not_submitted");
}

BOOST_AUTO_TEST_SUITE_END()
