// bulk.hpp - submits a known number of workflows, so many at a time, and waits for them.
// Depends on include/tenax, bench/harness. `acknowledge` and `finished` are thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "bench/harness.hpp"
#include "tenax/engine.hpp"

namespace tenax::bench {

class bulk {
 public:
  /// At most `window` submits wait for their acknowledgement.
  explicit bulk(std::size_t window) : window_(window) {}

  /// One caller at a time; waits for a place in the window.
  void submit(engine& e, const workflow_spec& spec) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return waiting_ < window_ || !failure_.empty(); });
      require(failure_.empty(), failure_);
      ++waiting_;
    }
    e.submit_async(spec, [this](result<submission> r) {
      const std::lock_guard lock(mutex_);
      if (--waiting_ == window_ / 2) changed_.notify_all();
      r ? static_cast<void>(++acknowledged_) : static_cast<void>(failure_ = r.error().to_string());
      tell();
    });
  }
  /// To be called by options.on_finished.
  void finished() {
    const std::lock_guard lock(mutex_);
    ++finished_;
    tell();
  }
  void wait_acknowledged(std::size_t count, double timeout_seconds) {
    wait(acknowledged_, count, timeout_seconds, "acknowledged");
  }
  void wait_finished(std::size_t count, double timeout_seconds) {
    wait(finished_, count, timeout_seconds, "finished");
  }
  /// Keeps the number of workflows that have not finished at or below `most`.
  void wait_room(std::size_t submitted, std::size_t most) {
    if (submitted > most) wait_finished(submitted - most, 120);
  }

 private:
  /// Wakes who waits only for what it waits for: a wake-up for each of a million ends would cost as
  /// much as they do.
  void tell() {
    const bool reached = counted_ != nullptr && *counted_ == wanted_;
    if (reached || !failure_.empty()) changed_.notify_all();
  }
  void wait(const std::size_t& counter, std::size_t count, double timeout_seconds,
            const char* what) {
    std::unique_lock lock(mutex_);
    wanted_ = count;
    counted_ = &counter;
    const bool reached = changed_.wait_for(lock, std::chrono::duration<double>(timeout_seconds),
                                           [&] { return counter >= count || !failure_.empty(); });
    counted_ = nullptr;
    require(failure_.empty(), failure_);
    require(reached, std::to_string(counter) + " of " + std::to_string(count) + " workflows " +
                         what + " in time");
  }

  const std::size_t window_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t waiting_ = 0;
  std::size_t acknowledged_ = 0;
  std::size_t finished_ = 0;
  const std::size_t* counted_ = nullptr;  ///< what someone waits for
  std::size_t wanted_ = 0;                ///< the value that ends the wait
  std::string failure_;
};

}  // namespace tenax::bench
