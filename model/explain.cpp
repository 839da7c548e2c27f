#include "model/explain.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "model/documents/timestamp.hpp"
#include "model/failpoint.hpp"
#include "model/forecast.hpp"
#include "model/roots.hpp"

namespace tenax {

namespace {

/// What ends a reason.
enum class ends_by : std::uint8_t {
  itself,    ///< time, other actions, places that become free
  somebody,  ///< a person, or a program with another handler
  engine,    ///< an open or a start of the engine as a whole
};

struct kind_row {
  reason_kind kind;
  std::string_view name;
  ends_by what;
};

/// All that there is to say of a kind but where it is found; docs/explain.md has it for users.
constexpr std::array kind_rows{
    kind_row{reason_kind::dependencies, "dependencies", ends_by::itself},
    kind_row{reason_kind::schedule, "schedule", ends_by::itself},
    kind_row{reason_kind::retry, "retry", ends_by::itself},
    kind_row{reason_kind::timer, "timer", ends_by::itself},
    kind_row{reason_kind::starting, "starting", ends_by::itself},
    kind_row{reason_kind::settling, "settling", ends_by::itself},
    kind_row{reason_kind::lane_full, "lane_full", ends_by::itself},
    kind_row{reason_kind::threads_full, "threads_full", ends_by::itself},
    kind_row{reason_kind::memory_full, "memory_full", ends_by::itself},
    kind_row{reason_kind::no_handler, "no_handler", ends_by::somebody},
    kind_row{reason_kind::no_worker, "no_worker", ends_by::somebody},
    kind_row{reason_kind::workers_full, "workers_full", ends_by::itself},
    kind_row{reason_kind::outside, "outside", ends_by::somebody},
    kind_row{reason_kind::signal, "signal", ends_by::somebody},
    kind_row{reason_kind::in_doubt, "in_doubt", ends_by::somebody},
    kind_row{reason_kind::exhausted, "exhausted", ends_by::somebody},
    kind_row{reason_kind::paused, "paused", ends_by::engine},
    kind_row{reason_kind::at_rest, "at_rest", ends_by::engine},
    kind_row{reason_kind::draining, "draining", ends_by::engine},
    kind_row{reason_kind::closing, "closing", ends_by::engine},
    kind_row{reason_kind::stopped, "stopped", ends_by::engine},
    kind_row{reason_kind::no_process, "no_process", ends_by::engine},
    kind_row{reason_kind::unknown, "unknown", ends_by::itself},
};

constexpr const kind_row& row_of(reason_kind k) noexcept {
  for (const auto& row : kind_rows) {
    if (row.kind == k) return row;
  }
  return kind_rows.back();
}

}  // namespace

std::string_view to_string(reason_kind k) noexcept { return row_of(k).name; }

namespace model {

bool is_of_engine(reason_kind k) noexcept { return row_of(k).what == ends_by::engine; }
bool needs_somebody(reason_kind k) noexcept { return row_of(k).what == ends_by::somebody; }

namespace {

using place = engine_facts::call::place;

constexpr std::size_t keys_named_max = 3;
/// Nobody has asked for so long: no worker is there. Longer than a poll of the API waits.
constexpr time_ms worker_is_away_ms = 90'000;

/// "a, b +3"
std::string listed(const std::vector<std::string>& keys, std::size_t total) {
  std::string out;
  for (const auto& key : keys) out += (out.empty() ? "" : ", ") + key;
  if (total > keys.size()) out += " +" + std::to_string(total - keys.size());
  return out;
}

/// "1st", "12th"
std::string print_ordinal(std::size_t n) {
  const bool is_teen = n % 100 >= 11 && n % 100 <= 13;
  const char* const end = is_teen       ? "th"
                          : n % 10 == 1 ? "st"
                          : n % 10 == 2 ? "nd"
                          : n % 10 == 3 ? "rd"
                                        : "th";
  return std::to_string(n) + end;
}

class explainer {
 public:
  explainer(const definition& def, const workflow_state& state, const vantage& from)
      : def_(def),
        state_(state),
        from_(from),
        current_(def.size()),
        stuck_(def.size()),
        no_one_acts_(def.size()) {
    find_engine_reasons();
    if (from_.engine != nullptr) find_calls();
  }
  explanation run();

