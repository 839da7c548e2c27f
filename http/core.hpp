// core.hpp - what all threads of a server share. Thread-safe where not constant.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "http/server.hpp"

namespace tenax::http {

/// Which clients are connected: the limits in all and for each address.
class admission {
 public:
  /// False: no more from there. An empty address has no limit of its own.
  bool enter(const std::string& address, std::size_t max, std::size_t address_max) {
    const std::lock_guard lock(mutex_);
    if (all_ >= max) return false;
    if (!address.empty()) {
      if (const auto at = by_address_.find(address);
          at != by_address_.end() && at->second >= address_max) {
        return false;
      }
      ++by_address_[address];
    }
    ++all_;
    return true;
  }
  void leave(const std::string& address) {
    const std::lock_guard lock(mutex_);
    --all_;
    const auto at = by_address_.find(address);
    if (at != by_address_.end() && --at->second == 0) by_address_.erase(at);
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::size_t all_ = 0;
  std::map<std::string, std::size_t> by_address_;
};

struct core {
  http::options options;
  http::handler handler;
  admission clients{};
  std::atomic<std::size_t> bodies_bytes{0};   ///< of requests that are not answered yet
  std::atomic<std::size_t> answers_bytes{0};  ///< that are not written yet, without streams
  std::string id_prefix{};                    ///< random, for request ids
  std::atomic<std::uint64_t> ids{0};

  [[nodiscard]] std::string new_id() { return id_prefix + std::to_string(ids.fetch_add(1)); }
  void report(std::string_view what) const {
    if (options.report) options.report(what);
  }
  [[nodiscard]] response refusal(const problem& p, const request& of) const {
    auto answer = options.refusal ? options.refusal(p.status, p.reason, of)
                                  : problem_response(p.status, p.reason);
    if (p.status == 503) answer.headers.push_back({"Retry-After", "1"});
    return answer;
  }
};

}  // namespace tenax::http
