// view.hpp - what a query shows: workflows, actions, history. Plain data, read from the store.
// Depends on std only. Value types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/handler.hpp"
#include "tenax/json_codec.hpp"
#include "tenax/result.hpp"

namespace tenax {

enum class workflow_status : std::uint8_t { pending, in_progress, completed, failed, cancelled };

enum class action_status : std::uint8_t {
  validated,  ///< accepted, no attempt yet
  executing,  ///< has been tried; see `waiting` for what it waits for, if anything
  completed,
  failed,
  cancelled,
  skipped,
};

// g++ has -Wshadow warn of the enumerator `handler`, which hides nothing in a scoped enum.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/// Why an action is not running now.
enum class waiting_for : std::uint8_t {
  nothing,       ///< it runs, or is over
  dependencies,  ///< `waiting_on` names them
  schedule,      ///< its scheduled_at or delay; `next_at` says until when
  retry,         ///< in back-off; `next_at` is next_retry_at
  timer,         ///< deferred by its handler; `next_at`
  a_thread,      ///< ready: waits for the engine to take it up
  handler,   ///< `no_handler`: it is due, and no handler of its type is registered (engine::get; a
             ///< reader cannot tell)
  decision,  ///< in doubt or exhausted: waits for engine::resolve
  outside,   ///< an open attempt (outcome::pending): waits for engine::end_attempt; `next_at`, if
             ///< it is given up then
};
#pragma GCC diagnostic pop

/// Static texts; `.data()` is a C string.
[[nodiscard]] std::string_view to_string(workflow_status s) noexcept;
[[nodiscard]] std::string_view to_string(action_status s) noexcept;
[[nodiscard]] std::string_view to_string(waiting_for w) noexcept;
[[nodiscard]] bool is_terminal(workflow_status s) noexcept;
[[nodiscard]] std::optional<workflow_status> parse_workflow_status(std::string_view text) noexcept;
[[nodiscard]] std::optional<waiting_for> parse_waiting_for(std::string_view text) noexcept;

struct action_error {
  std::string error_class{};
  std::string message{};
  bool operator==(const action_error&) const = default;
};

/// How many actions are in which state.
struct action_counts {
  std::uint32_t total = 0;
  std::uint32_t blocked = 0;  ///< on dependencies
  std::uint32_t ready = 0;
  std::uint32_t running = 0;      ///< an attempt is in flight
  std::uint32_t timer = 0;        ///< scheduled or deferred
  std::uint32_t backing_off = 0;  ///< waiting for a retry
  std::uint32_t in_doubt = 0;     ///< waiting for a decision
  std::uint32_t outside = 0;      ///< an attempt is open, in somebody's hands outside
  std::uint32_t completed = 0;
  std::uint32_t failed = 0;
  std::uint32_t cancelled = 0;
  std::uint32_t skipped = 0;
  bool operator==(const action_counts&) const = default;
};

struct workflow_summary {
  std::string id{};
  std::string name{};
  std::string description{};
  std::string reference{};
  workflow_status status = workflow_status::pending;
  wall_time submitted_at{};
  std::optional<wall_time> started_at{};
  std::optional<wall_time> closed_at{};
  std::optional<wall_time> deadline_at{};
  action_counts actions{};
  std::uint64_t events = 0;     ///< length of the history
  std::string failed_action{};  ///< key, when failed by an action
  std::string reason{};         ///< why it failed or was cancelled
};

/// What somebody has changed of an action last (engine::change).
struct change_view {
  wall_time at{};
  std::string who{};     ///< "": nobody said
  std::string reason{};  ///< "": none was given
};

struct action_view {
  std::string key{};
  std::string type{};
  std::vector<std::string> depends_on{};
  action_status status = action_status::validated;
  waiting_for waiting = waiting_for::nothing;
  std::vector<std::string> waiting_on{};     ///< keys, for waiting_for::dependencies
  std::optional<wall_time> next_at{};        ///< end of the wait, if it has one
  std::uint32_t attempts = 0;                ///< started
  std::uint32_t retry_count = 0;             ///< retries scheduled
  std::uint32_t recoveries = 0;              ///< attempts interrupted by a crash
  std::optional<wall_time> next_retry_at{};  ///< set while in back-off
  /// Of the latest attempt that failed or was throttled; of a failed action what ended it, which
  /// for a limit (schedule_to_close, max_recoveries) is followed by "; last error: CLASS: MESSAGE".
  std::optional<action_error> last_error{};
  std::optional<wall_time> started_at{};  ///< of the latest attempt
  std::optional<wall_time> closed_at{};
  std::string input{};                         ///< as submitted, or as it was changed last
  std::optional<change_view> input_changed{};  ///< set if it was
  std::optional<change_view> policy_changed{};
  policy_change policy{};               ///< what is set of the type's retry policy
  std::optional<std::string> result{};  ///< of a completed action
  /// The latest attempt that was given up (timeout, cancel, close) and whose handler still runs; a
  /// new attempt may run beside it. Only engine::get can tell; a reader cannot.
  std::optional<std::uint32_t> stuck_attempt{};
  std::string signal{};      ///< while an attempt is open: the signal that ends it, if one does
  std::string pending_on{};  ///< while an attempt is open: the message of its outcome::pending
  /// What the latest heartbeat of the open attempt said, and when. Only engine::get can tell, and
  /// not of before the open.
  std::string progress{};
  std::optional<wall_time> heard_at{};

