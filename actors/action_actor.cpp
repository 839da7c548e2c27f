#include "actors/action_actor.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <caf/send.hpp>

#include "model/failpoint.hpp"

namespace tenax::actors {

using messages::attempt_report;

namespace {
/// A handler that does not end within this time after it was asked to is named in the log.
constexpr milliseconds patience{2'000};
}  // namespace

action_process::action_process(caf::actor_config& cfg, runtime* rt, messages::workflow_actor parent,
                               model::action_index action, std::uint32_t serial,
                               handler_call_ptr call, time_ms due_at_ms)
    : messages::action_actor::base(cfg),
      rt_(rt),
      parent_(std::move(parent)),
      action_(action),
      serial_(serial),
      call_(std::move(call)),
      due_at_ms_(due_at_ms) {
  if (!call_ || call_->is_blocking()) return;
  const auto mine = std::exchange(call_, nullptr);  // unless it runs now it comes as a message
  if (may_run_at_once(*mine)) run_at_once(mine);
}

action_process::~action_process() = default;

action_process::behavior_type action_process::make_behavior() {
  set_exception_handler([this](std::exception_ptr& e) -> caf::error { rt_->die(e); });
  if (call_) {
    run(std::exchange(call_, nullptr));
  } else if (due_at_ms_ != 0) {
    wait(std::exchange(due_at_ms_, 0));
  }
  return {[this](messages::handler_ended m) { on_ended(std::move(m)); },
          [this](const messages::handler_started& m) { on_started(m); },
          [this](const messages::handler_taken&) { on_taken(); },
          [this](const messages::input_rendered&) {
            out_ = false;
            go_on_in_place();
          },
          [this](const messages::call_dropped&) { on_dropped(); },
          [this](const messages::run_attempt& m) { run(m.call); },
          [this](const messages::go_on&) { on_go_on(); },
          [this](const messages::room&) {
            go_on_in_place();
            rt_->budget.pass_on();
          },
          [this](const messages::wait_until& m) { wait(m.due_at_ms); },
          [this](const messages::leave&) { leave(); },
          [this](const messages::alarm& m) { on_alarm(m); },
          [this](const messages::timeout& m) { on_timeout(m); },
          [this](const messages::still_running&) { on_still_running(); }};
}

/// Reports on the call.
void action_process::tell(news what, attempt_report r) {
  r.action = action_;
  r.child = serial_;
  r.attempt = call_->attempt;
  r.deferrals = call_->deferrals;
  r.what_happened = what;
  send(parent_, std::move(r));
}

// --- an attempt ---

void action_process::run(handler_call_ptr call) {
  disarm();
  call_ = std::move(call);
  taken_ = false;
  started_ = false;
  call_->reply_to = this;
  if (call_->is_blocking() || (call_->render && !call_->renders_at_once)) {
    out_ = true;
    rt_->handlers->submit(call_);
  } else {
    go_on_in_place();
  }
}

void action_process::go_on_in_place() {
  if (!call_) return;
  if (leaving_ || (call_->is_for_worker() && !rt_->handlers->is_wanted(call_->place))) {
    on_dropped();
  } else if (!rt_->budget.may_start()) {
    rt_->budget.tell_when_may_start(this);
  } else if (call_->durable_first && !taken_) {
    on_taken();
  } else {
    run_in_place();
  }
}

void action_process::on_taken() {
  held_ = call_->is_blocking();
  if (leaving_) return proceed();  // revoked
  taken_ = true;
  tell(news::taken);
}

void action_process::on_go_on() {
  if (!call_ || !taken_ || leaving_) return;
  started_ = true;
  (void)TENAX_FAILPOINT("action.started_durable");
  if (held_) {
    proceed();
  } else {
    go_on_in_place();  // others may have filled the memory since it was taken
  }
}

void action_process::proceed() {
  if (std::exchange(held_, false)) rt_->handlers->proceed(call_);
}

void action_process::run_in_place() {
  auto instead = actors::render(*call_);
  if (!rt_->may_start() || !call_->take()) return on_dropped();
  if (instead) {
    on_ended({rt_->now_ms(), std::move(*instead)});
  } else {
    on_ended(call_in_place());
  }
}

messages::handler_ended action_process::call_in_place() {
  messages::handler_ended m;
  m.started_at_ms = rt_->now_ms();
  rt_->attempts.fetch_add(1, std::memory_order_relaxed);
  if (call_->is_for_worker()) {
    m.what = open_for_worker();
    return m;
  }
  const handler_env env{rt_->wall,    rt_->opts.log,           nullptr, rt_->budget, rt_->attempts,
                        rt_->secrets, rt_->opts.trace_context, nullptr};
  m.what = actors::call_handler(*call_, env, m.started_at_ms);
  m.bytes = bytes_of(m.what);
  rt_->budget.add_result(m.bytes);
  return m;
}

/// What its worker is told once this is durable is charged until then.
outcome action_process::open_for_worker() {
  const auto& asked = call_->place.asker->asked;
  const std::size_t bytes = call_->input_told().size();
  rt_->budget.add_input(bytes);
  call_->charge = std::shared_ptr<const void>(
      nullptr, [&b = rt_->budget, bytes](const void*) noexcept { b.drop_input(bytes); });
  const auto& of_type = call_->entry->options.heartbeat;
  return outcome::pending(asked.lease.value_or(of_type.value_or(worker_poll::lease_default)),
                          asked.worker.empty() ? "a worker" : "worker " + asked.worker);
}

bool action_process::may_run_at_once(const handler_call& call) const {
  return (!call.render || call.renders_at_once) && !call.durable_first && rt_->budget.may_start() &&
         rt_->may_start();
}

void action_process::run_at_once(const handler_call_ptr& call) {
  auto instead = actors::render(*call);
  if (!call->take()) return;
  call_ = call;
  auto report = report_of(instead ? messages::handler_ended{rt_->now_ms(), std::move(*instead)}
                                  : call_in_place());
  call_ = nullptr;
  report.what_happened = news::ended;
  report.action = action_;
  report.child = serial_;
  report.attempt = call->attempt;
  report.deferrals = call->deferrals;
  if (report.leaves) parent_ = nullptr;
  call->at_once = std::move(report);
}

void action_process::on_started(const messages::handler_started& m) {
  if (const auto& limit = call_->entry->options.start_to_close) {
    timeout_at_ = home_system().clock().now() + *limit;
    if (!leaving_) watch_timeout();
  }
  if (std::exchange(started_, true)) return;
  attempt_report report;
  report.started_at_ms = m.at_ms;
  tell(news::began, std::move(report));
}

attempt_report action_process::report_of(messages::handler_ended m) {
  auto& counted = rt_->of_types.of(call_->entry);
  counted.started.fetch_add(1, std::memory_order_relaxed);
  // Modulo 2^32 ms; negative where the clock has stepped back.
  counted.to_start.add(
      static_cast<std::int32_t>(static_cast<std::uint32_t>(m.started_at_ms) - call_->ready_at_ms));
  counted.count_end(m.what);
  if (call_->is_blocking()) counted.handling.add(rt_->now_ms() - m.started_at_ms);
  attempt_report report;
  report.started_at_ms = m.started_at_ms;
  report.start_is_news = !started_;
  report.bytes = m.bytes;
  // Whoever has succeeded is not wanted any more: one message says both.
  report.leaves = leaving_ || m.what.what == outcome::kind::success;
  if (m.what.what == outcome::kind::pending) report.secret = call_->secret(rt_->secrets);
  report.what = std::move(m.what);
  return report;
}

void action_process::on_ended(messages::handler_ended m) {
  out_ = false;
  const bool failed = m.what.what != outcome::kind::success &&
                      m.what.what != outcome::kind::defer && m.what.what != outcome::kind::pending;
  // Asked to, because the engine closes: no failure of its own.
  const bool stopped = rt_->closing && failed && call_->stop.stop_requested();
  auto report = report_of(std::move(m));
  const bool leaves = report.leaves;
  tell(stopped ? news::stopped : news::ended, std::move(report));
  call_.reset();
  if (leaves) end();
}

void action_process::on_dropped() {
  out_ = false;
  attempt_report report;
  report.leaves = leaving_;
  tell(call_->is_withdrawn() ? news::withdrawn : news::dropped, std::move(report));
  call_.reset();
  if (leaving_) end();
}

// --- its time ---

/// In steps: a delayed message cannot be taken back and keeps its actor, so what a quick attempt
/// leaves behind must not stay for the whole limit.
void action_process::watch_timeout() {
  constexpr milliseconds step_max{1'000};
  const auto left = std::max(
      std::chrono::ceil<milliseconds>(timeout_at_ - home_system().clock().now()), milliseconds(0));
  const auto step = std::min(left, step_max);
  delayed_send(this, step, messages::timeout{call_->attempt, call_->deferrals, left - step});
}

void action_process::on_timeout(const messages::timeout& m) {
  if (!call_ || leaving_ || call_->attempt != m.attempt || call_->deferrals != m.deferrals) return;
  if (timeout_at_ > home_system().clock().now()) return watch_timeout();
  rt_->of_types.of(call_->entry).timed_out.fetch_add(1, std::memory_order_relaxed);
  tell(news::timed_out);
}

void action_process::on_still_running() {
  if (!call_) return;
  const auto& spec = call_->definition->spec;
  rt_->log(log_level::warning,
           "workflow " + spec.id + ", action " + spec.actions[action_].key + ": the handler of " +
               spec.actions[action_].type + " (attempt " + std::to_string(call_->attempt) +
               ") was given up and asked to stop " + std::to_string(patience.count() / 1'000) +
               " s ago, and has not returned; " + std::to_string(rt_->handlers->load().stuck) +
               " such handlers keep a thread",
           {spec.id, spec.actions[action_].key, call_->attempt});
}

// --- waiting ---

void action_process::wait(time_ms due_at_ms) {
  if (leaving_) return;
  if (due_at_ms_ == 0) rt_->armed.fetch_add(1, std::memory_order_relaxed);
  due_at_ms_ = due_at_ms;
  const auto delay = std::clamp<time_ms>(due_at_ms - rt_->now_ms(), 0, look_every_ms);
  delayed_send(this, milliseconds(delay), messages::alarm{++alarm_serial_, due_at_ms});
  if (TENAX_PLANTED(6)) {  // there is a stale alarm, and it is accepted
    delayed_send(this, milliseconds(delay / 2), messages::alarm{alarm_serial_ - 1, due_at_ms});
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

// --- the end ---

void action_process::leave() {
  leaving_ = true;
  disarm();
  if (!call_) {
    send(parent_, messages::action_gone{});
    return end();
  }
  const bool never_begins = call_->revoke() || !call_->is_taken();
  if (!never_begins) {
    call_->stop.request_stop();
    rt_->handlers->give_up(*call_);
    delayed_send(this, patience, messages::still_running{});
  } else if (!out_) {
    on_dropped();
  } else if (held_) {
    proceed();
  } else {
    rt_->handlers->take_back(*call_);
  }
}

void action_process::end() {
  disarm();
  parent_ = nullptr;
  quit();
}

}  // namespace tenax::actors
