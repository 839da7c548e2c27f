// asio_transport.hpp - transports over Asio's sockets.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <mutex>
#include <utility>

#include "http/server.hpp"
#include "http/socket.hpp"
#include "http/transport.hpp"

namespace boost::asio::ssl {
class context;
}

namespace tenax::http {

std::unique_ptr<transport> plain_transport(boost::asio::io_context& at, int family,
                                           file_descriptor socket);

/// The certificate that is served, and who may come. Thread-safe.
class tls_source {
 public:
  explicit tls_source(tls_options o) : options_(std::move(o)) {}
  /// Reads the files; what was read before stays if that fails.
  result<void> load();
  /// After a load.
  std::unique_ptr<transport> make_transport(boost::asio::io_context& at, int family,
                                            file_descriptor socket);

 private:
  const tls_options options_;
  std::mutex mutex_;
  std::shared_ptr<boost::asio::ssl::context> context_;
};

}  // namespace tenax::http
