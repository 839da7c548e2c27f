// support.hpp - clients that do what no good client does, against a server on loopback. Blocking;
// what does not come within ten seconds fails the test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <charconv>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server.hpp"
#include "http/text.hpp"

namespace tenax::http::tests {

inline constexpr std::chrono::seconds patience{10};

/// Whether it holds within `patience`; looks again and again.
inline bool eventually(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

struct answer {
  int status = 0;
  std::map<std::string, std::string> headers{};  ///< names in small letters
  std::string body{};
};

class client {
 public:
  explicit client(const std::string& address, int receive_buffer = 0) {
    const auto colon = address.rfind(':');
    ::sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
    connect(AF_INET, reinterpret_cast<const ::sockaddr*>(&to), sizeof to, receive_buffer);
  }
  struct at_path {
    std::string path;
  };
  explicit client(const at_path& at) {
    ::sockaddr_un to{};
    to.sun_family = AF_UNIX;
    at.path.copy(to.sun_path, sizeof to.sun_path - 1);
    connect(AF_UNIX, reinterpret_cast<const ::sockaddr*>(&to), sizeof to, 0);
  }
  client(client&& other) noexcept : fd_(std::exchange(other.fd_, -1)), in_(std::move(other.in_)) {}
  client& operator=(client&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(in_, other.in_);
    return *this;
  }
  ~client() { close(); }

  [[nodiscard]] int descriptor() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  /// Half-closes: no more will be sent.
  void end() { ::shutdown(fd_, SHUT_WR); }

  /// False if the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  void get(std::string_view path, std::string_view headers = "") {
    request("GET", path, headers, "");
  }
  void request(std::string_view method, std::string_view path, std::string_view headers,
               std::string_view body) {
    send(std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" +
         std::string(headers) +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
         std::string(body));
  }

  answer read_head() {
    answer a;
    const auto status = line();
    BOOST_REQUIRE_MESSAGE(status.starts_with("HTTP/1.1 "), "no status line: " << status);
    a.status = std::stoi(status.substr(9, 3));
    for (auto text = line(); !text.empty(); text = line()) {
      const auto colon = text.find(": ");
      BOOST_REQUIRE(colon != std::string::npos);
      a.headers[to_lower(text.substr(0, colon))] = text.substr(colon + 2);
    }
    return a;
  }
  answer read(bool is_head = false) {
    auto a = read_head();
    if (is_head) return a;
    if (a.headers.contains("content-length")) {
      a.body = bytes(std::stoul(a.headers["content-length"]));
    } else if (a.headers["transfer-encoding"] == "chunked") {
      for (auto c = chunk(); !c.empty(); c = chunk()) a.body += c;
    }
    return a;
  }
  /// "" is the last one.
  std::string chunk() {
    const auto size = line();
    std::size_t n = 0;
    std::from_chars(size.data(), size.data() + size.size(), n, 16);
    auto text = bytes(n);
    BOOST_REQUIRE_EQUAL(line(), "");
    return text;
  }
  std::string line() {
    std::size_t end = 0;
    while ((end = in_.find("\r\n")) == std::string::npos) more();
    auto text = in_.substr(0, end);
    in_.erase(0, end + 2);
    return text;
  }
  std::string bytes(std::size_t n) {
    while (in_.size() < n) more();
    auto text = in_.substr(0, n);
    in_.erase(0, n);
    return text;
  }
  /// Whether the server closes and sends nothing before.
  bool is_closed() { return in_.empty() && receive() <= 0; }
  /// Whether the server closes without resetting the connection, and sends nothing before.
  bool is_closed_gently() { return in_.empty() && receive() == 0; }
  /// Until something has come, or the server has closed. For threads that may not check.
  void wait() { receive(); }
  /// All until the server closes.
  std::string rest() {
    while (receive() > 0) {
    }
    return std::exchange(in_, {});
  }

 private:
  void connect(int family, const ::sockaddr* to, ::socklen_t size, int receive_buffer) {
    fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const ::timeval limit{patience.count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    if (::connect(fd_, to, size) != 0) throw std::runtime_error(std::strerror(errno));
  }
  ssize_t receive() {
    char buffer[16 * 1024];
    const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) throw std::runtime_error("nothing came within ten seconds");
    if (n > 0) in_.append(buffer, static_cast<std::size_t>(n));
    return n;
  }
  void more() {
    if (receive() <= 0)
      throw std::runtime_error("the server closed; before that came: " + in_.substr(0, 200));
  }

  int fd_ = -1;
  std::string in_;
};

/// Keeps requests for the test to answer.
class desk {
 public:
  handler take() {
    return [this](request r, responder to) {
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(r));
      responders_.push_back(std::move(to));
    };
  }
  responder next() {
    BOOST_REQUIRE(eventually([&] { return size() > 0; }));
    const std::lock_guard lock(mutex_);
    auto to = std::move(responders_.front());
    responders_.erase(responders_.begin());
    return to;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return responders_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<request> requests_;
  std::vector<responder> responders_;
};

/// A server on a port of its own.
inline server must_start(options o, handler h) {
  if (o.listen.empty() && o.unix_path.empty()) o.listen = {"127.0.0.1:0"};
  auto s = server::start(std::move(o), std::move(h));
  if (!s) throw std::runtime_error(s.error().message());
  return std::move(*s);
}

}  // namespace tenax::http::tests
