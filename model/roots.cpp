#include "model/roots.hpp"

#include <algorithm>
#include <bit>

namespace tenax::model {

namespace {

bool is_blocked(const workflow_state& state, action_index a) {
  return state.actions[a].phase == phase::blocked;
}

/// The blocked actions, each after those it depends on.
std::vector<action_index> blocked_in_order(const definition& def, const workflow_state& state) {
  std::vector<std::uint32_t> open(def.size());
  std::vector<action_index> order;
  for (action_index a = 0; a < def.size(); ++a) {
    if (!is_blocked(state, a)) continue;
    open[a] = static_cast<std::uint32_t>(
        std::count_if(def.dependencies[a].begin(), def.dependencies[a].end(),
                      [&](action_index d) { return is_blocked(state, d); }));
    if (open[a] == 0) order.push_back(a);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const action_index d : def.dependants[order[i]]) {
      if (is_blocked(state, d) && --open[d] == 0) order.push_back(d);
    }
  }
  return order;
}

std::vector<root> candidates(const definition& def, const workflow_state& state,
                             const std::vector<bool>& first) {
  std::vector<root> out;
  for (const bool wanted : {true, false}) {
    for (action_index a = 0; a < def.size(); ++a) {
      if (first[a] != wanted || is_blocked(state, a) || is_over(state.actions[a].phase)) continue;
      const auto& dependants = def.dependants[a];
      if (std::any_of(dependants.begin(), dependants.end(),
                      [&](action_index d) { return is_blocked(state, d); })) {
        out.push_back({a, 0});
      }
    }
  }
  return out;
}

}  // namespace

root_causes find_roots(const definition& def, const workflow_state& state,
                       const std::vector<bool>& first) {
  root_causes out;
  out.of.resize(def.size());
  if (state.count(phase::blocked) == 0) return out;
  out.roots = candidates(def, state, first);
  out.total = out.roots.size();
  if (out.total > roots_counted_max) out.roots.resize(roots_counted_max);
  const auto order = blocked_in_order(def, state);
  constexpr std::size_t at_once = 64;  // a bit each
  std::vector<std::uint64_t> held(def.size());
  for (std::size_t from = 0; from < out.roots.size(); from += at_once) {
    std::fill(held.begin(), held.end(), 0);
    const std::size_t to = std::min(out.roots.size(), from + at_once);
    for (std::size_t r = from; r < to; ++r) {
      held[out.roots[r].action] = std::uint64_t{1} << (r - from);
    }
    for (const action_index a : order) {
      for (const action_index d : def.dependencies[a]) held[a] |= held[d];
      auto& mine = out.of[a];
      for (auto left = held[a]; left != 0; left &= left - 1) {
        auto& r = out.roots[from + static_cast<std::size_t>(std::countr_zero(left))];
        ++r.holds;
        if (mine.total < held_by::named_max) mine.named[mine.total] = r.action;
        ++mine.total;
      }
    }
  }
  return out;
}

}  // namespace tenax::model
