// state.hpp - the state of one workflow, and `apply`, the only place that changes it.
// Depends on include/tenax and model only. Not thread safe: one owner.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/definition.hpp"
#include "model/event.hpp"
#include "tenax/retry.hpp"
#include "tenax/view.hpp"

namespace tenax::model {

/// Numbers are stored: never reused.
enum class phase : std::uint8_t {
  blocked = 0,      ///< a dependency is open
  ready = 1,        ///< may start now
  executing = 2,    ///< an attempt is in flight
  scheduled = 3,    ///< first start at due_at_ms
  deferred = 4,     ///< the attempt goes on at due_at_ms
  backing_off = 5,  ///< next attempt at due_at_ms
  in_doubt = 6,     ///< outcome unknown; waits for a decision
  paused = 7,       ///< exhausted; waits for a decision
  completed = 8,
  failed = 9,
  cancelled = 10,
  skipped = 11,
  outside = 12,  ///< an attempt is open; somebody outside ends it
};
inline constexpr std::size_t phase_count = 13;
[[nodiscard]] constexpr bool is_over(phase p) noexcept {
  return p >= phase::completed && p <= phase::skipped;
}
[[nodiscard]] constexpr bool is_timed(phase p) noexcept {
  return p == phase::scheduled || p == phase::deferred || p == phase::backing_off;
}

/// What somebody has changed of an action (engine::change).
struct change_state {
  std::uint64_t input_seq = 0;   ///< the input_changed event that holds its input; 0: as submitted
  std::uint64_t input_word = 0;  ///< a hash of that input
  std::uint64_t policy_seq = 0;  ///< the latest policy_changed event; 0: none
  policy_change policy;          ///< what is set by it
  bool operator==(const change_state&) const = default;
};
[[nodiscard]] std::uint64_t input_word(std::string_view input) noexcept;

struct action_state {
  model::phase phase = phase::blocked;
  tenax::delivery delivery = tenax::delivery::at_least_once;  ///< of the latest attempt
  bool cut_off = false;          ///< closed while nobody knew how its attempt ended
  std::uint32_t attempt = 0;     ///< number of the latest attempt started; 0: none
  std::uint32_t failures = 0;    ///< attempts that failed since the start or the last decision
  std::uint32_t retries = 0;     ///< retries scheduled, ever (the API's retry_count)
  std::uint32_t recoveries = 0;  ///< attempts interrupted by crashes
  std::uint32_t deferrals = 0;   ///< of the latest attempt
  time_ms due_at_ms = 0;         ///< for a timed phase; outside: given up then, 0: never; else 0
  time_ms close_by_ms = 0;       ///< schedule-to-close; 0: none, or over
  time_ms started_at_ms = 0;     ///< latest attempt
  time_ms closed_at_ms = 0;
  std::int64_t last_wait_ms = 0;  ///< delay of the latest retry (decorrelated jitter needs it);
                                  ///< 0: none since the last decision
  std::uint64_t result_seq = 0;   ///< the action_completed event that holds the result
  action_error last_error;
  // Of the latest attempt that was open.
  attempt_secret secret;           ///< empty: none was, or nothing is heard of it any more
  std::int64_t heartbeat_ms = 0;   ///< while it is open; 0: none
  std::uint64_t outside_word = 0;  ///< how it ended, if by a word from outside: see word_of
  std::uint64_t opened_seq = 0;    ///< while it is open: its attempt_opened event
  std::string signal;              ///< while it is open: the signal that ends it; "": none
  std::shared_ptr<const change_state> change;  ///< null: it is as submitted

