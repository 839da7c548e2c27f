#include "model/graph.hpp"

#include <algorithm>

namespace tenax::model {

namespace {

// Tarjan's strongly connected components with a stack of its own.
class component_finder {
 public:
  explicit component_finder(const adjacency& edges)
      : edges_(edges),
        order_(edges.size(), unseen),
        low_(edges.size(), 0),
        on_stack_(edges.size()) {}

  std::vector<std::vector<action_index>> run() {
    for (action_index node = 0; node < edges_.size(); ++node) {
      if (order_[node] == unseen) visit(node);
    }
    return std::move(components_);
  }

 private:
  static constexpr action_index unseen = no_action;
  struct frame {
    action_index node;
    std::size_t next_edge;
  };

  void enter(action_index node) {
    order_[node] = low_[node] = counter_++;
    stack_.push_back(node);
    on_stack_[node] = true;
    frames_.push_back({node, 0});
  }

  void visit(action_index start) {
    enter(start);
    while (!frames_.empty()) {
      frame& top = frames_.back();
      const action_index node = top.node;
      if (top.next_edge < edges_[node].size()) {
        const action_index to = edges_[node][top.next_edge++];
        if (order_[to] == unseen) {
          enter(to);
        } else if (on_stack_[to]) {
          low_[node] = std::min(low_[node], order_[to]);
        }
        continue;
      }
      frames_.pop_back();
      if (!frames_.empty()) {
        action_index& low = low_[frames_.back().node];
        low = std::min(low, low_[node]);
      }
      if (low_[node] == order_[node]) leave_component(node);
    }
  }

  void leave_component(action_index root) {
    const auto from = std::find(stack_.rbegin(), stack_.rend(), root).base() - 1;
    std::for_each(from, stack_.end(), [&](action_index n) { on_stack_[n] = false; });
    if (stack_.end() - from > 1) components_.emplace_back(from, stack_.end());
    stack_.erase(from, stack_.end());
  }

  const adjacency& edges_;
  std::vector<action_index> order_;
  std::vector<action_index> low_;
  std::vector<bool> on_stack_;
  std::vector<action_index> stack_;
  std::vector<frame> frames_;
  std::vector<std::vector<action_index>> components_;
  action_index counter_ = 0;
};

}  // namespace

std::vector<std::vector<action_index>> find_cycles(const adjacency& dependencies) {
  // Most specs name an action after those that it needs: no way back, no cycle.
  bool forward = false;
  for (action_index node = 0; node < dependencies.size() && !forward; ++node) {
    forward = std::any_of(dependencies[node].begin(), dependencies[node].end(),
                          [node](action_index to) { return to > node; });
  }
  if (!forward) return {};
  constexpr std::size_t none = 0;
  std::vector<std::size_t> component(dependencies.size(), none);
  std::vector<std::size_t> step(dependencies.size(), none);  // place on the walk, from 1
  std::vector<std::vector<action_index>> cycles;
  for (const auto& members : component_finder(dependencies).run()) {
    const std::size_t number = cycles.size() + 1;
    for (const action_index m : members) component[m] = number;
    // Inside a component every action has a dependency that is in it too: walk until one repeats.
    std::vector<action_index> walk;
    action_index at = *std::min_element(members.begin(), members.end());
    while (step[at] == none) {
      walk.push_back(at);
      step[at] = walk.size();
      at = *std::find_if(dependencies[at].begin(), dependencies[at].end(),
                         [&](action_index to) { return to != at && component[to] == number; });
    }
    walk.erase(walk.begin(), walk.begin() + static_cast<std::ptrdiff_t>(step[at] - 1));
    std::rotate(walk.begin(), std::min_element(walk.begin(), walk.end()), walk.end());
    cycles.push_back(std::move(walk));
  }
  std::sort(cycles.begin(), cycles.end());
  return cycles;
}

}  // namespace tenax::model
