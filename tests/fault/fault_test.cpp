// Power loss and disk faults as tests: the programs judge for themselves.
#include <boost/test/unit_test.hpp>

#include "tests/support/programs.hpp"

using namespace tenax;

BOOST_AUTO_TEST_SUITE(cuts_and_disk_faults)

/// I1, I2, I4-I6, I11-I16 over random cuts.
BOOST_AUTO_TEST_CASE(what_was_acknowledged_survives_every_power_cut) {
  const auto run = support::run_program(support::test_program("power_loss_main") + " --cuts " +
                                        support::amount("TENAX_CUTS", "1500") + " --seed " +
                                        support::amount("TENAX_SEED", "1"));
  BOOST_TEST(run.code == 0);
}

/// A cut before and after each single operation of one small run, with every kind of loss.
BOOST_AUTO_TEST_CASE(no_operation_is_a_bad_moment_for_a_power_cut) {
  const auto run = support::run_program(support::test_program("power_loss_main") + " --exhaustive");
  BOOST_TEST(run.code == 0);
}

/// The file system really loses what is not synced, and the check really sees it.
BOOST_AUTO_TEST_CASE(without_syncs_the_check_finds_losses) {
  const auto run =
      support::run_program(support::test_program("power_loss_main") + " --async --cuts 200");
  BOOST_TEST(run.code == 0);
}

/// I18: the k-th append, sync, open, read, rename fails.
BOOST_AUTO_TEST_CASE(every_failing_disk_operation_stops_cleanly_or_is_tolerated) {
  const auto run = support::run_program(support::test_program("disk_fault_main"));
  BOOST_TEST(run.code == 0);
}

BOOST_AUTO_TEST_SUITE_END()
