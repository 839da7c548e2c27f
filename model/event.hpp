// event.hpp - what can have happened to a workflow. Events are the history; replaying them gives
// the state. Depends on include/tenax and model only. Value types.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/definition.hpp"
#include "model/seams.hpp"
#include "model/token.hpp"

namespace tenax::model {

/// Numbers are stored: never reused, never renumbered.
enum class event_kind : std::uint8_t {
  workflow_created = 1,     ///< due_at_ms: the deadline, 0 = none; text: terms, if any
  action_scheduled = 2,     ///< due_at_ms: not before
  action_deadline_set = 3,  ///< due_at_ms: schedule-to-close ends
  attempt_started = 4,  ///< attempt, delivery; count: deferrals so far, when this goes on after one
  action_completed = 5,   ///< attempt; text: result, or signal_seq: of the event that holds it
  attempt_failed = 6,     ///< attempt, error_class, text
  attempt_timed_out = 7,  ///< attempt, text; its handler may still run
  retry_scheduled =
      8,  ///< attempt: the failed one; due_at_ms, wait_ms, least_ms, most_ms, count: max_attempts
  retry_exhausted = 9,       ///< attempt: the last one; count: max_attempts; text: why no retry
  attempt_deferred = 10,     ///< attempt, due_at_ms; error_class, text: why, if throttled
  attempt_interrupted = 11,  ///< attempt: in flight at a crash or stopped by a close, made again;
                             ///< count: recoveries (crashes) so far
  outcome_unknown = 12,      ///< attempt: in doubt; text: why; error_class: of an error of its own
  action_paused = 13,        ///< exhausted, waits for a decision
  action_resolved = 14,      ///< text: retry | skip | complete | fail; name: why
  action_skipped = 15,       ///< text: why
  action_failed = 16,        ///< error_class, text
  workflow_completed = 17,
  workflow_failed = 18,     ///< action or no_action, text: why
  workflow_cancelled = 19,  ///< text: reason
  late_result = 20,         ///< attempt: given up before; text: what it would have been
  action_due = 21,          ///< its time has come, and its lane is full: ready from here on
  workflow_continued =
      22,                 ///< after it had failed; due_at_ms: the new deadline, 0 = none; text: why
  retry_requested = 23,   ///< its time does not matter any more: ready; text: why
  terms_recorded = 24,    ///< text: the terms from here on
  attempt_opened = 25,    ///< attempt, secret; due_at_ms: given up then, 0 = never; wait_ms: the
                          ///< heartbeat, 0 = none; text: for what it waits; name:
                          ///< the signal, if for one
  attempt_extended = 26,  ///< attempt, due_at_ms: given up then, no sooner
  signal_received = 27,   ///< name; key, if it has one; text: the payload
  input_changed = 28,     ///< text: the input from here on; name: why
  policy_changed = 29,    ///< text: what is set of the policy from here on (policy_json); name: why
};
inline constexpr std::uint8_t event_kind_max = 29;

enum class event_actor : std::uint8_t { system = 0, user = 1, handler = 2 };

struct event {
  event_kind kind{};
  event_actor actor = event_actor::system;
  time_ms at_ms = 0;
  action_index action = no_action;
  std::uint32_t attempt = 0;
  std::uint32_t count = 0;
  time_ms due_at_ms = 0;
  std::int64_t wait_ms = 0;   ///< retry_scheduled: the delay drawn; attempt_opened: the heartbeat
  std::int64_t least_ms = 0;  ///< retry_scheduled: the bounds it was drawn from
  std::int64_t most_ms = 0;
  tenax::delivery delivery = tenax::delivery::at_least_once;  ///< attempt_started
  attempt_secret secret;                                      ///< attempt_opened
  std::uint64_t signal_seq = 0;                               ///< action_completed
  std::string name;                                           ///< of a signal, or why
  std::string who;                                            ///< asked for it, if that was told
  std::string key;                                            ///< signal_received: the sender's
  std::string error_class;
  std::string text;
  bool operator==(const event&) const = default;
};

[[nodiscard]] std::string_view to_string(event_kind k) noexcept;
[[nodiscard]] std::string_view to_string(event_actor a) noexcept;
[[nodiscard]] std::string_view to_string(delivery d) noexcept;
[[nodiscard]] bool is_terminal(event_kind k) noexcept;
/// Of an action, by somebody: those of a workflow that has failed may follow its end.
[[nodiscard]] constexpr bool is_change(event_kind k) noexcept {
  return k == event_kind::input_changed || k == event_kind::policy_changed;
}

}  // namespace tenax::model
