// server.hpp - a small HTTP/1.1 server. It knows requests and answers, and nothing of what they are
// about. Depends on std and tenax::result; Asio, Beast and OpenSSL stay behind it.
//
//   auto server = http::server::start({.listen = {"127.0.0.1:8080"}}, [](auto request, auto answer)
//   {
//     answer.send({200, {{"Content-Type", "text/plain"}}, "you asked for " + request.path});
//   });
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/framing.hpp"
#include "http/origin.hpp"
#include "http/request.hpp"
#include "http/responder.hpp"
#include "http/response.hpp"
#include "tenax/result.hpp"

namespace tenax::http {

/// PEM files.
struct tls_options {
  std::string certificate_file;  ///< with its chain
  std::string key_file;
  std::string client_ca_file;  ///< not empty: only clients whose certificate it signed
};

struct options {
  /// "127.0.0.1:8080", "[::1]:8080", "localhost:8080"; port 0 is any free one.
  std::vector<std::string> listen;
  /// A Unix socket, mode 0600; "" for none. A socket that a dead process left is replaced, anything
  /// else that is there refused; removed when the server stops. Of any length: beyond 107 bytes by
  /// way of /proc/self/fd.
  std::string unix_path;
  std::optional<tls_options> tls;  ///< for `listen`; TLS 1.2 at least. The Unix socket has none
  int io_threads = 1;              ///< 1 to 64

  framing_limits limits;
  std::size_t connections_max = 10'000;             ///< one more is answered 503 and closed
  std::size_t connections_per_address_max = 1'000;  ///< IPv6: for each /64; not for the Unix socket
  std::size_t stream_bytes_max = 256 * 1024;        ///< what may wait for a slow reader
  /// Bodies of all requests that are not answered yet, in memory at a time; who sends more is
  /// answered 503 with Retry-After. A body of up to body_bytes_small always has room.
  std::size_t bodies_bytes_max = 64 * 1024 * 1024;
  static constexpr std::size_t body_bytes_small = 16 * 1024;
  /// Answers that are not written yet; one more, unless it is as small, becomes a 503.
  std::size_t answers_bytes_max = 256 * 1024 * 1024;

  /// From the first byte of a request to the end of its headers, TLS handshakes too; then 408.
  std::chrono::milliseconds header_timeout{10'000};
  std::chrono::milliseconds body_timeout{30'000};   ///< for each 64 KiB of a body; then 408
  std::chrono::milliseconds idle_timeout{75'000};   ///< between requests
  std::chrono::milliseconds write_timeout{30'000};  ///< for each 64 KiB of an answer
  /// After so much silence an event stream has a comment: proxies and clients see that it lives.
  std::chrono::milliseconds comment_interval{15'000};

  origin_rules origins;

  /// Asked when the headers are there and before a body is read: what it returns is the answer, and
  /// the connection is closed. On an io thread; must not block.
  std::function<std::optional<response>(const request&)> admit;
  /// Makes the answer to what the server itself refuses; empty: problem_response. Must not throw.
  std::function<response(int status, std::string_view reason, const request& of)> refusal;
  /// What went wrong with nobody to be told: a handler that threw, no more file descriptors.
  std::function<void(std::string_view)> report;
};

/// Called on an io thread for each request; must not block. It may throw: the answer is then 500.
using handler = std::function<void(request, responder)>;

/// A running server. Its functions may be called from any thread but those of its own handlers.
class server {
 public:
  /// Listens when it returns. Errors: invalid_argument (an address, path or limit is not
  /// possible), wrong_state (somebody listens there, or something else is at unix_path).
  static result<server> start(options o, handler h);

  server(server&&) noexcept;
  server& operator=(server&&) noexcept;
  /// stop(0).
  ~server();

  /// What options::listen became, with the ports that were taken.
  [[nodiscard]] const std::vector<std::string>& addresses() const noexcept;
  /// Open connections.
  [[nodiscard]] std::size_t connections() const noexcept;

  /// Reads the files of options::tls again, for the connections that come from now on. Error:
  /// invalid_argument, and then all goes on with the old ones.
  result<void> reload_tls();

  /// Takes no new connection, ends streams, lets running requests be answered for `grace`, closes
  /// the rest and returns when all threads have ended. Responders that are left answer nobody.
  void stop(std::chrono::milliseconds grace);

 private:
  class impl;
  explicit server(std::unique_ptr<impl> i) noexcept;
  std::unique_ptr<impl> impl_;
};

}  // namespace tenax::http
