// What both kinds of executor share.
#include "actors/executor.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <memory_resource>
#include <utility>

#include <caf/send.hpp>

#include "tenax/exceptions.hpp"

namespace tenax::actors {

void lane_place::give_back() {
  if (auto* owner = std::exchange(owner_, nullptr)) owner->leave(*std::exchange(where, nullptr));
}

std::pair<entrance, lane_place> executor::enter(lane& l, const messages::workflow_actor& who,
                                                std::int32_t priority) {
  messages::workflow_actor put_out;
  entrance how{};
  {
    const std::lock_guard lock(mutex_);
    how = lanes_.enter(l, who, priority, put_out);
  }
  if (put_out) caf::anon_send(put_out, messages::put_out{&l});
  return {how, how == entrance::in ? lane_place(*this, l) : lane_place()};
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

void executor::count(const lane& l, action_type_stats& out) const {
  const std::lock_guard lock(mutex_);
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

void executor::leave(lane& l) {
  std::vector<turn> next;
  {
    const std::lock_guard lock(mutex_);
    lanes_.leave(l, next);
    tell_if_low(l);
  }
  for (const auto& t : next) {
    caf::anon_send(t.workflow, messages::your_turn{std::make_shared<lane_place>(*this, *t.where)});
  }
}

void executor::take_back(const handler_call& call) {
  handler_call_ptr found;
  {
    const std::lock_guard lock(mutex_);
    if (call.place.where != nullptr) {
      found = lanes_.remove(call);
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
                           const std::vector<lane*>& of) const {
  out.running = lanes_.running();
  out.running_max = lanes_.running_max();
  for (const auto* l : of) {
    out.lanes.push_back({l->running, l->running_max});
    for (const auto& call : l->calls) add_call(out, workflow_id, *call, place::waits);
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
    auto instead = call.render(call, call.input);
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
  call_token(handler_call& call, const model::secret_source& secrets)
      : call_(call), secrets_(secrets) {}
  std::string token() const override {
    return model::print_token(call_.definition->spec.id, call_.action, call_.attempt,
                              call_.secret(secrets_));
  }

 private:
  handler_call& call_;
  const model::secret_source secrets_;
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
  context.input =
      call.definition->has_references[call.action] ? std::string_view(call.input) : action.input;
  // Ids and keys have at most 128 bytes: room for both.
  std::array<std::byte, 264> room;
  std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
  std::pmr::string idempotency_key(&memory);
  idempotency_key.reserve(spec.id.size() + 1 + action.key.size());
  idempotency_key.append(spec.id).append("/").append(action.key);
  context.idempotency_key = idempotency_key;
  context.attempt = call.attempt;
  context.deferrals = call.deferrals;
  context.now = wall_time(milliseconds(now_ms));
  context.stop = call.stop.get_token();
  context.log = &env.log;
  const call_token token(call, env.secrets);
  context.tokens = &token;
  try {
    return call.entry->run(context);
  } catch (...) {
    return of_exception(call.entry->options, std::current_exception());
  }
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
