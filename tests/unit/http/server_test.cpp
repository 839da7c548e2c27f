// A server on loopback and its clients, good and bad: requests, answers, limits, deadlines.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <atomic>
#include <filesystem>
#include <memory>
#include <stdexcept>
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

BOOST_AUTO_TEST_CASE(pipelined_requests_wait_for_the_answer_before_them) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/1");
  c.get("/2");
  const auto first = d.next();
  BOOST_TEST(d.size() == 0u);
  first.send({200, {}, "1"});
  d.next().send({200, {}, "2"});
  BOOST_TEST(c.read().body == "1");
  BOOST_TEST(c.read().body == "2");
}

BOOST_AUTO_TEST_CASE(an_answer_may_come_later_from_another_thread) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  std::thread([to = d.next()] { to.send({200, {}, "late"}); }).join();
  BOOST_TEST(c.read().body == "late");
}

BOOST_AUTO_TEST_CASE(a_request_that_nobody_answers_is_500) {
  std::atomic<int> reports = 0;
  options o;
  o.report = [&](std::string_view what) { reports += what.ends_with("no idea") ? 1 : 0; };
  const auto s = must_start(std::move(o), [](const request& r, const responder&) {
    if (r.path == "/throw") throw std::runtime_error("no idea");
  });
  client c(s.addresses()[0]);
  c.get("/drop");
  BOOST_TEST(c.read().status == 500);
  c.get("/throw");
  const auto thrown = c.read();
  BOOST_TEST(thrown.status == 500);
  BOOST_TEST(thrown.body.find("idea") == std::string::npos);
  BOOST_TEST(eventually([&] { return reports == 1; }));
}

BOOST_AUTO_TEST_CASE(only_the_first_answer_counts) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  const auto to = d.next();
  std::atomic<int> written = 0;
  std::atomic<int> not_written = 0;
  const auto count = [&](bool ok) { ok ? ++written : ++not_written; };
  BOOST_TEST(to.send({200, {}, "first"}, count));
  BOOST_TEST(!to.send({200, {}, "second"}, count));
  BOOST_TEST(!to.send_stream({}).write("third"));
  BOOST_TEST(c.read().body == "first");
  BOOST_TEST(eventually([&] { return written == 1; }));
  BOOST_TEST(not_written == 1);
}

