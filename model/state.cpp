#include "model/state.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "model/assert.hpp"
#include "model/documents/policy_json.hpp"
#include "model/failpoint.hpp"
#include "model/fnv.hpp"

namespace tenax::model {

bool action_state::same_record(const action_state& o) const noexcept {
  return phase == o.phase && attempt == o.attempt && failures == o.failures &&
         retries == o.retries && recoveries == o.recoveries && deferrals == o.deferrals &&
         due_at_ms == o.due_at_ms && close_by_ms == o.close_by_ms &&
         started_at_ms == o.started_at_ms && closed_at_ms == o.closed_at_ms &&
         last_wait_ms == o.last_wait_ms && result_seq == o.result_seq && delivery == o.delivery &&
         cut_off == o.cut_off && last_error == o.last_error && secret == o.secret &&
         heartbeat_ms == o.heartbeat_ms && outside_word == o.outside_word &&
         opened_seq == o.opened_seq && signal == o.signal &&
         (change == o.change || (change && o.change && *change == *o.change));
}

namespace {
/// Of all texts, each with its end; never 0.
std::uint64_t hash_of(std::initializer_list<std::string_view> texts) noexcept {
  std::uint64_t hash = fnv1a({});
  for (const auto text : texts) hash = fnv1a("\xff", fnv1a(text, hash));
  return hash == 0 ? 1 : hash;
}
}  // namespace

std::uint64_t word_of(const event& how) noexcept {
  return hash_of({to_string(how.kind), how.error_class, how.text});
}

std::uint64_t signal_key(std::string_view name, std::string_view key) noexcept {
  return key.empty() ? 0 : hash_of({name, key});
}

std::uint64_t signal_word(std::string_view payload) noexcept { return hash_of({payload}); }
std::uint64_t input_word(std::string_view input) noexcept { return hash_of({input}); }

const signal_state* workflow_state::signal_of(std::string_view name) const noexcept {
  const auto found = std::find_if(signals.begin(), signals.end(),
                                  [name](const signal_state& s) { return s.name == name; });
  return found == signals.end() ? nullptr : &*found;
}

bool is_in_doubt(const action_state& closed) noexcept {
  return closed.cut_off && closed.delivery == delivery::at_most_once && !TENAX_PLANTED(22);
}

std::uint32_t workflow_state::open_actions() const noexcept {
  std::uint32_t open = 0;
  for (std::size_t p = 0; p < phase_count; ++p) {
    if (!is_over(static_cast<phase>(p))) open += counts[p];
  }
  return open;
}

index_class workflow_state::listed_as() const noexcept {
  switch (status) {
    case workflow_status::completed:
      return index_class::completed;
    case workflow_status::failed:
      return index_class::failed;
    case workflow_status::cancelled:
      return index_class::cancelled;
    case workflow_status::pending:
    case workflow_status::in_progress:
      break;
  }
  return count(phase::ready) + count(phase::executing) > 0 ? index_class::active
                                                           : index_class::parked;
}

void change_set::begin(const workflow_state& state) {
  // A state goes from one change set to another (submit makes it, its actor takes it over), so ids
  // must differ between change sets too.
  static std::atomic<std::uint64_t> last_id{0};
  id = last_id.fetch_add(1, std::memory_order_relaxed) + 1;
  creates = state.seq == 0;
  old_class = state.listed_as();
  old_lanes = state.lanes();
  old_undecided = state.undecided();
  old_deadline_at_ms = state.deadline_at_ms;
  old_closed_at_ms = state.closed_at_ms;
  first_seq = state.seq + 1;
  events.clear();
  touched.clear();
}

workflow_state initial_state(const definition& def) {
  workflow_state state;
  state.actions.resize(def.size());
  derive(def, state);
  return state;
}

namespace {

/// One ready action more (by 1) or less (by -1). `counts` says so already.
void count_ready(const definition& def, workflow_state& state, action_index a, int by) {
  const std::size_t at = def.lane_of.empty() ? 0 : def.lane_of[a];
  const lane_mask bit = lane_mask{1} << def.lanes[at];
  const std::uint32_t ready = def.lane_of.empty()
                                  ? state.count(phase::ready)
                                  : (state.ready_by_lane[at] += static_cast<std::uint32_t>(by));
  state.ready_lanes = ready > 0 ? state.ready_lanes | bit : state.ready_lanes & ~bit;
}

}  // namespace

void derive(const definition& def, workflow_state& state) {
  state.counts.fill(0);
  state.ready_lanes = 0;
  state.ready_by_lane.assign(def.lane_of.empty() ? 0 : def.lanes.size(), 0);
  for (action_index a = 0; a < def.size(); ++a) {
    auto& action = state.actions[a];
    action.touched_in = 0;
    action.open_dependencies = static_cast<std::uint32_t>(
        std::count_if(def.dependencies[a].begin(), def.dependencies[a].end(), [&](action_index d) {
          const phase p = state.actions[d].phase;
          return p != phase::completed && p != phase::skipped;
        }));
    ++state.counts[static_cast<std::size_t>(action.phase)];
    if (action.phase == phase::ready) count_ready(def, state, a, 1);
  }
}

namespace {

/// One event being applied: the state and the record of what changes.
class application {
 public:
  application(const definition& def, workflow_state& state, change_set& changes)
      : def_(def), state_(state), changes_(changes) {}

