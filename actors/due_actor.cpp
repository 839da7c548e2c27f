#include "actors/due_actor.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "model/failpoint.hpp"

namespace tenax::actors {

using model::no_action;
using storage::due_entry;
using storage::timer_group;

due_process::due_process(caf::actor_config& cfg, runtime* rt, messages::engine_actor engine)
    : messages::due_actor::base(cfg), rt_(rt), engine_(std::move(engine)) {
  for (const auto which : {timer_group::start, timer_group::deadline}) {
    auto& g = groups_[static_cast<std::size_t>(which)];
    g.which = which;
    g.crowd_until_ms = rt_->opened_at_ms;
    g.fresh.cursor.at_ms = rt_->opened_at_ms;
    g.credit = rt_->crowd_per_s;
    g.credit_at_ms = rt_->opened_at_ms;
  }
}

due_process::behavior_type due_process::make_behavior() {
  set_exception_handler([this](std::exception_ptr& e) -> caf::error { rt_->die(e); });
  advance();
  return {[this](const messages::hold& m) {
            insert(m);
            advance();
          },
          [this](const messages::look_again& m) {
            look_again(m.workflow_id);
            schedule();
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
  bool read_some = false;
  for (auto& g : groups_) {
    const time_ms now = rt_->now_ms();
    if (now < g.crowd_until_ms) rejoin(g, now);
    if (is_behind(g, now)) split(g, now);
    if (g.crowd.more && g.crowd.window.size() <= crowd_max / 2) {
      read(g, g.crowd, g.crowd_until_ms, crowd_max - g.crowd.window.size());
      read_some = true;
    }
    if (g.fresh.window.size() <= fresh_max / 2 && (g.fresh.more || now >= g.refill_at_ms)) {
      refill(g);
      read_some = true;
    }
  }
  if (read_some) fire();
  schedule();
}

// --- the windows ---

void due_process::insert(const messages::hold& m) {
  auto& g = groups_[m.what.timer.deadline ? 1 : 0];
  item one{m.due_at_ms, m.what.workflow_id, m.what.timer.action};
  if (one.due_at_ms < g.crowd_until_ms) {
    if (one.due_at_ms > g.crowd.cursor.at_ms) return;  // to be read yet
    g.crowd.window.insert(std::move(one));
    if (g.crowd.window.size() > crowd_max) push_out(g.crowd);
    return;
  }
  g.fresh.window.insert(std::move(one));
  if (g.fresh.window.size() <= fresh_max) return;
  push_out(g.fresh);
  auto& end = window_end(g);
  end = std::min(end.load(), g.fresh.cursor.at_ms - 1);
}

/// Too many: the latest goes back to the store, and the cursor with it.
void due_process::push_out(lane& from) {
  const auto last = std::prev(from.window.end());
  from.cursor = std::min(from.cursor, due_entry{last->due_at_ms, {}, {}, 0});
  from.more = true;
  from.window.erase(last);
}

/// More is due than the window holds, and has been for a while.
bool due_process::is_behind(const group& g, time_ms now) const {
  if (!g.fresh.more || g.fresh.window.empty() || !rt_->may_start()) return false;
  return g.fresh.window.begin()->due_at_ms <= now - behind_ms && g.fresh.cursor.at_ms < now;
}

/// What is due and waits becomes part of the crowd, and the fresh window is free for what comes.
void due_process::split(group& g, time_ms now) {
  if (!g.crowd.more) {
    // A new one, or one that is all in its window.
    g.crowd.cursor = {g.fresh.window.begin()->due_at_ms, {}, {}, 0};
    g.crowd.more = true;
    g.credit = std::min(g.credit, rt_->crowd_per_s);
    g.credit_at_ms = now;
  }
  g.crowd_until_ms = now;
  g.fresh.window.clear();
  g.fresh.cursor = {now, {}, {}, 0};
  window_end(g) = now - 1;
}

/// The wall clock stepped back: what is no longer due is no crowd.
void due_process::rejoin(group& g, time_ms now) {
  const due_entry from{now, {}, {}, 0};
  auto& crowd = g.crowd.window;
  crowd.erase(crowd.lower_bound(item{now, {}, 0}), crowd.end());
  g.crowd.cursor = std::min(g.crowd.cursor, from);
  g.crowd.more = g.crowd.cursor < from;
  g.crowd_until_ms = now;
  g.fresh.window.clear();
  g.fresh.cursor = from;
  g.fresh.more = true;
  window_end(g) = now - 1;
}

void due_process::refill(group& g) {
  (void)TENAX_FAILPOINT("due.refill");
  const time_ms now = rt_->now_ms();
  const time_ms end = now + rt_->opts.timer_horizon.count();
  auto& published = window_end(g);
  published = std::max(end, published.load());
  // The cursor is past what actors hold. A look from the start keeps the store's bound close to the
  // first entry, so that what others read from there, the next start too, does not cross all that
  // was ever deleted.
  (void)rt_->store.due(g.which, {}, end + 1, 1);
  if (!read(g, g.fresh, end + 1, fresh_max - g.fresh.window.size())) return;
  published = g.fresh.more ? g.fresh.cursor.at_ms : end;
  g.refill_at_ms = now + std::max<time_ms>(rt_->opts.timer_horizon.count() / 2, 1);
}

/// Reads at most `room` entries before `until_ms`. False: it cannot, and the engine stops.
bool due_process::read(group& g, lane& to, time_ms until_ms, std::size_t room) {
  auto entries = rt_->store.due(g.which, to.cursor, until_ms, room);
  if (!entries) {
    to.more = false;
    g.refill_at_ms = rt_->now_ms() + rt_->opts.timer_horizon.count();
    rt_->halt(entries.error());  // fail-stop, as for a commit
    return false;
  }
  to.more = entries->size() == room;
  for (const auto& e : *entries) to.window.insert({e.at_ms, e.workflow_id, e.action});
  if (to.more) {
    to.cursor = std::move(entries->back());
    // Its successor: no id holds a character as small as this one.
    if (to.cursor.action++ == no_action) to.cursor.workflow_id.push_back('\x01');
  } else {
    to.cursor = {until_ms, {}, {}, 0};
  }
  return true;
}

void due_process::look_again(const std::string& workflow_id) {
  if (look_again_.size() >= look_again_max && !look_again_.contains(workflow_id)) return;
  const time_ms at = rt_->now_ms() + look_again_ms;
  if (!look_again_.try_emplace(workflow_id, at).second) return;  // once a minute, whoever asks
  next_look_ms_ = look_again_.size() == 1 ? at : std::min(next_look_ms_, at);
}

void due_process::take_look_again(time_ms now, std::vector<messages::wake>& out) {
  const bool stepped_back = next_look_ms_ > now + look_again_ms;
  if (look_again_.empty() || (next_look_ms_ > now && !stepped_back)) return;
  next_look_ms_ = now + look_again_ms;
  for (auto at = look_again_.begin(); at != look_again_.end();) {
    if (at->second > now) {
      at->second = std::min(at->second, now + look_again_ms);
      next_look_ms_ = std::min(next_look_ms_, at->second);
      ++at;
    } else {
      out.push_back({at->first, {no_action, false}});
      at = look_again_.erase(at);
    }
  }
}

// --- waking ---

void due_process::fire() {
  if (!rt_->may_start()) return;
  const time_ms now = rt_->now_ms();
  messages::wake_all batch;
  const auto take = [&](group& g, lane& from, std::size_t most) {
    std::size_t taken = 0;
    for (; taken < most && !from.window.empty() && from.window.begin()->due_at_ms <= now; ++taken) {
      auto one = std::move(from.window.extract(from.window.begin()).value());
      batch.wakes.push_back({std::move(one.workflow_id), {one.action, g.deadlines()}});
    }
    return taken;
  };
  // Starts wait while the engine has no room; deadlines do not, they make room.
  const bool starts = !wakes_out_;
  for (const auto which : {timer_group::deadline, timer_group::start}) {
    auto& g = groups_[static_cast<std::size_t>(which)];
    const std::int64_t earned = std::max<time_ms>(now - g.credit_at_ms, 0) * rt_->crowd_per_s;
    g.credit = std::min<std::int64_t>(g.credit + earned, std::int64_t{1'000} * batch_max);
    g.credit_at_ms = now;
    if (!g.deadlines() && !starts) continue;
    if (!TENAX_PLANTED(18) || (g.crowd.window.empty() && !g.crowd.more))
      take(g, g.fresh, batch_max);
    const auto most = static_cast<std::size_t>(g.credit / 1'000);
    g.credit -= 1'000 * static_cast<std::int64_t>(take(g, g.crowd, most));
  }
  if (starts) take_look_again(now, batch.wakes);
  if (batch.wakes.empty()) return;
  wakes_out_ = true;
  send(engine_, std::move(batch));
}

void due_process::schedule() {
  const time_ms now = rt_->now_ms();
  time_ms next = now + look_every_ms;
  time_ms event = never_ms;
  if (!look_again_.empty() && !wakes_out_ && rt_->may_start()) event = next_look_ms_;
  for (const auto& g : groups_) {
    next = std::min(next, g.refill_at_ms);
    if (!rt_->may_start()) continue;
    if (wakes_out_ && !g.deadlines()) {
      if (g.fresh.more) event = std::min(event, now + behind_ms);
      continue;
    }
    if (!g.crowd.window.empty()) event = std::min(event, now + 1);
    if (!g.fresh.window.empty()) event = std::min(event, g.fresh.window.begin()->due_at_ms);
  }
  rt_->due_event_ms = event;
  next = std::min(next, event);
  if (tick_at_ms_ != 0 && tick_at_ms_ <= next) return;  // each costs the clock thread a wake-up
  tick_at_ms_ = next;
  delayed_send(this, milliseconds(std::max<time_ms>(next - now, 1)), messages::tick{++serial_});
}

}  // namespace tenax::actors
