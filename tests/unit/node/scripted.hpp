// scripted.hpp - a server that says what it is told to, one text a connection. Depends on POSIX.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace node_test {

inline std::string answer(const std::string& status, const std::string& body,
                          const std::string& more = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n" + more + "\r\n" + body;
}
inline std::string version(const std::string& api = "v1") {
  return answer("200 OK", R"({"version":"9.9","api":")" + api + "\"}\n");
}

/// Reads each connection's head, sends the next text and closes; after the last it listens no more.
class scripted {
 public:
  /// On loopback, or a Unix socket of at most 107 bytes.
  explicit scripted(std::vector<std::string> answers, const std::string& path = "")
      : answers_(std::move(answers)), thread_((listen(path), [this] { run(); })) {}
  ~scripted() {
    const std::uint64_t one = 1;
    (void)!::write(stop_, &one, sizeof one);
    thread_.join();
    ::close(stop_);
  }
  scripted(const scripted&) = delete;
  scripted& operator=(const scripted&) = delete;

  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void listen(const std::string& path) {
    ::sockaddr_storage at{};
    ::socklen_t size = 0;
    if (path.empty()) {
      auto& v4 = reinterpret_cast<::sockaddr_in&>(at);
      v4.sin_family = AF_INET;
      v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      size = sizeof v4;
    } else {
      auto& local = reinterpret_cast<::sockaddr_un&>(at);
      local.sun_family = AF_UNIX;
      path.copy(local.sun_path, sizeof local.sun_path - 1);
      size = sizeof local;
    }
    fd_ = ::socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto* const address = reinterpret_cast<::sockaddr*>(&at);
    if (::bind(fd_, address, size) != 0 || ::listen(fd_, 16) != 0)
      throw std::runtime_error("cannot listen");
    ::getsockname(fd_, address, &size);
    url_ = path.empty() ? "http://127.0.0.1:" +
                              std::to_string(ntohs(reinterpret_cast<::sockaddr_in&>(at).sin_port))
                        : "unix:" + path;
  }
  /// False: it is to stop.
  [[nodiscard]] bool wait_for(int fd) const {
    std::array<::pollfd, 2> fds{{{fd, POLLIN, 0}, {stop_, POLLIN, 0}}};
    return ::poll(fds.data(), fds.size(), -1) > 0 && fds[1].revents == 0;
  }
  void run() {
    for (const auto& text : answers_) {
      if (!wait_for(fd_)) break;
      const int client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (&text == &answers_.back()) ::close(std::exchange(fd_, -1));
      answer_one(client, text);
      ::close(client);
    }
    if (fd_ >= 0) ::close(fd_);
  }
  void answer_one(int client, const std::string& text) {
    std::array<char, 4096> buffer{};
    std::string request;
    while (request.find("\r\n\r\n") == std::string::npos && wait_for(client)) {
      const auto n = ::recv(client, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      request.append(buffer.data(), static_cast<std::size_t>(n));
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    (void)::send(client, text.data(), text.size(), MSG_NOSIGNAL);
  }

  const std::vector<std::string> answers_;
  std::string url_;
  int fd_ = -1;
  const int stop_ = ::eventfd(0, EFD_CLOEXEC);
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace node_test
