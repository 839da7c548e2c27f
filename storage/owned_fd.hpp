// owned_fd.hpp - a file descriptor that is closed at the end. Depends on POSIX only. Not thread
// safe.
#pragma once

#include <unistd.h>

#include <utility>

namespace tenax::storage {

class owned_fd {
 public:
  /// Below 0: none.
  explicit owned_fd(int fd = -1) noexcept : fd_(fd) {}
  owned_fd(owned_fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  owned_fd& operator=(owned_fd&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~owned_fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace tenax::storage