  action_state& touch(action_index a) {
    auto& action = state_.actions[a];
    if (action.touched_in != changes_.id) {
      action.touched_in = changes_.id;
      changes_.touched.push_back({a, action.phase, action.due_at_ms, action.close_by_ms});
    }
    return action;
  }

  void move(action_state& action, phase to) {
    const phase from = std::exchange(action.phase, to);
    --state_.counts[static_cast<std::size_t>(from)];
    ++state_.counts[static_cast<std::size_t>(to)];
    if ((from == phase::ready) != (to == phase::ready)) {
      const auto a = static_cast<action_index>(&action - state_.actions.data());
      count_ready(def_, state_, a, to == phase::ready ? 1 : -1);
    }
    if (!is_timed(to)) action.due_at_ms = 0;
    if (from == phase::outside) {
      action.heartbeat_ms = 0;
      action.opened_seq = 0;
      action.signal.clear();
    }
  }

  /// Said from outside, of an attempt that is open.
  static void keep_word(action_state& action, const event& e) {
    if (action.phase == phase::outside && e.actor == event_actor::handler) {
      action.outside_word = word_of(e);
    }
  }

  void close(action_state& action, phase how, time_ms at) {
    action.cut_off = action.phase == phase::in_doubt ||
                     ((action.phase == phase::executing || action.phase == phase::outside) &&
                      how != phase::completed);
    move(action, how);
    action.close_by_ms = 0;
    action.closed_at_ms = at;
  }

  /// Completed or skipped: dependants may become ready.
  void release_dependants(action_index a) {
    for (const action_index d : def_.dependants[a]) {
      auto& dependant = state_.actions[d];
      if (--dependant.open_dependencies == 0 && dependant.phase == phase::blocked) {
        move(touch(d), phase::ready);
      }
    }
  }

  void end(workflow_status how, const event& e) {
    state_.status = how;
    state_.closed_at_ms = e.at_ms;
    state_.deadline_at_ms = 0;
    state_.reason = e.text;
    for (action_index a = 0; a < state_.actions.size(); ++a) {
      if (!is_over(state_.actions[a].phase)) close(touch(a), phase::cancelled, e.at_ms);
    }
  }

  /// What had not come to its end goes on from there. What may have been done is not done again
  /// if it is to be done at most once.
  void reopen(const event& e) {
    state_.status =
        state_.started_at_ms != 0 ? workflow_status::in_progress : workflow_status::pending;
    state_.closed_at_ms = 0;
    state_.deadline_at_ms = e.due_at_ms;
    state_.failed_action = no_action;
    state_.reason.clear();
    for (action_index a = 0; a < state_.actions.size(); ++a) {
      if (const phase p = state_.actions[a].phase; p != phase::failed && p != phase::cancelled) {
        continue;
      }
      auto& action = touch(a);
      const bool in_doubt = is_in_doubt(action);
      action.closed_at_ms = 0;
      begin_anew(action);
      move(action, in_doubt                        ? phase::in_doubt
                   : action.open_dependencies == 0 ? phase::ready
                                                   : phase::blocked);
    }
  }

