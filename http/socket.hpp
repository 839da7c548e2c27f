// socket.hpp - the system calls of listening, so that each descriptor is closed on exec from its
// first moment (Asio 1.74 does not do that) and Unix sockets are nobody else's. POSIX.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "http/file_descriptor.hpp"
#include "tenax/result.hpp"

namespace tenax::http {

/// "HOST:PORT" with an address, "[ADDRESS]" or "localhost"; port 0 is any free one.
result<file_descriptor> listen_on_address(const std::string& address);
/// The address that a socket has: "127.0.0.1:8080".
[[nodiscard]] std::string local_address(int fd);

/// A path of any length as an address of a Unix socket, which holds 107 bytes: a longer one goes by
/// way of its directory's descriptor, /proc/self/fd/N/NAME, as long as this lives.
class socket_path {
 public:
  /// Errors: invalid_argument (the directory cannot be opened, or the name alone is too long).
  static result<socket_path> of(const std::filesystem::path& path);
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  file_descriptor dir_;
  std::string text_;
};

/// The file of a listening Unix socket, removed with this object, unless another one is there now.
class unix_file {
 public:
  unix_file() = default;
  unix_file(std::string path, dev_t device, ino_t inode)
      : path_(std::move(path)), device_(device), inode_(inode) {}
  unix_file(unix_file&& other) noexcept { *this = std::move(other); }
  unix_file& operator=(unix_file&& other) noexcept;
  ~unix_file();

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};
struct unix_listener {
  file_descriptor socket;
  unix_file file;
};
/// Mode 0600 from its first moment; a path of any length. The socket of a dead process is replaced;
/// refused if somebody listens there, or if it is anything else, a symlink too.
result<unix_listener> listen_on_unix(const std::string& path);

/// Who came.
struct accepted {
  file_descriptor socket;
  int family = 0;
  std::string address;  ///< for people: "127.0.0.1", "unix"
  std::string counted;  ///< for limits: the address, an IPv6 one's /64; "" for a Unix socket
};
/// The next one that waits, as a non-blocking socket; nullopt with errno if there is none. Over a
/// Unix socket only this user comes, and root: others are closed, whatever became of the file's
/// mode.
std::optional<accepted> accept_from(int listening);

/// A TCP client that does not acknowledge what it was sent for so long is taken for gone.
void set_patience(const accepted& a, std::chrono::milliseconds time) noexcept;

/// Sends a few bytes if the socket takes them now.
void send_now(int fd, const std::string& bytes) noexcept;

}  // namespace tenax::http
