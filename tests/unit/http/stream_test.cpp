// Answers that are written bit by bit, and readers that are too slow for them.
#include <boost/test/unit_test.hpp>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/http/support.hpp"

using namespace tenax::http;
using namespace tenax::http::tests;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(streams)

BOOST_AUTO_TEST_CASE(a_stream_arrives_as_it_is_written) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  auto out = d.next().send_stream({200, {{"Content-Type", "text/plain"}}, ""});
  BOOST_TEST(c.read_head().headers.at("transfer-encoding") == "chunked");
  for (const char* text : {"one", "two"}) {
    BOOST_TEST(out.write(text));
    BOOST_TEST(c.chunk() == text);
  }
  out.end();
  BOOST_TEST(!out.write("late"));
  BOOST_TEST(c.chunk().empty());
  c.get("/again");
  d.next().send({200, {}, "same connection"});
  BOOST_TEST(c.read().body == "same connection");
}

BOOST_AUTO_TEST_CASE(a_stream_ends_with_its_last_handle) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  {
    const auto out = d.next().send_stream({});
    BOOST_TEST(out.write(""));
    BOOST_TEST(out.write("all"));
  }
  BOOST_TEST(c.read().body == "all");
}

BOOST_AUTO_TEST_CASE(threads_write_whole_pieces) {
  options o;
  o.stream_bytes_max = 1 << 22;
  desk d;
  const auto s = must_start(std::move(o), d.take());
  client c(s.addresses()[0]);
  c.get("/");
  auto out = d.next().send_stream({});
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&out, i] {
      for (int n = 0; n < 500; ++n) out.write(std::string(9, static_cast<char>('a' + i)) + "\n");
    });
  }
  for (auto& w : writers) w.join();
  out.end();
  const auto body = c.read().body;
  BOOST_REQUIRE_EQUAL(body.size(), 4u * 500 * 10);
  bool whole = true;
  for (std::size_t i = 0; i < body.size(); i += 10) {
    whole = whole && body.substr(i, 10) == std::string(9, body[i]) + "\n";
  }
  BOOST_TEST(whole);
}

BOOST_AUTO_TEST_CASE(events_have_the_form_that_browsers_read) {
  BOOST_TEST(format_event({.id = "7", .name = "step", .data = "a\nb"}) ==
             "id: 7\nevent: step\ndata: a\ndata: b\n\n");
  BOOST_TEST(format_event({}) == "data: \n\n");
  BOOST_TEST(format_event({.id = "1\nevent: x"}) == "id: 1 event: x\ndata: \n\n");
  BOOST_TEST(format_comment("alive") == ": alive\n\n");
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  const auto out = d.next().send_events();
  out.write(format_event({.data = "x"}));
  const auto head = c.read_head();
  BOOST_TEST(head.headers.at("content-type") == "text/event-stream");
  BOOST_TEST(head.headers.at("cache-control") == "no-store");
  BOOST_TEST(c.chunk() == "data: x\n\n");
}

BOOST_AUTO_TEST_CASE(http_1_0_gets_a_stream_up_to_the_close) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.send("GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
  auto out = d.next().send_stream({});
  const auto head = c.read_head();
  BOOST_TEST(!head.headers.contains("transfer-encoding"));
  BOOST_TEST(head.headers.at("connection") == "close");
  out.write("plain");
  out.end();
  BOOST_TEST(c.rest() == "plain");
}

BOOST_AUTO_TEST_CASE(head_of_a_stream_is_its_headers) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.request("HEAD", "/", "", "");
  const auto out = d.next().send_stream({});
  std::atomic<int> told = 0;
  out.on_gone([&] { ++told; });
  BOOST_TEST(c.read(true).status == 200);
  BOOST_TEST(eventually([&] { return !out.write("x"); }));
  BOOST_TEST(eventually([&] { return told == 1; }));
  c.get("/");
  d.next().send({200, {}, "next"});
  BOOST_TEST(c.read().body == "next");
}

