#include "storage/store.hpp"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/perf_context.h>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <limits>
#include <map>

#include "storage/data_dir.hpp"
#include "storage/keys.hpp"
#include "storage/records.hpp"
#include "storage/rocks_options.hpp"
#include "storage/rocks_results.hpp"
#include "storage/rows.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;

namespace {

std::size_t rows_of_kind(const store& s, keys::kind k) {
  std::size_t count = 0;
  const auto all = dynamic_cast<const row_source&>(s).rows()->each(
      keys::kind_begin(k), keys::kind_end(k), [&](std::string_view, std::string_view) {
        ++count;
        return true;
      });
  BOOST_REQUIRE(all);
  return count;
}

std::vector<due_entry> all_due(const store& s) {
  due_entry from;
  from.at_ms = std::numeric_limits<time_ms>::min();
  std::vector<due_entry> all;
  for (const auto group : {timer_group::start, timer_group::deadline}) {
    const auto found = s.due(group, from, std::numeric_limits<time_ms>::max(), 1'000'000);
    BOOST_REQUIRE(found);
    for (const auto& e : *found) BOOST_TEST((group_of(e.kind) == group));
    all.insert(all.end(), found->begin(), found->end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

/// What the due index must hold for a workflow.
void add_due(const random_workflow& w, std::vector<due_entry>& out) {
  const auto& id = w.def->spec.id;
  for (model::action_index a = 0; a < w.def->size(); ++a) {
    const auto& action = w.state.actions[a];
    if (model::has_timer(action.phase, action.due_at_ms)) {
      out.push_back({action.due_at_ms, timer_of(action.phase), id, a});
    }
    if (action.close_by_ms != 0) {
      out.push_back({action.close_by_ms, timer_kind::action_deadline, id, a});
    }
  }
  if (w.state.deadline_at_ms != 0) {
    out.push_back({w.state.deadline_at_ms, timer_kind::workflow_deadline, id, model::no_action});
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(store_test)

BOOST_AUTO_TEST_CASE(what_is_committed_is_loaded) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(1);
  for (int i = 0; i < 60; ++i) {
    random_workflow w(r, random_spec(r, "w" + std::to_string(i), 1 + r.below(50)));
    const auto& id = w.def->spec.id;
    BOOST_TEST(!s->exists(id));
    std::vector<model::event> history;
    for (int k = 0; k < 20; ++k) {
      w.step(1 + r.below(8));
      if (w.changes.empty()) break;
      commit(*s, w);
      history.insert(history.end(), w.changes.events.begin(), w.changes.events.end());
      const auto loaded = s->load(id);
      BOOST_REQUIRE_MESSAGE(loaded, failure(loaded));
      BOOST_TEST(difference(loaded->state, w.state) == "");
      BOOST_TEST((loaded->definition->spec == w.def->spec));
    }
    BOOST_TEST(s->exists(id));

    const auto header = s->load_header(id);
    BOOST_REQUIRE(header);
    BOOST_TEST(header->state.actions.empty());
    BOOST_TEST(header->state.counts == w.state.counts);
    BOOST_TEST(header->head.name == w.def->spec.name);
    BOOST_TEST(header->failed_key == (w.state.failed_action == model::no_action
                                          ? ""
                                          : w.def->spec.actions[w.state.failed_action].key));

    const auto events = s->history(id, 0, 1'000'000);
    BOOST_REQUIRE(events);
    BOOST_REQUIRE_EQUAL(events->size(), history.size());
    for (std::size_t e = 0; e < history.size(); ++e) {
      BOOST_TEST((*events)[e].seq == e + 1);
      BOOST_TEST(((*events)[e].event == history[e]));
    }
    for (const auto& a : w.state.actions) {
      if (a.result_seq == 0) continue;
      const auto result = s->load_result(id, a.result_seq);
      BOOST_REQUIRE(result);
      BOOST_TEST((*result == history[a.result_seq - 1].text));
    }
  }
}

BOOST_AUTO_TEST_CASE(indexes_and_totals_follow_the_states) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(2);
  std::vector<random_workflow> all;
  all.reserve(40);
  for (int i = 0; i < 40; ++i) {
    all.emplace_back(r, random_spec(r, "w" + std::to_string(i), 1 + r.below(20)));
  }
  totals expected;
  for (int round = 0; round < 30; ++round) {
    for (auto& w : all) {
      w.step(1 + r.below(4));
      if (!w.changes.empty()) commit(*s, w);
    }
    std::vector<due_entry> due;
    std::map<model::index_class, std::size_t> classes;
    for (const auto& w : all) {
      add_due(w, due);
      ++classes[w.state.listed_as()];
    }
    std::sort(due.begin(), due.end());
    BOOST_TEST((all_due(*s) == due));
    for (std::uint8_t c = 0; c <= model::index_class_max; ++c) {
      const auto kind = static_cast<model::index_class>(c);
      const auto listed = s->listed(kind, 0, "", 1'000);
      BOOST_REQUIRE(listed);
      BOOST_TEST(listed->size() == classes[kind]);
      BOOST_TEST(std::is_sorted(listed->begin(), listed->end(), [](const auto& a, const auto& b) {
        return std::tie(a.created_at_ms, a.workflow_id) < std::tie(b.created_at_ms, b.workflow_id);
      }));
    }
    const auto now = s->current_totals();
    expected = {all.size(), classes[model::index_class::completed],
                classes[model::index_class::failed], classes[model::index_class::cancelled], 0};
    BOOST_TEST((now == expected));
    BOOST_TEST(now.open() ==
               classes[model::index_class::active] + classes[model::index_class::parked]);
  }
  BOOST_TEST(expected.open() < all.size());  // else the test is too short
}

BOOST_AUTO_TEST_CASE(totals_and_states_survive_reopening_and_the_epoch_grows) {
  temp_dir dir;
  random_source r(3);
  random_workflow w(r, random_spec(r, "w", 20));
  for (std::uint64_t epoch = 1; epoch <= 4; ++epoch) {
    const auto s = open_for_test(dir.data());
    BOOST_TEST(s->epoch() == epoch);
    w.step(5);
    if (!w.changes.empty()) commit(*s, w);
    BOOST_TEST(s->current_totals().submitted == 1u);
    BOOST_TEST(difference(s->load("w").value().state, w.state) == "");
  }
}

BOOST_AUTO_TEST_CASE(an_older_epoch_is_refused_and_writes_nothing) {
  temp_dir dir;
  random_source r(4);
  { const auto first = open_for_test(dir.data()); }
  const auto s = open_for_test(dir.data());
  random_workflow w(r, random_spec(r, "w", 3));
  w.step(1);
  write_batch batch;
  encode_commit(*w.def, w.state, w.changes, batch);
  const auto written = s->write(s->epoch() - 1, {&batch});
  BOOST_REQUIRE(!written);
  BOOST_TEST((written.error().code() == errc::wrong_state));
  BOOST_TEST(!s->exists("w"));
  BOOST_TEST((s->current_totals() == totals{}));
  BOOST_TEST(s->write(s->epoch(), {&batch}).has_value());
  BOOST_TEST(s->exists("w"));
}

BOOST_AUTO_TEST_CASE(several_batches_are_one_write_in_order) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(5);
  random_workflow w(r, random_spec(r, "w", 20));
  std::vector<write_batch> batches(8);
  std::vector<const write_batch*> all;
  for (auto& b : batches) {
    w.step(3);
    if (!w.changes.empty()) encode_commit(*w.def, w.state, w.changes, b);
    all.push_back(&b);
  }
  BOOST_REQUIRE(s->write(s->epoch(), all));
  BOOST_TEST(difference(s->load("w").value().state, w.state) == "");
  BOOST_TEST(s->current_totals().submitted == 1u);
}

BOOST_AUTO_TEST_CASE(a_commit_writes_the_touched_pages_only) {
  random_source r(6);
  auto spec = random_spec(r, "w", 64);
  spec.order = action_order::dag;
  for (auto& a : spec.actions) a.depends_on.clear();
  random_workflow w(r, std::move(spec));
  const auto pages = [&w] {
    write_batch batch;
    encode_commit(*w.def, w.state, w.changes, batch);
    std::vector<std::uint64_t> out;
    batch.each([&](write_batch::op, std::string_view key, std::string_view) {
      const auto at = keys::decode_workflow(key);
      if (at && at->tag == keys::record_tag::page) out.push_back(at->number);
    });
    return out;
  };
  w.step(1);
  BOOST_TEST(pages() == (std::vector<std::uint64_t>{1, 2, 3}), boost::test_tools::per_element());
  w.changes.begin(w.state);
  for (const model::action_index a : {40u, 3u, 41u}) {
    model::event e;
    e.kind = model::event_kind::attempt_started;
    e.action = a;
    e.attempt = 1;
    w.apply(e);
  }
  BOOST_TEST(pages() == (std::vector<std::uint64_t>{2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(long_changes_are_split_into_history_rows) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(7);
  auto spec = random_spec(r, "w", 200);
  spec.order = action_order::dag;
  for (auto& a : spec.actions) a.depends_on.clear();
  random_workflow w(r, std::move(spec));
  w.text_bytes = 3'000;
  w.may_end = false;
  std::vector<model::event> history;
  for (int k = 0; k < 4; ++k) {
    w.step(150);
    commit(*s, w);
    history.insert(history.end(), w.changes.events.begin(), w.changes.events.end());
  }
  BOOST_TEST(rows_of_kind(*s, keys::kind::workflow) > 6u + 2 + 12);  // more than a row a commit

  // Any window of the history reads the same.
  for (int i = 0; i < 200; ++i) {
    const auto after = r.below(history.size() + 3);
    const auto limit = r.below(300);
    const auto events = s->history("w", after, limit);
    BOOST_REQUIRE(events);
    const auto rest = after < history.size() ? history.size() - after : 0;
    BOOST_REQUIRE_EQUAL(events->size(), std::min<std::size_t>(limit, rest));
    for (std::size_t e = 0; e < events->size(); ++e) {
      BOOST_REQUIRE_EQUAL((*events)[e].seq, after + e + 1);
      BOOST_REQUIRE(((*events)[e].event == history[after + e]));
    }
  }
  for (const auto& a : w.state.actions) {
    if (a.result_seq == 0) continue;
    BOOST_TEST((*s->load_result("w", a.result_seq) == history[a.result_seq - 1].text));
  }
  BOOST_TEST(!s->load_result("w", 1).has_value());  // not a result
  BOOST_TEST(!s->load_result("w", 1'000'000).has_value());
}

BOOST_AUTO_TEST_CASE(results_in_order_are_one_pass_over_the_rows) {
  temp_dir dir;
  std::vector<std::uint64_t> seqs;
  std::vector<std::string> texts;
  std::uint64_t commits = 1;
  {
    const auto s = open_for_test(dir.data());
    random_source r(78);
    auto spec = random_spec(r, "w", 1'000);
    spec.order = action_order::dag;
    for (auto& a : spec.actions) a.depends_on.clear();
    random_workflow w(r, std::move(spec));
    w.step(1);  // created
    commit(*s, w);
    std::vector<model::event> history = w.changes.events;
    const auto add = [&](model::event_kind kind, model::action_index a) {
      model::event e;
      e.kind = kind;
      e.action = a;
      e.attempt = 1;
      if (kind == model::event_kind::action_completed) e.text = r.bytes(r.below(300));
      w.apply(e);
    };
    model::action_index a = 0;
    const auto go_on = [&] {
      w.changes.begin(w.state);
      for (auto n = 1 + r.below(6); n > 0; --n, ++a) {
        add(model::event_kind::attempt_started, a);
        add(model::event_kind::action_completed, a);
      }
      // Now and then a gap before the next result.
      for (auto n = r.chance(10) ? 20 : r.below(3); n > 0; --n, ++a) {
        add(model::event_kind::attempt_started, a);
      }
      commit(*s, w);
      ++commits;
      history.insert(history.end(), w.changes.events.begin(), w.changes.events.end());
    };
    for (int k = 0; k < 100; ++k) go_on();
    const auto late = s->results_of("w");
    for (std::size_t e = 0; e < history.size(); ++e) {
      const auto text = late->next(e + 1);
      const bool is_result = history[e].kind == model::event_kind::action_completed;
      BOOST_REQUIRE_EQUAL(text.has_value(), is_result);
      if (!is_result) {
        BOOST_REQUIRE((text.error().code() == errc::corrupt));
        continue;
      }
      BOOST_REQUIRE(*text == history[e].text);
      seqs.push_back(e + 1);
      texts.push_back(*text);
    }
    BOOST_REQUIRE(seqs.size() > 50u);
    // In any order, one again, and what was written since: as load_result.
    const std::size_t before = history.size();
    for (int k = 0; k < 20; ++k) go_on();
    for (int k = 0; k < 1'000; ++k) {
      const auto seq = 1 + r.below(history.size() + 2);
      const auto text = late->next(seq);
      const auto same = s->load_result("w", seq);
      BOOST_REQUIRE_EQUAL(text.has_value(), same.has_value());
      if (text) BOOST_REQUIRE(*text == *same);
      if (!text) BOOST_REQUIRE(text.error().code() == same.error().code());
    }
    BOOST_REQUIRE(history.size() > before);
    BOOST_TEST((s->results_of("x")->next(1).error().code() == errc::not_found));
  }
  rocksdb::DB* opened = nullptr;
  BOOST_REQUIRE(rocksdb::DB::OpenForReadOnly({}, database_dir(dir.data()).string(), &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocks_results results(*db, "w");
  std::uint64_t far = 1;  // gaps that are not worth going through
  for (std::size_t i = 0; i < seqs.size(); ++i) {
    BOOST_REQUIRE(*results.next(seqs[i]) == texts[i]);
    if (i > 0 && seqs[i] - seqs[i - 1] > 8) ++far;
  }
  BOOST_TEST(results.spent().searches <= far);
  BOOST_TEST(far < seqs.size() / 2);
  BOOST_TEST(results.spent().rows <= commits);  // one row each
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_not_found) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  BOOST_TEST((s->load("w").error().code() == errc::not_found));
  BOOST_TEST((s->load_header("w").error().code() == errc::not_found));
  BOOST_TEST((s->load_spec("w").error().code() == errc::not_found));
  BOOST_TEST((s->history("w", 0, 1).error().code() == errc::not_found));
  // A query that has read the state before retention removed the workflow asks this.
  BOOST_TEST((s->load_result("w", 1).error().code() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(due_reads_from_a_bound_to_a_time) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  write_batch batch;
  std::string key;
  std::vector<due_entry> all;
  for (time_ms at = 10; at < 20; ++at) {
    for (const model::action_index a : {0u, 1u, 300u}) {
      all.push_back({at, timer_kind::retry, "w", a});
      keys::due(key, all.back());
      batch.put(key, {});
    }
  }
  BOOST_REQUIRE(s->write(s->epoch(), {&batch}));
  BOOST_TEST(s->due(timer_group::start, {}, 10, 100).value().empty());
  BOOST_TEST(s->due(timer_group::start, {}, 11, 100).value().size() == 3u);
  BOOST_TEST(s->due(timer_group::start, {}, 20, 100).value().size() == 30u);
  BOOST_TEST(s->due(timer_group::start, {}, 20, 7).value().size() == 7u);
  BOOST_TEST(s->due(timer_group::start, all[4], 20, 100).value().size() == 26u);
  BOOST_TEST((s->due(timer_group::start, all[4], 20, 1).value().front() == all[4]));
  BOOST_TEST(s->due(timer_group::start, {15, {}, "", 0}, 17, 100).value().size() == 6u);
  BOOST_TEST(s->due(timer_group::start, {17, {}, "", 0}, 15, 100).value().empty());
}

/// Deleted entries before the first one: crossed once, not at every look, nor after a start.
BOOST_AUTO_TEST_CASE(deleted_due_entries_cost_nothing_once_they_were_passed) {
  temp_dir dir;
  auto s = open_for_test(dir.data());
  std::string key;
  constexpr time_ms dead = 20'000;
  constexpr int groups = 1'200;  // the bound is persisted every 1,000 writes
  const auto write = [&](time_ms from, time_ms to, bool remove) {
    write_batch batch;
    for (time_ms at = from; at < to; ++at) {
      keys::due(key, {at, timer_kind::retry, "w", 0});
      remove ? batch.remove(key) : batch.put(key, {});
    }
    BOOST_REQUIRE(s->write(s->epoch(), {&batch}));
  };
  const auto skipped_by_a_look = [&] {
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableCount);
    rocksdb::get_perf_context()->Reset();
    const auto first = s->due(timer_group::start, {}, 2 * dead, 1);
    BOOST_REQUIRE(first);
    BOOST_TEST_REQUIRE(first->size() == 1U);
    BOOST_TEST(first->front().at_ms == dead);
    const auto skipped = rocksdb::get_perf_context()->internal_delete_skipped_count;
    rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
    return skipped;
  };
  write(1, dead, false);
  write(1, dead, true);
  write(dead, dead + 10, false);
  BOOST_TEST(skipped_by_a_look() > 10'000U);
  BOOST_TEST(skipped_by_a_look() < 10U);
  for (int i = 0; i < groups; ++i) write(2 * dead + i, 2 * dead + i + 1, false);
  BOOST_TEST(skipped_by_a_look() < 10U);
  s.reset();
  s = open_for_test(dir.data());
  BOOST_TEST(skipped_by_a_look() < 10U);
}

BOOST_AUTO_TEST_CASE(the_due_bound_never_hides_an_entry) {
  for (const auto kind : {timer_kind::retry, timer_kind::action_deadline}) {
    temp_dir dir;
    random_source r(8);
    auto s = open_for_test(dir.data());
    std::map<std::string, due_entry> live;
    for (int i = 0; i < 6'000; ++i) {
      write_batch batch;
      std::string key;
      for (auto n = 1 + r.below(3); n > 0; --n) {
        if (live.empty() || r.chance(50)) {
          // Mostly later than all others, sometimes much earlier.
          const auto at = r.chance(90) ? i : static_cast<time_ms>(r.below(i + 1));
          const due_entry e{at, kind, "w" + std::to_string(i), 1};
          keys::due(key, e);
          live.emplace(key, e);
          batch.put(key, {});
        } else {
          key = live.begin()->first;
          live.erase(live.begin());
          batch.remove(key);
        }
      }
      BOOST_REQUIRE(s->write(s->epoch(), {&batch}));
      if (r.chance(20)) {
        const auto first = s->due(group_of(kind), {}, i + 10, 1);
        BOOST_REQUIRE(first);
        BOOST_REQUIRE_EQUAL(first->empty(), live.empty());
        if (!live.empty()) BOOST_REQUIRE((first->front() == live.begin()->second));
      }
      if (i % 1'500 == 1'499) {
        s.reset();
        s = open_for_test(dir.data());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(merged_listing_is_ordered_by_creation) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(9);
  write_batch batch;
  std::vector<std::pair<time_ms, std::string>> expected;
  for (int i = 0; i < 200; ++i) {
    const auto c = static_cast<model::index_class>(r.below(3));
    const auto created = static_cast<time_ms>(r.below(20));
    const auto id = "w" + std::to_string(i);
    std::string key;
    keys::listing(key, c, created, id);
    batch.put(key, "name");
    if (c != model::index_class::parked) expected.emplace_back(created, id);
  }
  BOOST_REQUIRE(s->write(s->epoch(), {&batch}));
  std::sort(expected.begin(), expected.end());
  const auto found = s->list(
      {list_source::kind::classes, {model::index_class::active, model::index_class::completed}, {}},
      {std::numeric_limits<time_ms>::min(), {}, false}, 1'000);
  BOOST_REQUIRE(found);
  std::vector<std::pair<time_ms, std::string>> got;
  for (const auto& e : *found) got.emplace_back(e.created_at_ms, e.workflow_id);
  BOOST_TEST((got == expected));
}

// Ranges are read with one iterator, which goes on where the last one ended.
BOOST_AUTO_TEST_CASE(ranges_of_rows_are_whole_in_any_order) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source specs(5);
  for (int i = 0; i < 12; ++i) {
    random_workflow w(specs, random_spec(specs, "w" + std::to_string(10 + 2 * i), 20));
    w.step(1 + specs.below(10));
    commit(*s, w);
  }
  const auto& source = dynamic_cast<const row_source&>(*s);
  const auto range_of = [](std::uint64_t n) {
    std::pair<std::string, std::string> out;
    keys::workflow_from(out.first, "w" + std::to_string(10 + n), keys::record_tag::state);
    keys::workflow_end(out.second, "w" + std::to_string(10 + n));
    return out;
  };
  const auto read = [](const row_snapshot& rows, const std::pair<std::string, std::string>& range,
                       std::size_t most) {
    std::vector<std::string> out;
    BOOST_REQUIRE(rows.each(range.first, range.second, [&](std::string_view key, std::string_view) {
      out.emplace_back(key);
      return out.size() < most;
    }));
    return out;
  };
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      random_source r(seed);
      // w18 is the last before this end; odd numbers are not there.
      const auto bounded = source.rows(r.chance(50) ? range_of(8).second : "");
      std::uint64_t at = r.below(9);
      for (int step = 0; step < 30; ++step) {
        const std::size_t most = r.chance(20) ? 1 : 1'000;
        const auto seen = read(*bounded, range_of(at), most);
        BOOST_TEST(seen == read(*source.rows(), range_of(at), most),
                   boost::test_tools::per_element());
        BOOST_TEST(seen.empty() == (at % 2 == 1));
        at = r.chance(70) ? std::min<std::uint64_t>(at + 1 + r.below(2), 8) : r.below(9);
      }
    }
  }
}

/// What a compaction must rewrite stays small: storage/rocks_options.cpp says why.
BOOST_AUTO_TEST_CASE(a_compacted_table_holds_one_kind_of_keys_and_indexes_are_cut_small) {
  temp_dir dir;
  open_for_test(dir.data()).reset();
  store_options opts;
  opts.write_buffer_bytes = 64u << 20;
  rocksdb::DB* opened = nullptr;
  BOOST_REQUIRE(
      rocksdb::DB::Open(writer_options(opts), (dir.data() / "db").string(), &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  random_source r(7);
  rocksdb::WriteBatch batch;
  std::string key;
  for (int n = 0; n < 40'000; ++n) {
    std::string id;
    for (int c = 0; c < 100; ++c) id += static_cast<char>('a' + r.below(26));
    keys::state(key, id);
    BOOST_REQUIRE(batch.Put(key, "").ok());
    keys::due(key, n, timer_kind::retry, id, 0);
    BOOST_REQUIRE(batch.Put(key, "").ok());
    keys::listing(key, n % 2 == 0 ? model::index_class::active : model::index_class::failed, n, id);
    BOOST_REQUIRE(batch.Put(key, "").ok());
  }
  BOOST_REQUIRE(db->Write({}, &batch).ok());
  BOOST_REQUIRE(db->CompactRange({}, nullptr, nullptr).ok());

  std::vector<rocksdb::LiveFileMetaData> tables;
  db->GetLiveFilesMetaData(&tables);
  std::map<keys::kind, int> of_kind;
  for (const auto& table : tables) {
    const auto kind = keys::decode_kind(table.smallestkey);
    BOOST_REQUIRE(kind.has_value());
    BOOST_TEST((kind == keys::decode_kind(table.largestkey)));
    ++of_kind[*kind];
    if (*kind == keys::kind::listing) {
      const auto first = keys::decode_listing(table.smallestkey);
      const auto last = keys::decode_listing(table.largestkey);
      BOOST_TEST((first->listed_as == last->listed_as));
    }
    // What is still in its buffer when the limit is seen comes on top.
    if (*kind != keys::kind::workflow) BOOST_TEST(table.size < 1'500'000U);
  }
  BOOST_TEST(of_kind[keys::kind::workflow] == 1);
  BOOST_TEST(of_kind[keys::kind::listing] > 2);
  BOOST_TEST(of_kind[keys::kind::due] > 2);
}

BOOST_AUTO_TEST_CASE(a_simulated_file_system_can_hold_the_store) {
  const std::unique_ptr<rocksdb::Env> env(rocksdb::NewMemEnv(rocksdb::Env::Default()));
  const std::filesystem::path dir = "/simulated/data";
  store_options opts;
  opts.env = env.get();
  random_source r(10);
  random_workflow w(r, random_spec(r, "w", 5));
  w.step(1);
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
    const auto s = open_store(dir, opts);
    BOOST_REQUIRE_MESSAGE(s, failure(s));
    BOOST_TEST((*s)->epoch() == epoch);
    if (epoch == 1) commit(**s, w);
    BOOST_TEST(difference((*s)->load("w").value().state, w.state) == "");
    const auto reading = open_reading_store(dir, env.get());
    BOOST_REQUIRE_MESSAGE(reading, failure(reading));
    BOOST_TEST((*reading)->exists("w"));
  }
  BOOST_TEST(!std::filesystem::exists("/simulated"));
}

BOOST_AUTO_TEST_SUITE_END()
