// Reads that fail: the engine stops or goes on; nothing is lost, nothing is done by half.
#include <set>

#include "testing/driver.hpp"
#include "testing/memory_disk.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

/// An engine with little room and a short horizon, so that it reads all the time: workflows that
/// come back to memory, lists, timers, results. The k-th read fails, alone; with retention the next
/// write ends the engine, so that what it wrote shows.
class reading_engine {
 public:
  explicit reading_engine(std::uint64_t k, std::size_t room = 2, retention_options keep = {})
      : disk_(make_memory_disk()), engine_(setup(room, keep)) {
    engine_.control.read_fails = [k](std::uint64_t n, read_of) { return n == k; };
    if (!keep.completed.count) return;
    engine_.control.fate = [this, k](std::uint64_t) {
      const bool last = reads() >= k && !std::exchange(ended_, true);
      return last ? write_fate::written : write_fate::good;
    };
  }

  /// Opens it again until it works.
  void revive() {
    for (int n = 0; n < 3 && (!engine_.is_open() || engine_.halted()); ++n) {
      stops_ += engine_.is_open() ? 1 : 0;
      (void)engine_.open();
    }
    BOOST_REQUIRE(engine_.is_open());
  }

  /// All at once, so that they wait for room; as a client does, again until acknowledged.
  void submit(const std::vector<workflow_spec>& specs) {
    std::set<std::string> acknowledged;
    for (int n = 0; n < 3 && acknowledged.size() < specs.size(); ++n) {
      revive();
      for (const auto& spec : specs) {
        engine_.submit(spec, [&acknowledged, id = spec.id](result<submission> r) {
          if (r) acknowledged.insert(id);
        });
      }
      engine_.run_until_idle();
    }
    BOOST_TEST(acknowledged.size() == specs.size());
  }

  void advance(milliseconds by) {
    for (; by.count() > 0; by -= seconds(1)) {
      revive();
      engine_.advance(seconds(1));
      BOOST_TEST(findings() == "");
    }
    revive();
  }

  void all_reads_fail() {
    engine_.control.read_fails = [](std::uint64_t, read_of) { return true; };
  }
  bool stops_within(milliseconds limit) {
    engine_.advance(limit, [this] { return engine_.halted(); });
    return engine_.halted();
  }

  /// Why it takes nothing any more.
  error refusal() {
    std::optional<result<submission>> answer;
    engine_.submit(workflow_builder("test").id("new").action("a", "ok"),
                   [&](result<submission> r) { answer = std::move(r); });
    return answer.value().error();
  }

  [[nodiscard]] std::string findings() const {
    std::string out;
    for (const auto& f : must(engine_.verify()).findings) out += f.where + ": " + f.what + "\n";
    return out;
  }
  [[nodiscard]] const storage::read_store& store() const { return engine_.store(); }
  [[nodiscard]] std::uint64_t reads() const { return engine_.control.reads; }
  [[nodiscard]] int stops() const { return stops_; }
  [[nodiscard]] engine_stats stats() const { return engine_.stats(); }

 private:
  driver_setup setup(std::size_t room, const retention_options& keep) {
    driver_setup s;
    s.dir = "/reads";
    s.env = disk_.get();
    s.start_ms = 1'767'225'600'000;
    s.options.log = [](log_level, std::string_view) {};
    s.options.active_workflows_max = room;
    s.options.timer_horizon = seconds(2);
    s.options.retention = keep;
    s.options.handlers.add("ok", [](const action_context&) { return outcome::success("[1, 2]"); });
    s.options.handlers.add("once", [](const action_context& c) {
      return c.attempt == 1 ? outcome::failure("busy", "again") : outcome::success();
    });
    return s;
  }

  std::shared_ptr<void> disk_;
  driver engine_;
  int stops_ = 0;
  bool ended_ = false;
};

