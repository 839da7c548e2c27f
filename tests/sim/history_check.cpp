#include "tests/sim/history_check.hpp"

#include <algorithm>
#include <set>

#include "model/documents/policy_json.hpp"

namespace tenax::sim {

namespace {

using model::event;
using model::event_actor;
using model::event_kind;
using model::time_ms;

struct action_track {
  std::uint32_t attempt = 0;
  std::uint32_t failures = 0;  ///< since the start or the last decision
  std::uint32_t deferrals = 0;
  std::uint32_t interruptions = 0;
  milliseconds last_wait{0};
  time_ms not_before_ms = 0;
  bool running = false;
  bool open = false;    ///< running, and left open
  bool leased = false;  ///< the latest open attempt: a worker has it
  time_ms given_up_at_ms = 0;
  std::string signal;  ///< that it waits for
  bool deferred = false;
  bool failed_just_now = false;  ///< a retry or an end must follow
  bool in_doubt = false;         ///< nobody knows how its attempt ended
  bool over = false;
  bool done = false;  ///< completed or skipped
  std::string error_class;
  std::string decision;
  policy_change policy;
};

class reader {
 public:
  reader(const workflow_spec& spec, const workload& work)
      : spec_(spec),
        work_(work),
        needs_(workload::dependencies_of(spec)),
        actions_(spec.actions.size()) {}

  std::string read(const std::vector<storage::read_store::stored_event>& events) {
    std::uint64_t seq = 0;
    time_ms at = 0;
    for (const auto& [number, e] : events) {
      std::string wrong;
      if (number != ++seq) wrong = "I12 a gap before it";
      if (e.at_ms < at) wrong = "I12 its time goes back";
      at = e.at_ms;
      if (wrong.empty()) wrong = one(seq, e);
      if (!wrong.empty()) {
        return spec_.id + " event " + std::to_string(seq) + " " +
               std::string(model::to_string(e.kind)) +
               (e.action < actions_.size() ? " of " + spec_.actions[e.action].key : "") + ": " +
               wrong;
      }
    }
    return "";
  }

