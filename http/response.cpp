#include "http/response.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "http/text.hpp"

namespace tenax::http {

namespace {

struct named_status {
  int status;
  std::string_view reason;
};
constexpr named_status names[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

template <class Number>
std::string number(Number n, int base = 10) {
  std::array<char, 24> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), n, base).ptr;
  return {text.data(), end};
}

void append_clean(std::string& out, std::string_view text) {
  for (const char c : text) out += is_control(c) ? ' ' : c;
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  append_clean(out, name);
  out += ": ";
  append_clean(out, value);
  out += "\r\n";
}

/// "Sun, 06 Nov 1994 08:49:37 GMT", without the locale.
std::string make_date(std::time_t at) {
  static constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed",
                                                      "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto two = [](int n) { return (n < 10 ? "0" : "") + number(n); };
  std::tm t{};
  ::gmtime_r(&at, &t);
  return std::string(days[static_cast<std::size_t>(t.tm_wday)]) + ", " + two(t.tm_mday) + " " +
         months[static_cast<std::size_t>(t.tm_mon)] + " " + number(1900 + t.tm_year) + " " +
         two(t.tm_hour) + ":" + two(t.tm_min) + ":" + two(t.tm_sec) + " GMT";
}

/// make_date, once a second and thread.
const std::string& http_date(std::time_t at) {
  thread_local std::time_t made_at = -1;
  thread_local std::string made;
  if (at != made_at) {
    made = make_date(at);
    made_at = at;
  }
  return made;
}

/// A field of an event; a line break in it would begin another field.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  append_clean(out, value);
  out += '\n';
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  const auto* const found = std::ranges::find(names, status, &named_status::status);
  return found == std::end(names) ? "Unknown" : found->reason;
}

std::string json_string(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += "\\u00";
      quoted += {digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]};
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

response problem_response(int status, std::string_view detail) {
  response r{status, {{"content-type", "application/problem+json"}}, {}};
  r.body = R"({"type":"about:blank","title":)" + json_string(reason_phrase(status)) +
           R"(,"status":)" + number(status) + R"(,"detail":)" + json_string(detail) + "}\n";
  return r;
}

std::string format_event(const event& e) {
  std::string text;
  if (!e.id.empty()) append_field(text, "id", e.id);
  if (!e.name.empty()) append_field(text, "event", e.name);
  for (auto rest = e.data;;) {
    const auto end = rest.find('\n');
    append_field(text, "data", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return text + '\n';
}

std::string format_comment(std::string_view text) {
  std::string line;
  append_field(line, "", text);
  return line + '\n';
}

std::string format_head(const response& r, const head_terms& terms) {
  std::string head = "HTTP/1.1 " + number(r.status) + ' ';
  head += reason_phrase(r.status);
  head += "\r\n";
  append_header(head, "Date", http_date(terms.now));
  for (const auto& [name, value] : r.headers) append_header(head, name, value);
  if (!terms.request_id.empty()) append_header(head, "X-Request-Id", terms.request_id);
  if (terms.end == body_end::length) append_header(head, "Content-Length", number(r.body.size()));
  if (terms.end == body_end::chunks) append_header(head, "Transfer-Encoding", "chunked");
  if (!terms.keep_alive) {
    append_header(head, "Connection", "close");
  } else if (terms.http_1_0) {
    append_header(head, "Connection", "keep-alive");
  }
  return head + "\r\n";
}

std::string format_chunk(std::string_view bytes) {
  if (bytes.empty()) return {};
  std::string chunk = number(bytes.size(), 16) + "\r\n";
  chunk.reserve(chunk.size() + bytes.size() + 2);
  chunk += bytes;
  return chunk += "\r\n";
}

}  // namespace tenax::http
