// rates.hpp - how fast counters have grown of late, from what they were when somebody looked.
// Nothing runs for it: who looks now and then has rates. Depends on std only. Thread safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tenax::api {

class rates {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds least{10};   ///< a rate is of so long
  static constexpr std::chrono::seconds window{60};  ///< to so long
  static constexpr std::size_t names_max = 10'000;

  /// Of a counter that is `count` now, a second; nothing: nobody has looked for so long, or before.
  std::optional<double> look(std::string_view name, std::uint64_t count,
                             clock::time_point now = clock::now()) {
    const std::lock_guard lock(mutex_);
    auto at = seen_.find(name);
    if (at == seen_.end()) {
      if (seen_.size() >= names_max) return std::nullopt;
      at = seen_.emplace(name, looks()).first;
    }
    auto& looked = at->second;
    while (!looked.empty() && now - looked.front().first > window) looked.pop_front();
    std::optional<double> out;
    if (!looked.empty() && now - looked.front().first >= least) {
      const std::chrono::duration<double> time = now - looked.front().first;
      out = static_cast<double>(count - looked.front().second) / time.count();
    }
    if (looked.empty() || now - looked.back().first >= least / 2) looked.emplace_back(now, count);
    return out;
  }

 private:
  using looks = std::deque<std::pair<clock::time_point, std::uint64_t>>;
  std::mutex mutex_;
  std::map<std::string, looks, std::less<>> seen_;
};

}  // namespace tenax::api
