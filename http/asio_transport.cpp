#include "http/asio_transport.hpp"

#include <utility>  // before Asio 1.74, which forgets it

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <openssl/ssl.h>

#include "http/connection.hpp"

namespace tenax::http {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using socket = asio::generic::stream_protocol::socket;

template <class Stream>
class asio_transport : public transport {
 public:
  template <class... Args>
  explicit asio_transport(Args&&... args) : stream_(std::forward<Args>(args)...) {}

  void read(std::shared_ptr<connection> c, char* to, std::size_t max) final {
    stream_.async_read_some(
        asio::buffer(to, max),
        [c = std::move(c)](const error_code& e, std::size_t n) { c->on_read(e ? 0 : n); });
  }
  void write(std::shared_ptr<connection> c, const char* from, std::size_t size) final {
    stream_.async_write_some(
        asio::buffer(from, size),
        [c = std::move(c)](const error_code& e, std::size_t n) { c->on_written(e ? 0 : n); });
  }
  void close() final {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 protected:
  Stream stream_;
};

class plain final : public asio_transport<socket> {
 public:
  using asio_transport::asio_transport;

  void open(std::shared_ptr<connection> c) override {
    asio::post(stream_.get_executor(), [c = std::move(c)] { c->on_ready(true); });
  }
  void shut(std::shared_ptr<connection>) override {
    error_code ignored;
    stream_.shutdown(socket::shutdown_send, ignored);
  }
};

class encrypted final : public asio_transport<asio::ssl::stream<socket>> {
 public:
  encrypted(std::shared_ptr<asio::ssl::context> context, socket plain)
      : asio_transport(std::move(plain), *context), context_(std::move(context)) {}

  void open(std::shared_ptr<connection> c) override {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [c = std::move(c)](const error_code& e) { c->on_ready(!e); });
  }
  void shut(std::shared_ptr<connection> c) override {
    stream_.async_shutdown([c = std::move(c)](const error_code&) {});
  }

 private:
  const std::shared_ptr<asio::ssl::context> context_;  // of this connection's time
};

std::shared_ptr<asio::ssl::context> make_context(const tls_options& o) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  auto* const native = context->native_handle();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  ::SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION);
  ::SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  // Else OpenSSL asks at the terminal for a key's passphrase.
  ::SSL_CTX_set_default_passwd_cb(native, [](char*, int, int, void*) { return -1; });
  context->use_certificate_chain_file(o.certificate_file);
  context->use_private_key_file(o.key_file, asio::ssl::context::pem);
  if (!o.client_ca_file.empty()) {
    context->load_verify_file(o.client_ca_file);
    context->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    // Without this a client's ticket is refused where certificates are asked for.
    static constexpr unsigned char id[] = {'h', 't', 't', 'p'};
    ::SSL_CTX_set_session_id_context(native, id, sizeof id);
  }
  return context;
}

socket adopt(asio::io_context& at, int family, file_descriptor fd) {
  return {at, asio::generic::stream_protocol(family, 0), fd.release()};
}

}  // namespace

std::unique_ptr<transport> plain_transport(asio::io_context& at, int family, file_descriptor fd) {
  return std::make_unique<plain>(adopt(at, family, std::move(fd)));
}

result<void> tls_source::load() {
  try {
    auto made = make_context(options_);
    const std::lock_guard lock(mutex_);
    context_ = std::move(made);
    return {};
  } catch (const boost::system::system_error& e) {
    return error(errc::invalid_argument, std::string("the TLS files cannot be used: ") + e.what());
  }
}

std::unique_ptr<transport> tls_source::make_transport(asio::io_context& at, int family,
                                                      file_descriptor fd) {
  const std::lock_guard lock(mutex_);
  return std::make_unique<encrypted>(context_, adopt(at, family, std::move(fd)));
}

}  // namespace tenax::http
