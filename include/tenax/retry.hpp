// retry.hpp - when a failed action is tried again: the retry policy and its arithmetic.
// Depends on std only. Value types; const calls are thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenax {

using std::chrono::milliseconds;

/// Where draws come from. `uniform()` is in [0, 1). Not thread safe.
class rng {
 public:
  virtual ~rng() = default;
  virtual double uniform() = 0;
};

/// How the wait grows with n, the number of retries already made (0 for the first retry).
enum class wait_curve : std::uint8_t {
  exponential,  ///< min_wait * base^n
  fixed,        ///< min_wait
  linear,       ///< min_wait * (n + 1)
  table,        ///< waits[min(n, size - 1)]
};

/// How the wait w becomes the delay. Names as in M. Brooker, "Exponential Backoff And Jitter" (AWS,
/// 2015); `additive` is tenax's default.
enum class jitter_kind : std::uint8_t {
  additive,      ///< w + uniform(0, w * jitter)
  full,          ///< uniform(0, w)
  equal,         ///< w / 2 + uniform(0, w / 2)
  decorrelated,  ///< min(max_wait, uniform(min_wait, 3 * previous delay)); previous = min_wait at
                 ///< first
  none,          ///< w
};

[[nodiscard]] std::string_view to_string(wait_curve c) noexcept;
[[nodiscard]] std::string_view to_string(jitter_kind j) noexcept;

/// What to do with a failure of a certain class (`outcome::failure`'s error class). The engine has
/// classes of its own: `exception` (the handler threw), `timeout` (start_to_close,
/// schedule_to_close), `result_too_large`, `delay_too_long`, `bad_outcome`, `bad_reference`,
/// `max_recoveries`, `decided`.
struct error_rule {
  std::string error_class{};  ///< matches exactly
  bool retry = true;          ///< false: not retried, unless the handler gave a retry_after
  std::optional<milliseconds> fixed_delay = {};  ///< instead of the policy's draw, no jitter
};

/// What to do when no attempt is left, or the handler said `fatal`. An action that exceeds
/// schedule_to_close or max_recoveries fails its workflow whatever this says.
enum class on_exhausted : std::uint8_t {
  fail_workflow,  ///< the workflow fails at once; what is pending is cancelled
  pause,          ///< the action waits for `engine::resolve`
  skip,           ///< the action counts as skipped, its result is null, dependants go on
};

/// The least and greatest delay that a policy can draw for one retry.
struct delay_bounds {
  milliseconds least{0};
  milliseconds most{0};
  bool operator==(const delay_bounds&) const = default;
};

struct retry_policy {
  std::uint32_t max_attempts = 3;  ///< total, the first included; 1..100
  milliseconds min_wait{1'000};    ///< 0..10 years
  milliseconds max_wait{60'000};   ///< caps the wait before jitter; >= min_wait
  double base = 2.0;               ///< >= 1
  double jitter = 0.5;             ///< share of the wait that `additive` may add; 0..10
  wait_curve curve = wait_curve::exponential;
  jitter_kind jitter_mode = jitter_kind::additive;
  std::vector<milliseconds> waits = {};        ///< for wait_curve::table, not empty then
  std::optional<milliseconds> delay_cap = {};  ///< clamps the delay after jitter
  std::vector<error_rule> rules = {};          ///< first match wins
  tenax::on_exhausted exhausted = tenax::on_exhausted::fail_workflow;

  /// The wait before jitter for retry n (0 = first), to the nearest millisecond, capped at
  /// max_wait. Never overflows, whatever n.
  [[nodiscard]] milliseconds wait(std::uint64_t n) const noexcept;
  /// One draw, rounded down to milliseconds: the delay before retry n. `previous` is the delay
  /// before (only `decorrelated` looks at it; zero = none). Takes exactly one draw from `random`,
  /// except for jitter_kind::none, which takes none.
  [[nodiscard]] milliseconds next_delay(std::uint64_t n, rng& random,
                                        milliseconds previous = milliseconds{0}) const;
  /// The range that next_delay(n, ..., previous) lies in, both ends included.
  [[nodiscard]] delay_bounds bounds(std::uint64_t n,
                                    milliseconds previous = milliseconds{0}) const noexcept;
  /// Whether another attempt is due after `attempts` attempts that failed.
  [[nodiscard]] bool should_retry(std::uint32_t attempts) const noexcept {
    return attempts < max_attempts;
  }
  /// What is out of range, one sentence each; empty when the policy is usable.
  [[nodiscard]] std::vector<std::string> faults() const;

  // Short forms of the usual policies.
  /// One attempt.
  [[nodiscard]] static retry_policy never();
  /// The same wait each time, no jitter.
  [[nodiscard]] static retry_policy fixed(milliseconds every, std::uint32_t max_attempts);
  /// One retry per wait, no jitter; more than 99 waits are a fault.
  [[nodiscard]] static retry_policy table(std::vector<milliseconds> waits);
};

/// What of a policy is set for one action, in place of what its type says (engine::change).
struct policy_change {
  std::optional<std::uint32_t> max_attempts = {};  ///< as in retry_policy, and its ranges
  std::optional<milliseconds> min_wait = {};
  std::optional<milliseconds> max_wait = {};
  std::optional<tenax::on_exhausted> exhausted = {};

  /// Nothing is set: all is as the type says.
  [[nodiscard]] bool empty() const noexcept { return *this == policy_change(); }
  /// The policy with what is set. Where only one of the waits is, the other gives way to it.
  [[nodiscard]] retry_policy applied_to(retry_policy policy) const;
  /// This, and then what `later` sets.
  [[nodiscard]] policy_change then(const policy_change& later) const;
  /// What is out of range, one sentence each; empty when it can be used.
  [[nodiscard]] std::vector<std::string> faults() const { return applied_to({}).faults(); }
  bool operator==(const policy_change&) const = default;
};

}  // namespace tenax
