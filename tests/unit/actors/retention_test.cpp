// Retention: finished workflows leave, whole and first what ended first; open ones never.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

struct retention_fixture : engine_fixture {
  retention_fixture() {
    handle_ok("ok");
    handle("bad", [](const action_context&) { return outcome::fatal("bad", "no"); });
  }
  void submit_some(const std::string& prefix, const std::string& type, int n) {
    for (int i = 0; i < n; ++i) {
      submit(one(prefix + std::to_string(i), type));
      engine->advance(milliseconds(1));
    }
    engine->run_until_idle();
  }
  [[nodiscard]] bool exists(const std::string& id) const { return engine->summary(id).has_value(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(retains, retention_fixture)

BOOST_AUTO_TEST_CASE(without_a_rule_everything_stays) {
  open();
  submit_some("w", "ok", 5);
  engine->advance(hours(24));
  BOOST_TEST(engine->stats().completed == 5U);
  BOOST_TEST(engine->stats().removed == 0U);
}

/// Without a rule nobody notes the ends; one that comes later finds them all the same.
BOOST_AUTO_TEST_CASE(a_rule_that_comes_later_holds_for_what_ended_before) {
  opts.retention.completed.count = 3;
  open();
  submit_some("a", "ok", 4);
  opts.retention = {};
  must(engine->reopen(opts));
  submit_some("b", "ok", 4);
  must(engine->remove("b0"));
  opts.retention.completed.count = 2;
  must(engine->crash_and_reopen(opts));
  engine->advance(seconds(5));
  BOOST_TEST(engine->stats().completed == 2U);
  BOOST_TEST(!exists("b1"));
  BOOST_TEST(exists("b2"));
  BOOST_TEST(exists("b3"));
}

BOOST_AUTO_TEST_CASE(beyond_the_count_the_oldest_leave_and_the_totals_agree) {
  opts.retention.completed.count = 3;
  open();
  submit_some("w", "ok", 10);
  engine->advance(seconds(5));
  const auto stats = engine->stats();
  BOOST_TEST(stats.submitted == 10U);
  BOOST_TEST(stats.completed == 3U);
  BOOST_TEST(stats.removed == 7U);
  BOOST_TEST(stats.open == 0U);
  BOOST_TEST(!exists("w0"));
  BOOST_TEST(!exists("w6"));
  BOOST_TEST(exists("w7"));
  BOOST_TEST(exists("w9"));
  BOOST_TEST(must(engine->list()).items.size() == 3U);
}

/// The last to end is the newest, whenever it was submitted.
BOOST_AUTO_TEST_CASE(what_ended_last_stays_whenever_it_was_submitted) {
  opts.retention.completed.count = 1;
  open();
  for (int n = 0; n < 5; ++n) {
    submit(workflow_builder("test")
               .id("slow" + std::to_string(n))
               .action("a", "ok")
               .delayed(seconds(60 + 10 * n)));
    engine->advance(milliseconds(1));
  }
  submit(one("quick", "ok"));
  engine->advance(seconds(5));
  BOOST_TEST(exists("quick"));  // the only one that has ended
  for (int n = 0; n < 5; ++n) {
    engine->advance(how.start + seconds(65 + 10 * n) - engine->now());
    const auto finished = must(engine->list({.status = workflow_status::completed})).items;
    BOOST_TEST_CONTEXT(n) {
      BOOST_REQUIRE(finished.size() == 1U);
      BOOST_TEST(finished[0].id == "slow" + std::to_string(n));
    }
  }
  engine->advance(minutes(5));
  BOOST_TEST(exists("slow4"));
}

BOOST_AUTO_TEST_CASE(as_many_stay_as_are_kept_in_whatever_order_they_end) {
  constexpr int kept = 10;
  opts.retention.completed.count = kept;
  open();
  for (int n = 0; n < 200; ++n) {
    submit(workflow_builder("test")
               .id("w" + std::to_string(n))
               .action("a", "ok")
               .delayed(milliseconds(1'000 + (n * 7'919) % 20'000)));
  }
  engine->advance(seconds(30));
  BOOST_TEST(engine->stats().completed == static_cast<std::uint64_t>(kept));
  for (int n = 0; n < 200; ++n) {
    BOOST_TEST(exists("w" + std::to_string(n)) ==
               ((n * 7'919) % 20'000 >= 20'000 - 20'000 / 200 * kept));
  }
}

/// Under load: those beyond the count do not gather until the next regular look.
BOOST_AUTO_TEST_CASE(many_beyond_the_count_do_not_wait_for_the_next_look) {
  opts.retention.completed.count = 10;
  open();
  engine->run_until_idle();
  for (int n = 0; n < 1'000; ++n) {
    submit(one("w" + std::to_string(n), "ok"));
    engine->run_until_idle();  // takes no time
    BOOST_TEST_REQUIRE(engine->stats().completed <= 300U);
  }
  BOOST_TEST(engine->stats().removed > 700U);
  engine->advance(seconds(2));
  BOOST_TEST(engine->stats().completed == 10U);
}

BOOST_AUTO_TEST_CASE(more_than_one_batch_leaves_without_stopping_the_rest) {
  opts.retention.completed.count = 0;
  open();
  submit_some("w", "ok", 2'500);
  engine->advance(seconds(5));
  BOOST_TEST(engine->stats().removed == 2'500U);
  submit(one("later", "ok"));
  engine->run_until_idle();
  BOOST_TEST(calls.size() == 2'501U);
}

/// What leaves is read for it, and meanwhile the engine's actor does nothing else.
BOOST_AUTO_TEST_CASE(large_workflows_leave_a_few_at_a_time) {
  handle("large", [](const action_context&) {
    return outcome::success('"' + std::string(1'000'000, 'x') + '"');
  });
  opts.retention.completed.count = 0;
  open();
  constexpr std::size_t count = 20;
  for (std::size_t n = 0; n < count; ++n) submit(one("w" + std::to_string(n), "large"));
  engine->run_until_idle();
  const auto before = engine->store_writes();
  engine->advance(seconds(30));
  BOOST_TEST(engine->stats().removed == count);
  BOOST_TEST(engine->store_writes() - before >= count / 5);
}

BOOST_AUTO_TEST_CASE(age_counts_from_the_end_not_from_the_submit) {
  opts.retention.completed.age = hours(1);
  open();
  submit(one("quick", "ok"));
  submit(one("slow", "wait", R"({"seconds": 5400})"));
  engine->advance(minutes(59));
  BOOST_TEST(exists("quick"));
  engine->advance(minutes(3));
  BOOST_TEST(!exists("quick"));
  engine->advance(minutes(58));  // two hours after the submit, half an hour after its end
  BOOST_TEST(exists("slow"));
  engine->advance(minutes(32));
  BOOST_TEST(!exists("slow"));
}

BOOST_AUTO_TEST_CASE(each_status_has_its_own_rule) {
  opts.retention.failed.count = 1;
  open();
  submit_some("good", "ok", 3);
  submit_some("bad", "bad", 3);
  engine->advance(seconds(5));
  BOOST_TEST(engine->stats().completed == 3U);
  BOOST_TEST(engine->stats().failed == 1U);
  BOOST_TEST(exists("bad2"));
}

BOOST_AUTO_TEST_CASE(an_open_workflow_never_leaves) {
  opts.retention.completed = {milliseconds(1), 0};
  opts.retention.failed = {milliseconds(1), 0};
  opts.retention.cancelled = {milliseconds(1), 0};
  open();
  submit(one("sleeper", "wait", R"({"seconds": 86400})"));
  engine->advance(hours(12));
  BOOST_TEST(exists("sleeper"));
  must(engine->cancel("sleeper"));
  engine->advance(seconds(61));
  BOOST_TEST(!exists("sleeper"));
}

BOOST_AUTO_TEST_CASE(the_id_of_a_removed_workflow_is_free_again) {
  opts.retention.completed.count = 0;
  open();
  submit(one("w", "ok"));
  engine->advance(seconds(5));
  BOOST_TEST(!exists("w"));
  BOOST_TEST(!must(engine->submit(one("w", "ok", R"("other")"))).existed);
  engine->run_until_idle();
  BOOST_TEST(calls.size() == 2U);
}

BOOST_AUTO_TEST_CASE(those_that_ended_late_do_not_keep_the_others) {
  opts.retention.completed.age = hours(10);
  handle_ok("ok");
  open();
  for (int n = 0; n < 300; ++n) {  // more than one look takes
    submit(workflow_builder("test")
               .id("long" + std::to_string(n))
               .action("a", "ok")
               .delayed(hours(9)));
  }
  submit(one("short", "ok"));
  engine->advance(hours(11));
  BOOST_TEST(engine->stats().removed == 1U);
  BOOST_TEST(code_of(engine->summary("short")) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(the_longest_age_keeps_everything) {
  opts.retention.completed.age = milliseconds::max();
  handle_ok("ok");
  open();
  submit(one("w", "ok"));
  engine->advance(hours(1));
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_SUITE_END()
