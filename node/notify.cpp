#include "node/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include "node/text.hpp"

namespace tenax::node {

namespace {

std::string variable(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? "" : text;
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t n = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, n);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return n;
}

/// The clock that systemd compares with.
std::int64_t monotonic_us() {
  ::timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

service_manager::service_manager() : socket_(variable("NOTIFY_SOCKET")) {
  const auto pid = number(variable("WATCHDOG_PID"));
  const auto us = number(variable("WATCHDOG_USEC"));
  if (us && *us > 0 && (!pid || *pid == ::getpid())) {
    watchdog_ = std::max(std::chrono::milliseconds(*us / 3'000), std::chrono::milliseconds(1));
  }
}

void service_manager::ready(std::string_view status) const {
  tell("READY=1\nSTATUS=" + printable(status));
}
void service_manager::status(std::string_view text) const { tell("STATUS=" + printable(text)); }
void service_manager::reloading() const {
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_us()));
}
void service_manager::stopping() const { tell("STOPPING=1\nSTATUS=stopping"); }
void service_manager::alive() const { tell("WATCHDOG=1"); }

/// A path, or a name without a file, which begins with '@'.
void service_manager::tell(const std::string& what) const {
  ::sockaddr_un to{};
  if (socket_.size() < 2 || socket_.size() >= sizeof to.sun_path) return;
  to.sun_family = AF_UNIX;
  socket_.copy(to.sun_path, sizeof to.sun_path - 1);
  if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size = static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + socket_.size());
  [[maybe_unused]] const auto sent = ::sendto(fd, what.data(), what.size(), MSG_NOSIGNAL,
                                              reinterpret_cast<const ::sockaddr*>(&to), size);
  ::close(fd);
}

}  // namespace tenax::node
