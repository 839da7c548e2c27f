// TLS: certificates, their renewal, and clients without one.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/test/unit_test.hpp>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/unit/http/support.hpp"

using namespace tenax::http;
using namespace tenax::http::tests;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* t) const {
    Free(t);
  }
};
template <class T, auto Free>
using owned = std::unique_ptr<T, freed_by<Free>>;

/// A certificate that signs itself, NAME.crt and NAME.key in a directory.
void make_certificate(const fs::path& dir, const std::string& name, long serial = 1) {
  const owned<EVP_PKEY, ::EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  const owned<X509, ::X509_free> cert(::X509_new());
  ::X509_set_version(cert.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(cert.get()), serial);
  ::X509_gmtime_adj(::X509_getm_notBefore(cert.get()), -60);
  ::X509_gmtime_adj(::X509_getm_notAfter(cert.get()), 3'600);
  ::X509_set_pubkey(cert.get(), key.get());
  auto* const subject = ::X509_get_subject_name(cert.get());
  ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  ::X509_set_issuer_name(cert.get(), subject);
  ::X509_sign(cert.get(), key.get(), ::EVP_sha256());
  const owned<std::FILE, std::fclose> to_cert(std::fopen((dir / (name + ".crt")).c_str(), "w"));
  const owned<std::FILE, std::fclose> to_key(std::fopen((dir / (name + ".key")).c_str(), "w"));
  BOOST_REQUIRE(::PEM_write_X509(to_cert.get(), cert.get()) == 1);
  BOOST_REQUIRE(
      ::PEM_write_PrivateKey(to_key.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
}

/// A TLS client over a plain one.
class tls_client {
 public:
  struct terms {
    int version_max = 0;
    std::string certificate{};  ///< the path without .crt
  };
  explicit tls_client(const std::string& address) : tls_client(address, terms()) {}
  tls_client(const std::string& address, const terms& t)
      : plain_(address), context_(::SSL_CTX_new(::TLS_client_method())) {
    if (t.version_max != 0) {
      ::SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
      ::SSL_CTX_set_max_proto_version(context_.get(), t.version_max);
      ::SSL_CTX_set_security_level(context_.get(), 0);
    }
    if (!t.certificate.empty()) {
      ::SSL_CTX_use_certificate_file(context_.get(), (t.certificate + ".crt").c_str(),
                                     SSL_FILETYPE_PEM);
      ::SSL_CTX_use_PrivateKey_file(context_.get(), (t.certificate + ".key").c_str(),
                                    SSL_FILETYPE_PEM);
    }
    ssl_.reset(::SSL_new(context_.get()));
    ::SSL_set_fd(ssl_.get(), plain_.descriptor());
    is_connected_ = ::SSL_connect(ssl_.get()) == 1;
  }

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  [[nodiscard]] long serial() const {
    const owned<X509, ::X509_free> cert(::SSL_get1_peer_certificate(ssl_.get()));
    return cert ? ::ASN1_INTEGER_get(::X509_get0_serialNumber(cert.get())) : -1;
  }
  bool send(const std::string& text) {
    return ::SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0;
  }
  /// Until the bytes have come, or the server has closed.
  std::string read(std::size_t n) {
    std::string got;
    char buffer[16 * 1024];
    while (got.size() < n) {
      const int more = ::SSL_read(ssl_.get(), buffer, sizeof buffer);
      if (more <= 0) break;
      got.append(buffer, static_cast<std::size_t>(more));
    }
    return got;
  }
  /// Whether the server said that it closes, as TLS wants it.
  bool is_closed() {
    char c = 0;
    const int n = ::SSL_read(ssl_.get(), &c, 1);
    return n <= 0 && ::SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN;
  }

 private:
  client plain_;
  owned<SSL_CTX, ::SSL_CTX_free> context_;
  owned<SSL, ::SSL_free> ssl_;
  bool is_connected_ = false;
};

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
