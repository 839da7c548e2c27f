// run_command.hpp - `tenax run`: files in, workflows run to their end; `tenax resume`: the same
// with workflows that are there. Both leave all others at rest.
// Depends on include/tenax and node/. Main thread only.
#pragma once

#include "node/command.hpp"
#include "node/run_options.hpp"

namespace tenax::node {

/// Returns the exit code.
[[nodiscard]] int run_command(const common_options& common, const run_options& run);

struct resume_options {
  std::vector<std::string> ids;
  run_options how;  ///< what is not recorded with workflows: threads, durability
};
/// Goes on with open workflows under the options recorded with them. Returns the exit code.
[[nodiscard]] int resume_command(const common_options& common, const resume_options& o);

}  // namespace tenax::node
