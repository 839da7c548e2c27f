// Checks the bench's own arithmetic: a wrong histogram would make every figure wrong.
#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/payload.hpp"
#include "bench/scenarios.hpp"
#include "bench/shapes.hpp"

namespace tenax::bench {

namespace {

/// Percentiles of random values over nine decades, against the sorted values.
double worst_percentile_error() {
  fast_random random(3);
  histogram h;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 100'000; ++i) {
    const auto v = static_cast<std::uint64_t>(std::pow(10.0, random.uniform() * 9));
    values.push_back(v);
    h.record(static_cast<std::int64_t>(v));
  }
  std::sort(values.begin(), values.end());
  double worst = 0;
  for (const double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<std::size_t>(
        std::max(0.0, std::ceil(percent / 100 * static_cast<double>(values.size()) - 0.5) - 1));
    const auto exact = static_cast<double>(values[rank]);
    worst = std::max(worst, std::abs(static_cast<double>(h.percentile(percent)) - exact) / exact);
  }
  return worst;
}

void check_small_values() {
  histogram h;
  for (int i = 0; i <= 100; ++i) h.record(i);
  require(h.percentile(0) == 0 && h.percentile(100) == 100, "least and most are exact");
  require(h.percentile(50) == 50, "small values are exact");
  histogram twice;
  twice.add(h);
  twice.add(h);
  require(twice.count() == 202 && twice.percentile(50) == 50, "histograms add up");
  histogram extreme;
  extreme.record(-5);
  extreme.record(std::numeric_limits<std::int64_t>::max());
  require(extreme.percentile(1) == 0, "negative values count as 0");
  require(extreme.percentile(100) ==
              static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
          "the greatest value has a slot");
  require(histogram().percentile(50) == 0, "an empty histogram has no percentiles");
}

}  // namespace

run_result run_selfcheck(const params& p) {
  run_result out;
  check_small_values();
  const double worst = worst_percentile_error();
  require(worst < 0.008, "a percentile is off by more than 0.8 %");
  out.set("worst_percentile_error", worst);
  const auto s = spread_of({5, 1, 3, 2, 4});
  require(s.median == 3 && s.least == 1 && s.most == 5, "median of odd counts");
  require(spread_of({1, 2, 3, 4}).median == 2.5, "median of even counts");
  const auto shape = record_sequential(p, 1);
  require(shape.size() == p.steps + 1, "a sequential workflow has a commit an action and one more");
  out.set("sequential_commit_bytes", static_cast<double>(bytes_of(shape)));
  out.set("sequential_commit_rows", static_cast<double>(rows_of(shape)));
  return out;
}

}  // namespace tenax::bench
