// response.hpp - what a server answers, and how it is written. Depends on std only; values without
// thread affinity.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "http/request.hpp"

namespace tenax::http {

/// Content-Length, Connection, Date and X-Request-Id are the server's own.
struct response {
  int status = 200;
  http::headers headers{};
  std::string body{};
};

/// "Not Found"; "Unknown" for a status without a name.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// An application/problem+json (RFC 9457) of type about:blank.
[[nodiscard]] response problem_response(int status, std::string_view detail);

/// Text as a JSON string, quotes included; bytes above ASCII stay as they are.
[[nodiscard]] std::string json_string(std::string_view text);

/// One of the Server-Sent Events: `id` and `name` are left out when empty, `data` may have lines.
struct event {
  std::string_view id{};
  std::string_view name{};
  std::string_view data{};
};
[[nodiscard]] std::string format_event(const event& e);
/// A comment, to keep an event stream alive.
[[nodiscard]] std::string format_comment(std::string_view text);

/// How the end of a body is told.
enum class body_end : std::uint8_t {
  none,    ///< no body and no word about one (204, 304, 1xx)
  length,  ///< Content-Length
  chunks,  ///< Transfer-Encoding: chunked
  close,   ///< the end of the connection (streams for HTTP/1.0)
};

struct head_terms {
  body_end end = body_end::length;
  bool keep_alive = true;
  bool http_1_0 = false;
  std::string_view request_id{};
  std::time_t now = 0;
};
/// The status line and the headers of r, with the empty line. Control characters in headers become
/// spaces: no value can begin a line of its own.
[[nodiscard]] std::string format_head(const response& r, const head_terms& terms);

/// One chunk of a chunked body; "" stays "", for an empty chunk would end the body.
[[nodiscard]] std::string format_chunk(std::string_view bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace tenax::http
