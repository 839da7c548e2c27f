// The public API from many threads, on a real disk, real threads and real time: what
// ThreadSanitizer is to see. Everything about what an engine does is tested under virtual time
// (tests/unit/actors).
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tenax/engine.hpp"
#include "tests/support/processes.hpp"

using namespace tenax;

namespace {

constexpr int clients = 4;
constexpr int workflows = 60;  ///< of each client

struct engine_on_disk {
  engine_on_disk() : place("tenax-threads") {
    opts.log = [](log_level, std::string_view) {};
    opts.handler_threads = 3;
    opts.retry.min_wait = milliseconds(1);
    opts.handlers.add(
        "echo", [](const action_context& c) { return outcome::success(std::string(c.input)); });
    opts.handlers.add("flaky", [](const action_context& c) {
      return c.attempt == 1 ? outcome::failure("busy", "again") : outcome::success("1");
    });
    action_options in_place;
    in_place.mode = run_mode::in_place;
    opts.handlers.add(
        "quick", [](const action_context&) { return outcome::success("2"); }, in_place);
    opts.on_finished = [this](const workflow_summary&) { ++finished; };
  }
  [[nodiscard]] std::filesystem::path dir() const { return place.path() / "data"; }
  engine open() {
    auto opened = engine::open(dir(), opts);
    if (!opened) throw std::runtime_error(opened.error().to_string());
    return std::move(*opened);
  }
  static workflow_spec spec(const std::string& id) {
    return workflow_builder("threads")
        .id(id)
        .action("a", "echo", R"({"n": 1})")
        .action("b", "flaky")
        .action("c", "quick", R"({"n": "${actions.a.result.n}"})");
  }
  void verify_clean() const {
    const auto report = verify(dir());
    BOOST_TEST_REQUIRE(report.has_value());
    for (const auto& f : report->findings) BOOST_ERROR(f.invariant << " " << f.where << f.what);
  }

