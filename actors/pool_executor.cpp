// The executor of a running engine: threads.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <list>
#include <system_error>
#include <thread>
#include <utility>

#include "actors/executor.hpp"

namespace tenax::actors {

namespace {

class pool_executor final : public executor, public std::enable_shared_from_this<pool_executor> {
 public:
  pool_executor(const handler_registry& types, std::size_t threads, handler_env env)
      : executor(types, threads),
        env_(std::move(env)),
        threads_base_(threads + lanes::reserve_of(threads) + 1),  // one renders
        substitutes_max_(4 * threads) {
    try {
      const std::lock_guard lock(mutex_);
      for (std::size_t n = 0; n < threads_base_; ++n) add_thread();
      announcer_ = std::thread([this] { announce_late(); });
    } catch (const std::system_error&) {  // no more threads for this process
      stop(std::nullopt);
      throw;
    }
  }
  ~pool_executor() override { stop(std::nullopt); }

  void submit(handler_call_ptr call) override {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_) {
        if (call->is_blocking()) {
          lanes_.push(std::move(call));
        } else {
          to_render_.push_back(std::move(call));
        }
        wake = wakes_one();
      }
    }
    if (call) return drop(*call);  // its action actor waits for an answer
    if (wake) wake_.notify_one();
  }

  void proceed(handler_call_ptr call) override {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      executor::recorded(*call);
      if (stopping_) {
        lanes_.ended(*call->place.where);
      } else {
        to_begin_.push_back(std::move(call));
        wake = wakes_one();
      }
    }
    if (call) return end_unstarted(call);
    if (wake) wake_.notify_one();
  }

  void give_up(const handler_call& call) override {
    lane_place place;
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      const auto found = std::find_if(workers_.begin(), workers_.end(),
                                      [&](const worker& w) { return w.call.get() == &call; });
      if (found == workers_.end() || found->given_up) return;
      found->given_up = true;
      ++stuck_;
      if (substitutes_ >= substitutes_max_) {
        // It keeps its place, so that the lane fills up and other types have their threads.
        if (env_.log) {
          env_.log(log_level::error,
                   std::to_string(stuck_) + " handlers that were given up have not returned: the " +
                       std::to_string(substitutes_max_) +
                       " substitutes for their threads are used " +
                       "up, and such handlers now take the places of their action type");
        }
        return;
      }
      ++substitutes_;
      found->substituted = true;
      lanes_.ended(*found->call->place.where);
      place = std::move(found->call->place);
      if (!stopping_) collect_ended();
      if (!stopping_ && alive_ < threads_base_ + substitutes_) {
        try {
          add_thread();
        } catch (const std::system_error& e) {
          if (env_.log) {
            env_.log(log_level::error, std::string("no substitute for the thread of a handler "
                                                   "that was given up: ") +
                                           e.code().message());
          }
        }
      }
      wake = wakes_one();
    }
    if (wake) wake_.notify_one();
  }

  std::vector<stuck_call> stop(std::optional<milliseconds> patience) override {
    std::vector<handler_call_ptr> dropped;
    std::vector<handler_call_ptr> begun;
    std::vector<handler_call_ptr> running;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(stopping_, true)) return {};
      dropped = lanes_.take_all();
      std::move(to_render_.begin(), to_render_.end(), std::back_inserter(dropped));
      to_render_.clear();
      for (const auto& call : to_begin_) lanes_.ended(*call->place.where);
      begun.assign(to_begin_.begin(), to_begin_.end());
      to_begin_.clear();
      for (const auto& w : workers_) {
        if (w.call) running.push_back(w.call);
      }
    }
    env_.budget.close();
    for (const auto& call : dropped) drop(*call);
    for (const auto& call : begun) end_unstarted(call);
    for (const auto& call : running) {
      (void)call->revoke();  // its input is being made
      call->stop.request_stop();
    }
    wake_.notify_all();
    auto left = patience ? leave_after(*patience) : std::vector<stuck_call>();
    for (auto& w : workers_) {  // but for those left behind
      if (w.thread.joinable()) w.thread.join();
    }
    {
      const std::lock_guard lock(mutex_);
      all_ended_ = true;
    }
    announcer_wake_.notify_one();
    if (announcer_.joinable()) announcer_.join();
    return left;
  }

  [[nodiscard]] executor_load load() const override {
    const std::lock_guard lock(mutex_);
    const auto began = static_cast<std::size_t>(std::count_if(
        workers_.begin(), workers_.end(), [](const worker& w) { return w.call && w.began; }));
    return {began - stuck_, stuck_, to_begin_.size() + to_render_.size() + lanes_.waiting()};
  }

  [[nodiscard]] std::vector<stuck_call> stuck() const override {
    std::vector<stuck_call> out;
    const std::lock_guard lock(mutex_);
    for (const auto& w : workers_) {
      if (w.call && w.given_up) out.push_back(name_of(*w.call));
    }
    return out;
  }

  [[nodiscard]] executor_view view(std::string_view workflow_id, const std::vector<lane*>& of,
                                   model::time_ms now_ms) const override {
    executor_view out;
    const std::lock_guard lock(mutex_);
    add_waiting(out, workflow_id, of, now_ms);
    for (const auto& call : to_begin_) add_call(out, workflow_id, *call, place::begins);
    for (const auto& w : workers_) {
      if (!w.call) continue;
      const auto where = !w.began ? place::begins : w.given_up ? place::given_up : place::runs;
      add_call(out, workflow_id, *w.call, where, w.at_ms);
    }
    return out;
  }

 private:
  using steady = std::chrono::steady_clock;
  /// Where a thread is, as far as it matters for leaving it behind. It says so itself, without the
  /// lock: outside of a handler it comes back by itself.
  enum class location : std::uint8_t { outside, in_handler, left_behind };
  /// A thread, and the call that it has.
  struct worker {
    std::thread thread;
    handler_call_ptr call;  ///< null: none
    bool began = false;     ///< its handler
    model::time_ms at_ms = 0;
    steady::time_point since;
    bool announced = false;
    bool given_up = false;
    bool substituted = false;  ///< given up, and takes no place in its lane any more
    bool ended = false;        ///< the thread is about to end
    std::atomic<location> where = location::outside;
    std::shared_ptr<pool_executor> keep;  ///< of one that was left behind
  };

  /// Under the lock.
  void add_thread() {
    auto& made = workers_.emplace_back();
    try {
      made.thread = std::thread([this, &made] { const auto keep = work(made); });
      ++alive_;
    } catch (...) {
      workers_.pop_back();
      throw;
    }
  }
  void collect_ended() {
    for (auto at = workers_.begin(); at != workers_.end();) {
      if (at->ended) {
        at->thread.join();
        at = workers_.erase(at);
      } else {
        ++at;
      }
    }
  }

  /// Waits for all threads to end; after `patience` those in handlers are left behind.
  std::vector<stuck_call> leave_after(milliseconds patience) {
    const auto all_ended = [this] {
      return std::all_of(workers_.begin(), workers_.end(), [](const worker& w) {
        return w.ended || w.where == location::left_behind;
      });
    };
    std::vector<stuck_call> left;
    std::unique_lock lock(mutex_);
    thread_ended_.wait_for(lock, patience, all_ended);
    while (!all_ended()) {
      std::vector<std::pair<handler_call_ptr, model::time_ms>> calls;
      for (auto& w : workers_) {
        auto in_handler = location::in_handler;
        if (!w.where.compare_exchange_strong(in_handler, location::left_behind)) continue;
        w.keep = shared_from_this();
        w.thread.detach();
        if (!std::exchange(w.announced, true)) --unannounced_;
        if (!std::exchange(w.given_up, true)) ++stuck_;
        if (!std::exchange(w.substituted, true)) {
          lanes_.ended(*w.call->place.where);
          ++substitutes_;
        }
        left.push_back(name_of(*w.call));
        calls.emplace_back(w.call, w.at_ms);
      }
      lock.unlock();
      for (const auto& [call, at_ms] : calls) leave_behind(*call, at_ms);
      lock.lock();
      // The others make an input, or are about to enter or to leave a handler: for moments.
      thread_ended_.wait_for(lock, milliseconds(1), all_ended);
    }
    return left;
  }

  [[nodiscard]] bool has_work() const {
    return !to_begin_.empty() || (!to_render_.empty() && rendering_ < rendering_max) ||
           lanes_.can_pick();
  }

  /// One thread is woken at a time; it wakes the next if there is more to do. Handlers that return
  /// at once are then called by few threads that seldom sleep.
  bool wakes_one() {
    if (idle_ == 0 || waking_ || !has_work()) return false;
    waking_ = true;
    return true;
  }

  /// Returns what has to outlive the thread's last step in here.
  std::shared_ptr<pool_executor> work(worker& mine) {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (!has_work()) {
        ++idle_;
        wake_.wait(lock, [this] { return stopping_ || waking_; });
        waking_ = false;
        --idle_;
        continue;
      }
      if (!env_.budget.may_start()) {
        lock.unlock();
        env_.budget.wait_for_start();
        lock.lock();
        continue;
      }
      if (!to_begin_.empty()) {
        mine.call = std::move(to_begin_.front());
        to_begin_.pop_front();
        run(mine, lock, true);
      } else if (!to_render_.empty() && rendering_ < rendering_max) {
        mine.call = std::move(to_render_.front());
        to_render_.pop_front();
        render_only(mine, lock);
      } else {
        mine.call = lanes_.pick();
        run(mine, lock, false);
      }
      // A handler is back whose thread had a substitute.
      if (alive_ > threads_base_ + substitutes_) break;
    }
    mine.ended = true;
    --alive_;
    thread_ended_.notify_all();
    auto keep = std::move(mine.keep);
    unlock_and_wake(lock);
    return keep;
  }

  /// For a handler that runs in place, on an actor's thread.
  void render_only(worker& mine, std::unique_lock<std::mutex>& lock) {
    ++rendering_;
    const auto call = mine.call;
    unlock_and_wake(lock);
    render_in_place(*call, env_);
    lock.lock();
    --rendering_;
    mine.call.reset();
  }

  /// The call counts as running in its lane; here that ends, or its start is to become durable.
  void run(worker& mine, std::unique_lock<std::mutex>& lock, bool recorded) {
    const auto call = mine.call;
    std::optional<outcome> instead;
    if (call->render) {
      unlock_and_wake(lock);
      instead = render(*call);
      lock.lock();
    }
    const bool may_begin = env_.may_start() && call->is_open();
    if (may_begin && call->durable_first && !recorded && !instead) {
      mine.call.reset();  // the place in its lane waits for it
      begins(*call);
      unlock_and_wake(lock);
      tell_taken(*call);
      lock.lock();
      return;
    }
    if (!may_begin || !call->take()) return end(mine, lock, 0, std::nullopt);
    const model::time_ms at_ms = env_.wall.now_ms();
    if (instead) return end(mine, lock, at_ms, std::move(*instead));
    const bool at_once = announces_at_once(*call);
    mine.began = true;
    mine.at_ms = at_ms;
    mine.since = steady::now();
    mine.announced = at_once;
    if (!at_once) ++unannounced_;
    const bool wake_announcer = !at_once && std::exchange(announcer_sleeps_, false);
    unlock_and_wake(lock);
    if (wake_announcer) announcer_wake_.notify_one();
    if (at_once) tell_started(*call, at_ms);
    const std::size_t input_bytes = call->input.size();
    env_.budget.add_input(input_bytes);
    env_.attempts.fetch_add(1, std::memory_order_relaxed);
    mine.where = location::in_handler;
    auto result = call_handler(*call, env_, at_ms);
    if (auto here = location::in_handler;
        !mine.where.compare_exchange_strong(here, location::outside)) {  // the engine may be gone
      lock.lock();
      mine.call.reset();
      --stuck_;
      --substitutes_;
      return;
    }
    std::string().swap(call->input);
    std::string().swap(call->changed_input);
    env_.budget.drop_input(input_bytes);
    env_.budget.wait_for_results();
    lock.lock();
    end(mine, lock, at_ms, std::move(result));
  }

  /// The call leaves its thread first: a start that is told after the end would be taken for the
  /// next one's.
  void end(worker& mine, std::unique_lock<std::mutex>& lock, model::time_ms at_ms,
           std::optional<outcome> result) {
    const auto call = std::move(mine.call);
    if (mine.began && !mine.announced) --unannounced_;
    if (std::exchange(mine.given_up, false)) --stuck_;
    if (std::exchange(mine.substituted, false)) {
      --substitutes_;
    } else {
      lanes_.ended(*call->place.where);
    }
    mine.began = false;
    lock.unlock();
    if (result) {
      tell_ended(*call, at_ms, std::move(*result), env_.budget);
    } else {
      drop(*call);
    }
    call->place.give_back();
    lock.lock();
  }

  void unlock_and_wake(std::unique_lock<std::mutex>& lock) {
    const bool wake = wakes_one();
    lock.unlock();
    if (wake) wake_.notify_one();
  }

  void end_unstarted(const handler_call_ptr& call) {
    drop(*call);
    call->place.give_back();
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
      for (auto& w : workers_) {
        if (!w.call || !w.began || w.announced || w.since > before) continue;
        w.announced = true;
        --unannounced_;
        tell_started(*w.call, w.at_ms);
      }
    }
  }

  /// Inputs of handlers that run in place, made at once.
  static constexpr std::size_t rendering_max = 1;

  const handler_env env_;
  const std::size_t threads_base_;
  const std::size_t substitutes_max_;
  std::condition_variable wake_;
  std::condition_variable announcer_wake_;
  std::condition_variable thread_ended_;
  // Guarded by mutex_.
  std::deque<handler_call_ptr> to_begin_;  ///< their start is durable
  std::size_t rendering_ = 0;
  std::list<worker> workers_;
  std::size_t alive_ = 0;        ///< of these, threads that are not about to end
  std::size_t stuck_ = 0;        ///< handlers that were given up and have not returned
  std::size_t substitutes_ = 0;  ///< of these, those whose thread may have a substitute
  std::size_t unannounced_ = 0;  ///< of the running handlers
  bool announcer_sleeps_ = false;
  std::size_t idle_ = 0;  ///< threads that wait
  bool waking_ = false;   ///< one of them has been woken and is not here yet
  bool stopping_ = false;
  bool all_ended_ = false;  ///< and no handler runs any more
  std::thread announcer_;
};

}  // namespace

std::shared_ptr<executor> make_pool_executor(const handler_registry& types, std::size_t threads,
                                             handler_env env) {
  return std::make_shared<pool_executor>(types, threads, std::move(env));
}

}  // namespace tenax::actors
