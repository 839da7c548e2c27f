#include "node/control.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "node/json_output.hpp"
#include "storage/owned_fd.hpp"

namespace tenax::node {

namespace fs = std::filesystem;

namespace {

using storage::owned_fd;
using steady = std::chrono::steady_clock;

constexpr const char* socket_name = "control.sock";
constexpr std::size_t line_bytes_max = 64 * 1024;
/// For a request to arrive: who connects and says nothing keeps others waiting no longer.
constexpr std::chrono::seconds patience{5};
constexpr int backlog = 16;

std::string reason(int code) { return std::generic_category().message(code); }

/// The socket's address. sun_path holds 107 bytes: a longer path goes by way of the directory's
/// descriptor.
struct address {
  owned_fd dir;
  sockaddr_un value{};

  static std::optional<address> of(const fs::path& data_dir) {
    address out;
    out.value.sun_family = AF_UNIX;
    auto path = (data_dir / socket_name).string();
    if (path.size() >= sizeof out.value.sun_path) {
      out.dir = owned_fd{::open(data_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
      if (out.dir.get() < 0) return std::nullopt;
      path = "/proc/self/fd/" + std::to_string(out.dir.get()) + "/" + socket_name;
    }
    std::memcpy(out.value.sun_path, path.c_str(), path.size() + 1);
    return out;
  }
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&value);
  }
};

bool same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

bool send_line(int socket, const std::string& text) {
  const auto line = text + '\n';
  for (std::size_t sent = 0; sent < line.size();) {
    const auto n = ::send(socket, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

/// Reads up to the end of the line. Nothing at the end of the stream, of the time, when the line is
/// too long, or when `stop` (none: -1) becomes readable.
std::optional<std::string> read_line(int socket, int stop,
                                     std::optional<steady::time_point> deadline) {
  std::string line;
  std::array<char, 4'096> chunk{};
  while (line.size() <= line_bytes_max) {
    int timeout_ms = -1;
    if (deadline) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(*deadline - steady::now()).count();
      if (left <= 0) return std::nullopt;
      timeout_ms = static_cast<int>(left);
    }
    std::array<pollfd, 2> fds{{{socket, POLLIN, 0}, {stop, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout_ms) < 0 && errno != EINTR) return std::nullopt;
    if (fds[1].revents != 0) return std::nullopt;
    if (fds[0].revents == 0) continue;
    const auto n = ::recv(socket, chunk.data(), chunk.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    line.append(chunk.data(), static_cast<std::size_t>(n));
    if (const auto end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
  }
  return std::nullopt;
}

error parse_error(const json& document) {
  const auto& e = document["error"];
  const auto text = [&e](const char* name) {
    const auto at = e.find(name);
    return at != e.end() && at->is_string() ? at->get<std::string>() : std::string{};
  };
  auto code = errc::storage_unavailable;
  for (int i = 0; i <= static_cast<int>(errc::stopped); ++i)
    if (to_string(static_cast<errc>(i)) == text("code")) code = static_cast<errc>(i);
  return {code, text("message")};
}

}  // namespace

std::string answer_request(const std::string& line, const control_server::backup_function& backup) {
  const auto refuse = [](std::string why) {
    return dump(to_json(error{errc::invalid_argument, std::move(why)}));
  };
  const auto request = json::parse(line, nullptr, false);
  if (!request.is_object()) return refuse("the request is not a JSON object");
  const auto text = [&request](const char* name) {
    const auto at = request.find(name);
    return at != request.end() && at->is_string() ? at->get<std::string>() : std::string{};
  };
  if (text("verb") != "backup") return refuse("the verb is none of: backup");
  const fs::path target = text("target");
  if (!target.is_absolute()) return refuse("the target is not an absolute path");
  const auto made = backup(target);
  return made ? dump({{"ok", true}}) : dump(to_json(made.error()));
}

class control_server::impl {
 public:
  static result<std::unique_ptr<impl>> start(const fs::path& data_dir, backup_function backup) {
    const auto unusable = [&](const std::string& why) {
      return error{errc::data_dir_unusable, (data_dir / socket_name).string() + ": " + why};
    };
    const auto file = fs::absolute(data_dir) / socket_name;
    struct stat info {};
    if (::lstat(file.c_str(), &info) == 0) {
      if (!S_ISSOCK(info.st_mode)) return unusable("something that is no socket has its name");
      if (::unlink(file.c_str()) != 0) return unusable(reason(errno));
    }
    const auto where = address::of(data_dir);
    owned_fd listens{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    owned_fd stop{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    // The mode before the name: it is never open to others.
    if (!where || listens.get() < 0 || stop.get() < 0 || ::fchmod(listens.get(), 0600) != 0 ||
        ::bind(listens.get(), where->get(), sizeof where->value) != 0 ||
        ::listen(listens.get(), backlog) != 0)
      return unusable(reason(errno));
    return std::make_unique<impl>(file, std::move(listens), std::move(stop), std::move(backup));
  }

  impl(fs::path file, owned_fd listens, owned_fd stop, backup_function backup)
      : file_(std::move(file)),
        listens_(std::move(listens)),
        stop_(std::move(stop)),
        backup_(std::move(backup)),
        thread_([this] { run(); }) {}
  ~impl() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
    ::unlink(file_.c_str());
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

 private:
  void run() const {
    for (;;) {
      std::array<pollfd, 2> fds{{{listens_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
      if (fds[1].revents != 0) return;
      if (fds[0].revents == 0) continue;
      const owned_fd client{::accept4(listens_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
      if (client.get() < 0) continue;
      if (!same_user(client.get())) continue;
      const auto line = read_line(client.get(), stop_.get(), steady::now() + patience);
      if (line) (void)send_line(client.get(), answer_request(*line, backup_));
    }
  }

  const fs::path file_;
  const owned_fd listens_;
  const owned_fd stop_;
  const backup_function backup_;
  std::thread thread_;  // last: uses all of the above
};

control_server::control_server(std::unique_ptr<impl> p) noexcept : impl_(std::move(p)) {}
control_server::~control_server() = default;

result<std::unique_ptr<control_server>> control_server::start(const fs::path& data_dir,
                                                              backup_function backup) {
  auto made = impl::start(data_dir, std::move(backup));
  if (!made) return made.error();
  return std::unique_ptr<control_server>(new control_server(std::move(*made)));
}

std::optional<result<void>> ask_for_backup(const fs::path& data_dir, const std::string& target) {
  const auto where = address::of(data_dir);
  const owned_fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!where || socket.get() < 0 ||
      ::connect(socket.get(), where->get(), sizeof where->value) != 0 || !same_user(socket.get()))
    return std::nullopt;
  const bool sent = send_line(socket.get(), dump({{"verb", "backup"}, {"target", target}}));
  const auto line = sent ? read_line(socket.get(), -1, std::nullopt) : std::nullopt;
  if (!line)
    return error{errc::storage_unavailable, "the process that has " + data_dir.string() +
                                                " open ended before its answer; look whether " +
                                                target + " is there"};
  const auto answer = json::parse(*line, nullptr, false);
  if (answer.is_object() && answer.contains("ok")) return result<void>{};
  if (answer.is_object() && answer.contains("error") && answer["error"].is_object())
    return parse_error(answer);
  return error{errc::storage_unavailable, "an answer that is none: " + *line};
}

}  // namespace tenax::node
