#include "storage/export.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <string>
#include <vector>

#include "model/documents/export_lines.hpp"
#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/removal.hpp"
#include "storage/rows.hpp"
#include "storage/verify.hpp"
#include "storage/views.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
using model::event_kind;

namespace {

using lines = std::vector<std::string>;

lines exported(const read_store& from) {
  lines out;
  const auto done = export_workflows(from, {}, [&](std::string_view line) {
    out.emplace_back(line);
    return true;
  });
  BOOST_REQUIRE_MESSAGE(done, failure(done));
  return out;
}
lines exported(const std::filesystem::path& dir) {
  const auto opened = open_reading_store(dir);
  BOOST_REQUIRE_MESSAGE(opened, failure(opened));
  return exported(**opened);
}

struct imported {
  import_report report;
  std::vector<import_note> notes;
  [[nodiscard]] std::string failure() const {
    return report.failure ? report.failure->message() : "";
  }
};
imported import_lines(const std::filesystem::path& dir, const lines& from) {
  store_options opts;
  opts.durability = durability::async;
  imported out;
  std::size_t at = 0;
  out.report = import_workflows(
      dir, opts,
      [&]() -> result<std::optional<std::string>> {
        if (at == from.size()) return std::optional<std::string>();
        return std::optional(from[at++]);
      },
      [&](const import_note& n) { out.notes.push_back(n); });
  return out;
}

void check_clean(const std::filesystem::path& dir) {
  const auto report = verify(dir);
  BOOST_REQUIRE_MESSAGE(report, failure(report));
  for (const auto& f : report->findings) {
    BOOST_ERROR(f.invariant + " " + f.where + ": " + f.what);
  }
}

/// A directory of random workflows.
struct some_workflows {
  explicit some_workflows(std::uint64_t seed, int count = 12) : random(seed) {
    const auto s = open_for_test(dir.data());
    write_lawful(*s, random, count);
  }
  temp_dir dir;
  random_source random;
};

/// The lines of one workflow with the frame of an export.
lines only(const lines& all, const std::string& id) {
  const std::string mark = "\"workflow\":\"" + id + "\"";
  lines out{all.front()};
  for (const auto& line : all) {
    if (line.find(mark) != std::string::npos) out.push_back(line);
  }
  out.push_back(model::print_export_line(model::export_end{1, out.size() - 3}));
  return out;
}

/// Makes the checksum that of the lines before it.
void seal(lines& of_one) {
  std::uint64_t sum = 0;
  for (std::size_t i = 1; i + 2 < of_one.size(); ++i) {
    sum = model::add_export_checksum(sum, of_one[i]);
  }
  auto end = std::get<model::export_workflow_end>(
      *model::parse_export_line(of_one[of_one.size() - 2], {}));
  end.checksum = sum;
  of_one[of_one.size() - 2] = model::print_export_line(end);
}

void replace(std::string& in, std::string_view from, std::string_view to) {
  const auto at = in.find(from);
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, in << " has no " << from);
  in.replace(at, from.size(), to);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(export_test)

BOOST_AUTO_TEST_CASE(what_is_exported_and_imported_is_the_same_to_the_byte) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      const some_workflows w(seed);
      const auto first = exported(w.dir.data());
      temp_dir other;
      const auto done = import_lines(other.data(), first);
      BOOST_TEST(done.failure() == "");
      BOOST_TEST(done.report.refused + done.report.same == 0u);
      BOOST_TEST(done.report.workflows + done.report.events ==
                 first.size() - 2 - done.report.workflows);
      BOOST_TEST((exported(other.data()) == first));
      check_clean(other.data());
    }
  }
}

BOOST_AUTO_TEST_CASE(an_imported_directory_has_the_rows_of_the_first_but_for_those_of_its_history) {
  const some_workflows w(3);
  temp_dir other;
  BOOST_TEST(import_lines(other.data(), exported(w.dir.data())).failure() == "");
  const auto rows = [](const std::filesystem::path& dir) {
    std::vector<std::pair<std::string, std::string>> out;
    const auto opened = open_reading_store(dir);
    BOOST_REQUIRE(opened);
    const auto snapshot = dynamic_cast<const row_source&>(**opened).rows();
    const auto done = snapshot->each({}, {}, [&](std::string_view key, std::string_view value) {
      const auto row = keys::decode_workflow(key);
      const bool history = row && row->tag == keys::record_tag::history;
      const bool bound = key.find("_bound") != std::string_view::npos;
      const bool epoch = key == keys::meta("epoch");
      // Of the index of ends: it is made where it is kept.
      const bool ends =
          keys::decode_kind(key) == keys::kind::ended || key == keys::meta(meta_names::ends);
      if (!history && !bound && !epoch && !ends) out.emplace_back(key, value);
      return true;
    });
    BOOST_REQUIRE(done);
    return out;
  };
  const auto before = rows(w.dir.data());
  BOOST_TEST(before.size() > 30u);
  const auto after = rows(other.data());
  BOOST_TEST_REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    BOOST_TEST((after[i] == before[i]), keys::printable(before[i].first));
  }
}

