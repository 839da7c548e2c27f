#include "tests/e2e/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace e2e {

namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

[[noreturn]] void become(const arguments& argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that dies leaves nothing running
  std::vector<char*> args;
  args.reserve(argv.size() + 1);
  for (const auto& a : argv) args.push_back(const_cast<char*>(a.c_str()));  // execvp's signature
  args.push_back(nullptr);
  ::execvp(args[0], args.data());
  ::_exit(126);
}

/// Appends what is there. False at the end of the stream.
bool drain(int fd, std::string& into) {
  std::array<char, 64 * 1024> buffer;
  const auto n = ::read(fd, buffer.data(), buffer.size());
  if (n > 0) into.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);  // a closed terminal answers EIO
}

}  // namespace

process::process(const arguments& argv, output to, input from) {
  if (to == output::terminal) {
    winsize size{40, 100, 0, 0};
    pid_ = ::forkpty(&out_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      ::setenv("TERM", "xterm", 1);
      become(argv);
    }
    BOOST_REQUIRE(pid_ > 0);
    return;
  }
  std::array<int, 2> in{-1, -1};
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (from == input::from_test)
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in.data()) == 0);
  BOOST_REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
  BOOST_REQUIRE(::pipe2(err.data(), O_CLOEXEC) == 0);
  pid_ = ::fork();
  if (pid_ == 0) {
    if (in[1] >= 0) ::dup2(in[1], STDIN_FILENO);
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(err[1], STDERR_FILENO);
    become(argv);
  }
  if (in[1] >= 0) ::close(in[1]);
  ::close(out[1]);
  ::close(err[1]);
  in_ = in[0];
  out_ = out[0];
  err_ = err[0];
  BOOST_REQUIRE(pid_ > 0);
}

process::~process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {in_, out_, err_})
    if (fd >= 0) ::close(fd);
}

void process::send(int signal) const {
  if (pid_ > 0) ::kill(pid_, signal);
}

bool process::write(std::string_view text) {
  const auto sent = ::send(in_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(text.size());
}

void process::end_input() {
  if (in_ >= 0) ::close(in_);
  in_ = -1;
}

std::string process::take_output(milliseconds most) {
  if (result_.out.empty()) read_some(most);
  return std::exchange(result_.out, {});
}

bool process::read_some(milliseconds most) {
  std::array<pollfd, 2> fds{{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
  ::poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(most.count(), 0)));
  const auto take = [](const pollfd& p, int& fd, std::string& into) {
    if (p.revents == 0 || drain(fd, into)) return;
    ::close(fd);
    fd = -1;
  };
  take(fds[0], out_, result_.out);
  take(fds[1], err_, result_.err);
  return out_ >= 0 || err_ >= 0;
}

bool process::wait_for(std::string_view text, milliseconds most) {
  const auto end = steady::now() + most;
  while (!contains(result_.out, text)) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - steady::now());
    if (left <= milliseconds{0} || !read_some(left)) return contains(result_.out, text);
  }
  return true;
}

outcome process::wait(milliseconds most) {
  const auto end = steady::now() + most;
  // What it started may hold the pipes, so its own end counts too.
  for (;;) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      while (out_ >= 0 || err_ >= 0) {
        const auto before = result_.out.size() + result_.err.size();
        if (!read_some(milliseconds{100}) || before == result_.out.size() + result_.err.size())
          break;
      }
      pid_ = -1;
      if (WIFEXITED(status) && !result_.timed_out) result_.exit_code = WEXITSTATUS(status);
      if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
      return result_;
    }
    if (steady::now() >= end && !result_.timed_out) {
      result_.timed_out = true;
      send(SIGKILL);
    }
    read_some(milliseconds{5});  // just waits if both are closed
  }
}

bool eventually(const std::function<bool()>& holds, milliseconds most, milliseconds every) {
  for (const auto end = steady::now() + most; !holds();) {
    if (steady::now() >= end) return false;
    ::poll(nullptr, 0, static_cast<int>(every.count()));
  }
  return true;
}

outcome run(const arguments& argv, milliseconds most) { return process(argv).wait(most); }

world::world() {
  auto pattern = (std::filesystem::temp_directory_path() / "tenax-e2e-XXXXXX").string();
  BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  dir_ = pattern;
}

world::~world() {
  std::error_code ec;
  std::filesystem::remove_all(dir_, ec);
}

void world::teardown() {
  if (!std::filesystem::exists(data())) return;  // the test has stored nothing
  const auto verified = tenax({"verify"});
  BOOST_TEST(verified.exit_code == 0, "verify: " << verified.out << verified.err);
}

std::string world::file(const std::string& name, std::string_view text) const {
  std::ofstream{dir_ / name, std::ios::binary} << text;
  return path(name);
}

arguments world::command(arguments args) const {
  args.insert(args.begin(), TENAX_PROGRAM);
  args.insert(args.end(), {"--data-dir", data()});
  return args;
}

outcome world::tenax(arguments args) const { return run(command(std::move(args))); }

outcome world::other(arguments args) const {
  args.insert(args.begin(), TENAX_PROGRAM);
  args.insert(args.end(), {"--data-dir", path("other")});
  return run(args);
}

json world::tenax_json(arguments args, int exit_code) const {
  args.insert(args.end(), {"--output", "json"});
  const auto got = tenax(std::move(args));
  BOOST_TEST(got.exit_code == exit_code, "exit code " << got.exit_code << ": " << got.err);
  auto doc = json::parse(got.out, nullptr, false);
  BOOST_REQUIRE_MESSAGE(!doc.is_discarded(), "not JSON: " << got.out << got.err);
  return doc;
}

std::vector<json> world::workflows() const {
  const auto listed = tenax_json({"list", "--limit", "100000"});
  return listed["workflows"].get<std::vector<json>>();
}

std::vector<json> world::exported() const {
  const auto got = tenax({"export"});
  BOOST_TEST(got.exit_code == 0, got.err);
  std::vector<json> out;
  std::istringstream lines{got.out};
  for (std::string line; std::getline(lines, line);) {
    out.push_back(json::parse(line, nullptr, false));
    BOOST_REQUIRE(out.back().is_object());
  }
  return out;
}

bool can_mount() {
  static const bool able = run({"unshare", "-m", "true"}).exit_code == 0;
  if (!able) BOOST_TEST_MESSAGE("SKIPPED: unshare -m is not permitted here");
  return able;
}

bool plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return c == '\n' || (b >= 0x20 && b != 0x7f);
  });
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace e2e
