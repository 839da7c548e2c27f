// The end of an engine on real threads: on any thread, with handlers that do not return, in a
// forked child.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tenax/engine.hpp"
#include "tenax/testing/virtual_engine.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/programs.hpp"

using namespace tenax;

namespace {

/// Closed until it is opened; then for all who come.
class door {
 public:
  void open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// A minute, should it take for ever.
bool comes_true(const std::function<bool()>& what) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!what()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Runs it on another thread while this one lives on. One that never ends, ends the test program.
void on_another_thread(std::function<void()> what) {
  struct shared {
    std::atomic<bool> ended = false;
  };
  const auto seen = std::make_shared<shared>();
  std::thread other([seen, what = std::move(what)] {
    what();
    seen->ended = true;
  });
  BOOST_TEST_REQUIRE(comes_true([&] { return seen->ended.load(); }));
  other.join();
}

struct shutdown_fixture {
  shutdown_fixture() : place("tenax-shutdown") {}
  [[nodiscard]] std::filesystem::path dir() const { return place.path() / "data"; }
  static options quiet() {
    options opts;
    opts.log = [](log_level, std::string_view) {};
    opts.handler_threads = 1;
    opts.handlers.add(
        "echo", [](const action_context& c) { return outcome::success(std::string(c.input)); });
    return opts;
  }
  engine open(options opts = quiet()) const {
    auto opened = engine::open(dir(), std::move(opts));
    if (!opened) throw std::runtime_error(opened.error().to_string());
    return std::move(*opened);
  }
  static workflow_spec one(const std::string& id, const std::string& type = "echo") {
    return workflow_builder("shutdown").id(id).action("a", type, "1");
  }
  static void run_one(engine& e, const std::string& id) {
    BOOST_TEST_REQUIRE(e.submit(one(id)).has_value());
    const auto end = e.await(id);
    BOOST_TEST_REQUIRE((end && end->status == workflow_status::completed));
  }
  void verify_clean() const {
    const auto report = verify(dir());
    BOOST_TEST_REQUIRE(report.has_value());
    for (const auto& f : report->findings) BOOST_ERROR(f.invariant << " " << f.where << f.what);
  }
  /// Every file with its size and the time of its last change.
  [[nodiscard]] std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> out;
    for (const auto& f : std::filesystem::recursive_directory_iterator(dir())) {
      if (!f.is_regular_file()) continue;
      out[f.path()] = std::to_string(f.file_size()) + " " +
                      std::to_string(f.last_write_time().time_since_epoch().count());
    }
    return out;
  }

  support::temporary_directory place;
};

/// Handlers of the type `hang` stay until the door is opened, whatever they are told.
struct hanging_fixture : shutdown_fixture {
  static action_options given_up_after(milliseconds limit) {
    action_options how;
    how.start_to_close = limit;
    how.retry = retry_policy::never();
    return how;
  }
  /// The function keeps what it refers to.
  options with_hanging(action_options how = {}) const {
    auto opts = quiet();
    opts.handlers.add(
        "hang",
        [mine = shared](const action_context& c) {
          ++mine->begun;
          mine->may_return.wait();
          (*c.log)(log_level::error, c.idempotency_key);  // all that it is given is still there
          mine->read += c.input.size();
          ++mine->returned;
          return outcome::success("\"late\"");
        },
        std::move(how));
    return opts;
  }

  struct state {
    door may_return;
    std::atomic<int> begun = 0;
    std::atomic<int> returned = 0;
    std::atomic<std::size_t> read = 0;
  };
  std::shared_ptr<state> shared = std::make_shared<state>();
};

}  // namespace

// --- threads ---

BOOST_FIXTURE_TEST_SUITE(shutdown_threads, shutdown_fixture)

