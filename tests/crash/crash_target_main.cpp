// crash_target_main.cpp - the program that gets killed: an engine that does what its driver says
// (protocol.hpp).
//   crash_target_main DATA_DIR WORKLOAD_SEED LOCK_FILE
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "model/failpoint.hpp"
#include "tests/crash/protocol.hpp"
#include "tests/support/workload.hpp"

namespace tenax::crash {

namespace {

/// Lines shorter than PIPE_BUF come out whole, whoever else writes.
void say(int fd, const std::string& line) {
  if (::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(4);
}

/// Each action has one byte of a file; whoever runs it holds a lock on that byte. The kernel gives
/// it back when the process dies. Locks of an open file description exclude threads too.
class action_lock {
 public:
  action_lock(const char* file, std::uint32_t workflow, std::uint32_t action)
      : fd_(::open(file, O_RDWR | O_CLOEXEC)) {
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(workflow) * 64 + action;
    range.l_len = 1;
    held_ = ::fcntl(fd_, F_OFD_SETLK, &range) == 0;
  }
  ~action_lock() { ::close(fd_); }
  action_lock(const action_lock&) = delete;
  action_lock& operator=(const action_lock&) = delete;
  [[nodiscard]] bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

outcome logged_call(const char* lock_file, const action_context& c,
                    const std::function<outcome()>& run) {
  // An attempt that was given up after its time may overlap with the next one.
  std::optional<action_lock> lock;
  if (c.action_type != "late") {
    lock.emplace(lock_file, workload::number_of(c.workflow_id), workload::number_of(c.action_key));
  }
  log_line line{lock && !lock->held() ? "overlap" : "start",
                std::string(c.workflow_id),
                std::string(c.action_key),
                c.attempt,
                c.deferrals,
                boottime_ns(),
                wall_ms(),
                ::getpid(),
                0};
  say(handler_log_fd, line.to_string());
  (void)TENAX_FAILPOINT("handler.inside");
  const auto end = [&](std::uint64_t hash) {
    line.what = "end";
    line.boottime_ns = boottime_ns();
    line.wall_ms = wall_ms();
    line.hash = hash;
    say(handler_log_fd, line.to_string());
  };
  try {
    auto result = run();
    end(result.what == outcome::kind::success ? workload::hash(result.result) : 0);
    return result;
  } catch (...) {
    end(0);
    throw;
  }
}

class target {
 public:
  target(engine& e, std::uint64_t seed, std::filesystem::path backup_to)
      : engine_(e),
        seed_(seed),
        backup_to_(std::move(backup_to)),
        blocking_([this] { run_blocking(); }) {}
  /// The engine may be closed only when no call is under way.
  ~target() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    blocking_.join();
  }
  target(const target&) = delete;
  target& operator=(const target&) = delete;

  /// False: the end.
  bool obey(const std::string& line) {
    std::istringstream in(line);
    std::string what;
    std::uint32_t n = 0;
    in >> what >> n;
    if (what == "close") return false;
    if (what == "submit") {
      submit("submit", n, workload::make_spec(seed_, n));
    } else if (what == "other") {
      auto spec = workload::make_spec(seed_, n);
      spec.description = "not what it was";
      submit("other", n, spec);
    } else if (what == "get") {
      get(n);
    } else {
      const std::lock_guard lock(mutex_);
      queue_.push_back(line);
      wake_.notify_one();
    }
    return true;
  }

 private:
  void submit(const std::string& what, std::uint32_t n, const workflow_spec& spec) {
    engine_.submit_async(spec, [what, n](const result<submission>& r) {
      const std::string head = what + " " + std::to_string(n) + " ";
      say(1, r ? "acked " + head + (r->existed ? "existed\n" : "new\n")
               : "failed " + head + std::string(to_string(r.error().code())) + "\n");
    });
  }

  void get(std::uint32_t n) {
    const auto view = engine_.get(workload::id_of(n));
    if (!view) return fail("get", n, view.error());
    std::ostringstream out;
    out << "view " << n << ' ' << static_cast<unsigned>(view->summary.status);
    for (const auto& a : view->actions) {
      out << ' ' << a.attempts << ':' << (a.waiting == waiting_for::decision ? 1 : 0) << ':'
          << std::hex << (a.result ? workload::hash(*a.result) : 0) << std::dec;
    }
    out << '\n';
    say(1, out.str());
  }

  static void fail(const std::string& what, std::uint32_t n, const error& e) {
    say(1,
        "failed " + what + " " + std::to_string(n) + " " + std::string(to_string(e.code())) + "\n");
  }

  /// Cancels and decisions return when they are durable.
  void run_blocking() {
    for (;;) {
      std::string line;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
        if (ending_) return;
        line = std::move(queue_.front());
        queue_.pop_front();
      }
      std::istringstream in(line);
      std::string what;
      std::string key;
      std::string decision;
      std::uint32_t n = 0;
      in >> what >> n >> key >> decision;
      if (what == "backup") {
        back_up();
        continue;
      }
      const auto id = workload::id_of(n);
      const auto r = what == "cancel" ? engine_.cancel(id, "the driver said so")
                                      : engine_.resolve(id, key, parse_decision(decision));
      if (r) {
        say(1, "acked " + what + " " + std::to_string(n) + "\n");
      } else {
        fail(what, n, r.error());
      }
    }
  }

  /// What it left when it was killed in one goes first, so that they do not pile up.
  void back_up() {
    std::error_code none;
    std::vector<std::filesystem::path> old{backup_to_};
    for (const auto& entry : std::filesystem::directory_iterator(backup_to_.parent_path(), none)) {
      if (entry.path().string().starts_with(backup_to_.string() + ".")) old.push_back(entry);
    }
    for (const auto& path : old) std::filesystem::remove_all(path, none);
    const auto made = engine_.backup(backup_to_);
    if (made || made.error().code() == errc::stopped) return;
    std::fprintf(stderr, "backup: %s\n", made.error().to_string().c_str());
    ::_exit(5);
  }

  static resolution parse_decision(const std::string& text) {
    resolution r;
    if (text == "skip") r.what = resolution::kind::skip;
    if (text == "complete") r.what = resolution::kind::complete;
    if (text == "fail") r.what = resolution::kind::fail;
    r.value = "\"decided\"";
    return r;
  }

  engine& engine_;
  const std::uint64_t seed_;
  const std::filesystem::path backup_to_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::string> queue_;
  bool ending_ = false;
  std::thread blocking_;  // last: uses all of the above
};

/// Reads commands until the driver is gone, says close, or sends SIGTERM.
void serve(target& t, int signals) {
  std::string buffer;
  char chunk[4'096];
  for (;;) {
    pollfd wait[2] = {{0, POLLIN, 0}, {signals, POLLIN, 0}};
    if (::poll(wait, 2, -1) < 0) return;
    if ((wait[1].revents & POLLIN) != 0) return;
    const auto got = ::read(0, chunk, sizeof chunk);
    if (got <= 0) return;
    buffer.append(chunk, static_cast<std::size_t>(got));
    for (auto end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n')) {
      const std::string line = buffer.substr(0, end);
      buffer.erase(0, end + 1);
      if (!t.obey(line)) return;
    }
  }
}

int run(const char* data_dir, std::uint64_t seed, const char* lock_file) {
  // Before any thread: all of them inherit the mask.
  sigset_t asked;
  sigemptyset(&asked);
  sigaddset(&asked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &asked, nullptr);
  const int signals = ::signalfd(-1, &asked, SFD_CLOEXEC);

  auto o = workload::make_options([lock_file](const action_context& c, const auto& call) {
    return logged_call(lock_file, c, call);
  });
  // The next handler thread must be reached while others are busy, and memory must be tight enough
  // that workflows wait in the store.
  o.handler_threads = 8;
  o.active_workflows_max = 24;
  o.log = [](log_level level, std::string_view message) {
    if (level != log_level::error) return;
    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
    if (message.find("engine stops") != std::string_view::npos) {
      say(1, "halted " + std::to_string(boottime_ns()) + "\n");
    }
  };
  auto opened = engine::open(data_dir, std::move(o));
  if (!opened) {
    std::fprintf(stderr, "open: %s\n", opened.error().to_string().c_str());
    return 3;
  }
  say(1, "ready " + std::to_string(opened->stats().epoch) + "\n");
  {
    target t(*opened, seed, std::string(data_dir) + ".backup");
    serve(t, signals);
  }
  opened->close();
  return 0;
}

}  // namespace
}  // namespace tenax::crash

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: crash_target_main DATA_DIR WORKLOAD_SEED LOCK_FILE\n");
    return 2;
  }
  return tenax::crash::run(argv[1], std::strtoull(argv[2], nullptr, 10), argv[3]);
}