BOOST_AUTO_TEST_CASE(what_was_removed_is_not_counted_where_it_never_was) {
  const some_workflows w(4);
  const auto before = [&] {
    const auto s = open_for_test(w.dir.data());
    write_batch batch;
    for (const auto c : {model::index_class::completed, model::index_class::cancelled,
                         model::index_class::failed}) {
      const auto ended = s->ended(c, 1);
      BOOST_REQUIRE(ended);
      if (ended->empty()) continue;
      const auto rows = dynamic_cast<const row_source&>(*s).rows();
      BOOST_REQUIRE(encode_removal(*rows, ended->front(), batch));
    }
    BOOST_REQUIRE(s->write(s->epoch(), {&batch}));
    return s->current_totals();
  }();
  BOOST_TEST(before.removed > 0u);
  temp_dir other;
  BOOST_TEST(import_lines(other.data(), exported(w.dir.data())).failure() == "");
  auto expected = before;
  expected.submitted -= expected.removed;
  expected.removed = 0;
  BOOST_TEST((open_for_test(other.data())->current_totals() == expected));
  check_clean(other.data());
}

BOOST_AUTO_TEST_CASE(
    an_import_into_a_directory_with_others_skips_the_same_and_refuses_what_differs) {
  const some_workflows w(2);
  const auto all = exported(w.dir.data());
  temp_dir other;
  // given "r" without its last events, one with other content, and one that is the same
  {
    const auto s = open_for_test(other.data());
    random_source r(99);
    random_workflow mine(r, acceptable(random_spec(r, "w0", 3)));
    mine.step(1);
    commit(*s, mine);
    random_workflow own(r, acceptable(random_spec(r, "own", 3)));
    own.step(1);
    commit(*s, own);
  }
  auto shorter = only(all, "r");
  shorter.erase(shorter.end() - 3);
  shorter[shorter.size() - 2] = model::print_export_line(model::export_workflow_end{"r", 9, {}});
  shorter.back() = model::print_export_line(model::export_end{1, 9});
  BOOST_TEST(import_lines(other.data(), shorter).failure() == "");
  BOOST_TEST(import_lines(other.data(), only(all, "w1")).failure() == "");
  const auto before = exported(other.data());

  const auto done = import_lines(other.data(), all);
  BOOST_TEST(done.failure() == "");
  BOOST_TEST(done.report.same == 1u);
  BOOST_TEST(done.report.refused == 2u);
  BOOST_REQUIRE(done.notes.size() == 3u);
  for (const auto& n : done.notes) {
    BOOST_TEST(all[n.line - 1].find("\"workflow_end\",\"workflow\":\"" + n.id + "\"") !=
               std::string::npos);
    if (n.id == "w0") BOOST_TEST(n.what == "it is there with other content");
    if (n.id == "w1") BOOST_TEST(n.same);
    if (n.id == "r") {
      BOOST_TEST(n.what == "it is there with another history, which ends at event 9");
    }
  }
  const auto after = exported(other.data());
  for (const auto* id : {"own", "w0", "w1", "r"}) {
    BOOST_TEST((only(after, id) == only(before, id)), id);
  }
  BOOST_TEST((only(after, "w2") == only(all, "w2")));
  check_clean(other.data());
  // and then there is nothing more to do
  const auto again = import_lines(other.data(), all);
  BOOST_TEST(again.report.workflows == 0u);
  BOOST_TEST(again.report.refused == 2u);
  BOOST_TEST((exported(other.data()) == after));
}

BOOST_AUTO_TEST_CASE(some_workflows_are_exported_by_their_ids_or_none) {
  const some_workflows w(2);
  const auto opened = open_reading_store(w.dir.data());
  BOOST_REQUIRE(opened);
  lines some;
  const auto keep = [&](std::string_view line) {
    some.emplace_back(line);
    return true;
  };
  BOOST_REQUIRE(export_workflows(**opened, {"r"}, keep));
  BOOST_TEST((some == only(exported(**opened), "r")));
  some.clear();
  for (const auto* id : {"nobody", "..", ""}) {
    const auto none = export_workflows(**opened, {"r", id}, keep);
    BOOST_REQUIRE(!none);
    BOOST_TEST((none.error().code() == errc::not_found));
  }
  BOOST_TEST(some.empty());
}

