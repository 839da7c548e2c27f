#include "storage/keys.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <limits>
#include <tuple>

#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using storage::testing::random_source;

namespace {

time_ms random_time(random_source& r) {
  switch (r.below(4)) {
    case 0:
      return static_cast<time_ms>(r.bits());
    case 1:
      return static_cast<time_ms>(r.below(3)) - 1;
    default:
      return 1'700'000'000'000 + static_cast<time_ms>(r.below(3));
  }
}

due_entry random_due(random_source& r) {
  due_entry e;
  e.at_ms = random_time(r);
  e.kind = static_cast<timer_kind>(1 + r.below(5));
  e.workflow_id = r.id();
  e.action = e.kind == timer_kind::workflow_deadline ? model::no_action
                                                     : static_cast<std::uint32_t>(r.below(300));
  return e;
}

keys::workflow_key random_row(random_source& r, const std::string& id) {
  keys::workflow_key k{id, static_cast<keys::record_tag>(1 + r.below(4)), 0};
  if (k.tag == keys::record_tag::page) k.number = 1 + r.below(1'000);
  if (k.tag == keys::record_tag::history) k.number = 1 + r.below(r.chance(50) ? 1'000 : ~0ull - 1);
  return k;
}

std::string encoded(const keys::workflow_key& k) {
  std::string out;
  switch (k.tag) {
    case keys::record_tag::state:
      keys::state(out, k.id);
      break;
    case keys::record_tag::page:
      keys::page(out, k.id, static_cast<std::uint32_t>(k.number));
      break;
    case keys::record_tag::definition:
      keys::definition(out, k.id);
      break;
    case keys::record_tag::history:
      keys::history(out, k.id, k.number);
      break;
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(keys_test)

BOOST_AUTO_TEST_CASE(due_keys_round_trip_and_sort_as_their_tuples) {
  random_source r(1);
  std::vector<std::pair<due_entry, std::string>> all;
  for (int i = 0; i < 2'000; ++i) {
    auto e = random_due(r);
    std::string key;
    keys::due(key, e);
    const auto back = keys::decode_due(key);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == e));
    all.emplace_back(std::move(e), std::move(key));
  }
  auto by_key = all;
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::pair(group_of(a.first.kind), a.first) < std::pair(group_of(b.first.kind), b.first);
  });
  std::sort(by_key.begin(), by_key.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  BOOST_TEST((all == by_key));
}

BOOST_AUTO_TEST_CASE(workflow_keys_round_trip_and_sort_as_their_tuples) {
  random_source r(2);
  std::vector<std::string> ids(50);
  for (auto& id : ids) id = r.id();
  ids.push_back(ids[0] + ".");  // one id may be the beginning of another
  ids.push_back(ids[0] + "-a");
  using tuple = std::tuple<std::string, keys::record_tag, std::uint64_t>;
  std::vector<std::pair<tuple, std::string>> all;
  for (int i = 0; i < 2'000; ++i) {
    const auto& id = ids[r.below(ids.size())];
    const auto k = random_row(r, id);
    auto key = encoded(k);
    const auto back = keys::decode_workflow(key);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((*back == k));
    all.emplace_back(tuple{id, k.tag, k.number}, std::move(key));
  }
  auto by_key = all;
  std::sort(all.begin(), all.end());
  std::sort(by_key.begin(), by_key.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  BOOST_TEST((all == by_key));
}

BOOST_AUTO_TEST_CASE(listing_keys_round_trip_and_sort_as_their_tuples) {
  random_source r(3);
  using tuple = std::tuple<model::index_class, time_ms, std::string>;
  std::vector<std::pair<tuple, std::string>> all;
  for (int i = 0; i < 1'000; ++i) {
    const tuple t{static_cast<model::index_class>(r.below(5)), random_time(r), r.id()};
    std::string key;
    keys::listing(key, std::get<0>(t), std::get<1>(t), std::get<2>(t));
    const auto back = keys::decode_listing(key);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((tuple{back->listed_as, back->created_at_ms, back->workflow_id} == t));
    all.emplace_back(t, std::move(key));
  }
  auto by_key = all;
  std::sort(all.begin(), all.end());
  std::sort(by_key.begin(), by_key.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  BOOST_TEST((all == by_key));
}

BOOST_AUTO_TEST_CASE(keys_of_ends_round_trip_and_sort_by_the_end) {
  random_source r(5);
  std::vector<std::pair<ended_entry, std::string>> all;
  for (int i = 0; i < 1'000; ++i) {
    const ended_entry e{static_cast<model::index_class>(2 + r.below(3)), random_time(r),
                        random_time(r), r.id()};
    std::string key;
    keys::ended(key, e);
    BOOST_REQUIRE(keys::decode_ended(key) == e);
    all.emplace_back(e, std::move(key));
  }
  auto by_key = all;
  std::sort(all.begin(), all.end());
  std::sort(by_key.begin(), by_key.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  BOOST_TEST((all == by_key));
}

BOOST_AUTO_TEST_CASE(a_workflows_rows_lie_between_its_bounds_and_nobody_elses) {
  std::string first;
  std::string last;
  std::string end;
  std::string other;
  keys::workflow_from(first, "a", keys::record_tag::state);
  keys::history(last, "a", std::numeric_limits<std::uint64_t>::max());
  keys::workflow_end(end, "a");
  BOOST_TEST((first < last));
  BOOST_TEST((last < end));
  for (const char* id : {"a-", "a.b", "aa", "b"}) {
    keys::state(other, id);
    BOOST_TEST((end < other));
  }
}

BOOST_AUTO_TEST_CASE(decoders_accept_only_what_encoders_make) {
  random_source r(4);
  std::vector<std::string> good;
  for (int i = 0; i < 50; ++i) {
    std::string key;
    keys::due(key, random_due(r));
    good.push_back(key);
    keys::listing(key, static_cast<model::index_class>(r.below(5)), random_time(r), r.id());
    good.push_back(key);
    keys::ended(key, {static_cast<model::index_class>(2 + r.below(3)), random_time(r),
                      random_time(r), r.id()});
    good.push_back(key);
    keys::undecided(key, random_time(r), r.id());
    good.push_back(key);
    keys::reference(key, r.bits(), random_time(r), r.id());
    good.push_back(key);
    const auto id = r.id();
    good.push_back(encoded(random_row(r, id)));
  }
  for (int i = 0; i < 100'000; ++i) {
    std::string key = good[r.below(good.size())];
    for (auto n = 1 + r.below(3); n > 0; --n) {
      const auto at = r.below(key.size() + 1);
      if (r.chance(30)) {
        key.resize(at);
      } else if (r.chance(20)) {
        key.insert(key.begin() + static_cast<std::ptrdiff_t>(at), static_cast<char>(r.bits()));
      } else if (at < key.size()) {
        key[at] = static_cast<char>(r.bits());
      }
    }
    std::string again;
    if (const auto due = keys::decode_due(key)) {
      keys::due(again, *due);
      BOOST_REQUIRE_EQUAL(keys::printable(again), keys::printable(key));
    }
    if (const auto row = keys::decode_workflow(key)) {
      BOOST_REQUIRE_EQUAL(keys::printable(encoded(*row)), keys::printable(key));
    }
    if (const auto entry = keys::decode_index(key)) {
      if (keys::decode_kind(key) == keys::kind::undecided) {
        keys::undecided(again, entry->created_at_ms, entry->workflow_id);
      } else {
        keys::reference(again, entry->hash, entry->created_at_ms, entry->workflow_id);
      }
      BOOST_REQUIRE_EQUAL(keys::printable(again), keys::printable(key));
    }
    if (const auto entry = keys::decode_ended(key)) {
      keys::ended(again, *entry);
      BOOST_REQUIRE_EQUAL(keys::printable(again), keys::printable(key));
    }
    if (const auto entry = keys::decode_listing(key)) {
      keys::listing(again, entry->listed_as, entry->created_at_ms, entry->workflow_id);
      BOOST_REQUIRE_EQUAL(keys::printable(again), keys::printable(key));
    }
  }
}

BOOST_AUTO_TEST_CASE(printable_shows_other_bytes_in_hex) {
  BOOST_TEST(keys::printable(std::string_view("\0\0Wa\\", 5)) == "\\x00\\x00Wa\\x5c");
}

BOOST_AUTO_TEST_SUITE_END()