BOOST_AUTO_TEST_CASE(an_engine_closes_on_a_thread_that_waits_for_signals) {
  std::optional<engine> e(open());
  door signal;
  std::thread waits([&] {
    signal.wait();
    e->close();
  });
  run_one(*e, "w");
  signal.open();
  std::atomic<bool> closed = false;
  std::thread watch([&] {
    waits.join();
    closed = true;
  });
  BOOST_TEST_REQUIRE(comes_true([&] { return closed.load(); }));
  watch.join();
  e.reset();
  verify_clean();
}

BOOST_AUTO_TEST_CASE(a_moved_engine_closes_on_the_thread_that_got_it) {
  auto e = std::make_shared<engine>(open());
  run_one(*e, "w");
  on_another_thread([moved = std::make_shared<engine>(std::move(*e))]() mutable {
    moved->close();
    moved.reset();
  });
  verify_clean();
}

BOOST_AUTO_TEST_CASE(an_engine_is_destroyed_on_another_thread_without_a_close) {
  auto e = std::make_unique<engine>(open());
  run_one(*e, "w");
  on_another_thread([&] { e.reset(); });
  verify_clean();
}

BOOST_AUTO_TEST_CASE(an_engine_ends_while_the_thread_that_opened_it_is_blocked) {
  std::optional<engine> e;
  door opened;
  door end;
  std::thread opens([&] {
    e.emplace(open());
    opened.open();
    end.wait();
  });
  opened.wait();
  run_one(*e, "w");
  on_another_thread([&] {
    e->close();
    e.reset();
  });
  end.open();
  opens.join();
  verify_clean();
}

BOOST_AUTO_TEST_CASE(an_engine_outlives_the_thread_that_opened_it) {
  std::optional<engine> e;
  std::thread([&] { e.emplace(open()); }).join();
  run_one(*e, "w");
  on_another_thread([&] { e.reset(); });
  verify_clean();
}

BOOST_AUTO_TEST_CASE(engines_of_one_thread_end_in_any_order_on_another) {
  auto first = std::make_unique<engine>(open());
  auto opened = engine::open(place.path() / "second", quiet());
  BOOST_TEST_REQUIRE(opened.has_value());
  auto second = std::make_unique<engine>(std::move(*opened));
  on_another_thread([&] { second.reset(); });
  run_one(*first, "w");
  on_another_thread([&] { first.reset(); });
}

BOOST_AUTO_TEST_CASE(a_static_engine_ends_with_its_program) {
  // The database is left behind on purpose (storage/rocks_options.hpp).
  const auto run = support::run_program("ASAN_OPTIONS=detect_leaks=0 timeout 60 " +
                                        support::test_program("static_engine_main") + " '" +
                                        dir().string() + "'");
  BOOST_TEST(run.code == 0);
  verify_clean();
  const auto reads = reader::open(dir());
  BOOST_TEST_REQUIRE(reads.has_value());
  BOOST_TEST(reads->stats().completed == 1U);
}

BOOST_AUTO_TEST_CASE(an_engine_under_virtual_time_ends_on_another_thread) {
  auto opened = tenax::testing::virtual_engine::open(quiet());
  BOOST_TEST_REQUIRE(opened.has_value());
  auto e = std::make_unique<tenax::testing::virtual_engine>(std::move(*opened));
  BOOST_TEST_REQUIRE(e->submit(one("w")).has_value());
  BOOST_TEST_REQUIRE(e->run_until_end("w").has_value());
  on_another_thread([&] { e.reset(); });
}

BOOST_AUTO_TEST_SUITE_END()

// --- handlers that do not return ---

BOOST_FIXTURE_TEST_SUITE(stuck_handlers, hanging_fixture)

