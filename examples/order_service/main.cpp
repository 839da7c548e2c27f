// A service that takes orders on stdin and sees each through to its end, whatever happens to it.
// README.md says what it shows; docs/operations.md why it is made like this.
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>

#include "after_care.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto usage =
    "usage: order_service DIR [--rate ORDERS_PER_SECOND] [--restored]\n"
    "  DIR            data in DIR/data, what is outside in DIR/world, backups in DIR/backups\n"
    "  --rate N       makes orders itself; otherwise reads them from stdin, one a line:\n"
    "                   order "
    "{\"id\":\"o-1\",\"item\":\"tea\",\"count\":1,\"card\":\"visa-1\",\"cents\":500,\n"
    "                          \"mail\":\"a@b.example\",\"address\":\"here\"}\n"
    "                   stock {\"id\":\"s-1\",\"item\":\"tea\",\"count\":100}\n"
    "                 and ends when they end and no order is under way\n"
    "  --restored     DIR/data is a backup: look at the world before charging\n"
    "SIGTERM, SIGINT: stop gracefully. SIGUSR1: make a backup.\n";

struct arguments {
  std::filesystem::path dir;
  int rate = 0;
  bool restored = false;
};

std::optional<arguments> read_arguments(int argc, char** argv) {
  arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--restored") {
      a.restored = true;
    } else if (arg == "--rate" && i + 1 < argc) {
      const std::string_view n = argv[++i];
      if (std::from_chars(n.data(), n.data() + n.size(), a.rate).ec != std::errc{} || a.rate < 1 ||
          a.rate > 1'000) {
        return std::nullopt;
      }
    } else if (a.dir.empty() && !arg.starts_with('-')) {
      a.dir = arg;
    } else {
      return std::nullopt;
    }
  }
  if (a.dir.empty()) return std::nullopt;
  return a;
}

struct delivery {
  std::string id;
  std::string item;
  std::int64_t count = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(delivery, id, item, count)

/// What people and other programs see of it: stdout, one line each, at once.
void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int timer(milliseconds every) {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  itimerspec t{};
  t.it_interval.tv_sec = every.count() / 1'000;
  t.it_interval.tv_nsec = every.count() % 1'000 * 1'000'000;
  t.it_value = t.it_interval;
  ::timerfd_settime(fd, 0, &t, nullptr);
  return fd;
}

std::uint64_t ticks(int timer) {
  std::uint64_t n = 0;
  return ::read(timer, &n, sizeof n) == static_cast<ssize_t>(sizeof n) ? n : 0;
}

class service {
 public:
  service(arguments args, int signals)
      : args_(std::move(args)),
        signals_(signals),
        outside_(std::make_shared<world>(args_.dir / "world")),
        care_(outside_) {}

