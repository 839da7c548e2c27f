#include "model/documents/json_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace tenax::model {

namespace {

constexpr std::size_t shown_bytes_max = 80;
constexpr std::size_t pointer_name_bytes_max = 128;
constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view replacement_character = "\xef\xbf\xbd";

bool is_plain(unsigned char c) noexcept { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

void append_escape(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += hex_digits[c >> 4];
      out += hex_digits[c & 15];
  }
}

}  // namespace

std::size_t utf8_length(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (at >= text.size()) return 0;
  const unsigned char first = byte(at);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  // The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF.
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
  } else {
    return 0;
  }
  if (text.size() - at < length || byte(at + 1) < low || byte(at + 1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

std::size_t find_invalid_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  for (std::size_t back = 0; back < 3 && end > 0; ++back) {
    if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80) break;
    --end;
  }
  return text.substr(0, end);
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    std::size_t run = at;
    while (run < text.size() && is_plain(static_cast<unsigned char>(text[run]))) ++run;
    out.append(text, at, run - at);
    if (run == text.size()) break;
    at = run;
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < 0x80) {
      append_escape(out, c);
      ++at;
    } else if (const std::size_t length = utf8_length(text, at); length > 0) {
      out.append(text, at, length);
      at += length;
    } else {
      out += replacement_character;
      ++at;
    }
  }
  out += '"';
}

std::string json_number(double value) {
  std::array<char, 64> buffer;
  const double size = std::fabs(value);
  // As people write it: plain digits in the range where those are short.
  const auto format = size == 0.0 || (size >= 1e-6 && size < 1e15) ? std::chars_format::fixed
                                                                   : std::chars_format::scientific;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  std::string text(buffer.data(), end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string shown(std::string_view text) {
  std::string out = "\"";
  std::size_t at = 0;
  while (at < text.size() && out.size() <= shown_bytes_max) {
    const auto c = static_cast<unsigned char>(text[at]);
    const std::size_t length = utf8_length(text, at);
    // U+0080..U+009F are control characters too.
    const bool c1_control =
        length == 2 && c == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[at++];
    } else if (length == 0 || c < 0x20 || c == 0x7f || c1_control) {
      out += "\\x";
      out += hex_digits[c >> 4];
      out += hex_digits[c & 15];
      ++at;
    } else {
      out.append(text, at, length);
      at += length;
    }
  }
  out += at < text.size() ? "...\"" : "\"";
  return out;
}

void append_pointer(std::string& pointer, std::string_view name) {
  pointer += '/';
  const std::string_view kept = utf8_prefix(name, pointer_name_bytes_max);
  for (const char c : kept) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  if (kept.size() < name.size()) pointer += "...";
}

void append_pointer(std::string& pointer, std::size_t index) {
  pointer += '/';
  pointer += std::to_string(index);
}

void fault_list::add(std::string path, std::string message) {
  if (full()) {
    ++dropped_;
  } else {
    kept_.push_back({std::move(path), std::move(message)});
  }
}

std::vector<fault> fault_list::take() {
  if (dropped_ > 0) {
    kept_.push_back({"", "and " + std::to_string(dropped_) + " more faults", dropped_});
  }
  dropped_ = 0;
  return std::exchange(kept_, {});
}

error invalid_spec_error(std::string_view what, std::vector<fault> faults) {
  std::string message(what);
  message += faults.size() == 1 ? " is faulty" : " has several faults";
  return {errc::invalid_spec, std::move(message), std::move(faults)};
}

}  // namespace tenax::model