BOOST_AUTO_TEST_CASE(a_close_with_a_timeout_leaves_handlers_behind_and_names_them) {
  action_options once;
  once.delivery = delivery::at_most_once;
  auto opts = with_hanging();
  opts.handler_threads = 2;
  opts.handlers.add("hang_once", opts.handlers.find("hang")->run, once);
  std::optional<engine> e(open(std::move(opts)));
  run_one(*e, "done");
  BOOST_TEST_REQUIRE(e->submit(one("again", "hang")).has_value());
  BOOST_TEST_REQUIRE(e->submit(one("once", "hang_once")).has_value());
  BOOST_TEST_REQUIRE(comes_true([&] { return shared->begun == 2; }));
  BOOST_TEST(e->stats().handlers_running == 2U);
  // when
  const auto closed = e->close(milliseconds(20));
  // then
  BOOST_TEST_REQUIRE(!closed.has_value());
  BOOST_TEST((closed.error().code() == errc::timed_out));
  for (const auto* name : {"workflow again, action a (attempt 1)", "workflow once, action a"}) {
    BOOST_TEST((closed.error().message().find(name) != std::string::npos),
               closed.error().message());
  }
  BOOST_TEST(closed.error().faults().size() == 2U);
  BOOST_TEST(e->stats().handlers_stuck == 2U);
  BOOST_TEST((e->get("again").value().actions[0].stuck_attempt == 1U));
  BOOST_TEST((e->summary("done").value().status == workflow_status::completed));
  BOOST_TEST((e->submit(one("late")).error().code() == errc::closing));
  e->close();
  BOOST_TEST(e->close(milliseconds(0)).has_value());
  // nobody waits for them any more, and the directory is free
  e.reset();
  verify_clean();
  auto after = quiet();
  after.handlers.add("hang", [](const action_context&) { return outcome::success("\"new\""); });
  after.handlers.add("hang_once", after.handlers.find("hang")->run, once);
  e.emplace(open(after));
  // then one is made again beside the old handler, and the other is in doubt
  const auto end = e->await("again");
  BOOST_TEST_REQUIRE((end && end->status == workflow_status::completed));
  BOOST_TEST((e->get("again").value().actions[0].result == "\"new\""));
  BOOST_TEST((e->get("again").value().actions[0].attempts == 2U));
  BOOST_TEST((e->get("once").value().actions[0].waiting == waiting_for::decision));
  // and what the old ones return goes nowhere
  const auto events = e->summary("again").value().events;
  const std::weak_ptr<state> functions = shared;
  shared->may_return.open();
  BOOST_TEST(comes_true([&] { return shared->returned == 2; }));
  BOOST_TEST(shared->read == 2U);
  shared.reset();
  BOOST_TEST(comes_true([&] { return functions.expired(); }));  // the last has let go of all
  BOOST_TEST(e->summary("again").value().events == events);
  BOOST_TEST((e->get("once").value().actions[0].waiting == waiting_for::decision));
  e.reset();
  verify_clean();
}

BOOST_AUTO_TEST_CASE(a_close_with_a_timeout_waits_for_handlers_that_stop) {
  auto opts = quiet();
  std::atomic<int> begun = 0;
  opts.handlers.add("obeys", [&](const action_context& c) {
    ++begun;
    while (!c.stop.stop_requested()) std::this_thread::yield();
    return outcome::failure("stopped", "as I was told");
  });
  std::optional<engine> e(open(opts));
  BOOST_TEST_REQUIRE(e->submit(one("w", "obeys")).has_value());
  BOOST_TEST_REQUIRE(comes_true([&] { return begun == 1; }));
  BOOST_TEST(e->close(milliseconds::max()).has_value());
  BOOST_TEST(e->stats().handlers_stuck == 0U);
  e.reset();
  verify_clean();
}

BOOST_AUTO_TEST_CASE(a_handler_that_was_given_up_before_is_left_behind_too) {
  std::optional<engine> e(open(with_hanging(given_up_after(milliseconds(5)))));
  BOOST_TEST_REQUIRE(e->submit(one("w", "hang")).has_value());
  BOOST_TEST_REQUIRE((e->await("w").value().status == workflow_status::failed));
  const auto closed = e->close(milliseconds(-1));
  BOOST_TEST_REQUIRE(!closed.has_value());
  BOOST_TEST_REQUIRE(closed.error().faults().size() == 1U);
  BOOST_TEST(closed.error().faults()[0].path == "w/a");
  e.reset();
  verify_clean();
  shared->may_return.open();
  BOOST_TEST(comes_true([&] { return shared.use_count() == 1; }));
}

