#include "node/api/waits.hpp"

#include <utility>
#include <vector>

namespace tenax::api {

waits::waits(engine& target) : engine_(target), thread_([this] { run(); }) {}

std::uint64_t waits::add(std::string id, std::optional<std::uint64_t> after, milliseconds within,
                         callback done) {
  std::unique_lock lock(mutex_);
  if (released_) {
    lock.unlock();
    done();
    return 0;
  }
  const auto key = ++last_key_;
  const auto until = clock::now() + within;
  const bool is_next = by_time_.empty() || until < by_time_.begin()->first.first;
  waiting_.emplace(key, wait{id, until, std::move(done)});
  by_time_.emplace(place(until, key), true);
  lock.unlock();
  if (is_next) changed_.notify_one();
  const auto ticket = engine_.await_async(
      id,
      [weak = weak_from_this(), key](const result<workflow_summary>&) {
        if (const auto self = weak.lock()) self->end(key, true);
      },
      after);
  lock.lock();
  const auto at = waiting_.find(key);
  if (at != waiting_.end()) {
    at->second.ticket = ticket;
    return key;
  }
  lock.unlock();
  engine_.give_up(id, ticket);  // it was over before its ticket was known
  return 0;
}

void waits::forget(std::uint64_t key) { end(key, false); }

std::optional<waits::wait> waits::take(std::uint64_t key) {
  const std::lock_guard lock(mutex_);
  const auto at = waiting_.find(key);
  if (at == waiting_.end()) return std::nullopt;
  wait found = std::move(at->second);
  waiting_.erase(at);
  by_time_.erase(place(found.until, key));
  return found;
}

void waits::end(std::uint64_t key, bool call) {
  const auto found = take(key);
  if (!found) return;
  engine_.give_up(found->id, found->ticket);
  if (call) found->done();
}

void waits::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (by_time_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto [until, key] = by_time_.begin()->first;
    if (until > clock::now()) {
      changed_.wait_until(lock, until);
      continue;
    }
    lock.unlock();
    end(key, true);
    lock.lock();
  }
}

void waits::release() {
  std::vector<std::uint64_t> keys;
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
    for (const auto& [key, _] : waiting_) keys.push_back(key);
  }
  for (const auto key : keys) end(key, true);
}

void waits::stop() {
  release();
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  changed_.notify_all();
  thread_.join();
}

std::size_t waits::size() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace tenax::api
