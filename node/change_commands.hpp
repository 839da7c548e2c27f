// change_commands.hpp - the commands that decide something: cancel, resolve. They open the engine
// paused, so nothing else happens, and refuse while another process has the data directory.
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

}  // namespace tenax::node