 private:
  std::string one(std::uint64_t seq, const event& e) {
    if ((seq == 1) != (e.kind == event_kind::workflow_created)) return "I12 not the first event";
    if (e.kind == event_kind::workflow_continued) return continued(e);
    if (model::is_change(e.kind)) return changed(e);
    if (over_ && e.kind != event_kind::late_result) return "I10 after the end";
    if (e.action != model::no_action && e.action >= actions_.size()) return "no such action";
    switch (e.kind) {
      case event_kind::workflow_created:
        created_at_ms_ = e.at_ms;
        return "";
      case event_kind::workflow_completed:
        over_ = true;
        return std::all_of(actions_.begin(), actions_.end(), [](const auto& a) { return a.done; })
                   ? ""
                   : "I6 an action is not done";
      case event_kind::workflow_failed:
        over_ = failed_ = true;
        if (e.action != model::no_action)
          return actions_[e.action].over ? "" : "its action is open";
        return spec_.deadline && e.at_ms >= created_at_ms_ + spec_.deadline->count()
                   ? ""
                   : "before its deadline";
      case event_kind::workflow_cancelled:
        over_ = true;
        return "";
      case event_kind::signal_received:
        if (!e.key.empty() && !keys_.insert(e.name + '/' + e.key).second) return "I3 taken twice";
        signals_.push_back({e.name, seq});
        return "";
      default:
        return of_action(e, actions_[e.action]);
    }
  }
  /// Of what is not done, and has not begun with what it had before.
  std::string changed(const event& e) {
    if (e.actor != event_actor::user) return "by nobody";
    if (e.action >= actions_.size()) return "no such action";
    auto& a = actions_[e.action];
    if (over_ && !failed_) return "I10 after the end";
    if (a.done) return "of an action that is done";
    if (e.kind == event_kind::input_changed) {
      return !over_ && a.running ? "I6 while an attempt has the input" : "";
    }
    const auto policy = model::parse_policy(e.text);
    if (!policy || *policy == a.policy) return "not another policy";
    a.policy = *policy;
    return "";
  }
  /// All that was done stays, the rest begins anew.
  std::string continued(const event& e) {
    if (!failed_) return "it has not failed";
    over_ = failed_ = false;
    created_at_ms_ = e.at_ms;  // of its deadline
    for (std::size_t n = 0; n < actions_.size(); ++n) {
      auto& a = actions_[n];
      if (a.done) continue;
      const bool once = work_.options_of(spec_.actions[n].type).delivery == delivery::at_most_once;
      const bool in_doubt = (a.running && once) || a.in_doubt;
      const auto attempt = a.attempt;
      const auto policy = a.policy;
      a = {};
      a.attempt = attempt;
      a.policy = policy;
      a.in_doubt = in_doubt;
    }
    return "";
  }
  std::string of_action(const event& e, action_track& a) {
    const auto& spec = spec_.actions[e.action];
    const auto& options = work_.options_of(spec.type);
    if (e.kind == event_kind::late_result) return late(e, a);
    if (a.over) return "I6 after the action's end";
    const bool of_attempt =
        e.kind == event_kind::attempt_failed || e.kind == event_kind::attempt_timed_out ||
        e.kind == event_kind::attempt_deferred || e.kind == event_kind::attempt_interrupted ||
        e.kind == event_kind::outcome_unknown;
    if (of_attempt && (!a.running || e.attempt != a.attempt)) return "I5 of no running attempt";
    const bool was_open = a.open;
    if (of_attempt) a.running = a.open = false;
    switch (e.kind) {
      case event_kind::action_scheduled:
        a.not_before_ms = e.due_at_ms;
        return a.attempt == 0 ? "" : "I5 after an attempt";
      case event_kind::action_deadline_set:
        return options.schedule_to_close ? "" : "the type has no schedule_to_close";
      case event_kind::retry_requested:
        if (a.running || a.not_before_ms == 0) return "waits for nothing";
        a.not_before_ms = 0;
        return "";
      case event_kind::action_due:
        return a.running || e.at_ms < a.not_before_ms ? "I8 not due" : "";
      case event_kind::attempt_started:
        return started(e, a);
      case event_kind::attempt_failed:
      case event_kind::attempt_timed_out:
        ++a.failures;
        a.failed_just_now = true;
        a.error_class = e.kind == event_kind::attempt_timed_out && e.error_class.empty()
                            ? "timeout"
                            : e.error_class;
        if (a.error_class == "heartbeat_timeout" &&
            (!was_open || !(a.leased || options.heartbeat))) {
          return "the type has no heartbeat";
        }
        if (a.error_class == "timeout" && !options.start_to_close) {
          return "the type has no start_to_close";
        }
        if (e.kind == event_kind::attempt_timed_out && was_open && e.at_ms < a.given_up_at_ms) {
          return "I8 given up too early";
        }
        if (options.delivery == delivery::at_most_once &&
            (e.kind == event_kind::attempt_timed_out || a.error_class == "exception")) {
          return "I5 nobody knows how this attempt of an at_most_once action ended";
        }
        return "";
      case event_kind::attempt_deferred:
        a.deferred = true;
        ++a.deferrals;
        a.not_before_ms = e.due_at_ms;
        return "";
      case event_kind::retry_scheduled:
        return retried(e, a);
      case event_kind::retry_exhausted:
        if (!std::exchange(a.failed_just_now, false)) return "I5 without a failure";
        if (e.count != policy_of(e).max_attempts) return "I8 not the policy's max_attempts";
        return e.text == "max_attempts reached" && a.failures < e.count
                   ? "I5 after " + std::to_string(a.failures) + " failures"
                   : "";
      case event_kind::attempt_opened:
        if (!a.running || a.open || e.attempt != a.attempt) return "I5 of no running attempt";
        a.open = true;
        a.given_up_at_ms = e.due_at_ms;
        a.signal = e.name;
        a.leased = e.text.starts_with("worker");
        if (!e.name.empty()) return spec.type == "wait_signal" ? "" : "it waits for no signal";
        if (a.leased) return e.due_at_ms != 0 ? "" : "a task without a lease";
        return (e.due_at_ms != 0) == (options.heartbeat || options.start_to_close)
                   ? ""
                   : "given up at another time than its type says";
      case event_kind::attempt_extended:
        if (!a.open || e.attempt != a.attempt) return "I5 of no open attempt";
        if (e.due_at_ms <= a.given_up_at_ms || !(a.leased || options.heartbeat))
          return "I8 not longer";
        a.given_up_at_ms = e.due_at_ms;
        return "";
      case event_kind::attempt_interrupted:
        if (was_open) return "I5 of an open attempt";
        if (e.count == a.interruptions) return "";  // by a close, no crash
        if (options.delivery == delivery::at_most_once) return "I5 of an at_most_once action";
        return ++a.interruptions == e.count ? "" : "I5 wrong number of recoveries";
      case event_kind::outcome_unknown:
        a.in_doubt = true;
        return options.delivery == delivery::at_most_once ? "" : "of an at_least_once action";
      case event_kind::action_resolved:
        a.decision = e.text;
        a.in_doubt = false;
        a.running = a.open = false;
        a.failures = 0;
        a.interruptions = 0;
        a.last_wait = milliseconds{0};
        a.deferrals = 0;
        a.deferred = false;
        return "";
      case event_kind::action_completed:
        return completed(e, a);
      case event_kind::action_skipped:
        a.over = a.done = true;
        return "";
      case event_kind::action_failed:
        a.over = true;
        return "";
      default:
        return "";
    }
  }

