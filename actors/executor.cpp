// What both kinds of executor share.
#include "actors/executor.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <memory_resource>
#include <utility>

#include <caf/send.hpp>

#include "model/failpoint.hpp"
#include "model/trace.hpp"
#include "tenax/exceptions.hpp"

namespace tenax::actors {

void lane_place::give_back() {
  if (auto* owner = std::exchange(owner_, nullptr)) {
    owner->leave(*std::exchange(where, nullptr), std::exchange(asker, nullptr));
  }
}

std::pair<entrance, lane_place> executor::enter(lane& l, row_entry who, std::int32_t priority) {
  messages::workflow_actor put_out;
  entry_ticket got;
  {
    const std::lock_guard lock(mutex_);
    got = lanes_.enter(l, std::move(who), priority, put_out);
  }
  if (put_out) caf::anon_send(put_out, messages::put_out{&l});
  if (got.how != entrance::in) return {got.how, lane_place()};
  return {got.how, lane_place(*this, l, std::move(got.poll))};
}

void executor::on_low(std::function<void(lane&)> tell) {
  const std::lock_guard lock(mutex_);
  on_low_ = std::move(tell);
}

bool executor::watch(lane& l) {
  const std::lock_guard lock(mutex_);
  l.watched = !lanes_.is_low(l);
  return !l.watched;
}

std::size_t executor::room(const lane& l) const {
  const std::lock_guard lock(mutex_);
  return lanes_.room(l);
}

namespace {
std::optional<wall_time> as_wall_time(const std::optional<model::time_ms>& ms) {
  return ms ? std::optional(wall_time(milliseconds(*ms))) : std::nullopt;
}
}  // namespace

void executor::count(const lane& l, model::time_ms now_ms, action_type_stats& out) const {
  const std::lock_guard lock(mutex_);
  out.oldest_ready_at = as_wall_time(lanes::oldest_ready(l, now_ms));
  out.running = l.running;
  out.running_max = l.running_max;
  out.let_in = l.admitted;
  out.in_row = l.in_row;
}

void executor::expect(lane& l) {
  const std::lock_guard lock(mutex_);
  ++l.coming;
}

void executor::arrived(lane& l) {
  const std::lock_guard lock(mutex_);
  --l.coming;
  tell_if_low(l);
}

void executor::tell_if_low(lane& l) {
  if (!l.watched || !lanes_.is_low(l)) return;
  l.watched = false;
  if (on_low_) on_low_(l);
}

void executor::withdraw(lane& l, const messages::workflow_actor& who, std::int32_t priority) {
  const std::lock_guard lock(mutex_);
  lanes_.withdraw(l, who, priority);
  tell_if_low(l);
}

void executor::leave(lane& l, const poll_ptr& asker) {
  std::vector<turn> next;
  std::optional<told_poll> told;
  {
    const std::lock_guard lock(mutex_);
    if (asker) --asker->under_way;
    lanes_.leave(l, next);
    if (asker) {
      lanes_.take_turns(asker, next);
      if (!asker->is_over && !asker->takes_more && asker->under_way == 0) told = end(asker);
    }
    tell_if_low(l);
  }
  send_turns(std::move(next));
  if (told) told->tell();
}

void executor::send_turns(std::vector<turn> next) {
  for (auto& t : next) {
    caf::anon_send(t.workflow, messages::your_turn{std::make_shared<lane_place>(
                                   *this, *t.where, std::move(t.poll))});
  }
}

// --- workers ---

lane* executor::lane_for_workers(std::string_view type) {
  const std::lock_guard lock(mutex_);
  return lanes_.for_workers(type);
}

lane* executor::lane_for_poll(std::string_view type) {
  const std::lock_guard lock(mutex_);
  return lanes_.for_poll(type);
}

told_poll executor::end(const poll_ptr& p) {
  polls_.remove(p);
  return {p, std::nullopt};
}

executor::asked executor::ask(const poll_ptr& p, model::time_ms now_ms) {
  asked out;
  std::vector<turn> next;
  {
    const std::lock_guard lock(mutex_);
    if (polls_closed_) {
      out.refused = polls_closed_;
    } else if (polls_.size() >= polls::waiting_max) {
      out.refused.emplace(errc::overloaded,
                          std::to_string(polls::waiting_max) + " polls of workers wait");
    } else {
      polls_.add(p);
      for (auto* const l : p->lanes) {
        l->pull->asked_at_ms = now_ms;
        if (!std::exchange(l->pull->was_asked, true)) out.new_lanes.push_back(l);
      }
      lanes_.take_turns(p, next);
      // Else nobody looks for those that wait in the store.
      for (auto* const l : p->lanes) {
        if (!TENAX_PLANTED(30)) tell_if_low(*l);
      }
      out.ticket = p->ticket;
      out.is_next = polls_.next_time() == p->until;
    }
  }
  send_turns(std::move(next));
  return out;
}

bool executor::is_wanted(const lane_place& place) const {
  if (!place.asker) return true;
  const std::lock_guard lock(mutex_);
  return !place.asker->is_over;
}

bool executor::withdraw(std::uint64_t ticket, std::vector<held_task>& back, model::time_ms now_ms) {
  const std::lock_guard lock(mutex_);
  const auto p = polls_.find(ticket);
  if (!p) return false;
  for (auto* const l : p->lanes) {
    l->pull->asked_at_ms = now_ms;
    l->pull->given_back += p->tasks.size();
  }
  polls_.remove(p);
  back = std::move(p->tasks);
  return true;
}

executor::handed executor::hand_over(lane_place& place, held_task task, milliseconds waited,
                                     task_poll::clock::time_point now, model::time_ms now_ms) {
  std::optional<told_poll> told;
  auto how = handed::over;
  {
    const std::lock_guard lock(mutex_);
    auto& l = *place.where;
    const auto p = place.asker;
    if (p->is_over) {
      ++l.pull->given_back;
      how = handed::back;
    } else {
      --l.admitted;
      --p->under_way;
      p->takes_more = false;
      p->tasks.push_back(std::move(task));
      ++l.pull->delivered;
      l.pull->to_start.add(waited.count());
      for (auto* const of : p->lanes) of->pull->asked_at_ms = now_ms;
      if (p->under_way == 0) {
        told = end(p);
      } else if (p->tasks.size() == 1) {
        polls_.set_time(p, now + polls::patience);
        how = handed::timed;
      }
    }
  }
  if (how == handed::back) {
    place.give_back();
  } else {
    place.forget();
  }
  if (told) told->tell();
  return how;
}

std::optional<task_poll::clock::time_point> executor::end_polls(task_poll::clock::time_point now,
                                                                model::time_ms now_ms) {
  std::vector<told_poll> told;
  std::optional<task_poll::clock::time_point> next;
  {
    const std::lock_guard lock(mutex_);
    while (const auto p = polls_.next_over(now)) {
      p->takes_more = false;
      for (auto* const l : p->lanes) l->pull->asked_at_ms = now_ms;
      // What is under way is waited for: a task comes, or a place goes back.
      if (p->under_way == 0 || !p->tasks.empty()) told.push_back(end(p));
    }
    next = polls_.next_time();
  }
  for (const auto& one : told) one.tell();
  return next;
}

void executor::close_polls(const error& why) {
  std::vector<told_poll> told;
  {
    const std::lock_guard lock(mutex_);
    if (!polls_closed_) polls_closed_ = why;
    for (const auto& p : polls_.all()) {
      told.push_back(end(p));
      if (p->tasks.empty()) told.back().instead = why;
    }
  }
  for (const auto& one : told) one.tell();
}

model::engine_facts::asked executor::who_asks(std::string_view type, std::string_view workflow_id,
                                              model::time_ms now_ms) const {
  const std::lock_guard lock(mutex_);
  const auto* const l = lanes_.find_for_workers(type);
  if (l == nullptr) return {};
  const auto line = lanes::line_of(*l, workflow_id, now_ms);
  if (!l->pull->was_asked) return {0, std::nullopt, line, std::nullopt};
  const auto& waiting = l->pull->waiting;
  // Who has been let in is not told yet, and may be any.
  return {l->admitted +
              static_cast<std::size_t>(std::count_if(waiting.begin(), waiting.end(),
                                                     [](const auto& p) { return p->has_room(); })),
          waiting.empty() ? l->pull->asked_at_ms : now_ms, line, l->pull->to_start.usual()};
}

std::vector<worker_type_stats> executor::worker_stats(model::time_ms now_ms) const {
  std::vector<worker_type_stats> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [type, l] : lanes_.all_for_workers()) {
    auto& s = out.emplace_back();
    s.type = type;
    s.polls_waiting = l->pull->waiting.size();
    s.in_row = l->in_row;
    s.more_on_disk = l->watched;
    s.delivered = l->pull->delivered;
    s.given_back = l->pull->given_back;
    s.oldest_ready_at = as_wall_time(lanes::oldest_ready(*l, now_ms));
    s.to_start = l->pull->to_start.read();
    if (s.polls_waiting > 0) {
      s.asked_at = wall_time(milliseconds(now_ms));
    } else if (l->pull->was_asked) {
      s.asked_at = wall_time(milliseconds(l->pull->asked_at_ms));
    }
  }
  return out;
}

