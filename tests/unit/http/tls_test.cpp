// TLS: certificates, their renewal, and clients without one.
#include <atomic>

#include "tests/unit/http/tls.hpp"

using namespace tenax::http;
using namespace tenax::http::tests;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct fixture {
  fixture() {
    std::string made = (fs::temp_directory_path() / "tenax-tls-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(made.data()) != nullptr);
    dir = made;
    make_certificate(dir, "server", 1);
  }
  ~fixture() { fs::remove_all(dir); }
  fixture(const fixture&) = delete;
  fixture& operator=(const fixture&) = delete;

  [[nodiscard]] options with_tls() const {
    options o;
    o.tls = tls_options{(dir / "server.crt").string(), (dir / "server.key").string(), ""};
    return o;
  }

  fs::path dir;
};

void say_body(request r, const responder& to) { to.send({200, {}, std::move(r.body)}); }

const std::string get_bytes = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tls, fixture)

BOOST_AUTO_TEST_CASE(requests_are_answered_through_tls) {
  const auto s = must_start(with_tls(), say_body);
  tls_client c(s.addresses()[0]);
  BOOST_REQUIRE(c.is_connected());
  const std::string body(3'000'000, 'x');
  std::string sent = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ";
  sent += std::to_string(body.size()) + "\r\n\r\n" + body;
  BOOST_REQUIRE(c.send(get_bytes));
  BOOST_REQUIRE(c.send(sent));
  std::string got = c.read(body.size() + 1'000'000);
  BOOST_TEST(got.starts_with("HTTP/1.1 200 OK\r\n"));
  BOOST_TEST(got.ends_with("\r\n\r\n" + body));
  BOOST_TEST(c.is_closed());
}

BOOST_AUTO_TEST_CASE(events_arrive_through_tls_as_they_are_written) {
  auto o = with_tls();
  o.comment_interval = 20ms;
  desk d;
  const auto s = must_start(std::move(o), d.take());
  tls_client c(s.addresses()[0]);
  BOOST_REQUIRE(c.send("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"));
  const auto out = d.next().send_events();
  std::string got;
  const auto read_until = [&](const std::string& text) {
    while (got.find(text) == std::string::npos) {
      const auto more = c.read(1);
      BOOST_REQUIRE(!more.empty());
      got += more;
    }
    got.clear();
  };
  read_until("text/event-stream");
  read_until("\n: alive\n\n");
  std::atomic<bool> sent = false;
  const auto event = format_event({.name = "x", .data = std::string(500'000, 'x')});
  BOOST_TEST(out.write(event));
  out.on_sent([&] { sent = true; });
  read_until(event);
  BOOST_TEST(eventually([&] { return sent.load(); }));
  out.end();
  while (!c.read(1).empty()) {
  }
}

BOOST_AUTO_TEST_CASE(old_versions_of_tls_are_refused) {
  const auto s = must_start(with_tls(), say_body);
  BOOST_TEST(!tls_client(s.addresses()[0], {.version_max = TLS1_1_VERSION}).is_connected());
  BOOST_TEST(tls_client(s.addresses()[0], {.version_max = TLS1_2_VERSION}).is_connected());
}

BOOST_AUTO_TEST_CASE(plain_requests_to_a_tls_port_are_closed) {
  const auto s = must_start(with_tls(), say_body);
  client plain(s.addresses()[0]);
  plain.get("/");
  BOOST_TEST(plain.rest().find("HTTP") == std::string::npos);
  BOOST_TEST(eventually([&] { return s.connections() == 0; }));
}

BOOST_AUTO_TEST_CASE(who_does_not_finish_the_handshake_is_closed) {
  auto o = with_tls();
  o.header_timeout = 40ms;
  const auto s = must_start(std::move(o), say_body);
  client silent(s.addresses()[0]);
  BOOST_TEST(silent.is_closed());
}

BOOST_AUTO_TEST_CASE(a_new_certificate_is_taken_without_a_stop) {
  auto s = must_start(with_tls(), say_body);
  tls_client before(s.addresses()[0]);
  BOOST_TEST(before.serial() == 1);
  make_certificate(dir, "server", 2);
  BOOST_TEST(s.reload_tls().has_value());
  BOOST_TEST(tls_client(s.addresses()[0]).serial() == 2);
  BOOST_TEST(before.send(get_bytes));
  BOOST_TEST(before.read(15).starts_with("HTTP/1.1 200 OK"));
}

BOOST_AUTO_TEST_CASE(a_certificate_that_cannot_be_read_changes_nothing) {
  auto s = must_start(with_tls(), say_body);
  make_certificate(dir, "other", 3);
  fs::rename(dir / "other.key", dir / "server.key");  // not this certificate's
  BOOST_TEST(!s.reload_tls().has_value());
  fs::remove(dir / "server.crt");
  BOOST_TEST(!s.reload_tls().has_value());
  BOOST_TEST(tls_client(s.addresses()[0]).serial() == 1);
  BOOST_TEST(!server::start(with_tls(), say_body).has_value());
  auto without = must_start({}, say_body);
  BOOST_TEST(!without.reload_tls().has_value());
}

BOOST_AUTO_TEST_CASE(a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it) {
  const owned<EVP_PKEY, ::EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  const owned<std::FILE, std::fclose> to(std::fopen((dir / "server.key").c_str(), "w"));
  const unsigned char pass[] = {'p', 'a', 's', 's'};
  BOOST_REQUIRE(::PEM_write_PrivateKey(to.get(), key.get(), ::EVP_aes_128_cbc(), pass, sizeof pass,
                                       nullptr, nullptr) == 1);
  std::fflush(to.get());
  BOOST_TEST(!server::start(with_tls(), say_body).has_value());
}

BOOST_AUTO_TEST_CASE(clients_may_have_to_show_a_certificate) {
  make_certificate(dir, "friend");
  make_certificate(dir, "stranger");
  auto o = with_tls();
  o.tls->client_ca_file = (dir / "friend.crt").string();
  const auto s = must_start(std::move(o), say_body);
  const auto is_served = [&](const std::string& certificate) {
    tls_client c(s.addresses()[0], {.certificate = certificate});
    return c.is_connected() && c.send(get_bytes) && c.read(15).starts_with("HTTP/1.1 200 OK");
  };
  BOOST_TEST(is_served((dir / "friend").string()));
  BOOST_TEST(!is_served((dir / "stranger").string()));
  BOOST_TEST(!is_served(""));
}

BOOST_AUTO_TEST_SUITE_END()
