// demo.hpp - something to look at in a new server: a few workflows, and a worker in this process.
// Depends on include/tenax only. Threads of its own.
#pragma once

#include <thread>
#include <vector>

#include "tenax/engine.hpp"

namespace tenax::node {

class demo {
 public:
  /// The action types of its workflows.
  static void add_types(options& o);

  /// Submits the workflows that are not there yet, and works on them until destroyed, before the
  /// engine is closed. The engine must not be moved meanwhile.
  [[nodiscard]] static result<void> submit(engine& to);
  explicit demo(engine& target);

 private:
  std::vector<std::jthread> workers_;
};

}  // namespace tenax::node
