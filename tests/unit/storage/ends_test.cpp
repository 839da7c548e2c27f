// The index of what has ended: there and whole where it is kept, nowhere else, whoever had the
// directory before.
#include <rocksdb/db.h>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <list>
#include <set>

#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/records.hpp"
#include "storage/removal.hpp"
#include "storage/rows.hpp"
#include "storage/verify.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;

namespace {

constexpr std::array every_way{ends_index::dropped, ends_index::as_found, ends_index::kept};
constexpr std::array ended_classes{model::index_class::completed, model::index_class::failed,
                                   model::index_class::cancelled};

/// A store whose workflows end, go on and leave, and what its index of ends must hold.
class ends_store {
 public:
  explicit ends_store(std::uint64_t seed) : r_(seed) {}

  void open(ends_index how) {
    store_.reset();
    store_ = open_for_test(dir_.data(), how);
    kept_ = how == ends_index::kept || (how == ends_index::as_found && kept_);
  }
  void close() { store_.reset(); }

  void work(int workflows = 6) {
    for (int n = 0; n < workflows; ++n) {
      const auto id = "w" + std::to_string(made_++);
      open_.emplace_back(r_, random_spec(r_, id, 1 + r_.below(20)));
    }
    for (int n = 0; n < 60; ++n) step(any_open());
    if (!expected_.empty() && r_.chance(70)) remove_one();
  }

  /// The index as it is read, and the rows as they are stored.
  void check() {
    for (const auto c : ended_classes) {
      const auto found = store_->ended(c, 1'000'000);
      BOOST_TEST(found.has_value() == kept_);
      if (!found) continue;
      std::vector<ended_entry> wanted;
      std::copy_if(expected_.begin(), expected_.end(), std::back_inserter(wanted),
                   [c](const auto& e) { return e.listed_as == c; });
      BOOST_TEST((*found == wanted));
    }
    std::size_t rows = 0;
    const auto all = dynamic_cast<const row_source&>(*store_).rows()->each(
        keys::kind_begin(keys::kind::ended), keys::kind_end(keys::kind::ended),
        [&](std::string_view, std::string_view) { return ++rows > 0; });
    BOOST_TEST(all.has_value());
    BOOST_TEST(rows == (kept_ ? expected_.size() : 0));
    const auto report = verify_store(*store_);
    BOOST_REQUIRE(report);
    for (const auto& f : report->findings) {
      // Random events break the rules of the others.
      BOOST_TEST(f.invariant != "I14", f.where << ": " << f.what);
      BOOST_TEST(f.invariant != "records", f.where << ": " << f.what);
    }
  }

  /// As a process leaves it that died while it made or removed the index.
  void leave_half(unsigned percent_of_rows) {
    close();
    rocksdb::DB* db = nullptr;
    const auto path = (dir_.data() / "db").string();
    BOOST_REQUIRE(rocksdb::DB::Open(rocksdb::Options(), path, &db).ok());
    std::string key;
    std::string value;
    records::encode_number(static_cast<std::uint64_t>(ends_state::partial), value);
    BOOST_REQUIRE(db->Put({}, keys::meta(meta_names::ends), value).ok());
    auto entries = expected_;
    entries.insert({model::index_class::failed, 7, 7, "left-since"});
    for (const auto& e : entries) {
      keys::ended(key, e);
      BOOST_REQUIRE((r_.chance(percent_of_rows) ? db->Put({}, key, "") : db->Delete({}, key)).ok());
    }
    BOOST_REQUIRE(db->Close().ok());
    delete db;
    kept_ = false;
  }

  [[nodiscard]] std::size_t ends() const { return expected_.size(); }

 private:
  random_workflow& any_open() { return *std::next(open_.begin(), r_.below(open_.size())); }
  static ended_entry entry_of(const random_workflow& w) {
    return {w.state.listed_as(), w.state.closed_at_ms, w.state.created_at_ms, w.def->spec.id};
  }
  void step(random_workflow& w) {
    if (w.state.terminal()) expected_.erase(entry_of(w));
    w.step(1 + r_.below(6));
    if (!w.changes.empty()) commit(*store_, w);
    if (w.state.terminal()) expected_.insert(entry_of(w));
  }
  void remove_one() {
    auto at = expected_.begin();
    std::advance(at, r_.below(expected_.size()));
    const auto entry = *at;
    write_batch batch;
    const auto rows = dynamic_cast<const row_source&>(*store_).rows(removal_end({entry}));
    BOOST_REQUIRE(encode_removal(*rows, entry, batch));
    BOOST_REQUIRE(store_->write(store_->epoch(), {&batch}));
    expected_.erase(at);
    std::erase_if(open_, [&](const auto& w) { return w.def->spec.id == entry.workflow_id; });
  }

  temp_dir dir_;
  random_source r_;
  std::unique_ptr<store> store_;
  bool kept_ = false;
  int made_ = 0;
  std::list<random_workflow> open_;
  std::set<ended_entry> expected_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(index_of_ends)

BOOST_AUTO_TEST_CASE(it_is_whole_where_it_is_kept_whoever_wrote_before) {
  std::uint64_t seed = 0;
  std::size_t ends = 0;
  for (const auto first : every_way) {
    for (const auto second : every_way) {
      for (const auto third : every_way) {
        for (const auto fourth : every_way) {
          BOOST_TEST_CONTEXT("seed " << ++seed << ": " << static_cast<int>(first)
                                     << static_cast<int>(second) << static_cast<int>(third)
                                     << static_cast<int>(fourth)) {
            ends_store s(seed);
            for (const auto how : {first, second, third, fourth}) {
              s.open(how);
              s.check();
              s.work();
              s.check();
            }
            ends += s.ends();
          }
        }
      }
    }
  }
  BOOST_TEST(ends > 2 * seed);
}

BOOST_AUTO_TEST_CASE(what_a_crash_leaves_of_it_is_made_anew_or_removed) {
  std::uint64_t seed = 100;
  for (const auto how : every_way) {
    for (const unsigned percent : {0U, 50U, 100U}) {
      BOOST_TEST_CONTEXT(static_cast<int>(how) << ", " << percent << " % of the rows") {
        ends_store s(++seed);
        s.open(percent == 100 ? ends_index::kept : ends_index::dropped);
        while (s.ends() == 0) s.work(20);
        s.leave_half(percent);
        s.open(how);
        s.check();
        s.work();
        s.check();
        s.open(ends_index::kept);
        s.check();
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
