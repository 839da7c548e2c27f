#include "actors/executor.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory_resource>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <caf/send.hpp>

#include "model/exception_text.hpp"
#include "model/failpoint.hpp"

namespace tenax::actors {

outcome call_handler(const handler_call& call, const handler_env& env,
                     model::time_ms now_ms) noexcept {
  const auto& spec = call.definition->spec;
  const auto& action = spec.actions[call.action];
  action_context context;
  context.workflow_id = spec.id;
  context.workflow_name = spec.name;
  context.action_key = action.key;
  context.action_type = action.type;
  context.input = action.input;
  // Ids and keys have at most 128 bytes: room for both.
  std::array<std::byte, 264> room;
  std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
  std::pmr::string idempotency_key(&memory);
  idempotency_key.reserve(spec.id.size() + 1 + action.key.size());
  idempotency_key.append(spec.id).append("/").append(action.key);
  context.idempotency_key = idempotency_key;
  context.attempt = call.attempt;
  context.deferrals = call.deferrals;
  context.now = wall_time(milliseconds(now_ms));
  context.stop = call.stop.get_token();
  context.log = &env.log;
  bool began = false;
  try {
    std::string rendered;
    if (call.render) {
      if (auto instead = call.render(rendered)) return std::move(*instead);
      context.input = rendered;
    }
    env.attempts.fetch_add(1, std::memory_order_relaxed);
    began = true;
    return call.entry->run(context);
  } catch (...) {
    auto text = model::exception_text();
    // What a handler that threw has done, nobody knows; one that did not begin has done nothing.
    return began ? outcome::unknown("exception", std::move(text))
                 : outcome::failure("exception", std::move(text));
  }
}

namespace {

using messages::handler_ended;
using messages::handler_started;

void announce(const handler_call& call, model::time_ms at_ms) {
  caf::anon_send(call.reply_to, handler_started{call.attempt, at_ms});
}
bool announces_at_once(const handler_call& call) noexcept {
  return call.entry->options.start_to_close.has_value();
}

/// It never begins.
void drop(handler_call& call) {
  (void)call.revoke();
  caf::anon_send(call.reply_to, handler_ended{});
}

class pool_executor final : public executor {
 public:
  pool_executor(std::size_t threads, handler_env env) : env_(std::move(env)), places_(threads) {
    threads_.reserve(threads);
    try {
      for (auto& p : places_) threads_.emplace_back([this, &p] { work(p); });
      announcer_ = std::thread([this] { announce_late(); });
    } catch (const std::system_error&) {  // no more threads for this process
      stop();
      throw;
    }
  }
  ~pool_executor() override { stop(); }

  void submit(handler_call_ptr call) override {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) {
        queue_.push_back(std::move(call));
        wake = wakes_one();
      }
    }
    if (call) return drop(*call);  // its action actor waits for an answer
    if (wake) wake_.notify_one();
  }

  void stop() override {
    std::deque<handler_call_ptr> dropped;
    std::vector<handler_call_ptr> running;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      dropped.swap(queue_);
      for (const auto& p : places_) {
        if (p.call) running.push_back(p.call);
      }
    }
    for (const auto& call : dropped) drop(*call);
    for (const auto& call : running) call->stop.request_stop();
    wake_.notify_all();
    for (auto& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    {
      const std::lock_guard lock(mutex_);
      all_ended_ = true;
    }
    announcer_wake_.notify_one();
    if (announcer_.joinable()) announcer_.join();
  }

