// framing.hpp - bytes to requests, without sockets: what HTTP/1.1 allows, and less where clients
// and proxies are known to disagree about where a request ends. Depends on std only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/request.hpp"

namespace tenax::http {

struct framing_limits {
  std::size_t head_bytes_max = 16 * 1024;  ///< the request line and all headers
  std::size_t headers_max = 100;
  std::size_t body_bytes_max = 8 * 1024 * 1024;
};

/// Why a request is refused.
struct problem {
  int status = 400;
  std::string_view reason;  ///< a literal: one sentence for people, nothing of what was sent
};

/// Cuts a connection's bytes into requests. Refused are, beside what the grammar forbids: any
/// Transfer-Encoding (411), a Content-Length that is not one number of digits only, not exactly one
/// Host (HTTP/1.0: at most one), targets that are no origin-form, folded headers, lines that end
/// without CR. After a refusal the connection cannot go on: nobody knows where the next one begins.
/// The verdict does not depend on how the bytes were split. Not thread-safe.
class framer {
 public:
  enum class step : std::uint8_t {
    more,      ///< all bytes were taken, and more are needed
    head,      ///< head() is there, once for each request; its body has not been taken yet
    complete,  ///< take() gives the request
    refused,   ///< refusal() says why; for good
  };

  explicit framer(framing_limits limits = {}) : limits_(limits) {}

  /// Goes on with the bytes at the front of `bytes` and removes those it took.
  step next(std::string_view& bytes);

  [[nodiscard]] const request& head() const noexcept { return request_; }
  [[nodiscard]] request& head() noexcept { return request_; }
  /// The client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool expects_continue() const noexcept { return expects_continue_; }
  [[nodiscard]] const problem& refusal() const noexcept { return refusal_; }
  /// The complete request; the framer is ready for the next one.
  [[nodiscard]] request take();

 private:
  enum class state : std::uint8_t { head, body, refused };

  step take_head(std::string_view& bytes);
  step take_body(std::string_view& bytes);
  step parse_head();
  step check_head(std::string_view target);
  step check_length();
  step refuse(int status, std::string_view reason);

  framing_limits limits_;
  state state_ = state::head;
  std::string head_bytes_;
  std::size_t lines_ = 0;       ///< that are complete and not empty
  std::size_t line_bytes_ = 0;  ///< of the line that has begun
  bool after_cr_ = false;
  request request_;
  bool expects_continue_ = false;
  std::uint64_t body_left_ = 0;
  problem refusal_;
};

}  // namespace tenax::http
