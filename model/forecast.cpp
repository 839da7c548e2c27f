#include "model/forecast.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "model/clipped.hpp"
#include "model/documents/timestamp.hpp"

namespace tenax::model {

namespace {

using next = outlook::next;
using kinds = std::vector<std::string_view>;

constexpr std::size_t steps_max = 64;
constexpr std::size_t error_bytes_max = 200;

/// Of an attempt that is recorded as started.
kinds ends_of_attempt() {
  return {"action_completed",    "attempt_failed",  "attempt_deferred", "attempt_timed_out",
          "attempt_interrupted", "outcome_unknown", "workflow_failed",  "attempt_opened"};
}

class forecaster {
 public:
  forecaster(const definition& def, const workflow_state& state, const vantage& from)
      : def_(def), state_(state), from_(from) {}
  void look_at(const outlook& o);
  void look_at_deadlines();
  std::vector<forecast_step> take();

 private:
  enum class comes : std::uint8_t { start, give_up, close };
  struct timed {
    time_ms at_ms = 0;
    action_index action = no_action;  ///< no_action: the workflow closes
    comes what{};
    auto operator<=>(const timed&) const = default;
  };
  [[nodiscard]] const std::string& key_of(action_index a) const { return def_.spec.actions[a].key; }
  [[nodiscard]] forecast_step at_any_moment(const outlook& o, std::size_t count) const;
  [[nodiscard]] forecast_step at_its_time(const timed& t) const;
  [[nodiscard]] std::string what_follows(action_index a, time_ms at_ms) const;
  [[nodiscard]] std::string if_it_succeeds(action_index a) const;
  [[nodiscard]] std::string if_it_fails(action_index a, time_ms at_ms) const;
  /// "(attempt 2 of 3)", as far as it is known.
  [[nodiscard]] std::string attempt_of(action_index a, bool begun) const;