 private:
  void find_engine_reasons();
  void find_calls();
  [[nodiscard]] bool is_current(const engine_facts::call& call) const;
  void explain_action(action_index a);
  void waits_for_others(action_index a);
  void could_run(action_index a);
  void could_start(action_index a);
  void find_workers(const std::string& type);
  void add_note(action_index a, const engine_facts::call* call, const engine_facts::line_view& line,
                const std::optional<time_ms>& usual_ms, action_reason& to) const;
  void find_places(action_index a, const engine_facts::call* call);
  void waits_for_time(action_index a);
  void name_roots();
  [[nodiscard]] bool has_handler(action_index a) const {
    return from_.engine == nullptr || rules_of(a).entry != nullptr;
  }
  [[nodiscard]] bool is_for_workers(action_index a) const {
    if (from_.rules == nullptr) return false;  // who sees the disk only cannot tell
    const auto* const entry = rules_of(a).entry;
    return entry != nullptr && entry->options.mode == run_mode::worker;
  }
  [[nodiscard]] action_rules rules_of(action_index a) const {
    return from_.rules->of(def_.spec.actions[a].type);
  }
  [[nodiscard]] wall_time now() const { return as_wall_time(from_.now_ms); }
  action_reason& add(reason_kind kind, std::string text, time_ms at_ms = 0) {
    auto& made = mine_->reasons.emplace_back();
    made.kind = kind;
    made.text = std::move(text);
    if (at_ms != 0) made.at = as_wall_time(at_ms);
    return made;
  }
  void add_engine_reasons() {
    mine_->reasons.insert(mine_->reasons.end(), of_engine_.begin(), of_engine_.end());
  }
  void add_no_handler(action_index a) {
    add(reason_kind::no_handler,
        "has no handler: none is registered for its type, " + def_.spec.actions[a].type);
  }
  /// What it does next by itself, unless a reason says that somebody must act.
  void expect(action_index a, outlook::next what, time_ms since_ms = 0) {
    const auto& reasons = mine_->reasons;
    no_one_acts_[a] = std::any_of(reasons.begin(), reasons.end(),
                                  [](const action_reason& r) { return needs_somebody(r.kind); });
    if (no_one_acts_[a]) what = outlook::next::nothing;
    outlooks_.push_back({a, what, held_by(), since_ms});
  }
  [[nodiscard]] reason_kind held_by() const {
    for (const auto& r : mine_->reasons) {
      if (!is_of_engine(r.kind)) return r.kind;
    }
    return reason_kind::starting;
  }

