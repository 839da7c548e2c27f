// What retry.hpp promises: when a failed action is tried again.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "model/seams.hpp"
#include "tenax/limits.hpp"
#include "tenax/retry.hpp"

using namespace tenax;
using namespace std::chrono_literals;

namespace {

constexpr auto n_max = std::numeric_limits<std::uint64_t>::max();
const double just_under_one = std::nextafter(1.0, 0.0);
constexpr std::array all_jitters{jitter_kind::additive, jitter_kind::full, jitter_kind::equal,
                                 jitter_kind::decorrelated, jitter_kind::none};
constexpr std::array all_curves{wait_curve::exponential, wait_curve::fixed, wait_curve::linear,
                                wait_curve::table};

/// Always the same draw; counts how often it is asked.
class constant_rng final : public rng {
 public:
  explicit constant_rng(double u) : u_(u) {}
  double uniform() override { return ++draws, u_; }
  int draws = 0;

 private:
  double u_;
};

milliseconds draw(const retry_policy& p, std::uint64_t n, double u, milliseconds previous = 0ms) {
  constant_rng random{u};
  return p.next_delay(n, random, previous);
}

retry_policy with_jitter(jitter_kind kind) {
  retry_policy p;
  p.jitter_mode = kind;
  return p;
}

struct sample {
  double least = 0;
  double most = 0;
  double mean = 0;
  double ks = 0;  ///< Kolmogorov-Smirnov distance from uniform(low, high)
};

/// 10^5 draws for retry 0, held against uniform(low, high).
sample draw_many(const retry_policy& p, double low, double high, milliseconds previous = 0ms) {
  constexpr std::uint64_t seed = 20'240'501;
  constexpr std::size_t count = 100'000;
  BOOST_TEST_MESSAGE("seed " << seed);
  model::seeded_rng random{seed};
  std::vector<double> draws(count);
  for (auto& d : draws) d = static_cast<double>(p.next_delay(0, random, previous).count());
  std::sort(draws.begin(), draws.end());
  sample s;
  s.least = draws.front();
  s.most = draws.back();
  for (std::size_t i = 0; i < count; ++i) {
    s.mean += draws[i] / count;
    const double expected = (draws[i] - low) / (high - low);
    s.ks = std::max({s.ks, std::abs(expected - static_cast<double>(i) / count),
                     std::abs(expected - static_cast<double>(i + 1) / count)});
  }
  return s;
}

/// The sample fills [low, high] and is uniform there. 1.95 / sqrt(n) is the critical value of the
/// KS test at 0.1 %. Waits are long here, so that whole milliseconds do not show.
void check_uniform(const sample& s, double low, double high) {
  const double span = high - low;
  BOOST_TEST(s.least >= low);
  BOOST_TEST(s.most <= high);
  BOOST_TEST(s.least < low + span * 0.001);
  BOOST_TEST(s.most > high - span * 0.001);
  BOOST_TEST(std::abs(s.mean - (low + high) / 2) < span * 0.005);
  BOOST_TEST(s.ks < 1.95 / std::sqrt(100'000.0));
}

/// Waits of 1,000,000 ms and more.
retry_policy long_waits(jitter_kind kind) {
  auto p = with_jitter(kind);
  p.min_wait = 1'000'000ms;
  p.max_wait = 100'000'000ms;
  return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(backoff)

BOOST_AUTO_TEST_CASE(default_retries_come_after_1_to_1_5_s_then_2_to_3_s) {
  const retry_policy p;
  BOOST_TEST(p.max_attempts == 3u);
  BOOST_TEST((p.bounds(0) == delay_bounds{1'000ms, 1'500ms}));
  BOOST_TEST((p.bounds(1) == delay_bounds{2'000ms, 3'000ms}));
  BOOST_TEST((draw(p, 0, 0) == 1'000ms));
  BOOST_TEST((draw(p, 0, 0.5) == 1'250ms));
  BOOST_TEST((draw(p, 0, just_under_one) == 1'499ms));
  BOOST_TEST((draw(p, 1, 0) == 2'000ms));
  BOOST_TEST((draw(p, 1, 0.5) == 2'500ms));
  BOOST_TEST((draw(p, 1, just_under_one) == 2'999ms));
  BOOST_TEST(p.faults().empty());
}

BOOST_AUTO_TEST_CASE(should_retry_counts_the_first_attempt) {
  const retry_policy p;
  BOOST_TEST(p.should_retry(1));
  BOOST_TEST(p.should_retry(2));
  BOOST_TEST(!p.should_retry(3));
  BOOST_TEST(!p.should_retry(std::numeric_limits<std::uint32_t>::max()));
  BOOST_TEST(!retry_policy::never().should_retry(1));
}

BOOST_AUTO_TEST_CASE(exponential_wait_grows_by_the_base_up_to_max_wait) {
  retry_policy p;
  const std::vector<milliseconds> expected{1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s};
  for (std::size_t n = 0; n < expected.size(); ++n) BOOST_TEST((p.wait(n) == expected[n]));
  p.base = 10;
  BOOST_TEST((p.wait(1) == 10'000ms));
  p.base = 1.1;
  BOOST_TEST((p.wait(1) == 1'100ms));
  BOOST_TEST((p.wait(3) == 1'331ms));
  p.base = 1;
  BOOST_TEST((p.wait(n_max) == 1'000ms));
}

BOOST_AUTO_TEST_CASE(wait_is_rounded_to_the_nearest_millisecond) {
  retry_policy p;
  p.min_wait = 1ms;
  p.base = 1.4;
  BOOST_TEST((p.wait(1) == 1ms));  // 1.4
  BOOST_TEST((p.wait(2) == 2ms));  // 1.96
}

BOOST_AUTO_TEST_CASE(fixed_wait_stays) {
  retry_policy p;
  p.curve = wait_curve::fixed;
  for (const auto n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{10'000}, n_max})
    BOOST_TEST((p.wait(n) == 1'000ms));
}

BOOST_AUTO_TEST_CASE(linear_wait_grows_by_min_wait_up_to_max_wait) {
  retry_policy p;
  p.curve = wait_curve::linear;
  BOOST_TEST((p.wait(0) == 1s));
  BOOST_TEST((p.wait(1) == 2s));
  BOOST_TEST((p.wait(58) == 59s));
  BOOST_TEST((p.wait(59) == 60s));
  BOOST_TEST((p.wait(60) == 60s));
  BOOST_TEST((p.wait(n_max) == 60s));
}

BOOST_AUTO_TEST_CASE(table_wait_takes_the_last_row_for_all_that_follow_and_is_capped) {
  retry_policy p;
  p.curve = wait_curve::table;
  p.waits = {5s, 1s, 2min};
  BOOST_TEST((p.wait(0) == 5s));
  BOOST_TEST((p.wait(1) == 1s));
  BOOST_TEST((p.wait(2) == 60s));
  BOOST_TEST((p.wait(n_max) == 60s));
  p.max_wait = 10min;
  BOOST_TEST((p.wait(3) == 2min));
}

BOOST_AUTO_TEST_CASE(wait_never_overflows_whatever_n_and_base) {
  const auto ten_years = limits{}.delay_max;
  retry_policy p;
  p.max_wait = ten_years;
  for (const double base : {1.0000001, 2.0, 1e6, 1e308}) {
    p.base = base;
    BOOST_TEST((p.wait(0) == 1s));
    BOOST_TEST((p.wait(n_max) == ten_years));
    BOOST_TEST((draw(p, n_max, just_under_one) < ten_years * 3 / 2));
  }
  p.base = 2;
  BOOST_TEST((p.wait(10'000) == ten_years));
  p.min_wait = 0ms;  // zero times infinity
  BOOST_TEST((p.wait(n_max) == 0ms));
  p.min_wait = p.max_wait = milliseconds::max();  // a faulty policy must be harmless too
  BOOST_TEST((p.wait(n_max) == milliseconds::max()));
  BOOST_TEST((draw(p, n_max, just_under_one) == milliseconds::max()));
}

BOOST_AUTO_TEST_CASE(faulty_numbers_wait_too_long_rather_than_not_at_all) {
  retry_policy p;
  p.base = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST((p.wait(1) == p.max_wait));
  p.base = 2;
  p.jitter = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST((draw(p, 0, 0.5) == 1s));
  p.jitter = std::numeric_limits<double>::infinity();
  BOOST_TEST((draw(p, 0, 0) == 1s));
  p.jitter = -1;
  BOOST_TEST((draw(p, 0, 0.5) == 1s));
}

BOOST_AUTO_TEST_CASE(each_jitter_draws_exactly_what_its_name_says) {
  const std::array us{0.0, 0.5, just_under_one};
  const auto draws = [&](const retry_policy& p, milliseconds previous = 0ms) {
    std::vector<std::int64_t> out;
    for (const double u : us) out.push_back(draw(p, 1, u, previous).count());
    return out;
  };
  using list = std::vector<std::int64_t>;
  BOOST_TEST((draws(with_jitter(jitter_kind::additive)) == list{2'000, 2'500, 2'999}));
  BOOST_TEST((draws(with_jitter(jitter_kind::full)) == list{0, 1'000, 1'999}));
  BOOST_TEST((draws(with_jitter(jitter_kind::equal)) == list{1'000, 1'500, 1'999}));
  BOOST_TEST((draws(with_jitter(jitter_kind::none)) == list{2'000, 2'000, 2'000}));
  const auto chained = with_jitter(jitter_kind::decorrelated);
  BOOST_TEST((draws(chained) == list{1'000, 2'000, 2'999}));  // previous = min_wait at first
  BOOST_TEST((draws(chained, 5s) == list{1'000, 8'000, 14'999}));
  BOOST_TEST((draws(chained, 60s) == list{1'000, 60'000, 60'000}));  // max_wait
  BOOST_TEST((draws(chained, 1ms) == list{1'000, 1'000, 1'000}));    // less than a third of it
}

BOOST_AUTO_TEST_CASE(each_delay_takes_exactly_one_draw_and_none_takes_no_draw) {
  for (const auto kind : all_jitters) {
    auto p = with_jitter(kind);
    for (const auto first : {0ms, 1'000ms}) {
      p.min_wait = first;
      constant_rng random{0.5};
      (void)p.next_delay(3, random);
      BOOST_TEST(random.draws == (kind == jitter_kind::none ? 0 : 1));
    }
  }
}

BOOST_AUTO_TEST_CASE(delay_cap_clamps_after_jitter) {
  retry_policy p;
  p.delay_cap = 1'200ms;
  BOOST_TEST((draw(p, 0, 0) == 1'000ms));
  BOOST_TEST((draw(p, 0, 0.2) == 1'100ms));
  BOOST_TEST((draw(p, 0, 0.5) == 1'200ms));
  BOOST_TEST((p.bounds(0) == delay_bounds{1'000ms, 1'200ms}));
  BOOST_TEST((p.bounds(1) == delay_bounds{1'200ms, 1'200ms}));
}

BOOST_AUTO_TEST_CASE(max_wait_caps_the_wait_and_not_the_jitter) {
  const retry_policy p;
  BOOST_TEST((p.bounds(n_max) == delay_bounds{60s, 90s}));
}

BOOST_AUTO_TEST_CASE(every_delay_lies_in_its_bounds) {
  constexpr std::uint64_t seed = 7;
  BOOST_TEST_MESSAGE("seed " << seed);
  model::seeded_rng random{seed};
  const auto whole = [&](std::uint64_t below) { return random.next() % below; };
  std::uint64_t outside = 0;
  for (int i = 0; i < 100'000; ++i) {
    retry_policy p;
    p.curve = all_curves[whole(all_curves.size())];
    p.jitter_mode = all_jitters[whole(all_jitters.size())];
    p.min_wait = milliseconds{whole(1ull << whole(39))};
    p.max_wait = p.min_wait + milliseconds{whole(1ull << whole(39))};
    p.waits = {milliseconds{whole(5'000)}, milliseconds{whole(5'000)}};
    p.base = 1 + random.uniform() * 10;
    p.jitter = random.uniform() * 10;
    if (whole(4) == 0) p.delay_cap = milliseconds{whole(10'000)};
    const std::uint64_t n = whole(2) == 0 ? whole(20) : random.next();
    const milliseconds previous{whole(1ull << whole(39))};
    const auto [least, most] = p.bounds(n, previous);
    const auto ends = {0.0, just_under_one, random.uniform()};
    for (const double u : ends) {
      const auto d = draw(p, n, u, previous);
      if (d < least || d > most || least < 0ms) ++outside;
    }
    if (draw(p, n, 0, previous) != least) ++outside;
  }
  BOOST_TEST(outside == 0u);
}

BOOST_AUTO_TEST_CASE(additive_delay_lies_between_wait_and_one_and_a_half_waits) {
  check_uniform(draw_many(long_waits(jitter_kind::additive), 1e6, 1.5e6), 1e6, 1.5e6);
}

BOOST_AUTO_TEST_CASE(full_delay_is_uniform_from_zero_to_wait) {
  check_uniform(draw_many(long_waits(jitter_kind::full), 0, 1e6), 0, 1e6);
}

BOOST_AUTO_TEST_CASE(equal_delay_is_uniform_in_the_upper_half_of_the_wait) {
  check_uniform(draw_many(long_waits(jitter_kind::equal), 5e5, 1e6), 5e5, 1e6);
}

BOOST_AUTO_TEST_CASE(decorrelated_delay_is_uniform_from_min_wait_to_three_times_the_previous) {
  const auto p = long_waits(jitter_kind::decorrelated);
  check_uniform(draw_many(p, 1e6, 3e6), 1e6, 3e6);
  check_uniform(draw_many(p, 1e6, 2.1e7, 7'000'000ms), 1e6, 2.1e7);
}

BOOST_AUTO_TEST_CASE(decorrelated_chain_stays_between_min_wait_and_max_wait_and_reaches_both) {
  constexpr std::uint64_t seed = 11;
  BOOST_TEST_MESSAGE("seed " << seed);
  model::seeded_rng random{seed};
  const auto p = with_jitter(jitter_kind::decorrelated);
  milliseconds previous{0};
  milliseconds least = milliseconds::max();
  milliseconds most{0};
  for (std::uint64_t n = 0; n < 100'000; ++n) {
    previous = p.next_delay(n, random, previous);
    least = std::min(least, previous);
    most = std::max(most, previous);
  }
  BOOST_TEST((least >= 1'000ms && least < 1'100ms));
  BOOST_TEST((most == 60s));
}

BOOST_AUTO_TEST_CASE(no_jitter_never_varies) {
  const auto p = long_waits(jitter_kind::none);
  model::seeded_rng random{1};
  for (int i = 0; i < 1'000; ++i) BOOST_REQUIRE((p.next_delay(0, random) == 1'000'000ms));
}

BOOST_AUTO_TEST_CASE(a_draw_outside_its_range_does_not_leave_the_bounds) {
  const retry_policy p;
  BOOST_TEST((draw(p, 0, 1) == 1'500ms));
  BOOST_TEST((draw(p, 0, 7) == 1'500ms));
  BOOST_TEST((draw(p, 0, -1) == 1'000ms));
  BOOST_TEST((draw(p, 0, std::numeric_limits<double>::quiet_NaN()) == 1'000ms));
}

BOOST_AUTO_TEST_CASE(short_forms_are_usable_and_exact) {
  const auto fixed = retry_policy::fixed(5s, 4);
  BOOST_TEST(fixed.faults().empty());
  BOOST_TEST(fixed.max_attempts == 4u);
  BOOST_TEST((fixed.bounds(0) == delay_bounds{5s, 5s}));
  BOOST_TEST((fixed.bounds(n_max) == delay_bounds{5s, 5s}));
  BOOST_TEST((retry_policy::fixed(2h, 2).bounds(0) == delay_bounds{2h, 2h}));

  const auto table = retry_policy::table({3s, 1s, 2h});
  BOOST_TEST(table.faults().empty());
  BOOST_TEST(table.max_attempts == 4u);
  BOOST_TEST((table.bounds(0) == delay_bounds{3s, 3s}));
  BOOST_TEST((table.bounds(1) == delay_bounds{1s, 1s}));
  BOOST_TEST((table.bounds(2) == delay_bounds{2h, 2h}));
  BOOST_TEST(retry_policy::table(std::vector<milliseconds>(99, 1s)).faults().empty());
  BOOST_TEST(retry_policy::table(std::vector<milliseconds>(100, 1s)).faults().size() == 1u);

  BOOST_TEST(retry_policy::never().faults().empty());
}

BOOST_AUTO_TEST_CASE(faults_name_every_field_that_is_out_of_range) {
  retry_policy p;
  p.max_attempts = 101;
  p.min_wait = -1ms;
  p.max_wait = -2ms;
  p.base = 0.5;
  p.jitter = 11;
  p.curve = wait_curve::table;
  p.delay_cap = limits{}.delay_max + 1ms;
  p.rules = {{.error_class = "", .retry = true, .fixed_delay = -1ms}};
  const auto faults = p.faults();
  const auto names = [&](std::string_view word) {
    return std::any_of(faults.begin(), faults.end(),
                       [&](const std::string& f) { return f.starts_with(word); });
  };
  for (const auto* word :
       {"max_attempts", "min_wait", "max_wait must be between", "max_wait must not", "base",
        "jitter", "waits", "delay_cap", "rules[0].error_class", "rules[0].fixed_delay"})
    BOOST_TEST(names(word), word);
  BOOST_TEST(faults.size() == 10u);
}

BOOST_AUTO_TEST_CASE(faults_reject_what_is_no_number_and_zero_attempts) {
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    retry_policy p;
    p.base = bad;
    BOOST_TEST(p.faults().size() == 1u);
    p.base = 2;
    p.jitter = bad;
    BOOST_TEST(p.faults().size() == 1u);
  }
  retry_policy p;
  p.max_attempts = 0;
  BOOST_TEST(p.faults().size() == 1u);
  p = retry_policy::table({1s, -1s});
  p.min_wait = 0ms;
  BOOST_TEST(p.faults().size() == 1u);
}

BOOST_AUTO_TEST_CASE(every_curve_and_jitter_has_its_own_name) {
  std::vector<std::string_view> names;
  for (const auto c : all_curves) names.push_back(to_string(c));
  for (const auto j : all_jitters) names.push_back(to_string(j));
  BOOST_TEST(to_string(jitter_kind::additive) == "additive");
  BOOST_TEST(to_string(wait_curve::table) == "table");
  std::sort(names.begin(), names.end());
  BOOST_TEST((std::adjacent_find(names.begin(), names.end()) == names.end()));
}

BOOST_AUTO_TEST_SUITE_END()
