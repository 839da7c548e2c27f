#include "tests/sim/claims.hpp"

#include <algorithm>

#include "actors/core.hpp"

namespace tenax::sim {

using model::event_actor;
using model::event_kind;
using model::phase;
using model::time_ms;

namespace {

time_ms ms_of(wall_time at) { return at.time_since_epoch().count(); }

bool says(const explained_action& a, reason_kind kind) {
  return std::any_of(a.reasons.begin(), a.reasons.end(),
                     [kind](const action_reason& r) { return r.kind == kind; });
}

/// Of an attempt that was open: somebody acted.
bool is_word_from_outside(const explanation& said, const workflow_spec& spec,
                          const model::event& e) {
  if (e.actor != event_actor::handler && e.kind != event_kind::attempt_extended) return false;
  return std::any_of(said.actions.begin(), said.actions.end(), [&](const auto& a) {
    return a.key == spec.actions[e.action].key &&
           (says(a, reason_kind::outside) || says(a, reason_kind::signal));
  });
}

}  // namespace

bool claims::memory_is_full() const {
  return engine_.bytes_in_flight() >= engine_.options().memory_bytes_max / 8;
}

void claims::take(const std::string& id) {
  if (const auto before = claims_.find(id); before != claims_.end()) {
    check_history(before->second);
    claims_.erase(before);
  }
  auto e = engine_.explain(id);
  if (!e) return oracle_.fail("explain " + id + ": " + e.error().to_string());
  ++taken_;
  check_said(*e);
  claim c;
  const auto full = full_now();
  for (const auto& a : e->actions) {
    const bool wrong = (says(a, reason_kind::lane_full) && !full.lanes.contains(a.type)) ||
                       (says(a, reason_kind::threads_full) && !full.threads) ||
                       (says(a, reason_kind::memory_full) && !full.memory);
    if (wrong) fail(*e, a.key + " is said to wait for room that there is");
    if (says(a, reason_kind::lane_full)) c.full_lanes.insert(a.type);
    c.threads_full = c.threads_full || says(a, reason_kind::threads_full);
    c.memory_full = c.memory_full || says(a, reason_kind::memory_full);
  }
  c.said = *std::move(e);
  claims_.emplace(id, std::move(c));
}

/// What can be told at once.
void claims::check_said(const explanation& e) {
  if (e.headline.empty()) fail(e, "no headline");
  if (!e.nothing_by_itself && e.forecast.empty() && !engine_.halted()) {
    fail(e, "something happens by itself, but no forecast says what");
  }
  for (const auto& a : e.actions) {
    if (!a.running && a.reasons.empty()) fail(e, a.key + " does not run, and nothing says why");
    for (const auto& r : a.reasons) {
      if (r.text.empty()) fail(e, a.key + ": a reason without a text");
      if (r.place > 0) check_place(e, a, r);
      if (r.at && *r.at <= e.now && r.kind != reason_kind::outside && r.kind != reason_kind::signal)
        fail(e, a.key + " is said to wait for a time that has come");
    }
    check_knows(e, a);
  }
}

/// Nobody is in line who could not run, or who could until just now: what the end of its workflow
/// takes out of the line is out of it a moment after that is on disk.
void claims::check_place(const explanation& e, const explained_action& a, const action_reason& r) {
  if (r.place > r.line) fail(e, a.key + " is said to be behind the end of its line");
  std::size_t ready = 0;
  for (const auto& [id, known] : oracle_.ledger()) {
    const auto w = engine_.store().load(id);
    for (std::size_t n = 0; w && n < w->definition->size(); ++n) {
      const auto p = w->state.actions[n].phase;
      const bool could = p != phase::blocked && p != phase::completed && p != phase::skipped;
      if (could && w->definition->spec.actions[n].type == a.type) ++ready;
    }
  }
  if (r.line > ready) {
    fail(e, a.key + " is said to be in a line of " + std::to_string(r.line) + ", and " +
                std::to_string(ready) + " could run");
  }
}

/// What this world knows to hold the action is said.
void claims::check_knows(const explanation& e, const explained_action& a) {
  const bool blocked = says(a, reason_kind::dependencies);
  const auto& o = engine_.options();
  const auto must_say = [&](bool holds, reason_kind kind) {
    if (holds == says(a, kind)) return;
    fail(e, a.key + (holds ? " is held by " : " is not held by ") + std::string(to_string(kind)));
  };
  if (a.running) return;
  must_say(!blocked && o.paused, reason_kind::paused);
  must_say(!blocked && o.takes_up && !o.takes_up(e.workflow_id), reason_kind::at_rest);
  must_say(!blocked && engine_.halted(), reason_kind::stopped);
  const bool built_in = a.type == "wait" || a.type == "noop" || a.type == "wait_signal";
  const bool decides = says(a, reason_kind::in_doubt) || says(a, reason_kind::exhausted);
  const bool has_handler = built_in || o.handlers.find(a.type) != nullptr;
  if (has_handler) must_say(false, reason_kind::no_handler);
  // In flight at a crash: in doubt soon, for which it takes no handler.
  const bool soon = says(a, reason_kind::settling) || says(a, reason_kind::outside) ||
                    says(a, reason_kind::signal);
  if (!has_handler && !decides && !soon) {
    const bool held = o.paused || says(a, reason_kind::at_rest) || engine_.halted();
    if (!held) must_say(true, reason_kind::no_handler);
  }
}

void claims::asked(const std::vector<std::string>& types) {
  for (auto& [id, c] : claims_) c.asked.insert(types.begin(), types.end());
}

void claims::told(const handler_start& s, std::uint64_t opened_seq) {
  const auto found = claims_.find(s.workflow_id);
  if (found != claims_.end() && found->second.said.events < opened_seq) started(s);
}

namespace {
bool waits_for_worker(const explanation& e, std::string_view key) {
  return std::any_of(e.actions.begin(), e.actions.end(), [key](const explained_action& a) {
    return a.key == key && std::any_of(a.reasons.begin(), a.reasons.end(), [](const auto& r) {
             return r.kind == reason_kind::no_worker || r.kind == reason_kind::workers_full;
           });
  });
}
}  // namespace

void claims::check_history(const claim& c) {
  const auto& e = c.said;
  const auto all = engine_.store().history(e.workflow_id, e.events, 100);
  if (!all) return;  // removed
  const auto first = std::find_if(all->begin(), all->end(), [](const auto& one) {
    return one.event.kind != event_kind::late_result;  // of what was given up: at any time
  });
  if (first == all->end() || first->event.actor == event_actor::user) return;
  const auto& event = first->event;
  const auto& spec = oracle_.entry(e.workflow_id).spec;
  if (event.action != model::no_action && is_word_from_outside(e, spec, event)) return;
  const bool starts = event.kind == event_kind::attempt_started;
  if (starts && c.asked.contains(spec.actions[event.action].type)) return;
  // Its time came while nobody asks for its type: it waits for a worker as before, and is ready.
  if (event.kind == event_kind::action_due && waits_for_worker(e, spec.actions[event.action].key)) {
    return;
  }
  const bool of_workflow = event.kind == event_kind::workflow_failed;
  bool too_early = false;
  for (const auto& step : e.forecast) {
    if (std::find(step.events.begin(), step.events.end(), to_string(event.kind)) ==
        step.events.end()) {
      continue;
    }
    if (of_workflow != step.action.empty()) continue;
    if (!of_workflow) {
      const auto& action = spec.actions[event.action];
      const bool covers = step.action == action.key;
      const auto first_of = std::find_if(e.actions.begin(), e.actions.end(),
                                         [&](const auto& a) { return a.key == step.action; });
      if (!covers && (step.count == 1 || first_of->type != action.type)) continue;
    }
    if (!step.at || event.at_ms >= ms_of(*step.at)) return;
    too_early = true;
  }
  fail(e, (e.nothing_by_itself ? "nothing was to happen by itself, but "
           : too_early         ? "before the time that was foretold "
                               : "nothing foretold that ") +
              (of_workflow ? e.workflow_id : spec.actions[event.action].key) + " " +
              std::string(to_string(event.kind)));
}

bool claims::somebody_acted(const explanation& since) const {
  const auto all = engine_.store().history(since.workflow_id, since.events, 1'000'000);
  return !all || std::any_of(all->begin(), all->end(),
                             [](const auto& one) { return one.event.actor == event_actor::user; });
}

void claims::started(const handler_start& s) {
  const auto found = claims_.find(s.workflow_id);
  if (found == claims_.end()) return;
  const auto& said = found->second.said;
  const auto a = std::find_if(said.actions.begin(), said.actions.end(),
                              [&](const auto& one) { return one.key == s.key; });
  if (a == said.actions.end() || a->reasons.empty() || somebody_acted(said)) return;
  for (const auto& r : a->reasons) check_start(found->second, *a, r, s);
}

/// Something of what was said to hold it must have changed.
void claims::check_start(const claim& c, const explained_action& a, const action_reason& r,
                         const handler_start& s) {
  bool still_holds = false;
  switch (r.kind) {
    case reason_kind::dependencies: {
      const auto w = engine_.store().load(c.said.workflow_id);
      for (const auto* keys : {&r.waits_for, &r.roots}) {
        for (const auto& key : *keys) {
          const auto on = w ? w->definition->find(key) : std::nullopt;
          const phase p = on ? w->state.actions[*on].phase : phase::blocked;
          still_holds = still_holds || (p != phase::completed && p != phase::skipped);
        }
      }
      break;
    }
    case reason_kind::schedule:
    case reason_kind::retry:
    case reason_kind::timer:
      still_holds = r.at && !stepped_back_ && engine_.clock.now_ms() < ms_of(*r.at);
      break;
    case reason_kind::signal:
    case reason_kind::outside: {  // until that attempt is over
      const auto all = engine_.store().history(c.said.workflow_id, c.said.events, 1'000'000);
      still_holds =
          all && std::none_of(all->begin(), all->end(), [&](const auto& one) {
            return one.event.action != model::no_action &&
                   oracle_.entry(c.said.workflow_id).spec.actions[one.event.action].key == a.key &&
                   one.event.kind != event_kind::attempt_extended &&
                   one.event.kind != event_kind::late_result && !model::is_change(one.event.kind);
          });
      break;
    }
    case reason_kind::no_worker:
    case reason_kind::workers_full:
      still_holds = !c.asked.contains(a.type);
      break;
    case reason_kind::lane_full:
      still_holds = c.full_lanes.contains(a.type);
      break;
    case reason_kind::threads_full:
      still_holds = c.threads_full;
      break;
    case reason_kind::memory_full:
      still_holds = c.memory_full && memory_is_full();
      break;
    case reason_kind::starting:
    case reason_kind::settling:
    case reason_kind::unknown:
      break;
    default:  // ends with this life, or when somebody acts
      still_holds = true;
      break;
  }
  if (still_holds) {
    fail(c.said, a.key + " attempt " + std::to_string(s.attempt) +
                     " started, though what was said to hold it has not changed: " + r.text);
  }
}

void claims::stepped() {
  const bool any = std::any_of(claims_.begin(), claims_.end(), [](const auto& one) {
    return !one.second.full_lanes.empty() || one.second.threads_full || one.second.memory_full;
  });
  if (!any) return;
  const auto full = full_now();
  for (auto& [id, c] : claims_) {
    std::erase_if(c.full_lanes, [&](const auto& type) { return !full.lanes.contains(type); });
    c.threads_full = c.threads_full && full.threads;
    c.memory_full = c.memory_full && full.memory;
  }
}

claims::fullness claims::full_now() const {
  fullness full;
  std::size_t running = 0;
  for (const auto& t : engine_.core()->type_stats()) {
    running += t.running;
    if (t.running_max > 0 && t.running >= t.running_max) full.lanes.insert(t.type);
  }
  const std::size_t threads = engine_.options().handler_threads;
  full.threads = running >= threads + std::max<std::size_t>(1, threads / 4);
  full.memory = memory_is_full();
  return full;
}

void claims::end_life() {
  for (const auto& [id, c] : claims_) check_history(c);
  claims_.clear();
  stepped_back_ = false;
}

}  // namespace tenax::sim
