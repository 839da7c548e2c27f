#include "model/decide.hpp"

#include <algorithm>
#include <utility>

#include "model/clipped.hpp"
#include "model/documents/policy_json.hpp"
#include "model/failpoint.hpp"
#include "model/validate.hpp"

namespace tenax::model {

const action_options& action_rules::options() const {
  static const action_options defaults;
  return entry != nullptr ? entry->options : defaults;
}

action_rules rulebook::of(std::string_view type) const {
  action_rules found;
  found.entry = types_.find(type);
  found.retry = found.entry != nullptr && found.entry->options.retry ? &*found.entry->options.retry
                                                                     : &fallback_;
  return found;
}

const retry_policy& rulebook::policy_of(std::string_view type, const action_state& action,
                                        std::optional<retry_policy>& changed) const {
  const retry_policy& of_type = *of(type).retry;
  if (!action.change || action.change->policy.empty() || TENAX_PLANTED(33)) return of_type;
  return changed.emplace(action.change->policy.applied_to(of_type));
}

namespace {

class decider {
 public:
  decider(const definition& def, const workflow_state& state, time_ms now_ms, rng& random,
          const rulebook& rules, std::string_view who, decision& out)
      : def_(def),
        state_(state),
        clock_(now_ms),
        now_(std::max(now_ms, state.updated_at_ms)),
        random_(random),
        rules_(rules),
        who_(clipped(std::string(who), rules.bounds().text_bytes_max)),
        out_(out) {}

  void on(const create&);
  void on(const begin_attempt&);
  void on(const come_due&);
  void on(const end_attempt&);
  void on(const end_open_attempt&);
  void on(const hear_of_attempt&);
  void on(const time_out_attempt&);
  void on(const interrupt_attempt&);
  void on(const action_deadline&);
  void on(const workflow_deadline&);
  void on(const cancel&);
  void on(const resolve&);
  void on(const retry&);
  void on(const change&);
  void on(const send_signal&);
  void on(const record_terms&);
  void on(const recover&);

 private:
  event& emit(event_kind kind, action_index action = no_action,
              event_actor actor = event_actor::system) {
    event e;
    e.kind = kind;
    e.actor = actor;
    e.at_ms = now_;
    e.action = action;
    if (action != no_action) e.attempt = state_.actions[action].attempt;
    if (actor != event_actor::system) e.who = who_;
    out_.events.push_back(std::move(e));
    return out_.events.back();
  }
  void effect_of(effect::kind what, action_index action = no_action, time_ms due_at_ms = 0) {
    out_.effects.push_back({what, action, due_at_ms});
  }
  action_rules rules_of(action_index a) const { return rules_.of(def_.spec.actions[a].type); }
  /// Until the next call.
  const retry_policy& policy_of(action_index a) {
    return rules_.policy_of(def_.spec.actions[a].type, state_.actions[a], changed_policy_);
  }

  void make_ready(action_index a);
  void limit_closing(action_index a, time_ms from);
  void continue_workflow(const retry& c);
  void release_dependants(action_index a);
  void complete(action_index a, std::string result, event_actor actor);
  void take_signal(action_index a, std::uint64_t seq);
  void skip(action_index a, std::string why, event_actor actor);
  void finish_if_last();
  void fail_action(action_index a, std::string error_class, std::string text, event_actor actor);
  void fail_workflow(action_index a, std::string text);
  void full_history(action_index a);
  [[nodiscard]] std::string after_last_error(action_index a, std::string why) const;
  [[nodiscard]] outcome too_long(std::string_view what, milliseconds asked_for) const;
  void take_outcome(action_index a, const outcome& what, const attempt_secret& secret);
  void open_attempt(action_index a, const outcome& what, const attempt_secret& secret);
  void give_up_open(const action_deadline& c);
  void lost(action_index a, std::string_view why);
  [[nodiscard]] time_ms close_of_attempt(action_index a) const;
  [[nodiscard]] bool was_said(action_index a, const outcome& what) const;
  [[nodiscard]] std::string why_unchangeable(const change& c, bool input) const;
  void failed_attempt(action_index a, outcome what);
  void in_doubt(action_index a, std::string error_class, std::string text, event_actor actor);
  void after_failure(action_index a, std::string_view error_class, const std::string& text,
                     std::optional<milliseconds> retry_after, bool retryable);
  void exhaust(action_index a, std::string_view error_class, const std::string& text,
               std::string why);

