// figures.hpp - what is counted of each action type, for engine::type_stats. Thread safe.
// Depends on include/tenax only.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <memory>
#include <optional>
#include <unordered_map>

#include "model/seams.hpp"
#include "tenax/engine.hpp"
#include "tenax/handler.hpp"

namespace tenax::actors {

/// See time_histogram.
class time_counts {
 public:
  void add(model::time_ms took) noexcept {
    const auto ms = static_cast<std::uint64_t>(std::max<model::time_ms>(took, 0));
    const auto at = std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(ms)),
                                          time_histogram::classes - 1);
    counts_[at].fetch_add(1, std::memory_order_relaxed);
    total_ms_.fetch_add(ms, std::memory_order_relaxed);
  }
  /// Nine in ten took less; nothing: there were too few to say.
  [[nodiscard]] std::optional<model::time_ms> usual() const {
    constexpr std::uint64_t enough = 20;
    std::uint64_t all = 0;
    for (const auto& n : counts_) all += n;
    if (all < enough) return std::nullopt;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i + 1 < counts_.size(); ++i) {
      sum += counts_[i];
      if (sum >= all - all / 10) return model::time_ms{1} << i;
    }
    return std::nullopt;
  }
  [[nodiscard]] time_histogram read() const {
    time_histogram out;
    for (std::size_t i = 0; i < counts_.size(); ++i) out.counts[i] = counts_[i];
    out.total = milliseconds(static_cast<std::int64_t>(total_ms_.load()));
    return out;
  }

 private:
  std::array<std::atomic<std::uint64_t>, time_histogram::classes> counts_{};
  std::atomic<std::uint64_t> total_ms_{0};
};

struct type_figures {
  std::atomic<std::uint64_t> started{0};
  std::array<std::atomic<std::uint64_t>, 6> ended{};  ///< by outcome::kind
  std::atomic<std::uint64_t> of_no_kind{0};
  std::atomic<std::uint64_t> timed_out{0};
  time_counts to_start;
  time_counts handling;

  void count_end(const outcome& what) noexcept {
    const auto kind = static_cast<std::size_t>(what.what);
    (kind < ended.size() ? ended[kind] : of_no_kind).fetch_add(1, std::memory_order_relaxed);
  }
};

class figures {
 public:
  explicit figures(const handler_registry& types) {
    for (const auto& [name, entry] : types.all()) of_[&entry] = std::make_unique<type_figures>();
    if (types.others() != nullptr) of_[types.others()] = std::make_unique<type_figures>();
  }
  /// Of a type of the registry.
  [[nodiscard]] type_figures& of(const handler_registry::entry* type) const {
    return *of_.find(type)->second;
  }

 private:
  std::unordered_map<const handler_registry::entry*, std::unique_ptr<type_figures>> of_;
};

}  // namespace tenax::actors
