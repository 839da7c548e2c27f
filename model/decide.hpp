// decide.hpp - what happens next: the only place that chooses. Pure: no I/O, no clock, no state
// changed. Depends on include/tenax and model only. Thread safe but for the random source.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/state.hpp"
#include "tenax/engine.hpp"
#include "tenax/handler.hpp"
#include "tenax/limits.hpp"

namespace tenax::model {

/// What applies to an action of some type: the policy belongs to the engine and the type, never to
/// the proposal.
struct action_rules {
  const handler_registry::entry* entry = nullptr;  ///< null: no handler is registered (no_handler)
  const retry_policy* retry = nullptr;             ///< never null
  [[nodiscard]] const action_options& options() const;
};

/// Finds the rules of a type: its own policy, else the engine's. References both arguments.
class rulebook {
 public:
  rulebook(const handler_registry& types, const retry_policy& fallback, const limits& bounds)
      : types_(types), fallback_(fallback), bounds_(bounds) {}
  [[nodiscard]] action_rules of(std::string_view type) const;
  /// Of an action of the type. Somebody may have changed it: then `changed` holds it.
  [[nodiscard]] const retry_policy& policy_of(std::string_view type, const action_state& action,
                                              std::optional<retry_policy>& changed) const;
  /// The next one is made, even where a change allows fewer.
  [[nodiscard]] std::uint32_t attempts_in_all(std::string_view type,
                                              const action_state& action) const {
    std::optional<retry_policy> changed;
    return std::max(policy_of(type, action, changed).max_attempts, action.failures + 1);
  }
  [[nodiscard]] const limits& bounds() const noexcept { return bounds_; }

 private:
  const handler_registry& types_;
  const retry_policy& fallback_;
  const limits& bounds_;
};

// Commands: what can be asked of a workflow. `who`: of whoever asks, for the history; "" if nobody
// said.
struct create {
  std::string terms;  ///< "": none
};
struct begin_attempt {  ///< a handler was or will be called
  action_index action = 0;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  time_ms at_ms = 0;
};
struct come_due {  ///< its time has come, and it cannot begin now
  action_index action = 0;
};
struct end_attempt {
  action_index action = 0;
  std::uint32_t attempt = 0;
  outcome what;
  attempt_secret secret;  ///< of a pending one
  /// Of the call; a word from outside may have deferred the attempt before its handler returned.
  /// Nothing: of the latest.
  std::optional<std::uint32_t> deferrals;
  static constexpr std::uint32_t no_call = ~std::uint32_t{0};  ///< for `deferrals`: it is late
};
struct end_open_attempt {  ///< somebody outside says how it ended
  action_index action = 0;
  std::uint32_t attempt = 0;
  attempt_secret secret;
  outcome what;
  std::string who;
};
struct hear_of_attempt {  ///< somebody outside says that it goes on
  action_index action = 0;
  std::uint32_t attempt = 0;
  attempt_secret secret;
};
struct time_out_attempt {  ///< start-to-close has passed
  action_index action = 0;
  std::uint32_t attempt = 0;
};
struct interrupt_attempt {  ///< the engine closes
  action_index action = 0;
  std::uint32_t attempt = 0;
  bool stopped = false;  ///< it failed, asked to stop; else it never began
};
struct action_deadline {  ///< a deadline of the action, or the end of an open attempt, may be due
  action_index action = 0;
  time_ms opened_at_ms = 0;  ///< the engine: before, nobody could be heard of
};
struct workflow_deadline {};
struct cancel {
  std::string reason;
  std::string who;
};
struct resolve {
  action_index action = 0;
  resolution decision;
  std::string who;
};
struct retry {                      ///< goes on where it failed, or now instead of later
  action_index action = no_action;  ///< no_action: all
  std::string reason;
  /// Actions of which the next attempt may have begun, though its start is not recorded: as the
  /// workflow ended, or just now.
  std::vector<action_index> begun;
  std::string who;
};
struct send_signal {
  std::string name;
  std::string payload;
  std::string key;  ///< the sender's; "": none
  std::string who;
};
struct change {  ///< of an action's input or policy; what is the same already is no change
  action_index action = 0;
  action_change what;
  bool begun = false;  ///< an attempt may have begun, though its start is not recorded
  std::string who;
};
struct record_terms {
  std::string terms;
  std::string who;
};
struct recover {};  ///< the state was loaded: no attempt is in flight, whatever it says
using command =
    std::variant<create, begin_attempt, come_due, end_attempt, end_open_attempt, hear_of_attempt,
                 time_out_attempt, interrupt_attempt, action_deadline, workflow_deadline, cancel,
                 resolve, retry, change, send_signal, record_terms, recover>;

/// What to do once the events are durable.
struct effect {
  enum class kind : std::uint8_t {
    start,  ///< the action may run now
    wait,   ///< the action's timer is due at due_at_ms
    watch,  ///< a deadline of the action or of its open attempt (or, with no_action, of the
            ///< workflow) is at due_at_ms
    stop,   ///< the running attempt was given up: ask it to stop
    close,  ///< the action is over, or waits for a person or for somebody outside
    finish  ///< the workflow is over
  };
  kind what{};
  action_index action = no_action;
  time_ms due_at_ms = 0;
};

struct decision {
  std::vector<event> events;
  std::vector<effect> effects;
  /// The command does not fit the state; no events then, but a late_result of a word from outside.
  std::optional<error> refused;
  void clear() {
    events.clear();
    effects.clear();
    refused.reset();
  }
};

/// Adds to `out` what follows from the command. A command that has been overtaken (an outcome of an
/// attempt that was given up, say) is no error: it gives a late_result event or nothing. Delays are
/// drawn here, once, from `random`.
void decide(const definition& def, const workflow_state& state, const command& what, time_ms now_ms,
            rng& random, const rulebook& rules, decision& out);

}  // namespace tenax::model
