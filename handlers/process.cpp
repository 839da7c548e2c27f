#include "handlers/process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

namespace tenax::builtin {

namespace {

using steady = std::chrono::steady_clock;
using end = process_result::end;

class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& o) noexcept {
    if (this != &o) reset(std::exchange(o.fd_, -1));
    return *this;
  }
  ~unique_fd() { reset(); }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A host may run with stdin, stdout or stderr closed; then a new descriptor gets such a number and
/// the child's dup2 would go over it.
unique_fd above_stderr(int fd) noexcept {
  if (fd > STDERR_FILENO || fd < 0) return unique_fd{fd};
  unique_fd moved{::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
  ::close(fd);
  return moved;
}

struct pipe_pair {
  unique_fd read;
  unique_fd write;
  bool open() noexcept {
    std::array<int, 2> fds{-1, -1};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0) return false;
    read = above_stderr(fds[0]);
    write = above_stderr(fds[1]);
    // Only our end: the program must see an ordinary blocking pipe.
    return read && write && ::fcntl(read.get(), F_SETFL, O_NONBLOCK) == 0;
  }
};

/// The steps of the child that can fail; the child reports by number.
constexpr std::array<std::string_view, 9> child_steps{
    "start",          "setpgid", "prctl",       "read eventfd", "setrlimit",
    "open /dev/null", "dup2",    "close_range", "execve"};
enum child_step : int {
  setpgid_step = 1,
  prctl_step,
  go_step,
  rlimit_step,
  null_step,
  dup2_step,
  close_step,
  exec_step
};

struct child_report {
  int step = 0;
  int error = 0;
};

/// What the child needs. Made before the fork: the child may not allocate, since another thread may
/// have held the allocator's lock at the fork.
struct child_plan {
  const char* program;
  char* const* argv;
  char* const* envp;
  int out;
  int err;
  int report;
  int go;  ///< eventfd: the parent holds on to the child and will wait for it
  pid_t parent;
};

[[noreturn]] void give_up(const child_plan& plan, child_step step) noexcept {
  const child_report report{step, errno};
  [[maybe_unused]] const auto n = ::write(plan.report, &report, sizeof report);
  ::_exit(127);
}

/// Runs in the child between fork and exec: async-signal-safe calls only (signal-safety(7), and raw
/// system calls).
[[noreturn]] void child_main(const child_plan& plan) noexcept {
  if (::setpgid(0, 0) != 0) give_up(plan, setpgid_step);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(plan, prctl_step);
  if (::getppid() != plan.parent)
    ::_exit(127);  // the parent died before prctl: no signal will come

  // A program that runs while nobody can wait for it would be told as not started.
  std::uint64_t go = 0;
  ssize_t got = 0;
  do got = ::read(plan.go, &go, sizeof go);
  while (got < 0 && errno == EINTR);
  if (got != sizeof go) give_up(plan, go_step);

  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int s = 1; s < NSIG; ++s)
    ::sigaction(s, &standard, nullptr);  // some refuse; they are default

  const rlimit no_core{0, 0};
  if (::setrlimit(RLIMIT_CORE, &no_core) != 0) give_up(plan, rlimit_step);

  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) give_up(plan, null_step);
  // dup2 onto itself would keep O_CLOEXEC.
  if (null == STDIN_FILENO ? ::fcntl(null, F_SETFD, 0) < 0 : ::dup2(null, STDIN_FILENO) < 0)
    give_up(plan, dup2_step);
  if (::dup2(plan.out, STDOUT_FILENO) < 0) give_up(plan, dup2_step);
  if (::dup2(plan.err, STDERR_FILENO) < 0) give_up(plan, dup2_step);
  // Marked, not closed: the report pipe must live until execve.
  if (::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up(plan, close_step);

  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.program, plan.argv, plan.envp);
  give_up(plan, exec_step);
}

/// Forks with all signals blocked, so that no signal handler of the host runs in the child.
pid_t fork_child(const child_plan& plan) noexcept {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) child_main(plan);
  const int error = errno;
  if (pid > 0) ::setpgid(pid, pid);  // also here: the group must exist before the first kill
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return pid;
}

