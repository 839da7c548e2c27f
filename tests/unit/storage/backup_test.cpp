// A backup of a live store: what is in it, where it may go, and what is never left behind.
#include "storage/backup.hpp"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <fstream>
#include <thread>

#include "storage/data_dir.hpp"
#include "tenax/engine.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names_in(const fs::path& dir) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(dir)) {
    out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void commit_one(store& s, random_source& r, const std::string& id) {
  random_workflow w(r, random_spec(r, id, 3));
  w.step(1);
  commit(s, w);
}

std::uint64_t findings(const fs::path& dir) {
  const auto report = verify(dir);
  BOOST_REQUIRE_MESSAGE(report, failure(report));
  return report->findings_total;
}

unsigned mode_of(const fs::path& path) {
  return static_cast<unsigned>(fs::status(path).permissions() & fs::perms::mask);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(backup_test)

BOOST_AUTO_TEST_CASE(a_backup_holds_all_that_was_written_before_it_and_opens) {
  temp_dir dir;
  store_options opts;
  opts.durability = durability::async;
  opts.write_buffer_bytes = 256u << 10;  // flushes and compacts all the time
  auto s = open_store(dir.data(), opts);
  BOOST_REQUIRE(s);
  constexpr int backups = 5;
  constexpr int written_each = 200;  // between two of them, and a few more meanwhile
  std::atomic<int> written{0};
  std::atomic<bool> enough{false};
  std::jthread writer([&] {
    random_source r(1);
    for (int i = 0; !enough && i < (backups + 2) * written_each; ++i) {
      commit_one(**s, r, "w" + std::to_string(i));
      written = i + 1;
    }
  });
  for (int n = 0; n < backups; ++n) {
    while (written < (n + 1) * written_each) std::this_thread::yield();
    const auto copy = dir.path() / ("copy" + std::to_string(n));
    if (n == 1) fs::create_directory(copy);  // an empty one will do
    const int before = written;
    const auto made = (*s)->backup(copy);
    BOOST_REQUIRE_MESSAGE(made, failure(made));
    BOOST_TEST(findings(copy) == 0u);
    const auto reading = open_reading_store(copy);
    BOOST_REQUIRE(reading);
    int missing = 0;
    for (int i = 0; i < before; ++i) missing += (*reading)->exists("w" + std::to_string(i)) ? 0 : 1;
    BOOST_TEST(missing == 0);
    BOOST_TEST(mode_of(copy) == 0700u);
    BOOST_TEST(mode_of(copy / "db") == 0700u);
    BOOST_TEST(mode_of(copy / "last_write") == 0600u);
    for (const auto& f : fs::directory_iterator(copy / "db")) BOOST_TEST(mode_of(f) == 0600u);
  }
  enough = true;
  writer.join();
  // Each is a store of its own: what is written to one is in no other.
  random_source r(2);
  {
    const auto copy = open_for_test(dir.path() / "copy0");
    BOOST_TEST(copy->epoch() == 2u);
    commit_one(*copy, r, "only-here");
  }
  BOOST_TEST(!(*s)->exists("only-here"));
  BOOST_TEST(findings(dir.path() / "copy0") == 0u);
  BOOST_TEST(findings(dir.data()) == 0u);
  BOOST_TEST(names_in(dir.path()).size() == 1u + backups);
}

BOOST_AUTO_TEST_CASE(a_backup_that_has_lost_the_end_of_its_log_is_refused) {
  temp_dir dir;
  random_source r(1);
  const auto s = open_for_test(dir.data());
  for (int i = 0; i < 10; ++i) commit_one(*s, r, "w" + std::to_string(i));
  const auto copy = dir.path() / "copy";
  BOOST_REQUIRE(s->backup(copy));
  int logs = 0;
  for (const auto& f : fs::directory_iterator(copy / "db")) {
    if (f.path().extension() != ".log" || f.file_size() == 0) continue;
    fs::resize_file(f.path(), f.file_size() - 10);
    ++logs;
  }
  BOOST_TEST(logs == 1);
  const auto opened = open_store(copy, {});
  BOOST_REQUIRE(!opened);
  BOOST_TEST((opened.error().code() == errc::corrupt));
}

BOOST_AUTO_TEST_CASE(a_backup_goes_nowhere_but_to_a_new_or_empty_directory) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  std::ofstream(dir.path() / "file") << "x";
  fs::create_directory(dir.path() / "full");
  std::ofstream(dir.path() / "full" / "thesis.tex") << "x";
  fs::create_directory_symlink(dir.data(), dir.path() / "link");
  const auto before = names_in(dir.path());
  const auto data_before = names_in(dir.data());
  for (const auto* target : {"file", "full", "data", "link", "data/copy", "data/db/copy",
                             "link/copy", "file/copy", "none/copy"}) {
    const auto made = s->backup(dir.path() / target);
    BOOST_REQUIRE(!made);
    BOOST_TEST_MESSAGE(made.error().to_string());
    BOOST_TEST((made.error().code() == errc::invalid_argument), target);
  }
  BOOST_TEST(names_in(dir.path()) == before, boost::test_tools::per_element());
  BOOST_TEST(names_in(dir.data()) == data_before, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_live_engine_makes_a_backup_that_an_engine_opens) {
  temp_dir dir;
  options opts;
  opts.paused = true;
  auto live = engine::open(dir.data(), opts);
  BOOST_REQUIRE(live);
  auto flow = workflow_builder("flow").id("flow-1");
  flow.action("a", "noop", "{}");
  BOOST_REQUIRE(live->submit(flow));
  const auto made = live->backup(dir.path() / "copy");
  BOOST_REQUIRE_MESSAGE(made, failure(made));
  BOOST_TEST(findings(dir.path() / "copy") == 0u);
  auto restored = engine::open(dir.path() / "copy");
  BOOST_REQUIRE_MESSAGE(restored, failure(restored));
  const auto end = restored->await("flow-1", milliseconds(30'000));
  BOOST_REQUIRE_MESSAGE(end, failure(end));
  BOOST_TEST((end->status == workflow_status::completed));
  BOOST_TEST((live->summary("flow-1").value().status == workflow_status::pending));
}

BOOST_AUTO_TEST_SUITE_END()
