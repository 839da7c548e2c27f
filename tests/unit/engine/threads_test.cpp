// The public API from many threads, on a real disk, real threads and real time: what
// ThreadSanitizer is to see. Everything about what an engine does is tested under virtual time
// (tests/unit/actors).
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
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

BOOST_AUTO_TEST_SUITE_END()
