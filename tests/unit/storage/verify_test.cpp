#include "storage/verify.hpp"

#include <rocksdb/db.h>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/records.hpp"
#include "storage/rows.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
using model::event_kind;

namespace {

class lawful_store {
 public:
  explicit lawful_store(std::uint64_t seed, int count = 12) : r_(seed) {
    const auto s = open_for_test(dir_.data());
    write_lawful(*s, r_, count);
  }

  /// Changes rows as no engine would.
  template <class F>
  void tamper(F&& change) {
    rocksdb::DB* db = nullptr;
    const auto path = (dir_.data() / "db").string();
    BOOST_REQUIRE(rocksdb::DB::Open(rocksdb::Options(), path, &db).ok());
    change(*db);
    BOOST_REQUIRE(db->Close().ok());
    delete db;
  }
  verify_report check() {
    auto report = verify(dir_.data());
    BOOST_REQUIRE_MESSAGE(report, failure(report));
    return *report;
  }
  /// Whether something is found under this invariant at a place that holds `where`.
  bool finds(std::string_view invariant, std::string_view where = "") {
    bool found = false;
    for (const auto& f : check().findings) {
      BOOST_TEST_MESSAGE(f.invariant + " " + f.where + ": " + f.what);
      found = found || (f.invariant == invariant && f.where.find(where) != std::string::npos);
    }
    return found;
  }
  [[nodiscard]] std::filesystem::path data() const { return dir_.data(); }

 private:
  temp_dir dir_;
  random_source r_;
};

std::string history_key(std::string_view id, std::uint64_t seq) {
  std::string key;
  keys::history(key, id, seq);
  return key;
}

/// Rewrites the events of one history row.
void edit_row(rocksdb::DB& db, std::string_view id, std::uint64_t first_seq,
              const std::function<void(std::vector<model::event>&)>& edit) {
  const auto key = history_key(id, first_seq);
  std::string value;
  BOOST_REQUIRE(db.Get({}, key, &value).ok());
  std::vector<read_store::stored_event> stored;
  BOOST_REQUIRE(records::decode_history(key, first_seq, value, stored));
  std::vector<model::event> events;
  for (auto& e : stored) events.push_back(std::move(e.event));
  edit(events);
  records::encode_history(events, value);
  BOOST_REQUIRE(db.Put({}, key, value).ok());
}

/// Rewrites the state record of a workflow with one page of stored actions and its definition.
void edit_state(rocksdb::DB& db, std::string_view id,
                const std::function<void(model::workflow_state&)>& edit) {
  std::string key;
  std::string value;
  keys::definition(key, id);
  BOOST_REQUIRE(db.Get({}, key, &value).ok());
  auto spec = records::decode_definition(key, id, value);
  BOOST_REQUIRE(spec);
  const auto def = model::compile(*spec);
  keys::state(key, id);
  BOOST_REQUIRE(db.Get({}, key, &value).ok());
  auto record = records::decode_state(key, value);
  BOOST_REQUIRE(record);
  auto& state = record->state;
  for (std::uint32_t p = 1; p < records::page_count(record->action_count); ++p) {
    std::string page_key;
    std::string page;
    keys::page(page_key, id, p);
    BOOST_REQUIRE(db.Get({}, page_key, &page).ok());
    BOOST_REQUIRE(records::decode_page(page_key, page, p, *record, state.actions));
  }
  edit(state);
  records::encode_state(*def, state, value);
  BOOST_REQUIRE(db.Put({}, key, value).ok());
}

bool is_ended(const std::string& key) { return keys::decode_kind(key) == keys::kind::ended; }

/// The keys of the indexes N, Q and R.
std::set<std::string> index_rows(lawful_store& s) {
  std::set<std::string> out;
  s.tamper([&](rocksdb::DB& db) {
    const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator({}));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const auto key = it->key().ToString();
      const auto kind = keys::decode_kind(key);
      if (is_ended(key) || kind == keys::kind::undecided || kind == keys::kind::reference) {
        out.insert(key);
      }
    }
  });
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(verify_test)

BOOST_AUTO_TEST_CASE(lawful_stores_have_no_findings) {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      lawful_store s(seed);
      const auto report = s.check();
      for (const auto& f : report.findings) {
        BOOST_ERROR(f.invariant + " " + f.where + ": " + f.what);
      }
      BOOST_TEST(report.findings_total == 0u);
      BOOST_TEST(report.workflows > 5u);
      BOOST_TEST(report.events >= 10u);
      BOOST_TEST(report.due_entries >= 1u);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_store_in_use_can_be_verified) {
  lawful_store s(1);
  const auto opened = open_for_test(s.data());
  const auto from_within = verify_store(*opened);
  BOOST_REQUIRE(from_within);
  BOOST_TEST(from_within->findings_total == 0u);
  const auto from_outside = verify(s.data());
  BOOST_REQUIRE(from_outside);
  BOOST_TEST(from_outside->findings_total == 0u);
  BOOST_TEST(from_outside->workflows == from_within->workflows);
}

