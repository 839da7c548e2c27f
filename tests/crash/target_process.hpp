// target_process.hpp - one run of the crash target: pipes to it, its death. POSIX only. One thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/processes.hpp"

namespace tenax::crash {

struct target_options {
  std::filesystem::path program;
  std::filesystem::path data_dir;
  std::filesystem::path lock_file;
  std::filesystem::path handler_log;
  std::filesystem::path errors;      ///< its stderr is appended here
  std::filesystem::path failpoints;  ///< TENAX_FAIL_LOG
  std::uint64_t workload_seed = 1;
  std::string plant;  ///< TENAX_PLANT, "" for none
};

class target_process {
 public:
  /// `fail`: TENAX_FAIL, "" for none.
  target_process(const target_options& options, const std::string& fail);
  ~target_process();
  target_process(const target_process&) = delete;
  target_process& operator=(const target_process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// False when its pipe is full (it may be stopped): nothing was sent.
  bool send(const std::string& line);
  /// The lines that have come, waiting at most so long for the first. At its death all that it has
  /// said is still here.
  [[nodiscard]] std::vector<std::string> receive(int timeout_ms);
  /// Its end of the pipe is closed: it has died, or is about to.
  [[nodiscard]] bool silent() const { return silent_; }
  void signal(int number) const;
  /// Waits for its end; kills it at the deadline.
  support::child_end wait(unsigned timeout_s);

 private:
  pid_t pid_ = -1;
  int commands_ = -1;
  int answers_ = -1;
  bool silent_ = false;
  bool reaped_ = false;
  std::string buffer_;
};

}  // namespace tenax::crash
