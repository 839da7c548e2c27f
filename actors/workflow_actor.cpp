#include "actors/workflow_actor.hpp"

#include <algorithm>
#include <utility>

#include <caf/send.hpp>

#include "actors/action_actor.hpp"
#include "actors/rendering.hpp"
#include "model/assert.hpp"
#include "model/failpoint.hpp"

namespace tenax::actors {

using model::action_index;
using model::effect;
using model::no_action;
using model::phase;

void workflow_process::aftermath::clear() {
  effects.clear();
  taken.clear();
  leaving.clear();
  opened.clear();
  answers.clear();
  bytes = 0;
  ended = false;
}

namespace {
/// Handlers of one workflow that run in place: those that wait for something, and those that ran
/// without a wait since the last commit, after which others have their turn.
constexpr std::size_t in_place_max = 256;
constexpr std::size_t at_once_max = 512;
}  // namespace

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
  if (box_) on_begin(0);
  return {[this](messages::attempt_report r) { on_report(std::move(r)); },
          [this](const messages::committed& m) { on_committed(m); },
          [this](const messages::begin& m) {
            ++received_;
            on_begin(m.listed_at_ms);
            if (m.lane != nullptr) rt_->handlers->arrived(*m.lane);
          },
          [this](const messages::action_due& m) { on_action_due(m.action); },
          [this](const messages::action_gone&) {
            --children_;
            pump();
          },
          [this](const messages::your_turn& m) { on_your_turn(m); },
          [this](const messages::put_out& m) { on_put_out(m); },
          [this](const messages::lane_room& m) {
            ++received_;
            on_lane_room(m);
          },
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
            rt_->queued -= static_cast<std::int64_t>(queued_told_);
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

void workflow_process::on_begin(time_ms listed_at_ms) {
  if (box_) {
    def_ = std::move(box_->definition);
    state_ = std::move(box_->state);
    box_.reset();
    take_up(false);
    return pump();
  }
  if (rt_->memory_is_full()) {
    broken_ = std::make_unique<error>(errc::overloaded, "memory is full");
    if (listed_at_ms != 0) send(engine_, messages::declined{id_, listed_at_ms, {}});
    return check_idle();
  }
  if (load()) return pump();
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
    rt_->log(log_level::error, "workflow " + id_ + ": " + broken_->to_string(), {id_});
  }
  return false;
}

bool workflow_process::is_there() {
  // Its submit may have become durable since the last look; or this is worth the memory.
  const auto why = broken_ ? std::optional(broken_->code()) : std::nullopt;
  if ((why == errc::not_found || why == errc::overloaded) && !rt_->halted) return load();
  return !broken_;
}

/// The caller goes on with `pump`: it may have a message to work on first, and must not be let go
/// before.
void workflow_process::take_up(bool loaded) {
  durable_seq_ = state_.seq;
  changes_.begin(state_);
  // What a step makes of these: they need not grow to it.
  changes_.events.reserve(4);
  changes_.touched.reserve(4);
  next_.effects.reserve(4);
  pending_.effects.reserve(4);
  slots_.resize(def_->size());
  loaded_bytes_ = def_->bytes + slots_.size() * (sizeof(slot) + sizeof(model::action_state));
  rt_->loaded_bytes += loaded_bytes_;
  stays_at_rest_ = !rt_->takes_up(id_);
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
    // A paused engine starts nothing, nor does anything of a workflow that rests, and what a crash
    // means is for one that does to say: it knows the delivery of each type.
    if (state_.count(phase::executing) > 0 && !rt_->paused && !stays_at_rest_) {
      process(model::recover{}, urgency::now);
      for (action_index a = 0; a < slots_.size(); ++a) {  // left as it is without its handler
        if (state_.actions[a].phase != phase::executing) continue;
        rt_->no_handler(def_->spec, def_->spec.actions[a]);
      }
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
  if (TENAX_PLANTED(32) && loaded) {  // what was changed is forgotten
    for (auto& action : state_.actions) action.change = nullptr;
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
    if (e.kind == model::event_kind::action_completed && e.signal_seq == 0 &&
        def_->is_referenced[e.action]) {
      keep_result(e);
    }
    const auto why = model::check_applicable(*def_, state_, e);
    TENAX_ASSERT(why.empty(), why.c_str());
    const action_index of = e.action;
    const bool was_open = of < slots_.size() && state_.actions[of].phase == phase::outside;
    const bool ends_all = model::is_terminal(e.kind);
    if (ends_all && state_.count(phase::outside) > 0) forget_progress();
    model::apply(*def_, state_, std::move(e), changes_);
    if (was_open && state_.actions[of].phase != phase::outside) rt_->progress.forget(id_, of);
  }
  for (const auto& e : d.effects) {
    // What has not begun must not begin once this is durable, so it is taken back now.
    if (e.what == effect::kind::finish) {
      if (!TENAX_PLANTED(9)) detach_all();
      next_.ended = true;
    } else if (e.what == effect::kind::stop || e.what == effect::kind::close) {
      detach(e.action);
    }
    next_.effects.push_back(e);
  }
}

/// Of all that is open.
void workflow_process::forget_progress() {
  for (action_index a = 0; a < slots_.size(); ++a) {
    if (state_.actions[a].phase == phase::outside) rt_->progress.forget(id_, a);
  }
}

/// What ran in place is over already; that may have made room for more of the same.
void workflow_process::take_reports() {
  do {
    for (auto& row : rows_) {
      if (row.where == nullptr) take_turns(row);
    }
    if (reports_.empty()) return;
    for (auto& r : reports_) take_report(std::move(r));  // makes no new ones
    reports_.clear();
  } while (run_at_once_ < at_once_max);
}

/// Sends what has collected, unless a batch is in flight; acts at once where nothing has to be
/// durable first.
void workflow_process::pump() {
  take_reports();
  while (!in_flight_ && !rt_->halted) {
    if (!changes_.empty()) {
      commit(flush_wanted_ ? storage::flush::now : storage::flush::lazy);
      if (in_flight_) return;
    }
    if (next_.empty()) break;
    std::swap(next_, pending_);
    settle(pending_);
    take_reports();
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
    rt_->journal.append(batch, when, rt_->tell_went_on(id_));
    batch.clear();  // gives the memory of a large one back
    return;
  }
  in_flight_ = true;
  seq_in_flight_ = state_.seq;
  run_at_once_ = 0;
  pending_.clear();
  std::swap(next_, pending_);
  (void)TENAX_FAILPOINT(pending_.ended ? "terminal.before" : "handler.done_before_commit");
  rt_->journal.append(batch, when, tell_committed(caf::strong_actor_ptr{ctrl()}));
  batch.clear();
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
  durable_seq_ = seq_in_flight_;
  settle(pending_);
  // The end has been told as it was: now it may be followed by a beginning.
  for (const auto& r : std::exchange(after_end_, {})) take_request(r);
  pump();
}

/// The batch is durable: now act. What this decides collects in next_, never in `done`.
void workflow_process::settle(aftermath& done) {
  if (done.ended) {
    (void)TENAX_FAILPOINT("terminal.after");
    rt_->finished(*def_, state_);
  } else if (rt_->is_heard()) {
    rt_->went_on(id_);
  }
  if (done.bytes > 0) rt_->budget.drop_results(done.bytes);
  for (const auto& e : done.effects) perform(e);
  for (const auto& child : done.taken) send(child, messages::go_on{});
  for (const auto& child : done.leaving) send(child, messages::leave{});
  for (const auto& call : done.opened) hand_over(*call);
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
    case effect::kind::close:
      (void)TENAX_FAILPOINT("action.committed_before_reply");
      break;
    case effect::kind::stop:
      break;  // its child is leaving
    case effect::kind::finish:
      detach_all();
      break;
  }
}

/// The action may run: its dependencies are over, and its time, if it waited for one, has come. It
/// takes its place in the row of its lane.
void workflow_process::try_start(action_index a) {
  if (state_.terminal() || !rt_->may_start() || shutting_down_ || stays_at_rest_) return;
  const auto& action = state_.actions[a];
  auto& mine = slots_[a];
  // This timer came twice, or before the word of the last attempt.
  if (mine.at == place::queued || mine.at == place::admitted) return;
  // Whoever has its input must know that it is durable: the change brings another start.
  if (action.input_seq() > durable_seq_) return;
  const bool due =
      is_timed(action.phase) && (action.due_at_ms <= rt_->now_ms() || TENAX_PLANTED(6));
  if (action.phase != phase::ready && !due) {
    // The wall clock stepped back after the alarm, which is spent: a new one.
    if (is_timed(action.phase)) arm(a, action.due_at_ms);
    return;
  }
  const auto rules = rt_->rules.of(def_->spec.actions[a].type);
  auto* const where =
      rules.entry != nullptr ? rt_->lane_of(rules.entry, def_->spec.actions[a].type) : nullptr;
  const bool has_none =
      rules.entry == nullptr || (rules.entry->options.mode == run_mode::worker && where == nullptr);
  if (has_none) {  // waits, with the reason no_handler
    detach(a);
    return rt_->no_handler(def_->spec, def_->spec.actions[a]);
  }
  if (mine.at == place::waits) --waiting_;
  mine.at = place::queued;
  ++queued_;
  auto& row = row_of(where);
  // What made it ready is its workflow's last event.
  const time_ms ready_at_ms = due ? action.due_at_ms : state_.updated_at_ms;
  row.actions.push_back({a, static_cast<std::uint32_t>(ready_at_ms)});
  take_turns(row);
  // Its child waited for its time, and must not wait for the lane too.
  if (mine.at != place::admitted && mine.child) {
    next_.leaving.push_back(std::move(mine.child));
    mine.child = nullptr;
  }
}

/// An attempt for a worker is open, and that is durable: whoever has asked for it gets it. If
/// nobody is there any more it is made again for the next.
void workflow_process::hand_over(handler_call& call) {
  const action_index a = call.action;
  const auto& action = state_.actions[a];
  const auto secret = call.secret(rt_->secrets);
  if (action.phase != phase::outside || !secret.is(action.secret)) return;  // overtaken
  const auto& spec = def_->spec;
  const auto& what = spec.actions[a];
  held_task held;
  held.charge = std::move(call.charge);
  auto& task = held.task;
  task.workflow_id = spec.id;
  task.workflow_name = spec.name;
  task.action_key = what.key;
  task.action_type = what.type;
  task.input = call.has_own_input ? std::move(call.input) : what.input;
  task.idempotency_key = spec.id + "/" + what.key;
  task.token = model::print_token(spec.id, a, action.attempt, secret);
  if (rt_->opts.trace_context) task.traceparent = traceparent_of(call);
  task.attempt = action.attempt;
  task.deferrals = action.deferrals;
  task.delivery = action.delivery;
  task.given_up_at = wall_time(milliseconds(action.due_at_ms));
  const auto now = home_system().clock().now();
  const milliseconds waited(rt_->now_ms() - lanes::whole(call.ready_at_ms, rt_->now_ms()));
  switch (rt_->handlers->hand_over(call.place, std::move(held), waited, now, rt_->now_ms())) {
    case executor::handed::over:
      break;
    case executor::handed::timed:
      send(engine_, messages::poll_time{});
      break;
    case executor::handed::back:
      if (TENAX_PLANTED(31)) break;
      process(model::end_open_attempt{a, action.attempt, secret,
                                      outcome::defer(wall_time(milliseconds(rt_->now_ms()))),
                                      "nobody took it"},
              urgency::now);
      break;
  }
}

workflow_process::ready_row& workflow_process::row_of(lane* where) {
  for (auto& row : rows_) {
    if (row.where == where) return row;
  }
  auto& made = rows_.emplace_back();
  made.where = where;
  return made;
}

workflow_process::ready_row* workflow_process::row_in(const lane* where) {
  const auto found = std::find_if(rows_.begin(), rows_.end(),
                                  [where](const ready_row& r) { return r.where == where; });
  return found == rows_.end() ? nullptr : &*found;
}

/// The first action of the row that still waits there; the others are forgotten.
std::optional<workflow_process::ready_row::queued> workflow_process::next_of(ready_row& row) {
  while (!row.actions.empty()) {
    const auto next = row.actions.front();
    row.actions.pop_front();
    if (slots_[next.action].at == place::queued) return next;
  }
  return std::nullopt;
}

/// As many as the lane lets in. Those that run in place have no lane: some of each workflow at a
/// time, so that what they cost in memory stays small.
void workflow_process::take_turns(ready_row& row) {
  if (!rt_->may_start()) return;
  while (!row.actions.empty() && !row.in_turn) {
    if (row.where == nullptr) {
      if (in_place_ >= in_place_max || run_at_once_ >= at_once_max) return;
      if (const auto a = next_of(row)) admit(*a, {});
      continue;
    }
    if (row.left_out) {
      (void)make_ready(row);
      return;
    }
    const auto a = next_of(row);
    if (!a) return;
    auto [how, where] = rt_->handlers->enter(*row.where, {this, def_, a->action, a->ready_at_ms},
                                             def_->spec.priority);
    if (how == entrance::in) {
      admit(*a, std::move(where));
      continue;
    }
    row.actions.push_front(*a);
    row.in_turn = how == entrance::row;
    if (row.in_turn) return;
    if (make_ready(row)) continue;
    row.left_out = true;
    send(engine_,
         messages::left_out{id_, state_.created_at_ms,
                            model::lane_bit(def_->spec.actions[a->action].type), row.where});
  }
}

/// The row of its lane is full, and what has come due would keep the workflow in memory, for its
/// timer is spent: it becomes ready, and tries again once that is durable. False: nothing has.
bool workflow_process::make_ready(ready_row& row) {
  if (TENAX_PLANTED(21)) return false;
  bool any = false;
  for (const auto [a, ready_at_ms] : row.actions) {
    if (slots_[a].at != place::queued || !is_timed(state_.actions[a].phase)) continue;
    rest(a);
    process(model::come_due{a}, urgency::now);
    any = true;
  }
  return any;
}

/// Whether all that waits has found full rows, so that it waits in the store as well as here.
bool workflow_process::is_left_out() {
  return std::all_of(rows_.begin(), rows_.end(), [this](ready_row& row) {
    const auto first = next_of(row);
    if (first) row.actions.push_front(*first);
    return !first || row.left_out;
  });
}

void workflow_process::on_put_out(const messages::put_out& m) {
  auto* const row = row_in(m.lane);
  if (row == nullptr) return;
  row->in_turn = false;
  take_turns(*row);
  pump();
}

void workflow_process::on_lane_room(const messages::lane_room& m) {
  if (auto* const row = row_in(m.lane); row != nullptr && row->left_out) {
    row->left_out = false;
    take_turns(*row);
    return pump();
  }
  check_idle();
}

void workflow_process::on_your_turn(const messages::your_turn& m) {
  auto* const row = row_in(m.place->where);
  if (row == nullptr) return;
  row->in_turn = false;
  // Without a use for it the place goes back with the message.
  if (!rt_->handlers->is_wanted(*m.place)) {
    if (!shutting_down_) take_turns(*row);
    return pump();
  }
  if (const auto a = shutting_down_ ? std::nullopt : next_of(*row)) {
    admit(*a, std::move(*m.place));
    take_turns(*row);
  }
  pump();
}

void workflow_process::admit(const ready_row::queued& next, lane_place where) {
  const action_index a = next.action;
  const auto& action = state_.actions[a];
  auto& mine = slots_[a];
  const auto rules = rt_->rules.of(def_->spec.actions[a].type);
  const bool goes_on = action.goes_on();
  auto call = std::make_shared<handler_call>();
  call->entry = rules.entry;
  call->definition = def_;
  call->action = a;
  call->attempt = goes_on ? action.attempt : action.attempt + 1;
  call->deferrals = goes_on ? action.deferrals : 0;
  call->priority = def_->spec.priority;
  call->ready_at_ms = next.ready_at_ms;
  call->submitted_at_ms = state_.created_at_ms;
  call->how = goes_on ? action.delivery : rules.options().delivery;
  // A worker has it once it is open, and that is durable.
  call->durable_first =
      !call->is_for_worker() &&
      (mine.durable_first || (call->how == delivery::at_most_once && !TENAX_PLANTED(14)));
  call->place = std::move(where);
  if (call->is_blocking()) {
    call->stop = std::stop_source();
  } else {
    ++in_place_;
  }
  call->has_own_input = def_->has_references[a] || action.input_seq() != 0;
  if (call->has_own_input) set_input(*call);
  --queued_;
  mine.at = place::admitted;
  mine.call = call;
  (void)TENAX_FAILPOINT("workflow.before_spawn");
  if (mine.child) {
    send(mine.child, messages::run_attempt{std::move(call)});
  } else if (call->is_blocking()) {
    spawn_child(a, std::move(call), 0);
  } else {
    spawn_child<caf::lazy_init>(a, call, 0);
    if (call->at_once) {
      ++run_at_once_;
      reports_.push_back(std::move(*call->at_once));
    } else {
      send(mine.child, messages::run_attempt{std::move(call)});
    }
  }
}

template <caf::spawn_options How>
void workflow_process::spawn_child(action_index a, handler_call_ptr call, time_ms due_at_ms) {
  auto& mine = slots_[a];
  mine.serial = ++last_serial_;
  mine.child = spawn<action_process, How>(rt_, messages::workflow_actor{this}, a, mine.serial,
                                          std::move(call), due_at_ms);
  ++children_;
}

/// Its call is over, or it waits no longer; a child stays for what comes.
void workflow_process::rest(action_index a) {
  auto& mine = slots_[a];
  switch (std::exchange(mine.at, place::rests)) {
    case place::waits:
      --waiting_;
      break;
    case place::queued:
      --queued_;
      break;
    case place::admitted:
      if (!mine.call->is_blocking()) --in_place_;
      mine.call = nullptr;
      break;
    case place::rests:
      break;
  }
}

/// Nothing of the action goes on from here: what has not begun never will, and its child leaves
/// once that is durable.
void workflow_process::detach(action_index a) {
  auto& mine = slots_[a];
  if (mine.call && !mine.call->revoke()) mine.begun = mine.call->attempt;
  let_go(a);
}

void workflow_process::let_go(action_index a) {
  rest(a);
  auto& mine = slots_[a];
  if (mine.child) next_.leaving.push_back(std::exchange(mine.child, nullptr));
}

void workflow_process::detach_all() {
  for (action_index a = 0; a < slots_.size(); ++a) detach(a);
  for (auto& row : rows_) {
    row.actions.clear();
    row.left_out = false;
    if (std::exchange(row.in_turn, false)) {
      rt_->handlers->withdraw(*row.where, this, def_->spec.priority);
    }
  }
}

void workflow_process::set_input(handler_call& call) {
  input_parts parts;
  parts.input_seq = state_.actions[call.action].input_seq();
  for (const action_index d : def_->dependencies[call.action]) {
    const bool may_refer = def_->is_referenced[d] || parts.input_seq != 0;
    if (!may_refer || state_.actions[d].phase != phase::completed) continue;
    const auto kept = results_.find(d);
    parts.results[d] = {state_.actions[d].result_seq,
                        kept == results_.end() ? nullptr : kept->second};
  }
  call.renders_at_once = parts.are_small(*def_, call.action);
  if (!call.renders_at_once && life_ == 0) life_ = rt_->documents.new_life();
  parts.life = life_;
  call.render = [rt = rt_, parts = std::move(parts)](handler_call& c) {
    return make_input(*rt, parts, c);
  };
}

/// A timer of an action: within the horizon its actor waits for it, beyond it only the store knows
/// of it.
void workflow_process::arm(action_index a, time_ms due_at_ms) {
  const auto& action = state_.actions[a];
  if (!is_timed(action.phase) || action.due_at_ms != due_at_ms) return;  // overtaken
  if (shutting_down_) return;                                            // the due index has it
  auto& mine = slots_[a];
  // An alarm is spent when it comes: where nothing may start yet, the due actor keeps it.
  const bool keeps_none = rt_->paused || stays_at_rest_ ||
                          rt_->armed.load(std::memory_order_relaxed) >= runtime::armed_max;
  if (!rt_->in_window(false, due_at_ms)) {
    detach(a);
  } else if (keeps_none) {
    send(due_, messages::hold{due_at_ms, {id_, {a, false}}});
    detach(a);
  } else {
    if (mine.child) {
      send(mine.child, messages::wait_until{due_at_ms});
    } else {
      spawn_child(a, nullptr, due_at_ms);
    }
    if (mine.at != place::waits) ++waiting_;
    mine.at = place::waits;
    update_rest();
  }
}

void workflow_process::watch(action_index a, time_ms due_at_ms) {
  if (rt_->in_window(true, due_at_ms)) {
    send(due_, messages::hold{due_at_ms, {id_, {a, true}}});
  }
}

// --- messages ---

void workflow_process::on_report(messages::attempt_report r) {
  take_report(std::move(r));
  pump();
}

void workflow_process::take_report(messages::attempt_report r) {
  using news = messages::attempt_report::news;
  auto& mine = slots_[r.action];
  // Else it is from a child that was told to leave.
  const bool current = mine.serial == r.child && mine.child;
  if (r.leaves) {
    --children_;
    if (current) mine.child = nullptr;
  }
  next_.bytes += r.bytes;
  const bool over = r.what_happened == news::ended || r.what_happened == news::stopped ||
                    r.what_happened == news::dropped;
  const auto for_worker =
      over && current && mine.call && mine.call->is_for_worker() ? mine.call : nullptr;
  if (over && current) rest(r.action);
  // Of a call that a word from outside has deferred: what its handler says is not about the next.
  const auto& action = state_.actions[r.action];
  if (r.attempt == action.attempt && r.deferrals < action.deferrals) return;
  if (r.what_happened == news::began || r.start_is_news) {
    process(model::begin_attempt{r.action, r.attempt, r.deferrals, r.started_at_ms}, urgency::lazy);
  }
  switch (r.what_happened) {
    case news::taken:
      if (!current) break;
      mine.durable_first = false;
      process(model::begin_attempt{r.action, r.attempt, r.deferrals, rt_->now_ms()}, urgency::now);
      next_.taken.push_back(mine.child);
      break;
    case news::began:
    case news::withdrawn:
      break;
    case news::timed_out:
      if (current) process(model::time_out_attempt{r.action, r.attempt}, urgency::now);
      break;
    case news::ended:
      process(model::end_attempt{r.action, r.attempt, std::move(r.what), r.secret, r.deferrals},
              urgency::now);
      if (for_worker && TENAX_PLANTED(29)) {
        hand_over(*for_worker);  // before it is durable
      } else if (for_worker) {
        next_.opened.push_back(for_worker);
      }
      break;
    case news::stopped:
    case news::dropped:
      process(model::interrupt_attempt{r.action, r.attempt, r.what_happened == news::stopped},
              urgency::now);
      // Its worker had left before it began: for the next.
      if (for_worker) next_.effects.push_back({effect::kind::start, r.action, 0});
      break;
  }
}

void workflow_process::on_action_due(action_index a) {
  if (slots_[a].at == place::waits) rest(a);
  update_rest();
  next_.effects.push_back({effect::kind::start, a, 0});
  pump();
}

void workflow_process::on_timer(const messages::timer_due& m) {
  if (broken_ && broken_->code() == errc::overloaded && !m.deadline && rt_->memory_is_full()) {
    send(engine_, messages::declined{id_, 0, m});
    return check_idle();
  }
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
    process(model::action_deadline{m.action, rt_->opened_at_ms}, urgency::now);
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
    if (action.phase == phase::outside && action.due_at_ms != 0) watch(a, action.due_at_ms);
  }
  if (state_.deadline_at_ms != 0) watch(no_action, state_.deadline_at_ms);
}

