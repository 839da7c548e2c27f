// fnv.hpp - the hash of what is stored: the same on every machine and in every version.
// Depends on std only. Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace tenax::model {

/// FNV-1a of 64 bits (www.isthe.com/chongo/tech/comp/fnv); goes on from `hash`.
[[nodiscard]] constexpr std::uint64_t fnv1a(std::string_view bytes,
                                            std::uint64_t hash = 0xcbf29ce484222325) noexcept {
  for (const char c : bytes) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace tenax::model
