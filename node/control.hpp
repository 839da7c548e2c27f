// control.hpp - what a running `tenax run` does at the request of another process.
// A Unix-domain socket DIR/control.sock (mode 0600; of the same user only). One request a
// connection, a line of JSON each way:
//   {"verb":"backup","target":"/absolute/path"}  ->  {"ok":true}, or {"error":{code, message, ...}}
// Depends on include/tenax, node/json_output and Linux. Not thread safe; the server has a thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tenax/result.hpp"

namespace tenax::node {

/// Serves one request at a time while it lives. Its end waits for the one under way.
class control_server {
 public:
  using backup_function = std::function<result<void>(const std::filesystem::path& target)>;

  /// The caller has the data directory open, so a socket that is there already is a dead process's
  /// and is replaced. `backup` is called on the server's thread. Error data_dir_unusable.
  [[nodiscard]] static result<std::unique_ptr<control_server>> start(
      const std::filesystem::path& data_dir, backup_function backup);
  ~control_server();
  control_server(const control_server&) = delete;
  control_server& operator=(const control_server&) = delete;

 private:
  class impl;
  explicit control_server(std::unique_ptr<impl> p) noexcept;
  std::unique_ptr<impl> impl_;
};

/// Has the process that serves the data directory make a backup, and waits for it. Nothing: nobody
/// serves it. Errors: what the server answered; storage_unavailable if it ended before its answer
/// (look whether the backup is there).
[[nodiscard]] std::optional<result<void>> ask_for_backup(const std::filesystem::path& data_dir,
                                                         const std::string& target);

/// The answer to one line (without its end). For tests, too.
[[nodiscard]] std::string answer_request(const std::string& line,
                                         const control_server::backup_function& backup);

}  // namespace tenax::node