BOOST_AUTO_TEST_CASE(i5_attempt_numbers) {
  lawful_store gap(1);
  gap.tamper(
      [](rocksdb::DB& db) { edit_row(db, "r", 5, [](auto& events) { events[0].attempt = 3; }); });
  BOOST_TEST(gap.finds("I5", "r"));
  lawful_store beyond(1);
  beyond.tamper(
      [](rocksdb::DB& db) { edit_row(db, "r", 2, [](auto& events) { events[2].count = 1; }); });
  BOOST_TEST(beyond.finds("I5", "r"));
}

BOOST_AUTO_TEST_CASE(i5_attempts_beyond_max_attempts) {
  // given a retry that nobody scheduled
  lawful_store unscheduled(1);
  unscheduled.tamper([](rocksdb::DB& db) {
    edit_row(db, "r", 8, [](auto& events) {
      events[2] = events[0];
      events[2].at_ms = events[1].at_ms;
      events[2].attempt = 2;
    });
  });
  BOOST_TEST(unscheduled.finds("I5", "r"));
}

BOOST_AUTO_TEST_CASE(i6_results) {
  lawful_store moved(1);
  moved.tamper([](rocksdb::DB& db) {
    edit_state(db, "r", [](auto& state) { state.actions[0].result_seq = 5; });
  });
  BOOST_TEST(moved.finds("I6", "r"));
  lawful_store unasked(1);
  unasked.tamper(
      [](rocksdb::DB& db) { edit_row(db, "r", 6, [](auto& events) { events[0].action = 2; }); });
  BOOST_TEST(unasked.finds("I6", "r"));
}