  /// An attempt whose start came too late to be recorded: its number is not given again.
  void on_late(const event& e) {
    if (const auto& action = state_.actions[e.action];
        is_over(action.phase) && e.attempt > action.attempt) {
      touch(e.action).attempt = e.attempt;
    }
    // Once is enough: its token ends with it.
    if (const auto& action = state_.actions[e.action];
        action.phase != phase::outside && !action.secret.empty()) {
      touch(e.action).secret = {};
    }
  }

  void change(action_state& action, const event& e) const {
    auto changed = action.change ? *action.change : change_state();
    if (e.kind == event_kind::input_changed) {
      changed.input_seq = state_.seq;
      changed.input_word = input_word(e.text);
    } else {
      changed.policy_seq = state_.seq;
      changed.policy = parse_policy(e.text).value_or(policy_change());
    }
    action.change = std::make_shared<const change_state>(std::move(changed));
  }

  static void begin_anew(action_state& action) {
    action.failures = 0;
    action.last_wait_ms = 0;
    action.recoveries = 0;
    action.deferrals = 0;
    action.cut_off = false;
  }

  void on_action(const event& e);
  void on_workflow(const event& e);

 private:
  const definition& def_;
  workflow_state& state_;
  change_set& changes_;
};

void application::on_workflow(const event& e) {
  switch (e.kind) {
    case event_kind::workflow_created:
      state_.created_at_ms = e.at_ms;
      state_.deadline_at_ms = e.due_at_ms;
      if (!e.text.empty()) state_.terms_seq = state_.seq;
      for (action_index a = 0; a < state_.actions.size(); ++a) {
        if (state_.actions[a].open_dependencies == 0) move(touch(a), phase::ready);
      }
      break;
    case event_kind::terms_recorded:
      state_.terms_seq = state_.seq;
      break;
    case event_kind::signal_received:
      state_.signals.push_back(
          {e.name, signal_key(e.name, e.key), signal_word(e.text), state_.seq});
      break;
    case event_kind::workflow_completed:
      end(workflow_status::completed, e);
      break;
    case event_kind::workflow_failed:
      state_.failed_action = e.action;
      end(workflow_status::failed, e);
      break;
    case event_kind::workflow_cancelled:
      end(workflow_status::cancelled, e);
      break;
    case event_kind::workflow_continued:
      reopen(e);
      break;
    default:
      break;
  }
}

void application::on_action(const event& e) {
  auto& action = touch(e.action);
  switch (e.kind) {
    case event_kind::action_scheduled:
      move(action, phase::scheduled);
      action.due_at_ms = e.due_at_ms;
      break;
    case event_kind::action_deadline_set:
      action.close_by_ms = e.due_at_ms;
      break;
    case event_kind::attempt_started:
      move(action, phase::executing);
      action.attempt = e.attempt;
      action.deferrals = e.count;
      action.delivery = e.delivery;
      if (e.count == 0) action.started_at_ms = e.at_ms;  // else the same attempt goes on
      if (state_.status == workflow_status::pending) {
        state_.status = workflow_status::in_progress;
        state_.started_at_ms = e.at_ms;
      }
      break;
    case event_kind::attempt_opened:
      move(action, phase::outside);
      if (action.deferrals > 0) action.started_at_ms = e.at_ms;  // start_to_close counts from here
      action.due_at_ms = e.due_at_ms;
      action.secret = e.secret;
      action.heartbeat_ms = e.wait_ms;
      action.outside_word = 0;
      action.opened_seq = state_.seq;
      action.signal = e.name;
      break;
    case event_kind::attempt_extended:
      action.due_at_ms = e.due_at_ms;
      break;
    case event_kind::attempt_deferred:
      keep_word(action, e);
      move(action, phase::deferred);
      action.due_at_ms = e.due_at_ms;
      ++action.deferrals;
      if (!e.error_class.empty()) action.last_error = {e.error_class, e.text};
      break;
    case event_kind::action_due:
    case event_kind::retry_requested:
      move(action, phase::ready);
      break;
    case event_kind::action_completed:
      action.result_seq = e.signal_seq != 0 ? e.signal_seq : state_.seq;
      for (auto& s : state_.signals) {
        if (s.seq == e.signal_seq) s.name.clear();
      }
      keep_word(action, e);
      close(action, phase::completed, e.at_ms);
      release_dependants(e.action);
      break;
    case event_kind::attempt_failed:
    case event_kind::attempt_timed_out:
      keep_word(action, e);
      action.failures += TENAX_PLANTED(4) ? 0 : 1;
      action.deferrals = 0;
      action.last_error = {e.kind == event_kind::attempt_timed_out && e.error_class.empty()
                               ? "timeout"
                               : e.error_class,
                           e.text};
      move(action, phase::ready);
      break;
    case event_kind::retry_scheduled:
      ++action.retries;
      action.last_wait_ms = e.wait_ms;
      action.due_at_ms = e.due_at_ms;
      move(action, phase::backing_off);
      break;
    case event_kind::input_changed:
    case event_kind::policy_changed:
      change(action, e);
      break;
    case event_kind::retry_exhausted:
      break;
    case event_kind::attempt_interrupted:
      action.recoveries = e.count;
      action.deferrals = 0;
      move(action, phase::ready);
      break;
    case event_kind::outcome_unknown:
      keep_word(action, e);
      if (!e.error_class.empty()) action.last_error = {e.error_class, e.text};
      move(action, phase::in_doubt);
      break;
    case event_kind::action_paused:
      move(action, phase::paused);
      break;
    case event_kind::action_resolved:
      // The events that follow in the same batch say what becomes of it; "retry" needs no other. It
      // begins anew: with all its attempts, and with the policy's first wait.
      begin_anew(action);
      move(action, phase::ready);
      break;
    case event_kind::action_skipped:
      close(action, phase::skipped, e.at_ms);
      release_dependants(e.action);
      break;
    case event_kind::action_failed:
      action.last_error = {e.error_class, e.text};
      close(action, phase::failed, e.at_ms);
      break;
    default:
      break;
  }
}

}  // namespace

void apply(const definition& def, workflow_state& state, event e, change_set& changes) {
  ++state.seq;
  state.updated_at_ms = e.at_ms;
  application one(def, state, changes);
  const bool of_workflow = e.kind == event_kind::workflow_created ||
                           e.kind == event_kind::workflow_continued ||
                           e.kind == event_kind::terms_recorded ||
                           e.kind == event_kind::signal_received || is_terminal(e.kind);
  if (of_workflow) {
    one.on_workflow(e);
  } else if (e.kind == event_kind::late_result) {
    one.on_late(e);
  } else {
    one.on_action(e);
  }
  changes.events.push_back(std::move(e));
}

namespace {

std::string check_change(const definition& def, const workflow_state& state, const event& e) {
  if (state.terminal() && state.status != workflow_status::failed) return "the workflow is over";
  if (e.action >= def.size()) return "no such action";
  const phase p = state.actions[e.action].phase;
  if (p == phase::completed || p == phase::skipped) return "the action is done";
  if (e.kind == event_kind::policy_changed) {
    return parse_policy(e.text) ? "" : "what it sets is no policy";
  }
  return p == phase::executing || p == phase::outside ? "an attempt has the input" : "";
}

}  // namespace

std::string check_applicable(const definition& def, const workflow_state& state, const event& e) {
  if (e.at_ms < state.updated_at_ms) return "time goes back";
  if ((state.seq == 0) != (e.kind == event_kind::workflow_created)) {
    return "workflow_created is the first event and only that";
  }
  if (e.kind == event_kind::late_result) {
    if (e.action >= def.size()) return "no such action";
    return e.attempt <= state.actions[e.action].attempt + 1 ? "" : "an attempt that was never made";
  }
  if (e.kind == event_kind::workflow_continued) {
    return state.status == workflow_status::failed ? "" : "the workflow has not failed";
  }
  if (is_change(e.kind)) {
    return check_change(def, state, e);
  }
  if (state.terminal()) return "the workflow is over";
  if (e.kind == event_kind::workflow_created || e.kind == event_kind::terms_recorded) return "";
  if (e.kind == event_kind::signal_received) return e.name.empty() ? "a signal without a name" : "";
  if (e.kind == event_kind::workflow_completed) {
    return state.open_actions() == 0 ? "" : "an action is still open";
  }
  if (e.kind == event_kind::workflow_cancelled) return "";
  if (e.kind == event_kind::workflow_failed) {
    return e.action == no_action || e.action < def.size() ? "" : "no such action";
  }
  if (e.action >= def.size()) return "no such action";
  const auto& action = state.actions[e.action];
  const phase p = action.phase;
  const auto in = [p](std::initializer_list<phase> allowed) {
    return std::find(allowed.begin(), allowed.end(), p) != allowed.end();
  };
  const bool runs = p == phase::executing || p == phase::outside;
  bool fits = false;
  switch (e.kind) {
    case event_kind::action_scheduled:
      fits = p == phase::ready && action.attempt == 0 && e.due_at_ms > 0;
      break;
    case event_kind::action_deadline_set:
      fits = in({phase::ready, phase::scheduled});
      break;
    case event_kind::attempt_started:
      // The same attempt goes on only after a deferral; every other start has the next number.
      fits = action.goes_on() ? e.attempt == action.attempt && e.count == action.deferrals &&
                                    e.delivery == action.delivery
                              : in({phase::ready, phase::scheduled, phase::backing_off}) &&
                                    e.attempt == action.attempt + 1 && e.count == 0;
      break;
    case event_kind::action_completed:
      fits = runs ? e.attempt == action.attempt : p == phase::ready && e.actor == event_actor::user;
      if (e.signal_seq != 0) {
        fits = p == phase::outside && e.attempt == action.attempt && !action.signal.empty() &&
               std::any_of(state.signals.begin(), state.signals.end(), [&](const signal_state& s) {
                 return s.seq == e.signal_seq && s.name == action.signal;
               });
      }
      break;
    case event_kind::attempt_failed:
    case event_kind::attempt_timed_out:
    case event_kind::outcome_unknown:
      fits = runs && e.attempt == action.attempt;
      break;
    case event_kind::attempt_opened:
      fits = p == phase::executing && e.attempt == action.attempt && !e.secret.empty() &&
             e.due_at_ms >= 0 && e.wait_ms >= 0;
      break;
    case event_kind::attempt_extended:
      fits = p == phase::outside && e.attempt == action.attempt && action.due_at_ms != 0 &&
             e.due_at_ms > action.due_at_ms;
      break;
    case event_kind::attempt_interrupted:  // by a crash, or (the count stays) by a close
      fits = p == phase::executing && e.attempt == action.attempt &&
             (e.count == action.recoveries || e.count == action.recoveries + 1);
      break;
    case event_kind::attempt_deferred:
      fits = runs && e.attempt == action.attempt && e.due_at_ms > 0;
      break;
    case event_kind::retry_scheduled:
      fits = p == phase::ready && e.attempt == action.attempt && e.due_at_ms > 0;
      break;
    case event_kind::retry_exhausted:
      fits = p == phase::ready && e.attempt == action.attempt;
      break;
    case event_kind::action_paused:
      fits = p == phase::ready;
      break;
    case event_kind::action_due:
      fits = is_timed(p) && e.at_ms >= action.due_at_ms;
      break;
    case event_kind::retry_requested:
      fits = in({phase::backing_off, phase::deferred}) && e.attempt == action.attempt;
      break;
    case event_kind::action_resolved:
      fits = in({phase::in_doubt, phase::paused, phase::outside});
      break;
    case event_kind::action_skipped:
      fits = p == phase::ready;
      break;
    case event_kind::action_failed:
      fits = !is_over(p) && p != phase::blocked;
      break;
    default:
      break;
  }
  return fits ? "" : "does not fit the action's phase or attempt";
}

}  // namespace tenax::model