  const definition& def_;
  const workflow_state& state_;
  const vantage& from_;
  using sort_of_moment = std::tuple<next, std::string_view, reason_kind, phase>;
  std::map<sort_of_moment, std::pair<outlook, std::size_t>> moments_;  ///< the first, and how many
  std::vector<timed> times_;
};

void forecaster::look_at(const outlook& o) {
  if (o.what == next::nothing) return;
  if (o.what == next::waits) {
    times_.push_back({state_.actions[o.action].due_at_ms, o.action, comes::start});
    return;
  }
  const auto& spec = def_.spec.actions[o.action];
  const phase p = state_.actions[o.action].phase;
  const auto [at, fresh] = moments_.try_emplace(
      {o.what, spec.type, o.held_by, is_timed(p) ? phase::scheduled : p}, std::pair(o, 0));
  ++at->second.second;
}

void forecaster::look_at_deadlines() {
  if (state_.deadline_at_ms != 0)
    times_.push_back({state_.deadline_at_ms, no_action, comes::close});
  for (action_index a = 0; a < def_.size(); ++a) {
    const auto& action = state_.actions[a];
    if (!is_over(action.phase) && action.close_by_ms != 0) {
      times_.push_back({action.close_by_ms, a, comes::close});
    }
    // Without its handler nobody knows what follows, and it stays open.
    const bool ends =
        from_.rules == nullptr || from_.rules->of(def_.spec.actions[a].type).entry != nullptr;
    if (action.phase == phase::outside && action.due_at_ms != 0 && ends) {
      times_.push_back({action.due_at_ms, a, comes::give_up});
    }
  }
}

std::string forecaster::attempt_of(action_index a, bool begun) const {
  const auto& action = state_.actions[a];
  const bool same = begun || action.goes_on();
  std::string out = " (attempt " + std::to_string(same ? action.attempt : action.attempt + 1);
  if (from_.rules != nullptr) {
    out += ", " + std::to_string(action.failures + 1) + " of " +
           std::to_string(from_.rules->attempts_in_all(def_.spec.actions[a].type, action));
  }
  return out + ")";
}

forecast_step forecaster::at_any_moment(const outlook& o, std::size_t count) const {
  forecast_step step;
  const auto& action = state_.actions[o.action];
  step.action = key_of(o.action);
  step.count = count;
  const bool recorded = action.phase == phase::executing;
  const std::string who = count == 1 ? step.action
                                     : step.action + " +" + std::to_string(count - 1) +
                                           " of type " + def_.spec.actions[o.action].type;
  const std::string attempt = count == 1 ? attempt_of(o.action, recorded) : std::string();
  switch (o.what) {
    case next::ends:
      step.text = "the handler of " + who + attempt + " returns";
      if (o.since_ms != 0) {
        step.text +=
            "; it runs " + print_since(as_wall_time(o.since_ms), as_wall_time(from_.now_ms));
      }
      break;
    case next::settles:
      step.text = "what came of " + who + attempt + " is recorded";
      break;
    default:
      step.text = who + attempt + " starts";
      if (o.held_by == reason_kind::lane_full) {
        step.text += " when a handler of " + def_.spec.actions[o.action].type + " has returned";
      } else if (o.held_by == reason_kind::workers_full) {
        step.text += " when a worker asks for " + def_.spec.actions[o.action].type;
      } else if (o.held_by == reason_kind::threads_full) {
        step.text += " when a thread is free";
      } else if (o.held_by == reason_kind::memory_full) {
        step.text += " when memory is free";
      } else if (o.held_by == reason_kind::unknown) {
        if (from_.engine != nullptr) step.text += " in its turn";
      }
      break;
  }
  if (recorded) {
    step.events = ends_of_attempt();
  } else {
    step.events = {"attempt_started"};
    if (is_timed(action.phase)) step.events.push_back("action_due");
  }
  if (count == 1) step.then = what_follows(o.action, from_.now_ms);
  return step;
}

forecast_step forecaster::at_its_time(const timed& t) const {
  forecast_step step;
  step.at = as_wall_time(t.at_ms);
  if (t.action == no_action) {
    step.text = "the workflow fails, unless it is over: its deadline";
    step.events = {"workflow_failed"};
    return step;
  }
  step.action = key_of(t.action);
  const auto& action = state_.actions[t.action];
  const bool closes = may_be_start_to_close(def_, t.action, action, from_.rules);
  if (t.what == comes::give_up && !action.signal.empty() && !(closes && from_.rules != nullptr)) {
    step.text =
        step.action + " fails, unless the signal " + action.signal + " has come: its timeout";
    step.then = "no retry";
    step.events = {"attempt_failed"};
    if (closes) step.events.insert(step.events.end(), {"attempt_timed_out", "outcome_unknown"});
    return step;
  }
  if (t.what == comes::give_up) {
    step.text = "the open attempt of " + step.action + " is given up, unless it is over" +
                (state_.actions[t.action].heartbeat_ms != 0 ? " or heard of" : "");
    step.then = if_it_fails(t.action, t.at_ms);
    step.events = {"attempt_timed_out", "outcome_unknown", "attempt_extended"};
    return step;
  }
  if (t.what == comes::close) {
    step.text = step.action + " fails, unless it is over: its schedule_to_close";
    step.then = "the workflow fails with it";
    step.events = {"action_failed"};
    return step;
  }
  switch (state_.actions[t.action].phase) {
    case phase::backing_off:
      step.text = step.action + " is tried again";
      break;
    case phase::deferred:
      step.text = step.action + " goes on";
      break;
    default:
      step.text = step.action + " starts";
      break;
  }
  step.text += attempt_of(t.action, false);
  step.then = what_follows(t.action, t.at_ms);
  step.events = {"attempt_started", "action_due"};
  return step;
}

std::string forecaster::what_follows(action_index a, time_ms at_ms) const {
  return if_it_succeeds(a) + "; " + if_it_fails(a, std::max(at_ms, from_.now_ms));
}

std::string forecaster::if_it_succeeds(action_index a) const {
  if (state_.open_actions() == 1) return "if it succeeds: the workflow is completed";
  std::string first;
  std::size_t more = 0;
  for (const action_index d : def_.dependants[a]) {
    if (state_.actions[d].open_dependencies != 1) continue;
    if (first.empty()) {
      first = key_of(d);
    } else {
      ++more;
    }
  }
  if (first.empty()) return "if it succeeds: it is done";
  return "if it succeeds: " + first + (more > 0 ? " +" + std::to_string(more) : "") + " can start";
}

std::string forecaster::if_it_fails(action_index a, time_ms at_ms) const {
  if (from_.rules == nullptr) return "if it fails: as its engine's retry policy says";
  const auto& action = state_.actions[a];
  std::optional<retry_policy> changed;
  const auto& policy = from_.rules->policy_of(def_.spec.actions[a].type, action, changed);
  const std::string by_change = changed ? ", by a changed policy" : "";
  const std::uint32_t failures = action.failures + 1;
  const auto wait = policy.bounds(failures - 1, milliseconds(action.last_wait_ms));
  const bool too_late = action.close_by_ms != 0 && at_ms + wait.least.count() >= action.close_by_ms;
  if (!policy.should_retry(failures) || too_late) {
    const std::string end = policy.exhausted == on_exhausted::pause  ? "it waits for a decision"
                            : policy.exhausted == on_exhausted::skip ? "it is skipped"
                                                                     : "the workflow fails";
    return "if it fails: " + end +
           (policy.should_retry(failures) ? ", for schedule_to_close leaves no time for a retry"
                                          : ", for no attempt is left") +
           by_change;
  }
  const std::uint32_t left = policy.max_attempts - failures;
  return "if it fails: a retry " + print_duration(wait.least) +
         (wait.most > wait.least ? " to " + print_duration(wait.most) : "") +
         " later, unless the handler says otherwise (" + std::to_string(left) +
         (left == 1 ? " attempt" : " attempts") + " left" + by_change + ")";
}

std::vector<forecast_step> forecaster::take() {
  std::vector<forecast_step> out;
  for (const auto& [sort, some] : moments_) {
    if (out.size() < steps_max) out.push_back(at_any_moment(some.first, some.second));
  }
  const std::size_t room = std::min(times_.size(), steps_max - out.size());
  std::partial_sort(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(room),
                    times_.end());
  for (std::size_t n = 0; n < room; ++n) out.push_back(at_its_time(times_[n]));
  if (from_.engine == nullptr && !from_.no_process) {
    for (auto& step : out) step.text += ", if a process goes on with it";
  }
  return out;
}

}  // namespace

bool may_be_start_to_close(const definition& def, action_index a, const action_state& open,
                           const rulebook* rules) {
  if (rules == nullptr) return true;
  const auto& limit = rules->of(def.spec.actions[a].type).options().start_to_close;
  return limit && open.due_at_ms >= open.started_at_ms + limit->count();
}

void add_forecast(const definition& def, const workflow_state& state, const vantage& from,
                  const std::vector<outlook>& outlooks, const std::vector<action_reason>& of_engine,
                  explanation& out) {
  // Where nothing starts any more, what has begun may still come to its end.
  const auto* engine = from.engine;
  const bool ends =
      engine != nullptr && (engine->closing || engine->draining || !engine->stopped.empty());
  forecaster steps(def, state, from);
  for (const auto& o : outlooks) {
    if (!ends || o.what != next::waits) steps.look_at(o);
  }
  if (!ends) steps.look_at_deadlines();
  const bool still = from.no_process || (engine != nullptr && engine->is_still());
  out.forecast = steps.take();
  out.nothing_by_itself = still || (out.forecast.empty() && !ends);
  if (!out.nothing_by_itself) return;
  forecast_step nothing;
  nothing.text = "nothing will happen by itself";
  if (still) {
    nothing.text += ": " + of_engine.front().text;
    if (!out.forecast.empty()) nothing.then = "then: " + out.forecast.front().text;
  }
  out.forecast = {std::move(nothing)};
}

namespace {

/// "bank: no answer"
std::string text_of(const action_error& e) {
  return clipped(e.error_class + (e.message.empty() ? "" : ": " + e.message), error_bytes_max);
}

std::string with_error(const std::string& key, const action_reason& r,
                       const std::optional<action_error>& last) {
  std::string out = key + ' ' + r.text + (r.note.empty() ? "" : "; " + r.note);
  if (last) out += ", after " + text_of(*last);
  return out;
}

std::string held(std::size_t n) {
  return n == 0 ? "" : "; it holds " + std::to_string(n) + (n == 1 ? " other" : " others");
}

/// The action of which the headline speaks.
struct subject {
  const explained_action* action = nullptr;
  const action_reason* why = nullptr;
  std::size_t holds = 0;
};

/// Of those that wait as `fits` says: the one that holds most, else the first.
template <class Fits>
subject find_subject(const explanation& e, Fits fits) {
  std::map<std::string_view, std::size_t> holds;
  for (const auto& r : e.roots) holds.emplace(r.key, r.holds);
  subject best;
  for (const auto& a : e.actions) {
    const auto found = std::find_if(a.reasons.begin(), a.reasons.end(), fits);
    if (found == a.reasons.end()) continue;
    const auto at = holds.find(a.key);
    const std::size_t n = at == holds.end() ? 0 : at->second;
    if (best.action == nullptr || n > best.holds) best = {&a, &*found, n};
  }
  return best;
}

std::string say(const subject& s) {
  return with_error(s.action->key, *s.why, s.action->last_error) + held(s.holds);
}

std::string count_of(std::size_t n, const std::string& noun) {
  return std::to_string(n) + ' ' + noun + (n == 1 ? "" : "s");
}

std::string end_of(const workflow_spec& spec, const workflow_state& state, wall_time now) {
  const std::string when = print_when(as_wall_time(state.closed_at_ms), now);
  const std::string why = clipped(state.reason, 2 * error_bytes_max);
  switch (state.status) {
    case workflow_status::completed:
      return "completed " + when;
    case workflow_status::cancelled:
      return "cancelled " + when + (why.empty() ? "" : ": " + why);
    default:
      break;
  }
  std::string out = "failed " + when + ": " + why;
  if (state.failed_action < spec.actions.size()) {
    const auto& action = state.actions[state.failed_action];
    out += " (" +
           (action.last_error.error_class.empty() ? "" : action.last_error.error_class + ", ") +
           "after " + count_of(action.attempt, "attempt") + ")";
  }
  return out + "; a retry goes on from there";
}

/// What goes on, of a workflow in which something does.
std::string next_of(const explanation& e) {
  const auto runs = static_cast<std::size_t>(std::count_if(
      e.actions.begin(), e.actions.end(), [](const auto& a) { return a.running.has_value(); }));
  if (runs > 0) {
    const auto first = std::find_if(e.actions.begin(), e.actions.end(),
                                    [](const auto& a) { return a.running.has_value(); });
    const std::string since = print_since(first->running->since, e.now);
    if (runs > 1) return count_of(runs, "action") + " run, " + first->key + ' ' + since;
    return first->key + " runs (attempt " + std::to_string(first->running->attempt) + ") " + since;
  }
  // What may come at any moment, else what comes first.
  const auto& step = e.forecast.front();
  const auto at = std::find_if(e.actions.begin(), e.actions.end(),
                               [&](const auto& a) { return a.key == step.action; });
  if (at != e.actions.end()) {
    for (const auto& r : at->reasons) {
      if (!is_of_engine(r.kind) && !needs_somebody(r.kind) && r.kind != reason_kind::dependencies) {
        const auto holds = std::find_if(e.roots.begin(), e.roots.end(),
                                        [&](const auto& root) { return root.key == at->key; });
        return say({&*at, &r, holds == e.roots.end() ? 0 : holds->holds});
      }
    }
  }
  return step.text + (step.at ? ", " + print_when(*step.at, e.now) : "");
}

}  // namespace

void add_headline(const definition& def, const workflow_state& state, const vantage& from,
                  const std::vector<action_reason>& of_engine, explanation& out) {
  if (state.terminal()) {
    out.headline = end_of(def.spec, state, out.now);
    auto& nothing = out.forecast.emplace_back();
    nothing.text = "nothing will happen by itself: it is over";
    if (state.status == workflow_status::failed) {
      nothing.then = "a retry goes on where it failed";
    }
    return;
  }
  const auto stuck =
      find_subject(out, [](const action_reason& r) { return needs_somebody(r.kind); });
  if (out.nothing_by_itself) {
    out.headline = "nothing will happen by itself: ";
    if (!of_engine.empty()) {
      out.headline += of_engine.front().text;
      if (stuck.action != nullptr) out.headline += "; " + say(stuck);
    } else if (stuck.action != nullptr) {
      out.headline += say(stuck);
      out.forecast.front().text = out.headline;
      out.forecast.front().action = stuck.action->key;
    }
    return;
  }
  if (!of_engine.empty()) {
    out.headline = of_engine.front().text;
    return;
  }
  out.headline = out.forecast.empty() ? "no action is open" : next_of(out);
  if (stuck.action != nullptr) out.headline += "; " + say(stuck);
  if (from.engine == nullptr) {
    out.headline += "; whether a process goes on with it is not known from here";
  }
}

}  // namespace tenax::model
