// waits.hpp - requests that wait for news about a workflow: no thread for each, one for the time of
// all. Depends on include/tenax only. Thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tenax/engine.hpp"

namespace tenax::api {

class waits : public std::enable_shared_from_this<waits> {
 public:
  using callback = std::function<void()>;

  /// In a shared_ptr: an engine may call back while this is stopped.
  explicit waits(engine& target);
  waits(const waits&) = delete;
  waits& operator=(const waits&) = delete;
  ~waits() { stop(); }

  /// Calls `done` once, on any thread, perhaps before it returns: at the end of the workflow, when
  /// its history is longer than `after` (if given), when the time is over, or when nobody waits any
  /// more (release, stop). It must not block. Returns what `forget` takes.
  std::uint64_t add(std::string id, std::optional<std::uint64_t> after, milliseconds within,
                    callback done);
  /// `done` is not called any more, unless it is being called.
  void forget(std::uint64_t key);
  /// Calls everybody, now and later.
  void release();
  /// Releases, and ends the thread.
  void stop();
  [[nodiscard]] std::size_t size() const;

 private:
  using clock = std::chrono::steady_clock;
  struct wait {
    std::string id;
    clock::time_point until;
    callback done;
    std::uint64_t ticket = 0;
  };
  using place = std::pair<clock::time_point, std::uint64_t>;

  std::optional<wait> take(std::uint64_t key);
  void end(std::uint64_t key, bool call);
  void run();

  engine& engine_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, wait> waiting_;
  std::map<place, bool> by_time_;
  std::uint64_t last_key_ = 0;
  bool released_ = false;
  bool stopped_ = false;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace tenax::api
