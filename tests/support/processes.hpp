// processes.hpp - forked children with a deadline, memory that they share, and directories that
// vanish. Header only. Depends on POSIX. Fork before any thread is started.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <new>
#include <optional>
#include <string>

namespace tenax::support {

/// A zeroed object that forked children share. Never unmapped.
template <class T>
T& make_shared_memory() {
  void* at = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    std::perror("mmap");
    std::abort();
  }
  return *new (at) T;
}

struct child_end {
  bool timed_out = false;
  bool exited = false;
  int code = 0;  ///< exit code, or the signal
  [[nodiscard]] bool ok() const { return exited && code == 0; }
  [[nodiscard]] std::string to_string() const {
    if (timed_out) return "did not end in time";
    return (exited ? "exit code " : "signal ") + std::to_string(code);
  }
};

inline child_end read_status(int status) {
  if (WIFEXITED(status)) return {false, true, WEXITSTATUS(status)};
  return {false, false, WTERMSIG(status)};
}

inline pid_t fork_child(const std::function<int()>& body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("fork");
    std::abort();
  }
  if (child > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
  const int code = body();
  std::fflush(nullptr);
  ::_exit(code);
}

/// Waits for a child; kills it at the deadline.
inline child_end wait_for(pid_t child, unsigned timeout_s) {
  // The child's end comes as a signal; sigtimedwait is a wait with a deadline.
  sigset_t only_child;
  sigemptyset(&only_child);
  sigaddset(&only_child, SIGCHLD);
  sigset_t before;
  sigprocmask(SIG_BLOCK, &only_child, &before);
  int status = 0;
  bool timed_out = false;
  for (unsigned waited = 0; ::waitpid(child, &status, WNOHANG) == 0; ++waited) {
    const timespec second{1, 0};
    if (waited >= timeout_s) {
      timed_out = true;
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    sigtimedwait(&only_child, nullptr, &second);
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  auto end = read_status(status);
  end.timed_out = timed_out;
  return end;
}

/// Runs `body` in a forked child that leaves with `_exit`: no destructor runs.
inline child_end run_forked(const std::function<int()>& body, unsigned timeout_s) {
  return wait_for(fork_child(body), timeout_s);
}

/// A new directory, removed at the end unless kept.
class temporary_directory {
 public:
  explicit temporary_directory(const std::string& name, const std::string& parent = {}) {
    const auto base =
        parent.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(parent);
    auto pattern = (base / (name + "-XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      std::perror(pattern.c_str());
      std::abort();
    }
    path_ = pattern;
  }
  ~temporary_directory() {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove_all(path_, ignored);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  std::filesystem::path path_;
  bool kept_ = false;
};

}  // namespace tenax::support