/// A started program. Kills its group and reaps it, at the latest in the destructor.
class child {
 public:
  // A raw call: glibc 2.36 declares pidfd_open without extern "C".
  explicit child(pid_t pid) noexcept
      : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() { finish(); }

  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }

  /// Kills before it reaps: until then nobody else can get the group's number.
  void finish() noexcept {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);  // it may have moved to another group
    pid_t reaped = 0;
    do reaped = ::waitpid(pid_, &status_, 0);
    while (reaped < 0 && errno == EINTR);
    known_ = reaped == pid_;
    pid_ = -1;
  }
  [[nodiscard]] bool status_known() const noexcept { return known_; }
  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  pid_t pid_;
  unique_fd pidfd_;
  int status_ = 0;
  bool known_ = false;
};

/// One stream of the program while it is read.
class stream {
 public:
  stream(unique_fd fd, std::size_t bytes_max) noexcept
      : fd_(std::move(fd)), bytes_max_(bytes_max) {}

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  /// Reads once. False when there is nothing to read now, or ever.
  bool read_some() {
    if (!fd_) return false;
    std::array<char, 16'384> buffer;
    const auto n = ::read(fd_.get(), buffer.data(), buffer.size());
    if (n > 0) {
      take({buffer.data(), static_cast<std::size_t>(n)});
      return true;
    }
    if (n < 0 && errno == EINTR) return true;
    if (n == 0 || errno != EAGAIN) fd_.reset();
    return false;
  }

  /// What is in the pipe now, not more than a pipe can hold (1 MiB, fs/pipe-max-size): a process
  /// that left the group may go on writing.
  void read_rest() {
    for (int i = 0; i < 64 && read_some(); ++i) {
    }
  }

  /// Nobody will read on: what would still come is lost.
  void cut() noexcept { data_.cut = static_cast<bool>(fd_); }

  captured result() && { return std::move(data_); }

 private:
  void take(std::string_view bytes) {
    const auto room = std::min(bytes.size(), bytes_max_ - data_.kept.size());
    data_.kept.append(bytes.substr(0, room));
    if (room < bytes.size()) data_.truncated = true;
    constexpr std::size_t tail_bytes_max = 1'024;
    if (bytes.size() > tail_bytes_max) bytes.remove_prefix(bytes.size() - tail_bytes_max);
    data_.tail.append(bytes);
    if (data_.tail.size() > tail_bytes_max) data_.tail.erase(0, data_.tail.size() - tail_bytes_max);
  }

  unique_fd fd_;
  std::size_t bytes_max_;
  captured data_;
};

/// Milliseconds for poll, rounded up so that it does not spin before the deadline.
int poll_timeout(steady::time_point deadline) noexcept {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, INT_MAX));
}

/// Reads until the program ends (exited), the deadline (timed_out) or the stop request (stopped).
end watch(int pidfd, int wake, stream& out, stream& err, steady::time_point deadline) {
  for (;;) {
    std::array<pollfd, 4> fds{{{pidfd, POLLIN, 0},
                               {wake, POLLIN, 0},
                               {out.fd(), POLLIN, 0},  // -1 once closed: ignored by poll
                               {err.fd(), POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), poll_timeout(deadline));
    if (ready < 0 && errno != EINTR) return end::lost;
    if (ready > 0) {
      if (fds[0].revents != 0) return end::exited;
      if (fds[1].revents != 0) return end::stopped;
      if (fds[2].revents != 0) out.read_some();
      if (fds[3].revents != 0) err.read_some();
    }
    if (steady::now() >= deadline) return end::timed_out;
  }
}

/// Reads on once the program has ended: what it has started may still write, `tee` to its log, say.
/// Until both streams end, the deadline or the stop request.
void read_to_end(int wake, stream& out, stream& err, steady::time_point deadline) {
  while (out.fd() >= 0 || err.fd() >= 0) {
    std::array<pollfd, 3> fds{{{wake, POLLIN, 0}, {out.fd(), POLLIN, 0}, {err.fd(), POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), poll_timeout(deadline));
    if (ready < 0 && errno != EINTR) return;
    if (ready > 0) {
      if (fds[1].revents != 0) out.read_some();
      if (fds[2].revents != 0) err.read_some();
      if (fds[0].revents != 0) return;
    }
    if (steady::now() >= deadline) return;
  }
}

process_result not_started(int error, std::string_view what) {
  process_result r;
  // Lack of memory, processes or descriptors passes, and so does "text file busy".
  const bool passing = error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE ||
                       error == ETXTBSY || error == EINTR || error == EIO;
  const bool of_exec = what == child_steps[exec_step];
  r.how = of_exec && !passing ? end::not_found : end::no_start;
  r.code = error;
  r.what = what;
  return r;
}

/// The file that argv[0] means, "" if there is none. Looked up here and not by execvpe, which hands
/// files that are no program to /bin/sh.
std::string program_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  for (auto rest = exec_path; !rest.empty();) {
    const auto colon = std::min(rest.find(':'), rest.size());
    auto path = std::string{rest.substr(0, colon)} + '/' + name;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        ::access(path.c_str(), X_OK) == 0)
      return path;
  }
  return {};
}

