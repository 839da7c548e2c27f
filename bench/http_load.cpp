#include "bench/http_load.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/harness.hpp"
#include "bench/machine.hpp"

namespace tenax::bench {

namespace {

int connect_to(const std::string& address) {
  const auto colon = address.rfind(':');
  ::sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  require(fd >= 0 && ::connect(fd, reinterpret_cast<const ::sockaddr*>(&to), sizeof to) == 0,
          "cannot connect to " + address);
  return fd;
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    require(n > 0, "a connection was closed");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// Reads some more of an answer; where its body begins, once it is whole.
std::optional<std::size_t> receive(int fd, std::string& got) {
  char buffer[16 * 1024];
  const auto n = ::recv(fd, buffer, sizeof buffer, 0);
  require(n > 0, "a connection was closed");
  got.append(buffer, static_cast<std::size_t>(n));
  const auto end = got.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  constexpr std::string_view field = "Content-Length: ";
  const auto at = got.find(field);
  require(at < end, "an answer without a length: " + got.substr(0, 200));
  std::size_t length = 0;
  std::from_chars(got.data() + at + field.size(), got.data() + end, length);
  if (got.size() < end + 4 + length) return std::nullopt;
  require(got.starts_with("HTTP/1.1 2"), "an answer is no success: " + got.substr(0, 200));
  return end + 4;
}

/// One connection; blocking when it sends, which is short of what the server reads.
struct client {
  int fd = -1;
  std::string got{};
  std::int64_t due_ns = 0;

  /// Whether an answer is whole; it is thrown away then.
  bool take_answer() {
    if (!receive(fd, got)) return false;
    got.clear();
    return true;
  }
};

}  // namespace

std::string post_request(const std::string& path, const std::string& content_type,
                         const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + content_type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

http_seen drive_http(const std::string& address, const std::string& request,
                     std::size_t connections, double seconds, double rate) {
  std::vector<client> clients(connections);
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::size_t> idle;
  for (std::size_t i = 0; i < connections; ++i) {
    clients[i].fd = connect_to(address);
    ::epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = i;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, clients[i].fd, &e);
    idle.push_back(i);
  }
  http_seen seen;
  const auto begin = now_ns();
  const auto end = begin + static_cast<std::int64_t>(seconds * 1e9);
  std::uint64_t sent = 0;
  std::vector<::epoll_event> ready(connections);
  for (auto now = begin; now < end || idle.size() < connections; now = now_ns()) {
    require(now < end + 30'000'000'000, "answers do not come");
    const auto due = [&] {
      return rate > 0 ? begin + static_cast<std::int64_t>(static_cast<double>(sent) / rate * 1e9)
                      : now;
    };
    while (now < end && !idle.empty() && due() <= now) {
      auto& c = clients[idle.back()];
      idle.pop_back();
      c.due_ns = due();
      ++sent;
      send_all(c.fd, request);
    }
    const auto until = now < end ? std::min(end, rate > 0 ? due() : end) : now + 100'000'000;
    const ::timespec wait{std::max<std::int64_t>(until - now, 0) / 1'000'000'000,
                          std::max<std::int64_t>(until - now, 0) % 1'000'000'000};
    const int n =
        ::epoll_pwait2(poll, ready.data(), static_cast<int>(ready.size()), &wait, nullptr);
    for (int i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(ready[static_cast<std::size_t>(i)].data.u64);
      if (!clients[at].take_answer()) continue;
      seen.took_ns.record(now_ns() - clients[at].due_ns);
      idle.push_back(at);
    }
  }
  seen.seconds = static_cast<double>(now_ns() - begin) / 1e9;
  for (const auto& c : clients) ::close(c.fd);
  ::close(poll);
  return seen;
}

http_client::http_client(const std::string& address) : fd_(connect_to(address)) {}
http_client::~http_client() { ::close(fd_); }

std::string_view http_client::ask(const std::string& request) {
  got_.clear();
  send_all(fd_, request);
  for (;;) {
    if (const auto body = receive(fd_, got_)) return std::string_view(got_).substr(*body);
  }
}

void idle_clients::add(const std::string& address, const std::string& request) {
  sockets_.push_back(connect_to(address));
  send_all(sockets_.back(), request);
}

idle_clients::~idle_clients() {
  for (const int fd : sockets_) ::close(fd);
}

}  // namespace tenax::bench