  int run() {
    tenax::options options;
    options.handlers = make_handlers(outside_, args_.restored);
    options.on_finished = [this](const tenax::workflow_summary& w) { care_.ended(w); };
    // As long as somebody may send an order once more: an id that has left is a new one.
    options.retention.completed.age = std::chrono::hours(24 * 30);
    // What was under way goes on from here by itself.
    auto opened = tenax::engine::open(args_.dir / "data", std::move(options));
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().to_string().c_str());
      return 1;
    }
    auto engine = *std::move(opened);
    care_.find_failed(engine);
    say("open " + std::to_string(engine.stats().epoch));
    if (!serve(engine)) {
      std::fprintf(stderr, "the engine has stopped: see its log; start again\n");
      return 1;
    }
    return stop(engine);
  }

 private:
  /// Until a signal, or the end of the orders. False: the engine has stopped.
  bool serve(tenax::engine& engine) {
    const int care_timer = timer(milliseconds(250));
    const int rate_timer = args_.rate == 0 ? -1 : timer(milliseconds(1'000 / args_.rate));
    int orders = args_.rate == 0 ? STDIN_FILENO : -1;
    while (engine.healthy()) {
      std::array<pollfd, 4> wait{{{signals_, POLLIN, 0},
                                  {orders, POLLIN, 0},
                                  {care_timer, POLLIN, 0},
                                  {rate_timer, POLLIN, 0}}};
      if (::poll(wait.data(), wait.size(), -1) < 0) continue;
      if (wait[0].revents != 0) {
        signalfd_siginfo signal{};
        if (::read(signals_, &signal, sizeof signal) < 0) continue;
        if (signal.ssi_signo != SIGUSR1) return true;
        back_up(engine);
      }
      if (wait[1].revents != 0 && !read_lines(engine)) orders = -1;
      if (wait[2].revents != 0 && ticks(care_timer) != 0) {
        care_.work(engine);
        if (orders < 0 && args_.rate == 0 && all_closed(engine)) return true;
      }
      if (wait[3].revents != 0) {
        for (auto n = ticks(rate_timer); n > 0; --n) make_order(engine);
      }
    }
    return false;
  }

  /// Nothing is under way, and nothing comes of what has failed.
  bool all_closed(tenax::engine& engine) {
    if (engine.stats().open != 0) return false;
    care_.find_failed(engine);
    care_.work(engine);
    return engine.stats().open == 0;
  }

  /// New orders are refused, handlers finish, and what has not begun waits for the next start.
  static int stop(tenax::engine& engine) {
    if (auto drained = engine.drain(seconds(10)); !drained) {
      std::fprintf(stderr, "%s\n", drained.error().to_string().c_str());
    }
    if (auto closed = engine.close(seconds(5)); !closed) {
      // Handlers that do not come back: they have their threads, so no destructor may run. Their
      // attempts are made again at the next start, or decided about.
      std::fprintf(stderr, "%s\n", closed.error().to_string().c_str());
      say("closed, some handlers still ran");
      std::_Exit(0);
    }
    say("closed");
    return 0;
  }

  void back_up(const tenax::engine& engine) {
    const auto name = std::to_string(engine.stats().epoch) + "-" + std::to_string(++backups_);
    const auto made = engine.backup(args_.dir / "backups" / name);
    say(made ? "backup " + name : "no backup: " + made.error().to_string());
  }

  /// False at their end.
  bool read_lines(tenax::engine& engine) {
    std::array<char, 65'536> chunk{};
    const auto got = ::read(STDIN_FILENO, chunk.data(), chunk.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    buffer_.append(chunk.data(), static_cast<std::size_t>(got));
    std::size_t at = 0;
    for (auto end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n', at)) {
      take(engine, std::string_view(buffer_).substr(at, end - at));
      at = end + 1;
    }
    buffer_.erase(0, at);
    return got > 0;
  }

  void take(tenax::engine& engine, std::string_view line) {
    const auto space = line.find(' ');
    const auto what = line.substr(0, space);
    const auto json = space == line.npos ? std::string_view() : line.substr(space + 1);
    if (what == "order") {
      const auto o = tenax::read_json<order>(json);
      o ? accept(engine, *o) : say("refused ? " + o.error().message());
    } else if (what == "stock") {
      const auto d = tenax::read_json<delivery>(json);
      if (!d) return say("refused ? " + d.error().message());
      outside_->stock.deliver(d->id, d->item, d->count);
      say("stocked " + d->id);
    } else if (!line.empty()) {
      say("refused ? neither order nor stock");
    }
  }

  /// Says "accepted" when the order is on disk, and not before: from then on it is ours. Who has
  /// heard neither that nor "refused" sends it once more.
  static void accept(tenax::engine& engine, const order& o) {
    const auto sent = engine.submit(order_workflow(o));
    say(sent ? "accepted " + o.id : "refused " + o.id + " " + sent.error().message());
  }

  void make_order(tenax::engine& engine) {
    // The epoch grows at each start, so no id is made twice.
    const auto n = std::to_string(engine.stats().epoch) + "-" + std::to_string(++made_);
    if (made_ % 10 == 1) outside_->stock.deliver("s-" + n, "tea", 10);
    accept(engine, {"o-" + n, "tea", 1, made_ % 20 == 7 ? "visa-refused" : "visa-" + n, 500,
                    "someone@example.org", made_ % 20 == 11 ? "" : "here"});
  }

  arguments args_;
  int signals_;
  std::shared_ptr<world> outside_;
  after_care care_;
  std::string buffer_;
  unsigned backups_ = 0;
  unsigned made_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  auto args = read_arguments(argc, argv);
  if (!args) return std::fputs(usage, stderr), 2;
  // Before any thread is there: they inherit the mask, and the signals come to the one descriptor.
  sigset_t mine;
  sigemptyset(&mine);
  for (const int s : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&mine, s);
  ::sigprocmask(SIG_BLOCK, &mine, nullptr);
  const int signals = ::signalfd(-1, &mine, SFD_CLOEXEC);
  ::signal(SIGPIPE, SIG_IGN);
  try {
    std::filesystem::create_directories(args->dir / "world");
    std::filesystem::create_directories(args->dir / "backups");
    return service(*std::move(args), signals).run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
