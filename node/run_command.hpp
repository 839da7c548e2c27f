// run_command.hpp - `tenax run`: files in, workflows run to their end.
// Depends on include/tenax and node/. Main thread only.
#pragma once

#include "node/command.hpp"
#include "node/run_options.hpp"

namespace tenax::node {

/// Returns the exit code.
[[nodiscard]] int run_command(const common_options& common, const run_options& run);

}  // namespace tenax::node
