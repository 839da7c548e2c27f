// The order service (examples/order_service) as its customers see it, while it is killed, stopped,
// and started again. Judged by its answers and by the books of the world outside.
#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <set>
#include <string>

#include "tenax/engine.hpp"
#include "tests/e2e/program.hpp"
#include "tests/service/outside.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/programs.hpp"

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using steady = std::chrono::steady_clock;

namespace {

/// A customer's side: orders and deliveries, each sent again until it is answered.
class customers {
 public:
  explicit customers(std::uint64_t seed) : random_(seed) {}

  void more(int orders) {
    for (; orders > 0; --orders) {
      const auto n = std::to_string(++made_);
      const auto kind = random_() % 20;
      e2e::json o{{"id", n},
                  {"item", random_() % 2 == 0 ? "tea" : "rice"},
                  {"count", 1 + random_() % 3},
                  {"card", kind == 0 ? "visa-refused" : "visa-" + n},
                  {"cents", 100 + random_() % 900},
                  {"mail", kind == 1 ? "${actions.none.result}" : "a@b.example"},
                  {"address", kind == 2 ? "" : "street " + n}};
      waiting_["accepted " + n] = "order " + o.dump() + "\n";
      // About as much as is ordered: orders fail for want of goods, and go on later.
      if (made_ % 10 == 0) deliver(made_ % 20 == 0 ? "tea" : "rice", 20);
    }
  }
  void deliver(const std::string& item, int count) {
    const auto id = "s" + std::to_string(++deliveries_);
    const e2e::json d{{"id", id}, {"item", item}, {"count", count}};
    waiting_["stocked " + id] = "stock " + d.dump() + "\n";
  }
  /// A new life of the service knows nothing of what was sent before.
  void begin_life() {
    sent_.clear();
    line_.clear();
  }
  void send(e2e::process& service) {
    for (const auto& [answer, text] : waiting_) {
      if (sent_.size() >= 50) return;
      if (sent_.contains(answer)) continue;
      if (!service.write(text)) return;
      sent_.insert(answer);
    }
  }
  void hear(const std::string& text) {
    line_ += text;
    for (auto end = line_.find('\n'); end != line_.npos; end = line_.find('\n')) {
      const auto answer = line_.substr(0, end);
      line_.erase(0, end + 1);
      sent_.erase(answer);
      if (waiting_.erase(answer) != 0 && answer.starts_with("accepted ")) {
        accepted_.push_back(answer.substr(9));
      }
      if (answer.starts_with("refused")) BOOST_ERROR(answer);
      if (answer.starts_with("backup ")) backup_ = answer.substr(7);
      if (answer.starts_with("no backup")) BOOST_ERROR(answer);
    }
  }
  [[nodiscard]] bool all_answered() const { return waiting_.empty(); }
  [[nodiscard]] std::size_t unanswered() const { return waiting_.size(); }
  [[nodiscard]] const std::vector<std::string>& accepted() const { return accepted_; }
  [[nodiscard]] const std::string& backup() const { return backup_; }

 private:
  std::mt19937_64 random_;
  int made_ = 0;
  int deliveries_ = 0;
  std::map<std::string, std::string> waiting_;  ///< what is sent, by the answer to it
  std::set<std::string> sent_;                  ///< in this life, not answered
  std::vector<std::string> accepted_;
  std::string line_;
  std::string backup_;
};

struct street {
  tenax::support::temporary_directory dir{"tenax-service"};
  std::uint64_t seed =
      std::stoull(tenax::support::amount("TENAX_SEED", std::to_string(std::random_device{}())));
  std::mt19937_64 random{seed};
  customers people{seed};
  int kills = 0;
  int stops = 0;

  street() { BOOST_TEST_MESSAGE("seed " << seed); }
  ~street() {
    if (boost::unit_test::results_collector
            .results(boost::unit_test::framework::current_test_case().p_id)
            .passed()) {
      return;
    }
    dir.keep();
    BOOST_TEST_MESSAGE("kept: " << dir.path());
  }

  [[nodiscard]] e2e::arguments command(const std::string& more = {}) const {
    e2e::arguments c{ORDER_SERVICE, dir.path().string()};
    if (!more.empty()) c.push_back(more);
    return c;
  }
  [[nodiscard]] service::outside books() const { return service::outside(dir.path() / "world"); }

  /// Sends and hears until `end` says so.
  template <class End>
  void serve(e2e::process& service, const End& end) {
    while (!end()) {
      people.send(service);
      people.hear(service.take_output(10ms));
    }
  }

