// histogram.hpp - a log-linear histogram in the manner of HdrHistogram: 128 linear steps in each
// power of two, so a value is kept to within 0.8 %, in 60 KB whatever the count.
// Depends on std only. Not thread safe.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace tenax::bench {

class histogram {
 public:
  /// Any unit; the bench records nanoseconds. Negative values count as 0.
  void record(std::int64_t value) {
    const auto v = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    ++counts_[index_of(v)];
    ++count_;
    sum_ += static_cast<double>(v);
    least_ = std::min(least_, v);
    most_ = std::max(most_, v);
  }

  void add(const histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    least_ = std::min(least_, other.least_);
    most_ = std::max(most_, other.most_);
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t least() const noexcept { return count_ == 0 ? 0 : least_; }
  [[nodiscard]] std::uint64_t most() const noexcept { return most_; }
  [[nodiscard]] double mean() const noexcept {
    return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
  }

  /// The smallest kept value that at least `percent` of all values do not exceed; 0 when empty.
  [[nodiscard]] std::uint64_t percentile(double percent) const noexcept {
    if (count_ == 0) return 0;
    const double share = std::clamp(percent, 0.0, 100.0) / 100.0;
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(share * static_cast<double>(count_) + 0.5));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted) return std::clamp(highest_of(i), least_, most_);
    }
    return most_;
  }

 private:
  static constexpr unsigned step_bits = 7;
  static constexpr std::uint64_t steps = std::uint64_t{1} << step_bits;
  static constexpr std::size_t slots = (64 - step_bits + 1) * steps;

  /// Values below 128 have a slot each; from there on each power of two has 128 slots.
  static std::size_t index_of(std::uint64_t v) noexcept {
    if (v < steps) return static_cast<std::size_t>(v);
    const unsigned shift = static_cast<unsigned>(std::bit_width(v)) - 1 - step_bits;
    return static_cast<std::size_t>((shift + 1) * steps + ((v >> shift) - steps));
  }
  /// The greatest value of a slot.
  static std::uint64_t highest_of(std::size_t index) noexcept {
    if (index < steps) return index;
    const std::uint64_t shift = index / steps - 1;
    const std::uint64_t low = (index % steps + steps) << shift;
    return low + ((std::uint64_t{1} << shift) - 1);
  }

  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(slots);
  std::uint64_t count_ = 0;
  double sum_ = 0;
  std::uint64_t least_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t most_ = 0;
};

}  // namespace tenax::bench