void workflow_process::on_request(const messages::request_ptr& r) {
  if (!is_there() || rt_->halted) {
    r->answer(broken_ ? *broken_ : rt_->stopped());
    check_idle();
    return;
  }
  if (pending_.ended || next_.ended) {
    after_end_.push_back(r);
  } else {
    take_request(r);
  }
  pump();
}

namespace {
template <class... Calls>
struct overloaded : Calls... {
  using Calls::operator()...;
};
}  // namespace

void workflow_process::take_request(const messages::request_ptr& r) {
  const auto missing = [this](const std::string& key) {
    return error(errc::not_found, "workflow " + id_ + " has no action " + key);
  };
  using refusal = std::optional<error>;
  auto refused = std::visit(
      overloaded{
          [this](const model::cancel& c) { return process(c, urgency::now); },
          [this](const messages::request::signal& c) { return process(c.what, urgency::now); },
          [this](const model::record_terms& c) { return process(c, urgency::now); },
          [&](const messages::request::resolve& c) -> refusal {
            const auto action = def_->find(c.key);
            return action ? process(model::resolve{*action, c.decision, c.who}, urgency::now)
                          : missing(c.key);
          },
          [&](const messages::request::retry& c) -> refusal {
            const auto action = def_->find(c.key);
            return action || c.key.empty() ? retry(action.value_or(no_action), c) : missing(c.key);
          },
          [&](const messages::request::change& c) -> refusal {
            const auto action = def_->find(c.key);
            return action ? change(*action, c) : missing(c.key);
          },
          [this](const messages::request::end_attempt& c) { return end_attempt(c); },
          [this](const messages::request::heartbeat& c) { return hear(c); },
          [](const messages::remove_workflow&) -> refusal {
            TENAX_ASSERT(false, "the engine actor removes");
            return std::nullopt;
          }},
      r->what);
  // A refusal waits too: the state that it comes from may not be durable yet.
  next_.answers.emplace_back(r, std::move(refused));
}

