// pool.hpp - a few threads for what would keep an io thread from its clients: queries, large
// documents. Depends on std only. Thread safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tenax::api {

class pool {
 public:
  using task = std::function<void()>;

  pool(std::size_t threads, std::size_t waiting_max);
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;
  ~pool() { stop(); }

  /// False: too many wait, or it has stopped. A task must not throw.
  bool post(task t);
  /// As post, for the rest of a work that was let in: not refused for its number.
  bool go_on(task t);
  /// Waits for the tasks that run; drops those that wait. Not from a task.
  void stop();

  [[nodiscard]] std::size_t waiting_max() const noexcept { return waiting_max_; }

 private:
  bool add(task t, std::size_t most);
  void run();

  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<task> waiting_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tenax::api