void executor::take_back(const handler_call& call) {
  handler_call_ptr found;
  {
    const std::lock_guard lock(mutex_);
    if (call.is_blocking()) {
      if (call.place.where != nullptr) found = lanes_.remove(call);
    } else if (const auto at = std::find_if(to_render_.begin(), to_render_.end(),
                                            [&](const auto& c) { return c.get() == &call; });
               at != to_render_.end()) {
      found = std::move(*at);
      to_render_.erase(at);
    }
  }
  if (!found) return;
  drop(*found);
  found->place.give_back();
}

void executor::add_waiting(executor_view& out, std::string_view workflow_id,
                           const std::vector<lane*>& of, model::time_ms now_ms) const {
  out.running = lanes_.running();
  out.running_max = lanes_.running_max();
  for (const auto* l : of) {
    out.lanes.push_back(
        {l->running, l->running_max, lanes::line_of(*l, workflow_id, now_ms), std::nullopt});
    std::size_t in_line = 0;
    for (const auto& call : l->calls) {
      ++in_line;
      if (call->definition->spec.id != workflow_id) continue;
      out.calls.push_back({call->action, call->attempt, place::waits,
                           lanes::whole(call->ready_at_ms, now_ms), in_line});
    }
  }
  for (const auto& call : to_render_) add_call(out, workflow_id, *call, place::begins);
  for (const auto& one : to_record_) {
    if (one.definition->spec.id != workflow_id) continue;
    out.calls.push_back({one.action, one.attempt, place::begins, 0});
  }
}

