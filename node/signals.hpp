// signals.hpp - Ctrl-C, and the main thread's alarm clock.
// Depends on POSIX. One object at a time; `wake` is thread safe, the rest is for the main thread.
#pragma once

#include <chrono>

namespace tenax::node {

/// While it lives, the first SIGINT, SIGTERM or SIGHUP only sets `interrupted` and wakes the main
/// thread; the second ends the process at once, which is safe: what was acknowledged is on disk. A
/// signal that the parent has switched off (nohup, `&` in a script) stays off.
class signals {
 public:
  /// What SIGHUP is when it does not come from a terminal that closes: an end as well, or a wish
  /// that `take_hangup` tells.
  enum class hangup : bool { interrupts, is_asked };
  explicit signals(hangup meaning = hangup::interrupts);
  ~signals();
  signals(const signals&) = delete;
  signals& operator=(const signals&) = delete;

  [[nodiscard]] bool interrupted() const noexcept;
  /// Whether SIGHUP has come since the last call.
  [[nodiscard]] bool take_hangup() const noexcept;
  void wake() const noexcept;
  /// Returns at a wake, at a signal, or after `most`.
  void wait(std::chrono::milliseconds most) const;
};

}  // namespace tenax::node
