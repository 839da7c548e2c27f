// programs.hpp - runs a test program that is built beside the test, and keeps what it printed.
// Header only. POSIX.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace tenax::support {

struct program_run {
  int code = -1;       ///< exit code; 128 + signal
  std::string output;  ///< stdout and stderr
};

/// Runs a command line with the shell, and echoes what it prints.
inline program_run run_program(const std::string& command) {
  program_run run;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return run;
  std::array<char, 4'096> chunk{};
  while (std::fgets(chunk.data(), static_cast<int>(chunk.size()), pipe) != nullptr) {
    run.output += chunk.data();
    std::fputs(chunk.data(), stdout);
  }
  std::fflush(stdout);
  const int status = ::pclose(pipe);
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return run;
}

/// A program of this build's tests/ folder.
inline std::string test_program(const std::string& name) {
  return "'" TENAX_BINARY_DIR "/tests/" + name + "'";
}

/// How much to do: an environment variable, so that a soak can do more.
inline std::string amount(const char* variable, const std::string& standard) {
  const char* text = std::getenv(variable);
  return text != nullptr ? text : standard;
}

}  // namespace tenax::support
