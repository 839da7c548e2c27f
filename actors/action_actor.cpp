#include "actors/action_actor.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <caf/send.hpp>

#include "model/failpoint.hpp"

namespace tenax::actors {

using messages::attempt_report;

action_process::action_process(caf::actor_config& cfg, runtime* rt, messages::workflow_actor parent,
                               model::action_index action, handler_call_ptr call, time_ms due_at_ms)
    : messages::action_actor::base(cfg),
      rt_(rt),
      parent_(std::move(parent)),
      action_(action),
      current_(std::move(call)),
      due_at_ms_(due_at_ms) {}

action_process::~action_process() = default;

action_process::behavior_type action_process::make_behavior() {
  set_exception_handler([this](std::exception_ptr& e) -> caf::error { rt_->die(e); });
  if (current_) {
    run(std::exchange(current_, nullptr));
  } else {
    wait(std::exchange(due_at_ms_, 0));
  }
  return {[this](messages::handler_ended m) { on_ended(std::move(m)); },
          [this](const messages::handler_started& m) { on_started(m); },
          [this](const messages::run_attempt& m) { run(m.call); },
          [this](const messages::wait_until& m) { wait(m.due_at_ms); },
          [this](const messages::give_up& m) {
            // The next attempt may have begun: the due actor can see a timer before its workflow is
            // told that it is durable.
            if (current_ && current_->attempt == m.attempt) give_up();
          },
          [this](const messages::leave&) { leave(); },
          [this](const messages::alarm& m) { on_alarm(m); },
          [this](const messages::timeout& m) { on_timeout(m); }};
}

attempt_report action_process::report_of(std::uint32_t attempt, std::uint32_t deferrals) const {
  attempt_report r;
  r.action = action_;
  r.attempt = attempt;
  r.deferrals = deferrals;
  return r;
}

void action_process::run(const handler_call_ptr& call) {
  disarm();
  leaving_ = false;
  current_ = call;
  began_ = call->recorded;
  if (call->entry->options.mode == run_mode::in_place) {
    run_in_place(*call);
    return;
  }
  ++calls_;
  call->reply_to = this;
  rt_->handlers->submit(call);
}

void action_process::run_in_place(handler_call& call) {
  if (!rt_->may_start() || !call.take()) {
    if (call.recorded) return report_interrupted();
    current_.reset();
    return;
  }
  auto report = report_of(call.attempt, call.deferrals);
  report.started_at_ms = rt_->now_ms();
  report.began = !call.recorded;
  report.ended = true;
  const handler_env env{rt_->wall, rt_->opts.log, nullptr, rt_->attempts};
  report.what = actors::call_handler(call, env, report.started_at_ms);
  report.leaves = report.what.what == outcome::kind::success;
  current_.reset();
  const bool leaves = report.leaves;
  send(parent_, std::move(report));
  if (leaves) end();
}

void action_process::on_started(const messages::handler_started& m) {
  if (!current_ || current_->attempt != m.attempt) return;
  if (const auto& limit = current_->entry->options.start_to_close) {
    timeout_left_ = *limit;
    watch_timeout();
  }
  if (began_) return;
  began_ = true;
  auto report = report_of(m.attempt, current_->deferrals);
  report.started_at_ms = m.at_ms;
  report.began = true;
  send(parent_, std::move(report));
}

void action_process::on_ended(messages::handler_ended m) {
  --calls_;
  if (m.attempt == 0) {  // revoked before it began
    if (current_ && current_->recorded && current_->is_revoked()) report_interrupted();
    if (leaving_) leave();
    return;
  }
  const bool counts = current_ && current_->attempt == m.attempt;
  const bool shutting_down = rt_->closing && current_ && current_->stop.stop_requested();
  const bool failed = m.what.what != outcome::kind::success && m.what.what != outcome::kind::defer;
  auto report = report_of(m.attempt, m.deferrals);
  report.started_at_ms = m.started_at_ms;
  report.began = counts && !began_;
  if (shutting_down && counts && failed) {
    report.stopped = true;  // asked to: no failure of its own
  } else {
    report.ended = true;
    report.leaves = counts && m.what.what == outcome::kind::success && calls_ == 0;
    report.what = std::move(m.what);
  }
  if (counts) current_.reset();
  const bool leaves = report.leaves;
  send(parent_, std::move(report));
  if (leaves) {
    end();
  } else if (leaving_) {
    leave();
  }
}

/// In steps: a delayed message cannot be taken back and keeps its actor, so what a quick attempt
/// leaves behind must not stay for the whole limit.
void action_process::watch_timeout() {
  constexpr milliseconds step_max{1'000};
  const auto step = std::min(timeout_left_, step_max);
  timeout_left_ -= step;
  delayed_send(this, step, messages::timeout{current_->attempt, current_->deferrals});
}

void action_process::report_interrupted() {
  auto report = report_of(current_->attempt, current_->deferrals);
  report.interrupted = true;
  current_.reset();
  send(parent_, std::move(report));
}

void action_process::on_timeout(const messages::timeout& m) {
  if (!current_ || current_->attempt != m.attempt || current_->deferrals != m.deferrals) return;
  if (timeout_left_.count() > 0) return watch_timeout();
  auto report = report_of(m.attempt, m.deferrals);
  report.timed_out = true;
  send(parent_, std::move(report));
}

void action_process::wait(time_ms due_at_ms) {
  if (due_at_ms_ == 0) rt_->armed.fetch_add(1, std::memory_order_relaxed);
  due_at_ms_ = due_at_ms;
  const auto delay = std::clamp<time_ms>(due_at_ms - rt_->now_ms(), 0, look_every_ms);
  delayed_send(this, milliseconds(delay), messages::alarm{++alarm_serial_});
  if (TENAX_PLANTED(6)) {  // there is a stale alarm, and it is accepted
    delayed_send(this, milliseconds(delay / 2), messages::alarm{alarm_serial_ - 1});
  }
}

void action_process::disarm() {
  if (due_at_ms_ != 0) rt_->armed.fetch_sub(1, std::memory_order_relaxed);
  due_at_ms_ = 0;
  ++alarm_serial_;
}

void action_process::on_alarm(const messages::alarm& m) {
  if (m.serial != alarm_serial_ && !TENAX_PLANTED(6))
    return;  // stale: overtaken by a later word of the parent
  if (due_at_ms_ > rt_->now_ms() && !TENAX_PLANTED(6)) return wait(due_at_ms_);
  (void)TENAX_FAILPOINT("retry.fired");
  disarm();
  send(parent_, messages::action_due{action_});
}

void action_process::give_up() {
  if (!current_) return;
  current_->stop.request_stop();
  current_.reset();
}

void action_process::leave() {
  leaving_ = true;
  disarm();
  if (current_ && current_->recorded && (current_->revoke() || current_->is_revoked())) {
    report_interrupted();  // its start is durable, and it will not begin
  }
  give_up();
  if (calls_ > 0) return;  // its late result is still to be reported
  send(parent_, messages::action_gone{action_});
  end();
}

void action_process::end() {
  disarm();
  parent_ = nullptr;
  quit();
}

}  // namespace tenax::actors