BOOST_AUTO_TEST_CASE(a_slow_reader_is_dropped_while_others_go_on) {
  options o;
  o.stream_bytes_max = 64 * 1024;
  o.write_timeout = 300ms;
  desk d;
  const auto s = must_start(std::move(o), d.take());
  client slow(s.addresses()[0], 4'096);
  client quick(s.addresses()[0]);
  slow.get("/");
  const auto to_slow = d.next().send_events();
  quick.get("/");
  const auto to_quick = d.next().send_events();
  std::atomic<int> told = 0;
  to_slow.on_gone([&] { ++told; });
  BOOST_TEST(quick.read_head().status == 200);

  const auto event = format_event({.data = std::string(8'000, 'x')});
  int written = 0;
  while (to_slow.write(event)) {
    ++written;
    BOOST_REQUIRE(to_quick.write(event));
    std::string got;
    while (got.size() < event.size()) got += quick.chunk();
    BOOST_REQUIRE(got == event);
    BOOST_REQUIRE(written < 100'000);
  }
  BOOST_TEST(told == 1);
  BOOST_TEST(!to_slow.is_open());
  BOOST_TEST(to_slow.was_dropped());
  BOOST_TEST(!to_slow.write(event));
  BOOST_TEST(to_quick.is_open());
  // It reads nothing, so it is closed.
  BOOST_TEST(eventually([&] { return s.connections() == 1; }));
  BOOST_TEST(told == 1);
}

BOOST_AUTO_TEST_CASE(a_dropped_reader_that_reads_on_finds_the_reset) {
  options o;
  o.stream_bytes_max = 64 * 1024;
  desk d;
  const auto s = must_start(std::move(o), d.take());
  client slow(s.addresses()[0], 4'096);
  slow.get("/");
  const auto out = d.next().send_events();
  const auto event = format_event({.data = std::string(8'000, 'x')});
  int written = 0;
  while (out.write(event)) ++written;
  std::string body = slow.read().body;
  const auto reset = format_event({.name = "reset"});
  BOOST_TEST(body.ends_with(reset));
  body.resize(body.size() - reset.size());
  BOOST_TEST(body.size() % event.size() == 0u);  // whole events
  BOOST_TEST(body.size() < static_cast<std::size_t>(written) * event.size());
  BOOST_TEST(slow.is_closed());
}

BOOST_AUTO_TEST_CASE(an_event_stream_that_is_silent_has_comments) {
  options o;
  o.comment_interval = 20ms;
  desk d;
  const auto s = must_start(std::move(o), d.take());
  client c(s.addresses()[0]);
  c.get("/");
  const auto out = d.next().send_events();
  BOOST_TEST(c.read_head().status == 200);
  for (int i = 0; i < 3; ++i) BOOST_TEST(c.chunk() == ": alive\n\n");
  out.write(format_event({.data = "x"}));
  auto next = c.chunk();
  while (next == ": alive\n\n") next = c.chunk();
  BOOST_TEST(next == "data: x\n\n");
  out.end();
  while (!c.chunk().empty()) {
  }
  // What is no event stream has none, nor has the next answer of the connection.
  c.get("/");
  const auto plain = d.next().send_stream({});
  BOOST_TEST(c.read_head().status == 200);
  ::poll(nullptr, 0, 60);
  plain.write("x");
  BOOST_TEST(c.chunk() == "x");
}

BOOST_AUTO_TEST_CASE(http_1_0_has_comments_without_chunks) {
  options o;
  o.comment_interval = 20ms;
  desk d;
  const auto s = must_start(std::move(o), d.take());
  client c(s.addresses()[0]);
  c.send("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
  const auto out = d.next().send_events();
  BOOST_TEST(c.read_head().status == 200);
  BOOST_TEST(c.bytes(18) == ": alive\n\n: alive\n\n");
}

BOOST_AUTO_TEST_CASE(who_waits_for_what_it_wrote_never_has_its_reader_dropped) {
  options o;
  o.stream_bytes_max = 4 * 1024;
  desk d;
  const auto s = must_start(std::move(o), d.take());
  client slow(s.addresses()[0], 4'096);
  slow.get("/");
  const auto out = d.next().send_events();
  // Each larger than what may wait, one after the other.
  const auto event = format_event({.data = std::string(300'000, 'x')});
  std::atomic<int> left = 20;
  std::atomic<bool> refused = false;
  std::function<void()> next = [&] {
    if (left-- <= 0) return out.end();
    if (!out.write(event)) refused = true;
    out.on_sent(next);
  };
  out.on_sent(next);  // nothing waits: it is called
  const auto body = slow.read().body;
  BOOST_TEST(!refused);
  BOOST_TEST(!out.was_dropped());
  BOOST_TEST(body.size() == 20 * event.size());
}

BOOST_AUTO_TEST_CASE(who_waits_for_what_it_wrote_is_told_that_nobody_reads) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0], 4'096);
  c.get("/");
  const auto out = d.next().send_events();
  BOOST_TEST(out.write(std::string(8'000'000, 'x')));  // more than the system takes
  std::atomic<int> told = 0;
  out.on_sent([&] { ++told; });
  BOOST_TEST(c.read_head().status == 200);
  BOOST_TEST(told == 0);
  c.close();
  BOOST_TEST(eventually([&] { return told == 1; }));
  out.on_sent([&] { ++told; });
  BOOST_TEST(told == 2);
}

BOOST_AUTO_TEST_CASE(a_stream_is_told_that_its_client_has_left) {
  desk d;
  const auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  const auto out = d.next().send_events();
  std::atomic<bool> told = false;
  out.on_gone([&] { told = true; });
  c.close();
  BOOST_TEST(eventually([&] { return told.load(); }));
  BOOST_TEST(!out.write("x"));
  BOOST_TEST(s.connections() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
