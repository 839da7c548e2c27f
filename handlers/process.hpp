// process.hpp - runs one program to its end: output captured up to a cap, killed as a process group
// at a deadline or stop request, always reaped.
// Depends on std only; Linux 5.11 (pidfd, close_range). Thread safe. The calling thread must
// outlive the program: the kernel kills it when the thread that started it ends (PR_SET_PDEATHSIG).
// The process must not ignore SIGCHLD nor wait for children that are not its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tenax::builtin {

/// Where programs are looked for, and what they see as PATH. Fixed, because reading the own
/// environment races with whoever sets it.
inline constexpr std::string_view exec_path =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What one stream wrote.
struct captured {
  std::string kept;        ///< the first bytes, up to the cap
  std::string tail;        ///< the last bytes, up to 1 KiB, whatever the cap
  bool truncated = false;  ///< more came than was kept
  bool cut = false;        ///< not read to its end: the program was gone, and others held it
};

struct process_result {
  enum class end : std::uint8_t {
    exited,     ///< `code` is its exit code
    signalled,  ///< `code` is the signal
    timed_out,  ///< killed at the deadline
    stopped,    ///< killed at the stop request
    not_begun,  ///< the stop request came first: not even started
    lost,       ///< it ended, but someone else took its exit status
    not_found,  ///< it cannot be run and never will be: `code` is the errno, `what` the step
    no_start,   ///< could not be started now, and was not: `code` is the errno, `what` the step
  };
  end how = end::no_start;
  int code = 0;
  std::string_view what;
  captured out;
  captured err;
};

/// Runs argv[0] (a path, or a name to look up in exec_path) without a shell: own process group,
/// `environment` ("NAME=value" each) and nothing else in its environment, stdin empty, no other
/// descriptor, default signal handling, no core dump. Blocks until it has ended, both streams are
/// at their ends or `grace` has passed since (the timeout and a stop request end that too), and
/// what is left of its group is killed. Throws std::bad_alloc only; the program is killed and
/// reaped then too.
[[nodiscard]] process_result run_process(const std::vector<std::string>& argv,
                                         const std::vector<std::string>& environment,
                                         std::chrono::milliseconds timeout,
                                         std::chrono::milliseconds grace, std::size_t bytes_max,
                                         const std::stop_token& stop);

}  // namespace tenax::builtin
