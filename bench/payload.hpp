// payload.hpp - random bytes for inputs and results. Depends on std only. Not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace tenax::bench {

/// xoshiro256++ by D. Blackman and S. Vigna (prng.di.unimi.it, public domain).
class fast_random {
 public:
  explicit fast_random(std::uint64_t seed) {
    for (auto& word : s_) {  // splitmix64
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t z = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }
  std::uint64_t next() noexcept {
    const std::uint64_t result = rotl(s_[0] + s_[3], 23) + s_[0];
    const std::uint64_t t = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= t;
    s_[3] = rotl(s_[3], 45);
    return result;
  }
  /// In [0, 1).
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  static std::uint64_t rotl(std::uint64_t x, int k) noexcept { return (x << k) | (x >> (64 - k)); }
  std::uint64_t s_[4];
};

/// Incompressible bytes, but for the two characters that could begin a reference in an input.
inline std::string random_payload(fast_random& random, std::size_t bytes) {
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < bytes; i += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(out.data() + i, &word, bytes - i < 8 ? bytes - i : 8);
  }
  for (auto& c : out) {
    if (c == '$' || c == '\\') c = '.';
  }
  return out;
}

/// A JSON object of about `bytes`, as a program would return it: `{"rows": [{"i": number, "v":
/// text}...], "n": number}`. The texts are random; each number has eight digits.
inline std::string random_document(fast_random& random, std::size_t bytes) {
  constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr std::size_t row_bytes = 41;
  const auto number = [&random] { return std::to_string(10'000'000 + random.next() % 90'000'000); };
  std::string out = "{\"rows\":[";
  for (bool first = true; out.size() + row_bytes + 20 < bytes; first = false) {
    out += first ? "{\"i\":" : ",{\"i\":";
    out += number();
    out += ",\"v\":\"";
    std::uint64_t bits = random.next();
    for (int n = 0; n < 16; ++n) {
      if (n == 8) bits = random.next();
      out += letters[bits & 63];
      bits >>= 8;
    }
    out += "\"}";
  }
  return out + "],\"n\":" + number() + "}";
}

}  // namespace tenax::bench
