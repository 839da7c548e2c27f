#include "tests/crash/target_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>

#include <array>
#include <cerrno>

#include "tests/crash/protocol.hpp"

namespace tenax::crash {

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

/// This environment with some variables set anew.
std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string_view one(*e);
    if (!one.starts_with("TENAX_FAIL") && !one.starts_with("TENAX_PLANT")) all.emplace_back(one);
  }
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& t : texts) out.push_back(t.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

target_process::target_process(const target_options& o, const std::string& fail) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  require(::pipe2(in.data(), O_CLOEXEC) == 0, "pipe");
  require(::pipe2(out.data(), O_CLOEXEC) == 0, "pipe");
  const int log = ::open(o.handler_log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  require(log >= 0, "handler log");
  // dup2 onto itself would leave the descriptor close-on-exec.
  const int high_log = ::fcntl(log, F_DUPFD_CLOEXEC, 16);
  ::close(log);
  const int high_in = ::fcntl(in[0], F_DUPFD_CLOEXEC, 16);
  const int high_out = ::fcntl(out[1], F_DUPFD_CLOEXEC, 16);
  ::close(in[0]);
  ::close(out[1]);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, high_in, 0);
  posix_spawn_file_actions_adddup2(&files, high_out, 1);
  posix_spawn_file_actions_addopen(&files, 2, o.errors.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&files, high_log, handler_log_fd);
  std::vector<std::string> arguments{o.program.string(), o.data_dir.string(),
                                     std::to_string(o.workload_seed), o.lock_file.string()};
  auto environment = environment_with({"TENAX_FAIL_LOG=" + o.failpoints.string()});
  if (!fail.empty()) environment.push_back("TENAX_FAIL=" + fail);
  if (!o.plant.empty()) environment.push_back("TENAX_PLANT=" + o.plant);
  const int spawned = ::posix_spawn(&pid_, o.program.c_str(), &files, nullptr,
                                    pointers(arguments).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  errno = spawned;
  require(spawned == 0, o.program.c_str());
  ::close(high_in);
  ::close(high_out);
  ::close(high_log);
  commands_ = in[1];
  answers_ = out[0];
  ::fcntl(commands_, F_SETFL, O_NONBLOCK);
}

target_process::~target_process() {
  if (!reaped_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(commands_);
  ::close(answers_);
}

bool target_process::send(const std::string& line) {
  // At most PIPE_BUF bytes: written whole or not at all.
  return ::write(commands_, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

std::vector<std::string> target_process::receive(int timeout_ms) {
  std::vector<std::string> lines;
  std::array<char, 16'384> chunk{};
  for (bool first = true; !silent_; first = false) {
    pollfd wait{answers_, POLLIN, 0};
    if (::poll(&wait, 1, first ? timeout_ms : 0) <= 0) break;
    const auto got = ::read(answers_, chunk.data(), chunk.size());
    if (got <= 0) {
      silent_ = true;
      break;
    }
    buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  }
  std::size_t at = 0;
  for (auto end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n', at)) {
    lines.push_back(buffer_.substr(at, end - at));
    at = end + 1;
  }
  buffer_.erase(0, at);
  return lines;
}

void target_process::signal(int number) const { ::kill(pid_, number); }

support::child_end target_process::wait(unsigned timeout_s) {
  reaped_ = true;
  return support::wait_for(pid_, timeout_s);
}

}  // namespace tenax::crash
