// Answers of the API, read back: nothing is lost, and what is not understood is said.
#include "node/view_reading.hpp"

#include <boost/test/unit_test.hpp>

#include "node/json_output.hpp"

using namespace tenax;
using namespace tenax::node;

namespace {

wall_time moment(std::int64_t ms) { return wall_time{milliseconds{ms}}; }

workflow_summary full_summary() {
  workflow_summary w;
  w.id = "a:1";
  w.name = "quo\"ted \\ \x1b\n\u00e4";
  w.description = "what";
  w.reference = "r";
  w.status = workflow_status::failed;
  w.submitted_at = moment(1'700'000'000'123);
  w.started_at = moment(1'700'000'000'124);
  w.closed_at = moment(1'700'000'000'125);
  w.deadline_at = moment(0);
  w.actions = {78, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  w.events = 18'446'744'073'709'551'615u;
  w.failed_action = "k";
  w.reason = "because";
  return w;
}

workflow_view full_view() {
  workflow_view w;
  w.summary = full_summary();
  w.input = R"({"n":12345678901234567890,"f":1.50,"s":"\u00e4\/"})";
  w.terms = "no json";
  action_view a;
  a.key = "k";
  a.type = "t";
  a.depends_on = {"x", "y\""};
  a.status = action_status::executing;
  a.waiting = waiting_for::a_thread;
  a.waiting_on = {"x"};
  a.next_at = moment(5);
  a.attempts = 3;
  a.retry_count = 2;
  a.recoveries = 1;
  a.next_retry_at = moment(6);
  a.last_error = action_error{"c", "m\n"};
  a.started_at = moment(7);
  a.closed_at = moment(8);
  a.input = "\xff\xfe";
  a.result = "null";
  a.stuck_attempt = 2;
  a.signal = "go";
  a.pending_on = "a person";
  a.progress = "half";
  a.heard_at = moment(9);
  a.input_changed = change_view{moment(10), "ann", "a typo"};
  a.policy_changed = change_view{moment(11), "", ""};
  a.policy.max_attempts = 7;
  a.policy.min_wait = milliseconds{0};
  a.policy.exhausted = on_exhausted::skip;
  w.actions = {a, {}};
  w.actions[1].waiting = waiting_for::handler;
  return w;
}

explanation full_explanation() {
  explanation e;
  e.workflow_id = "w";
  e.status = workflow_status::in_progress;
  e.headline = "h";
  e.now = moment(1);
  e.events = 7;
  e.nothing_by_itself = true;
  explained_action a;
  a.key = "k";
  a.type = "t";
  a.status = action_status::validated;
  a.attempts = 1;
  a.running = running_attempt{1, moment(2)};
  a.reasons = {{reason_kind::dependencies, "waits", moment(3), {"x"}, 4, {"r"}, 5},
               {reason_kind::unknown, "?"}};
  a.last_error = action_error{"c", "m"};
  a.deadline_at = moment(4);
  a.stuck_attempt = 9;
  e.actions = {a, {}};
  e.roots = {{"r", "t", 12}};
  e.roots_total = 13;
  e.forecast = {{moment(5), "k", 2, "goes on", "then", {"attempt_started"}}, {}};
  return e;
}

/// The API's answer is a line.
std::string as_line(const std::string& text) { return text + '\n'; }

}  // namespace

BOOST_AUTO_TEST_SUITE(view_reading)

BOOST_AUTO_TEST_CASE(what_is_read_is_what_was_written) {
  for (const auto& w : {full_view(), workflow_view{}}) {
    const auto text = to_json(w);
    const auto read = read_view(as_line(text));
    BOOST_REQUIRE_MESSAGE(read, text);
    BOOST_TEST(to_json(*read) == text);
    BOOST_TEST(read->input == w.input);
    BOOST_TEST(read->terms == w.terms);
    for (std::size_t i = 0; i < w.actions.size(); ++i) {
      BOOST_TEST(read->actions[i].input == w.actions[i].input);
      BOOST_TEST((read->actions[i].result == w.actions[i].result));
    }
  }
  for (const auto& e : {full_explanation(), explanation{}}) {
    const auto text = to_json(e);
    const auto read = read_explanation(as_line(text));
    BOOST_REQUIRE_MESSAGE(read, text);
    BOOST_TEST(to_json(*read) == text);
  }
  const history_event event{3, moment(4), "kind", "user", "k", R"({"a":[1.0,"\ud83d\ude00"]})"};
  const auto history =
      read_history(R"({"workflow":"w","events":[)" + to_json(event) + R"(],"next_after":null})");
  BOOST_REQUIRE((history && history->size() == 1));
  BOOST_TEST(to_json(history->front()) == to_json(event));
  const auto page =
      read_page(R"({"workflows":[)" + to_json(full_summary()) + R"(],"next_cursor":"a-b_c="})");
  BOOST_REQUIRE((page && page->items.size() == 1));
  BOOST_TEST(page->next_page_token == "a+b/c=");
  BOOST_TEST(to_json(page->items[0]) == to_json(full_summary()));
  BOOST_TEST(read_count(R"({"count":7,"next_cursor":null})").value().count == 7U);
}

BOOST_AUTO_TEST_CASE(what_a_later_version_adds_is_left_out) {
  auto text = to_json(full_view());
  text.insert(1, R"("later":{"x":[1,{"y":2}]},)");
  BOOST_TEST(to_json(read_view(text).value()) == to_json(full_view()));
  auto why = to_json(full_explanation());
  why.replace(why.find("\"dependencies\""), 14, "\"moon_phase\"");
  BOOST_TEST((read_explanation(why).value().actions[0].reasons[0].kind == reason_kind::unknown));
}

BOOST_AUTO_TEST_CASE(what_is_not_understood_is_said) {
  const auto view = to_json(full_view());
  for (const std::string_view gone :
       {R"("name":)", R"("events":)", R"("status":"failed",)", R"("submitted_at":"2023)"}) {
    auto text = view;
    text.replace(text.find(gone), gone.size(), R"("x":"y",)");
    const auto read = read_view(text);
    BOOST_TEST(!read, gone);
    if (!read) BOOST_TEST((read.error().code() == errc::format_too_new));
  }
  for (const auto* text : {"", "[]", "null", "{", R"({"workflow":[]})", "\xff", "<html>"}) {
    BOOST_TEST(!read_view(text), text);
    BOOST_TEST(!read_problem(text), text);
    BOOST_TEST(!read_page(text), text);
  }
  std::string deep(100'000, '[');
  BOOST_TEST(!read_view(deep));
}

BOOST_AUTO_TEST_CASE(a_problem_is_the_engines_error_again) {
  const auto read = read_problem(
      R"({"code":"conflict","detail":"it is","faults":[{"path":"/a","message":"b","count":3}]})");
  BOOST_REQUIRE(read);
  BOOST_TEST(read->has_errc);
  BOOST_TEST((read->what.code() == errc::conflict));
  BOOST_TEST(read->what.message() == "it is");
  BOOST_TEST((read->what.faults() == std::vector<fault>{{"/a", "b", 3}}));
  const auto other = read_problem(R"({"code":"forbidden","detail":"no"})");
  BOOST_REQUIRE(other);
  BOOST_TEST(!other->has_errc);
  BOOST_TEST(other->code == "forbidden");
}

BOOST_AUTO_TEST_SUITE_END()
