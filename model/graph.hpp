// graph.hpp - what is asked of a workflow's graph. Depends on model/definition.hpp only.
// Pure functions, linear in nodes and edges, without recursion.
#pragma once

#include <vector>

#include "model/definition.hpp"

namespace tenax::model {

/// Per action the actions it depends on.
using adjacency = std::vector<std::vector<action_index>>;

/// One cycle out of every set of actions that wait for each other, each as a, b, ..., z where a
/// depends on b and z on a. Begins with the smallest index of its set that lies on the cycle. An
/// edge to itself is none.
[[nodiscard]] std::vector<std::vector<action_index>> find_cycles(const adjacency& dependencies);

}  // namespace tenax::model
