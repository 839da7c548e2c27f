#include "http/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace tenax::http {

namespace {

constexpr int backlog = 1024;

error failed(errc code, const std::string& what) {
  return {code, what + ": " + std::generic_category().message(errno)};
}

/// A socket address of any family.
struct socket_address {
  ::sockaddr_storage storage{};
  ::socklen_t size = sizeof(::sockaddr_storage);

  [[nodiscard]] ::sockaddr* get() noexcept { return reinterpret_cast<::sockaddr*>(&storage); }
  [[nodiscard]] const ::sockaddr* get() const noexcept {
    return reinterpret_cast<const ::sockaddr*>(&storage);
  }
  template <class T>
  [[nodiscard]] T& as() noexcept {
    size = sizeof(T);
    return reinterpret_cast<T&>(storage);
  }
  template <class T>
  [[nodiscard]] const T& as() const noexcept {
    return reinterpret_cast<const T&>(storage);
  }
  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<socket_address> parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto port = parse_port(std::string_view(text).substr(colon + 1));
  std::string host = text.substr(0, colon);
  if (!port) return std::nullopt;

  socket_address address;
  if (host.starts_with('[') && host.ends_with(']')) {
    auto& v6 = address.as<::sockaddr_in6>();
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(*port);
    host = host.substr(1, host.size() - 2);
    if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  } else {
    auto& v4 = address.as<::sockaddr_in>();
    v4.sin_family = AF_INET;
    v4.sin_port = htons(*port);
    if (host == "localhost") host = "127.0.0.1";
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) return std::nullopt;
  }
  return address;
}

std::string ip_of(const socket_address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool is_v6 = address.family() == AF_INET6;
  const void* const ip = is_v6 ? static_cast<const void*>(&address.as<::sockaddr_in6>().sin6_addr)
                               : &address.as<::sockaddr_in>().sin_addr;
  ::inet_ntop(address.family(), ip, text.data(), text.size());
  return text.data();
}

/// One household or machine has a whole /64 of IPv6.
std::string counted_part(const socket_address& address) {
  if (address.family() != AF_INET6) return ip_of(address);
  socket_address network = address;
  auto& bytes = network.as<::sockaddr_in6>().sin6_addr.s6_addr;
  std::memset(bytes + 8, 0, 8);
  return ip_of(network);
}

file_descriptor make_socket(int family) {
  return file_descriptor(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

void set_option(int fd, int level, int name) {
  const int on = 1;
  ::setsockopt(fd, level, name, &on, sizeof on);
}

bool is_of_this_user(int fd) {
  ::ucred peer{};
  ::socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == ::geteuid() || peer.uid == 0);
}

accepted of_address(file_descriptor socket, const socket_address& from) {
  set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY);
  return {std::move(socket), from.family(), ip_of(from), counted_part(from)};
}

/// Makes room for a socket: removes the one that a dead process left.
result<void> clear_way(const std::string& path, const socket_address& address) {
  struct ::stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return failed(errc::invalid_argument, path);
  }
  if (!S_ISSOCK(found.st_mode)) return error(errc::wrong_state, path + " is there, and no socket");
  const auto probe = make_socket(AF_UNIX);
  if (::connect(probe.get(), address.get(), address.size) == 0 || errno != ECONNREFUSED) {
    return error(errc::wrong_state, "somebody listens on " + path);
  }
  if (::unlink(path.c_str()) != 0) return failed(errc::invalid_argument, path);
  return {};
}

}  // namespace

result<file_descriptor> listen_on_address(const std::string& text) {
  const auto address = parse_address(text);
  if (!address) return error(errc::invalid_argument, "no address to listen on: " + text);
  auto socket = make_socket(address->family());
  if (!socket) return failed(errc::invalid_argument, text);
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (address->family() == AF_INET6) set_option(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(socket.get(), address->get(), address->size) != 0 ||
      ::listen(socket.get(), backlog) != 0) {
    return failed(errno == EADDRINUSE ? errc::wrong_state : errc::invalid_argument, text);
  }
  return socket;
}

std::string local_address(int fd) {
  socket_address address;
  ::getsockname(fd, address.get(), &address.size);
  const bool is_v6 = address.family() == AF_INET6;
  const auto port =
      ntohs(is_v6 ? address.as<::sockaddr_in6>().sin6_port : address.as<::sockaddr_in>().sin_port);
  const auto ip = ip_of(address);
  return (is_v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

result<socket_path> socket_path::of(const std::filesystem::path& path) {
  constexpr std::size_t bytes_max = sizeof(::sockaddr_un::sun_path) - 1;
  socket_path out;
  out.text_ = path.string();
  const auto refused = [&](const std::string& why) {
    return error(errc::invalid_argument, path.string() + ": " + why);
  };
  if (out.text_.find('\0') != std::string::npos) return refused("no path of a Unix socket");
  if (out.text_.size() <= bytes_max) return out;
  const auto dir = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  out.dir_ = file_descriptor(::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out.dir_) return failed(errc::invalid_argument, path.string());
  out.text_ = "/proc/self/fd/" + std::to_string(out.dir_.get()) + "/" + path.filename().string();
  if (out.text_.size() > bytes_max) return refused("the name of the socket is too long");
  return out;
}

result<unix_listener> listen_on_unix(const std::string& path) {
  const auto where = socket_path::of(path);
  if (!where) return where.error();
  socket_address address;
  auto& to = address.as<::sockaddr_un>();
  to.sun_family = AF_UNIX;
  where->text().copy(to.sun_path, where->text().size());
  if (auto cleared = clear_way(path, address); !cleared) return cleared.error();

  auto socket = make_socket(AF_UNIX);
  // The mode of a socket is that of its file (Linux): no chmod, which would follow a symlink, and
  // no moment with another mode.
  if (!socket || ::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), address.get(), address.size) != 0) {
    return failed(errno == EADDRINUSE ? errc::wrong_state : errc::invalid_argument, path);
  }
  struct ::stat made {};
  ::lstat(path.c_str(), &made);
  unix_file file(path, made.st_dev, made.st_ino);
  if (::listen(socket.get(), backlog) != 0) return failed(errc::invalid_argument, path);
  return unix_listener{std::move(socket), std::move(file)};
}

unix_file& unix_file::operator=(unix_file&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

unix_file::~unix_file() {
  struct ::stat found {};
  if (path_.empty() || ::lstat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

std::optional<accepted> accept_from(int listening) {
  for (;;) {
    socket_address from;
    file_descriptor socket(
        ::accept4(listening, from.get(), &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return std::nullopt;
    if (from.family() != AF_UNIX) return of_address(std::move(socket), from);
    if (is_of_this_user(socket.get())) return accepted{std::move(socket), AF_UNIX, "unix", ""};
  }
}

void set_patience(const accepted& a, std::chrono::milliseconds time) noexcept {
  if (a.family == AF_UNIX) return;
  const auto ms = static_cast<unsigned>(time.count());
  ::setsockopt(a.socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
  set_option(a.socket.get(), SOL_SOCKET, SO_KEEPALIVE);
}

void send_now(int fd, const std::string& bytes) noexcept {
  [[maybe_unused]] const auto sent =
      ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace tenax::http