  /// The result as a value (json_codec.hpp). Errors: wrong_state (it has none), invalid_argument
  /// (another shape).
  template <json_readable T>
  [[nodiscard]] tenax::result<T> result_as() const {
    if (result) return read_json<T>(*result);
    return error(errc::wrong_state, "action " + key + " has no result");
  }
};

struct workflow_view {
  workflow_summary summary{};
  std::string input{};
  std::string terms{};  ///< as recorded last, see engine::submit; "": none were
  std::vector<action_view> actions{};

  /// The result of the action of this key. Errors: as action_view::result_as; not_found (no such
  /// action).
  template <json_readable T>
  [[nodiscard]] result<T> result_of(std::string_view action_key) const {
    for (const auto& action : actions) {
      if (action.key == action_key) return action.result_as<T>();
    }
    return error(errc::not_found, "there is no action " + std::string(action_key));
  }
};

/// What was heard of an open attempt last; kept until it is not open any more, or the engine
/// closes.
struct attempt_progress {
  std::string action{};  ///< key
  std::uint32_t attempt = 0;
  std::string progress{};
  wall_time heard_at{};
  std::uint64_t number = 0;  ///< greater than that of all heartbeats before, of any workflow
};

struct history_event {
  std::uint64_t seq = 0;  ///< 1..n without gaps
  wall_time at{};         ///< never goes back
  std::string kind{};     ///< e.g. "retry_scheduled"; all in docs/history.md
  std::string actor{};    ///< user | system | handler
  std::string action{};   ///< key, "" for events of the workflow
  std::string data{};     ///< a JSON object
  std::string type{};     ///< of the action; not in JSON, so a server does not tell it
};

/// Which workflows; all that is set must hold. A page costs what it shows, also where much was
/// deleted, for what has an index: nothing set, `open`, a status of ended workflows, `reference`,
/// `waiting` decision, and the times with any of them. Other filters are looked up one by one, at
/// most 10,000 names, 1,000 workflows or 16,000 of their actions a page: then it comes short, even
/// empty, with a token to go on.
struct list_query {
  std::optional<workflow_status> status{};
  bool open = false;                         ///< pending or in_progress
  std::optional<std::string> name{};         ///< exact
  std::optional<std::string> reference{};    ///< exact, not ""
  std::optional<std::string> error_class{};  ///< of what failed the workflow; of an open one: of
                                             ///< the last error of any of its actions
  /// Open, and one of its actions waits for this; `handler` is none that is stored, so an error.
  /// `nothing`: one of its actions runs.
  std::optional<waiting_for> waiting{};
  std::optional<wall_time> from{};   ///< submitted_at >=
  std::optional<wall_time> until{};  ///< submitted_at <
  bool newest_first = false;         ///< else in the order of submission
  std::size_t limit = 100;           ///< 1..1000; of `count` without a meaning
  std::string page_token{};          ///< from the page, or count, before
};

/// How many workflows a query finds; add up until `next_page_token` is empty. Without filters but
/// `status` of ended ones or `open` it is one step.
struct list_count {
  std::uint64_t count = 0;
  std::string next_page_token{};
};

/// One page. `next_page_token` is empty on the last one; a page may be short, even empty, before
/// it.
template <class T>
struct page {
  std::vector<T> items{};
  std::string next_page_token{};
};

/// An entry of the due index: what happens next, and when.
struct due_view {
  wall_time due_at{};
  std::string kind{};  ///< retry | schedule | timer | action_deadline | workflow_deadline
  std::string workflow_id{};
  std::string action{};  ///< key, "" for workflow_deadline
};

}  // namespace tenax