std::optional<outcome> render(handler_call& call) noexcept {
  if (!call.render) return std::nullopt;
  try {
    auto instead = call.render(call);
    call.render = nullptr;
    return instead;
  } catch (...) {
    return outcome::failure("exception", exception_text(std::current_exception()));
  }
}

namespace {

/// What it has done, nobody knows, unless its type's rule does.
outcome of_exception(const action_options& type, const std::exception_ptr& thrown) {
  std::string text = exception_text(thrown);
  if (type.on_exception) {
    try {
      if (auto said = type.on_exception(thrown)) return *std::move(said);
    } catch (...) {
      text += "; on_exception threw: " + exception_text(std::current_exception());
    }
  }
  return outcome::unknown("exception", std::move(text));
}

}  // namespace

namespace {
class call_token final : public token_source {
 public:
  /// The handler may outlive the engine and its env.
  call_token(handler_call& call, const handler_env& env)
      : call_(call), secrets_(env.secrets), trace_context_(env.trace_context) {}
  std::string token() const override {
    return model::print_token(call_.definition->spec.id, call_.action, call_.attempt,
                              call_.secret(secrets_));
  }
  std::string traceparent() const override {
    return trace_context_ ? traceparent_of(call_) : std::string();
  }

 private:
  handler_call& call_;
  const model::secret_source secrets_;
  const bool trace_context_;
};
}  // namespace