  const definition& def_;
  const workflow_state& state_;
  const vantage& from_;
  std::vector<action_reason> of_engine_;            ///< hold every action
  std::vector<const engine_facts::call*> current_;  ///< by action; null: none
  std::vector<const engine_facts::call*> stuck_;    ///< by action: the latest
  std::vector<bool> no_one_acts_;                   ///< by action: it waits for somebody
  std::vector<outlook> outlooks_;
  std::vector<std::pair<action_index, std::size_t>> blocked_;  ///< and where they are in out_
  explanation out_;
  explained_action* mine_ = nullptr;  ///< the one that is explained
};

// --- what is known of the engine ---

void explainer::find_engine_reasons() {
  const auto put = [this](reason_kind kind, std::string text) {
    of_engine_.emplace_back().kind = kind;
    of_engine_.back().text = std::move(text);
  };
  if (from_.no_process) {
    put(reason_kind::no_process, "no process has the data directory open");
  }
  if (from_.engine == nullptr) return;
  const auto& engine = *from_.engine;
  if (!engine.stopped.empty()) {
    put(reason_kind::stopped, engine.stopped + "; it goes on at the next open");
  }
  if (engine.closing)
    put(reason_kind::closing, "the engine is closed: it goes on at the next open");
  if (engine.draining && !engine.closing) {
    put(reason_kind::draining, "the engine drains: nothing starts before the next open");
  }
  if (engine.paused) put(reason_kind::paused, "the engine is paused: it goes on at engine::start");
  if (engine.at_rest) {
    put(reason_kind::at_rest, "this engine leaves the workflow at rest (options::takes_up)");
  }
}

/// Whether the call is of the attempt that is next, or under way; else it was given up.
bool explainer::is_current(const engine_facts::call& call) const {
  if (call.where == place::given_up) return false;
  const auto& action = state_.actions[call.action];
  // Of an open one the handler may not have returned yet.
  const bool begun = action.phase == phase::executing || action.phase == phase::outside;
  if (begun || action.goes_on()) return call.attempt == action.attempt;
  return (action.phase == phase::ready || is_timed(action.phase)) &&
         call.attempt == action.attempt + 1;
}

void explainer::find_calls() {
  for (const auto& call : from_.engine->calls) {
    if (call.action >= def_.size()) continue;
    if (is_current(call)) {
      current_[call.action] = &call;
    } else if (call.where == place::runs || call.where == place::given_up) {
      auto& latest = stuck_[call.action];
      if (latest == nullptr || latest->attempt < call.attempt) latest = &call;
    }
  }
}

// --- one action ---

void explainer::explain_action(action_index a) {
  const auto& spec = def_.spec.actions[a];
  const auto& action = state_.actions[a];
  mine_ = &out_.actions.emplace_back();
  mine_->key = spec.key;
  mine_->type = spec.type;
  mine_->status = action.attempt > 0 ? action_status::executing : action_status::validated;
  mine_->attempts = action.attempt;
  if (action.last_error != action_error{}) mine_->last_error = action.last_error;
  if (action.close_by_ms != 0) mine_->deadline_at = as_wall_time(action.close_by_ms);
  if (stuck_[a] != nullptr) mine_->stuck_attempt = stuck_[a]->attempt;
  switch (action.phase) {
    case phase::blocked:
      return waits_for_others(a);
    case phase::ready:
    case phase::executing:
    case phase::scheduled:
    case phase::deferred:
    case phase::backing_off:
      return could_run(a);
    case phase::outside: {
      if (!action.signal.empty()) {
        std::string text = "waits for the signal " + action.signal;
        if (action.due_at_ms != 0) {
          const bool closes = may_be_start_to_close(def_, a, action, from_.rules);
          text += !closes                  ? "; fails "
                  : from_.rules == nullptr ? "; fails, or is given up, "
                                           : "; given up ";
          text += print_when(as_wall_time(action.due_at_ms), now());
        }
        add(reason_kind::signal, std::move(text), action.due_at_ms);
        break;
      }
      const auto number = std::to_string(action.attempt);
      std::string text = is_for_workers(a) ? "is with a worker (attempt " + number + ")"
                                           : "waits for somebody outside to end attempt " + number;
      if (action.due_at_ms != 0) {
        text += "; given up " + print_when(as_wall_time(action.due_at_ms), now()) +
                (action.heartbeat_ms != 0 ? ", unless it is heard of" : "");
      }
      add(reason_kind::outside, std::move(text), action.due_at_ms);
      break;
    }
    case phase::in_doubt:
      add(reason_kind::in_doubt, "waits for a decision: nobody knows how attempt " +
                                     std::to_string(action.attempt) + " ended");
      break;
    case phase::paused:
      add(reason_kind::exhausted, "waits for a decision: it failed for good (attempt " +
                                      std::to_string(action.attempt) + ")");
      break;
    case phase::completed:
    case phase::failed:
    case phase::cancelled:
    case phase::skipped:
      break;
  }
  add_engine_reasons();
  expect(a, outlook::next::nothing);
}

void explainer::waits_for_others(action_index a) {
  blocked_.emplace_back(a, out_.actions.size() - 1);
  auto& others = add(reason_kind::dependencies, {});
  for (const action_index d : def_.dependencies[a]) {
    const phase p = state_.actions[d].phase;
    if (p == phase::completed || p == phase::skipped) continue;
    ++others.waits_for_total;
    if (others.waits_for.size() < keys_named_max) {
      others.waits_for.push_back(def_.spec.actions[d].key);
    }
  }
  others.text = "waits for " + listed(others.waits_for, others.waits_for_total);
  // What would hold it then.
  if (const auto& at = def_.spec.actions[a].scheduled_at) {
    const time_ms at_ms = at->time_since_epoch().count();
    if (at_ms > from_.now_ms) {
      add(reason_kind::schedule, "is scheduled: " + print_when(*at, now()), at_ms);
    }
  }
  if (!has_handler(a)) add_no_handler(a);
}

void explainer::waits_for_time(action_index a) {
  const auto& action = state_.actions[a];
  const std::string when = print_when(as_wall_time(action.due_at_ms), now());
  if (action.phase == phase::scheduled) {
    add(reason_kind::schedule, "is scheduled: " + when, action.due_at_ms);
  } else if (action.phase == phase::deferred) {
    const bool throttled = action.last_error.error_class == "throttled";
    add(reason_kind::timer,
        (throttled ? "is throttled: goes on " : "waits for its timer: goes on ") + when,
        action.due_at_ms);
  } else {
    std::string attempt = "attempt " + std::to_string(action.attempt + 1);
    if (from_.rules != nullptr) {
      attempt += " (" + std::to_string(action.failures + 1) + " of " +
                 std::to_string(from_.rules->attempts_in_all(def_.spec.actions[a].type, action)) +
                 ")";
    }
    add(reason_kind::retry, "waits for its retry: " + attempt + " " + when, action.due_at_ms);
  }
}

void explainer::could_run(action_index a) {
  const auto& action = state_.actions[a];
  const auto* call = current_[a];
  if (call != nullptr && call->where == place::runs) {
    mine_->running = running_attempt{call->attempt, as_wall_time(call->since_ms)};
    return expect(a, outlook::next::ends, call->since_ms);
  }
  const bool waits =
      is_timed(action.phase) && (action.due_at_ms > from_.now_ms || TENAX_PLANTED(24));
  if (waits && call == nullptr) {
    waits_for_time(a);
    if (!has_handler(a)) add_no_handler(a);
    add_engine_reasons();
    return expect(a, outlook::next::waits);
  }
  const bool begun = action.phase == phase::executing;
  if (from_.engine == nullptr) {
    const std::string what = begun ? "attempt " + std::to_string(action.attempt) + " was started " +
                                         print_when(as_wall_time(action.started_at_ms), now())
                             : is_timed(action.phase)
                                 ? "was due " + print_when(as_wall_time(action.due_at_ms), now())
                                 : std::string("is ready");
    if (from_.no_process) {
      if (begun) {
        add(reason_kind::settling, "was under way, attempt " + std::to_string(action.attempt) +
                                       ", when its process ended");
      }
      add_engine_reasons();
      return expect(a, outlook::next::nothing);
    }
    add(reason_kind::unknown, (begun ? "may run: " : "") + what +
                                  (begun ? "; whether it runs now is not known from here"
                                         : "; whether a process runs it is not known from here"));
    return expect(a, begun ? outlook::next::settles : outlook::next::begins);
  }
  if (begun && call == nullptr) {
    add_engine_reasons();
    // At the next look at it: made again, or in doubt, which needs no handler.
    if (!has_handler(a) && action.delivery == delivery::at_least_once) {
      add_no_handler(a);
    } else if (mine_->reasons.empty() || from_.engine->closing || from_.engine->draining) {
      add(reason_kind::settling, "has attempt " + std::to_string(action.attempt) +
                                     " behind it, ended or cut off: what comes of that is not on "
                                     "disk yet");
    }
    return expect(a, outlook::next::settles);
  }
  could_start(a);
}

/// Its dependencies are over and its time has come, if it has one.
void explainer::could_start(action_index a) {
  const auto* call = current_[a];
  add_engine_reasons();
  if (!has_handler(a)) {
    add_no_handler(a);
  } else if (call != nullptr && call->where == place::begins && of_engine_.empty()) {
    add(reason_kind::starting, "is about to start: a thread has it");
  } else {
    find_places(a, call);
  }
  expect(a, outlook::next::begins);
}

void explainer::find_places(action_index a, const engine_facts::call* call) {
  const auto& engine = *from_.engine;
  const auto& type = def_.spec.actions[a].type;
  const std::size_t before = mine_->reasons.size();
  if (rules_of(a).options().mode == run_mode::worker && call == nullptr) {
    find_workers(type);
    const auto asked = engine.workers.find(type);
    if (mine_->reasons.size() > before && asked != engine.workers.end())
      add_note(a, call, asked->second.line, asked->second.usual_ms, mine_->reasons[before]);
  }
  // A call that a thread has counts as running, and this one has none.
  if (const auto lane = engine.lanes.find(type); lane != engine.lanes.end()) {
    const auto running = lane->second.running;
    if (running >= lane->second.running_max) {
      add(reason_kind::lane_full, "waits for a handler of " + type + " to return: " +
                                      std::to_string(running) + " run, as many as may");
    }
    if (engine.running >= engine.running_max) {
      add(reason_kind::threads_full,
          "waits for a thread: all " + std::to_string(engine.running_max) + " are taken");
    }
    if (mine_->reasons.size() > before)
      add_note(a, call, lane->second.line, lane->second.usual_ms, mine_->reasons[before]);
  }
  if (engine.memory_full) {
    add(reason_kind::memory_full,
        "waits for memory: inputs in handlers and results on their way to disk take all of it");
  }
  if (mine_->reasons.size() > before || !of_engine_.empty()) return;
  if (engine.places_full && call == nullptr) {
    add(reason_kind::unknown,
        "is ready; it starts soon, or waits on disk for a place in memory: which, is not known");
  } else {
    add(reason_kind::starting, "may start now: nothing that is known holds it");
  }
}

/// Its place in line, and whether it has waited for longer than usual. A call goes before those
/// that are behind it now, unless they have a higher priority or take turns with its workflow; a
/// workflow in a row has its turn after those before it. What waits on disk has no place that is
/// known.
void explainer::add_note(action_index a, const engine_facts::call* call,
                         const engine_facts::line_view& line,
                         const std::optional<time_ms>& usual_ms, action_reason& to) const {
  const bool has_call = call != nullptr && call->in_line > 0;
  to.place = has_call ? call->in_line : line.place;
  if (to.place == 0) return;
  to.line = has_call ? line.calls : line.row;
  if (TENAX_PLANTED(35)) to.place = to.line + 1;
  const bool is_more = !has_call && line.more;
  if (to.line > 1 || is_more) {
    to.note = (has_call ? "" : "its workflow is ") + print_ordinal(to.place) + " of " +
              std::to_string(to.line) + " in line" + (is_more ? ", and more may wait on disk" : "");
  }
  const time_ms ready_at_ms = has_call ? call->since_ms : line.first == a ? line.ready_at_ms : 0;
  if (!usual_ms || ready_at_ms == 0 || from_.now_ms - ready_at_ms <= *usual_ms) return;
  to.note += (to.note.empty() ? "it has waited " : "; it has waited ") +
             print_duration(milliseconds(from_.now_ms - ready_at_ms)) +
             ", nine in ten wait less than " + print_duration(milliseconds(*usual_ms));
}

/// Of a type that is for workers.
void explainer::find_workers(const std::string& type) {
  const auto known = from_.engine->workers.find(type);
  const bool was_asked = known != from_.engine->workers.end() && known->second.asked_at_ms;
  if (was_asked && known->second.waiting > 0) return;
  if (!was_asked) {
    add(reason_kind::no_worker,
        "waits for a worker: none has asked for " + type + " since the engine was opened");
    return;
  }
  const time_ms at_ms = *known->second.asked_at_ms;
  if (from_.now_ms - at_ms > worker_is_away_ms) {
    add(reason_kind::no_worker, "waits for a worker: none has asked for " + type + " " +
                                    print_since(as_wall_time(at_ms), now()));
  } else {
    add(reason_kind::workers_full, "waits for a worker that is free: the last asked for " + type +
                                       " " + print_when(as_wall_time(at_ms), now()));
  }
}

// --- through the graph ---

void explainer::name_roots() {
  const auto found = find_roots(def_, state_, no_one_acts_);
  out_.roots_total = found.total;
  for (const auto& [a, at] : blocked_) {
    const auto& held = found.of[a];
    auto& others = out_.actions[at].reasons.front();
    others.roots_total = held.total;
    for (std::size_t n = 0; n < held.named_count(); ++n) {
      others.roots.push_back(def_.spec.actions[held.named[n]].key);
    }
    const bool direct = others.roots_total == others.waits_for_total &&
                        std::is_permutation(others.roots.begin(), others.roots.end(),
                                            others.waits_for.begin(), others.waits_for.end());
    if (!direct) others.text += "; held by " + listed(others.roots, others.roots_total);
  }
  std::vector<root> roots = found.roots;
  std::stable_sort(roots.begin(), roots.end(),
                   [](const root& a, const root& b) { return a.holds > b.holds; });
  for (const auto& r : roots) {
    const auto& spec = def_.spec.actions[r.action];
    out_.roots.push_back({spec.key, spec.type, r.holds});
  }
}

explanation explainer::run() {
  out_.workflow_id = def_.spec.id;
  out_.status = state_.status;
  out_.now = now();
  out_.events = state_.seq;
  if (!state_.terminal()) {
    out_.actions.reserve(state_.open_actions());
    for (action_index a = 0; a < def_.size(); ++a) {
      if (!is_over(state_.actions[a].phase)) explain_action(a);
    }
    name_roots();
    add_forecast(def_, state_, from_, outlooks_, of_engine_, out_);
  } else {
    out_.nothing_by_itself = true;
  }
  add_headline(def_, state_, from_, of_engine_, out_);
  return std::move(out_);
}

}  // namespace

explanation explain(const definition& def, const workflow_state& state, const vantage& from) {
  return explainer(def, state, from).run();
}

}  // namespace model
}  // namespace tenax
