// http_load.hpp - what drives an HTTP server on loopback: connections that send one request again
// and again, all from the thread that calls. Depends on std, bench/histogram.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/histogram.hpp"

namespace tenax::bench {

struct http_seen {
  histogram took_ns;  ///< from when it was to be sent to the last byte of its answer
  double seconds = 0;
  [[nodiscard]] double per_s() const noexcept {
    return static_cast<double>(took_ns.count()) / seconds;
  }
};

/// "POST PATH" with this body, to be sent as it is.
[[nodiscard]] std::string post_request(const std::string& path, const std::string& content_type,
                                       const std::string& body);

/// Sends `request` for so long: on each connection again when it was answered (rate 0), or so many
/// a second, whatever the server does. `address`: "127.0.0.1:PORT". Throws run_error when an answer
/// is not 2xx, or has no Content-Length.
[[nodiscard]] http_seen drive_http(const std::string& address, const std::string& request,
                                   std::size_t connections, double seconds, double rate = 0);

/// One connection that asks one thing after the other. Blocking.
class http_client {
 public:
  explicit http_client(const std::string& address);
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  ~http_client();
  /// The answer's body, until the next call. Throws as drive_http.
  std::string_view ask(const std::string& request);

 private:
  int fd_;
  std::string got_;
};

/// Connections whose answers are not waited for: event streams. They end with this.
class idle_clients {
 public:
  idle_clients() = default;
  idle_clients(const idle_clients&) = delete;
  idle_clients& operator=(const idle_clients&) = delete;
  ~idle_clients();
  void add(const std::string& address, const std::string& request);

 private:
  std::vector<int> sockets_;
};

}  // namespace tenax::bench
