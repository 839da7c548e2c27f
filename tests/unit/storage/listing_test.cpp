// Pages of the indexes cost what they show, wherever entries were deleted, and miss nothing.
#include <rocksdb/perf_context.h>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <limits>
#include <set>
#include <thread>

#include "storage/keys.hpp"
#include "storage/scan_gaps.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
using model::index_class;

namespace {

constexpr auto first_ms = std::numeric_limits<time_ms>::min();
constexpr auto last_ms = std::numeric_limits<time_ms>::max();
const std::vector<index_class> all_classes{index_class::active, index_class::parked,
                                           index_class::completed};

/// A store with nothing but a listing, and what must be in it.
struct listing {
  temp_dir dir;
  std::unique_ptr<store> s = open_for_test(dir.data());
  using place = std::pair<time_ms, std::string>;
  std::map<place, index_class> there;
  write_batch batch;
  std::string key;

  static std::string id_of(time_ms at_ms) { return "w" + std::to_string(at_ms); }
  void put(index_class c, time_ms at_ms) {
    keys::listing(key, c, at_ms, id_of(at_ms));
    batch.put(key, "name");
    there[{at_ms, id_of(at_ms)}] = c;
  }
  void remove(time_ms at_ms) {
    const auto at = there.find({at_ms, id_of(at_ms)});
    if (at == there.end()) return;
    keys::listing(key, at->second, at_ms, id_of(at_ms));
    batch.remove(key);
    there.erase(at);
  }
  void move(index_class c, time_ms at_ms) {
    remove(at_ms);
    put(c, at_ms);
  }
  void write() {
    BOOST_REQUIRE(s->write(s->epoch(), {&batch}));
    batch.clear();
  }
  /// Ids of a page, and how many deleted entries it has passed.
  std::vector<std::string> page(const list_place& from, std::size_t limit,
                                std::uint64_t* passed = nullptr) {
    rocksdb::get_perf_context()->Reset();
    const auto found = s->list({list_source::kind::classes, all_classes, {}}, from, limit);
    BOOST_REQUIRE(found);
    if (passed != nullptr) {
      *passed = rocksdb::get_perf_context()->internal_delete_skipped_count;
    }
    std::vector<std::string> out;
    for (const auto& e : *found) {
      out.push_back(e.workflow_id);
      BOOST_REQUIRE(there.at({e.created_at_ms, e.workflow_id}) == e.listed_as);
    }
    return out;
  }
  [[nodiscard]] std::vector<std::string> expected(const list_place& from, std::size_t limit) const {
    std::vector<std::string> out;
    const auto at = there.lower_bound({from.created_at_ms, from.workflow_id});
    if (from.newest_first) {
      for (auto back = std::make_reverse_iterator(at); back != there.rend() && out.size() < limit;
           ++back) {
        out.push_back(back->first.second);
      }
    } else {
      for (auto on = at; on != there.end() && out.size() < limit; ++on) {
        out.push_back(on->first.second);
      }
    }
    return out;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(listing_test)

/// Every workflow was active once: its entry lies deleted there.
BOOST_AUTO_TEST_CASE(a_page_of_sleepers_does_not_pass_all_that_were_ever_active) {
  listing l;
  constexpr time_ms count = 20'000;
  for (time_ms n = 0; n < count; ++n) l.put(index_class::active, n);
  l.write();
  for (time_ms n = 0; n < count; ++n) l.move(index_class::parked, n);
  l.write();
  for (const time_ms from : {time_ms{0}, count / 2, count - 100}) {
    for (const bool newest_first : {false, true}) {
      std::uint64_t passed = 0;
      const list_place at{from, {}, newest_first};
      BOOST_TEST(l.page(at, 10, &passed) == l.expected(at, 10));
      BOOST_TEST(passed <= 20u);
    }
  }
}

/// One that stays before and after all that came and went.
BOOST_AUTO_TEST_CASE(a_page_costs_what_it_shows_after_any_churn) {
  listing l;
  constexpr time_ms count = 50'000;
  l.put(index_class::parked, 0);
  for (time_ms n = 1; n < count; ++n)
    l.put(n % 2 == 0 ? index_class::active : index_class::parked, n);
  l.put(index_class::active, count);
  l.write();
  for (time_ms n = 1; n < count; ++n) l.remove(n);
  l.write();
  const list_place from{first_ms, {}, false};
  const list_place back{last_ms, {}, true};
  std::uint64_t passed = 0;
  BOOST_TEST(l.page(from, 10, &passed) == l.expected(from, 10));
  BOOST_TEST(passed > 40'000u);  // somebody has to
  for (const auto& at : {from, back, from, back}) {
    BOOST_TEST(l.page(at, 10, &passed) == l.expected(at, 10));
    BOOST_TEST(passed < 5'000u);
  }
  // What comes and goes at the end meanwhile is passed once, not with all before it.
  for (time_ms round = 0; round < 5; ++round) {
    const time_ms begin = count + 1 + round * 3'000;
    for (time_ms n = begin; n < begin + 3'000; ++n) l.put(index_class::active, n);
    l.write();
    for (time_ms n = begin; n < begin + 3'000; ++n) l.remove(n);
    l.write();
    BOOST_TEST(l.page(from, 10, &passed) == l.expected(from, 10));
    BOOST_TEST(passed < 9'000u);
  }
  // Into the midst of what is known to be deleted.
  l.put(index_class::parked, count / 2);
  l.write();
  BOOST_TEST(l.page(from, 10) == l.expected(from, 10));
  BOOST_TEST(l.page(back, 10) == l.expected(back, 10));
  l.remove(0);
  l.write();
  BOOST_TEST(l.page(from, 10, &passed) == l.expected(from, 10));
  BOOST_TEST(passed < 9'000u);
}

BOOST_AUTO_TEST_CASE(random_churn_hides_and_shows_nothing) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      random_source r(seed);
      listing l;
      constexpr time_ms span = 30'000;
      for (int round = 0; round < 40; ++round) {
        const auto begin = static_cast<time_ms>(r.below(span));
        const auto end = std::min(span, begin + static_cast<time_ms>(r.below(12'000)));
        const bool removes = r.chance(60);
        const unsigned share = r.chance(30) ? 1 : 100;
        for (time_ms n = begin; n < end; ++n) {
          if (!r.chance(share)) continue;
          if (removes) {
            l.remove(n);
          } else {
            l.move(static_cast<index_class>(r.below(3)), n);
          }
        }
        l.write();
        for (int look = 0; look < 10; ++look) {
          const list_place at{static_cast<time_ms>(r.below(span)), {}, r.chance(50)};
          const auto limit = 1 + r.below(50);
          BOOST_REQUIRE(l.page(at, limit) == l.expected(at, limit));
        }
      }
    }
  }
}

/// A page shows one moment, also while what it could jump over comes back.
BOOST_AUTO_TEST_CASE(pages_beside_a_writer_miss_nothing_that_stays) {
  listing l;
  constexpr time_ms count = 20'000;
  for (time_ms n = 0; n < count; n += 2'000) l.put(index_class::parked, n);
  l.write();
  const auto staying = l.expected({first_ms, {}, false}, 100);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};  // Boost.Test writes its log without a lock
  std::thread looks([&] {
    while (!stop) {
      for (const bool newest_first : {false, true}) {
        const auto found =
            l.s->list({list_source::kind::classes, all_classes, {}},
                      {newest_first ? last_ms : first_ms, {}, newest_first}, 100'000);
        if (!found) {
          ++wrong;
          continue;
        }
        std::set<std::string> ids;
        for (const auto& e : *found) ids.insert(e.workflow_id);
        if (ids.size() != found->size()) ++wrong;  // one in two classes
        for (const auto& id : staying) wrong += ids.contains(id) ? 0 : 1;
      }
    }
  });
  random_source r(7);
  for (int round = 0; round < 16; ++round) {
    for (time_ms n = 0; n < count; ++n) {
      if (n % 2'000 == 0) {
        l.move(static_cast<index_class>(r.below(2)), n);
      } else if (round % 2 == 0) {
        l.put(index_class::active, n);
      } else {
        l.remove(n);
      }
      if (n % 500 == 499) l.write();
    }
  }
  stop = true;
  looks.join();
  BOOST_TEST(wrong == 0);
  BOOST_TEST(l.page({first_ms, {}, false}, 100) == staying);
}

BOOST_AUTO_TEST_CASE(a_gap_holds_for_snapshots_from_when_it_was_seen) {
  scan_gaps gaps;
  const scan_gaps::scan scan(gaps);
  {
    scan_gaps::scan other(gaps);
    other.found("b", "f", 5, 1'000);
  }
  BOOST_TEST(!scan.find("c", 4));
  BOOST_REQUIRE(scan.find("c", 5));
  BOOST_TEST(!scan.find("f", 5));
  BOOST_TEST(scan.find("b", 9)->first == "b");
  const std::vector<std::string_view> puts{"d"};
  gaps.begin_write(puts);
  gaps.end_write();
  BOOST_TEST(scan.find("c", 9)->second == "d");
  BOOST_TEST(!scan.find("d", 9));
  BOOST_TEST(scan.find("e", 9)->second == "f");
}

BOOST_AUTO_TEST_CASE(a_gap_ends_before_what_was_put_while_it_was_seen) {
  scan_gaps gaps;
  {
    scan_gaps::scan scan(gaps);
    const std::vector<std::string_view> puts{"a", "d", "e"};
    gaps.begin_write(puts);
    gaps.end_write();
    scan.found("b", "f", 5, 1'000);
  }
  const scan_gaps::scan scan(gaps);
  BOOST_TEST(scan.find("b", 9)->second == "d");
  BOOST_TEST(!scan.find("e", 9));
}

/// A write takes as long as the disk does: a scan that begins meanwhile does not see it, and those
/// after it do.
BOOST_AUTO_TEST_CASE(a_gap_ends_before_what_was_being_put_when_its_scan_began) {
  scan_gaps gaps;
  const std::vector<std::string_view> puts{"a", "d", "e"};
  gaps.begin_write(puts);
  {
    scan_gaps::scan scan(gaps);
    gaps.end_write();
    scan.found("b", "f", 5, 1'000);
  }
  {
    scan_gaps::scan scan(gaps);
    BOOST_TEST(scan.find("b", 9)->second == "d");
    BOOST_TEST(!scan.find("d", 9));
    BOOST_TEST(!scan.find("e", 9));
    scan.found("p", "q", 9, 1'000);
  }
  const scan_gaps::scan scan(gaps);
  BOOST_TEST(scan.find("p", 9)->second == "q");
}

/// The same of a store.
BOOST_AUTO_TEST_CASE(what_is_put_where_all_is_deleted_is_found_whoever_looks_meanwhile) {
  constexpr time_ms count = 3'000;
  constexpr int rounds = 20;
  const list_place from{first_ms, {}, false};
  listing l;
  l.s.reset();
  auto opened = open_store(l.dir.data(), {});  // waits for the disk
  BOOST_REQUIRE(opened);
  l.s = std::move(*opened);
  std::atomic<bool> stop{false};
  std::atomic<int> looked{0};
  std::thread looks([&] {
    for (; !stop; ++looked) {
      (void)l.s->list({list_source::kind::classes, all_classes, {}}, from, 10);
    }
  });
  int hidden = 0;
  for (int round = 0; round < rounds; ++round) {
    const time_ms begin = round * count;
    for (time_ms n = begin; n < begin + count; ++n) l.put(index_class::active, n);
    l.write();
    for (time_ms n = begin; n < begin + count; ++n) l.remove(n);
    l.write();
    l.put(index_class::active, begin + count / 2);
    l.write();
    for (const int before = looked; looked < before + 2;) std::this_thread::yield();
    if (l.page(from, 10) != l.expected(from, 10)) ++hidden;
    l.remove(begin + count / 2);
    l.write();
  }
  stop = true;
  looks.join();
  BOOST_TEST(hidden == 0);
}

BOOST_AUTO_TEST_CASE(few_gaps_are_kept) {
  scan_gaps gaps;
  scan_gaps::scan scan(gaps);
  for (int n = 0; n < 1'000; ++n) {
    const auto at = std::to_string(10'000 + n);
    scan.found(at, at + "5", 1, n == 500 ? 1'000'000 : 1'000);
  }
  BOOST_TEST(gaps.size() == scan_gaps::kept_max);
  BOOST_TEST(scan.find("10500", 1).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