/// Somebody outside says how an attempt ended that is open, or about to be: its handler has told
/// the token, and may not have returned.
std::optional<error> workflow_process::end_attempt(const messages::request::end_attempt& c) {
  const auto& [id, a, attempt, secret] = c.token;
  if (a >= slots_.size()) return no_such_attempt();
  if (const auto& call = slots_[a].call;
      call && call->attempt == attempt && call->has_told(secret) && call->is_taken()) {
    // Opened by this word, before its handler says so.
    process(model::begin_attempt{a, attempt, call->deferrals, rt_->now_ms()}, urgency::lazy);
    process(model::end_attempt{a, attempt, outcome::pending(), secret, call->deferrals},
            urgency::now);
    detach(a);  // what follows is not for a child whose handler runs on
  }
  const bool of_latest = secret.is(state_.actions[a].secret);
  auto refused = process(model::end_open_attempt{a, attempt, secret, c.what, c.who}, urgency::now);
  if (!refused || refused->code() != errc::lease_lost) return refused;
  const std::pair late(a, attempt);
  if (std::find(told_late_.begin(), told_late_.end(), late) != told_late_.end()) return refused;
  if (!of_latest && !is_of_past(c.token)) return refused;
  told_late_.push_back(late);
  if (!of_latest) {
    process(model::end_attempt{a, attempt, c.what, {}, model::end_attempt::no_call}, urgency::now);
  }
  return refused;
}

