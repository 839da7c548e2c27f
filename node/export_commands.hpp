// export_commands.hpp - all workflows as lines of JSON, and back: export, which only reads and
// works beside a running process, and import, which needs the directory for itself. Depends on
// include/tenax, node/ and storage/export. Main thread only. Each returns the exit code.
#pragma once

#include <string>
#include <vector>

#include "node/command.hpp"

namespace tenax::node {

struct export_options {
  std::vector<std::string> ids;  ///< none: all
};
/// docs/export-format.md.
[[nodiscard]] int export_command(const common_options& common, const export_options& o);

struct import_options {
  std::string file;  ///< "-": stdin
};
[[nodiscard]] int import_command(const common_options& common, const import_options& o);

}  // namespace tenax::node
