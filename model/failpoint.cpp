#include "model/failpoint.hpp"

#ifdef TENAX_FAILPOINTS

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tenax::model {

namespace {

constexpr int sleep_ms = 50;

enum class action : std::uint8_t { kill, sleep, error };

struct order {
  std::string name;
  std::uint64_t nth = 1;
  bool and_later = false;
  action what = action::kill;
};

bool parse_order(std::string_view text, order& out) {
  const auto first = text.find(':');
  const auto second = text.find(':', first + 1);
  if (first == 0 || first == std::string_view::npos || second == std::string_view::npos) {
    return false;
  }
  out.name = text.substr(0, first);
  auto number = text.substr(first + 1, second - first - 1);
  out.and_later = number.ends_with('+');
  if (out.and_later) number.remove_suffix(1);
  const auto read = std::from_chars(number.data(), number.data() + number.size(), out.nth);
  if (read.ec != std::errc() || read.ptr != number.data() + number.size() || out.nth == 0) {
    return false;
  }
  const auto what = text.substr(second + 1);
  if (what == "kill") {
    out.what = action::kill;
  } else if (what == "sleep") {
    out.what = action::sleep;
  } else if (what == "error") {
    out.what = action::error;
  } else {
    return false;
  }
  return true;
}

bool parse_plan(std::string_view plan, std::vector<order>& out) {
  while (!plan.empty()) {
    const auto end = plan.find(',');
    if (!parse_order(plan.substr(0, end), out.emplace_back())) return false;
    plan = end == std::string_view::npos ? std::string_view() : plan.substr(end + 1);
  }
  return true;
}

/// Counts hits and knows the plan. Made at the first hit, never destroyed: threads may outlive
/// main.
class failpoints {
 public:
  failpoints() {
    if (const char* plan = std::getenv("TENAX_FAIL"); plan != nullptr && !parse_plan(plan, plan_)) {
      std::fprintf(stderr, "TENAX_FAIL=%s: not a plan (name:nth:kill|sleep|error,...)\n", plan);
      std::_Exit(2);
    }
    if (const char* path = std::getenv("TENAX_FAIL_LOG"); path != nullptr) {
      log_ = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    idle_ = plan_.empty() && log_ < 0;
  }

  bool set(std::string_view plan) {
    std::vector<order> orders;
    const bool good = parse_plan(plan, orders);
    const std::lock_guard lock(mutex_);
    plan_ = good ? std::move(orders) : std::vector<order>();
    counts_.clear();
    idle_ = plan_.empty() && log_ < 0;
    return good;
  }

  bool hit(const char* name) {
    if (idle_.load(std::memory_order_relaxed)) return false;
    bool kills = false;
    bool sleeps = false;
    bool fails = false;
    {
      const std::lock_guard lock(mutex_);
      const std::uint64_t n = count(name);
      for (const auto& o : plan_) {
        if (o.name != name || !(n == o.nth || (o.and_later && n > o.nth))) continue;
        kills = kills || o.what == action::kill;
        sleeps = sleeps || o.what == action::sleep;
        fails = fails || o.what == action::error;
      }
    }
    if (sleeps) ::poll(nullptr, 0, sleep_ms);
    if (kills) ::kill(::getpid(), SIGKILL);
    return fails;
  }

  std::uint64_t hits(std::string_view name) {
    const std::lock_guard lock(mutex_);
    for (const auto& [known, n] : counts_) {
      if (known == name) return n;
    }
    return 0;
  }

 private:
  /// The number of this hit, from 1.
  std::uint64_t count(const char* name) {
    for (auto& [known, n] : counts_) {
      if (known == name) return ++n;
    }
    counts_.emplace_back(name, 1);
    if (log_ >= 0) {
      const std::string line = std::string(name) + '\n';
      if (::write(log_, line.data(), line.size()) < 0) {
        std::fprintf(stderr, "TENAX_FAIL_LOG: cannot write\n");
      }
    }
    return 1;
  }

  std::atomic<bool> idle_{true};
  std::mutex mutex_;
  std::vector<order> plan_;
  std::vector<std::pair<std::string, std::uint64_t>> counts_;
  int log_ = -1;
};

failpoints& all() {
  static auto* const instance = new failpoints;
  return *instance;
}

std::atomic<int>& planted() {
  static std::atomic<int> number = [] {
    const char* text = std::getenv("TENAX_PLANT");
    return text != nullptr ? std::atoi(text) : 0;
  }();
  return number;
}

}  // namespace

bool failpoint_hit(const char* name) noexcept { return all().hit(name); }
bool set_failpoints(std::string_view plan) { return all().set(plan); }
std::uint64_t failpoint_hits(std::string_view name) { return all().hits(name); }
bool bug_planted(int number) noexcept {
  return planted().load(std::memory_order_relaxed) == number;
}
void plant_bug(int number) noexcept { planted() = number; }

}  // namespace tenax::model

#endif
