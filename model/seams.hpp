// seams.hpp - where the engine's non-determinism comes in: the wall clock and the random source.
// Depends on include/tenax only. Production uses system_clock() and seeded_rng; tests bring their
// own.
#pragma once

#include <cstdint>
#include <random>

#include "tenax/retry.hpp"

namespace tenax::model {

/// Milliseconds since the Unix epoch.
using time_ms = std::int64_t;

/// The wall clock. It may step in both directions. Thread safe.
class clock {
 public:
  virtual ~clock() = default;
  [[nodiscard]] virtual time_ms now_ms() const = 0;
};

/// The machine's wall clock.
[[nodiscard]] const clock& system_clock();

/// 64 bits from the operating system, to seed a random source.
[[nodiscard]] std::uint64_t random_seed();

/// A 64-bit Mersenne Twister: the same seed gives the same draws on every platform.
class seeded_rng final : public rng {
 public:
  explicit seeded_rng(std::uint64_t seed) : engine_(seed) {}
  /// 53 random bits, so never 1.
  double uniform() override { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  std::uint64_t next() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tenax::model