std::optional<error> workflow_process::hear(const messages::request::heartbeat& c) {
  const auto& [id, a, attempt, secret] = c.token;
  if (a >= slots_.size()) return no_such_attempt();
  if (const auto& call = slots_[a].call;
      call && call->attempt == attempt && call->has_told(secret) && call->is_taken()) {
    return std::nullopt;  // not open yet
  }
  // Not lazily: nothing keeps the workflow in memory until that is written.
  auto refused = process(model::hear_of_attempt{a, attempt, secret}, urgency::now);
  if (refused) return refused;
  *c.given_up_at_ms = state_.actions[a].due_at_ms;
  rt_->progress.set(id_, a, {def_->spec.actions[a].key, attempt, rt_->now_ms(), c.progress});
  rt_->watchers.tell(id_);
  return std::nullopt;
}

error workflow_process::no_such_attempt() const {
  return {errc::lease_lost, "workflow " + id_ + " has no such action: the token is of none"};
}

/// Whether the token is of an attempt that was open before the latest that was, and of which
/// nothing was heard since. The state does not say: its history does, of which the latest events
/// are looked at, for anybody may send a token that was never given.
bool workflow_process::is_of_past(const model::attempt_token& token) const {
  constexpr std::uint64_t late_events = 1'000;  // in docs/adr/0011-open-attempts.md
  constexpr std::uint64_t events_per_read = 50;
  constexpr std::size_t bytes_max = 4U << 20;  // events may hold payloads
  if (token.attempt == 0 || token.attempt > state_.actions[token.action].attempt) return false;
  const auto& newest = state_.seq;
  const auto oldest = newest - std::min(newest, late_events);
  std::size_t bytes = 0;
  for (auto end = newest; end > oldest && bytes < bytes_max;) {
    const auto after = std::max(oldest, end - std::min(end, events_per_read));
    const auto events = rt_->store.history(id_, after, end - after);
    if (!events) return false;
    bool found = false;
    for (const auto& [seq, e] : *events) {
      bytes += e.text.size();
      if (e.action != token.action || e.attempt != token.attempt) continue;
      if (e.kind == model::event_kind::attempt_opened && e.secret.is(token.secret)) found = true;
      if (e.kind == model::event_kind::late_result) return false;
    }
    if (found) return true;
    end = after;
  }
  return false;
}

