// The executor of virtual time: no threads, the test decides what happens next.
#include <algorithm>
#include <deque>
#include <utility>

#include "actors/executor.hpp"
#include "model/failpoint.hpp"

namespace tenax::actors {

namespace {

class manual_executor final : public stepped_executor {
 public:
  manual_executor(const handler_registry& types, std::size_t threads, handler_env env)
      : stepped_executor(types, threads), env_(std::move(env)) {}

  void submit(handler_call_ptr call) override {
    if (stopped_) return drop(*call);
    if (call->is_blocking()) {
      lanes_.push(std::move(call));
    } else {
      to_render_.push_back(std::move(call));
    }
  }

  void proceed(handler_call_ptr call) override {
    recorded(*call);
    if (stopped_) return end_unstarted(call);
    to_begin_.push_back(std::move(call));
  }

  void give_up(const handler_call& call) override {
    for (auto& one : started_) {
      if (one.call.get() != &call || one.given_up) continue;
      one.given_up = true;
      lanes_.ended(*one.call->place.where);
      one.call->place.give_back();
    }
  }

  /// Time does not pass in here: with patience, it has passed, and nothing more returns.
  std::vector<stuck_call> stop(std::optional<milliseconds> patience) override {
    drop_waiting();
    env_.budget.close();
    for (const auto& one : started_) one.call->stop.request_stop();
    if (patience) {
      for (auto& one : started_) {
        if (!std::exchange(one.given_up, true)) lanes_.ended(*one.call->place.where);
        leave_behind(*one.call, one.at_ms);
      }
      return stuck();
    }
    while (!started_.empty()) finish(0);
    return {};
  }

  void abandon() override {
    drop_waiting();
    env_.budget.close();
    for (const auto& one : started_) drop(*one.call);
    started_.clear();
  }

  [[nodiscard]] executor_load load() const override {
    const auto stuck = static_cast<std::size_t>(std::count_if(
        started_.begin(), started_.end(), [](const one_started& one) { return one.given_up; }));
    return {started_.size() - stuck, stuck,
            to_begin_.size() + to_render_.size() + lanes_.waiting()};
  }
  [[nodiscard]] std::vector<stuck_call> stuck() const override {
    std::vector<stuck_call> out;
    for (const auto& one : started_) {
      if (one.given_up) out.push_back(name_of(*one.call));
    }
    return out;
  }
  [[nodiscard]] executor_view view(std::string_view workflow_id, const std::vector<lane*>& of,
                                   model::time_ms now_ms) const override {
    executor_view out;
    add_waiting(out, workflow_id, of, now_ms);
    for (const auto* calls : {&rendered_, &to_begin_}) {
      for (const auto& call : *calls) add_call(out, workflow_id, *call, place::begins);
    }
    for (const auto& one : started_) {
      add_call(out, workflow_id, *one.call, one.given_up ? place::given_up : place::runs,
               one.at_ms);
    }
    return out;
  }
  [[nodiscard]] std::size_t queued() const override {
    if (!env_.budget.may_start()) return 0;
    return rendered_.size() + to_begin_.size() + to_render_.size() + lanes_.startable().size();
  }
  [[nodiscard]] std::size_t started() const override { return started_.size(); }
  [[nodiscard]] const handler_call& started(std::size_t n) const override {
    return *started_[n].call;
  }
  [[nodiscard]] bool takes_results() const override { return env_.budget.takes_results(); }

  void start(std::size_t n, bool quick) override {
    if (n < rendered_.size()) return run(take(rendered_, n), quick, false);
    n -= rendered_.size();
    if (n < to_begin_.size()) return run(take(to_begin_, n), quick, true);
    n -= to_begin_.size();
    if (n < to_render_.size()) return render_in_place(*take(to_render_, n), env_);
    n -= to_render_.size();
    run(lanes_.take(*lanes_.startable()[n]), quick, false);
  }

  void announce() override {
    for (auto& one : started_) tell_start(one);
  }

  void finish(std::size_t n) override {
    const one_started one = std::move(started_[n]);
    started_.erase(started_.begin() + static_cast<std::ptrdiff_t>(n));
    env_.attempts.fetch_add(1, std::memory_order_relaxed);
    auto result = call_handler(*one.call, env_, one.at_ms);
    env_.budget.drop_input(one.call->input.size());
    std::string().swap(one.call->input);
    std::string().swap(one.call->changed_input);
    if (!one.given_up) lanes_.ended(*one.call->place.where);
    tell_ended(*one.call, one.at_ms, std::move(result), env_.budget);
    one.call->place.give_back();
  }

 private:
  struct one_started {
    handler_call_ptr call;
    model::time_ms at_ms = 0;
    bool announced = false;
    bool given_up = false;
  };

  static void tell_start(one_started& one) {
    if (!std::exchange(one.announced, true)) tell_started(*one.call, one.at_ms);
  }

  static handler_call_ptr take(std::deque<handler_call_ptr>& from, std::size_t n) {
    auto call = std::move(from[n]);
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(n));
    return call;
  }

  void run(handler_call_ptr call, bool quick, bool is_recorded) {
    const bool renders = call->render != nullptr;
    auto instead = render(*call);
    if (renders && slow_rendering && !instead) {
      if (TENAX_PLANTED(16)) (void)call->take();  // before its input was made, and never again
      rendered_.push_back(std::move(call));
      return;
    }
    if (TENAX_PLANTED(16) && call->is_taken()) {
      env_.budget.add_input(call->input.size());
      started_.push_back({std::move(call), env_.wall.now_ms()});
      return tell_start(started_.back());
    }
    const bool may_begin = env_.may_start() && call->is_open();
    if (may_begin && call->durable_first && !is_recorded && !instead) {
      begins(*call);
      return tell_taken(*call);
    }
    if (!may_begin || !call->take()) return end_unstarted(call);
    const model::time_ms at = env_.wall.now_ms();
    if (instead) {
      lanes_.ended(*call->place.where);
      tell_ended(*call, at, std::move(*instead), env_.budget);
      return call->place.give_back();
    }
    env_.budget.add_input(call->input.size());
    started_.push_back({std::move(call), at});
    if (!quick || announces_at_once(*started_.back().call)) tell_start(started_.back());
  }

  /// A call that a thread had taken.
  void end_unstarted(const handler_call_ptr& call) {
    lanes_.ended(*call->place.where);
    drop(*call);
    call->place.give_back();
  }

  void drop_waiting() {
    stopped_ = true;
    for (const auto& call : lanes_.take_all()) drop(*call);
    for (const auto& call : to_render_) drop(*call);
    to_render_.clear();
    for (auto* calls : {&to_begin_, &rendered_}) {
      for (const auto& call : *calls) end_unstarted(call);
      calls->clear();
    }
  }

  const handler_env env_;
  std::deque<handler_call_ptr> rendered_;  ///< a thread has them, and has made their input
  std::deque<handler_call_ptr> to_begin_;  ///< their start is durable
  std::deque<one_started> started_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<stepped_executor> make_stepped_executor(const handler_registry& types,
                                                        std::size_t threads, handler_env env) {
  return std::make_unique<manual_executor>(types, threads, std::move(env));
}

}  // namespace tenax::actors
