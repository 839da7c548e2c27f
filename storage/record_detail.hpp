// record_detail.hpp - what encoders and decoders of records share. For records_*.cpp only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/records.pb.h"
#include "storage/store.hpp"

namespace tenax::storage::records::detail {

/// Version and checksum before each payload.
inline constexpr std::size_t envelope_bytes = 5;
inline constexpr std::string_view default_input = "null";

/// a - b and a + b, wrapping: stored numbers may be anything.
[[nodiscard]] constexpr std::int64_t minus(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
[[nodiscard]] constexpr std::int64_t plus(std::int64_t a, std::int64_t b) noexcept {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

/// A time as its distance from `base`, small when near. The time 0 means "none" and becomes 0, so
/// distances from 0 on are one higher.
[[nodiscard]] constexpr std::int64_t time_delta(time_ms at, time_ms base) noexcept {
  if (at == 0) return 0;
  const std::int64_t delta = minus(at, base);
  return delta >= 0 ? plus(delta, 1) : delta;
}
[[nodiscard]] constexpr time_ms time_from(std::int64_t delta, time_ms base) noexcept {
  if (delta == 0) return 0;
  return plus(base, delta > 0 ? delta - 1 : delta);
}

inline void put_varint(std::uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}
/// Takes a number of at most 32 bits off the front of `bytes`; false if there is none.
[[nodiscard]] inline bool take_varint(std::string_view& bytes, std::uint32_t& value) noexcept {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i < 5 && i < bytes.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    all |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if (byte < 0x80) {
      bytes.remove_prefix(i + 1);
      value = static_cast<std::uint32_t>(all);
      return all <= 0xffff'ffff;
    }
  }
  return false;
}

}  // namespace tenax::storage::records::detail
