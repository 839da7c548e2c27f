// Code that takes a tenax::engine runs under virtual time; handlers are held by their type.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;

namespace {

/// What a program has: it knows nothing of virtual time.
workflow_status place_order(tenax::engine& e, const std::string& id) {
  auto order = workflow_builder("order").id(id).sequential();
  order.action("pay", "charge");
  order.action("rest", "wait", R"({"seconds": 86400})");
  order.action("tell", "mail");
  if (!e.submit(order)) return workflow_status::pending;
  const auto end = e.await(id);
  return end ? end->status : workflow_status::pending;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(as_engine, engine_fixture)

BOOST_AUTO_TEST_CASE(code_that_takes_an_engine_runs_under_virtual_time) {
  handle("charge", [](const action_context& c) {
    return c.attempt < 3 ? outcome::failure("network", "no answer") : outcome::success("1");
  });
  handle_ok("mail");
  auto& e = open().as_engine();
  const auto begun = engine->now();
  BOOST_TEST((place_order(e, "o1") == workflow_status::completed));
  BOOST_TEST((engine->now() >= begun + hours(24)));
  BOOST_TEST((engine->now() <= begun + hours(25)));
  BOOST_TEST(must(e.list()).items.size() == 1U);
  BOOST_TEST(must(e.count()).count == 1U);
  BOOST_TEST(must(e.get("o1")).actions[0].attempts == 3U);
  BOOST_TEST(must(e.history("o1")).size() == events("o1").size());
  BOOST_TEST(code_of(e.await("o2")) == errc::not_found);

  must(e.submit(one("o3", "wait", R"({"seconds": 3600})")));
  BOOST_TEST(code_of(e.await("o3", seconds(5))) == errc::timed_out);
  must(e.cancel("o3", "enough"));
  BOOST_TEST((must(e.await("o3")).status == workflow_status::cancelled));

  // The same engine after a crash.
  must(e.submit(one("o4", "wait", R"({"seconds": 3600})")));
  must(engine->crash_and_reopen());
  BOOST_TEST((must(e.await("o4")).status == workflow_status::completed));
  BOOST_TEST(e.healthy());
  must(e.drain(seconds(1)));
  e.close();
  BOOST_TEST(code_of(e.submit(one("o5", "mail"))) == errc::closing);
  must(engine->reopen());
  BOOST_TEST((place_order(e, "o6") == workflow_status::completed));
}

BOOST_AUTO_TEST_CASE(handlers_of_one_type_are_held) {
  handle_ok("held");
  handle_ok("free");
  open();
  engine->hold_handlers("held");
  submit(one("a", "held"));
  submit(one("b", "free"));
  submit(one("c", "held"));
  engine->run_until_idle();
  BOOST_TEST((status("b") == workflow_status::completed));
  BOOST_TEST(engine->running_handlers().size() == 2U);
  BOOST_TEST(engine->finish_handler("a", "c"));
  BOOST_TEST((status("c") == workflow_status::completed));
  BOOST_TEST((status("a") == workflow_status::in_progress));
  engine->release_handlers();
  engine->run_until_idle();
  BOOST_TEST((status("a") == workflow_status::completed));
}

BOOST_AUTO_TEST_SUITE_END()
