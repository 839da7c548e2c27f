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
#include <atomic>
#include <cstddef>
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
  const auto body = R"({"version":"9.9","api":")" + api + "\"}\n";
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// In the place of an answer: nothing is said until the client leaves.
inline const std::string silence = "silence";

/// Reads each request and sends the next text; closes the connection but after a `version`,
/// which may be followed by more on it. After the last text it listens no more.
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
  /// That were taken.
  [[nodiscard]] int connections() const noexcept { return connections_; }

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
  /// The first of them that has something; -1: it is to stop.
  [[nodiscard]] int wait_for(int one, int other) const {
    std::array<::pollfd, 3> fds{{{one, POLLIN, 0}, {other, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) <= 0 || fds[2].revents != 0) return -1;
    return fds[0].revents != 0 ? one : other;
  }
  void run() {
    int kept = -1;
    for (std::size_t next = 0; next < answers_.size();) {
      const int ready = wait_for(kept, fd_);
      if (ready < 0) break;
      if (ready != kept) ++connections_;
      const int client =
          ready == kept ? std::exchange(kept, -1) : ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      const auto request = read_request(client);
      if (request.empty()) {  // it has left
        ::close(client);
        continue;
      }
      const auto& text = answers_[next++];
      if (next == answers_.size()) ::close(std::exchange(fd_, -1));
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      if (text == silence) {
        (void)wait_for(client, -1);
      } else {
        (void)::send(client, text.data(), text.size(), MSG_NOSIGNAL);
      }
      const int old = std::exchange(kept, text == version() ? client : -1);
      for (const int done : {old, kept == client ? -1 : client})
        if (done >= 0) ::close(done);
    }
    for (const int open : {kept, fd_})
      if (open >= 0) ::close(open);
  }
  /// Its head and as much more as that says.
  [[nodiscard]] static bool is_whole(const std::string& request) {
    const std::string length = "\r\nContent-Length: ";
    const auto head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const auto at = request.find(length);
    const std::size_t body = at < head ? std::stoul(request.substr(at + length.size(), 10)) : 0;
    return request.size() >= head + 4 + body;
  }
  [[nodiscard]] std::string read_request(int client) const {
    std::array<char, 4096> buffer{};
    std::string request;
    while (!is_whole(request) && wait_for(client, -1) == client) {
      const auto n = ::recv(client, buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      request.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return request;
  }

  const std::vector<std::string> answers_;
  std::string url_;
  int fd_ = -1;
  const int stop_ = ::eventfd(0, EFD_CLOEXEC);
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace node_test
