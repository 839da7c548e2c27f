#include "node/api/pool.hpp"

#include <limits>
#include <utility>

namespace tenax::api {

pool::pool(std::size_t threads, std::size_t waiting_max) : waiting_max_(waiting_max) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

bool pool::post(task t) { return add(std::move(t), waiting_max_); }
bool pool::go_on(task t) { return add(std::move(t), std::numeric_limits<std::size_t>::max()); }

bool pool::add(task t, std::size_t most) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || waiting_.size() >= most) return false;
    waiting_.push_back(std::move(t));
  }
  changed_.notify_one();
  return true;
}

void pool::run() {
  for (;;) {
    task next;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      if (stopped_) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    next();
  }
}

void pool::stop() {
  std::deque<task> dropped;  // after the lock: what a task holds may come back to this
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
  }
  changed_.notify_all();
  for (auto& t : threads_) t.join();
  threads_.clear();
}

}  // namespace tenax::api
