#include "actors/due_actor.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "model/failpoint.hpp"

namespace tenax::actors {

using model::no_action;

due_process::due_process(caf::actor_config& cfg, runtime* rt, messages::engine_actor engine)
    : messages::due_actor::base(cfg), rt_(rt), engine_(std::move(engine)) {}

due_process::behavior_type due_process::make_behavior() {
  set_exception_handler([this](std::exception_ptr& e) -> caf::error { rt_->die(e); });
  advance();
  return {[this](messages::hold m) {
            insert({m.due_at_ms, m.due_at_ms, std::move(m.what.workflow_id), m.what.timer.action,
                    m.what.timer.deadline});
            advance();
          },
          [this](const messages::more_wakes&) {
            wakes_out_ = false;
            advance();
          },
          [this](const messages::tick& m) {
            if (m.serial != serial_) return;
            tick_at_ms_ = 0;
            advance();
          },
          [this](const messages::shut_down&) {
            engine_ = nullptr;
            quit();
          }};
}

void due_process::advance() {
  if (!engine_) return;
  fire();
  const bool room = window_.size() <= window_max / 2;
  if (room && (more_in_store_ || rt_->now_ms() >= refill_at_ms_)) {
    refill();
    fire();
  }
  schedule();
}

void due_process::insert(item one) {
  put(std::move(one));
  if (window_.size() <= window_max) return;
  // Too many: the latest goes back to the store, and the horizon with it.
  const auto last = std::prev(window_.end());
  const time_ms at = last->due_at_ms;
  if (storage::due_entry begin{at, {}, {}, 0}; begin < cursor_) cursor_ = begin;
  rt_->window_end_ms = std::min(rt_->window_end_ms.load(), at - 1);
  more_in_store_ = true;
  take(last);
}

void due_process::put(item one) {
  const bool deadline = one.deadline;
  if (window_.insert(std::move(one)).second && deadline) ++deadlines_;
}

due_process::item due_process::take(window::iterator at) {
  auto node = window_.extract(at);
  if (node.value().deadline) --deadlines_;
  return std::move(node.value());
}

void due_process::refill() {
  (void)TENAX_FAILPOINT("due.refill");
  const time_ms now = rt_->now_ms();
  const time_ms end = now + rt_->opts.timer_horizon.count();
  const std::size_t room = window_max - window_.size();
  rt_->window_end_ms = std::max(end, rt_->window_end_ms.load());
  // The cursor is past what actors hold. A look from the start keeps the store's bound close to the
  // first entry, so that what others read from there, the next start too, does not cross all that
  // was ever deleted.
  (void)rt_->store.due({}, end + 1, 1);
  auto entries = rt_->store.due(cursor_, end + 1, room);
  if (!entries) {
    more_in_store_ = false;
    refill_at_ms_ = now + rt_->opts.timer_horizon.count();
    return rt_->halt(entries.error());  // fail-stop, as for a commit
  }
  more_in_store_ = entries->size() == room;
  for (auto& e : *entries) {
    item one{e.at_ms, e.at_ms, e.workflow_id, e.action,
             e.kind == storage::timer_kind::action_deadline ||
                 e.kind == storage::timer_kind::workflow_deadline};
    if (e.at_ms < rt_->opened_at_ms)
      one.fire_at_ms = rt_->opened_at_ms + overdue_++ / overdue_per_ms;
    put(std::move(one));
  }
  if (more_in_store_) {
    cursor_ = std::move(entries->back());
    // Its successor: no id holds a character as small as this one.
    if (cursor_.action++ == no_action) cursor_.workflow_id.push_back('\x01');
    rt_->window_end_ms = cursor_.at_ms;
  } else {
    cursor_ = {end + 1, {}, {}, 0};
    rt_->window_end_ms = end;
  }
  refill_at_ms_ = now + std::max<time_ms>(rt_->opts.timer_horizon.count() / 2, 1);
}

void due_process::fire() {
  if (!rt_->may_start() || (wakes_out_ && deadlines_ == 0)) return;
  const time_ms now = rt_->now_ms();
  messages::wake_all batch;
  for (auto at = window_.begin(); at != window_.end() && batch.wakes.size() < batch_max;) {
    if (at->fire_at_ms > now) break;
    const auto one = at++;
    // Starts wait while the engine has no room; deadlines do not, they make room.
    if (wakes_out_ && !one->deadline) continue;
    auto due = take(one);
    batch.wakes.push_back({std::move(due.workflow_id), {due.action, due.deadline}});
  }
  if (batch.wakes.empty()) return;
  wakes_out_ = true;
  send(engine_, std::move(batch));
}

void due_process::schedule() {
  const time_ms now = rt_->now_ms();
  time_ms next = std::min(refill_at_ms_, now + look_every_ms);
  if (!window_.empty() && !wakes_out_ && rt_->may_start())
    next = std::min(next, window_.begin()->fire_at_ms);
  if (tick_at_ms_ != 0 && tick_at_ms_ <= next) return;  // each costs the clock thread a wake-up
  tick_at_ms_ = next;
  delayed_send(this, milliseconds(std::max<time_ms>(next - now, 1)), messages::tick{++serial_});
}

}  // namespace tenax::actors