std::optional<error> workflow_process::retry(action_index a, const messages::request::retry& c) {
  model::retry what{a, c.reason, {}, c.who};
  for (action_index b = 0; b < slots_.size(); ++b) {
    auto& slot = slots_[b];
    const bool on_its_way = slot.at == place::queued || slot.at == place::admitted;
    if (on_its_way || slot.begun > state_.actions[b].attempt) what.begun.push_back(b);
    // What the last crash has lost may have been of any action.
    if (state_.terminal()) slot.durable_first = state_.created_at_ms <= rt_->opened_at_ms;
  }
  return process(what, urgency::now);
}

/// A call that has not begun is taken back: it has the old input, and is made anew once the change
/// is durable, or at once if there is none.
std::optional<error> workflow_process::change(action_index a, const messages::request::change& c) {
  auto& mine = slots_[a];
  model::change what{a, c.what, false, c.who};
  const bool has_old = c.what.input && mine.call && state_.actions[a].phase != phase::executing;
  if (has_old && !TENAX_PLANTED(34)) {
    if (mine.call->withdraw()) {
      let_go(a);
      // Of its time, if it has one: a retry that is not durable may make it ready before that is
      // up.
      const auto due_at_ms = state_.actions[a].due_at_ms;
      next_.effects.push_back(
          {due_at_ms == 0 ? effect::kind::start : effect::kind::wait, a, due_at_ms});
    } else {
      what.begun = mine.call->is_taken();
    }
  }
  return process(what, urgency::now);
}

