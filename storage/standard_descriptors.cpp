#include "storage/standard_descriptors.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace tenax::storage {

result<void> hold_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest one that is free, which may be another by now; then this one is taken.
    const int opened = ::open("/dev/null", O_RDWR);  // NOLINT(android-cloexec-open): as those are
    if (opened < 0) {
      return error(errc::data_dir_unusable,
                   "one of the descriptors 0 to 2 is closed, and /dev/null cannot be opened");
    }
    if (opened > STDERR_FILENO) ::close(opened);
  }
  return {};
}

}  // namespace tenax::storage