  std::string late(const event& e, action_track& a) {
    if (e.attempt > a.attempt + 1) return "I5 from nowhere";
    if (a.over || over_) a.attempt = std::max(a.attempt, e.attempt);
    return "";
  }

  std::string started(const event& e, action_track& a) {
    if (e.delivery != work_.options_of(spec_.actions[e.action].type).delivery) {
      return "recorded with another delivery";
    }
    if (a.running) return "I7 while another attempt runs";
    if (a.in_doubt) return "I5 without a decision about an attempt in doubt";
    if (e.attempt != a.attempt + (a.deferred ? 0 : 1)) return "I5 not the next attempt";
    if (a.failed_just_now) return "I5 without a decision about the failure before";
    if (e.at_ms < a.not_before_ms) {
      return "I8 " + std::to_string(a.not_before_ms - e.at_ms) + " ms too early";
    }
    for (const auto d : needs_[e.action]) {
      if (!actions_[d].done) return "I9 before " + spec_.actions[d].key + " was done";
    }
    a.attempt = e.attempt;
    a.running = true;
    if (!a.deferred) a.deferrals = 0;
    a.deferred = false;
    a.not_before_ms = 0;
    return "";
  }

  [[nodiscard]] retry_policy policy_of(const event& e) const {
    return actions_[e.action].policy.applied_to(work_.policy_of(spec_.actions[e.action].type));
  }

  std::string retried(const event& e, action_track& a) {
    const auto policy = policy_of(e);
    if (!std::exchange(a.failed_just_now, false)) return "I5 without a failure";
    if (e.count != policy.max_attempts) return "I8 not the type's max_attempts";
    if (a.failures >= policy.max_attempts) return "I5 beyond max_attempts";
    if (e.due_at_ms != e.at_ms + e.wait_ms) return "I8 not its wait after the failure";
    if (e.wait_ms < e.least_ms || e.wait_ms > e.most_ms) return "I8 outside its bounds";
    const auto bounds = policy.bounds(a.failures - 1, a.last_wait);
    const auto rule = std::find_if(policy.rules.begin(), policy.rules.end(),
                                   [&](const auto& r) { return r.error_class == a.error_class; });
    const bool by_handler = a.error_class == "busy";
    if (rule != policy.rules.end() && !rule->retry && !by_handler)
      return "I8 of a class without retry";
    if (by_handler) {
      if (e.wait_ms > workload::retry_after_max.count()) return "I8 not the handler's retry_after";
    } else if (rule != policy.rules.end() && rule->fixed_delay) {
      if (e.wait_ms != rule->fixed_delay->count()) return "I8 not the rule's delay";
    } else if (e.least_ms != bounds.least.count() || e.most_ms != bounds.most.count()) {
      return "I8 other bounds than the policy's";
    }
    a.last_wait = milliseconds(e.wait_ms);
    a.not_before_ms = e.due_at_ms;
    a.deferrals = 0;
    return "";
  }

  /// The first of its name, and each once.
  std::string by_signal(const event& e, const action_track& a) {
    const auto first = std::find_if(signals_.begin(), signals_.end(), [&](const auto& s) {
      return !a.signal.empty() && s.first == a.signal;
    });
    if (!a.open || first == signals_.end()) return "I6 by a signal that is not there";
    if (first->second != e.signal_seq) return "I6 not by the first signal";
    signals_.erase(first);
    return "";
  }

  std::string completed(const event& e, action_track& a) {
    a.over = a.done = true;
    if (e.signal_seq != 0) return by_signal(e, a);
    const auto& spec = spec_.actions[e.action];
    if (e.actor == event_actor::user) {
      return a.decision == "complete" && e.text == workload::decided_result
                 ? ""
                 : "I6 by nobody's decision";
    }
    if (!a.running || e.attempt != a.attempt) return "I6 by an attempt that does not count";
    if (spec.type.starts_with("type") && e.text != work_.result_of(spec_.id, spec.key, e.attempt)) {
      return "I6 another result than the handler's";
    }
    return "";
  }

  const workflow_spec& spec_;
  const workload& work_;
  const std::vector<std::vector<std::size_t>> needs_;
  std::vector<action_track> actions_;
  std::vector<std::pair<std::string, std::uint64_t>> signals_;  ///< name, seq
  std::set<std::string> keys_;
  time_ms created_at_ms_ = 0;
  bool over_ = false;
  bool failed_ = false;
};

}  // namespace

std::string check_history(const workflow_spec& spec, const workload& work,
                          const std::vector<storage::read_store::stored_event>& events) {
  return reader(spec, work).read(events);
}

}  // namespace tenax::sim
