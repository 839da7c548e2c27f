// What a dashboard shows.
#include <numeric>

#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

struct figures_fixture : engine_fixture {
  [[nodiscard]] action_type_stats of(std::string_view type) const {
    for (auto& s : engine->type_stats()) {
      if (s.type == type) return s;
    }
    throw std::runtime_error("no such type");
  }
  static std::uint64_t count(const time_histogram& h) {
    return std::accumulate(h.counts.begin(), h.counts.end(), std::uint64_t{0});
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(figures, figures_fixture)

BOOST_AUTO_TEST_CASE(every_attempt_is_counted_with_its_type_and_what_it_came_to) {
  handle_ok("ok");
  handle_failing("fails");
  handle("asks", [](const action_context& c) {
    return c.deferrals == 0 ? outcome::defer(c.now + seconds(1)) : outcome::success();
  });
  handle("gives_up", [](const action_context&) { return outcome::fatal("bad", "for good"); });
  handle("throws", [](const action_context&) -> outcome { throw std::runtime_error("x"); });
  open();
  for (const auto* type : {"ok", "fails", "asks", "gives_up", "throws"}) submit(one(type, type));
  engine->advance(std::chrono::hours(1));
  BOOST_TEST(of("ok").started == 1U);
  BOOST_TEST(of("ok").succeeded == 1U);
  BOOST_TEST(of("fails").started == 3U);
  BOOST_TEST(of("fails").failed == 3U);
  BOOST_TEST(of("asks").started == 2U);
  BOOST_TEST(of("asks").deferred == 1U);
  BOOST_TEST(of("asks").succeeded == 1U);
  BOOST_TEST(of("gives_up").fatal == 1U);
  BOOST_TEST(of("throws").unknown == 3U);
  BOOST_TEST(count(of("fails").to_start) == 3U);
  BOOST_TEST(of("noop").started == 0U);
}

BOOST_AUTO_TEST_CASE(waits_for_a_start_and_times_of_handlers_are_told_by_type) {
  handle_ok("slow", {.max_running = 1});
  open().hold_handlers();
  for (int n = 0; n < 10; ++n) submit(one("w" + std::to_string(n), "slow"));
  engine->run_until_idle();
  BOOST_TEST(of("slow").running == 1U);
  BOOST_TEST(of("slow").running_max == 1U);
  BOOST_TEST(of("slow").let_in == 10U);
  for (int n = 0; n < 10; ++n) {
    engine->advance(seconds(3));
    BOOST_TEST(engine->finish_handler("a"));
  }
  const auto s = of("slow");
  BOOST_TEST(s.running == 0U);
  BOOST_TEST((s.handling.total == seconds(30)));
  BOOST_TEST(s.handling.counts[12] == 10U);           // 2,048 ms to less than 4,096
  BOOST_TEST((s.to_start.total == seconds(3 * 45)));  // 0 + 3 + 6 + ... + 27
  BOOST_TEST(s.to_start.counts[0] == 1U);
}

/// A delay and a back-off are no waiting: what counts begins with their end.
BOOST_AUTO_TEST_CASE(the_wait_for_a_start_begins_when_the_time_has_come) {
  handle_ok("ok");
  open();
  submit(workflow_builder("test").id("w").action("a", "ok").delayed(std::chrono::hours(1)));
  engine->advance(std::chrono::hours(2));
  BOOST_TEST((of("ok").to_start.total < seconds(1)));
}

BOOST_AUTO_TEST_CASE(who_asked_is_told_once_that_the_engine_has_stopped) {
  std::vector<std::string> told;
  opts.on_stopped = [&](const error& why) { told.push_back(why.message()); };
  handle_ok("ok");
  open();
  engine->fail_commit(1);
  (void)engine->submit(one("w", "ok"));
  (void)engine->submit(one("x", "ok"));
  engine->run_until_idle();
  BOOST_TEST(!engine->healthy());
  BOOST_TEST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told[0].find("commit failed") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