std::vector<workflow_spec> all_kinds() {
  std::vector<workflow_spec> out;
  for (const std::string n : {"1", "2"}) {
    out.push_back(workflow_builder("test")
                      .id("reference" + n)
                      .action("a", "ok")
                      .action("pause", "wait", R"({"seconds": 4})")
                      .after("a")
                      .action("b", "ok", R"("${actions.a.result}")")
                      .after("pause")
                      .after("a"));
    out.push_back(workflow_builder("test").id("retry" + n).action("a", "once"));
    out.push_back(workflow_builder("test").id("late" + n).action("a", "ok").delayed(seconds(20)));
    out.push_back(workflow_builder("test").id("soon" + n).action("a", "ok"));
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(read_faults)

BOOST_AUTO_TEST_CASE(after_any_failed_read_everything_comes_to_its_end) {
  int stops = 0;
  std::uint64_t k = 1;
  for (;; ++k) {
    BOOST_TEST_CONTEXT("read " << k << " fails") {
      reading_engine engine(k);
      engine.submit(all_kinds());
      engine.advance(minutes(1));
      for (const auto& spec : all_kinds()) {
        const auto header = must(engine.store().load_header(spec.id));
        BOOST_TEST(header.state.status == workflow_status::completed, spec.id << " has not ended");
      }
      stops += engine.stops();
      if (engine.reads() < k) break;
    }
  }
  BOOST_TEST(k > 50U);
  BOOST_TEST(stops > 10);
}

/// With room for one, only the end of one workflow makes the engine look for the next.
BOOST_AUTO_TEST_CASE(after_any_failed_read_those_that_wait_for_room_come_to_their_end) {
  std::vector<workflow_spec> specs;
  for (const std::string id : {"w1", "w2", "w3"}) {
    specs.push_back(workflow_builder("test").id(id).action("a", "ok"));
  }
  std::uint64_t k = 1;
  for (;; ++k) {
    BOOST_TEST_CONTEXT("read " << k << " fails") {
      reading_engine engine(k, 1);
      engine.submit(specs);
      engine.advance(seconds(10));
      BOOST_TEST(engine.stats().completed == 3U);
      if (engine.reads() < k) break;
    }
  }
  BOOST_TEST(k > 10U);
}

BOOST_AUTO_TEST_CASE(a_store_that_cannot_be_read_stops_the_engine) {
  reading_engine engine(0);
  engine.submit({workflow_builder("test").id("late").action("a", "ok").delayed(seconds(20))});
  engine.all_reads_fail();
  BOOST_TEST(engine.stops_within(minutes(1)));
  const auto refusal = engine.refusal();
  BOOST_TEST(refusal.code() == errc::stopped);
  BOOST_TEST(refusal.message().find("this read was made to fail") != std::string::npos);
}

/// Rows that fail their checks stop nothing else, and are read again in a minute: the fault can
/// have been on the way from the disk.
BOOST_FIXTURE_TEST_CASE(a_workflow_that_is_corrupt_once_goes_on_a_minute_later, engine_fixture) {
  handle("large", [](const action_context&) {
    return outcome::success('"' + std::string(100'000, 'x') + '"');
  });
  handle_ok("ok");
  const workflow_spec spec = workflow_builder("test")
                                 .id("w")
                                 .action("a", "large")
                                 .action("b", "ok", R"("${actions.a.result}")")
                                 .delayed(hours(1));
  for (int bad = 1; bad <= 2; ++bad) {
    BOOST_TEST_CONTEXT("read " << bad << " fails") {
      calls.clear();
      auto& d = open_stepped();
      d.control.read_failure = errc::corrupt;
      d.submit(spec, [](auto) {});
      d.run_until_idle();
      int reads = 0;
      d.control.read_fails = [&](std::uint64_t, read_of what) {
        return what == read_of::workflow && ++reads == bad;
      };
      d.advance(hours(1) + minutes(3));
      d.control.read_fails = nullptr;
      BOOST_TEST(reads >= bad);
      BOOST_TEST(!d.halted());
      const auto end = must(d.get("w"));
      BOOST_TEST(end.summary.status == workflow_status::completed);
      BOOST_TEST(end.actions[1].attempts == 1U);
      BOOST_TEST(calls.size() == 2U);
    }
  }
}

/// Whoever asks for a corrupt workflow adds no further look at it.
BOOST_FIXTURE_TEST_CASE(many_cancels_of_a_corrupt_workflow_make_one_read_a_minute, engine_fixture) {
  handle_ok("ok");
  auto& d = open_stepped();
  d.control.read_failure = errc::corrupt;
  d.submit(workflow_builder("test").id("w").action("a", "ok").delayed(hours(1)), [](auto) {});
  d.run_until_idle();
  int reads = 0;
  d.control.read_fails = [&](std::uint64_t, read_of what) {
    reads += what == read_of::workflow ? 1 : 0;
    return what == read_of::workflow;
  };
  int refused = 0;
  for (int n = 0; n < 20; ++n) {
    d.cancel("w", "", [&](result<void> r) { refused += !r ? 1 : 0; });
    d.run_until_idle();
  }
  BOOST_TEST(refused == 20);
  reads = 0;
  d.advance(minutes(10) + seconds(30));
  BOOST_TEST(reads == 10);
  // and once it can be read it goes on
  d.control.read_fails = nullptr;
  d.advance(hours(1));
  BOOST_TEST((must(d.get("w")).summary.status == workflow_status::completed));
}

BOOST_FIXTURE_TEST_CASE(thousands_of_nearer_timers_push_no_look_at_a_corrupt_workflow_out,
                        engine_fixture) {
  handle_ok("ok");
  auto& d = open_stepped();
  d.control.read_failure = errc::corrupt;
  d.submit(workflow_builder("test").id("w").action("a", "ok").delayed(seconds(70)), [](auto) {});
  d.run_until_idle();
  int reads = 0;
  d.control.read_fails = [&](std::uint64_t, read_of what) {
    return what == read_of::workflow && ++reads == 1;
  };
  d.advance(seconds(75));
  BOOST_TEST(reads == 1);
  for (int n = 0; n < 10'000; ++n) {
    d.submit(workflow_builder("test")
                 .id("near" + std::to_string(n))
                 .action("a", "ok")
                 .delayed(milliseconds(50'000 - n)),
             [](auto) {});
  }
  d.run_until_idle();
  d.advance(seconds(60));
  BOOST_TEST((must(d.get("w")).summary.status == workflow_status::completed));
  BOOST_TEST(calls.size() == 10'001U);
}

/// What came due while a workflow could not be read is made up for.
BOOST_FIXTURE_TEST_CASE(a_deadline_that_met_a_corrupt_workflow_comes_a_minute_later,
                        engine_fixture) {
  handle_ok("ok");
  auto spec = workflow_builder("test").id("w").action("a", "ok").delayed(hours(5)).build();
  spec.deadline = seconds(70);
  auto& d = open_stepped();
  d.control.read_failure = errc::corrupt;
  d.submit(spec, [](auto) {});
  d.run_until_idle();
  int reads = 0;
  d.control.read_fails = [&](std::uint64_t, read_of what) {
    return what == read_of::workflow && ++reads == 1;
  };
  d.advance(seconds(75));
  BOOST_TEST(reads == 1);
  d.advance(minutes(2));
  BOOST_TEST((must(d.get("w")).summary.status == workflow_status::failed));
}

BOOST_AUTO_TEST_CASE(a_failed_read_removes_nothing_by_half) {
  retention_options keep;
  keep.completed.count = 0;
  std::uint64_t k = 1;
  for (;; ++k) {
    BOOST_TEST_CONTEXT("read " << k << " fails") {
      reading_engine engine(k, 2, keep);
      std::vector<workflow_spec> specs;
      for (const std::string id : {"w1", "w2", "w3"}) {
        specs.push_back(workflow_builder("test").id(id).action("a", "ok"));
      }
      engine.submit(specs);
      engine.advance(minutes(2));
      BOOST_TEST(engine.stats().removed == 3U);
      if (engine.reads() < k) break;
    }
  }
  BOOST_TEST(k > 20U);
}

BOOST_AUTO_TEST_SUITE_END()