steady::time_point deadline_after(std::chrono::milliseconds timeout) noexcept {
  // 10 years, the longest wait there is: no sum with a time point overflows.
  constexpr std::chrono::milliseconds most = std::chrono::hours(24 * 3653);
  return steady::now() + std::clamp(timeout, std::chrono::milliseconds{0}, most);
}

}  // namespace

process_result run_process(const std::vector<std::string>& argv,
                           const std::vector<std::string>& environment,
                           std::chrono::milliseconds timeout, std::chrono::milliseconds grace,
                           std::size_t bytes_max, const std::stop_token& stop) {
  const auto deadline = deadline_after(timeout);
  const auto program = program_path(argv.front());
  if (program.empty()) return not_started(ENOENT, child_steps[exec_step]);
  std::vector<char*> args;
  args.reserve(argv.size() + 1);
  for (const auto& a : argv)
    args.push_back(const_cast<char*>(a.c_str()));  // execve's old signature
  args.push_back(nullptr);
  std::vector<char*> envp;
  envp.reserve(environment.size() + 1);
  for (const auto& e : environment) envp.push_back(const_cast<char*>(e.c_str()));
  envp.push_back(nullptr);

  pipe_pair out_pipe;
  pipe_pair err_pipe;
  pipe_pair report_pipe;
  if (!out_pipe.open() || !err_pipe.open() || !report_pipe.open())
    return not_started(errno, "pipe2");
  const unique_fd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  const unique_fd go = above_stderr(::eventfd(0, EFD_CLOEXEC));  // the child reads it: blocking
  if (!wake || !go) return not_started(errno, "eventfd");
  const std::stop_callback on_stop{stop, [&wake] { ::eventfd_write(wake.get(), 1); }};
  if (stop.stop_requested()) return {end::not_begun, 0, {}, {}, {}};

  const pid_t pid =
      fork_child({program.c_str(), args.data(), envp.data(), out_pipe.write.get(),
                  err_pipe.write.get(), report_pipe.write.get(), go.get(), ::getpid()});
  if (pid < 0) return not_started(errno, "fork");
  child running{pid};
  if (running.pidfd() < 0) {
    const int error = errno;
    running.finish();  // it waits for the word to go on and has not become the program
    return not_started(error, "pidfd_open");
  }
  ::eventfd_write(go.get(), 1);
  out_pipe.write.reset();  // else the streams would never end
  err_pipe.write.reset();
  report_pipe.write.reset();

  stream out{std::move(out_pipe.read), bytes_max};
  stream err{std::move(err_pipe.read), bytes_max};
  process_result result;
  result.how = watch(running.pidfd(), wake.get(), out, err, deadline);
  if (result.how == end::exited) {
    read_to_end(wake.get(), out, err, std::min(deadline, deadline_after(grace)));
    out.cut();
    err.cut();
  }
  running.finish();
  child_report report;
  if (::read(report_pipe.read.get(), &report, sizeof report) == sizeof report)
    return not_started(report.error, child_steps[static_cast<std::size_t>(report.step)]);
  out.read_rest();
  err.read_rest();
  result.out = std::move(out).result();
  result.err = std::move(err).result();
  if (result.how != end::exited) return result;

  const int status = running.status();
  if (!running.status_known())
    result.how = end::lost;
  else if (WIFSIGNALED(status))
    result.how = end::signalled;
  result.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

}  // namespace tenax::builtin
