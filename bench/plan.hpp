// plan.hpp - which scenarios run with which sizes.
// Depends on bench/harness.
#pragma once

#include <string>
#include <vector>

#include "bench/harness.hpp"

namespace tenax::bench {

struct plan_entry {
  params p;
  std::size_t runs = 1;
  bool once = false;  ///< long, and steady by nature: never more than one run
};

/// What a scenario takes when nothing is said.
[[nodiscard]] params defaults_of(const std::string& scenario);
/// Every scenario: small and once, or of real size and five times.
[[nodiscard]] std::vector<plan_entry> plan_all(bool full, const std::string& durability);
/// What the figures need.
[[nodiscard]] std::vector<plan_entry> plan_check(bool full, const std::string& durability);
/// What stays bounded, whatever waits.
[[nodiscard]] std::vector<plan_entry> plan_bounds(bool full, const std::string& durability);

}  // namespace tenax::bench
