// Real limits of a real machine: a file system that fills up and drains again, too few file
// descriptors, too little memory. Each run is a forked child; what it acknowledged is checked by
// another one.
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <fstream>
#include <iostream>

#include "tests/fault/engine_life.hpp"
#include "tests/support/processes.hpp"

using namespace tenax;
using faults::engine_life;
using faults::shared_ledger;

namespace {

constexpr unsigned timeout_s = 120;
constexpr int skipped = 77;

int complain(const std::string& what) {
  std::fprintf(stderr, "limits_test: %s\n", what.c_str());
  return 1;
}

/// All that was acknowledged is there, verify is clean, and everything ends.
int recover(shared_ledger& known, const std::filesystem::path& dir) {
  for (const auto& v : faults::check(known, 1, dir)) return complain(v);
  faults::life_options o;
  o.data_dir = dir;
  o.workflows = known.next;
  engine_life one(known, o);
  if (const auto opened = one.open(); !opened) return complain(opened.error().to_string());
  constexpr unsigned rounds_max = 3'000;
  for (unsigned round = 0; one.open_workflows() > 0; ++round) {
    if (round == rounds_max) return complain("workflows do not end");
    one.decide();
    workload::take_ms(5);
  }
  one.close();
  return 0;
}
int look(shared_ledger& known, const std::filesystem::path& dir) {
  for (const auto& v : faults::check(known, 1, dir)) return complain(v);
  return 0;
}

/// In a child, in a mount namespace of its own.
int fill_and_drain() {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return skipped;
  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  const support::temporary_directory place("tenax-full");
  if (::mount("tmpfs", place.path().c_str(), "tmpfs", 0, "size=16m") != 0) return skipped;
  const auto filler = place.path() / "filler";
  std::ofstream(filler) << std::string(8u << 20, 'x');

  auto& known = support::make_shared_memory<shared_ledger>();
  known.clear();
  const auto dir = place.path() / "data";
  const auto fill = [&] {
    faults::life_options o;
    o.data_dir = dir;
    engine_life one(known, o);
    if (const auto opened = one.open(); !opened) return complain(opened.error().to_string());
    // Big inputs of their own fill the disk; the ledger's workflows are what is checked.
    workflow_spec big;
    big.name = "big";
    auto& action = big.actions.emplace_back();
    action.key = "only";
    action.type = "steady";
    action.input = std::string(256u << 10, 'y');
    std::atomic<unsigned> refused = 0;
    constexpr unsigned tries_max = 2'000;
    for (unsigned i = 0; i < tries_max && !one.core().halted(); ++i) {
      one.tick();
      one.core().submit(big, [&](const auto& r) { refused += r ? 0 : 1; });
      workload::take_ms(2);
    }
    if (!one.core().halted()) return complain("a full disk was not noticed");
    for (int i = 0; i < 1'000 && one.last_error().empty(); ++i) workload::take_ms(1);
    if (one.last_error().find("space") == std::string::npos) {
      return complain("the engine does not say why: " + one.last_error());
    }
    std::printf("disk full: %s\n", one.last_error().c_str());
    one.close();
    return 0;
  };
  if (const auto full = support::run_forked(fill, timeout_s); !full.ok()) {
    return complain("on the full disk: " + full.to_string());
  }
  // Still full: it may open or say that there is no space, nothing else.
  const auto again = [&] {
    faults::life_options o;
    o.data_dir = dir;
    engine_life one(known, o);
    const auto opened = one.open();
    if (opened) return 0;
    return opened.error().message().find("space") != std::string::npos
               ? 0
               : complain(opened.error().to_string());
  };
  if (const auto still = support::run_forked(again, timeout_s); !still.ok()) {
    return complain("opening on the full disk: " + still.to_string());
  }
  std::filesystem::remove(filler);
  const auto drained = support::run_forked(
      [&] {
        // The big ones are not in the ledger, so only verify and the end of all count here.
        const auto report = verify(dir);
        if (!report) return complain(report.error().to_string());
        for (const auto& f : report->findings) return complain(f.invariant + " " + f.what);
        faults::life_options o;
        o.data_dir = dir;
        engine_life one(known, o);
        if (const auto opened = one.open(); !opened) return complain(opened.error().to_string());
        constexpr unsigned rounds_max = 3'000;
        for (unsigned round = 0; one.core().stats().open > 0; ++round) {
          if (round == rounds_max) return complain("workflows do not end");
          one.decide();
          workload::take_ms(5);
        }
        for (std::uint32_t n = 0; n < known.next; ++n) {
          if (known.workflows[n].submit == faults::mark::acked &&
              !one.core().get(workload::id_of(n))) {
            return complain("an acknowledged submit is gone");
          }
        }
        one.close();
        return 0;
      },
      timeout_s);
  ::umount2(place.path().c_str(), MNT_DETACH);
  return drained.ok() ? 0 : complain("after the disk was drained: " + drained.to_string());
}

/// Works under a limit that `limit` sets once the engine is open (or before: `early`). Any clean
/// end will do, and so does a loud one.
support::child_end work_under(shared_ledger& known, const std::filesystem::path& dir, bool early,
                              const std::function<void()>& limit) {
  return support::run_forked(
      [&] {
        std::signal(SIGABRT, SIG_DFL);  // Boost.Test has a handler of its own
        if (early) limit();
        faults::life_options o;
        o.data_dir = dir;
        o.write_buffer_bytes = 64u << 10;  // new files all the time
        auto one = std::make_unique<engine_life>(known, o);
        if (const auto opened = one->open(); !opened) {
          std::fprintf(stderr, "refused: %s\n", opened.error().to_string().c_str());
          return opened.error().message().empty() ? 1 : 0;
        }
        if (!early) limit();
        constexpr unsigned ticks_max = 400;
        try {
          for (unsigned tick = 0; tick < ticks_max && !one->core().halted(); ++tick) {
            one->tick();
            workload::take_ms(1);
          }
        } catch (const std::bad_alloc&) {
          std::fprintf(stderr, "no memory in the caller's thread\n");
          std::fflush(nullptr);
          ::_exit(0);
        }
        if (one->core().halted()) std::fprintf(stderr, "stopped: %s\n", one->last_error().c_str());
        one->close();
        (void)one.release();  // a database whose background work failed closes slowly
        return 0;
      },
      timeout_s);
}

void limit_files(rlim_t files) {
  const rlimit limit{files, files};
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void limit_memory(std::size_t more_bytes) {
  std::ifstream in("/proc/self/statm");
  std::size_t pages = 0;
  in >> pages;
  const rlim_t bytes = pages * 4'096 + more_bytes;
  const rlimit limit{bytes, bytes};
  ::setrlimit(RLIMIT_AS, &limit);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(limits)

BOOST_AUTO_TEST_CASE(a_disk_that_fills_up_and_drains_again_loses_nothing) {
  const auto end = support::run_forked(fill_and_drain, 4 * timeout_s);
  if (end.exited && end.code == skipped) {
    std::cout << "SKIPPED: a mount namespace of one's own is not permitted here\n";
    return;
  }
  BOOST_TEST(end.ok(), end.to_string());
}

BOOST_AUTO_TEST_CASE(too_few_file_descriptors_stop_the_engine_cleanly) {
  for (const rlim_t files : {8, 16, 24}) {
    for (const bool early : {true, false}) {
      BOOST_TEST_CONTEXT(files << " files, " << (early ? "before" : "after") << " the open") {
        const support::temporary_directory place("tenax-files");
        const auto dir = place.path() / "data";
        auto& known = support::make_shared_memory<shared_ledger>();
        known.clear();
        const auto limited = work_under(known, dir, early, [&] { limit_files(files); });
        BOOST_TEST(limited.ok(), limited.to_string());
        const auto after = support::run_forked([&] { return recover(known, dir); }, timeout_s);
        BOOST_TEST(after.ok(), after.to_string());
        const auto seen = support::run_forked([&] { return look(known, dir); }, timeout_s);
        BOOST_TEST(seen.ok(), seen.to_string());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(too_little_memory_is_loud_and_loses_nothing) {
  for (const std::size_t mebibytes : {1, 4, 16, 64}) {
    BOOST_TEST_CONTEXT(mebibytes << " MiB more than at the open") {
      const support::temporary_directory place("tenax-memory");
      const auto dir = place.path() / "data";
      auto& known = support::make_shared_memory<shared_ledger>();
      known.clear();
      const auto limited =
          work_under(known, dir, false, [&] { limit_memory(std::size_t{mebibytes} << 20); });
      // An abort (std::bad_alloc that nobody can answer) is loud enough; a hang is not.
      BOOST_TEST((limited.ok() || (!limited.exited && limited.code == SIGABRT)),
                 limited.to_string());
      BOOST_TEST(!limited.timed_out);
      const auto after = support::run_forked([&] { return recover(known, dir); }, timeout_s);
      BOOST_TEST(after.ok(), after.to_string());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