BOOST_AUTO_TEST_CASE(large_bodies_and_answers_pass) {
  for (const int threads : {1, 3}) {
    options o;
    o.io_threads = threads;
    const auto s = must_start(std::move(o), [](request r, const responder& to) {
      to.send({200, {}, std::move(r.body)});
    });
    std::string body(5'000'000, 'x');
    for (std::size_t i = 0; i < body.size(); i += 1'000) body[i] = static_cast<char>('a' + i % 26);
    client c(s.addresses()[0]);
    for (int i = 0; i < 2; ++i) {
      c.request("POST", "/", "", body);
      BOOST_CHECK(c.read().body == body);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_request_may_come_a_byte_at_a_time) {
  const auto s = must_start({}, echo);
  client c(s.addresses()[0]);
  const std::string bytes = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi";
  for (const char b : bytes) BOOST_REQUIRE(c.send({&b, 1}));
  BOOST_TEST(c.read().body == "POST /x hi");
}

BOOST_AUTO_TEST_CASE(head_has_the_headers_of_get_and_no_body) {
  const auto s = must_start({}, echo);
  client c(s.addresses()[0]);
  c.request("HEAD", "/a", "", "");
  BOOST_TEST(c.read(true).headers.at("content-length") == "8");
  c.get("/b");
  BOOST_TEST(c.read().body == "GET /b ");
}

BOOST_AUTO_TEST_CASE(answers_without_body_have_none) {
  const auto s = must_start({}, [](const request& r, const responder& to) {
    to.send({r.path == "/204" ? 204 : 304, {}, "not to be sent"});
  });
  client c(s.addresses()[0]);
  for (const char* path : {"/204", "/304"}) {
    c.get(path);
    const auto a = c.read(true);
    BOOST_TEST(!a.headers.contains("content-length"));
    BOOST_TEST(a.status == (std::string_view(path) == "/204" ? 204 : 304));
  }
}

BOOST_AUTO_TEST_CASE(http_1_0_is_closed_unless_it_asks) {
  const auto s = must_start({}, echo);
  client once(s.addresses()[0]);
  once.send("GET /a HTTP/1.0\r\nHost: localhost\r\n\r\n");
  BOOST_TEST(once.read().headers.at("connection") == "close");
  BOOST_TEST(once.is_closed());
  client twice(s.addresses()[0]);
  for (int i = 0; i < 2; ++i) {
    twice.send("GET /a HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
    BOOST_TEST(twice.read().headers.at("connection") == "keep-alive");
  }
}

BOOST_AUTO_TEST_CASE(continue_is_said_before_the_body_is_sent) {
  const auto s = must_start({}, echo);
  client c(s.addresses()[0]);
  c.send(
      "POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  BOOST_TEST(c.read_head().status == 100);
  c.send("hi");
  BOOST_TEST(c.read().body == "POST /a hi");
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_answered_and_then_closed) {
  options o;
  o.limits = {.head_bytes_max = 1'000, .body_bytes_max = 100};
  std::atomic<int> handled = 0;
  const auto s = must_start(std::move(o), [&](const request&, const responder&) { ++handled; });
  const std::string next = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string start = "POST / HTTP/1.1\r\nHost: localhost\r\n";
  const std::vector<std::pair<int, std::string>> cases = {
      {411, start + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {411, start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {400, start + "Content-Length: +7\r\n\r\n1234567"},
      {400, start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
      {400, start + "Content-Length : 5\r\n\r\nhello"},
      {400, start + "Host: other\r\n\r\n"},
      {400, "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {400, "GET / HTTP/1.1\nHost: localhost\n\n"},
      {400, std::string("\x16\x03\x01\x00\xa5", 5)},
      {413, start + "Content-Length: 101\r\n\r\n"},
      {417, start + "Expect: tea\r\nContent-Length: 5\r\n\r\n"},
      {431, start + "X: " + std::string(1'000, 'x') + "\r\n\r\n"},
      {421, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"},
      {403, "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n"},
      {505, "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n"},
  };
  for (const auto& [status, bytes] : cases) {
    BOOST_TEST_CONTEXT(bytes) {
      client c(s.addresses()[0]);
      c.send(bytes + next);
      const auto a = c.read();
      BOOST_TEST(a.status == status);
      BOOST_TEST(a.headers.at("connection") == "close");
      BOOST_TEST(a.headers.at("content-type") == "application/problem+json");
      BOOST_TEST(!a.headers.at("x-request-id").empty());
      BOOST_TEST(c.is_closed());
    }
  }
  BOOST_TEST(handled == 0);
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_on_sending_still_gets_its_refusal) {
  options o;
  o.limits.body_bytes_max = 100;
  const auto s = must_start(std::move(o), echo);
  client c(s.addresses()[0]);
  c.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n");
  BOOST_TEST(c.send(std::string(4'000'000, 'x')));
  BOOST_TEST(c.read().status == 413);
  c.end();
  BOOST_TEST(c.is_closed_gently());  // a reset on the way could overtake the answer
}

BOOST_AUTO_TEST_CASE(admit_refuses_before_the_body_is_read) {
  options o;
  o.admit = [](const request& r) -> std::optional<response> {
    if (r.find_header("authorization") == "Bearer right") return std::nullopt;
    return response{401, {{"WWW-Authenticate", "Bearer"}}, "no"};
  };
  o.refusal = [](int, std::string_view, const request&) { return response{418, {}, "mine"}; };
  const auto s = must_start(std::move(o), echo);
  client refused(s.addresses()[0]);
  refused.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n");
  BOOST_TEST(refused.read().status == 401);
  BOOST_TEST(refused.is_closed());
  client admitted(s.addresses()[0]);
  admitted.request("POST", "/", "Authorization: Bearer right\r\n", "hi");
  BOOST_TEST(admitted.read().status == 200);
  admitted.send("\n");
  BOOST_TEST(admitted.read().body == "mine");
}

BOOST_AUTO_TEST_CASE(bodies_in_memory_are_bounded_in_all) {
  desk d;
  options o;
  o.bodies_bytes_max = 64 * 1024;
  const auto s = must_start(std::move(o), d.take());
  const auto post = [](client& c, std::size_t bytes) {
    c.request("POST", "/", "", std::string(bytes, 'b'));
  };
  client first(s.addresses()[0]);
  post(first, 60 * 1024);
  const auto waits = d.next();

  client second(s.addresses()[0]);
  post(second, 40 * 1024);
  const auto refused = second.read();
  BOOST_TEST(refused.status == 503);
  BOOST_TEST(refused.headers.at("retry-after") == "1");
  second.close();

  client small(s.addresses()[0]);
  post(small, 1'024);
  d.next().send({200, {}, "small"});
  BOOST_TEST(small.read().body == "small");

  // What was answered, or has left, is counted no more.
  waits.send({200, {}, "first"});
  BOOST_TEST(first.read().body == "first");
  BOOST_TEST(eventually([&] { return s.connections() == 2u; }));
  client third(s.addresses()[0]);
  post(third, 50 * 1024);
  d.next().send({200, {}, "third"});
  BOOST_TEST(third.read().body == "third");
}

BOOST_AUTO_TEST_CASE(answers_in_memory_are_bounded_in_all) {
  options o;
  o.answers_bytes_max = 12 * 1024 * 1024;
  const auto s = must_start(std::move(o), [&](const request& r, const responder& to) {
    response large{200, {}, std::string(8 * 1024 * 1024, 'a')};
    if (r.path == "/large") return void(to.send(std::move(large)));
    if (r.path == "/once") return void(to.send(std::move(large), [](bool) {}));
    to.send({200, {}, "small"});
  });
  client slow(s.addresses()[0], 4'096);
  slow.get("/large");
  slow.wait();  // some of it has come
  client other(s.addresses()[0]);
  other.get("/large");
  const auto refused = other.read();
  BOOST_TEST(refused.status == 503);
  BOOST_TEST(refused.headers.at("retry-after") == "1");
  other.get("/small");
  BOOST_TEST(other.read().status == 200);
  // What somebody must know to have been written is not thrown away.
  other.get("/once");
  BOOST_TEST(other.read().body.size() == 8u * 1024 * 1024);
  slow.close();
  BOOST_TEST(eventually([&] { return s.connections() == 1u; }));
  other.get("/large");
  BOOST_TEST(other.read().body.size() == 8u * 1024 * 1024);
}

BOOST_AUTO_TEST_CASE(a_request_id_is_the_clients_if_it_is_sane) {
  const auto s = must_start({}, [](const request& r, const responder& to) {
    to.send({200, {}, r.id});
  });
  client c(s.addresses()[0]);
  c.get("/", "X-Request-Id: abc-1\r\n");
  const auto given = c.read();
  BOOST_TEST(given.body == "abc-1");
  BOOST_TEST(given.headers.at("x-request-id") == "abc-1");
  std::vector<std::string> made;
  for (const std::string& bad :
       {std::string(65, 'a'), std::string("a b"), std::string("\xc3\xa9")}) {
    c.get("/", "X-Request-Id: " + bad + "\r\n");
    made.push_back(c.read().body);
  }
  BOOST_TEST(made[0] != made[1]);
  BOOST_TEST(made[0].size() > 10u);
  BOOST_TEST(made[2].find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_header_of_an_answer_begins_a_line_of_its_own) {
  const auto s = must_start({}, [](const request&, const responder& to) {
    to.send({200, {{"X-A", "1\r\nX-B: 2\r\n\r\nbody"}, {"X-C\r\nX-D", "3"}}, "ok"});
  });
  client c(s.addresses()[0]);
  c.get("/");
  const auto a = c.read();
  BOOST_TEST(a.body == "ok");
  BOOST_TEST(!a.headers.contains("x-b"));
  BOOST_TEST(!a.headers.contains("x-d"));
}

BOOST_AUTO_TEST_CASE(one_connection_too_many_is_503_and_harms_nobody) {
  options o;
  o.connections_max = 3;
  const auto s = must_start(std::move(o), echo);
  std::vector<client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(s.addresses()[0]);
    clients.back().get("/");
    BOOST_TEST(clients.back().read().status == 200);
  }
  for (int i = 0; i < 20; ++i) {
    client extra(s.addresses()[0]);
    const auto a = extra.read();
    BOOST_TEST(a.status == 503);
    BOOST_TEST(a.headers.at("retry-after") == "1");
    BOOST_TEST(extra.is_closed());
  }
  for (auto& c : clients) {
    c.get("/");
    BOOST_TEST(c.read().status == 200);
  }
  clients.pop_back();
  BOOST_TEST(eventually([&] { return s.connections() == 2; }));
  client another(s.addresses()[0]);
  another.get("/");
  BOOST_TEST(another.read().status == 200);
}

BOOST_AUTO_TEST_CASE(each_address_has_a_limit_of_its_own) {
  options o;
  o.connections_per_address_max = 1;
  o.listen = {"127.0.0.1:0"};
  o.unix_path = (std::filesystem::temp_directory_path() /
                 ("tenax-http-" + std::to_string(::getpid()) + ".sock"))
                    .string();
  const auto path = o.unix_path;
  const auto s = must_start(std::move(o), echo);
  client first(s.addresses()[0]);
  first.get("/");
  BOOST_TEST(first.read().status == 200);
  client second(s.addresses()[0]);
  BOOST_TEST(second.read().status == 503);
  for (int i = 0; i < 3; ++i) {
    client local{client::at_path{path}};
    local.get("/");
    BOOST_TEST(local.read().status == 200);
  }
}

BOOST_AUTO_TEST_CASE(many_connections_at_once) {
  options o;
  o.io_threads = 2;
  const auto s = must_start(std::move(o), echo);
  std::vector<client> clients;
  for (int i = 0; i < 400; ++i) clients.emplace_back(s.addresses()[0]);
  for (auto& c : clients) c.get("/x");
  for (auto& c : clients) BOOST_TEST(c.read().body == "GET /x ");
  BOOST_TEST(s.connections() == 400u);
  clients.clear();
  BOOST_TEST(eventually([&] { return s.connections() == 0; }));
}

BOOST_AUTO_TEST_CASE(who_asks_nothing_is_closed) {
  options o;
  o.idle_timeout = 40ms;
  const auto s = must_start(std::move(o), echo);
  client silent(s.addresses()[0]);
  BOOST_TEST(silent.is_closed());
}

BOOST_AUTO_TEST_CASE(who_does_not_finish_its_request_in_time_gets_408) {
  options o;
  o.header_timeout = o.body_timeout = 40ms;
  const auto s = must_start(std::move(o), echo);
  client slow_head(s.addresses()[0]);
  slow_head.send("GET / HTT");
  BOOST_TEST(slow_head.read().status == 408);
  BOOST_TEST(slow_head.is_closed());
  client slow_body(s.addresses()[0]);
  slow_body.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe");
  BOOST_TEST(slow_body.read().status == 408);
  BOOST_TEST(slow_body.is_closed());
}

BOOST_AUTO_TEST_CASE(a_byte_now_and_then_does_not_make_it_in_time) {
  options o;
  o.header_timeout = o.body_timeout = 60ms;
  const auto s = must_start(std::move(o), echo);
  for (const char* start : {"GET / HTTP/1.1\r\n",
                            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n"}) {
    client dripping(s.addresses()[0]);
    dripping.send(start);
    std::atomic<bool> over = false;
    std::thread drip([&] {
      while (!over && dripping.send("x")) ::poll(nullptr, 0, 5);
    });
    const auto a = dripping.read();
    over = true;
    drip.join();
    BOOST_TEST(a.status == 408);
    BOOST_TEST(dripping.is_closed());
  }
}

BOOST_AUTO_TEST_CASE(a_long_poll_outlives_the_deadlines_of_clients) {
  options o;
  o.header_timeout = o.body_timeout = o.idle_timeout = o.write_timeout = 200ms;
  desk d;
  const auto s = must_start(std::move(o), d.take());
  client polls(s.addresses()[0]);
  polls.get("/");
  const auto to = d.next();
  client witness(s.addresses()[0]);
  BOOST_TEST(witness.is_closed());  // as long as that, at least
  to.send({200, {}, "still here"});
  BOOST_TEST(polls.read().body == "still here");
}

BOOST_AUTO_TEST_CASE(a_reader_that_takes_nothing_is_closed) {
  options o;
  o.write_timeout = 50ms;
  const auto s = must_start(std::move(o), [](const request& r, const responder& to) {
    to.send({200, {}, std::string(r.path == "/large" ? 30'000'000 : 3, 'x')});
  });
  client stalled(s.addresses()[0], 4'096);
  stalled.get("/large");
  client other(s.addresses()[0]);
  other.get("/");
  BOOST_TEST(other.read().body == "xxx");
  BOOST_TEST(eventually([&] { return s.connections() == 1; }));
  other.get("/");
  BOOST_TEST(other.read().body == "xxx");
}

BOOST_AUTO_TEST_CASE(who_closes_its_sending_side_is_still_answered) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/1");
  c.get("/2");
  c.end();
  d.next().send({200, {}, "1"});
  BOOST_TEST(c.read().body == "1");
  const auto second = d.next();
  std::atomic<bool> told = false;
  second.on_gone([&] { told = true; });
  BOOST_TEST(eventually([&] { return told.load(); }));
  second.send({200, {}, "2"});
  BOOST_TEST(c.read().body == "2");
  BOOST_TEST(c.is_closed());
}

BOOST_AUTO_TEST_CASE(a_responder_is_told_that_its_client_has_left) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  const auto to = d.next();
  std::atomic<int> told = 0;
  to.on_gone([&] { ++told; });
  c.close();
  BOOST_TEST(eventually([&] { return told == 1; }));
  to.on_gone([&] { ++told; });
  BOOST_TEST(told == 2);
  to.send({});
  BOOST_TEST(eventually([&] { return s.connections() == 0; }));
}

BOOST_AUTO_TEST_CASE(a_call_that_throws_costs_no_other_connection) {
  desk d;
  std::atomic<int> reports = 0;
  options o;
  o.report = [&](std::string_view what) { reports += what.ends_with("a bug") ? 1 : 0; };
  const auto s = must_start(std::move(o), d.take());
  client leaves(s.addresses()[0]);
  leaves.get("/");
  const auto left = d.next();
  left.on_gone([] { throw std::runtime_error("a bug"); });
  leaves.close();
  BOOST_TEST(eventually([&] { return reports == 1; }));
  client stays(s.addresses()[0]);
  stays.get("/");
  d.next().send({200, {}, "all well"}, [](bool) { throw std::runtime_error("a bug"); });
  BOOST_TEST(stays.read().body == "all well");
  BOOST_TEST(eventually([&] { return reports == 2; }));
  stays.get("/");
  d.next().send({200, {}, "still"});
  BOOST_TEST(stays.read().body == "still");
}

BOOST_AUTO_TEST_CASE(nobody_is_told_of_a_client_that_leaves_with_its_answer) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  const auto to = d.next();
  std::atomic<bool> told = false;
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> still_held = held;
  to.on_gone([&told, to, held = std::move(held)] { told = true; });  // holds its own responder
  to.send({200, {}, "all"});
  BOOST_TEST(c.read().body == "all");
  c.close();
  BOOST_TEST(eventually([&] { return s.connections() == 0; }));
  BOOST_TEST(!told);
  BOOST_TEST(still_held.expired());
}

BOOST_AUTO_TEST_CASE(hosts_and_origins_are_checked) {
  const auto status = [](const server& s, const std::string& headers) {
    client c(s.addresses()[0]);
    c.send("GET / HTTP/1.1\r\n" + headers + "\r\n");
    return c.read().status;
  };
  const auto loopback = must_start({}, echo);
  BOOST_TEST(status(loopback, "Host: LocalHost:80\r\n") == 200);
  BOOST_TEST(status(loopback, "Host: 127.0.0.1\r\n") == 200);
  BOOST_TEST(status(loopback, "Host: [::1]:8080\r\n") == 200);
  BOOST_TEST(status(loopback, "Host: localhost.evil.example\r\n") == 421);
  BOOST_TEST(status(loopback, "Host:\r\n") == 421);
  BOOST_TEST(status(loopback, "Host: localhost:80\r\nOrigin: http://localhost:80\r\n") == 200);
  BOOST_TEST(status(loopback, "Host: localhost:80\r\nOrigin: http://localhost:81\r\n") == 403);
  BOOST_TEST(status(loopback, "Host: localhost\r\nOrigin: null\r\n") == 403);
  options o;
  o.origins = {{"a.example"}, {"https://b.example"}};
  const auto named = must_start(std::move(o), echo);
  BOOST_TEST(status(named, "Host: a.example:443\r\n") == 200);
  BOOST_TEST(status(named, "Host: localhost\r\n") == 421);
  BOOST_TEST(status(named, "Host: a.example\r\nOrigin: https://b.example\r\n") == 200);
  BOOST_TEST(status(named, "Host: a.example\r\nOrigin: http://b.example\r\n") == 403);
}

BOOST_AUTO_TEST_CASE(no_descriptor_is_handed_to_other_programs) {
  const auto open = [] {
    std::vector<int> all;
    for (const auto& f : std::filesystem::directory_iterator("/proc/self/fd")) {
      all.push_back(std::stoi(f.path().filename().string()));
    }
    return all;
  };
  const auto before = open();
  options o;
  o.listen = {"127.0.0.1:0"};
  o.unix_path = (std::filesystem::temp_directory_path() /
                 ("tenax-http-fds-" + std::to_string(::getpid()) + ".sock"))
                    .string();
  const auto s = must_start(std::move(o), echo);
  client c(s.addresses()[0]);
  c.get("/");
  BOOST_TEST(c.read().status == 200);
  int looked_at = 0;
  for (const int fd : open()) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags < 0 || std::ranges::find(before, fd) != before.end()) continue;
    ++looked_at;
    BOOST_TEST((flags & FD_CLOEXEC) != 0);
  }
  BOOST_TEST(looked_at >= 6);  // epoll, its two friends, two listeners, the connection's ends
}

// A peer without power cannot be played on loopback; that the system watches for it can be seen.
BOOST_AUTO_TEST_CASE(who_acknowledges_nothing_for_write_timeout_is_taken_for_gone) {
  options o;
  o.write_timeout = 12'345ms;
  const auto s = must_start(std::move(o), echo);
  client c(s.addresses()[0]);
  c.get("/");
  BOOST_TEST(c.read().status == 200);
  int watched = 0;
  for (const auto& f : std::filesystem::directory_iterator("/proc/self/fd")) {
    unsigned ms = 0;
    ::socklen_t size = sizeof ms;
    const int fd = std::stoi(f.path().filename().string());
    if (::getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size) == 0 && ms == 12'345) ++watched;
  }
  BOOST_TEST(watched == 1);
}

BOOST_AUTO_TEST_CASE(without_descriptors_the_server_waits_for_some) {
  std::atomic<int> reports = 0;
  options o;
  o.report = [&](std::string_view) { ++reports; };
  const auto s = must_start(std::move(o), echo);
  client before(s.addresses()[0]);
  before.get("/");
  BOOST_TEST(before.read().status == 200);

  ::rlimit usual{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  const ::rlimit one_more{static_cast<::rlim_t>(lowest_free) + 1, usual.rlim_max};
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &one_more) == 0);
  client c(s.addresses()[0]);  // this one
  const bool is_told = eventually([&] { return reports > 0; });
  before.get("/");
  const auto meanwhile = before.read();
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  BOOST_TEST(is_told);
  BOOST_TEST(meanwhile.status == 200);
  c.get("/");
  BOOST_TEST(c.read().status == 200);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_listened_on_is_said) {
  const auto why = [](options o) {
    const auto s = server::start(std::move(o), echo);
    return s ? ""
             : std::string(tenax::errc(s.error().code()) == tenax::errc::wrong_state
                               ? "state: " + s.error().message()
                               : s.error().message());
  };
  const auto on = [&](const std::string& address) {
    options o;
    o.listen = {address};
    return why(std::move(o));
  };
  BOOST_TEST(why({}) == "nothing to listen on");
  for (const char* bad : {"", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1",
                          "256.0.0.1:80", "[::1:80", "example.org:80", "127.0.0.1:80x"}) {
    BOOST_TEST(on(bad).starts_with("no address"), bad);
  }
  const auto s = must_start({}, echo);
  BOOST_TEST(on(s.addresses()[0]).starts_with("state: " + s.addresses()[0]));
}

BOOST_AUTO_TEST_SUITE_END()
