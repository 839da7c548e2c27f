// explain.hpp - why a workflow's actions do not run, and what happens next. Plain data, made by
// engine::explain and reader::explain from one moment's durable state; what cannot be known there
// is said to be unknown. docs/explain.md has all kinds with their texts.
// Depends on std only. Value types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/view.hpp"

namespace tenax {

/// What keeps an action from running. An open set: later versions add kinds.
enum class reason_kind : std::uint8_t {
  dependencies,  ///< others must be over first: `waits_for`, and in the end `roots`
  schedule,      ///< its scheduled_at or delay: `at`
  retry,         ///< in back-off: `at`
  timer,         ///< deferred by its handler, or throttled: `at`
  starting,      ///< it may start now, and nothing that is known holds it
  settling,      ///< its attempt is over or was cut off; what comes of it is not on disk yet
  lane_full,     ///< as many handlers of its type run as may
  threads_full,  ///< all handler threads are taken
  memory_full,   ///< no attempt begins until results are on disk
  no_handler,    ///< none of its type is registered
  no_worker,     ///< it is for workers, and none has asked for its type for a while, or ever
  workers_full,  ///< it is for workers, which have asked lately, and none waits now
  outside,       ///< its attempt is open (outcome::pending): engine::end_attempt; `at`: given up
                 ///< then, unless it is heard of
  signal,        ///< for a signal (engine::signal); `at`: it fails then
  in_doubt,      ///< nobody knows how its attempt ended: engine::resolve decides
  exhausted,     ///< it failed for good: engine::resolve decides
  paused,        ///< options::paused: until engine::start
  at_rest,       ///< options::takes_up leaves the workflow at rest in this engine
  draining,      ///< engine::drain: until the next open
  closing,       ///< engine::close: until the next open
  stopped,       ///< a commit or read has failed: until the next open
  no_process,    ///< no process has the data directory open
  unknown,       ///< what holds it cannot be known from here
};
/// Stable texts, as in docs/explain.md; `.data()` is a C string.
[[nodiscard]] std::string_view to_string(reason_kind k) noexcept;

struct action_reason {
  reason_kind kind = reason_kind::unknown;
  /// What follows the action's key in a sentence ("is deferred by its handler: goes on in 5.0 s,
  /// 12:00:05Z"); of an engine or process a sentence ("the engine is paused").
  std::string text{};
  std::optional<wall_time> at{};         ///< until then, if it has a time; see `outside`
  std::vector<std::string> waits_for{};  ///< keys of the first few that must be over first
  std::size_t waits_for_total = 0;
  std::vector<std::string> roots{};  ///< keys of the first few that hold it in the end
  std::size_t roots_total = 0;
  /// What else is known of this action's wait for a place: "12th of 340 in line; it has waited 5.0
  /// s, nine in ten wait less than 1.0 s". Of now: others may overtake it, or leave.
  std::string note{};
  std::size_t place = 0;  ///< 1: none of its type goes before it now; 0: not known
  std::size_t line = 0;   ///< of so many
};

/// A handler that runs now.
struct running_attempt {
  std::uint32_t attempt = 0;
  wall_time since{};
};

/// An action that is not over. One that does not run has a reason or more, all that there are.
struct explained_action {
  std::string key{};
  std::string type{};
  action_status status = action_status::validated;
  std::uint32_t attempts = 0;                    ///< started
  std::optional<running_attempt> running{};      ///< then `reasons` is empty
  std::vector<action_reason> reasons{};          ///< first what must end first
  std::optional<action_error> last_error{};      ///< as in action_view
  std::optional<wall_time> deadline_at{};        ///< of schedule_to_close
  std::optional<std::uint32_t> stuck_attempt{};  ///< as in action_view
};

/// An action that holds others, and itself waits for none.
struct root_cause {
  std::string key{};
  std::string type{};
  std::size_t holds = 0;  ///< actions that cannot run before it is over
};

/// What may happen next.
struct forecast_step {
  std::optional<wall_time> at{};  ///< not before; nothing: at any moment
  std::string action{};           ///< key; "": the workflow
  std::size_t count = 1;          ///< so many actions of its type, of which this is the first
  std::string text{};             ///< a sentence
  std::string then{};             ///< what follows, also if it fails; "" if that is plain
  /// Kinds of the event that the history then shows first (docs/history.md); none: no event.
  std::vector<std::string_view> events{};
};

struct explanation {
  std::string workflow_id{};
  workflow_status status = workflow_status::pending;
  std::string headline{};    ///< one sentence: the cause, the error, when it goes on
  wall_time now{};           ///< by the clock of who explains
  std::uint64_t events = 0;  ///< length of the history that is explained
  /// Only a person, a program with another handler, or an open can move the workflow.
  bool nothing_by_itself = false;
  std::vector<explained_action> actions{};  ///< not over, in the order of the spec
  std::vector<root_cause> roots{};          ///< those that hold most first; at most 1,024
  std::size_t roots_total = 0;
  std::vector<forecast_step> forecast{};  ///< soonest first; at most 64
};

}  // namespace tenax
