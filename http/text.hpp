// text.hpp - what HTTP asks of characters, without the locale. Depends on std only.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tenax::http {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_alnum(char c) noexcept {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z');
}
/// Beside the tab, which header values may contain.
constexpr bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}
/// The value of a hex digit; -1 for others.
constexpr int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char small = to_lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

inline std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return to_lower(c); });
  return lower;
}
inline bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(
      a, b, {}, [](char c) { return to_lower(c); }, [](char c) { return to_lower(c); });
}

}  // namespace tenax::http
