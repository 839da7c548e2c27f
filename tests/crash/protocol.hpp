// protocol.hpp - what the crash driver and its target say to each other. Header only.
//
// Commands, one a line on the target's stdin:      answers, one a line on its stdout:
//   submit N                                         acked submit N new|existed
//   other N    (same id, other content)              failed COMMAND N ERRC
//   cancel N                                         acked cancel N
//   resolve N KEY retry|skip|complete|fail           acked resolve N
//   get N                                            view N STATUS ACTION...
//   backup     (to DATA_DIR.backup)                  (nothing)
//   close                                            ready EPOCH   (when the engine is open)
//                                                    halted BOOTTIME_NS   (after a failed commit)
// An ACTION of a view is ATTEMPTS:WAITS:HASH (of the result, in hex, 0: none).
//
// The handler log (a file that the driver opens with O_APPEND and the target inherits), one
// write(2) a line:
//   start|end|overlap WORKFLOW ACTION ATTEMPT DEFERRALS BOOTTIME_NS WALL_MS PID HASH .
// A process that is killed while it writes may leave half a line: so each begins on a new line, and
// counts only with the dot at its end.
#pragma once

#include <time.h>

#include <cstdint>
#include <sstream>
#include <string>

namespace tenax::crash {

/// The descriptor of the handler log in the target.
inline constexpr int handler_log_fd = 3;

inline std::uint64_t boottime_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(t.tv_nsec);
}
inline std::int64_t wall_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000 + t.tv_nsec / 1'000'000;
}

struct log_line {
  std::string what;
  std::string workflow;
  std::string action;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  std::uint64_t boottime_ns = 0;
  std::int64_t wall_ms = 0;
  int pid = 0;
  std::uint64_t hash = 0;

  [[nodiscard]] std::string to_string() const {
    std::ostringstream out;
    out << '\n'
        << what << ' ' << workflow << ' ' << action << ' ' << attempt << ' ' << deferrals << ' '
        << boottime_ns << ' ' << wall_ms << ' ' << pid << ' ' << hash << " .";
    return out.str();
  }
  [[nodiscard]] static bool parse(const std::string& text, log_line& out) {
    std::istringstream in(text);
    std::string end;
    in >> out.what >> out.workflow >> out.action >> out.attempt >> out.deferrals >>
        out.boottime_ns >> out.wall_ms >> out.pid >> out.hash >> end;
    return !in.fail() && end == ".";
  }
};

}  // namespace tenax::crash
