// The fail points themselves: counting, plans, and that the list of names is complete.
#include "model/failpoint.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tenax/tenax.hpp"
#include "tests/crash/fail_points.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/programs.hpp"

using namespace tenax;

namespace {

/// Restores "no plan" at the end.
struct plan_for_this_test {
  explicit plan_for_this_test(const char* plan) { good = model::set_failpoints(plan); }
  ~plan_for_this_test() { model::set_failpoints(""); }
  bool good = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(failpoints)

BOOST_AUTO_TEST_CASE(without_a_plan_nothing_happens) {
  for (int i = 0; i < 3; ++i) BOOST_TEST(!TENAX_FAILPOINT("some.place"));
}

BOOST_AUTO_TEST_CASE(the_nth_hit_fails_and_only_that) {
  const plan_for_this_test plan("a.b:3:error");
  BOOST_REQUIRE(plan.good);
  std::vector<bool> answers;
  for (int i = 0; i < 5; ++i) answers.push_back(TENAX_FAILPOINT("a.b"));
  const std::vector<bool> expected{false, false, true, false, false};
  BOOST_TEST((answers == expected));
}

BOOST_AUTO_TEST_CASE(a_plus_means_from_then_on) {
  const plan_for_this_test plan("a.b:2+:error");
  BOOST_REQUIRE(plan.good);
  BOOST_TEST(!TENAX_FAILPOINT("a.b"));
  BOOST_TEST(TENAX_FAILPOINT("a.b"));
  BOOST_TEST(TENAX_FAILPOINT("a.b"));
}

BOOST_AUTO_TEST_CASE(names_are_counted_apart) {
  const plan_for_this_test plan("a:1:error,b:2:error");
  BOOST_REQUIRE(plan.good);
  BOOST_TEST(!TENAX_FAILPOINT("b"));
  BOOST_TEST(TENAX_FAILPOINT("a"));
  BOOST_TEST(TENAX_FAILPOINT("b"));
  BOOST_TEST(!TENAX_FAILPOINT("c"));
}

BOOST_AUTO_TEST_CASE(what_is_no_plan_is_refused) {
  for (const char* text : {"a", "a:1", "a:0:kill", "a:x:kill", "a:1:explode", ":1:kill",
                           "a:1:kill,,", "a:-1:kill", "a:1 :kill"}) {
    BOOST_TEST_CONTEXT(text) {
      const plan_for_this_test plan(text);
      BOOST_TEST(!plan.good);
    }
  }
}

BOOST_AUTO_TEST_CASE(one_of_many_threads_gets_the_nth_hit) {
  const plan_for_this_test plan("a:500:error");
  BOOST_REQUIRE(plan.good);
  std::atomic<int> failed{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&failed] {
        for (int i = 0; i < 250; ++i) failed += TENAX_FAILPOINT("a") ? 1 : 0;
      });
    }
  }
  BOOST_TEST(failed == 1);
}

BOOST_AUTO_TEST_CASE(kill_ends_the_process_at_once) {
  const auto end = support::run_forked(
      [] {
        model::set_failpoints("a:2:kill");
        (void)TENAX_FAILPOINT("a");
        (void)TENAX_FAILPOINT("a");
        return 0;
      },
      10);
  BOOST_TEST(!end.exited);
  BOOST_TEST(end.code == SIGKILL);
}

BOOST_AUTO_TEST_CASE(a_planted_bug_is_chosen_by_number) {
  model::plant_bug(7);
  BOOST_TEST(TENAX_PLANTED(7));
  BOOST_TEST(!TENAX_PLANTED(8));
  model::plant_bug(0);
  BOOST_TEST(!TENAX_PLANTED(7));
}

/// What a kill in a backup leaves is a directory that no engine and no reader opens, and the next
/// backup to the same place works.
BOOST_AUTO_TEST_CASE(a_kill_in_a_backup_leaves_nothing_that_opens_as_one) {
  const support::temporary_directory dir("tenax-backup-kill");
  const auto target = dir.path() / "copy";
  // A process of its own: one that was forked from this may open no engine.
  const auto live = [&](const std::string& plan) {
    return support::run_program("exec " + support::test_program("backup_main") + " '" +
                                (dir.path() / "data").string() + "' '" + target.string() + "' '" +
                                plan + "'")
        .code;
  };
  BOOST_TEST(live("backup.mid:1:kill") == 128 + SIGKILL);
  BOOST_TEST(!std::filesystem::exists(target));
  int left = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    if (entry.path().filename() == "data") continue;
    ++left;
    BOOST_TEST(!reader::open(entry.path()));
    BOOST_TEST(!engine::open(entry.path()));
  }
  BOOST_TEST(left == 1);

  BOOST_TEST(live("backup.mid:1:error") == 3);
  BOOST_TEST(!std::filesystem::exists(target));
  BOOST_TEST(live("") == 0);
  const auto restored = reader::open(target);
  BOOST_REQUIRE(restored);
  BOOST_TEST(restored->summary("flow-1").has_value());
}

/// The driver asks for every fail point that the engine has (handler.inside is the target's own).
BOOST_AUTO_TEST_CASE(the_list_of_fail_points_is_that_of_the_sources) {
  std::set<std::string> in_sources{"handler.inside"};
  const std::regex place("TENAX_FAILPOINT\\(([^;]*)\\)");
  const std::regex name("\"([a-z_]+\\.[a-z_]+)\"");
  for (const char* folder : {"model", "storage", "actors"}) {
    const auto root = std::filesystem::path(TENAX_SOURCE_DIR) / folder;
    for (const auto& file : std::filesystem::directory_iterator(root)) {
      if (file.path().extension() != ".cpp") continue;
      std::ifstream in(file.path());
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      for (std::sregex_iterator at(text.begin(), text.end(), place), end; at != end; ++at) {
        const std::string arguments = (*at)[1];
        for (std::sregex_iterator n(arguments.begin(), arguments.end(), name); n != end; ++n) {
          in_sources.insert((*n)[1]);
        }
      }
    }
  }
  std::set<std::string> listed;
  for (const auto point : crash::fail_points) listed.emplace(point);
  BOOST_TEST(in_sources == listed, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
