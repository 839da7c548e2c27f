// plan.hpp - which scenarios run with which sizes, and the figures that tenax promises.
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

struct figure {
  std::string name;
  std::string target;
  std::string measured;
  double value = 0;  ///< what the target is about
  double ratio = 0;  ///< to the limit or the target
  bool passed = false;
  std::string doubt;  ///< why neither a pass nor a miss counts; "" if it does
};
[[nodiscard]] std::vector<figure> check_figures(const std::vector<row>& rows);
void print_figures(const std::vector<figure>& figures);
[[nodiscard]] json figures_json(const std::vector<figure>& figures);

}  // namespace tenax::bench
