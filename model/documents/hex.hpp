// hex.hpp - 64 bits as 16 hexadecimal digits, lower case. Depends on std only. Pure functions.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenax::model {

[[nodiscard]] inline std::string print_hex(std::uint64_t value) {
  std::string digits(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  return digits;
}

/// Nothing unless it is exactly what print_hex makes.
[[nodiscard]] inline std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return print_hex(value) == digits ? std::optional(value) : std::nullopt;
}

}  // namespace tenax::model