/// Again and again, with handlers that return just as they are left behind.
BOOST_AUTO_TEST_CASE(a_handler_that_returns_as_it_is_left_behind_is_one_or_the_other) {
  for (int round = 0; round < 50; ++round) {
    auto mine = std::make_shared<state>();
    auto opts = quiet();
    opts.handler_threads = 4;
    opts.handlers.add("hang", [mine](const action_context&) {
      ++mine->begun;
      mine->may_return.wait();
      return outcome::success();
    });
    std::optional<engine> e(open(std::move(opts)));
    const auto id = [&](int n) { return std::to_string(round) + "-" + std::to_string(n); };
    for (int n = 0; n < 4; ++n) BOOST_TEST_REQUIRE(e->submit(one(id(n), "hang")).has_value());
    BOOST_TEST_REQUIRE(comes_true([&] { return mine->begun == 4; }));
    std::thread opens([&] { mine->may_return.open(); });
    const auto closed = e->close(milliseconds(0));
    std::size_t open_ones = 0;
    for (int n = 0; n < 4; ++n) {
      open_ones += e->summary(id(n)).value().status == workflow_status::completed ? 0 : 1;
    }
    BOOST_TEST(open_ones == (closed ? 0U : closed.error().faults().size()));
    e.reset();
    opens.join();
    BOOST_TEST(comes_true([&] { return mine.use_count() == 1; }));
    e.emplace(open());  // without a handler of that type: nothing is made again
    for (int n = 0; n < 4; ++n) (void)e->cancel(id(n));
  }
  verify_clean();
}

BOOST_AUTO_TEST_CASE(handlers_that_were_given_up_do_not_keep_others_from_running) {
  auto opts = with_hanging(given_up_after(milliseconds(5)));  // one thread
  auto e = open(std::move(opts));
  for (int n = 1; n <= 3; ++n) {
    const auto id = "stuck" + std::to_string(n);
    BOOST_TEST_REQUIRE(e.submit(one(id, "hang")).has_value());
    BOOST_TEST_REQUIRE((e.await(id).value().status == workflow_status::failed));
  }
  BOOST_TEST(comes_true([&] { return e.stats().handlers_stuck == 3U; }));
  BOOST_TEST((e.get("stuck2").value().actions[0].stuck_attempt == 1U));
  run_one(e, "fourth");
  BOOST_TEST((!e.get("fourth").value().actions[0].stuck_attempt));
  BOOST_TEST(e.stats().handlers_running == 0U);
  shared->may_return.open();
  BOOST_TEST(comes_true([&] { return e.stats().handlers_stuck == 0U; }));
  BOOST_TEST((!e.get("stuck2").value().actions[0].stuck_attempt));
}

/// One thread for a type, four substitutes; then those that hang take the places of their type.
BOOST_AUTO_TEST_CASE(threads_of_handlers_that_were_given_up_are_replaced_up_to_a_bound) {
  constexpr int hanging = 1 + 4;
  auto e = open(with_hanging(given_up_after(milliseconds(5))));
  for (int n = 1; n <= hanging; ++n) {
    const auto id = "stuck" + std::to_string(n);
    BOOST_TEST_REQUIRE(e.submit(one(id, "hang")).has_value());
    BOOST_TEST_REQUIRE((e.await(id).value().status == workflow_status::failed));
  }
  BOOST_TEST(comes_true([&] { return e.stats().handlers_stuck == hanging; }));
  // when one more of the type comes, it waits, and others do not
  BOOST_TEST_REQUIRE(e.submit(one("more", "hang")).has_value());
  BOOST_TEST_REQUIRE(e.submit(one("other")).has_value());
  BOOST_TEST((e.await("other").value().status == workflow_status::completed));
  BOOST_TEST(e.stats().actions_waiting == 1U);
  BOOST_TEST((e.summary("more").value().actions.ready == 1U));
  // until one comes back
  shared->may_return.open();
  BOOST_TEST((e.await("more").value().status == workflow_status::completed));
  BOOST_TEST(comes_true([&] { return e.stats().actions_waiting == 0U; }));
}