void workflow_process::on_shut_down() {
  shutting_down_ = true;
  if (def_) detach_all();
  pump();  // nobody waits for this to be durable
}

// --- resting and leaving ---

/// Tells the engine when a place for a running workflow has become free.
void workflow_process::update_rest() {
  const bool stands =
      std::any_of(rows_.begin(), rows_.end(), [](const ready_row& r) { return r.in_turn; });
  const bool rests =
      !in_flight_ && changes_.empty() && waiting_ == children_ && (stands || children_ > 0);
  if (rests && waiting_ > 0 && rt_->memory_is_full() && !shutting_down_) return make_room();
  if (rests == resting_) return;
  resting_ = rests;
  // Before the look at the backlog, in the one order that all threads see (take_wakes, adopt).
  rt_->resting.fetch_add(rests ? 1 : -1);
  if (rests && rt_->backlog && !rt_->scan_asked.exchange(true)) send(engine_, messages::scan{});
}

/// Others need the memory: the due actor waits for its timers.
void workflow_process::make_room() {
  for (action_index a = 0; a < slots_.size(); ++a) {
    if (slots_[a].at != place::waits) continue;
    send(due_, messages::hold{state_.actions[a].due_at_ms, {id_, {a, false}}});
    detach(a);
  }
  for (const auto& child : next_.leaving) send(child, messages::leave{});
  next_.leaving.clear();
}

void workflow_process::check_idle() {
  if (queued_ != queued_told_) {  // for engine_stats
    rt_->queued += static_cast<std::int64_t>(queued_) - static_cast<std::int64_t>(queued_told_);
    queued_told_ = queued_;
  }
  update_rest();
  if (in_flight_ || children_ > 0 || !engine_) return;
  if (queued_ > 0 && !is_left_out()) return;
  if (!rt_->halted && (!changes_.empty() || !next_.effects.empty())) return;
  if (idle_at_ == received_ + 1) return;
  idle_at_ = received_ + 1;
  send(engine_, messages::idle{id_, received_, loaded_bytes_});
}

void workflow_process::fail_all(const error& why) {
  for (const auto& [r, refusal] : pending_.answers) r->answer(why);
  for (const auto& [r, refusal] : next_.answers) r->answer(why);
  for (const auto& r : std::exchange(after_end_, {})) r->answer(why);
  rt_->budget.drop_results(pending_.bytes + next_.bytes);
  for (const auto& child : pending_.leaving) send(child, messages::leave{});
  for (const auto& child : next_.leaving) send(child, messages::leave{});
  pending_.clear();
  next_.clear();
}

}  // namespace tenax::actors
