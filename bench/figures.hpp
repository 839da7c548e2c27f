// figures.hpp - the figures that tenax promises, each against its limit.
// Depends on bench/harness.
#pragma once

#include <string>
#include <vector>

#include "bench/harness.hpp"

namespace tenax::bench {

struct figure {
  std::string name;
  std::string target;
  std::string measured;
  double value = 0;  ///< what the target is about
  double ratio = 0;  ///< to the limit or the target
  bool passed = false;
  std::string doubt;  ///< why neither a pass nor a miss counts; "" if it does
};
/// Of plan_check.
[[nodiscard]] std::vector<figure> check_figures(const std::vector<row>& rows);
/// Of plan_bounds.
[[nodiscard]] std::vector<figure> bounds_figures(const std::vector<row>& rows);
void print_figures(const std::vector<figure>& figures);
[[nodiscard]] json figures_json(const std::vector<figure>& figures);

}  // namespace tenax::bench
