#include <algorithm>
#include <cmath>
#include <limits>

#include "tenax/limits.hpp"
#include "tenax/retry.hpp"

namespace tenax {

namespace {

using rep = milliseconds::rep;

/// Rounds down; what is negative or no number becomes 0, what is too large the greatest value.
milliseconds to_ms(double ms) noexcept {
  constexpr auto top = std::numeric_limits<rep>::max();
  if (!(ms > 0)) return milliseconds{0};
  if (ms >= static_cast<double>(top)) return milliseconds{top};
  return milliseconds{static_cast<rep>(ms)};
}

milliseconds saturating_sum(milliseconds a, milliseconds b) noexcept {
  return b > milliseconds::max() - a ? milliseconds::max() : a + b;
}

milliseconds not_negative(milliseconds d) noexcept { return std::max(d, milliseconds{0}); }

/// The wait before the cap. Doubles hold every allowed duration exactly, and overflow to infinity.
double curve_ms(const retry_policy& p, std::uint64_t n) noexcept {
  const auto first = static_cast<double>(p.min_wait.count());
  switch (p.curve) {
    case wait_curve::fixed:
      return first;
    case wait_curve::linear:
      return first * (static_cast<double>(n) + 1);
    case wait_curve::table:
      if (p.waits.empty()) return first;
      return static_cast<double>(p.waits[std::min<std::uint64_t>(n, p.waits.size() - 1)].count());
    case wait_curve::exponential:
      break;
  }
  if (first <= 0) return 0;  // 0 times infinity is no number
  return first * std::pow(p.base, static_cast<double>(n));
}

/// Delays are low + uniform(0, span). Low is a whole number and only the drawn part is rounded, so
/// that no sum of doubles can round up across a bound.
struct draw_range {
  milliseconds low{0};
  double span = 0;
  [[nodiscard]] milliseconds at(double u) const noexcept {
    return saturating_sum(low, to_ms(u * span));
  }
};

draw_range range_of(const retry_policy& p, std::uint64_t n, milliseconds previous) noexcept {
  const auto wait = p.wait(n);
  const auto wait_ms = static_cast<double>(wait.count());
  switch (p.jitter_mode) {
    case jitter_kind::full:
      return {milliseconds{0}, wait_ms};
    case jitter_kind::equal:
      return {wait / 2, static_cast<double>((wait - wait / 2).count())};
    case jitter_kind::decorrelated: {
      const auto low = not_negative(p.min_wait);
      const auto before = previous > milliseconds{0} ? previous : low;
      const auto low_ms = static_cast<double>(low.count());
      return {low, std::max(0.0, 3.0 * static_cast<double>(before.count()) - low_ms)};
    }
    case jitter_kind::none:
      return {wait, 0};
    case jitter_kind::additive:
      break;
  }
  // A jitter out of range is a fault of the policy; until someone looks it must not do harm here.
  const double share = p.jitter > 0 ? std::min(p.jitter, 10.0) : 0.0;
  return {wait, wait_ms * share};
}

milliseconds clamp_delay(const retry_policy& p, milliseconds delay) noexcept {
  if (p.jitter_mode == jitter_kind::decorrelated) delay = std::min(delay, not_negative(p.max_wait));
  if (p.delay_cap) delay = std::min(delay, not_negative(*p.delay_cap));
  return delay;
}

void check_duration(std::vector<std::string>& faults, const std::string& name, milliseconds d) {
  const auto most = limits{}.delay_max;
  if (d >= milliseconds{0} && d <= most) return;
  faults.push_back(name + " must be between 0 and " + std::to_string(most.count()) +
                   " ms (10 years), it is " + std::to_string(d.count()) + " ms");
}

}  // namespace

std::string_view to_string(wait_curve c) noexcept {
  switch (c) {
    case wait_curve::exponential:
      return "exponential";
    case wait_curve::fixed:
      return "fixed";
    case wait_curve::linear:
      return "linear";
    case wait_curve::table:
      return "table";
  }
  return "unknown";
}

std::string_view to_string(jitter_kind j) noexcept {
  switch (j) {
    case jitter_kind::additive:
      return "additive";
    case jitter_kind::full:
      return "full";
    case jitter_kind::equal:
      return "equal";
    case jitter_kind::decorrelated:
      return "decorrelated";
    case jitter_kind::none:
      return "none";
  }
  return "unknown";
}

milliseconds retry_policy::wait(std::uint64_t n) const noexcept {
  const auto cap = not_negative(max_wait);
  const double w = std::round(curve_ms(*this, n));
  // Not `w >= cap`: a base that is no number must wait too long rather than not at all.
  if (!(w < static_cast<double>(cap.count()))) return cap;
  return to_ms(w);
}

milliseconds retry_policy::next_delay(std::uint64_t n, rng& random, milliseconds previous) const {
  double u = 0;
  if (jitter_mode != jitter_kind::none) {
    u = random.uniform();
    u = u > 0 ? std::min(u, 1.0) : 0.0;  // no number becomes 0
  }
  return clamp_delay(*this, range_of(*this, n, previous).at(u));
}

delay_bounds retry_policy::bounds(std::uint64_t n, milliseconds previous) const noexcept {
  const auto range = range_of(*this, n, previous);
  return {clamp_delay(*this, range.at(0)), clamp_delay(*this, range.at(1))};
}

retry_policy policy_change::applied_to(retry_policy policy) const {
  if (max_attempts) policy.max_attempts = *max_attempts;
  if (min_wait) policy.min_wait = *min_wait;
  if (max_wait) policy.max_wait = *max_wait;
  if (min_wait && !max_wait) policy.max_wait = std::max(policy.min_wait, policy.max_wait);
  if (max_wait && !min_wait) policy.min_wait = std::min(policy.min_wait, policy.max_wait);
  if (exhausted) policy.exhausted = *exhausted;
  return policy;
}

policy_change policy_change::then(const policy_change& later) const {
  policy_change out = *this;
  if (later.max_attempts) out.max_attempts = later.max_attempts;
  if (later.exhausted) out.exhausted = later.exhausted;
  if (later.min_wait) out.min_wait = later.min_wait;
  if (later.max_wait) out.max_wait = later.max_wait;
  if (!out.min_wait || !out.max_wait || *out.min_wait <= *out.max_wait) return out;
  if (!later.max_wait) out.max_wait = out.min_wait;
  if (!later.min_wait) out.min_wait = out.max_wait;
  return out;
}

std::vector<std::string> retry_policy::faults() const {
  std::vector<std::string> out;
  if (max_attempts < 1 || max_attempts > limits{}.attempts_max)
    out.push_back("max_attempts must be between 1 and " + std::to_string(limits{}.attempts_max) +
                  ", it is " + std::to_string(max_attempts));
  check_duration(out, "min_wait", min_wait);
  check_duration(out, "max_wait", max_wait);
  if (max_wait < min_wait) out.emplace_back("max_wait must not be less than min_wait");
  if (!(base >= 1) || std::isinf(base)) out.emplace_back("base must be a finite number from 1 up");
  if (!(jitter >= 0 && jitter <= 10)) out.emplace_back("jitter must be between 0 and 10");
  if (curve == wait_curve::table && waits.empty())
    out.emplace_back("waits must not be empty when the curve is table");
  for (std::size_t i = 0; i < waits.size(); ++i)
    check_duration(out, "waits[" + std::to_string(i) + "]", waits[i]);
  if (delay_cap) check_duration(out, "delay_cap", *delay_cap);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto name = "rules[" + std::to_string(i) + "]";
    if (rules[i].error_class.empty()) out.push_back(name + ".error_class must not be empty");
    if (rules[i].fixed_delay) check_duration(out, name + ".fixed_delay", *rules[i].fixed_delay);
  }
  return out;
}

retry_policy retry_policy::never() {
  retry_policy p;
  p.max_attempts = 1;
  return p;
}

retry_policy retry_policy::fixed(milliseconds every, std::uint32_t max_attempts) {
  retry_policy p;
  p.max_attempts = max_attempts;
  p.min_wait = every;
  p.max_wait = every;
  p.curve = wait_curve::fixed;
  p.jitter_mode = jitter_kind::none;
  return p;
}

retry_policy retry_policy::table(std::vector<milliseconds> waits) {
  retry_policy p;
  // Not cut to attempts_max: faults() names it.
  constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max() - 1;
  p.max_attempts = static_cast<std::uint32_t>(std::min(waits.size(), most)) + 1;
  p.curve = wait_curve::table;
  p.jitter_mode = jitter_kind::none;
  if (!waits.empty()) {
    // The table alone says how long: neither end of the default range may bend it.
    const auto [least, most] = std::minmax_element(waits.begin(), waits.end());
    p.min_wait = *least;
    p.max_wait = *most;
  }
  p.waits = std::move(waits);
  return p;
}

}  // namespace tenax
