#include <boost/test/unit_test.hpp>

#include <stdlib.h>

#include <set>

#include "storage/store.hpp"
#include "tenax/engine.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
namespace fs = std::filesystem;

namespace {

/// Name, size and time of every file below.
std::set<std::string> files_below(const fs::path& dir) {
  std::set<std::string> out;
  for (const auto& f : fs::recursive_directory_iterator(dir)) {
    if (!f.is_regular_file()) continue;
    out.insert(f.path().string() + " " + std::to_string(f.file_size()) + " " +
               std::to_string(f.last_write_time().time_since_epoch().count()));
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reading_store_test)

BOOST_AUTO_TEST_CASE(a_reader_beside_a_writer_sees_what_was_written_at_refresh) {
  temp_dir dir;
  random_source r(1);
  const auto s = open_for_test(dir.data());
  random_workflow w(r, random_spec(r, "w", 20));
  w.may_end = false;
  w.step(1);
  commit(*s, w);
  auto reading = open_reading_store(dir.data());
  BOOST_REQUIRE_MESSAGE(reading, failure(reading));
  auto& reader = **reading;
  for (int i = 0; i < 20; ++i) {
    const auto before = reader.load("w");
    BOOST_REQUIRE(before);
    BOOST_TEST(difference(before->state, w.state) == "");
    w.step(3);
    commit(*s, w);
    random_workflow other(r, random_spec(r, "o" + std::to_string(i), 3));
    other.step(1);
    commit(*s, other);
    BOOST_TEST(reader.load("w").value().state.seq == before->state.seq);
    BOOST_TEST(!reader.exists(other.def->spec.id));
    BOOST_REQUIRE(reader.refresh());
    BOOST_TEST(reader.exists(other.def->spec.id));
    BOOST_TEST((reader.current_totals() == s->current_totals()));
    BOOST_TEST(reader.epoch() == s->epoch());
    const auto due = reader.due(timer_group::start, {}, w.now_ms + 1'000'000, 1'000);
    BOOST_REQUIRE(due);
    BOOST_TEST((*due == *s->due(timer_group::start, {}, w.now_ms + 1'000'000, 1'000)));
  }
}

BOOST_AUTO_TEST_CASE(a_reader_survives_what_the_writer_throws_away) {
  temp_dir dir;
  random_source r(2);
  store_options opts;
  opts.durability = durability::async;
  opts.write_buffer_bytes = 256u << 10;  // flushes and compacts all the time
  auto s = open_store(dir.data(), opts);
  BOOST_REQUIRE(s);
  const auto fill = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      random_workflow w(r, random_spec(r, "w" + std::to_string(i), 10));
      for (int k = 0; k < 4; ++k) {
        w.step(4);
        if (!w.changes.empty()) commit(**s, w);
      }
    }
  };
  fill(0, 300);
  auto reading = open_reading_store(dir.data());
  BOOST_REQUIRE(reading);
  for (int round = 1; round < 6; ++round) {
    fill(300 * round, 300 * (round + 1));
    for (int i = 0; i < 300 * round; i += 7) {
      const auto loaded = (*reading)->load("w" + std::to_string(i));
      BOOST_REQUIRE_MESSAGE(loaded, failure(loaded));
    }
    BOOST_REQUIRE((*reading)->refresh());
    BOOST_TEST((*reading)->exists("w" + std::to_string(300 * (round + 1) - 1)));
  }
}

BOOST_AUTO_TEST_CASE(a_reader_changes_nothing_and_leaves_nothing) {
  temp_dir dir;
  random_source r(3);
  {
    const auto s = open_for_test(dir.data());
    random_workflow w(r, random_spec(r, "w", 3));
    w.step(1);
    commit(*s, w);
  }
  const auto files = files_below(dir.data());
  {
    const auto reading = open_reading_store(dir.data());
    BOOST_REQUIRE(reading);
    BOOST_TEST((*reading)->load("w").has_value());
    BOOST_TEST((*reading)->refresh().has_value());
    BOOST_TEST(files_below(dir.data()) == files, boost::test_tools::per_element());
  }
  BOOST_TEST(files_below(dir.data()) == files, boost::test_tools::per_element());
}

/// So one that is killed leaves nothing behind.
BOOST_AUTO_TEST_CASE(a_reader_beside_a_writer_makes_no_file_anywhere) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  const auto scratch = dir.data() / "tmp";  // where there would be one
  fs::create_directory(scratch);
  const auto* before = std::getenv("TMPDIR");
  const std::string old = before != nullptr ? before : "";
  ::setenv("TMPDIR", scratch.c_str(), 1);
  const auto files = files_below(dir.data());
  const auto reading = open_reading_store(dir.data());
  if (before != nullptr) {
    ::setenv("TMPDIR", old.c_str(), 1);
  } else {
    ::unsetenv("TMPDIR");
  }
  BOOST_REQUIRE(reading);
  BOOST_TEST(fs::is_empty(scratch));
  BOOST_TEST(files_below(dir.data()) == files, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_reader_that_found_no_writer_follows_one_that_comes) {
  temp_dir dir;
  random_source r(5);
  { const auto s = open_for_test(dir.data()); }
  const auto reading = open_reading_store(dir.data());
  BOOST_REQUIRE_MESSAGE(reading, failure(reading));
  for (int life = 0; life < 3; ++life) {
    const std::string id = "w" + std::to_string(life);
    {
      const auto s = open_for_test(dir.data());
      random_workflow w(r, random_spec(r, id, 5));
      w.step(1);
      commit(*s, w);
      BOOST_TEST(!(*reading)->exists(id));
      BOOST_REQUIRE((*reading)->refresh());
      BOOST_TEST((*reading)->exists(id));
      BOOST_TEST((*reading)->epoch() == s->epoch());
    }
    BOOST_REQUIRE((*reading)->refresh());
    BOOST_TEST((*reading)->exists(id));
  }
}

BOOST_AUTO_TEST_CASE(a_reader_needs_a_data_directory) {
  temp_dir dir;
  const auto absent = reader::open(dir.data());
  BOOST_REQUIRE(!absent);
  BOOST_TEST((absent.error().code() == errc::data_dir_unusable));
  BOOST_TEST(!fs::exists(dir.data()));
  fs::create_directory(dir.data());
  const auto empty = reader::open(dir.data());
  BOOST_REQUIRE(!empty);
  BOOST_TEST((empty.error().code() == errc::data_dir_unusable));
}

BOOST_AUTO_TEST_CASE(a_reader_calls_a_database_without_its_current_file_corrupt) {
  temp_dir dir;
  { const auto s = open_for_test(dir.data()); }
  fs::remove(dir.data() / "db" / "CURRENT");
  const auto broken = reader::open(dir.data());
  BOOST_REQUIRE(!broken);
  BOOST_TEST((broken.error().code() == errc::corrupt));
}

BOOST_AUTO_TEST_CASE(the_public_reader_answers_queries) {
  temp_dir dir;
  random_source r(4);
  const auto s = open_for_test(dir.data());
  random_workflow w(r, random_spec(r, "w", 5));
  w.step(1);
  commit(*s, w);
  auto opened = reader::open(dir.data());
  BOOST_REQUIRE(opened);
  BOOST_TEST(opened->summary("w").value().name == w.def->spec.name);
  BOOST_TEST(opened->get("w").value().actions.size() == 5u);
  BOOST_TEST(opened->list().value().items.size() == 1u);
  BOOST_TEST(opened->history("w").value().size() == 1u);
  BOOST_TEST(opened->stats().submitted == 1u);
  BOOST_TEST(opened->stats().open == 1u);
  BOOST_TEST(opened->stats().epoch == 1u);
  BOOST_TEST((opened->get("x").error().code() == errc::not_found));
  w.step(2);
  commit(*s, w);
  BOOST_TEST(opened->summary("w").value().events == 1u);
  BOOST_REQUIRE(opened->refresh());
  BOOST_TEST(opened->summary("w").value().events == w.state.seq);
}

BOOST_AUTO_TEST_SUITE_END()
