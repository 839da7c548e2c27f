// roots.hpp - which open actions hold the blocked ones, through the graph. Depends on model only.
// Pure function, linear in nodes and edges, without recursion.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "model/state.hpp"

namespace tenax::model {

/// Roots that are counted: each 64 of them cost a pass over the graph.
inline constexpr std::size_t roots_counted_max = 1'024;

struct root {
  action_index action = no_action;
  std::uint32_t holds = 0;  ///< blocked actions that cannot start before it is over
};
struct held_by {
  static constexpr std::size_t named_max = 3;
  std::uint32_t total = 0;                      ///< roots, of those that are counted
  std::array<action_index, named_max> named{};  ///< the first of them
  [[nodiscard]] std::size_t named_count() const noexcept {
    return total < named_max ? total : named_max;
  }
};
struct root_causes {
  std::vector<root> roots;  ///< in the order of the candidates
  std::size_t total = 0;    ///< those that are not counted too
  std::vector<held_by> of;  ///< by action; of what is not blocked: none
};

/// A root is not over, not blocked, and a blocked action depends on it. `first` come before others
/// where not all are counted; then by index.
[[nodiscard]] root_causes find_roots(const definition& def, const workflow_state& state,
                                     const std::vector<bool>& first);

}  // namespace tenax::model