  support::temporary_directory place;
  std::atomic<int> finished = 0;
  options opts;
};

/// Boost's checks are not thread safe.
struct tally {
  std::atomic<int> wrong = 0;
  void check(bool right) { wrong += right ? 0 : 1; }
};

/// Submits, repeats, cancels, reads and waits.
void use(engine& e, int client, tally& t) {
  for (int n = 0; n < workflows; ++n) {
    const auto id = "w" + std::to_string(client) + "-" + std::to_string(n);
    const auto spec = engine_on_disk::spec(id);
    const auto first = e.submit(spec);
    t.check(first && !first->existed);
    const auto why = e.explain(id);
    t.check(why && !why->headline.empty());
    const auto second = e.submit(spec);
    t.check(second && second->existed);
    if (n % 5 == 0) {
      const auto r = e.cancel(id, "enough");
      t.check(r || r.error().code() == errc::wrong_state);
    }
    t.check(e.get(id).has_value());
    t.check(e.list().has_value());
    t.check(e.history(id).has_value());
    t.check(e.stats().submitted > 0 && e.healthy());
    t.check(e.list_retry_eligible().has_value());
    const auto end = e.await(id, milliseconds(60'000));
    t.check(end && (end->status == workflow_status::completed ||
                    (n % 5 == 0 && end->status == workflow_status::cancelled)));
  }
}

/// Where handlers wait for each other, or for the test.
class meeting {
 public:
  /// False if not so many have come within a minute.
  bool come_and_wait_for(int count) {
    std::unique_lock lock(mutex_);
    ++here_;
    changed_.notify_all();
    return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return here_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(many_threads, engine_on_disk)

BOOST_AUTO_TEST_CASE(the_api_may_be_used_from_many_threads) {
  tally t;
  {
    auto e = open();
    std::vector<std::thread> threads;
    for (int client = 0; client < clients; ++client) {
      threads.emplace_back([&, client] { use(e, client, t); });
    }
    for (auto& thread : threads) thread.join();
    BOOST_TEST(e.stats().submitted == static_cast<std::uint64_t>(clients * workflows));
    BOOST_TEST(e.stats().open == 0U);
    BOOST_TEST(e.drain(milliseconds(60'000)).has_value());
  }
  BOOST_TEST(t.wrong == 0);
  BOOST_TEST(finished == clients * workflows);
  verify_clean();
}

/// Threads wake each other: one that is not woken would never come.
BOOST_AUTO_TEST_CASE(as_many_handlers_run_at_once_as_there_are_threads) {
  constexpr int rounds = 50;
  std::vector<meeting> meetings(rounds);
  opts.handlers.add("meet", [&](const action_context& c) {
    auto& here = meetings[std::stoul(std::string(c.input))];
    return here.come_and_wait_for(3) ? outcome::success("1") : outcome::fatal("alone", "");
  });
  auto e = open();
  for (int n = 0; n < rounds; ++n) {
    const auto id = "w" + std::to_string(n);
    const auto round = std::to_string(n);
    BOOST_TEST_REQUIRE(e.submit(workflow_builder("meet")
                                    .id(id)
                                    .action("a", "meet", round)
                                    .action("b", "meet", round)
                                    .action("c", "meet", round))
                           .has_value());
    const auto end = e.await(id);
    BOOST_TEST_REQUIRE((end && end->status == workflow_status::completed));
  }
}

/// The start of a handler that returns at once is told with its end; that of another one is not
/// kept back until then.
BOOST_AUTO_TEST_CASE(a_handler_that_runs_on_is_seen_to_run) {
  meeting release;
  opts.handlers.add("long", [&](const action_context&) {
    return release.come_and_wait_for(2) ? outcome::success("1") : outcome::fatal("alone", "");
  });
  auto e = open();
  BOOST_TEST_REQUIRE(e.submit(workflow_builder("long").id("w").action("a", "long")).has_value());
  const auto seen = [&] {
    const auto view = e.get("w");
    return view && view->actions[0].status == action_status::executing;
  };
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!seen() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  BOOST_TEST(seen());
  BOOST_TEST(release.come_and_wait_for(2));
  BOOST_TEST((e.await("w").value().status == workflow_status::completed));
  std::vector<std::string> kinds;
  const auto history = e.history("w");
  for (const auto& event : *history) kinds.push_back(event.kind);
  BOOST_TEST(std::count(kinds.begin(), kinds.end(), "attempt_started") == 1);
}

/// Whatever is called while another thread closes is answered, and what was acknowledged stays.
BOOST_AUTO_TEST_CASE(calls_during_a_close_are_answered) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> acknowledged = 0;
    tally t;
    std::uint64_t before = 0;
    {
      auto e = open();
      before = e.stats().submitted;
      std::vector<std::thread> threads;
      for (int client = 0; client < clients; ++client) {
        threads.emplace_back([&, client] {
          for (int n = 0;; ++n) {
            const auto id =
                std::to_string(round) + "-" + std::to_string(client) + "-" + std::to_string(n);
            const auto submitted = e.submit(spec(id));
            acknowledged += submitted ? 1 : 0;
            const auto cancelled = e.cancel(id);
            const auto awaited = e.await(id, milliseconds(1));
            if (submitted) continue;
            // Closing, from here on: every later call says so as well.
            t.check(submitted.error().code() == errc::closing);
            t.check(!cancelled && cancelled.error().code() == errc::closing);
            t.check(!awaited);
            return;
          }
        });
      }
      while (acknowledged < 20) std::this_thread::yield();
      e.close();
      for (auto& thread : threads) thread.join();
      BOOST_TEST(e.stats().submitted == before + static_cast<std::uint64_t>(acknowledged.load()));
    }
    BOOST_TEST(t.wrong == 0);
    verify_clean();
  }
}

/// "Admits no new workflow": what was admitted before is on disk and answered.
BOOST_AUTO_TEST_CASE(a_drain_waits_for_the_submits_that_had_begun) {
  auto e = open();
  std::atomic<int> answered = 0;
  constexpr int count = 300;
  for (int n = 0; n < count; ++n) {
    e.submit_async(spec("w" + std::to_string(n)), [&](result<submission> r) {
      if (r) ++answered;
    });
    // The same once more, while the first may be on its way.
    e.submit_async(spec("w" + std::to_string(n)), [&](result<submission> r) {
      if (r) ++answered;
    });
  }
  BOOST_TEST(e.drain(milliseconds(60'000)).has_value());
  BOOST_TEST(answered == 2 * count);
  BOOST_TEST(e.stats().submitted == static_cast<std::uint64_t>(count));
  const auto late = e.submit(spec("late"));
  BOOST_TEST((!late && late.error().code() == errc::closing));
}

BOOST_AUTO_TEST_CASE(a_moved_from_engine_and_reader_answer_with_an_error) {
  auto first = engine::open(dir(), opts);
  BOOST_REQUIRE(first);
  engine e = std::move(*first);
  engine& gone = *first;
  const auto closing = [](const auto& r) {
    return !r.has_value() && r.error().code() == errc::closing;
  };
  BOOST_TEST(closing(gone.submit(spec("w"))));
  BOOST_TEST(closing(gone.submit_json("{}")));
  BOOST_TEST(closing(gone.propose_workflow(spec("w"))));
  int told = 0;
  gone.submit_async(spec("w"), [&](const result<submission>& r) { told += closing(r) ? 1 : 0; });
  gone.submit_async(spec("w"), nullptr);
  BOOST_TEST(told == 1);
  BOOST_TEST(closing(gone.await("w")));
  BOOST_TEST(closing(gone.summary("w")));
  BOOST_TEST(closing(gone.get("w")));
  BOOST_TEST(closing(gone.list()));
  BOOST_TEST(closing(gone.history("w")));
  BOOST_TEST(closing(gone.list_retry_eligible()));
  BOOST_TEST(closing(gone.list_ready_scheduled()));
  BOOST_TEST(closing(gone.cancel("w")));
  BOOST_TEST(closing(gone.resolve("w", "a", {})));
  BOOST_TEST(closing(gone.drain(milliseconds(1))));
  gone.close();
  BOOST_TEST(gone.stats().epoch == 0u);
  BOOST_TEST(!gone.healthy());
  BOOST_TEST(e.healthy());

  auto reads = reader::open(dir());
  BOOST_REQUIRE(reads);
  const reader r = std::move(*reads);
  BOOST_TEST(closing(reads->refresh()));
  BOOST_TEST(closing(reads->summary("w")));
  BOOST_TEST(closing(reads->get("w")));
  BOOST_TEST(closing(reads->list()));
  BOOST_TEST(closing(reads->history("w")));
  BOOST_TEST(reads->stats().epoch == 0u);
  BOOST_TEST(r.list().has_value());
}

BOOST_AUTO_TEST_CASE(a_submit_without_a_callback_is_made) {
  auto e = engine::open(dir(), opts);
  BOOST_REQUIRE(e);
  e->submit_async(spec("w"), nullptr);
  BOOST_TEST(e->drain(milliseconds(60'000)).has_value());
  BOOST_TEST(e->summary("w").has_value());
}

/// What no engine can work with is refused at open, by its name.
BOOST_AUTO_TEST_CASE(options_out_of_range_are_refused_by_name) {
  constexpr auto none = std::numeric_limits<std::size_t>::max();
  const auto refused = [&](const char* name, const std::function<void(options&)>& change) {
    auto changed = opts;
    change(changed);
    const auto opened = engine::open(dir(), changed);
    BOOST_TEST_REQUIRE(!opened, name);
    BOOST_TEST((opened.error().code() == errc::invalid_argument), name);
    BOOST_TEST_REQUIRE(opened.error().faults().size() == 1U, name);
    BOOST_TEST(opened.error().faults().front().path == name);
  };
  for (const std::size_t bad : {std::size_t{0}, none}) {
    refused("active_workflows_max", [&](options& o) { o.active_workflows_max = bad; });
    refused("open_workflows_max", [&](options& o) { o.open_workflows_max = bad; });
    refused("memory_bytes_max", [&](options& o) { o.memory_bytes_max = bad; });
    refused("limits/actions_max", [&](options& o) { o.limits.actions_max = bad; });
    refused("limits/json_depth_max", [&](options& o) { o.limits.json_depth_max = bad; });
    refused("limits/spec_bytes_max", [&](options& o) { o.limits.spec_bytes_max = bad; });
    refused("limits/payload_bytes_max", [&](options& o) { o.limits.payload_bytes_max = bad; });
    refused("limits/text_bytes_max", [&](options& o) { o.limits.text_bytes_max = bad; });
  }
  refused("limits/json_depth_max", [](options& o) { o.limits.json_depth_max = 65; });
  refused("limits/attempts_max", [](options& o) { o.limits.attempts_max = 50; });
  refused("retention/failed/age", [](options& o) { o.retention.failed.age = milliseconds(-1); });
  // What a record cannot hold: found at open, not when the first such result has been made.
  refused("limits/payload_bytes_max",
          [](options& o) { o.limits.payload_bytes_max = limits::payload_bytes_most + 1; });
  refused("handler_threads", [&](options& o) { o.handler_threads = none; });
  refused("scheduler_threads", [&](options& o) { o.scheduler_threads = none; });
  for (const auto bad : {milliseconds::min(), milliseconds(0), milliseconds::max()}) {
    refused("limits/delay_max", [&](options& o) { o.limits.delay_max = bad; });
    refused("timer_horizon", [&](options& o) { o.timer_horizon = bad; });
  }
}

/// Words come as soon as a token is known: before its handler has returned, too.
BOOST_AUTO_TEST_CASE(open_attempts_are_ended_from_many_threads) {
  engine_on_disk here;
  std::mutex mutex;
  std::condition_variable more;
  std::vector<std::string> tokens;
  for (const bool in_place : {false, true}) {
    action_options how;
    how.mode = in_place ? run_mode::in_place : run_mode::blocking;
    how.heartbeat = milliseconds(60'000);
    here.opts.handlers.add(
        in_place ? "ask_quick" : "ask",
        [&](const action_context& c) {
          const std::lock_guard lock(mutex);
          tokens.push_back(c.token());
          more.notify_one();
          return outcome::pending();
        },
        how);
  }
  std::atomic<int> wrong = 0;
  {
    auto engine = here.open();
    std::atomic<bool> over = false;
    std::vector<std::thread> outside;
    for (int n = 0; n < clients; ++n) {
      outside.emplace_back([&] {
        for (;;) {
          std::string token;
          {
            std::unique_lock lock(mutex);
            more.wait(lock, [&] { return over || !tokens.empty(); });
            if (tokens.empty()) return;
            token = std::move(tokens.back());
            tokens.pop_back();
          }
          if (token.size() % 2 == 0) (void)engine.heartbeat(token, "some");
          for (int twice = 0; twice < 2; ++twice) {
            if (!engine.end_attempt(token, outcome::success("7"))) ++wrong;
          }
        }
      });
    }
    std::vector<std::string> ids;
    for (int n = 0; n < clients * workflows; ++n) {
      ids.push_back("w" + std::to_string(n));
      const workflow_spec spec = workflow_builder("threads")
                                     .id(ids.back())
                                     .action("a", "ask")
                                     .action("b", "ask_quick")
                                     .action("c", "ask")
                                     .after("b");
      if (!engine.submit(spec)) ++wrong;
    }
    for (const auto& id : ids) {
      const auto end = engine.await(id, milliseconds(60'000));
      if (!end || end->status != workflow_status::completed) ++wrong;
    }
    {
      const std::lock_guard lock(mutex);
      over = true;
      more.notify_all();
    }
    for (auto& t : outside) t.join();
  }
  BOOST_TEST(wrong == 0);
  here.verify_clean();
}

/// Whatever the handler returns then, it is of the past.
BOOST_AUTO_TEST_CASE(a_deferral_from_outside_comes_before_what_its_handler_returns) {
  engine_on_disk here;
  here.opts.durability = durability::async;
  here.opts.handler_threads = 8;
  engine* on = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  int again = 0;
  std::atomic<int> wrong = 0;
  here.opts.handlers.add("quick_word", [&](const action_context& c) {
    if (!on->end_attempt(c.token(), outcome::defer(c.now + std::chrono::hours(1)))) ++wrong;
    return outcome::pending();
  });
  here.opts.handlers.add("slow_return", [&](const action_context& c) {
    std::unique_lock lock(mutex);
    if (c.deferrals > 0) {
      ++again;
      changed.notify_all();
      changed.wait(lock, [&] { return again < 0; });
      return outcome::pending();
    }
    lock.unlock();
    if (!on->end_attempt(c.token(), outcome::defer(c.now))) ++wrong;
    lock.lock();
    changed.wait(lock, [&] { return again != 0; });
    return outcome::success("of the past");
  });
  {
    auto engine = here.open();
    on = &engine;
    const auto wait_of = [&](const std::string& id) {
      const auto view = engine.get(id);
      if (!view) throw std::runtime_error(view.error().to_string());
      return std::pair(view->actions[0].waiting, view->summary.status);
    };
    for (int n = 0; n < 50; ++n) {
      const std::string id = "w" + std::to_string(n);
      if (!engine.submit(workflow_builder("threads").id(id).action("a", "quick_word"))) ++wrong;
    }
    if (!engine.submit(workflow_builder("threads").id("slow").action("a", "slow_return"))) ++wrong;
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return again != 0; });
    }
    // The first call has returned when it is not counted any more.
    while (engine.stats().handlers_running > 1) std::this_thread::yield();
    for (int n = 0; n < 50; ++n) {
      BOOST_TEST((wait_of("w" + std::to_string(n)).first == waiting_for::timer));
    }
    {
      const std::lock_guard lock(mutex);
      again = -1;
      changed.notify_all();
    }
    while (wait_of("slow").first != waiting_for::outside &&
           wait_of("slow").second == workflow_status::in_progress) {
      std::this_thread::yield();
    }
    BOOST_TEST((wait_of("slow").second == workflow_status::in_progress));
  }
  BOOST_TEST(wrong == 0);
  here.verify_clean();
}

BOOST_AUTO_TEST_CASE(an_early_word_that_defers_or_fails_has_the_handler_called_again) {
  constexpr int rounds = 16;  // the word races with what the engine's threads say of the first call
  for (int round = 0; round < rounds; ++round) {
    const bool defers = round % 4 != 0;
    // The first call returns only once the second has begun.
    std::promise<std::string> first, second;
    std::promise<void> second_has_begun;
    std::atomic<int> calls = 0;
    options o;
    o.log = [](log_level, std::string_view) {};
    o.retry = retry_policy::fixed(milliseconds(1), 3);
    o.handlers.add("ask", [&](const action_context& c) {
      if (++calls == 1) {
        first.set_value(c.token());
        second_has_begun.get_future().wait_for(std::chrono::seconds(10));
      } else {
        second.set_value(c.token());
        second_has_begun.set_value();
      }
      return outcome::pending();
    });
    support::temporary_directory here("tenax-early");
    auto e = engine::open(here.path() / "early", std::move(o));
    BOOST_TEST_REQUIRE(e.has_value());
    BOOST_TEST_REQUIRE(e->submit(workflow_builder("early").id("w").action("a", "ask")).has_value());
    const auto word = defers ? outcome::defer(wall_time(milliseconds(1)))
                             : outcome::failure("early", "no", milliseconds(1));
    BOOST_TEST(e->end_attempt(first.get_future().get(), word).has_value());
    auto told = second.get_future();
    BOOST_TEST_REQUIRE((told.wait_for(std::chrono::seconds(30)) == std::future_status::ready));
    BOOST_TEST(e->end_attempt(told.get(), outcome::success("7")).has_value());
    const auto end = e->await("w", milliseconds(30'000));
    BOOST_TEST_REQUIRE(end.has_value());
    BOOST_TEST((end->status == workflow_status::completed));
    BOOST_TEST(calls == 2);
    BOOST_TEST((*e->get("w")).actions[0].attempts == (defers ? 1U : 2U));
    e->close();
    BOOST_TEST((*verify(here.path() / "early")).findings_total == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
