// tls.hpp - certificates that sign themselves, and a client that speaks TLS.
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/unit/http/support.hpp"

namespace tenax::http::tests {

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
inline void make_certificate(const std::filesystem::path& dir, const std::string& name,
                             long serial = 1) {
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

}  // namespace tenax::http::tests
