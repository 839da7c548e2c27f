#include "node/run_tracker.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace tenax;
using namespace tenax::node;

namespace {

plan plan_of(std::size_t n) {
  plan p;
  p.specs.emplace_back();
  p.specs[0].actions.resize(4);
  p.files.emplace_back("f");
  for (std::size_t i = 0; i < n; ++i) p.workflows.push_back({"w" + std::to_string(i), 0});
  return p;
}

workflow_summary summary(const std::string& id, workflow_status status, action_counts counts = {}) {
  workflow_summary s;
  s.id = id;
  s.status = status;
  s.submitted_at = wall_time{milliseconds{5}};
  counts.total = 4;
  s.actions = counts;
  return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(run_tracker_suite)

BOOST_AUTO_TEST_CASE(totals_follow_every_change) {
  run_tracker t{plan_of(3)};
  BOOST_TEST(t.totals().actions.total == 12u);
  for (std::size_t i = 0; i < 3; ++i) t.submitted(i, false);
  t.submitted(0, false);  // told twice, counted once
  BOOST_TEST(t.totals().submitted == 3u);

  t.update(summary("w0", workflow_status::in_progress, {.running = 2, .completed = 1}));
  BOOST_TEST(t.totals().actions.running == 2u);
  BOOST_TEST(!t.update(summary("w0", workflow_status::completed, {.completed = 4})));
  BOOST_TEST(t.totals().actions.running == 0u);
  BOOST_TEST(t.totals().actions.done == 4u);
  BOOST_TEST(!t.update(summary("w1", workflow_status::failed)));
  BOOST_TEST(t.update(summary("w2", workflow_status::cancelled)));  // the last one
  BOOST_TEST(t.totals().over() == 3u);
}

BOOST_AUTO_TEST_CASE(a_submit_is_unknown_until_an_answer_says_what_became_of_it) {
  run_tracker t{plan_of(5)};
  for (std::size_t i = 0; i < 4; ++i) t.asked(i);
  t.submitted(0, false);
  t.not_submitted(1, {errc::storage_unavailable, ""});
  t.not_submitted(2, {errc::stopped, ""});
  std::vector<bool> unknown;
  for (const auto& w : t.all()) unknown.push_back(w.unknown);
  BOOST_TEST((unknown == std::vector{false, true, false, true, false}));
}

BOOST_AUTO_TEST_CASE(what_comes_after_the_end_or_from_others_is_ignored) {
  run_tracker t{plan_of(1)};
  BOOST_TEST(!t.update(summary("stranger", workflow_status::completed)));
  BOOST_TEST(t.update(summary("w0", workflow_status::completed)));
  BOOST_TEST(!t.update(summary("w0", workflow_status::in_progress, {.running = 1})));
  t.submitted(0, false);  // its end came before its answer
  BOOST_TEST(t.totals().over() == 1u);
  const auto news = t.take_news();
  BOOST_REQUIRE(news.size() == 1u);
  BOOST_TEST((news[0].what == run_news::kind::ended));
}

BOOST_AUTO_TEST_CASE(stuck_is_when_nothing_but_a_decision_helps) {
  run_tracker t{plan_of(1)};
  t.submitted(0, false);
  t.update(summary("w0", workflow_status::in_progress, {.blocked = 1, .timer = 1, .in_doubt = 1}));
  BOOST_TEST(t.totals().stuck == 0u);
  t.update(summary("w0", workflow_status::in_progress, {.blocked = 1, .in_doubt = 1}));
  BOOST_TEST(t.totals().stuck == 1u);
  t.update(summary("w0", workflow_status::failed));  // a deadline
  BOOST_TEST(t.totals().stuck == 0u);
}

BOOST_AUTO_TEST_CASE(open_ones_are_visited_in_turn) {
  run_tracker t{plan_of(5)};
  for (std::size_t i = 0; i < 4; ++i) t.submitted(i, false);  // w4 is not submitted yet
  t.update(summary("w1", workflow_status::completed));
  std::size_t cursor = 0;
  BOOST_TEST((t.open_from(cursor, 2) == std::vector<std::size_t>{0, 2}));
  BOOST_TEST((t.open_from(cursor, 2) == std::vector<std::size_t>{3, 0}));
  BOOST_TEST((t.open_from(cursor, 9) == std::vector<std::size_t>{2, 3, 0}));
}

BOOST_AUTO_TEST_CASE(news_of_many_workflows_are_the_bad_ones_only) {
  run_tracker t{plan_of(100)};
  for (std::size_t i = 0; i < 100; ++i) t.submitted(i, false);
  t.update(summary("w0", workflow_status::completed));
  BOOST_TEST(t.take_news().empty());
  for (int i = 1; i < 100; ++i) t.update(summary("w" + std::to_string(i), workflow_status::failed));
  BOOST_TEST(t.take_news().size() == 20u);
}

BOOST_AUTO_TEST_CASE(news_of_few_tell_each_step_once) {
  run_tracker t{plan_of(1)};
  t.submitted(0, true);
  BOOST_TEST(t.take_news().empty());  // told of once its state is known
  for (int i = 0; i < 3; ++i)
    t.update(summary("w0", workflow_status::in_progress, {.backing_off = 1}));
  const auto news = t.take_news();
  BOOST_REQUIRE(news.size() == 2u);
  BOOST_TEST((news[0].what == run_news::kind::continued));
  BOOST_TEST((news[1].what == run_news::kind::first_retry));
}

BOOST_AUTO_TEST_SUITE_END()
