// export_commands.hpp - all workflows as lines of JSON, and back: export, which only reads and
// works beside a running process, and import, which needs the directory for itself. Depends on
// include/tenax, node/ and storage/export. Main thread only. Each returns the exit code.
#pragma once

#include <string>

#include "node/command.hpp"

namespace tenax::node {

/// docs/export-format.md.
[[nodiscard]] int export_command(const common_options& common);

struct import_options {
  std::string file;  ///< "-": stdin
};
[[nodiscard]] int import_command(const common_options& common, const import_options& o);

}  // namespace tenax::node
