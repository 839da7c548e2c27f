// change_commands.hpp - the commands that change something: cancel, resolve, retry, change, signal,
// remove, backup; on any engine (node/engines.hpp). Depends on include/tenax and node/. Main thread
// only. Each returns the exit code.
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
  std::string reason;
};
[[nodiscard]] int resolve_command(const common_options& common, const resolve_options& o);

struct retry_options {
  std::string id;   ///< empty: with `failed`
  std::string key;  ///< empty: what failed, or all that waits for a retry
  std::string reason;
  bool failed = false;  ///< all that have failed and have this name and error class
  std::optional<std::string> name;
  std::optional<std::string> error_class;
};
[[nodiscard]] int retry_command(const common_options& common, const retry_options& o);

struct change_options {
  std::string id;
  std::string key;
  std::optional<std::string> input;  ///< JSON; @FILE, @- for stdin
  std::optional<std::uint32_t> max_attempts;
  std::optional<std::uint64_t> min_wait_ms;
  std::optional<std::uint64_t> max_wait_ms;
  std::optional<std::string> on_exhausted;  ///< fail | pause | skip
  bool policy_as_registered = false;
  std::string reason;
};
[[nodiscard]] int change_command(const common_options& common, const change_options& o);

struct signal_options {
  std::string id;
  std::string name;
  std::string payload = "null";  ///< JSON
  std::string key;
};
[[nodiscard]] int signal_command(const common_options& common, const signal_options& o);

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
