// What lets an engine end on any thread: CAF's reference is found on none of the program's.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <optional>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/logger.hpp>

#include "tenax/engine.hpp"
#include "tenax/testing/virtual_engine.hpp"
#include "tests/support/processes.hpp"

using namespace tenax;

namespace {

struct caf_thread_fixture {
  caf_thread_fixture() : place("tenax-caf-thread") {
    opts.log = [](log_level, std::string_view) {};
    opts.handlers.add("look", [this](const action_context&) {
      look();
      return outcome::success();
    });
  }
  void look() { kept += caf::logger::current_logger() != nullptr ? 1 : 0; }
  /// A life of an engine, seen from its caller.
  template <class AfterEach>
  void use_an_engine(const AfterEach& after_each) {
    auto opened = engine::open(place.path() / "data", opts);
    BOOST_TEST_REQUIRE(opened.has_value());
    std::optional<engine> e(std::move(*opened));
    after_each();
    BOOST_TEST(e->submit(workflow_builder("w").id("w").action("a", "look")).has_value());
    BOOST_TEST(e->await("w").has_value());
    (void)e->cancel("w");
    after_each();
    e->close();
    after_each();
    e.reset();
    after_each();
  }

  support::temporary_directory place;
  options opts;
  std::atomic<int> kept = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(caf_thread, caf_thread_fixture)

BOOST_AUTO_TEST_CASE(no_thread_that_uses_an_engine_keeps_a_reference_of_its_actors) {
  look();
  use_an_engine([this] { look(); });
  BOOST_TEST(kept == 0);
}

BOOST_AUTO_TEST_CASE(virtual_time_keeps_no_reference_of_its_actors) {
  auto opened = testing::virtual_engine::open(opts);
  BOOST_TEST_REQUIRE(opened.has_value());
  std::optional<testing::virtual_engine> e(std::move(*opened));
  look();
  BOOST_TEST(e->submit(workflow_builder("w").id("w").action("a", "look")).has_value());
  look();
  BOOST_TEST(e->run_until_end("w").has_value());
  look();
  BOOST_TEST(e->crash_and_reopen().has_value());
  look();
  e.reset();
  look();
  BOOST_TEST(kept == 0);
}

BOOST_AUTO_TEST_CASE(an_actor_system_of_the_programs_own_is_left_alone) {
  caf::actor_system_config config;
  caf::actor_system own(config);
  const auto* const before = caf::logger::current_logger();
  BOOST_TEST_REQUIRE(before != nullptr);
  int changed = 0;
  use_an_engine([&] { changed += caf::logger::current_logger() != before ? 1 : 0; });
  BOOST_TEST(changed == 0);
}

BOOST_AUTO_TEST_SUITE_END()
