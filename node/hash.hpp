// hash.hpp - a hash that is the same on every machine and in every version: ids and injected faults
// depend on it.
// Depends on std only. Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace tenax::node {

/// FNV-1a of 64 bits (draft-eastlake-fnv), finished with splitmix64's mixer (S. Vigna, public
/// domain), since FNV's high bits hardly depend on the last bytes.
class stable_hash {
 public:
  /// Each text ends with its length, so that ("a", "bc") and ("ab", "c") differ.
  stable_hash& add(std::string_view text) noexcept {
    for (const char c : text) byte(static_cast<unsigned char>(c));
    return add(static_cast<std::uint64_t>(text.size()));
  }
  stable_hash& add(std::uint64_t n) noexcept {
    for (int shift = 0; shift < 64; shift += 8) byte(static_cast<unsigned char>(n >> shift));
    return *this;
  }
  [[nodiscard]] std::uint64_t value() const noexcept {
    auto z = state_ + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  void byte(unsigned char b) noexcept { state_ = (state_ ^ b) * 0x100000001B3u; }
  std::uint64_t state_ = 0xCBF29CE484222325u;
};

}  // namespace tenax::node