BOOST_AUTO_TEST_CASE(i8_retry_times) {
  const auto broken = [](std::uint64_t row, std::size_t index, auto change) {
    lawful_store s(1);
    s.tamper([&](rocksdb::DB& db) {
      edit_row(db, "r", row, [&](auto& events) { change(events[index]); });
    });
    return s.finds("I8", "r");
  };
  BOOST_TEST(broken(2, 2, [](auto& e) { e.most_ms = 999; }));
  BOOST_TEST(broken(2, 2, [](auto& e) { e.least_ms = 1'001; }));
  BOOST_TEST(broken(2, 2, [](auto& e) { e.due_at_ms += 1; }));
  BOOST_TEST(broken(5, 0, [](auto& e) { e.at_ms -= 1; }));
}

BOOST_AUTO_TEST_CASE(i9_dependencies) {
  lawful_store s(1);
  s.tamper(
      [](rocksdb::DB& db) { edit_row(db, "r", 2, [](auto& events) { events[0].action = 1; }); });
  BOOST_TEST(s.finds("I9", "r"));
}

BOOST_AUTO_TEST_CASE(i10_nothing_after_the_end) {
  lawful_store s(1);
  s.tamper([](rocksdb::DB& db) {
    edit_row(db, "r", 6, [](auto& events) {
      events[0] = model::event{};
      events[0].kind = event_kind::workflow_cancelled;
      events[0].at_ms = events[1].at_ms;
    });
  });
  BOOST_TEST(s.finds("I10", "r"));
}

BOOST_AUTO_TEST_CASE(i12_the_sequence) {
  lawful_store gap(1);
  gap.tamper([](rocksdb::DB& db) { BOOST_REQUIRE(db.Delete({}, history_key("r", 5)).ok()); });
  BOOST_TEST(gap.finds("I12", "r"));
  lawful_store cut(1);
  cut.tamper([](rocksdb::DB& db) { BOOST_REQUIRE(db.Delete({}, history_key("r", 8)).ok()); });
  BOOST_TEST(cut.finds("I12", "r"));
  lawful_store time(1);
  time.tamper([](rocksdb::DB& db) {
    edit_row(db, "r", 6, [](auto& events) { events[1].at_ms -= 10'000; });
  });
  BOOST_TEST(time.finds("I12", "r"));
  lawful_store first(1);
  first.tamper([](rocksdb::DB& db) { BOOST_REQUIRE(db.Delete({}, history_key("r", 1)).ok()); });
  BOOST_TEST(first.finds("I12", "r"));
  lawful_store twice(1);
  twice.tamper([](rocksdb::DB& db) {
    edit_row(db, "r", 8, [](auto& events) {
      for (auto& e : events) {
        const auto at_ms = e.at_ms;
        e = {};
        e.kind = event_kind::workflow_cancelled;
        e.at_ms = at_ms;
      }
    });
  });
  BOOST_TEST(twice.finds("I12", "r"));
}

BOOST_AUTO_TEST_CASE(i13_the_state_is_the_replay) {
  using change = std::function<void(model::workflow_state&)>;
  const std::vector<change> changes{
      [](auto& s) { s.actions[0].attempt += 1; },
      [](auto& s) { s.actions[0].last_error.message = "x"; },
      [](auto& s) { s.actions[3].started_at_ms = 5; },
      [](auto& s) { s.status = workflow_status::completed; },
      [](auto& s) { s.reason = "x"; },
      [](auto& s) { s.started_at_ms += 1; },
      [](auto& s) { s.failed_action = 3; },
  };
  for (const auto& c : changes) {
    lawful_store s(1);
    s.tamper([&](rocksdb::DB& db) { edit_state(db, "r", c); });
    BOOST_TEST(s.finds("I13", "r"));
  }
  lawful_store page(1);
  page.tamper([](rocksdb::DB& db) {
    edit_state(db, "r", [&](auto& state) {
      std::string key;
      std::string value;
      state.actions[20].retries = 7;
      records::encode_page(state, 1, value);
      keys::page(key, "r", 1);
      BOOST_REQUIRE(db.Put({}, key, value).ok());
    });
  });
  BOOST_TEST(page.finds("I13", "r"));
}

BOOST_AUTO_TEST_CASE(i14_indexes_both_directions) {
  const auto broken = [](std::string_view where, auto change) {
    lawful_store s(1);
    s.tamper(change);
    return s.finds("I14", where);
  };
  const auto first_of = [](rocksdb::DB& db, keys::kind k, std::string_view id) {
    const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator({}));
    for (it->Seek(keys::kind_begin(k)); it->Valid(); it->Next()) {
      const std::string key = it->key().ToString();
      const auto listed = keys::decode_listing(key);
      const auto due = keys::decode_due(key);
      if ((listed && listed->workflow_id == id) || (due && due->workflow_id == id)) return key;
    }
    return std::string();
  };
  BOOST_TEST(broken("r", [&](rocksdb::DB& db) {
    BOOST_REQUIRE(db.Delete({}, first_of(db, keys::kind::due, "r")).ok());
  }));
  BOOST_TEST(broken("r", [&](rocksdb::DB& db) {
    BOOST_REQUIRE(db.Delete({}, first_of(db, keys::kind::listing, "r")).ok());
  }));
  BOOST_TEST(broken("r", [&](rocksdb::DB& db) {
    BOOST_REQUIRE(db.Put({}, first_of(db, keys::kind::listing, "r"), "another").ok());
  }));
  // "another" has no lanes, which is of any: a row of an older program.
  BOOST_TEST(broken("r", [&](rocksdb::DB& db) {
    const auto key = first_of(db, keys::kind::listing, "r");
    std::string value;
    BOOST_REQUIRE(db.Get({}, key, &value).ok());
    list_entry entry;
    records::decode_listing(value, entry);
    BOOST_REQUIRE(entry.lanes != model::any_lane);
    records::encode_listing(entry.name, model::index_class::active, entry.lanes ^ 1, value);
    BOOST_REQUIRE(db.Put({}, key, value).ok());
  }));
  const std::vector<due_entry> strays{
      {5, timer_kind::retry, "r", 0},
      {5, timer_kind::retry, "r", 20},
      {5, timer_kind::schedule, "r", 1'000},
      {5, timer_kind::workflow_deadline, "r", model::no_action},
      {5, timer_kind::retry, "nobody", 0},
  };
  for (const auto& stray : strays) {
    BOOST_TEST(broken(stray.workflow_id, [&](rocksdb::DB& db) {
      std::string key;
      keys::due(key, stray);
      BOOST_REQUIRE(db.Put({}, key, "").ok());
    }));
  }
  for (const char* id : {"r", "nobody"}) {
    BOOST_TEST(broken(id, [&](rocksdb::DB& db) {
      std::string key;
      keys::listing(key, model::index_class::failed, 5, id);
      BOOST_REQUIRE(db.Put({}, key, "name").ok());
    }));
  }
  for (const char* id : {"r", "nobody"}) {
    BOOST_TEST(broken(id, [&](rocksdb::DB& db) {
      std::string key;
      keys::ended(key, {model::index_class::failed, 5, 5, id});
      BOOST_REQUIRE(db.Put({}, key, "").ok());
    }));
  }
  for (const char* id : {"r", "nobody"}) {
    BOOST_TEST(broken(id, [&](rocksdb::DB& db) {
      std::string key;
      keys::undecided(key, 5, id);
      BOOST_REQUIRE(db.Put({}, key, "").ok());
    }));
    BOOST_TEST(broken(id, [&](rocksdb::DB& db) {
      std::string key;
      keys::reference(key, keys::reference_hash("other"), 5, id);
      BOOST_REQUIRE(db.Put({}, key, "").ok());
    }));
  }
  // The mark of the index of ends: what is said to be complete is, and what is not there is empty.
  const auto with_ends_state = [&](std::optional<std::uint64_t> state, bool with_rows) {
    lawful_store s(3, 40);
    const auto rows = index_rows(s);
    s.tamper([&](rocksdb::DB& db) {
      std::string value;
      const auto key = keys::meta(meta_names::ends);
      if (state) records::encode_number(*state, value);
      BOOST_REQUIRE((state ? db.Put({}, key, value) : db.Delete({}, key)).ok());
      for (const auto& row : rows) {
        if (!with_rows && is_ended(row)) BOOST_REQUIRE(db.Delete({}, row).ok());
      }
    });
    return s.check().findings_total > 0;
  };
  BOOST_TEST(!with_ends_state(1, true));
  BOOST_TEST(with_ends_state(1, false));
  BOOST_TEST(!with_ends_state(0, true));
  BOOST_TEST(!with_ends_state(0, false));
  BOOST_TEST(with_ends_state(2, true));
  BOOST_TEST(with_ends_state(std::nullopt, true));
  BOOST_TEST(!with_ends_state(std::nullopt, false));
  // A bound that hides entries, the first of them is named.
  for (const auto kind : {timer_kind::retry, timer_kind::action_deadline}) {
    lawful_store s(3);
    s.tamper([&](rocksdb::DB& db) {
      std::string key;
      std::string value;
      keys::due(key, due_entry{5, kind, "nobody", 0});
      BOOST_REQUIRE(db.Put({}, key, "").ok());
      keys::due(key, due_entry{std::int64_t{1} << 60, kind, "x", 0});
      records::encode_bytes(key, value);
      BOOST_REQUIRE(db.Put({}, keys::meta(meta_names::bound_of(group_of(kind))), value).ok());
    });
    const auto found = s.check().findings;
    BOOST_TEST(std::any_of(found.begin(), found.end(), [](const auto& f) {
      return f.invariant == "I14" && f.what.find("overlooked") != std::string::npos;
    }));
  }
}

BOOST_AUTO_TEST_CASE(i16_totals) {
  lawful_store s(1);
  s.tamper([](rocksdb::DB& db) {
    std::string value;
    records::encode_totals({100, 50, 3, 2, 1}, value);
    BOOST_REQUIRE(db.Put({}, keys::meta(meta_names::totals), value).ok());
  });
  BOOST_TEST(s.finds("I16", "totals"));
}

BOOST_AUTO_TEST_CASE(rows_that_do_not_belong_or_cannot_be_read) {
  const auto broken = [](auto change) {
    lawful_store s(1);
    s.tamper(change);
    return s.finds("records");
  };
  const auto put = [](std::string key, std::string value) {
    return [key = std::move(key), value = std::move(value)](rocksdb::DB& db) {
      BOOST_REQUIRE(db.Put({}, key, value).ok());
    };
  };
  const auto remove = [](std::string key) {
    return [key = std::move(key)](rocksdb::DB& db) { BOOST_REQUIRE(db.Delete({}, key).ok()); };
  };
  std::string key;
  BOOST_TEST(broken(put("stranger", "x")));
  BOOST_TEST(broken(put(std::string("\0\0Wr\0\x09", 6), "x")));
  BOOST_TEST(broken(put(keys::kind_begin(keys::kind::due) + "x", "")));
  BOOST_TEST(broken(put(keys::kind_begin(keys::kind::listing) + "x", "")));
  BOOST_TEST(broken(put(keys::meta("other"), "x")));
  keys::state(key, "r");
  BOOST_TEST(broken(put(key, "x")));
  BOOST_TEST(broken(remove(key)));
  keys::definition(key, "r");
  BOOST_TEST(broken(put(key, "x")));
  BOOST_TEST(broken(remove(key)));
  keys::page(key, "r", 1);
  BOOST_TEST(broken(put(key, "x")));
  BOOST_TEST(broken(remove(key)));
  BOOST_TEST(broken(put(history_key("r", 5), "x")));
  BOOST_TEST(broken(put(history_key("orphan", 1), "x")));
}

/// Format 3 has the rows of workflows, and no index of ends, references and decisions; in format 4
/// they were always there.
BOOST_AUTO_TEST_CASE(an_engine_brings_an_older_format_to_its_own) {
  for (const std::uint64_t format : {3, 4}) {
    for (const auto ends : {ends_index::kept, ends_index::as_found, ends_index::dropped}) {
      BOOST_TEST_CONTEXT("format " << format << ", ends " << static_cast<int>(ends)) {
        lawful_store s(4, 60);
        const auto workflows = s.check().workflows;
        auto before = index_rows(s);
        BOOST_REQUIRE(before.size() > 3);
        s.tamper([&](rocksdb::DB& db) {
          std::string key;
          std::string value;
          if (format == 3) {
            for (const auto& row : before) BOOST_REQUIRE(db.Delete({}, row).ok());
            // Left of an upgrade that was cut short, before an older program went on with it.
            keys::ended(key, {model::index_class::failed, 5, 5, "removed-since"});
            BOOST_REQUIRE(db.Put({}, key, "").ok());
          }
          BOOST_REQUIRE(db.Delete({}, keys::meta(meta_names::ends)).ok());
          records::encode_number(format, value);
          BOOST_REQUIRE(db.Put({}, keys::meta(meta_names::format), value).ok());
        });
        const auto refused = open_reading_store(s.data());
        BOOST_REQUIRE(!refused);
        BOOST_TEST(refused.error().message().find("it has format " + std::to_string(format)) !=
                   std::string::npos);

        open_for_test(s.data(), ends).reset();
        const bool kept = ends == ends_index::kept || (format == 4 && ends == ends_index::as_found);
        if (!kept) std::erase_if(before, is_ended);
        BOOST_TEST(index_rows(s) == before, boost::test_tools::per_element());
        BOOST_TEST(s.check().findings_total == 0u);
        BOOST_TEST(s.check().workflows == workflows);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_workflow_that_is_corrupt_does_not_stop_an_upgrade) {
  lawful_store s(4, 60);
  auto before = index_rows(s);
  std::string broken;
  s.tamper([&](rocksdb::DB& db) {
    for (const auto& key : before) BOOST_REQUIRE(db.Delete({}, key).ok());
    std::string key;
    std::string value;
    for (const auto& entry : before) {
      if (const auto ended = keys::decode_ended(entry)) broken = ended->workflow_id;
    }
    BOOST_REQUIRE(!broken.empty());
    keys::state(key, broken);
    BOOST_REQUIRE(db.Put({}, key, "x").ok());
    records::encode_number(3, value);
    BOOST_REQUIRE(db.Put({}, keys::meta(meta_names::format), value).ok());
    BOOST_REQUIRE(db.Delete({}, keys::meta(meta_names::ends)).ok());
  });
  open_for_test(s.data()).reset();
  std::erase_if(before, [&](const std::string& key) { return key.ends_with(broken); });
  BOOST_TEST((index_rows(s) == before));
  BOOST_TEST(s.check().findings_total > 0u);
}

BOOST_AUTO_TEST_CASE(a_store_that_does_not_open_is_an_error) {
  lawful_store s(1);
  s.tamper(
      [](rocksdb::DB& db) { BOOST_REQUIRE(db.Put({}, keys::meta(meta_names::epoch), "x").ok()); });
  const auto report = verify(s.data());
  BOOST_REQUIRE(!report);
  BOOST_TEST((report.error().code() == errc::corrupt));
  BOOST_TEST(report.error().message().find("epoch") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_lost_row_of_a_workflow_is_noticed) {
  std::vector<std::string> rows;
  lawful_store(2).tamper([&](rocksdb::DB& db) {
    const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator({}));
    for (it->SeekToFirst(); it->Valid(); it->Next()) rows.push_back(it->key().ToString());
  });
  for (std::size_t i = 0; i < rows.size(); i += 3) {
    if (rows[i] == keys::meta(meta_names::due_bound)) continue;       // a hint only
    if (rows[i] == keys::meta(meta_names::deadline_bound)) continue;  // the same
    if (rows[i] == keys::meta(meta_names::format)) continue;          // then nothing opens
    lawful_store s(2);
    s.tamper([&](rocksdb::DB& db) { BOOST_REQUIRE(db.Delete({}, rows[i]).ok()); });
    BOOST_TEST_CONTEXT(keys::printable(rows[i])) { BOOST_TEST(s.check().findings_total > 0u); }
  }
}

BOOST_AUTO_TEST_SUITE_END()
