#include "actors/workflow_actor.hpp"

#include <algorithm>
#include <utility>

#include <caf/send.hpp>

#include "actors/action_actor.hpp"
#include "model/assert.hpp"
#include "model/failpoint.hpp"
#include "model/references.hpp"

namespace tenax::actors {

using model::action_index;
using model::effect;
using model::no_action;
using model::phase;

void workflow_process::aftermath::clear() {
  effects.clear();
  launches.clear();
  answers.clear();
  ended = false;
}

workflow_process::workflow_process(caf::actor_config& cfg, runtime* rt,
                                   messages::engine_actor engine, messages::due_actor due,
                                   std::string id, messages::workflow_box_ptr box)
    : messages::workflow_actor::base(cfg),
      rt_(rt),
      engine_(std::move(engine)),
      due_(std::move(due)),
      id_(std::move(id)),
      box_(std::move(box)) {}

workflow_process::~workflow_process() = default;

workflow_process::behavior_type workflow_process::make_behavior() {
  set_exception_handler([this](std::exception_ptr& e) -> caf::error { rt_->die(e); });
  if (box_) on_begin();
  return {[this](messages::attempt_report r) { on_report(std::move(r)); },
          [this](const messages::committed& m) { on_committed(m); },
          [this](const messages::begin&) {
            ++received_;
            on_begin();
          },
          [this](const messages::action_due& m) { on_action_due(m.action); },
          [this](const messages::action_gone& m) { on_action_gone(m.action); },
          [this](const messages::timer_due& m) {
            ++received_;
            on_timer(m);
          },
          [this](const messages::request_ptr& r) {
            ++received_;
            on_request(r);
          },
          [this](const messages::dismissed&) {
            if (resting_) rt_->resting.fetch_sub(1, std::memory_order_relaxed);
            engine_ = nullptr;
            due_ = nullptr;
            quit();
          },
          [this](const messages::shut_down&) {
            ++received_;
            on_shut_down();
          }};
}

// --- taking up ---

void workflow_process::look_again() { send(due_, messages::look_again{id_}); }

void workflow_process::on_begin() {
  if (box_) {
    def_ = std::move(box_->definition);
    state_ = std::move(box_->state);
    box_.reset();
    take_up(false);
    return;
  }
  if (load()) return;
  if (broken_->code() == errc::corrupt) look_again();
  check_idle();
}

bool workflow_process::load() {
  broken_.reset();
  auto loaded = rt_->store.load(id_);
  if (loaded) {
    def_ = std::move(loaded->definition);
    state_ = std::move(loaded->state);
    take_up(true);
    return true;
  }
  broken_ = std::make_unique<error>(loaded.error());
  // The wake-up that led here is spent: going on would lose it.
  if (broken_->code() == errc::storage_unavailable && !TENAX_PLANTED(15)) rt_->halt(*broken_);
  if (broken_->code() != errc::not_found) {
    rt_->log(log_level::error, "workflow " + id_ + ": " + broken_->to_string());
  }
  return false;
}

bool workflow_process::is_there() {
  // Its submit may have become durable since the last look.
  if (broken_ && broken_->code() == errc::not_found && !rt_->halted) return load();
  return !broken_;
}

void workflow_process::take_up(bool loaded) {
  changes_.begin(state_);
  // What a step makes of these: they need not grow to it.
  changes_.events.reserve(4);
  changes_.touched.reserve(4);
  next_.effects.reserve(4);
  pending_.effects.reserve(4);
  slots_.resize(def_->size());
  if (loaded && !state_.terminal()) {
    // A start that is durable first does no harm: where it cannot be told, it is.
    const bool was_here_before_open = state_.created_at_ms <= rt_->opened_at_ms;
    for (action_index a = 0; a < slots_.size(); ++a) {
      const auto& action = state_.actions[a];
      // Its start may have been lost with the last crash, unless it was not due before this open.
      slots_[a].durable_first = was_here_before_open &&
                                (action.phase == phase::ready || action.phase == phase::executing ||
                                 (is_timed(action.phase) && action.due_at_ms <= rt_->opened_at_ms));
    }
    // A paused engine starts nothing, and what a crash means is for one that does to say: it knows
    // the delivery of each type.
    if (state_.count(phase::executing) > 0 && !rt_->opts.paused) {
      process(model::recover{}, urgency::now);
      // The sweep below finds what recover would start.
      next_.effects.erase(
          std::remove_if(next_.effects.begin(), next_.effects.end(),
                         [](const effect& e) { return e.what == effect::kind::start; }),
          next_.effects.end());
      (void)TENAX_FAILPOINT("recovery.mid");
    }
  }
  if (TENAX_PLANTED(7) && loaded) {  // delays redrawn
    for (action_index a = 0; a < slots_.size(); ++a) {
      auto& action = state_.actions[a];
      if (action.phase != phase::backing_off) continue;
      action.due_at_ms = rt_->now_ms() + static_cast<time_ms>(rt_->random.uniform() * 2'000);
      next_.effects.push_back({effect::kind::wait, a, action.due_at_ms});
    }
  }
  // Timers of a loaded workflow are in the due actor's hands; those of a new one are not.
  for (action_index a = 0; a < slots_.size() && !state_.terminal(); ++a) {
    const auto& action = state_.actions[a];
    if (action.phase == phase::ready) {
      next_.effects.push_back({effect::kind::start, a, 0});
    } else if (!loaded && is_timed(action.phase)) {
      next_.effects.push_back({effect::kind::wait, a, action.due_at_ms});
    }
    if (!loaded && action.close_by_ms != 0) {
      next_.effects.push_back({effect::kind::watch, a, action.close_by_ms});
    }
  }
  if (!loaded && state_.deadline_at_ms != 0) {
    next_.effects.push_back({effect::kind::watch, no_action, state_.deadline_at_ms});
  }
  pump();
}

// --- deciding ---

std::optional<error> workflow_process::process(const model::command& what, urgency how) {
  thread_local model::decision d;
  d.clear();
  model::decide(*def_, state_, what, rt_->now_ms(), rt_->random, rt_->rules, d);
  if (how == urgency::now && !d.events.empty()) flush_wanted_ = true;
  apply_decision(d);
  return std::move(d.refused);
}

/// For inputs that refer to it. Large ones are read again.
void workflow_process::keep_result(const model::event& e) {
  constexpr std::size_t one_max = 4u << 10;
  constexpr std::size_t all_max = 256u << 10;
  if (e.text.size() > one_max || kept_bytes_ + e.text.size() > all_max) return;
  kept_bytes_ += e.text.size();
  results_[e.action] = std::make_shared<const std::string>(e.text);
}

void workflow_process::apply_decision(model::decision& d) {
  for (auto& e : d.events) {
    if (e.kind == model::event_kind::late_result) {
      rt_->late_results.fetch_add(1, std::memory_order_relaxed);
    }
    if (e.kind == model::event_kind::action_completed && def_->is_referenced[e.action]) {
      keep_result(e);
    }
    const auto why = model::check_applicable(*def_, state_, e);
    TENAX_ASSERT(why.empty(), why.c_str());
    model::apply(*def_, state_, std::move(e), changes_);
  }
  for (const auto& e : d.effects) {
    if (e.what == effect::kind::finish) {
      // What has not begun must not begin once the end is durable, so it is taken back now.
      for (action_index a = 0; a < slots_.size() && !TENAX_PLANTED(9); ++a) revoke(a);
      next_.ended = true;
    } else if (e.what == effect::kind::stop) {
      revoke(e.action);
      if (slots_[e.action].call) slots_[e.action].given_up = slots_[e.action].call->attempt;
    }
    next_.effects.push_back(e);
  }
}

/// Sends what has collected, unless a batch is in flight; acts at once where nothing has to be
/// durable first.
void workflow_process::pump() {
  while (!in_flight_ && !rt_->halted) {
    if (!changes_.empty()) {
      commit(flush_wanted_ ? storage::flush::now : storage::flush::lazy);
      if (in_flight_) return;
    }
    if (next_.empty()) break;
    std::swap(next_, pending_);
    settle(pending_);
  }
  // What collected since is not written any more: whoever waits for it is told.
  if (rt_->halted && !in_flight_) {
    fail_all(rt_->stopped());
  }
  check_idle();
}

void workflow_process::commit(storage::flush when) {
  thread_local storage::write_batch batch;
  batch.clear();
  storage::encode_commit(*def_, state_, changes_, batch);
  changes_.begin(state_);
  flush_wanted_ = false;
  if (when == storage::flush::lazy) {
    rt_->journal.append(batch, when, {});
    return;
  }
  in_flight_ = true;
  pending_.clear();
  std::swap(next_, pending_);
  (void)TENAX_FAILPOINT(pending_.ended ? "terminal.before" : "handler.done_before_commit");
  rt_->journal.append(batch, when, tell_committed(caf::strong_actor_ptr{ctrl()}));
  if (TENAX_PLANTED(1)) settle(pending_);  // acts before the commit
}

void workflow_process::on_committed(const messages::committed& m) {
  in_flight_ = false;
  if (!m.ok) {
    const error why(errc::storage_unavailable,
                    "a commit of workflow " + id_ + " failed (" + m.why->message() +
                        "); its outcome is unknown until the data directory is opened again");
    fail_all(why);
    check_idle();
    return;
  }
  settle(pending_);
  pump();
}

/// The batch is durable: now act. What this decides collects in next_, never in `done`.
void workflow_process::settle(aftermath& done) {
  if (done.ended) {
    (void)TENAX_FAILPOINT("terminal.after");
    rt_->finished(*def_, state_);
  }
  for (const auto& e : done.effects) perform(e);
  for (const action_index a : done.launches) {
    slots_[a].unrecorded = false;
    if (slots_[a].call) begin_call(slots_[a].call);
  }
  for (const auto& [r, refusal] : done.answers) {
    if (std::holds_alternative<model::cancel>(r->what)) (void)TENAX_FAILPOINT("cancel.committed");
    if (refusal) {
      r->answer(*refusal);
    } else {
      r->answer({});
    }
  }
  done.clear();
}

// --- acting ---

void workflow_process::perform(const effect& e) {
  switch (e.what) {
    case effect::kind::start:
      try_start(e.action);
      break;
    case effect::kind::wait:
      (void)TENAX_FAILPOINT("retry.committed_before_timer");
      arm(e.action, e.due_at_ms);
      break;
    case effect::kind::watch:
      watch(e.action, e.due_at_ms);
      break;
    case effect::kind::stop:
      if (slots_[e.action].child) {
        send(slots_[e.action].child, messages::give_up{slots_[e.action].given_up});
      }
      break;
    case effect::kind::close:
      (void)TENAX_FAILPOINT("action.committed_before_reply");
      release(e.action);
      break;
    case effect::kind::finish:
      for (action_index a = 0; a < slots_.size(); ++a) release(a);
      break;
  }
}

/// The action may run: its dependencies are over, and its time, if it waited for one, has come.
void workflow_process::try_start(action_index a) {
  if (state_.terminal() || !rt_->may_start()) return;
  const auto& action = state_.actions[a];
  const bool due =
      is_timed(action.phase) && (action.due_at_ms <= rt_->now_ms() || TENAX_PLANTED(6));
  auto& place = slots_[a];
  const bool goes_on = action.phase == phase::deferred;
  const std::uint32_t attempt = goes_on ? action.attempt : action.attempt + 1;
  const std::uint32_t deferrals = goes_on ? action.deferrals : 0;
  if (place.call && place.call->attempt == attempt && place.call->deferrals == deferrals) {
    return;  // launched already: this timer came twice
  }
  if (action.phase != phase::ready && !due) {
    // The wall clock stepped back after the alarm, which is spent: a new one.
    if (is_timed(action.phase)) arm(a, action.due_at_ms);
    return;
  }
  const auto rules = rt_->rules.of(def_->spec.actions[a].type);
  if (rules.entry == nullptr) return;  // waits, with the reason no_handler
  const bool durable_first =
      place.durable_first ||
      (rules.options().delivery == delivery::at_most_once && !TENAX_PLANTED(14));
  auto call = std::make_shared<handler_call>();
  call->entry = rules.entry;
  call->definition = def_;
  call->action = a;
  call->attempt = attempt;
  call->deferrals = deferrals;
  call->recorded = durable_first;
  place.call = call;
  if (rules.options().mode == run_mode::blocking) call->stop = std::stop_source();
  if (def_->has_references[a]) call->render = input_of(a);
  if (!durable_first) {
    begin_call(call);
    return;
  }
  place.durable_first = false;
  process(model::begin_attempt{a, attempt, deferrals, rt_->now_ms()}, urgency::now);
  place.unrecorded = true;
  next_.launches.push_back(a);
}

std::function<std::optional<outcome>(std::string&)> workflow_process::input_of(action_index a) {
  struct source {
    std::uint64_t seq = 0;  ///< of the event that holds its result
    std::shared_ptr<const std::string> result;
  };
  std::unordered_map<action_index, source> sources;
  for (const action_index d : def_->dependencies[a]) {
    if (!def_->is_referenced[d] || state_.actions[d].phase != phase::completed) continue;
    const auto kept = results_.find(d);
    sources[d] = {state_.actions[d].result_seq, kept == results_.end() ? nullptr : kept->second};
  }
  return [rt = rt_, def = def_, a,
          sources = std::move(sources)](std::string& input) -> std::optional<outcome> {
    std::unordered_map<action_index, std::string> read;
    std::optional<error> failed;
    const auto lookup = [&](action_index d) -> std::optional<std::string_view> {
      const auto from = sources.find(d);
      if (from == sources.end()) return std::nullopt;
      if (from->second.result) return *from->second.result;
      if (const auto found = read.find(d); found != read.end()) return found->second;
      auto stored = rt->store.load_result(def->spec.id, from->second.seq);
      if (stored) return read[d] = std::move(*stored);
      failed = stored.error();
      return std::nullopt;
    };
    auto rendered = model::render_input(*def, a, lookup, rt->opts.limits.payload_bytes_max);
    if (failed) {
      // A disk that cannot be read is no failure of the action.
      if (failed->code() == errc::storage_unavailable) {
        rt->halt(*failed);
      } else {
        rt->log(log_level::error, "workflow " + def->spec.id + ", input of action " +
                                      def->spec.actions[a].key + ": " + failed->to_string());
      }
      return outcome::defer(wall_time(milliseconds(rt->now_ms() + look_again_ms)));
    }
    if (!rendered) return outcome::fatal("bad_reference", rendered.error().message());
    input = std::move(*rendered);
    return std::nullopt;
  };
}

void workflow_process::begin_call(const handler_call_ptr& call) {
  (void)TENAX_FAILPOINT(call->recorded ? "action.started_durable" : "workflow.before_spawn");
  auto& place = slots_[call->action];
  if (shutting_down_) (void)call->revoke();
  if (!call->is_waiting()) {  // revoked, perhaps by an event of the same batch
    if (shutting_down_ && call->recorded) {
      process(model::interrupt_attempt{call->action, call->attempt}, urgency::now);
    }
    return;
  }
  if (place.child) {
    // It may have been told to leave, and wait for a handler that was given up: it is wanted again.
    // If it has ended by now, on_action_gone comes back to this call.
    place.leaving = false;
    if (place.waits) --waiting_;
    place.waits = false;
    send(place.child, messages::run_attempt{call});
    return;
  }
  place.child =
      spawn<action_process>(rt_, messages::workflow_actor{this}, call->action, call, time_ms{0});
  ++children_;
}

/// A timer of an action: within the horizon its actor waits for it, beyond it only the store knows
/// of it.
void workflow_process::arm(action_index a, time_ms due_at_ms) {
  const auto& action = state_.actions[a];
  if (!is_timed(action.phase) || action.due_at_ms != due_at_ms) return;  // overtaken
  if (shutting_down_) return;                                            // the due index has it
  auto& place = slots_[a];
  if (!rt_->in_window(false, due_at_ms)) {
    release(a);
  } else if (place.leaving || rt_->armed.load(std::memory_order_relaxed) >= runtime::armed_max) {
    send(due_, messages::hold{due_at_ms, {id_, {a, false}}});
    release(a);
  } else {
    if (place.child) {
      send(place.child, messages::wait_until{due_at_ms});
    } else {
      place.child = spawn<action_process>(rt_, messages::workflow_actor{this}, a,
                                          handler_call_ptr{}, due_at_ms);
      ++children_;
    }
    if (!place.waits) ++waiting_;
    place.waits = true;
    update_rest();
  }
}

void workflow_process::watch(action_index a, time_ms due_at_ms) {
  if (rt_->in_window(true, due_at_ms)) {
    send(due_, messages::hold{due_at_ms, {id_, {a, true}}});
  }
}

void workflow_process::release(action_index a) {
  auto& place = slots_[a];
  if (!place.child || place.leaving) return;
  place.leaving = true;
  send(place.child, messages::leave{});
}

void workflow_process::revoke(action_index a) {
  if (slots_[a].call) (void)slots_[a].call->revoke();
}

/// The action's actor has ended.
void workflow_process::forget(action_index a) {
  auto& place = slots_[a];
  if (!place.child) return;
  if (place.waits) --waiting_;
  place.waits = false;
  place.leaving = false;
  place.child = nullptr;
  --children_;
}

// --- messages ---

void workflow_process::on_report(messages::attempt_report r) {
  const bool waited = slots_[r.action].waits;
  if (r.leaves) forget(r.action);
  if (r.began) {
    process(model::begin_attempt{r.action, r.attempt, r.deferrals, r.started_at_ms}, urgency::lazy);
  }
  if (r.interrupted || r.stopped) {
    process(model::interrupt_attempt{r.action, r.attempt, r.stopped}, urgency::now);
  }
  if (r.timed_out) process(model::time_out_attempt{r.action, r.attempt}, urgency::now);
  if (r.ended) {
    process(model::end_attempt{r.action, r.attempt, std::move(r.what)}, urgency::now);
  }
  if (r.leaves) replace_child(r.action, waited);
  pump();
}

/// The action's actor has ended, perhaps with messages of ours unread: what it was told to do is
/// done anew.
void workflow_process::replace_child(action_index a, bool waited) {
  if (state_.terminal()) return;
  const auto& place = slots_[a];
  if (place.call && place.call->is_waiting()) {
    if (!place.unrecorded) begin_call(place.call);
  } else if (waited) {
    arm(a, state_.actions[a].due_at_ms);
  }
}

void workflow_process::on_action_due(action_index a) {
  auto& place = slots_[a];
  if (place.waits) --waiting_;
  place.waits = false;
  update_rest();
  next_.effects.push_back({effect::kind::start, a, 0});
  pump();
}

void workflow_process::on_action_gone(action_index a) {
  // It may have been released for a timer beyond the horizon and be wanted again by now.
  forget(a);
  replace_child(a, false);
  pump();
}

void workflow_process::on_timer(const messages::timer_due& m) {
  if (!is_there() || !def_ || (m.action != no_action && m.action >= slots_.size())) {
    if (broken_ && broken_->code() == errc::corrupt) look_again();
    check_idle();
    return;
  }
  if (m.action == no_action && !m.deadline) {
    take_back_timers();
  } else if (!m.deadline) {
    next_.effects.push_back({effect::kind::start, m.action, 0});
  } else if (m.action == no_action) {
    process(model::workflow_deadline{}, urgency::now);
  } else {
    process(model::action_deadline{m.action}, urgency::now);
  }
  pump();
}

/// It could not be read for a while: whatever came due meanwhile is spent.
void workflow_process::take_back_timers() {
  if (state_.terminal()) return;
  for (action_index a = 0; a < slots_.size(); ++a) {
    const auto& action = state_.actions[a];
    if (is_timed(action.phase)) next_.effects.push_back({effect::kind::wait, a, action.due_at_ms});
    if (action.close_by_ms != 0) watch(a, action.close_by_ms);
  }
  if (state_.deadline_at_ms != 0) watch(no_action, state_.deadline_at_ms);
}

void workflow_process::on_request(const messages::request_ptr& r) {
  if (!is_there() || rt_->halted) {
    r->answer(broken_ ? *broken_ : rt_->stopped());
    check_idle();
    return;
  }
  model::command what;
  if (const auto* cancel = std::get_if<model::cancel>(&r->what)) {
    what = *cancel;
  } else {
    const auto& [key, choice] = std::get<std::pair<std::string, resolution>>(r->what);
    const auto action = def_->find(key);
    if (!action) {
      r->answer(error(errc::not_found, "workflow " + id_ + " has no action " + key));
      check_idle();
      return;
    }
    what = model::resolve{*action, choice};
  }
  auto refused = process(what, urgency::now);
  // A refusal waits too: the state that it comes from may not be durable yet.
  next_.answers.emplace_back(r, std::move(refused));
  pump();
}

void workflow_process::on_shut_down() {
  shutting_down_ = true;
  for (action_index a = 0; a < slots_.size(); ++a) release(a);
  check_idle();
}

// --- resting and leaving ---

/// Tells the engine when a place for a running workflow has become free.
void workflow_process::update_rest() {
  const bool rests = !in_flight_ && changes_.empty() && children_ > 0 && waiting_ == children_;
  if (rests == resting_) return;
  resting_ = rests;
  // Before the look at the backlog, in the one order that all threads see (take_wakes, adopt).
  rt_->resting.fetch_add(rests ? 1 : -1);
  if (rests && rt_->backlog && !rt_->scan_asked.exchange(true)) send(engine_, messages::scan{});
}

void workflow_process::check_idle() {
  update_rest();
  if (in_flight_ || children_ > 0 || !engine_) return;
  if (!rt_->halted && (!changes_.empty() || !next_.effects.empty())) return;
  if (idle_at_ == received_ + 1) return;
  idle_at_ = received_ + 1;
  send(engine_, messages::idle{id_, received_});
}

void workflow_process::fail_all(const error& why) {
  for (const auto& [r, refusal] : pending_.answers) r->answer(why);
  for (const auto& [r, refusal] : next_.answers) r->answer(why);
  pending_.clear();
  next_.clear();
}

}  // namespace tenax::actors