  /// One life that ends by a signal at a random moment.
  void live_and_die() {
    people.begin_life();
    e2e::process service(command(), e2e::output::pipes, e2e::input::from_test);
    const auto birth = steady::now();
    const auto death = birth + milliseconds(random() % 1'200);
    const bool graceful = random() % 8 == 0;
    // Less than the carrier takes on average, in lumps that are more than it takes at once.
    int made = 0;
    serve(service, [&] {
      for (; made < 20 + (steady::now() - birth) / 50ms; ++made) people.more(1);
      return steady::now() >= death;
    });
    if (random() % 16 == 0) service.send(SIGUSR1);
    service.send(graceful ? SIGTERM : SIGKILL);
    const auto end = service.wait();
    people.hear(end.out);
    // One that had not blocked the signal yet dies of it.
    if (graceful && end.signal != SIGTERM) {
      BOOST_TEST(end.exit_code == 0, "stopped: " << end.out << end.err);
      BOOST_TEST(e2e::contains(end.out, "closed\n"), end.out << end.err);
      ++stops;
    } else {
      BOOST_TEST(end.signal != 0, "it ended by itself: " << end.exit_code << end.err);
      kills += end.signal == SIGKILL ? 1 : 0;
    }
  }

  /// Everything that was accepted has come to its end, once.
  void check_books(const std::string& when) const {
    const auto found = books();
    int faults = 0;
    for (const auto& id : people.accepted()) {
      const auto fault = found.fault(id);
      if (fault.empty()) continue;
      if (++faults <= 10) BOOST_ERROR(when << ": order " << id << ": " << fault);
    }
    BOOST_TEST(faults == 0, when);
    BOOST_TEST(found.orders.size() == people.accepted().size(), when);
    for (const auto& [item, left] : found.stock) BOOST_TEST(left >= 0, when << ": " << item);
  }
  void check_data() const {
    const auto verified = tenax::verify(dir.path() / "data");
    BOOST_REQUIRE(verified.has_value());
    BOOST_TEST(verified->findings_total == 0U);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(order_service, street)

BOOST_AUTO_TEST_CASE(no_accepted_order_is_lost_and_no_card_charged_twice_whenever_it_is_killed) {
  const auto most =
      std::chrono::seconds(std::stoi(tenax::support::amount("TENAX_SERVICE_SECONDS", "60")));
  for (const auto end = steady::now() + most; steady::now() < end;) live_and_die();

  // A backup in the midst of work, and a graceful stop.
  people.deliver("tea", 1'000'000);
  people.deliver("rice", 1'000'000);
  people.more(100);
  people.begin_life();
  {
    e2e::process service(command(), e2e::output::pipes, e2e::input::from_test);
    std::size_t before = people.accepted().size();
    serve(service, [&] { return people.accepted().size() >= before + 30; });
    service.send(SIGUSR1);
    const auto give_up = steady::now() + 60s;
    const auto last = people.backup();
    serve(service, [&] { return people.backup() != last || steady::now() > give_up; });
    BOOST_REQUIRE(people.backup() != last);
    service.send(SIGTERM);
    const auto end = service.wait();
    people.hear(end.out);
    BOOST_TEST(end.exit_code == 0, end.out << end.err);
    BOOST_TEST(e2e::contains(end.out, "closed\n"), end.out << end.err);
  }
  check_data();

  // The last life: all that is open comes to its end.
  const auto finish = [&](const std::string& more) {
    people.begin_life();
    e2e::process service(command(more), e2e::output::pipes, e2e::input::from_test);
    const auto give_up = steady::now() + 120s;
    serve(service, [&] { return people.all_answered() || steady::now() > give_up; });
    BOOST_TEST(people.all_answered());
    service.end_input();
    const auto end = service.wait(std::chrono::minutes(5));
    BOOST_TEST(end.exit_code == 0, end.out << end.err);
  };
  finish("");
  check_books("at the end");
  check_data();
  const auto charges = books().charges;
  BOOST_TEST_MESSAGE("order service: seed " << seed << ", " << kills << " kills, " << stops
                                            << " stops, " << people.accepted().size()
                                            << " accepted orders, " << charges << " charges");
  BOOST_TEST(kills > 0);

  // The disk with the data is lost. The backup goes on, in a world that is ahead of it.
  std::filesystem::remove_all(dir.path() / "data");
  std::filesystem::rename(dir.path() / "backups" / people.backup(), dir.path() / "data");
  finish("--restored");
  check_books("after the backup was restored");
  BOOST_TEST(books().charges == charges);
  check_data();
}

BOOST_AUTO_TEST_SUITE_END()
