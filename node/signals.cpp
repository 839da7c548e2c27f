#include "node/signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <climits>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>

#include "node/exit_codes.hpp"

namespace tenax::node {

namespace {

// A signal handler reaches nothing but globals, and of these lock-free atomics only.
std::atomic<int> wake_fd{-1};
std::atomic<int> received{0};
std::atomic<bool> hung_up{false};
std::atomic<bool> hangup_is_asked{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

constexpr std::array<int, 3> watched{SIGINT, SIGTERM, SIGHUP};
std::array<struct sigaction, watched.size()> before;

/// A terminal that closes (the kernel says so) is an end, too.
void on_signal(int which, siginfo_t* about, void*) {
  if (which == SIGHUP && hangup_is_asked && about->si_code != SI_KERNEL)
    hung_up = true;
  else if (received.fetch_add(1) > 0)
    ::_exit(exit_interrupted);
  const int saved = errno;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_fd, &one, sizeof one);
  errno = saved;
}

}  // namespace

signals::signals(hangup meaning) {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  wake_fd = fd;
  received = 0;
  hung_up = false;
  hangup_is_asked = meaning == hangup::is_asked;
  struct sigaction act {};
  act.sa_sigaction = on_signal;
  act.sa_flags = SA_RESTART | SA_SIGINFO;
  for (std::size_t i = 0; i < watched.size(); ++i) {
    ::sigaction(watched[i], nullptr, &before[i]);
    // nohup switches SIGHUP off, and a server means it in another way.
    const bool is_off = before[i].sa_handler == SIG_IGN;
    if (!is_off || (watched[i] == SIGHUP && hangup_is_asked))
      ::sigaction(watched[i], &act, nullptr);
  }
}

signals::~signals() {
  for (std::size_t i = 0; i < watched.size(); ++i) ::sigaction(watched[i], &before[i], nullptr);
  ::close(wake_fd.exchange(-1));
}

bool signals::take_hangup() const noexcept { return hung_up.exchange(false); }
bool signals::interrupted() const noexcept { return received > 0; }

void signals::wake() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_fd, &one, sizeof one);
}

void signals::wait(std::chrono::milliseconds most) const {
  pollfd fd{wake_fd, POLLIN, 0};
  const auto ms = std::clamp<std::int64_t>(most.count(), 0, INT_MAX);
  if (::poll(&fd, 1, static_cast<int>(ms)) <= 0) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const auto n = ::read(wake_fd, &count, sizeof count);
}

}  // namespace tenax::node
