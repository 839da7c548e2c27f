#include "actors/engine_actor.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "actors/due_actor.hpp"
#include "actors/workflow_actor.hpp"
#include "model/failpoint.hpp"

namespace tenax::actors {

using model::action_index;
using model::no_action;

namespace {
/// Entries of the listing that are read in one step: tens of microseconds to a millisecond.
constexpr std::size_t listing_step = 1'000;
}  // namespace

engine_process::engine_process(caf::actor_config& cfg, runtime* rt, std::function<void()> on_end)
    : messages::engine_actor::base(cfg),
      rt_(rt),
      on_end_(std::move(on_end)),
      retention_(rt->opts.retention, rt->store) {}

engine_process::behavior_type engine_process::make_behavior() {
  set_exception_handler([this](std::exception_ptr& e) -> caf::error { rt_->die(e); });
  due_ = spawn<due_process>(rt_, messages::engine_actor{this});
  find_lanes();
  if (!rt_->paused) start();
  return {[this](const messages::adopt& m) { adopt(m.box); },
          [this](const messages::idle& m) { on_idle(m); },
          [this](const messages::declined& m) { on_declined(m); },
          [this](messages::wake_all m) { wake(std::move(m)); },
          [this](const messages::request_ptr& r) { request(r); },
          [this](const messages::scan&) {
            rt_->scan_asked = false;
            take_more();
          },
          [this](const messages::scan_on&) {
            scan_on_ = false;
            take_more();
          },
          [this](const messages::left_out& m) { on_left_out(m); },
          [this](const messages::lane_low& m) { on_lane_low(m); },
          [this](const messages::lane_asked& m) { on_lane_asked(m); },
          [this](const messages::poll_time&) { look_at_polls(); },
          [this](const messages::read_lanes&) {
            read_lanes_sent_ = false;
            read_lanes();
          },
          [this](const messages::scan_later&) {
            scan_later_ = false;
            scan_small_ = true;
            take_more();
          },
          [this](const messages::sweep&) {
            sweep_sent_ = false;
            sweep();
          },
          [this](const messages::start_all&) {
            // What came while nothing could start has been forgotten by its actor, or will be.
            for (const auto& [id, place] : residents_) overtaken_.insert(id);
            start();
            send(due_, messages::more_wakes{});
          },
          [this](const messages::committed& m) {
            removing_ = false;
            for (const auto& r : std::exchange(removed_, {})) {
              if (m.ok) rt_->watchers.tell(r->workflow_id);
              r->answer(m.ok ? result<void>() : result<void>(*m.why));
            }
            for (const auto& r : std::exchange(after_removal_, {})) request(r);
            if (ending_) return end_if_empty();
            take_removals();
            if (std::exchange(sweep_next_, false)) sweep();
          },
          [this](const messages::shut_down&) { shut_down(); }};
}

void engine_process::start() {
  rt_->backlog = listed_left_ = true;  // recovery: whatever is open and runnable in the store
  send(this, messages::scan{});
  if (!retention_.enabled()) return;
  sweep_sent_ = true;
  send(this, messages::sweep{});
}

template <class Message>
void engine_process::tell(resident& to, Message&& m) {
  ++to.sent;
  send(to.actor, std::forward<Message>(m));
}

std::int64_t engine_process::room() const {
  if (rt_->memory_is_full() && !residents_.empty()) return 0;
  const auto busy = static_cast<std::int64_t>(residents_.size()) - rt_->resting;
  return static_cast<std::int64_t>(rt_->opts.active_workflows_max) - busy;
}

engine_process::resident& engine_process::load(const std::string& id,
                                               messages::workflow_box_ptr box, time_ms listed_at_ms,
                                               lane* expects) {
  auto& place = residents_[id];
  rt_->residents = residents_.size();
  if (box) {  // takes up its work as soon as it runs
    place.actor =
        spawn<workflow_process>(rt_, messages::engine_actor{this}, due_, id, std::move(box));
    return place;
  }
  place.actor =
      spawn<workflow_process, caf::lazy_init>(rt_, messages::engine_actor{this}, due_, id, nullptr);
  tell(place, messages::begin{listed_at_ms, expects});
  return place;
}

void engine_process::adopt(const messages::workflow_box_ptr& box) {
  if (ending_) return;
  if (const auto& id = box->definition->spec.id; residents_.contains(id)) {
    // A command overtook this: its actor has found nothing in the store, or a workflow whose timers
    // nobody holds yet.
    hand_over_timers(*box);
    overtaken_.insert(id);
    return;
  }
  const bool runnable = box->state.listed_as() == model::index_class::active;
  // One of a higher priority than others may find room in a full row: it tries.
  const auto priority = box->definition->spec.priority;
  const bool may_go_first = priority > least_priority_;
  least_priority_ = std::min(least_priority_, priority);
  if (const auto mask = box->state.lanes();
      runnable && finds_full_rows(mask) && (!may_go_first || room() <= 0)) {
    leave_to_lanes(mask, box->state.created_at_ms, box->definition->spec.id);
    hand_over_timers(*box);
    return;
  }
  if (runnable && (room() <= 0 || rt_->backlog)) {
    leave_in_store(*box);
    return;
  }
  load(box->definition->spec.id, box);
}

/// No room: the workflow is taken up from the store in its turn. Its timers are the due actor's
/// from now on.
void engine_process::leave_in_store(const messages::workflow_box& box) {
  const std::string& id = box.definition->spec.id;
  rt_->backlog = true;
  scan_again_from(box.state.created_at_ms, id);
  hand_over_timers(box);
  // A place may have become free before anyone could see the backlog.
  if (residents_.empty() || room() > 0) take_more();
}

void engine_process::scan_again_from(time_ms created_at_ms, const std::string& id) {
  listed_left_ = true;
  if (std::pair(created_at_ms, std::string_view(id)) <
      std::pair(scan_from_ms_, std::string_view(scan_from_id_))) {
    scan_from_ms_ = created_at_ms;
    scan_from_id_ = id;
  }
}

void engine_process::hand_over_timers(const messages::workflow_box& box) {
  const std::string& id = box.definition->spec.id;
  const auto hand_over = [&](time_ms due_at_ms, action_index a, bool deadline) {
    if (due_at_ms != 0 && rt_->in_window(deadline, due_at_ms))
      send(due_, messages::hold{due_at_ms, {id, {a, deadline}}});
  };
  hand_over(box.state.deadline_at_ms, no_action, true);
  for (action_index a = 0; a < box.state.actions.size(); ++a) {
    hand_over(box.state.actions[a].due_at_ms, a, false);
    hand_over(box.state.actions[a].close_by_ms, a, true);
  }
}

void engine_process::wake(messages::wake_all m) {
  wakes_answered_ = false;
  for (auto& one : m.wakes) {
    if (!rt_->takes_up(one.workflow_id)) continue;
    if (const auto found = residents_.find(one.workflow_id); found != residents_.end()) {
      tell(found->second, one.timer);
    } else if (one.timer.deadline) {
      tell(load(one.workflow_id, nullptr), one.timer);  // it makes room, so it needs none
    } else {
      wakes_.push_back(std::move(one));
    }
  }
  take_wakes();
}

void engine_process::request(const messages::request_ptr& r) {
  if (ending_) return;  // its destructor answers
  if (std::holds_alternative<messages::remove_workflow>(r->what)) {
    to_remove_.push_back(r);
    return take_removals();
  }
  const auto found = residents_.find(r->workflow_id);
  if (removing_ && found == residents_.end()) {
    // It may be on its way out: what is read of it now could be half of it later.
    after_removal_.push_back(r);
    return;
  }
  tell(found != residents_.end() ? found->second : load(r->workflow_id, nullptr), r);
}

void engine_process::on_idle(const messages::idle& m) {
  const auto found = residents_.find(m.workflow_id);
  if (found == residents_.end() || found->second.sent != m.received) return;
  send(found->second.actor, messages::dismissed{});
  rt_->loaded_bytes -= m.bytes;
  residents_.erase(found);
  rt_->residents = residents_.size();
  if (overtaken_.erase(m.workflow_id) > 0 && !ending_) load(m.workflow_id, nullptr);
  if (ending_) return end_if_empty();
  if (!to_remove_.empty()) take_removals();
  if (!removing_ && retention_.behind()) sweep();
  take_more();
}

/// Memory filled up between the look at it and the read: in its turn.
void engine_process::on_declined(const messages::declined& m) {
  if (ending_) return;
  rt_->backlog = true;
  if (m.listed_at_ms != 0) {
    scan_again_from(m.listed_at_ms, m.workflow_id);
  } else {
    wakes_.push_back({m.workflow_id, m.timer});
  }
}

void engine_process::take_more() {
  if (ending_) return;
  take_wakes();
  take_listed();
  read_lanes();
}

void engine_process::take_wakes() {
  do {
    while (!wakes_.empty() && room() > 0) {
      const auto one = std::move(wakes_.front());
      wakes_.pop_front();
      const auto found = residents_.find(one.workflow_id);
      tell(found != residents_.end() ? found->second : load(one.workflow_id, nullptr), one.timer);
    }
    // Who makes room says so if it sees the backlog; if it could not, there is room now.
  } while (!wakes_.empty() && !rt_->backlog.exchange(true));
  if (wakes_.empty() && !std::exchange(wakes_answered_, true)) send(due_, messages::more_wakes{});
}

/// Takes up runnable workflows from the store, oldest first, in steps that are worth a seek.
void engine_process::take_listed() {
  if (rt_->paused || rt_->halted || scan_on_) return;
  if (!listed_left_) {
    // Wake-ups that wait for room are no reason to look.
    rt_->backlog = !wakes_.empty();
    return;
  }
  const std::int64_t step = static_cast<std::int64_t>(rt_->opts.active_workflows_max) / 8;
  const bool any_room = std::exchange(scan_small_, false);
  if (!any_room && room() > 0 && room() < step && !residents_.empty()) {
    // Too few places for a seek now, but perhaps no more for long.
    if (!std::exchange(scan_later_, true)) {
      delayed_send(this, milliseconds(100), messages::scan_later{});
    }
    return;
  }
  for (bool passed_some = false;
       room() > 0 && (any_room || room() >= step || residents_.empty());) {
    if (passed_some) {  // a crowd that waits for lanes: others come between
      scan_on_ = true;
      scan_small_ = any_room;
      send(this, messages::scan_on{});
      return;
    }
    auto limit = static_cast<std::size_t>(room());
    if (scan_passes_) limit = std::max(limit, listing_step);
    auto listed =
        rt_->store.listed(model::index_class::active, scan_from_ms_, scan_from_id_, limit);
    if (!listed) {
      return rt_->halt(listed.error());  // nobody would look again
    }
    bool all = true;
    for (const auto& entry : *listed) {
      if (!rt_->takes_up(entry.workflow_id)) {
        passed_some = true;
      } else if (!residents_.contains(entry.workflow_id)) {
        if (finds_full_rows(entry.lanes)) {
          leave_to_lanes(entry.lanes, entry.created_at_ms, entry.workflow_id);
          passed_some = true;
        } else if (room() > 0) {
          load(entry.workflow_id, nullptr, entry.created_at_ms);
        } else {
          all = false;
          break;
        }
      }
      scan_from_ms_ = entry.created_at_ms;
      scan_from_id_ = entry.workflow_id + '\0';
    }
    scan_passes_ = passed_some;
    if (all && listed->size() < limit) {
      // Nothing is left before the end; what is left from now on lowers this again.
      scan_from_ms_ = std::numeric_limits<time_ms>::max();
      scan_from_id_.clear();
      listed_left_ = false;
      rt_->backlog = !wakes_.empty();
      return;
    }
  }
}

// --- lanes ---

void engine_process::find_lanes() {
  for (const auto& [type, entry] : rt_->opts.handlers.all()) {
    if (entry.options.mode == run_mode::in_place) {
      in_place_ |= model::lane_mask{1} << model::lane_bit(type);
    }
  }
  for (const auto& [type, entry] : rt_->opts.handlers.all()) {
    if (auto* const where = rt_->lane_of(&entry, type)) (void)know(*where, model::lane_bit(type));
  }
  rt_->handlers->on_low([weak = caf::weak_actor_ptr{ctrl()}](lane& l) {
    if (const auto engine = weak.lock()) {
      caf::anon_send(caf::actor_cast<messages::engine_actor>(engine), messages::lane_low{&l});
    }
  });
}

engine_process::lane_wait& engine_process::know(lane& l, unsigned bit) {
  if (lanes_.size() <= l.number) lanes_.resize(l.number + 1);
  auto& known = lanes_[l.number];
  known.where = &l;
  known.bit = model::lane_mask{1} << bit;
  if ((in_place_ & known.bit) == 0) lane_bits_ |= known.bit;
  return known;
}

/// Who shares its bit with another lane may have been left to that one.
void engine_process::on_lane_asked(const messages::lane_asked& m) {
  if (ending_) return;
  const auto bit = model::lane_bit(m.type);
  const bool is_shared = (lane_bits_ & (model::lane_mask{1} << bit)) != 0;
  const bool is_new = lanes_.size() <= m.lane->number || lanes_[m.lane->number].where == nullptr;
  auto& known = know(*m.lane, bit);
  if (is_new && is_shared) leave_to(known, 0, {});
}

/// Tells the polls whose time is over, and comes back for the next.
void engine_process::look_at_polls() {
  const auto now = home_system().clock().now();
  if (polls_at_ && *polls_at_ <= now) polls_at_.reset();
  const auto next = rt_->handlers->end_polls(now, rt_->now_ms());
  if (!next || (polls_at_ && *polls_at_ <= *next)) return;
  polls_at_ = next;
  delayed_send(this, std::chrono::ceil<milliseconds>(*next - now), messages::poll_time{});
}

/// Whether all that is ready has to wait for a lane whose row is full, or behind others that do.
bool engine_process::finds_full_rows(model::lane_mask mask) const {
  if (mask == 0 || (mask & ~lane_bits_) != 0) return false;
  return std::all_of(lanes_.begin(), lanes_.end(), [&](const lane_wait& l) {
    return (mask & l.bit) == 0 || l.left || rt_->handlers->room(*l.where) == 0;
  });
}

void engine_process::leave_to_lanes(model::lane_mask mask, time_ms created_at_ms,
                                    const std::string& id) {
  for (auto& l : lanes_) {
    if ((mask & l.bit) != 0) leave_to(l, created_at_ms, id);
  }
}

void engine_process::leave_to(lane_wait& l, time_ms created_at_ms, const std::string& id) {
  if (TENAX_PLANTED(20)) return;
  if (!l.left || std::pair(created_at_ms, std::string_view(id)) <
                     std::pair(l.from_ms, std::string_view(l.from_id))) {
    l.from_ms = created_at_ms;
    l.from_id = id;
  }
  l.left = true;
  if (!l.reading && rt_->handlers->watch(*l.where)) begin_reading(l);
}

void engine_process::on_left_out(const messages::left_out& m) {
  if (ending_) return;
  leave_to(know(*m.lane, m.bit), m.listed_at_ms, m.workflow_id);
}

void engine_process::begin_reading(lane_wait& l) {
  l.reading = true;
  ++lanes_reading_;
  if (!std::exchange(read_lanes_sent_, true)) send(this, messages::read_lanes{});
}

void engine_process::on_lane_low(const messages::lane_low& m) {
  auto& l = lanes_[m.lane->number];
  if (l.left && !l.reading) begin_reading(l);
}

/// A step for each lane that has room. Without memory `take_more` comes back to it.
void engine_process::read_lanes() {
  if (lanes_reading_ == 0 || read_lanes_sent_ || ending_ || !rt_->may_start()) return;
  for (auto& l : lanes_) {
    if (!l.reading) continue;
    if (rt_->halted || (rt_->memory_is_full() && !residents_.empty())) return;
    read_lane(l);
  }
  if (lanes_reading_ > 0) {
    read_lanes_sent_ = true;
    send(this, messages::read_lanes{});
  }
}

void engine_process::read_lane(lane_wait& l) {
  auto room = rt_->handlers->room(*l.where);
  if (room > 0) {
    auto listed = rt_->store.listed(model::index_class::active, l.from_ms, l.from_id, listing_step);
    if (!listed) return rt_->halt(listed.error());
    std::size_t passed = 0;
    for (; passed < listed->size() && room > 0; ++passed) {
      const auto& entry = (*listed)[passed];
      l.from_ms = entry.created_at_ms;
      l.from_id = entry.workflow_id + '\0';
      if ((entry.lanes & l.bit) == 0 || !rt_->takes_up(entry.workflow_id)) continue;
      if (const auto found = residents_.find(entry.workflow_id); found != residents_.end()) {
        tell(found->second, messages::lane_room{l.where});
        continue;
      }
      --room;
      rt_->handlers->expect(*l.where);
      load(entry.workflow_id, nullptr, entry.created_at_ms, l.where);
    }
    l.left = passed < listed->size() || listed->size() == listing_step;
    if (l.left && room > 0) return;
  }
  l.reading = l.left && rt_->handlers->watch(*l.where);
  if (!l.reading) --lanes_reading_;
}

/// What somebody asked to remove: the workflows that no actor has any more. Nothing while a batch
/// is in flight: what is in it must not be removed twice.
void engine_process::take_removals() {
  if (removing_ || rt_->halted) {
    if (rt_->halted) {
      for (const auto& r : std::exchange(to_remove_, {})) r->answer(rt_->stopped());
    }
    return;
  }
  removals_.clear();
  for (auto some = std::exchange(to_remove_, {}); !some.empty(); some.pop_front()) {
    remove_one(some.front());
  }
  if (removed_.empty()) return;
  removing_ = true;
  rt_->journal.append(removals_, storage::flush::now,
                      tell_committed(caf::strong_actor_ptr{ctrl()}));
}

void engine_process::remove_one(const messages::request_ptr& r) {
  const auto header = rt_->store.load_header(r->workflow_id);
  if (!header) return r->answer(header.error());
  const auto& state = header->state;
  if (!state.terminal()) {
    return r->answer(error(errc::wrong_state, "workflow " + r->workflow_id +
                                                  " is open: only what is over is removed"));
  }
  const auto same = [&](const auto& other) { return other->workflow_id == r->workflow_id; };
  if (residents_.contains(r->workflow_id) || std::any_of(removed_.begin(), removed_.end(), same)) {
    return to_remove_.push_back(r);  // its actor leaves soon, or it has just been removed
  }
  const storage::ended_entry entry{state.listed_as(), state.closed_at_ms, state.created_at_ms,
                                   r->workflow_id};
  if (auto added = retention_.remove(entry, removals_); !added) return r->answer(added);
  removed_.push_back(r);
}

/// Removes finished workflows, one batch in flight: the next look must not see what the last one
/// removed.
void engine_process::sweep() {
  if (ending_ || !rt_->may_start()) return;
  if (removing_) {
    sweep_next_ = true;
    return;
  }
  removals_.clear();
  const auto in_use = [this](const std::string& id) { return residents_.contains(id); };
  rt_->sweep_event_ms = never_ms;  // before the look: who ends during it is looked at again
  if (retention_.collect(rt_->now_ms(), in_use, removals_) == 0) {
    time_ms none = never_ms;
    rt_->sweep_event_ms.compare_exchange_strong(none, retention_.next_ms());
    if (!std::exchange(sweep_sent_, true)) {
      delayed_send(this, retention::every, messages::sweep{});
    }
    return;
  }
  removing_ = sweep_next_ = true;
  rt_->journal.append(removals_, storage::flush::now,
                      tell_committed(caf::strong_actor_ptr{ctrl()}));
}

void engine_process::shut_down() {
  ending_ = true;
  to_remove_.clear();
  wakes_.clear();
  for (auto& [id, place] : residents_) tell(place, messages::shut_down{});
  end_if_empty();
}

void engine_process::end_if_empty() {
  if (!residents_.empty() || removing_) return;
  send(due_, messages::shut_down{});
  due_ = nullptr;
  rt_->handlers->on_low(nullptr);
  quit();
  if (on_end_) std::exchange(on_end_, nullptr)();
}

}  // namespace tenax::actors
