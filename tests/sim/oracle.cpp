#include "tests/sim/oracle.hpp"

#include <algorithm>

#include "tests/sim/history_check.hpp"

namespace tenax::sim {

using model::phase;

namespace {

/// Nothing happened, says the answer.
bool is_rejection(const error& e) { return e.kind() != error_class::unknown; }

std::string name_of(const handler_start& s) {
  return std::string(s.workflow_id) + "/" + std::string(s.key) + " attempt " +
         std::to_string(s.attempt) + "." + std::to_string(s.deferrals);
}

}  // namespace

std::optional<storage::read_store::header> oracle::header_of(const std::string& id) const {
  auto header = engine_.store().load_header(id);
  if (!header) return std::nullopt;
  return std::move(*header);
}

// --- commands ---

void oracle::submitting(const workflow_spec& spec) {
  auto& e = ledger_[spec.id];
  e.spec = spec;
  ++e.submits_in_flight;
}

void oracle::submitted(const std::string& id, const result<submission>& r) {
  auto& e = ledger_[id];
  --e.submits_in_flight;
  if (!r) {
    if (r.error().code() == errc::conflict || r.error().code() == errc::invalid_spec) {
      fail("I3 " + id + ": the same content was refused: " + r.error().to_string());
    }
    if (!is_rejection(r.error())) e.submit_unknown = true;
    return;
  }
  if (!engine_.store().exists(id)) fail("I1 " + id + " is acknowledged, but not in the store");
  if (!r->existed && e.exists == known::yes) fail("I3 " + id + " was created twice");
  e.exists = known::yes;
}

void oracle::conflicting_submitted(const std::string& id, const result<submission>& r) {
  if (r) fail("I3 " + id + ": other content was accepted");
}

void oracle::cancelled(const std::string& id, const result<void>& r, bool was_there) {
  auto& e = ledger_[id];
  --e.cancels_in_flight;
  const auto header = header_of(id);
  if (r) {
    e.cancel_acked = true;
    if (!header || header->state.status != workflow_status::cancelled) {
      fail("I4 the cancel of " + id + " is acknowledged, but not in the store");
    }
    return;
  }
  const auto code = r.error().code();
  if (!is_rejection(r.error())) e.cancel_unknown = true;
  if (code == errc::not_found && was_there) fail("I1 " + id + " is not found");
  // One that had failed may go on since it was asked.
  if (code == errc::wrong_state && header && !header->state.terminal() && !e.retried) {
    fail("I4 the cancel of " + id + " was refused although it is open");
  }
}

/// An acknowledged change is in the store, and stays there.
void oracle::changed(const std::string& id, const std::string& key, const action_change& what,
                     const result<void>& r) {
  if (!r) return;
  const auto w = engine_.store().load(id);
  const auto a = w ? w->definition->find(key) : std::nullopt;
  if (!a) return fail("a change of no action of " + id + " is acknowledged");
  const auto all = engine_.store().history(id, 0, 1'000'000);
  const auto& submitted = w->definition->spec.actions[*a].input;
  const auto kind =
      what.input ? model::event_kind::input_changed : model::event_kind::policy_changed;
  const bool there = all && std::any_of(all->begin(), all->end(), [&](const auto& e) {
                       return e.event.kind == kind && e.event.action == *a &&
                              (!what.input || e.event.text == *what.input);
                     });
  const bool was_so = what.input ? *what.input == submitted : what.policy->empty();
  if (!there && !was_so) fail("I1 a change of " + id + "/" + key + " is acknowledged and lost");
}

void oracle::finished(const workflow_summary& s) {
  auto& e = ledger_[s.id];
  if (std::exchange(e.finished_told, true) && !e.retried)
    fail("on_finished was called twice for " + s.id);
  const auto header = header_of(s.id);
  if (!header || header->state.status != s.status) {
    fail("on_finished came before the end of " + s.id + " was durable");
  }
}

// --- handlers ---

void oracle::started(const handler_start& s) {
  const std::string id(s.workflow_id);
  const auto w = engine_.store().load(id);
  if (!w) return fail("a handler of " + id + " started, which is not in the store");
  const auto a = w->definition->find(s.key);
  if (!a) return fail("I9 a handler of no action of " + id);
  check_start(s, *w, *a);
  check_overlap(s);
  const attempt_key key{id, std::string(s.key), s.attempt, s.deferrals};
  if (!started_in_this_life_.insert(key).second) fail("I5 " + name_of(s) + " started twice");
  if (const auto seq = w->state.actions[*a].input_seq(); seq != 0) {
    begun_with_[key] = input_at(id, *a, seq + 1);
  } else {
    begun_with_.erase(key);
  }
  started_ever_.insert(key);
}

void oracle::check_start(const handler_start& s, const storage::loaded_workflow& w,
                         model::action_index a) {
  const auto& action = w.state.actions[a];
  const auto& options = work_.options_of(w.definition->spec.actions[a].type);
  if (w.state.terminal()) fail("I10 " + name_of(s) + " started after the workflow's end");
  if (punctual_since_ms_ != 0 && model::is_timed(action.phase) &&
      action.due_at_ms > punctual_since_ms_ + 100) {
    const auto late = engine_.clock.now_ms() - action.due_at_ms;
    if (late > 1'100) fail(name_of(s) + " started " + std::to_string(late) + " ms late");
  }
  const auto dependencies = workload::dependencies_of(w.definition->spec);
  for (const auto d : dependencies[a]) {
    const auto p = w.state.actions[d].phase;
    if (p != phase::completed && p != phase::skipped) {
      fail("I9 " + name_of(s) + " started before " + w.definition->spec.actions[d].key +
           " was over");
    }
  }
  const bool recorded = action.phase == phase::executing && action.attempt == s.attempt &&
                        action.deferrals == s.deferrals;
  const bool goes_on =
      action.goes_on() && action.attempt == s.attempt && action.deferrals == s.deferrals;
  const bool next = !action.goes_on() && action.attempt + 1 == s.attempt && s.deferrals == 0 &&
                    (action.phase == phase::ready || action.phase == phase::scheduled ||
                     action.phase == phase::backing_off);
  if (!recorded && !goes_on && !next) {
    fail("I5 " + name_of(s) + " started while attempt " + std::to_string(action.attempt) +
         " is in phase " + std::to_string(static_cast<int>(action.phase)));
  }
  if (model::is_timed(action.phase) && !stepped_back_ &&
      engine_.clock.now_ms() < action.due_at_ms) {
    fail("I8 " + name_of(s) + " started " +
         std::to_string(action.due_at_ms - engine_.clock.now_ms()) + " ms too early");
  }
  if (options.delivery == delivery::at_most_once && !recorded) {
    fail("I5 " + name_of(s) + " of an at_most_once action started before that was durable");
  }
  const attempt_key key{std::string(s.workflow_id), std::string(s.key), s.attempt, s.deferrals};
  if (!started_ever_.contains(key)) return;
  if (options.delivery == delivery::at_most_once) fail("I5 " + name_of(s) + " ran twice");
  if (!recorded && !stepped_back_) {
    fail("I5 " + name_of(s) + " was lost in a crash and started again before that was durable");
  }
}

/// Two attempts of an action overlap only if the older one was given up.
void oracle::check_overlap(const handler_start& s) {
  for (std::size_t n = 0; n < engine_.running(); ++n) {
    const auto other = engine_.started_call(n);
    if (other.workflow_id != s.workflow_id || other.action_key != s.key) continue;
    if (other.attempt == s.attempt && other.deferrals == s.deferrals) continue;
    const auto all = engine_.store().history(s.workflow_id, 0, 1'000'000);
    const bool given_up = all && std::any_of(all->begin(), all->end(), [&](const auto& e) {
                            if (e.event.kind == model::event_kind::workflow_continued) return true;
                            return (e.event.kind == model::event_kind::attempt_timed_out ||
                                    e.event.kind == model::event_kind::outcome_unknown) &&
                                   e.event.action == other.action &&
                                   e.event.attempt == other.attempt;
                          });
    if (!given_up) fail("I7 " + name_of(s) + " overlaps attempt " + std::to_string(other.attempt));
  }
}

/// What the latest change before this event has made of the action's input; "": nothing.
std::string oracle::input_at(const std::string& id, model::action_index a,
                             std::uint64_t before) const {
  std::string out;
  const auto all = engine_.store().history(id, 0, 1'000'000);
  for (std::size_t n = 0; all && n < all->size() && (*all)[n].seq < before; ++n) {
    const auto& e = (*all)[n].event;
    if (e.kind == model::event_kind::input_changed && e.action == a) out = e.text;
  }
  return out;
}

action_spec oracle::as_begun(const attempt_key& call, const action_spec& submitted) const {
  auto out = submitted;
  const auto changed = begun_with_.find(call);
  if (changed != begun_with_.end() && !changed->second.empty()) out.input = changed->second;
  return out;
}

void oracle::ended(const action_context& call) {
  const std::string id(call.workflow_id);
  const auto& spec = ledger_[id].spec;
  const auto found = std::find_if(spec.actions.begin(), spec.actions.end(),
                                  [&](const auto& a) { return a.key == call.action_key; });
  if (found == spec.actions.end()) return fail("a handler of no action of " + id);
  const auto action =
      as_begun({id, std::string(call.action_key), call.attempt, call.deferrals}, *found);
  bool good = work_.possible_input(spec, action, call.input);
  const auto referred_to = workload::referred_to(action);
  if (!good && !referred_to.empty() && call.input == workload::rendered(action, "null")) {
    const auto w = engine_.store().load(id);
    const auto on = w ? w->definition->find(referred_to) : std::nullopt;
    good = on && w->state.actions[*on].phase == phase::skipped;
  }
  if (!good) {
    fail("I6 " + id + "/" + action.key + " got the input " + std::string(call.input) +
         (action.input == found->input ? "" : ", which was changed to " + action.input));
  }
  if (call.idempotency_key != id + "/" + action.key) fail("another idempotency key for " + id);
}

std::uint64_t oracle::told(const worker_task& t) {
  const std::string name =
      t.workflow_id + "/" + t.action_key + " attempt " + std::to_string(t.attempt);
  const auto token = model::parse_token(t.token);
  if (!token || token->workflow_id != t.workflow_id) {
    fail("a task with another token: " + name);
    return 0;
  }
  const auto all = engine_.store().history(t.workflow_id, 0, 1'000'000);
  std::uint64_t seq = 0;
  for (std::size_t n = 0; all && n < all->size(); ++n) {
    const auto& e = (*all)[n].event;
    if (e.kind == model::event_kind::attempt_opened && e.action == token->action &&
        e.attempt == t.attempt && e.secret.is(token->secret)) {
      seq = (*all)[n].seq;
    }
  }
  if (seq == 0) fail("I5 " + name + " was told to a worker before it was durable");
  if (!told_tokens_.insert(t.token).second) fail("I7 " + name + " was told to two workers");
  begun_with_[{t.workflow_id, t.action_key, t.attempt, t.deferrals}] =
      input_at(t.workflow_id, token->action, seq);
  const attempt_key key{t.workflow_id, t.action_key, t.attempt, 0};
  if (!told_.insert(key).second && !deferred_.contains(key)) {
    fail("I7 " + name + " was told again, though nobody had given it back");
  }
  action_context call;
  call.workflow_id = t.workflow_id;
  call.action_key = t.action_key;
  call.attempt = t.attempt;
  call.deferrals = t.deferrals;
  call.input = t.input;
  call.idempotency_key = t.idempotency_key;
  ended(call);
  return seq;
}

void oracle::check_told() {
  for (const auto& [id, e] : ledger_) {
    const auto all = engine_.store().history(id, seq_at_open_[id], 1'000'000);
    if (!all) continue;
    std::map<model::action_index, std::string> untold;
    for (const auto& [seq, event] : *all) {
      if (event.action == model::no_action) continue;
      const bool is_lost =
          untold.contains(event.action) && (event.kind == model::event_kind::attempt_timed_out ||
                                            event.kind == model::event_kind::outcome_unknown);
      if (is_lost) {
        fail("the task of " + id + "/" + e.spec.actions[event.action].key + " attempt " +
             std::to_string(event.attempt) + " was lost with the poll that asked for it");
      }
      if (event.kind == model::event_kind::attempt_extended) continue;
      untold.erase(event.action);
      if (event.kind != model::event_kind::attempt_opened || !event.text.starts_with("worker")) {
        continue;
      }
      auto token = model::print_token(id, event.action, event.attempt, event.secret);
      if (!told_tokens_.contains(token)) untold[event.action] = std::move(token);
    }
  }
}

// --- lives ---

void oracle::reopened() {
  started_in_this_life_.clear();
  seq_at_open_.clear();
  for (auto& [id, e] : ledger_) {
    if (const auto header = engine_.store().load_header(id)) seq_at_open_[id] = header->state.seq;
    const bool unknown = e.submit_unknown || e.submits_in_flight > 0;
    const bool there = engine_.store().exists(id);
    if (e.exists == known::yes && !there) fail("I1 " + id + " is gone");
    if (e.exists == known::no && !unknown && there)
      fail("I2 " + id + " was rejected, but is there");
    e.exists = there ? known::yes : known::no;
    e.submits_in_flight = 0;
    e.submit_unknown = false;
    e.cancel_unknown = e.cancel_unknown || e.cancels_in_flight > 0;
    e.cancels_in_flight = 0;
  }
}

// --- what the store shows ---

void oracle::observe(const std::string& id) {
  auto& e = ledger_[id];
  const auto w = engine_.store().load(id);
  if (!w) {
    if (e.exists == known::yes) fail("I1 " + id + ": " + w.error().to_string());
    return;
  }
  if (w->definition->spec != e.spec) fail("I3 " + id + " has other content");
  const auto& s = w->state;
  if (s.seq < e.seq) fail("I15 the history of " + id + " has become shorter");
  const bool may_go_on = e.retried && e.status == workflow_status::failed;
  if (is_terminal(e.status) && s.status != e.status && !may_go_on)
    fail("I15 " + id + " has another end");
  if (e.cancel_acked && s.status != workflow_status::cancelled) {
    fail("I4 " + id + " is not cancelled any more");
  }
  const bool asked = e.cancel_acked || e.cancel_unknown || e.cancels_in_flight > 0;
  if (s.status == workflow_status::cancelled && !asked) {
    fail("I4 " + id + " is cancelled, but every cancel was rejected");
  }
  e.seq = s.seq;
  e.status = s.status;
  e.actions.resize(s.actions.size());
  for (model::action_index a = 0; a < s.actions.size(); ++a) observe_action(id, e, *w, a);
}

void oracle::observe_action(const std::string& id, ledger_entry& e,
                            const storage::loaded_workflow& w, model::action_index a) {
  auto& seen = e.actions[a];
  const auto& now = w.state.actions[a];
  const std::string name = id + "/" + w.definition->spec.actions[a].key;
  if (now.attempt < seen.attempt || now.retries < seen.retries) {
    fail("I15 attempts of " + name + " have become fewer");
  }
  const bool may_go_on =
      e.retried && (seen.phase == phase::failed || seen.phase == phase::cancelled);
  if (model::is_over(seen.phase) && now.phase != seen.phase && !may_go_on)
    fail("I15 " + name + " has another end");
  seen.phase = now.phase;
  seen.attempt = now.attempt;
  seen.retries = now.retries;
  const auto policy_seq = now.change ? now.change->policy_seq : 0;
  if (now.input_seq() < seen.input_seq || policy_seq < seen.policy_seq) {
    fail("I15 a change of " + name + " is forgotten");
  }
  seen.input_seq = now.input_seq();
  seen.policy_seq = policy_seq;
  if (now.phase != phase::completed) return;
  auto result = engine_.store().load_result(id, now.result_seq);
  if (!result) return fail("I6 the result of " + name + ": " + result.error().to_string());
  if (seen.result && *seen.result != *result) fail("I6 the result of " + name + " has changed");
  seen.result = std::move(*result);
}

std::string oracle::open_work() const {
  std::string out = "at " + std::to_string(engine_.clock.now_ms());
  for (const auto& [id, e] : ledger_) {
    const auto w = engine_.store().load(id);
    if (!w || w->state.terminal()) continue;
    out += ", " + id + " is open after " + std::to_string(w->state.seq) + " events";
    if (const auto last = engine_.store().history(id, w->state.seq > 3 ? w->state.seq - 3 : 0, 3)) {
      for (const auto& e : *last) {
        out += " " + std::to_string(e.event.at_ms) + ":" + std::string(to_string(e.event.kind));
      }
    }
    for (model::action_index a = 0; a < w->state.actions.size(); ++a) {
      const auto& action = w->state.actions[a];
      if (model::is_over(action.phase) || action.phase == phase::blocked) continue;
      out += " " + w->definition->spec.actions[a].key + " (" + w->definition->spec.actions[a].type +
             ") phase " + std::to_string(static_cast<int>(action.phase)) + " attempt " +
             std::to_string(action.attempt) + " due " + std::to_string(action.due_at_ms);
    }
  }
  return out;
}

void oracle::check_all() {
  std::uint64_t there = 0;
  for (const auto& [id, e] : ledger_) {
    observe(id);
    const auto all = engine_.store().history(id, 0, 1'000'000);
    if (!all) continue;
    ++there;
    if (auto wrong = check_history(e.spec, work_, *all); !wrong.empty()) fail(std::move(wrong));
    if (!all->empty() && all->back().seq != ledger_[id].seq)
      fail("I12 " + id + " has no last event");
  }
  const auto stats = engine_.stats();
  // After a commit of unknown outcome the totals in memory may lag until the next open.
  const bool wrong_totals =
      stats.submitted != there ||
      stats.submitted != stats.open + stats.completed + stats.failed + stats.cancelled;
  if (wrong_totals && !engine_.halted()) {
    fail("I16 " + std::to_string(there) + " workflows, " + std::to_string(stats.submitted) +
         " submitted");
  }
  const auto report = engine_.verify();
  if (!report) return fail("verify: " + report.error().to_string());
  for (const auto& f : report->findings) fail(f.invariant + " " + f.where + ": " + f.what);
}

}  // namespace tenax::sim
