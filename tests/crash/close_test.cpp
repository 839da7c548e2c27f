// Calls that have begun when another thread closes the engine: a fail point holds them.
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "model/failpoint.hpp"
#include "tenax/engine.hpp"
#include "tests/support/processes.hpp"

using namespace tenax;

namespace {

/// Calls `what` in another thread, where the fail point holds it for 50 ms; closes meanwhile.
template <class Call>
void close_during(engine& e, const std::string& fail_point, const Call& what) {
  model::set_failpoints(fail_point + ":1:sleep");
  std::thread caller(what);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (model::failpoint_hits(fail_point) == 0 && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  BOOST_TEST(model::failpoint_hits(fail_point) == 1U);
  e.close();
  caller.join();
  model::set_failpoints("");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(closing)

BOOST_AUTO_TEST_CASE(a_call_that_had_begun_when_the_engine_closed_is_answered) {
  const support::temporary_directory place("tenax-close");
  options opts;
  opts.handlers.add("ok", [](const action_context&) { return outcome::success(); });
  const auto open = [&] { return engine::open(place.path() / "data", opts); };
  const auto late = [](const std::string& id) {
    return workflow_builder("close").id(id).action("a", "ok").delayed(std::chrono::hours(1));
  };
  {
    auto e = open();
    BOOST_REQUIRE(e.has_value());
    BOOST_REQUIRE(e->submit(late("there")).has_value());
    std::optional<result<submission>> answer;
    close_during(*e, "submit.validated", [&] { answer = e->submit(late("new")); });
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST((!*answer && answer->error().code() == errc::closing));
  }
  {
    auto e = open();
    BOOST_REQUIRE(e.has_value());
    std::optional<result<void>> answer;
    close_during(*e, "request.received", [&] { answer = e->cancel("there"); });
    BOOST_REQUIRE(answer.has_value());
    BOOST_TEST((!*answer && answer->error().code() == errc::closing));
  }
  auto e = open();
  BOOST_REQUIRE(e.has_value());
  BOOST_TEST(e->stats().submitted == 1U);
  BOOST_TEST((e->summary("there").value().status == workflow_status::in_progress ||
              e->summary("there").value().status == workflow_status::pending));
}

BOOST_AUTO_TEST_SUITE_END()
