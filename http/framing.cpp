#include "http/framing.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <algorithm>
#include <charconv>
#include <utility>

#include "http/text.hpp"
#include "http/uri.hpp"

namespace tenax::http {

namespace {

namespace beast = boost::beast;
using boost::system::error_code;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

/// Beast's grammar of the request line and the headers; the body is not its affair.
class head_parser final : public beast::http::basic_parser<true> {
 public:
  explicit head_parser(request& into) : request_(into) { skip(true); }

  [[nodiscard]] std::string_view target() const noexcept { return target_; }

 private:
  using text = beast::string_view;
  using length = boost::optional<std::uint64_t>;

  void on_request_impl(beast::http::verb, text method, text target, int version,
                       error_code&) override {
    request_.method = view(method);
    target_ = view(target);
    request_.http_1_0 = version == 10;
  }
  void on_field_impl(beast::http::field field, text name, text value, error_code& error) override {
    // Now, before Beast weighs it against a Content-Length.
    if (field == beast::http::field::transfer_encoding) {
      error = beast::http::error::bad_transfer_encoding;
    }
    request_.headers.push_back({to_lower(view(name)), std::string(view(value))});
  }
  void on_header_impl(error_code&) override {}
  void on_finish_impl(error_code&) override {}
  // Never called: the body is skipped.
  void on_response_impl(int, text, int, error_code&) override {}
  void on_body_init_impl(const length&, error_code&) override {}
  std::size_t on_body_impl(text, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, text, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, text, error_code&) override { return 0; }

  request& request_;
  std::string_view target_;
};

/// Whether the request line ends with the name of another version of HTTP.
bool names_other_version(std::string_view head) {
  const auto line = head.substr(0, head.find('\r'));
  const auto version = line.substr(line.size() - std::min<std::size_t>(line.size(), 9));
  return version.size() == 9 && version.starts_with(" HTTP/") && is_digit(version[6]) &&
         version[7] == '.' && is_digit(version[8]) && version != " HTTP/1.0" &&
         version != " HTTP/1.1";
}

problem explain(const error_code& why, std::string_view head) {
  using beast::http::error;
  switch (static_cast<error>(why.value())) {
    case error::bad_transfer_encoding:
      return {411, "Transfer-Encoding is not taken: send a Content-Length"};
    case error::bad_version:
      if (names_other_version(head)) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
      return {400, "malformed request line"};
    case error::bad_method:
    case error::bad_target:
      return {400, "malformed request line"};
    case error::bad_content_length:
      return {400, "malformed Content-Length"};
    default:
      return {400, "malformed header"};
  }
}

bool is_host(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || std::string_view(".-_:[]").find(c) != std::string_view::npos;
  });
}

}  // namespace

framer::step framer::next(std::string_view& bytes) {
  switch (state_) {
    case state::head:
      return take_head(bytes);
    case state::body:
      return take_body(bytes);
    case state::refused:
      break;
  }
  return step::refused;
}

request framer::take() {
  request whole = std::move(request_);
  *this = framer(limits_);
  return whole;
}

/// Line ends, control characters, folding and size are judged as the bytes come in: what can never
/// become a request is refused at once, and Beast sees whole heads only.
framer::step framer::take_head(std::string_view& bytes) {
  std::size_t used = 0;
  bool complete = false;
  while (used < bytes.size() && !complete) {
    const char c = bytes[used++];
    if (head_bytes_.size() + used > limits_.head_bytes_max) {
      return lines_ == 0 ? refuse(414, "the target is too long") : refuse(431, "headers too large");
    }
    if (c == '\n') {
      if (!std::exchange(after_cr_, false)) return refuse(400, "a line ends with LF alone");
      if (line_bytes_ == 0) {
        complete = lines_ > 0;  // empty lines before a request are passed over (RFC 9112, 2.2)
      } else if (++lines_ > limits_.headers_max + 1) {
        return refuse(431, "too many headers");
      }
      line_bytes_ = 0;
    } else if (after_cr_) {
      return refuse(400, "CR without LF");
    } else if (c == '\r') {
      after_cr_ = true;
    } else if (is_control(c)) {
      return refuse(400, "a control character");
    } else if (line_bytes_++ == 0 && (c == ' ' || c == '\t')) {
      return refuse(400, "a line begins with white space");
    }
  }
  head_bytes_ += bytes.substr(0, used);
  bytes.remove_prefix(used);
  return complete ? parse_head() : step::more;
}

framer::step framer::parse_head() {
  const auto head = std::string_view(head_bytes_).substr(head_bytes_.find_first_not_of("\r\n"));
  head_parser parser(request_);
  parser.header_limit(static_cast<std::uint32_t>(head.size()) + 1);
  error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error) {
    const auto [status, reason] = explain(error, head);
    return refuse(status, reason);
  }
  request_.keep_alive = parser.keep_alive();
  return check_head(parser.target());
}

framer::step framer::check_head(std::string_view target) {
  if (!is_origin_form(target)) return refuse(400, "the target is no path");
  const auto question = std::min(target.find('?'), target.size());
  request_.path = target.substr(0, question);
  request_.query = target.substr(std::min(question + 1, target.size()));

  const auto hosts = std::ranges::count(request_.headers, "host", &header::name);
  if (hosts > 1 || (hosts == 0 && !request_.http_1_0)) return refuse(400, "not exactly one Host");
  if (!is_host(request_.find_header("host").value_or(""))) return refuse(400, "malformed Host");
  return check_length();
}

framer::step framer::check_length() {
  const auto length = request_.find_header("content-length");
  if (length) {
    const char* const end = length->data() + length->size();
    if (std::ranges::count(request_.headers, "content-length", &header::name) > 1 ||
        !std::ranges::all_of(*length, is_digit) ||
        std::from_chars(length->data(), end, body_left_).ec != std::errc()) {
      return refuse(400, "malformed Content-Length");
    }
  }
  if (body_left_ > limits_.body_bytes_max) return refuse(413, "the body is too large");
  if (const auto expect = request_.find_header("expect")) {
    if (!equals_ignoring_case(*expect, "100-continue")) return refuse(417, "unknown expectation");
    expects_continue_ = body_left_ > 0 && !request_.http_1_0;
  }
  head_bytes_ = {};
  state_ = state::body;
  return step::head;
}

framer::step framer::take_body(std::string_view& bytes) {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, bytes.size()));
  // Memory is taken as the body comes in, not as it is announced.
  request_.body += bytes.substr(0, taken);
  bytes.remove_prefix(taken);
  body_left_ -= taken;
  return body_left_ == 0 ? step::complete : step::more;
}

framer::step framer::refuse(int status, std::string_view reason) {
  state_ = state::refused;
  refusal_ = {status, reason};
  return step::refused;
}

}  // namespace tenax::http
