// engines.hpp - the engine behind a command: a directory at rest, the process that has it open, or
// a server. Commands are written once on `readable` and `operable`; here it is decided which it is.
// Depends on include/tenax and node/. Main thread only.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/command.hpp"
#include "tenax/engine.hpp"

namespace tenax::node {

/// Queries, as engine has them.
class readable {
 public:
  virtual ~readable() = default;
  [[nodiscard]] virtual result<workflow_summary> summary(std::string_view id) const = 0;
  [[nodiscard]] virtual result<workflow_view> get(std::string_view id) const = 0;
  [[nodiscard]] virtual result<explanation> explain(std::string_view id) const = 0;
  [[nodiscard]] virtual result<page<workflow_summary>> list(const list_query& query) const = 0;
  [[nodiscard]] virtual result<list_count> count(const list_query& query) const = 0;
  [[nodiscard]] virtual result<std::vector<history_event>> history(std::string_view id,
                                                                   std::uint64_t after,
                                                                   std::size_t limit) const = 0;
  /// Who runs the engine, a sentence; "" if nobody does.
  [[nodiscard]] virtual std::string runs_at() const = 0;
};

/// What an operator does, as engine has it; the answer is what the workflow is then.
class operable : public readable {
 public:
  virtual result<workflow_summary> cancel(std::string_view id, const std::string& reason) = 0;
  virtual result<workflow_summary> resolve(std::string_view id, std::string_view action,
                                           const resolution& decision) = 0;
  virtual result<workflow_summary> retry(std::string_view id, std::string_view action,
                                         const std::string& reason) = 0;
  virtual result<workflow_summary> change(std::string_view id, std::string_view action,
                                          const action_change& what) = 0;
  virtual result<workflow_summary> signal(std::string_view id, const std::string& name,
                                          const std::string& payload, const std::string& key) = 0;
  virtual result<void> remove(std::string_view id) = 0;
  virtual result<void> backup(const std::filesystem::path& target) = 0;
};

/// The place in a data directory where its process takes requests.
[[nodiscard]] std::filesystem::path socket_of(const std::filesystem::path& data_dir);

/// The URL of the server that the options or the environment (TENAX_SERVER) name; "": a directory.
[[nodiscard]] std::string server_of(const common_options& common);
/// As they name it, for commands to type.
[[nodiscard]] engine_name named_by(const common_options& common);

/// With a process that takes no requests (a program with tenax inside), what is on disk is read.
[[nodiscard]] result<std::unique_ptr<readable>> open_to_read(const common_options& common);

/// Of a directory at rest: an engine that starts nothing, on a directory that exists and, if one is
/// named, has this workflow. Error data_dir_locked: a process has it that takes no requests.
[[nodiscard]] result<std::unique_ptr<operable>> open_to_change(
    const common_options& common, const std::optional<std::string>& id);

/// The error of a command that works on a directory only, where the options name a server.
[[nodiscard]] std::optional<error> needs_directory(const common_options& common,
                                                   std::string_view command);

}  // namespace tenax::node
