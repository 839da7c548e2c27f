// notify.hpp - tells systemd how a service is doing (sd_notify(3)), without its library.
// Depends on POSIX. Main thread only.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tenax::node {

class service_manager {
 public:
  /// NOTIFY_SOCKET and WATCHDOG_USEC of the environment; without them nothing is told.
  service_manager();

  void ready(std::string_view status) const;
  void status(std::string_view text) const;
  void reloading() const;  ///< `ready` follows
  void stopping() const;
  void alive() const;  ///< for the watchdog
  /// How often `alive` must be said at least: a third of what systemd waits; nothing: it waits not.
  [[nodiscard]] std::optional<std::chrono::milliseconds> watchdog() const { return watchdog_; }

 private:
  void tell(const std::string& what) const;

  std::string socket_;
  std::optional<std::chrono::milliseconds> watchdog_;
};

}  // namespace tenax::node