BOOST_AUTO_TEST_CASE(exports_may_follow_each_other_and_hold_the_same) {
  const some_workflows w(2, 3);
  auto twice = exported(w.dir.data());
  const auto once = twice;
  twice.insert(twice.end(), once.begin(), once.end());
  temp_dir other;
  const auto done = import_lines(other.data(), twice);
  BOOST_TEST(done.failure() == "");
  BOOST_TEST(done.report.workflows == done.report.same);
  BOOST_TEST((exported(other.data()) == once));
}

BOOST_AUTO_TEST_CASE(a_damaged_line_is_refused_and_nothing_of_its_workflow_is_written) {
  const some_workflows w(4);
  const auto all = exported(w.dir.data());
  const auto good = only(all, "r");
  // The lines are: 0 the beginning, 1 the workflow, then event n at n + 1; 10 events.
  BOOST_REQUIRE(good.size() == 14u);
  struct damage {
    const char* what;
    std::function<void(lines&)> make;
    std::uint64_t line;
    const char* said;
    bool sealed = false;  ///< the checksum is right again
  };
  const std::vector<damage> kinds{
      {"an empty file", [](lines& l) { l.clear(); }, 1, "it is empty"},
      {"something else", [](lines& l) { l = {"{\"name\":\"n\",\"actions\":[]}"}; }, 1,
       "field \"type\" is missing"},
      {"no beginning", [](lines& l) { l.erase(l.begin()); }, 1,
       "before the beginning of an export"},
      {"two beginnings", [](lines& l) { l.insert(l.begin(), l[0]); }, 2,
       "the beginning of an export"},
      {"a later version", [](lines& l) { replace(l[0], ":1}", ":2}"); }, 1,
       "an export of version 2; this tenax reads version 1"},
      {"cut within a line", [](lines& l) { l.resize(7), l.back().pop_back(); }, 7, "not a line of"},
      {"cut after a line", [](lines& l) { l.resize(7); }, 8, "in the midst of workflow r"},
      {"cut after the workflow", [](lines& l) { l.pop_back(); }, 14, "without its last line"},
      {"a line missing", [](lines& l) { l.erase(l.begin() + 5); }, 6, "event 5 follows event 3"},
      {"a line twice", [](lines& l) { l.insert(l.begin() + 5, l[5]); }, 7,
       "event 4 follows event 4"},
      {"swapped lines", [](lines& l) { std::swap(l[5], l[6]); }, 6, "event 5 follows event 3"},
      {"a line of another", [](lines& l) { replace(l[5], "\"r\"", "\"s\""); }, 6,
       "an event of another workflow, s"},
      {"no workflow", [](lines& l) { l.erase(l.begin() + 1); }, 2,
       "before the beginning of a work"},
      {"no end", [](lines& l) { l.erase(l.end() - 2); }, 13, "before the end of workflow r"},
      {"an unknown kind", [](lines& l) { replace(l[5], "retry_scheduled", "retry_planned"); }, 6,
       "unknown kind of event"},
      {"an unknown action", [](lines& l) { replace(l[5], "\"k0\"", "\"k99\""); }, 6,
       "there is no action k99"},
      {"another action", [](lines& l) { replace(l[5], "\"k0\"", "\"k5\""); }, 6, "cannot be here"},
      {"an impossible attempt", [](lines& l) { replace(l[6], "\"attempt\":2", "\"attempt\":3"); },
       7, "cannot be here"},
      {"a number", [](lines& l) { replace(l[5], "\"wait_ms\":1000", "\"wait_ms\":1001"); }, 13,
       "the checksum is of other lines"},
      {"a result", [](lines& l) { replace(l[7], "done", "dune"); }, 13, "the checksum"},
      {"an input", [](lines& l) { replace(l[1], "retrying", "retryinG"); }, 13, "the checksum"},
      {"a status", [](lines& l) { replace(l[1], "in_progress", "completed"); }, 13,
       "its first line says completed, its history gives in_progress", true},
      {"a wait beyond its bounds",
       [](lines& l) { replace(l[5], "\"wait_ms\":1000", "\"wait_ms\":5000"); }, 13, "(I8)", true},
      {"too many attempts",
       [](lines& l) { replace(l[5], "\"max_attempts\":3", "\"max_attempts\":1"); }, 13, "(I5)",
       true},
      {"a time that goes back", [](lines& l) { replace(l[7], "\"at\":\"2023", "\"at\":\"2013"); },
       8, "time goes back", true},
      {"a time that no clock has",
       [](lines& l) {
         const auto at = l[5].find("\"at\":") + 5;
         l[5].replace(at, l[5].find(',', at) - at, "9223372036854775807");
       },
       6, "no clock has such a time", true},
      {"a cycle",
       [](lines& l) { replace(l[1], "\"type\":\"t\"", "\"type\":\"t\",\"depends_on\":[\"k1\"]"); },
       2, "cycle", true},
      {"a dependency that is not there", [](lines& l) { replace(l[1], "[\"k0\"]", "[\"k77\"]"); },
       2, "there is no action", true},
      {"an id that none can have",
       [](lines& l) {
         for (auto& line : l) {
           if (line.find("\"r\"") != std::string::npos) replace(line, "\"r\"", "\"..\"");
         }
         replace(l[1], "\"id\":\"r\"", "\"id\":\"..\"");
       },
       2, "no workflow can have this id", true},
      {"a wrong number of events",
       [](lines& l) { replace(l[12], "\"events\":10", "\"events\":11"); }, 13, "11 events, but 10"},
      {"a wrong number at the end",
       [](lines& l) { replace(l[13], "\"workflows\":1", "\"workflows\":2"); }, 14,
       "2 workflows with 10 events, but there were 1"},
      {"something after the end", [](lines& l) { l.push_back(l[3]); }, 15, "before the beginning"},
  };
  for (const auto& d : kinds) {
    BOOST_TEST_CONTEXT(d.what) {
      auto damaged = good;
      d.make(damaged);
      if (d.sealed) seal(damaged);
      temp_dir other;
      const auto done = import_lines(other.data(), damaged);
      BOOST_TEST(done.failure().find(d.said) != std::string::npos, done.failure());
      BOOST_TEST(done.report.line == d.line);
      // What is wrong after the end of the workflow comes too late for it.
      const bool there = d.line > 13;
      BOOST_TEST(done.report.workflows == (there ? 1u : 0u));
      if (!std::filesystem::exists(other.data())) continue;
      BOOST_TEST(open_for_test(other.data())->current_totals().submitted == done.report.workflows);
      check_clean(other.data());
    }
  }
}