BOOST_AUTO_TEST_SUITE_END()

// --- fork ---

BOOST_FIXTURE_TEST_SUITE(after_fork, shutdown_fixture)

BOOST_AUTO_TEST_CASE(a_forked_child_is_answered_and_harms_nothing) {
  auto e = open();
  run_one(e, "w");
  auto reads = reader::open(dir());
  BOOST_TEST_REQUIRE(reads.has_value());
  BOOST_TEST(comes_true([&] { return e.stats().active == 0U; }));
  const auto before = files();
  const auto child = support::run_forked(
      [&] {
        int wrong = 0;
        const auto stopped = [&](const auto& r) {
          wrong += !r.has_value() && r.error().code() == errc::stopped ? 0 : 1;
        };
        stopped(e.submit(one("v")));
        stopped(e.submit_json("{}"));
        e.submit_async(one("v"), [&](const result<submission>& r) { stopped(r); });
        e.submit_async(one("v"), nullptr);
        stopped(e.await("w"));
        stopped(e.summary("w"));
        stopped(e.get("w"));
        stopped(e.list());
        stopped(e.history("w"));
        stopped(e.list_retry_eligible());
        stopped(e.list_ready_scheduled());
        stopped(e.cancel("w"));
        stopped(e.resolve("w", "a", {}));
        stopped(e.drain(milliseconds(1)));
        stopped(e.close(milliseconds(1)));
        e.close();
        wrong += e.healthy() ? 1 : 0;
        wrong += e.stats().epoch == 0 ? 0 : 1;
        stopped(engine::open(dir(), quiet()));
        stopped(engine::open(place.path() / "other", quiet()));
        stopped(reads->refresh());
        stopped(reads->summary("w"));
        stopped(reads->get("w"));
        stopped(reads->list());
        stopped(reads->history("w"));
        wrong += reads->stats().epoch == 0 ? 0 : 1;
        { const engine destroyed = std::move(e); }
        { const reader destroyed = std::move(*reads); }
        return wrong;
      },
      60);
  BOOST_TEST(child.ok(), child.to_string());
  // nothing was written, the lock still holds, and the parent goes on
  BOOST_TEST((files() == before));
  const auto second = engine::open(dir(), quiet());
  BOOST_TEST((!second && second.error().code() == errc::data_dir_locked));
  BOOST_TEST(reads->refresh().has_value());
  run_one(e, "v");
  e.close();
  verify_clean();
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/// Whatever its threads hold at that moment. (The sanitizers' allocators are not made for a fork
/// beside threads: another one's lock in them stays locked in the child.)
BOOST_AUTO_TEST_CASE(a_child_that_is_forked_in_the_midst_of_work_ends) {
  auto e = open();
  std::atomic<bool> enough = false;
  std::thread works([&] {
    for (int n = 0; !enough; ++n) (void)e.submit(one("w" + std::to_string(n)));
  });
  for (int n = 0; n < 20; ++n) {
    const auto child = support::run_forked(
        [&] {
          const bool right = !e.stats().epoch && !e.list() && !e.submit(one("v"));
          { const engine destroyed = std::move(e); }
          return right ? 0 : 1;
        },
        60);
    BOOST_TEST(child.ok(), child.to_string());
  }
  enough = true;
  works.join();
  e.close();
  verify_clean();
}
#endif

BOOST_AUTO_TEST_SUITE_END()