  // Derived or transient, not stored:
  std::uint32_t open_dependencies = 0;  ///< derived from the definition and the others' phases
  std::uint64_t touched_in = 0;         ///< the change_set that has seen it
  /// The next start is of the same attempt: it was deferred, and its time may have come since.
  [[nodiscard]] bool goes_on() const noexcept {
    return phase == phase::deferred || (phase == phase::ready && deferrals > 0);
  }
  /// The event that holds its input; 0: the definition does.
  [[nodiscard]] std::uint64_t input_seq() const noexcept { return change ? change->input_seq : 0; }
  /// Equality of what is stored.
  [[nodiscard]] bool same_record(const action_state& o) const noexcept;
};

/// The timer that a phase has, if any: of a timed one, or of an open attempt that has an end.
[[nodiscard]] constexpr bool has_timer(phase p, time_ms due_at_ms) noexcept {
  return is_timed(p) || (p == phase::outside && due_at_ms != 0);
}
/// A hash of how an attempt ended, never 0: whoever says the same once more is told that it is so.
[[nodiscard]] std::uint64_t word_of(const event& how) noexcept;

/// Whether, of a closed action, only a person can say if it may be done again.
[[nodiscard]] bool is_in_doubt(const action_state& closed) noexcept;

/// Where a workflow stands in the listing index. Numbers are stored.
enum class index_class : std::uint8_t {
  active = 0,
  parked = 1,
  completed = 2,
  failed = 3,
  cancelled = 4
};
inline constexpr std::uint8_t index_class_max = 4;
[[nodiscard]] constexpr bool is_open(index_class c) noexcept { return c <= index_class::parked; }

/// A signal that a workflow has had.
struct signal_state {
  std::string name;        ///< "": an action has taken it
  std::uint64_t key = 0;   ///< a hash of name and the sender's key; 0: without a key
  std::uint64_t word = 0;  ///< a hash of the payload
  std::uint64_t seq = 0;   ///< the event that holds it
  bool operator==(const signal_state&) const = default;
};
[[nodiscard]] std::uint64_t signal_key(std::string_view name, std::string_view key) noexcept;
[[nodiscard]] std::uint64_t signal_word(std::string_view payload) noexcept;

struct workflow_state {
  workflow_status status = workflow_status::pending;
  std::uint64_t seq = 0;  ///< of the latest event
  time_ms created_at_ms = 0;
  time_ms updated_at_ms = 0;  ///< of the latest event
  time_ms started_at_ms = 0;
  time_ms closed_at_ms = 0;
  time_ms deadline_at_ms = 0;  ///< 0: none, or over
  action_index failed_action = no_action;
  std::string reason;                 ///< why it failed or was cancelled
  std::uint64_t terms_seq = 0;        ///< the event that holds its terms; 0: none were recorded
  std::vector<signal_state> signals;  ///< all it ever had, in their order
  std::vector<action_state> actions;
  std::array<std::uint32_t, phase_count> counts{};  ///< actions by phase
  // Derived, not stored here: the listing has them.
  std::vector<std::uint32_t> ready_by_lane;  ///< as definition::lanes; empty if that is one at most
  lane_mask ready_lanes = 0;                 ///< of the ready actions

  [[nodiscard]] std::uint32_t count(phase p) const noexcept {
    return counts[static_cast<std::size_t>(p)];
  }
  [[nodiscard]] std::uint32_t open_actions() const noexcept;
  /// The first of this name that no action has taken; null: none.
  [[nodiscard]] const signal_state* signal_of(std::string_view name) const noexcept;
  [[nodiscard]] bool terminal() const noexcept { return is_terminal(status); }
  /// Open, and something of it waits for a decision.
  [[nodiscard]] bool undecided() const noexcept {
    return !terminal() && (count(phase::in_doubt) > 0 || count(phase::paused) > 0);
  }
  /// active: something is ready or executing; parked: all that is open waits for a timer or a
  /// person.
  [[nodiscard]] index_class listed_as() const noexcept;
  /// Of what is ready or executing. Derived: not known of a state without its actions.
  [[nodiscard]] lane_mask lanes() const noexcept {
    return ready_lanes | (count(phase::executing) > 0 ? executing_lane : 0);
  }
};

/// What has changed since the last commit: the next batch.
struct change_set {
  struct touch {
    action_index action = 0;
    phase old_phase = phase::blocked;
    time_ms old_due_at_ms = 0;
    time_ms old_close_by_ms = 0;
  };
  std::uint64_t id = 0;  ///< unique and > 0; `begin` sets it
  bool creates = false;  ///< holds workflow_created: definition and index entry are new
  index_class old_class = index_class::active;
  lane_mask old_lanes = 0;
  bool old_undecided = false;
  time_ms old_deadline_at_ms = 0;
  time_ms old_closed_at_ms = 0;
  std::uint64_t first_seq = 0;  ///< of events.front()
  std::vector<event> events;    ///< seq first_seq, first_seq + 1, ...
  std::vector<touch> touched;   ///< each action once, with what it was

  [[nodiscard]] bool empty() const noexcept { return events.empty(); }
  /// Starts anew from `state`.
  void begin(const workflow_state& state);
};

/// The state before the first event.
[[nodiscard]] workflow_state initial_state(const definition& def);

/// Applies the next event (seq state.seq + 1) and records the change. `e.at_ms` must not be before
/// state.updated_at_ms. Precondition (asserted, always on): `check_applicable` says nothing.
void apply(const definition& def, workflow_state& state, event e, change_set& changes);

/// Why an event cannot follow the state (bad index, wrong phase, wrong attempt number...); "" if it
/// can. Replay and fuzzing use it.
[[nodiscard]] std::string check_applicable(const definition& def, const workflow_state& state,
                                           const event& e);

/// Recomputes what is derived (open_dependencies, counts, lanes) after loading stored records.
void derive(const definition& def, workflow_state& state);

}  // namespace tenax::model