  const definition& def_;
  const workflow_state& state_;
  const time_ms clock_;  ///< may be behind the latest event
  const time_ms now_;    ///< of what is decided: never before the latest event
  rng& random_;
  const rulebook& rules_;
  const std::string who_;  ///< asks
  decision& out_;
  std::optional<retry_policy> changed_policy_;
};

void decider::on(const create& c) {
  auto& created = emit(event_kind::workflow_created, no_action, event_actor::user);
  created.text = c.terms;
  if (def_.spec.deadline) {
    created.due_at_ms = now_ + def_.spec.deadline->count();
    effect_of(effect::kind::watch, no_action, created.due_at_ms);
  }
  for (action_index a = 0; a < def_.size(); ++a) {
    if (def_.dependencies[a].empty()) make_ready(a);
  }
}

/// All dependencies are over: the action starts, or waits for its time.
void decider::make_ready(action_index a) {
  const auto& spec = def_.spec.actions[a];
  time_ms due = 0;
  if (spec.scheduled_at) due = spec.scheduled_at->time_since_epoch().count();
  if (spec.delay) due = now_ + spec.delay->count();
  if (due > clock_) {  // the clock may have stepped back behind the latest event
    emit(event_kind::action_scheduled, a).due_at_ms = due;
    effect_of(effect::kind::wait, a, due);
  } else {
    due = now_;
    effect_of(effect::kind::start, a);
  }
  limit_closing(a, due);
}

void decider::limit_closing(action_index a, time_ms from) {
  if (const auto& limit = rules_of(a).options().schedule_to_close) {
    auto& set = emit(event_kind::action_deadline_set, a);
    set.due_at_ms = from + limit->count();
    effect_of(effect::kind::watch, a, set.due_at_ms);
  }
}

void decider::release_dependants(action_index a) {
  for (const action_index d : def_.dependants[a]) {
    if (state_.actions[d].open_dependencies == 1 && state_.actions[d].phase == phase::blocked) {
      make_ready(d);
    }
  }
}

void decider::finish_if_last() {
  if (state_.open_actions() != 1) return;
  emit(event_kind::workflow_completed);
  effect_of(effect::kind::finish);
}

void decider::complete(action_index a, std::string result, event_actor actor) {
  emit(event_kind::action_completed, a, actor).text = std::move(result);
  effect_of(effect::kind::close, a);
  release_dependants(a);
  finish_if_last();
}

/// The payload is the result. It stays where it is.
void decider::take_signal(action_index a, std::uint64_t seq) {
  emit(event_kind::action_completed, a).signal_seq = seq;
  effect_of(effect::kind::close, a);
  release_dependants(a);
  finish_if_last();
}

void decider::skip(action_index a, std::string why, event_actor actor) {
  emit(event_kind::action_skipped, a, actor).text = std::move(why);
  effect_of(effect::kind::close, a);
  release_dependants(a);
  finish_if_last();
}

/// What ends the action must not hide what its last attempt said.
std::string decider::after_last_error(action_index a, std::string why) const {
  const auto& last = state_.actions[a].last_error;
  if (last == action_error{}) return why;
  why += "; last error: " + last.error_class + ": " + last.message;
  return clipped(std::move(why), rules_.bounds().text_bytes_max);
}

void decider::fail_workflow(action_index a, std::string text) {
  auto& failed = emit(event_kind::workflow_failed);
  failed.action = a;
  failed.attempt = 0;
  failed.text = std::move(text);
  effect_of(effect::kind::finish);
}

void decider::fail_action(action_index a, std::string error_class, std::string text,
                          event_actor actor) {
  auto& failed = emit(event_kind::action_failed, a, actor);
  failed.error_class = std::move(error_class);
  failed.text = text;
  effect_of(effect::kind::close, a);
  fail_workflow(a, "action " + def_.spec.actions[a].key + " failed: " + std::move(text));
}

void decider::on(const begin_attempt& c) {
  const auto& action = state_.actions[c.action];
  const bool goes_on = action.goes_on();
  const bool may_start = action.phase == phase::ready || is_timed(action.phase);
  const std::uint32_t next = goes_on ? action.attempt : action.attempt + 1;
  if (state_.terminal() || !may_start || c.attempt != next) return;
  if (goes_on && c.deferrals != action.deferrals) return;  // of a call that was ended from outside
  auto& started = emit(event_kind::attempt_started, c.action);
  started.attempt = c.attempt;
  started.count = goes_on ? action.deferrals : 0;
  started.delivery = goes_on ? action.delivery : rules_of(c.action).options().delivery;
  if (c.at_ms > 0) started.at_ms = std::clamp(c.at_ms, state_.updated_at_ms, now_);
  // The clock may have stepped back between the alarm and the handler.
  started.at_ms = std::max(started.at_ms, action.due_at_ms);
}

/// What waits from here on for its lane is found where ready actions are.
void decider::on(const come_due& c) {
  const auto& action = state_.actions[c.action];
  if (state_.terminal() || !is_timed(action.phase)) return;
  auto& due = emit(event_kind::action_due, c.action);
  due.attempt = 0;
  due.at_ms = std::max(now_, action.due_at_ms);  // the clock may have stepped back since the alarm
  effect_of(effect::kind::start, c.action);
}

void decider::on(const end_attempt& c) {
  const auto& action = state_.actions[c.action];
  const bool is_late = (action.attempt != c.attempt && !TENAX_PLANTED(8)) ||
                       (c.deferrals && *c.deferrals != action.deferrals);
  if (state_.terminal() || action.phase != phase::executing || is_late) {
    // Its start may have come too late to be recorded, but nothing beyond the next attempt was ever
    // launched.
    if (c.attempt == 0 || c.attempt > action.attempt + 1) return;
    const bool says_nothing = c.what.what == outcome::kind::pending;
    if (says_nothing && c.attempt <= action.attempt) return;
    auto& late = emit(event_kind::late_result, c.action, event_actor::handler);
    late.attempt = c.attempt;
    late.text = c.what.what == outcome::kind::success ? "success" : "no success";
    return;
  }
  take_outcome(c.action, c.what, c.secret);
}

void decider::full_history(action_index a) {
  fail_workflow(a, "the history has reached history_events_max (" +
                       std::to_string(rules_.bounds().history_events_max) + " events)");
}

void decider::take_outcome(action_index a, const outcome& what, const attempt_secret& secret) {
  if (state_.seq >= rules_.bounds().history_events_max) return full_history(a);
  switch (what.what) {
    case outcome::kind::success:
      if (what.result.size() > rules_.bounds().payload_bytes_max) {
        failed_attempt(a,
                       outcome::fatal("result_too_large",
                                      "the result of " + std::to_string(what.result.size()) +
                                          " bytes exceeds payload_bytes_max (" +
                                          std::to_string(rules_.bounds().payload_bytes_max) + ")"));
      } else {
        complete(a, what.result, event_actor::handler);
      }
      break;
    case outcome::kind::defer: {
      const time_ms until =
          std::max<time_ms>(what.until.time_since_epoch().count(), 1);  // 0 would be none
      if (until > now_ + rules_.bounds().delay_max.count()) {
        failed_attempt(a, too_long("the deferral of", milliseconds(until - now_)));
        break;
      }
      auto& deferred = emit(event_kind::attempt_deferred, a, event_actor::handler);
      deferred.due_at_ms = until;
      deferred.error_class = clipped(what.error_class, 128);
      deferred.text = clipped(what.message, rules_.bounds().text_bytes_max);
      effect_of(effect::kind::wait, a, until);
      break;
    }
    case outcome::kind::failure:
    case outcome::kind::fatal:
    case outcome::kind::unknown:
      if (what.retry_after && *what.retry_after > rules_.bounds().delay_max) {
        auto instead = too_long("the retry_after of", *what.retry_after);
        instead.message += "; the failure: " + what.error_class + ": " + what.message;
        failed_attempt(a, std::move(instead));
      } else {
        failed_attempt(a, what);
      }
      break;
    case outcome::kind::pending:
      open_attempt(a, what, secret);
      break;
    default:  // a handler's memory that was never written
      failed_attempt(
          a, outcome::unknown("bad_outcome", "the handler returned an outcome of kind " +
                                                 std::to_string(static_cast<unsigned>(what.what)) +
                                                 ", which is none"));
      break;
  }
}

/// When start_to_close ends the open attempt; 0: never. As for a handler that runs, the time for
/// which it was deferred does not count.
time_ms decider::close_of_attempt(action_index a) const {
  const auto& limit = rules_of(a).options().start_to_close;
  const auto& action = state_.actions[a];
  const bool opens = action.phase == phase::executing && action.deferrals > 0;
  return limit ? (opens ? now_ : action.started_at_ms) + limit->count() : 0;
}

void decider::open_attempt(action_index a, const outcome& what, const attempt_secret& secret) {
  const bool for_signal = !what.signal.empty();
  if (for_signal && !valid_id(what.signal)) {
    return failed_attempt(a, outcome::fatal("bad_signal", "a signal has no such name"));
  }
  const auto& heartbeat =
      what.heartbeat || for_signal ? what.heartbeat : rules_of(a).options().heartbeat;
  if (heartbeat && heartbeat->count() < (for_signal ? 0 : 1)) {
    return failed_attempt(a, outcome::fatal("bad_heartbeat", "a heartbeat is at least 1 ms"));
  }
  if (heartbeat && *heartbeat > rules_.bounds().delay_max) {
    return failed_attempt(a, too_long("the heartbeat of", *heartbeat));
  }
  auto& opened = emit(event_kind::attempt_opened, a, event_actor::handler);
  opened.secret = secret;
  opened.name = what.signal;
  opened.text = clipped(what.message, rules_.bounds().text_bytes_max);
  opened.due_at_ms = close_of_attempt(a);
  if (heartbeat) {
    const time_ms until = now_ + heartbeat->count();
    if (!for_signal) opened.wait_ms = heartbeat->count();
    opened.due_at_ms = opened.due_at_ms == 0 ? until : std::min(opened.due_at_ms, until);
  }
  const time_ms due = opened.due_at_ms;
  if (const auto* early = for_signal ? state_.signal_of(what.signal) : nullptr) {
    if (TENAX_PLANTED(27)) {
      for (const auto& s : state_.signals) early = s.name == what.signal ? &s : early;
    }
    return take_signal(a, early->seq);
  }
  effect_of(effect::kind::close, a);
  if (due != 0) effect_of(effect::kind::watch, a, due);
}

/// Whether the word that ended the attempt was this one.
bool decider::was_said(action_index a, const outcome& what) const {
  event said;
  switch (what.what) {
    case outcome::kind::success:
      said.kind = event_kind::action_completed;
      said.text = what.result;
      break;
    case outcome::kind::defer:
      said.kind = event_kind::attempt_deferred;
      break;
    default:
      said.kind = event_kind::attempt_failed;
      break;
  }
  if (what.what != outcome::kind::success) {
    said.error_class = clipped(what.error_class, 128);
    said.text = clipped(what.message, rules_.bounds().text_bytes_max);
  }
  const auto& action = state_.actions[a];
  if (action.outside_word == word_of(said)) return true;
  if (what.what != outcome::kind::unknown) return false;
  said.kind = event_kind::outcome_unknown;
  if (said.error_class.empty()) said.error_class = "unknown";
  return action.outside_word == word_of(said);
}

void decider::lost(action_index a, std::string_view why) {
  out_.refused.emplace(errc::lease_lost, "workflow " + def_.spec.id + ", action " +
                                             def_.spec.actions[a].key + ": " + std::string(why));
}

void decider::on(const end_open_attempt& c) {
  const auto& action = state_.actions[c.action];
  if (c.what.what > outcome::kind::unknown) {
    out_.refused.emplace(errc::invalid_argument, "an outcome that ends nothing");
    return;
  }
  const bool is_of_another = action.phase == phase::outside && c.attempt != action.attempt;
  const bool is_known = c.secret.is(action.secret) && !action.secret.empty() && !is_of_another;
  if ((!is_known || c.attempt > action.attempt) && !TENAX_PLANTED(25)) {
    return lost(c.action, "the token is not of an attempt that is open");
  }
  const bool is_open = action.phase == phase::outside && c.attempt == action.attempt;
  const bool fails = c.what.what != outcome::kind::success && c.what.what != outcome::kind::defer;
  if (is_open && fails && rules_of(c.action).entry == nullptr) {
    out_.refused.emplace(errc::wrong_state,
                         "workflow " + def_.spec.id + ", action " +
                             def_.spec.actions[c.action].key + ": no handler of " +
                             def_.spec.actions[c.action].type +
                             " is registered, so nobody knows what follows a failure");
    return;
  }
  if (is_open || (TENAX_PLANTED(25) && action.phase == phase::outside)) {
    return take_outcome(c.action, c.what, {});
  }
  if (was_said(c.action, c.what)) return;  // it has been used
  auto& late = emit(event_kind::late_result, c.action, event_actor::handler);
  late.attempt = c.attempt;
  late.text = c.what.what == outcome::kind::success ? "success" : "no success";
  lost(c.action, "attempt " + std::to_string(c.attempt) + " is not open any more");
}

void decider::on(const hear_of_attempt& c) {
  const auto& action = state_.actions[c.action];
  const bool is_open = action.phase == phase::outside && c.attempt == action.attempt;
  if (!is_open || !c.secret.is(action.secret)) {
    return lost(c.action, "the token is not of an attempt that is open");
  }
  if (action.heartbeat_ms == 0 || action.due_at_ms - now_ >= action.heartbeat_ms) return;
  // Half of it more, so that not every heartbeat is written.
  time_ms until = now_ + action.heartbeat_ms + action.heartbeat_ms / 2;
  if (const time_ms most = close_of_attempt(c.action); most != 0) until = std::min(until, most);
  if (until <= action.due_at_ms || state_.seq >= rules_.bounds().history_events_max) return;
  emit(event_kind::attempt_extended, c.action).due_at_ms = until;
  effect_of(effect::kind::watch, c.action, until);
}

/// Nobody was heard of for too long, or start_to_close has passed.
void decider::give_up_open(const action_deadline& c) {
  const auto& action = state_.actions[c.action];
  // Without its handler nobody knows what follows: that waits for an open that does.
  if (rules_of(c.action).entry == nullptr) return;
  if (state_.seq >= rules_.bounds().history_events_max) return full_history(c.action);
  const time_ms most = close_of_attempt(c.action);
  // Of a signal's timeout and start_to_close the one that came first counts.
  const bool is_closed =
      most != 0 && most <= now_ && (action.signal.empty() || action.due_at_ms >= most);
  if (!is_closed && action.heartbeat_ms != 0) {
    time_ms until = c.opened_at_ms + action.heartbeat_ms;
    if (most != 0) until = std::min(until, most);
    if (until > now_) {
      emit(event_kind::attempt_extended, c.action).due_at_ms = until;
      return effect_of(effect::kind::watch, c.action, until);
    }
  }
  if (!is_closed && !action.signal.empty()) {
    return failed_attempt(c.action, outcome::fatal("signal_timeout", "no signal " + action.signal +
                                                                         " within its timeout"));
  }
  const bool silent = !is_closed && action.heartbeat_ms != 0;
  const std::string error_class = silent ? "heartbeat_timeout" : "timeout";
  const auto& limit = rules_of(c.action).options().start_to_close;
  const std::string text =
      silent ? "nothing was heard of the open attempt within its heartbeat (" +
                   std::to_string(action.heartbeat_ms) + " ms)"
             : "no outcome within start_to_close" +
                   (limit ? " (" + std::to_string(limit->count()) + " ms)" : std::string());
  if (action.delivery == delivery::at_most_once) {
    return in_doubt(c.action, error_class, text, event_actor::system);
  }
  auto& given_up = emit(event_kind::attempt_timed_out, c.action);
  if (silent) given_up.error_class = error_class;
  given_up.text = text;
  after_failure(c.action, error_class, text, std::nullopt, true);
}

/// A delay is never cut: what the handler asked for would silently not be done. Again would say the
/// same.
outcome decider::too_long(std::string_view what, milliseconds asked_for) const {
  return outcome::fatal("delay_too_long",
                        std::string(what) + ' ' + std::to_string(asked_for.count()) +
                            " ms exceeds delay_max (" +
                            std::to_string(rules_.bounds().delay_max.count()) + ")");
}

void decider::failed_attempt(action_index a, outcome what) {
  auto error_class = clipped(std::move(what.error_class), 128);
  auto text = clipped(std::move(what.message), rules_.bounds().text_bytes_max);
  if (what.what == outcome::kind::unknown && state_.actions[a].delivery == delivery::at_most_once) {
    if (error_class.empty()) error_class = "unknown";
    return in_doubt(a, std::move(error_class), std::move(text), event_actor::handler);
  }
  auto& failed = emit(event_kind::attempt_failed, a, event_actor::handler);
  failed.error_class = error_class;
  failed.text = text;
  after_failure(a, error_class, text, what.retry_after, what.what != outcome::kind::fatal);
}

/// Its effect may have happened, and it is not to happen twice: somebody has to decide.
void decider::in_doubt(action_index a, std::string error_class, std::string text,
                       event_actor actor) {
  auto& unknown = emit(event_kind::outcome_unknown, a, actor);
  unknown.error_class = std::move(error_class);
  unknown.text = std::move(text);
  effect_of(effect::kind::close, a);
}

/// Most specific wins: the handler's word, the rule for the error class, the policy.
void decider::after_failure(action_index a, std::string_view error_class, const std::string& text,
                            std::optional<milliseconds> retry_after, bool retryable) {
  const auto& action = state_.actions[a];
  const retry_policy& policy = policy_of(a);
  const std::uint32_t failures = action.failures + 1;
  const auto rule = std::find_if(policy.rules.begin(), policy.rules.end(),
                                 [&](const error_rule& r) { return r.error_class == error_class; });
  const bool has_rule = rule != policy.rules.end();
  if (!retryable) return exhaust(a, error_class, text, "the handler said not to retry");
  if (has_rule && !rule->retry && !retry_after) {
    return exhaust(a, error_class, text, "this error class is not retried");
  }
  if (!policy.should_retry(failures)) {
    return exhaust(a, error_class, text, "max_attempts reached");
  }
  const std::uint64_t n = failures - 1;
  const milliseconds previous{action.last_wait_ms};
  milliseconds delay{0};
  delay_bounds range;
  if (retry_after || (has_rule && rule->fixed_delay)) {
    delay = std::max(milliseconds{0}, retry_after ? *retry_after : *rule->fixed_delay);
    range = {delay, delay};
  } else {
    delay = policy.next_delay(n, random_, previous);
    range = policy.bounds(n, previous);
  }
  const time_ms due = (TENAX_PLANTED(10) ? action.started_at_ms : now_) + delay.count();
  if (action.close_by_ms != 0 && due >= action.close_by_ms) {
    return exhaust(a, error_class, text, "the next retry would come after schedule_to_close");
  }
  auto& retry = emit(event_kind::retry_scheduled, a);
  retry.due_at_ms = due;
  retry.wait_ms = delay.count();
  retry.least_ms = range.least.count();
  retry.most_ms = range.most.count();
  retry.count = policy.max_attempts;
  effect_of(effect::kind::wait, a, due);
}

void decider::exhaust(action_index a, std::string_view error_class, const std::string& text,
                      std::string why) {
  const retry_policy& policy = policy_of(a);
  auto& exhausted = emit(event_kind::retry_exhausted, a);
  exhausted.count = policy.max_attempts;
  exhausted.text = std::move(why);
  switch (policy.exhausted) {
    case on_exhausted::fail_workflow:
      fail_action(a, std::string(error_class), text, event_actor::system);
      break;
    case on_exhausted::pause:
      emit(event_kind::action_paused, a);
      effect_of(effect::kind::close, a);
      break;
    case on_exhausted::skip:
      skip(a, "exhausted: " + text, event_actor::system);
      break;
  }
}

void decider::on(const time_out_attempt& c) {
  const auto& action = state_.actions[c.action];
  if (state_.terminal() || action.phase != phase::executing || action.attempt != c.attempt) return;
  const auto limit = rules_of(c.action).options().start_to_close;
  const std::string text = "no outcome within start_to_close" +
                           (limit ? " (" + std::to_string(limit->count()) + " ms)" : std::string());
  effect_of(effect::kind::stop, c.action);
  if (action.delivery == delivery::at_most_once) {
    return in_doubt(c.action, "timeout", text, event_actor::system);
  }
  emit(event_kind::attempt_timed_out, c.action).text = text;
  after_failure(c.action, "timeout", text, std::nullopt, true);
}

/// Made again at the next open, unless its handler may have done a part of what is to be done at
/// most once. No recovery: those count what kills the process.
void decider::on(const interrupt_attempt& c) {
  const auto& action = state_.actions[c.action];
  if (state_.terminal() || action.phase != phase::executing || action.attempt != c.attempt) return;
  if (c.stopped && action.delivery == delivery::at_most_once) {
    return in_doubt(c.action, "", "stopped because the engine closed", event_actor::system);
  }
  emit(event_kind::attempt_interrupted, c.action).count = action.recoveries;
}

void decider::on(const action_deadline& c) {
  const auto& action = state_.actions[c.action];
  if (state_.terminal() || is_over(action.phase)) return;
  if (action.close_by_ms == 0 || action.close_by_ms > now_) {
    const time_ms open_until = action.phase == phase::outside ? action.due_at_ms : 0;
    if (open_until != 0 && (open_until <= now_ || TENAX_PLANTED(26))) return give_up_open(c);
    // An early alarm: the clock stepped, or the attempt was heard of.
    for (const time_ms at : {action.close_by_ms, open_until}) {
      if (at != 0) effect_of(effect::kind::watch, c.action, at);
    }
    return;
  }
  if (action.phase == phase::executing) effect_of(effect::kind::stop, c.action);
  const auto limit = rules_of(c.action).options().schedule_to_close;
  fail_action(c.action, "timeout",
              after_last_error(c.action, "not done within schedule_to_close" +
                                             (limit ? " (" + std::to_string(limit->count()) + " ms)"
                                                    : std::string())),
              event_actor::system);
}

void decider::on(const workflow_deadline&) {
  if (state_.terminal() || state_.deadline_at_ms == 0) return;
  if (state_.deadline_at_ms > now_) {
    effect_of(effect::kind::watch, no_action, state_.deadline_at_ms);
    return;
  }
  fail_workflow(no_action, "the workflow's deadline has passed");
}

void decider::on(const cancel& c) {
  if (state_.status == workflow_status::cancelled) return;
  if (state_.terminal()) {
    out_.refused.emplace(errc::wrong_state, "workflow " + def_.spec.id + " is " +
                                                std::string(to_string(state_.status)) +
                                                " and cannot be cancelled");
    return;
  }
  emit(event_kind::workflow_cancelled, no_action, event_actor::user).text =
      clipped(c.reason, rules_.bounds().text_bytes_max);
  effect_of(effect::kind::finish);
}

void decider::on(const resolve& c) {
  const auto& action = state_.actions[c.action];
  const std::string& key = def_.spec.actions[c.action].key;
  const bool waits = action.phase == phase::in_doubt || action.phase == phase::paused ||
                     action.phase == phase::outside;
  if (state_.terminal() || !waits) {
    out_.refused.emplace(
        errc::wrong_state,
        "action " + key + " of workflow " + def_.spec.id + " does not wait for a decision" +
            (action.phase == phase::executing ? " (it runs, or did when its engine ended)" : ""));
    return;
  }
  if (c.decision.what == resolution::kind::complete &&
      c.decision.value.size() > rules_.bounds().payload_bytes_max) {
    out_.refused.emplace(errc::invalid_argument,
                         "workflow " + def_.spec.id + ", action " +
                             def_.spec.actions[c.action].key + ": the value of " +
                             std::to_string(c.decision.value.size()) +
                             " bytes exceeds payload_bytes_max (" +
                             std::to_string(rules_.bounds().payload_bytes_max) + ")");
    return;
  }
  if (c.decision.what > resolution::kind::fail) {
    out_.refused.emplace(
        errc::invalid_argument,
        "no decision of kind " + std::to_string(static_cast<unsigned>(c.decision.what)));
    return;
  }
  auto& resolved = emit(event_kind::action_resolved, c.action, event_actor::user);
  resolved.name = clipped(c.decision.reason, rules_.bounds().text_bytes_max);
  switch (c.decision.what) {
    case resolution::kind::retry:
      resolved.text = "retry";
      effect_of(effect::kind::start, c.action);
      break;
    case resolution::kind::skip:
      resolved.text = "skip";
      skip(c.action, "decided", event_actor::user);
      break;
    case resolution::kind::complete:
      resolved.text = "complete";
      complete(c.action, c.decision.value, event_actor::user);
      break;
    case resolution::kind::fail:
      resolved.text = "fail";
      fail_action(c.action, "decided", clipped(c.decision.value, rules_.bounds().text_bytes_max),
                  event_actor::user);
      break;
  }
}

void decider::on(const retry& c) {
  const auto named = [&](action_index a) { return "action " + def_.spec.actions[a].key; };
  const std::string of = " of workflow " + def_.spec.id;
  if (state_.status == workflow_status::failed) {
    if (c.action != no_action && c.action != state_.failed_action) {
      out_.refused.emplace(errc::wrong_state, named(c.action) + of + " is not the one that failed");
    } else if (state_.seq >= rules_.bounds().history_events_max) {
      out_.refused.emplace(errc::wrong_state, "the history" + of +
                                                  " has reached history_events_max and has no "
                                                  "room for more");
    } else {
      continue_workflow(c);
    }
    return;
  }
  if (state_.terminal()) {
    out_.refused.emplace(errc::wrong_state, "workflow " + def_.spec.id + " is " +
                                                std::string(to_string(state_.status)) +
                                                ": nothing of it is left to retry");
    return;
  }
  const auto ask = [&](action_index a) {
    emit(event_kind::retry_requested, a, event_actor::user).text =
        clipped(c.reason, rules_.bounds().text_bytes_max);
    effect_of(effect::kind::close, a);  // of its timer
    effect_of(effect::kind::start, a);
  };
  const auto is_made = [&](action_index a) {
    return std::find(c.begun.begin(), c.begun.end(), a) != c.begun.end();
  };
  if (c.action == no_action) {
    bool any = false;
    for (action_index a = 0; a < def_.size(); ++a) {
      if (state_.actions[a].phase != phase::backing_off) continue;
      any = true;
      if (!is_made(a)) ask(a);
    }
    if (!any) {
      out_.refused.emplace(errc::wrong_state, "nothing" + of + " waits for a retry");
    }
    return;
  }
  const phase p = state_.actions[c.action].phase;
  if (p == phase::backing_off || p == phase::deferred) {
    if (!is_made(c.action)) ask(c.action);
    return;
  }
  const bool decides = p == phase::in_doubt || p == phase::paused;
  out_.refused.emplace(errc::wrong_state,
                       named(c.action) + of +
                           (decides               ? " waits for a decision (resolve)"
                            : p == phase::outside ? " has an open attempt (end_attempt, or resolve)"
                                                  : " waits for no retry"));
}

/// All that was done stays; what was open goes on, with all its attempts and with new deadlines.
void decider::continue_workflow(const retry& c) {
  for (const action_index a : c.begun) {
    auto& late = emit(event_kind::late_result, a);
    ++late.attempt;
    late.text = "none yet";
  }
  auto& continued = emit(event_kind::workflow_continued, no_action, event_actor::user);
  continued.text = clipped(c.reason, rules_.bounds().text_bytes_max);
  if (def_.spec.deadline) {
    continued.due_at_ms = now_ + def_.spec.deadline->count();
    effect_of(effect::kind::watch, no_action, continued.due_at_ms);
  }
  for (action_index a = 0; a < def_.size(); ++a) {
    const auto& action = state_.actions[a];
    const bool goes_on = action.phase == phase::failed || action.phase == phase::cancelled;
    if (!goes_on || action.open_dependencies > 0 || is_in_doubt(action)) continue;
    if (action.attempt == 0) {
      make_ready(a);
    } else {
      effect_of(effect::kind::start, a);
      limit_closing(a, now_);
    }
  }
}

/// Why nothing of the action changes any more, or not now; "" if it may.
std::string decider::why_unchangeable(const change& c, bool input) const {
  const phase p = state_.actions[c.action].phase;
  if (state_.terminal() && state_.status != workflow_status::failed) {
    return "the workflow is " + std::string(to_string(state_.status));
  }
  if (p == phase::completed) return "it is completed";
  if (p == phase::skipped) return "it is skipped";
  if (state_.seq >= rules_.bounds().history_events_max) {
    return "the history has reached history_events_max";
  }
  if (!input) return "";
  if (p == phase::outside) {
    return "its attempt is open, and has the input: wait for its end, or cancel the workflow";
  }
  if (p != phase::executing && !c.begun) return "";
  return "its attempt runs, and has the input: wait for its end, or cancel the workflow";
}

/// What was decided before is kept: a call that has begun ends as it would have, and what waits
/// for a time waits for it.
void decider::on(const change& c) {
  const auto& action = state_.actions[c.action];
  const auto& spec = def_.spec.actions[c.action];
  const change_state as_submitted;
  const change_state& now = action.change ? *action.change : as_submitted;
  const auto& input = c.what.input;
  const bool new_input =
      input && (now.input_seq == 0 ? *input != spec.input : now.input_word != input_word(*input));
  auto policy = c.what.policy_as_registered ? policy_change() : now.policy;
  if (c.what.policy) policy = policy.then(*c.what.policy);
  const bool new_policy = policy != now.policy;
  if (!new_input && !new_policy) return;  // it is so already
  if (const auto why = why_unchangeable(c, new_input); !why.empty()) {
    out_.refused.emplace(errc::wrong_state, "action " + spec.key + " of workflow " + def_.spec.id +
                                                " cannot be changed: " + why);
    return;
  }
  const auto emit_change = [&](event_kind kind, std::string text) {
    auto& changed = emit(kind, c.action, event_actor::user);
    changed.attempt = 0;
    changed.name = clipped(c.what.reason, rules_.bounds().text_bytes_max);
    changed.text = std::move(text);
  };
  if (new_policy) emit_change(event_kind::policy_changed, print_policy(policy));
  if (!new_input) return;
  emit_change(event_kind::input_changed, *input);
  if (TENAX_PLANTED(34)) return;
  // What is about to call it with the old one.
  if (action.phase == phase::ready) {
    effect_of(effect::kind::close, c.action);
    effect_of(effect::kind::start, c.action);
  } else if (is_timed(action.phase)) {
    effect_of(effect::kind::close, c.action);
    effect_of(effect::kind::wait, c.action, action.due_at_ms);
  }
}

void decider::on(const send_signal& c) {
  const std::string to = "workflow " + def_.spec.id;
  const auto refuse = [&](errc code, const std::string& why) { out_.refused.emplace(code, why); };
  const auto key = signal_key(c.name, c.key);
  const auto same = std::find_if(state_.signals.begin(), state_.signals.end(),
                                 [key](const signal_state& s) { return s.key == key; });
  if (key != 0 && same != state_.signals.end() && !TENAX_PLANTED(28)) {
    if (same->word == signal_word(c.payload)) return;  // it is there
    return refuse(errc::conflict,
                  to + " has had a signal " + c.name + " of this key with another payload");
  }
  if (state_.terminal()) {
    return refuse(errc::wrong_state, to + " is " + std::string(to_string(state_.status)) +
                                         ": it takes no signals any more");
  }
  if (state_.signals.size() >= rules_.bounds().signals_max) {
    return refuse(errc::overloaded, to + " has had signals_max (" +
                                        std::to_string(rules_.bounds().signals_max) + ") signals");
  }
  if (state_.seq >= rules_.bounds().history_events_max) {
    return refuse(errc::wrong_state, "the history of " + to + " has reached history_events_max");
  }
  auto& received = emit(event_kind::signal_received, no_action, event_actor::user);
  received.name = c.name;
  received.key = c.key;
  received.text = c.payload;
  // Who has waited longest has it.
  action_index who = no_action;
  for (action_index a = 0; a < def_.size(); ++a) {
    const auto& action = state_.actions[a];
    if (action.phase != phase::outside || action.signal != c.name) continue;
    if (who == no_action || action.opened_seq < state_.actions[who].opened_seq) who = a;
  }
  if (who != no_action) take_signal(who, state_.seq + 1);
}

void decider::on(const record_terms& c) {
  if (state_.terminal()) {
    out_.refused.emplace(errc::wrong_state, "workflow " + def_.spec.id + " is " +
                                                std::string(to_string(state_.status)) +
                                                ": its terms can no longer change");
    return;
  }
  emit(event_kind::terms_recorded, no_action, event_actor::user).text = c.terms;
}

void decider::on(const recover&) {
  for (action_index a = 0; a < def_.size(); ++a) {
    const auto& action = state_.actions[a];
    if (action.phase != phase::executing) continue;
    if (TENAX_PLANTED(13)) continue;
    if (action.delivery == delivery::at_most_once) {
      in_doubt(a, "", "in flight at a crash", event_actor::system);
      continue;
    }
    const auto rules = rules_of(a);
    // Without its handler nobody knows its max_recoveries: that waits for an open that does.
    if (rules.entry == nullptr) continue;
    emit(event_kind::attempt_interrupted, a).count = action.recoveries + 1;
    if (action.recoveries + 1 > rules.options().max_recoveries) {
      fail_action(a, "max_recoveries",
                  after_last_error(a, "attempts were interrupted by " +
                                          std::to_string(action.recoveries + 1) +
                                          " crashes, more than max_recoveries (" +
                                          std::to_string(rules.options().max_recoveries) + ")"),
                  event_actor::system);
      return;
    }
    effect_of(effect::kind::start, a);
  }
}

}  // namespace

void decide(const definition& def, const workflow_state& state, const command& what, time_ms now_ms,
            rng& random, const rulebook& rules, decision& out) {
  std::visit(
      [&](const auto& c) {
        std::string_view who;
        if constexpr (requires { c.who; }) who = c.who;
        decider(def, state, now_ms, random, rules, who, out).on(c);
      },
      what);
}

}  // namespace tenax::model
