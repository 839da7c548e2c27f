// A server on loopback and its clients, good and bad.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/http/support.hpp"

using namespace tenax::http;
using namespace tenax::http::tests;
using namespace std::chrono_literals;

namespace {

/// Says what it was asked.
void echo(request r, const responder& to) {
  to.send({200, {{"Content-Type", "text/plain"}}, r.method + " " + r.path + " " + r.body});
}

/// Keeps requests for the test to answer.
class desk {
 public:
  handler take() {
    return [this](request r, responder to) {
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(r));
      responders_.push_back(std::move(to));
    };
  }
  responder next() {
    BOOST_REQUIRE(eventually([&] { return size() > 0; }));
    const std::lock_guard lock(mutex_);
    auto to = std::move(responders_.front());
    responders_.erase(responders_.begin());
    return to;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return responders_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<request> requests_;
  std::vector<responder> responders_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(live_server)

BOOST_AUTO_TEST_CASE(requests_of_one_connection_are_answered_in_order) {
  const auto s = must_start({}, echo);
  client c(s.addresses()[0]);
  c.send(
      "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
      "GET /c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  BOOST_TEST(c.read().body == "GET /a ");
  BOOST_TEST(c.read().body == "POST /b hi");
  const auto last = c.read();
  BOOST_TEST(last.body == "GET /c ");
  BOOST_TEST(last.headers.at("connection") == "close");
  BOOST_TEST(last.headers.at("date").size() == 29u);
  BOOST_TEST(c.is_closed());
}

BOOST_AUTO_TEST_CASE(an_answer_may_come_later_from_another_thread) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  std::thread([to = d.next()] { to.send({200, {}, "late"}); }).join();
  BOOST_TEST(c.read().body == "late");
  c.get("/");
  { const auto dropped = d.next(); }
  BOOST_TEST(c.read().status == 500);
}

BOOST_AUTO_TEST_SUITE_END()
