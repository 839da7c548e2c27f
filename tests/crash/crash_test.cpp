// kill -9 as a test: the driver's own judgement, and that it catches what it must.
#include <boost/test/unit_test.hpp>

#include "tests/support/programs.hpp"

using namespace tenax;

BOOST_AUTO_TEST_SUITE(kill_9)

/// I1-I13, I15, I16, I18 over at least 1,000 kills, each fail point hit.
BOOST_AUTO_TEST_CASE(what_was_acknowledged_survives_every_kill) {
  const auto run = support::run_program(support::test_program("crash_driver_main") + " --kills " +
                                        support::amount("TENAX_KILLS", "1000") + " --seed " +
                                        support::amount("TENAX_SEED", "1"));
  BOOST_TEST(run.code == 0);
}

/// Bugs that need a dying process to show (the simulation catches the others): acknowledged before
/// the write, one commit in two writes, an existing id not looked up, at-most-once not durable
/// first.
BOOST_AUTO_TEST_CASE(planted_bugs_are_caught) {
  for (const char* bug : {"2", "3", "12", "14"}) {
    BOOST_TEST_CONTEXT("planted bug " << bug) {
      const auto run = support::run_program(support::test_program("crash_driver_main") +
                                            " --kills 500 --seed 1 --plant " + bug);
      BOOST_TEST(run.code == 0);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
