// change_commands.hpp - the commands that need the directory's owner: cancel, resolve, remove,
// backup. They open the engine paused, so nothing else happens. While another process has the data
// directory, the first three refuse and backup asks that process (node/control.hpp).
// Depends on include/tenax and node/. Main thread only. Each returns the exit code.
#pragma once

#include <optional>
#include <string>

#include "node/command.hpp"

namespace tenax::node {

struct cancel_options {
  std::string id;
  std::string reason;
};
[[nodiscard]] int cancel_command(const common_options& common, const cancel_options& o);

struct resolve_options {
  std::string id;
  std::string key;
  std::string decision;                ///< retry | skip | complete | fail
  std::optional<std::string> value;    ///< complete: JSON
  std::optional<std::string> message;  ///< fail
};
[[nodiscard]] int resolve_command(const common_options& common, const resolve_options& o);

struct remove_options {
  std::string id;
};
/// Only a workflow that is over.
[[nodiscard]] int remove_command(const common_options& common, const remove_options& o);

struct backup_options {
  std::string target;
};
[[nodiscard]] int backup_command(const common_options& common, const backup_options& o);

}  // namespace tenax::node