BOOST_AUTO_TEST_CASE(what_comes_before_a_damaged_line_is_in_and_a_repetition_adds_the_rest) {
  const some_workflows w(5);
  const auto all = exported(w.dir.data());
  auto damaged = all;
  damaged.resize(all.size() - 4);
  temp_dir other;
  const auto done = import_lines(other.data(), damaged);
  BOOST_TEST(done.failure().find("in the midst") != std::string::npos, done.failure());
  BOOST_TEST(done.report.workflows > 3u);
  const auto rest = import_lines(other.data(), all);
  BOOST_TEST(rest.report.same == done.report.workflows);
  BOOST_TEST(rest.report.workflows == 1u);
  BOOST_TEST((exported(other.data()) == all));
}

BOOST_AUTO_TEST_CASE(a_line_that_was_changed_by_hand_is_taken_without_a_checksum) {
  const some_workflows w(4);
  auto mine = only(exported(w.dir.data()), "r");
  replace(mine[7], "done", "dune");
  auto end = std::get<model::export_workflow_end>(*model::parse_export_line(mine[12], {}));
  end.checksum.reset();
  mine[12] = model::print_export_line(end);
  temp_dir other;
  BOOST_TEST(import_lines(other.data(), mine).failure() == "");
  const auto view = read_view(*open_for_test(other.data()), "r", {}, 0);
  BOOST_REQUIRE(view);
  BOOST_TEST(view->actions[0].result.value_or("") == "\"dune\"");
}

BOOST_AUTO_TEST_CASE(an_import_meets_the_lock_of_another) {
  const some_workflows w(2, 1);
  const auto all = exported(w.dir.data());
  temp_dir other;
  const auto owner = open_for_test(other.data());
  const auto done = import_lines(other.data(), all);
  BOOST_REQUIRE(done.report.failure.has_value());
  BOOST_TEST((done.report.failure->code() == errc::data_dir_locked));
  BOOST_TEST(done.report.line == 0u);
}

BOOST_AUTO_TEST_CASE(a_large_workflow_comes_through_with_its_history_in_rows_of_bounded_size) {
  temp_dir dir;
  random_source r(1);
  {
    const auto s = open_for_test(dir.data());
    workflow_spec spec;
    spec.id = spec.name = "large";
    for (int a = 0; a < 300; ++a) {
      auto& action = spec.actions.emplace_back();
      action.key = "k" + std::to_string(a);
      action.type = "t";
    }
    random_workflow w(r, std::move(spec));
    w.changes.begin(w.state);
    w.apply({.kind = event_kind::workflow_created});
    for (model::action_index a = 0; a < 300; ++a) {
      w.apply({.kind = event_kind::attempt_started, .action = a, .attempt = 1});
      w.apply({.kind = event_kind::action_completed,
               .action = a,
               .attempt = 1,
               .text = r.bytes(20'000)});
    }
    w.apply({.kind = event_kind::workflow_completed});
    commit(*s, w);
  }
  const auto first = exported(dir.data());
  temp_dir other;
  BOOST_TEST(import_lines(other.data(), first).failure() == "");
  BOOST_TEST((exported(other.data()) == first));
  check_clean(other.data());
}

BOOST_AUTO_TEST_SUITE_END()
