// Any decodable list of events on any definition: each event either applies, with counts and
// indexes in order after it, or is refused. And whatever commands come, in whatever state: what
// `decide` answers applies. Nothing ever asserts.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "model/decide.hpp"
#include "model/definition.hpp"
#include "model/state.hpp"
#include "storage/records.hpp"
#include "storage/store.hpp"

namespace {

using namespace tenax;
using namespace tenax::model;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr const char* types[] = {"plain", "once", "skip", "pause", "limited", "unknown"};

const handler_registry& registry() {
  static const auto known = [] {
    handler_registry all;
    const auto run = [](const action_context&) { return outcome::success(); };
    retry_policy twice;
    twice.max_attempts = 2;
    twice.rules.push_back({"never", false, std::nullopt});
    const auto add = [&](const char* type, on_exhausted then, delivery how) {
      action_options o;
      o.retry = twice;
      o.retry->exhausted = then;
      o.delivery = how;
      o.max_recoveries = 1;
      if (std::string_view(type) == "limited") {
        o.start_to_close = milliseconds(10);
        o.schedule_to_close = milliseconds(2'000);
      }
      all.add(type, run, std::move(o));
    };
    add("plain", on_exhausted::fail_workflow, delivery::at_least_once);
    add("once", on_exhausted::fail_workflow, delivery::at_most_once);
    add("skip", on_exhausted::skip, delivery::at_least_once);
    add("pause", on_exhausted::pause, delivery::at_least_once);
    add("limited", on_exhausted::fail_workflow, delivery::at_least_once);
    return all;
  }();
  return known;
}

definition_ptr any_definition(FuzzedDataProvider& in) {
  workflow_spec spec;
  spec.id = "w";
  spec.name = "w";
  if (in.ConsumeBool()) spec.order = action_order::sequential;
  if (in.ConsumeBool()) spec.deadline = milliseconds(1'000);
  const auto count = in.ConsumeIntegralInRange<std::size_t>(1, 20);
  for (std::size_t a = 0; a < count; ++a) {
    action_spec action;
    action.key = "a" + std::to_string(a);
    action.type = in.PickValueInArray(types);
    const auto needs = in.ConsumeIntegral<std::uint8_t>();
    for (std::size_t d = 0; d < a && d < 8; ++d) {
      if ((needs >> d & 1) != 0) action.depends_on.push_back("a" + std::to_string(d));
    }
    const auto time = in.ConsumeIntegralInRange<int>(0, 3);
    if (time == 1) action.delay = milliseconds(50);
    if (time == 2) action.scheduled_at = wall_time(milliseconds(1'700'000'000'500));
    spec.actions.push_back(std::move(action));
  }
  return compile(std::move(spec));
}

/// What must hold of every state that events have led to.
void check(const definition& def, const workflow_state& state, std::uint64_t seq) {
  require(state.seq == seq);
  workflow_state fresh = state;
  derive(def, fresh);
  require(fresh.counts == state.counts);
  for (action_index a = 0; a < def.size(); ++a) {
    const auto& action = state.actions[a];
    require(fresh.actions[a].open_dependencies == action.open_dependencies);
    require(has_timer(action.phase, action.due_at_ms) == (action.due_at_ms != 0));
    require(action.phase == phase::outside || action.heartbeat_ms == 0);
    require(!is_over(action.phase) || action.close_by_ms == 0);
    require(action.result_seq <= state.seq);
    if (state.terminal()) require(is_over(action.phase));
  }
  if (state.terminal()) require(state.deadline_at_ms == 0 && state.open_actions() == 0);
}

class history {
 public:
  explicit history(definition_ptr def) : def_(std::move(def)), state_(initial_state(*def_)) {
    changes_.begin(state_);
  }
  const workflow_state& state() const { return state_; }
  const definition& def() const { return *def_; }

  bool take(event e) {
    if (!check_applicable(*def_, state_, e).empty()) return false;
    apply(*def_, state_, std::move(e), changes_);
    check(*def_, state_, ++events_);
    return true;
  }
  /// As a commit does.
  void commit() {
    if (changes_.empty()) return;
    storage::write_batch batch;
    storage::encode_commit(*def_, state_, changes_, batch);
    require(!batch.empty());
    changes_.begin(state_);
  }

 private:
  definition_ptr def_;
  workflow_state state_;
  change_set changes_;
  std::uint64_t events_ = 0;
};

event any_event(FuzzedDataProvider& in, const history& so_far) {
  event e;
  e.kind = static_cast<event_kind>(in.ConsumeIntegralInRange<unsigned>(0, event_kind_max + 1));
  e.actor = static_cast<event_actor>(in.ConsumeIntegralInRange<unsigned>(0, 2));
  e.at_ms = so_far.state().updated_at_ms + in.ConsumeIntegralInRange<int>(-1, 100);
  e.action = in.ConsumeIntegralInRange<action_index>(0, 21);
  if (e.action == 21) e.action = no_action;
  const bool there = e.action < so_far.def().size();
  // Mostly an attempt number that fits, so that histories become long.
  const auto choice = in.ConsumeIntegralInRange<unsigned>(0, 5);
  e.attempt = there ? so_far.state().actions[e.action].attempt : 0;
  if (choice == 0) e.attempt = in.ConsumeIntegral<std::uint32_t>();
  if (choice >= 4) ++e.attempt;
  e.count = there && choice == 3 ? so_far.state().actions[e.action].deferrals : 0;
  e.due_at_ms =
      in.ConsumeIntegralInRange<int>(0, 3) == 0 ? in.ConsumeIntegral<time_ms>() : e.at_ms + 10;
  e.wait_ms = in.ConsumeIntegral<std::int64_t>();
  e.delivery = in.ConsumeBool() ? delivery::at_most_once : delivery::at_least_once;
  e.error_class = in.ConsumeRandomLengthString(4);
  e.text = in.ConsumeRandomLengthString(4);
  if (e.kind == event_kind::policy_changed && in.ConsumeBool()) {
    e.text = R"({"max_attempts":)" + std::to_string(in.ConsumeIntegral<std::uint8_t>()) + "}";
  }
  return e;
}

void try_events(FuzzedDataProvider& in) {
  history h(any_definition(in));
  event created;
  created.kind = event_kind::workflow_created;
  created.at_ms = 1'700'000'000'000;
  if (in.ConsumeIntegralInRange<int>(0, 9) != 0) require(h.take(created));
  while (in.remaining_bytes() > 0) {
    h.take(any_event(in, h));
    if (in.ConsumeIntegralInRange<int>(0, 3) == 0) h.commit();
  }
  h.commit();
}

void try_stored_events(FuzzedDataProvider& in) {
  history h(any_definition(in));
  // Number 4 means: put version and checksum before the bytes (any_bytes is a value's payload).
  std::string value;
  storage::records::encode_bytes(in.ConsumeRemainingBytesAsString(), value);
  std::vector<storage::read_store::stored_event> events;
  if (!storage::records::decode_history("fuzz", 1, value, events)) return;
  for (auto& e : events) h.take(std::move(e.event));
  h.commit();
}

outcome any_outcome(FuzzedDataProvider& in) {
  switch (in.ConsumeIntegralInRange<int>(0, 6)) {
    case 0:
      return outcome::failure(in.ConsumeBool() ? "never" : "often", "text");
    case 1:
      return outcome::failure("after", "text", milliseconds(in.ConsumeIntegral<std::int64_t>()));
    case 2:
      return outcome::fatal("bad", "text");
    case 4:
      return outcome::unknown("bad", "text");
    case 5: {
      outcome none;
      none.what = static_cast<outcome::kind>(in.ConsumeIntegral<std::uint8_t>());
      return none;
    }
    case 3:
      return outcome::defer(wall_time(milliseconds(in.ConsumeIntegral<std::int64_t>())));
    default:
      return outcome::success();
  }
}

command any_command(FuzzedDataProvider& in, const history& h) {
  const auto a =
      in.ConsumeIntegralInRange<action_index>(0, static_cast<action_index>(h.def().size() - 1));
  const auto& action = h.state().actions[a];
  const std::uint32_t attempt = in.ConsumeIntegralInRange<int>(0, 7) == 0
                                    ? in.ConsumeIntegral<std::uint32_t>()
                                    : action.attempt;
  switch (in.ConsumeIntegralInRange<int>(0, 12)) {
    case 12: {
      change c{a};
      if (in.ConsumeBool()) c.what.input = in.ConsumeRandomLengthString(4);
      auto& policy = c.what.policy.emplace();
      if (in.ConsumeBool()) policy.max_attempts = in.ConsumeIntegralInRange<unsigned>(1, 100);
      if (in.ConsumeBool()) policy.min_wait = milliseconds(in.ConsumeIntegral<std::uint16_t>());
      if (in.ConsumeBool()) policy.max_wait = milliseconds(in.ConsumeIntegral<std::uint16_t>());
      c.what.policy_as_registered = in.ConsumeBool();
      c.begun = in.ConsumeBool();
      if (!policy.faults().empty()) c.what.policy.reset();  // the engine refuses it
      return c;
    }
    case 0:
      return come_due{a};
    case 1:
    case 2:
      return begin_attempt{a, attempt + (action.goes_on() ? 0 : 1), action.deferrals,
                           in.ConsumeIntegral<time_ms>()};
    case 3:
    case 4:
    case 5:
      // A call that leaves its attempt open always has a secret.
      return end_attempt{a, attempt, any_outcome(in), attempt_secret{1, 2}, {}};
    case 6:
      return time_out_attempt{a, attempt};
    case 7:
      return action_deadline{a};
    case 8:
      return in.ConsumeIntegralInRange<int>(0, 9) == 0 ? command(cancel{"why"})
                                                       : command(workflow_deadline{});
    case 9:
      return recover{};
    default: {
      resolution r;
      r.what = static_cast<resolution::kind>(in.ConsumeIntegralInRange<unsigned>(0, 3));
      return resolve{a, r};
    }
  }
}

void try_commands(FuzzedDataProvider& in) {
  history h(any_definition(in));
  seeded_rng random(in.ConsumeIntegral<std::uint8_t>());
  const retry_policy fallback;
  limits bounds;
  bounds.history_events_max = 200;
  const rulebook rules(registry(), fallback, bounds);
  time_ms now = 1'700'000'000'000;
  decision out;
  const auto run = [&](const command& what) {
    out.clear();
    decide(h.def(), h.state(), what, now, random, rules, out);
    // What a refused word from outside leaves is that it came.
    for (const auto& e : out.events) require(!out.refused || e.kind == event_kind::late_result);
    for (auto& e : out.events) require(h.take(std::move(e)));
  };
  run(create{});
  while (in.remaining_bytes() > 0) {
    // The wall clock steps in both directions.
    now += in.ConsumeIntegralInRange<int>(-200, 1'500);
    run(any_command(in, h));
    if (in.ConsumeBool()) h.commit();
  }
  h.commit();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider in(data, size);
  switch (in.ConsumeIntegralInRange<int>(0, 3)) {
    case 0:
      try_stored_events(in);
      break;
    case 1:
      try_events(in);
      break;
    default:
      try_commands(in);
      break;
  }
  return 0;
}
