// exit_codes.hpp - how the program ends; scripts rely on the numbers.
// Depends on include/tenax only.
#pragma once

#include "tenax/result.hpp"

namespace tenax::node {

enum exit_code : int {
  exit_ok = 0,
  exit_workflow_failed = 1,  ///< a workflow failed or was cancelled
  exit_bad_input = 2,        ///< usage, faults in files, no such workflow, wrong state
  exit_engine_error = 3,     ///< the data directory or the engine does not work
  exit_findings = 4,         ///< verify found something
  exit_decision = 5,         ///< what is left waits for a decision
  exit_interrupted = 130,    ///< SIGINT, SIGTERM or SIGHUP; 128 + SIGINT as shells have it
  exit_closed_pipe = 141,    ///< nobody reads the output any more; 128 + SIGPIPE
};

inline constexpr const char* exit_codes_text =
    "Exit codes:\n"
    "  0    success; run: every workflow completed\n"
    "  1    run: a workflow failed or was cancelled\n"
    "  2    bad input: usage, faults in a file, no such workflow, wrong state\n"
    "  3    the data directory or the engine does not work (in use, unreadable, corrupt, disk "
    "full)\n"
    "  4    verify: findings\n"
    "  5    run: only actions that wait for a decision are left (see tenax resolve)\n"
    "  130  run: interrupted; run again to go on\n"
    "  141  the reader of the output has closed it (run works on to its end)";

/// Whether the caller asked for something that cannot be, or the engine does not work.
[[nodiscard]] constexpr exit_code exit_of(errc code) noexcept {
  switch (code) {
    case errc::invalid_spec:
    case errc::conflict:
    case errc::not_found:
    case errc::invalid_argument:
    case errc::wrong_state:
    case errc::lease_lost:
      return exit_bad_input;
    default:
      return exit_engine_error;
  }
}

}  // namespace tenax::node