outcome call_handler(handler_call& call, const handler_env& env, model::time_ms now_ms) noexcept {
  const auto& spec = call.definition->spec;
  const auto& action = spec.actions[call.action];
  action_context context;
  context.workflow_id = spec.id;
  context.workflow_name = spec.name;
  context.action_key = action.key;
  context.action_type = action.type;
  context.input = call.input_told();
  context.input_written = call.input_written();
  // Ids and keys have at most 128 bytes: room for both.
  std::array<std::byte, 264> room;
  std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
  std::pmr::string idempotency_key(&memory);
  idempotency_key.reserve(spec.id.size() + 1 + action.key.size());
  idempotency_key.append(spec.id).append("/").append(action.key);
  context.idempotency_key = idempotency_key;
  context.delivery = call.how;
  context.attempt = call.attempt;
  context.deferrals = call.deferrals;
  context.now = wall_time(milliseconds(now_ms));
  context.stop = call.stop.get_token();
  context.log = &env.log;
  const call_token token(call, env);
  context.tokens = &token;
  try {
    return call.entry->run(context);
  } catch (...) {
    return of_exception(call.entry->options, std::current_exception());
  }
}

std::string traceparent_of(const handler_call& call) {
  const auto& spec = call.definition->spec;
  const auto trace = model::trace_of(spec.id, call.submitted_at_ms);
  return model::print_traceparent(
      trace, model::attempt_span(trace, spec.actions[call.action].key, call.attempt));
}

std::size_t bytes_of(const outcome& what) noexcept {
  return what.result.size() + what.message.size();
}

void tell_started(const handler_call& call, model::time_ms at_ms) {
  caf::anon_send(call.reply_to, messages::handler_started{at_ms});
}

void tell_taken(const handler_call& call) {
  caf::anon_send(call.reply_to, messages::handler_taken{});
}

void tell_ended(const handler_call& call, model::time_ms at_ms, outcome what,
                memory_budget& budget) {
  const std::size_t bytes = bytes_of(what);
  budget.add_result(bytes);
  caf::anon_send(call.reply_to, messages::handler_ended{at_ms, std::move(what), bytes});
}

void render_in_place(handler_call& call, const handler_env& env) {
  auto instead = render(call);
  if (!env.may_start() || !call.is_open()) return drop(call);
  if (!instead) {
    caf::anon_send(call.reply_to, messages::input_rendered{});
  } else {
    (void)call.take();
    tell_ended(call, env.wall.now_ms(), std::move(*instead), env.budget);
  }
}

stuck_call name_of(const handler_call& call) {
  const auto& spec = call.definition->spec;
  return {spec.id, spec.actions[call.action].key, call.attempt};
}

void drop(handler_call& call) {
  (void)call.revoke();
  caf::anon_send(call.reply_to, messages::call_dropped{});
}

void leave_behind(handler_call& call, model::time_ms at_ms) {
  auto what = outcome::unknown("closed", "the engine was closed while the handler ran on");
  caf::anon_send(call.reply_to, messages::handler_ended{at_ms, std::move(what), 0});
  call.reply_to = nullptr;
  call.place.give_back();
}

bool announces_at_once(const handler_call& call) noexcept {
  return call.entry->options.start_to_close.has_value();
}

}  // namespace tenax::actors