  [[nodiscard]] std::size_t running() const override {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        places_.begin(), places_.end(), [](const place& p) { return p.call != nullptr; }));
  }

 private:
  using steady = std::chrono::steady_clock;
  /// A thread's handler.
  struct place {
    handler_call_ptr call;  ///< null: none
    model::time_ms at_ms = 0;
    steady::time_point since;
    bool announced = false;
  };

  /// One thread is woken at a time; it wakes the next if there is more to do. Handlers that return
  /// at once are then called by few threads that seldom sleep.
  bool wakes_one() {
    if (queue_.empty() || idle_ == 0 || waking_) return false;
    waking_ = true;
    return true;
  }

  void work(place& mine) {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (queue_.empty() && !stopping_) {
        ++idle_;
        wake_.wait(lock, [this] { return stopping_ || waking_; });
        waking_ = false;
        --idle_;
        continue;
      }
      if (stopping_) return;
      auto call = std::move(queue_.front());
      queue_.pop_front();
      if (!env_.may_start() || !call->take()) {
        drop(*call);
        continue;
      }
      const bool at_once = announces_at_once(*call);
      mine = {call, env_.wall.now_ms(), steady::now(), at_once};
      if (!at_once) ++unannounced_;
      const bool wake_announcer = !at_once && std::exchange(announcer_sleeps_, false);
      const bool wake_next = wakes_one();
      lock.unlock();
      if (wake_next) wake_.notify_one();
      if (wake_announcer) announcer_wake_.notify_one();
      if (at_once) announce(*call, mine.at_ms);
      outcome what = call_handler(*call, env_, mine.at_ms);
      lock.lock();
      if (!mine.announced) --unannounced_;
      mine.announced = true;  // a start that comes after the end would be taken for the next one's
      lock.unlock();
      caf::anon_send(call->reply_to,
                     handler_ended{call->attempt, call->deferrals, mine.at_ms, std::move(what)});
      call.reset();
      lock.lock();
      mine.call.reset();
    }
  }

  /// Announces the starts of handlers that have been running for a while.
  void announce_late() {
    std::unique_lock lock(mutex_);
    while (!all_ended_) {
      if (unannounced_ == 0) {
        announcer_sleeps_ = true;
        announcer_wake_.wait(lock, [this] { return !announcer_sleeps_ || all_ended_; });
      }
      announcer_wake_.wait_for(lock, announce_after, [this] { return all_ended_; });
      const auto before = steady::now() - announce_after;
      for (auto& p : places_) {
        if (!p.call || p.announced || p.since > before) continue;
        p.announced = true;
        --unannounced_;
        announce(*p.call, p.at_ms);
      }
    }
  }

  const handler_env env_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable announcer_wake_;
  // Guarded by mutex_; a place's call and times are its own thread's to read without it.
  std::deque<handler_call_ptr> queue_;
  std::vector<place> places_;
  std::size_t unannounced_ = 0;  ///< of the running handlers
  bool announcer_sleeps_ = false;
  std::size_t idle_ = 0;  ///< threads that wait
  bool waking_ = false;   ///< one of them has been woken and is not here yet
  bool stopping_ = false;
  bool all_ended_ = false;  ///< and no handler runs any more
  std::vector<std::thread> threads_;
  std::thread announcer_;
};

class manual_executor final : public stepped_executor {
 public:
  explicit manual_executor(handler_env env) : env_(std::move(env)) {}

  void submit(handler_call_ptr call) override {
    if (stopped_) return drop(*call);
    queue_.push_back(std::move(call));
  }

  void stop() override {
    stopped_ = true;
    for (const auto& call : queue_) drop(*call);
    queue_.clear();
    for (const auto& one : started_) one.call->stop.request_stop();
    while (!started_.empty()) finish(0);
  }

  void abandon() override {
    stopped_ = true;
    for (const auto& call : queue_) drop(*call);
    for (const auto& one : started_) drop(*one.call);
    queue_.clear();
    started_.clear();
  }

  [[nodiscard]] std::size_t running() const override { return started_.size(); }
  [[nodiscard]] std::size_t queued() const override { return queue_.size(); }
  [[nodiscard]] const handler_call& started(std::size_t n) const override {
    return *started_[n].call;
  }

  void start(std::size_t n, bool quick) override {
    auto call = std::move(queue_[n]);
    queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(n));
    if (!env_.may_start() || !call->take()) return drop(*call);
    const model::time_ms at = env_.wall.now_ms();
    started_.push_back({std::move(call), at, false});
    if (!quick || announces_at_once(*started_.back().call)) tell_start(started_.back());
  }

  void announce() override {
    for (auto& one : started_) tell_start(one);
  }

  void finish(std::size_t n) override {
    const one_started one = std::move(started_[n]);
    started_.erase(started_.begin() + static_cast<std::ptrdiff_t>(n));
    outcome what = call_handler(*one.call, env_, one.at_ms);
    caf::anon_send(one.call->reply_to, handler_ended{one.call->attempt, one.call->deferrals,
                                                     one.at_ms, std::move(what)});
  }

 private:
  struct one_started {
    handler_call_ptr call;
    model::time_ms at_ms = 0;
    bool announced = false;
  };
  static void tell_start(one_started& one) {
    if (!std::exchange(one.announced, true)) actors::announce(*one.call, one.at_ms);
  }
  const handler_env env_;
  std::deque<handler_call_ptr> queue_;
  std::deque<one_started> started_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<executor> make_pool_executor(std::size_t threads, handler_env env) {
  return std::make_unique<pool_executor>(threads, std::move(env));
}

std::unique_ptr<stepped_executor> make_stepped_executor(handler_env env) {
  return std::make_unique<manual_executor>(std::move(env));
}

}  // namespace tenax::actors
