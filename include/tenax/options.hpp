// options.hpp - everything an engine can be told when it is opened. Good defaults; units in the
// names or types; numbers are 1 or more unless 0 has a meaning. Depends on std only.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "tenax/handler.hpp"
#include "tenax/limits.hpp"
#include "tenax/view.hpp"

namespace tenax {

enum class durability : std::uint8_t {
  sync,   ///< acknowledged = on disk (fdatasync)
  async,  ///< acknowledged = handed to the operating system: survives a crash of the process, not
          ///< of the machine
};

/// How many finished workflows of one status stay, and how long after their end. What exceeds
/// either rule leaves within seconds, first what ended first; nothing set: all stay. The first open
/// with a rule, where the one before had none, looks at every finished workflow.
struct keep_rule {
  std::optional<milliseconds> age = {};  ///< not negative; of any length
  std::optional<std::uint64_t> count = {};
};
struct retention_options {
  keep_rule completed{};
  keep_rule failed{};
  keep_rule cancelled{};
};

struct options {
  /// The built-in noop, wait and log_message are added unless of the same name.
  handler_registry handlers{};
  retry_policy retry{};  ///< for action types without one of their own
  tenax::durability durability = tenax::durability::sync;
  tenax::limits limits;
  retention_options retention;

  static constexpr std::size_t threads_max = 4'096;  ///< of each kind
  /// As many blocking handlers of one type run at once, unless action_options::max_running says
  /// less; a quarter more, at least one, of all types together, so that none can take all threads.
  /// 0: 4, or the number of cores if that is more. A handler that was given up (timeout, cancel)
  /// and does not return counts no longer and its thread has a substitute, up to four times this
  /// number.
  std::size_t handler_threads = 0;
  std::size_t scheduler_threads = 0;         ///< actor threads; 0: one for each core
  std::size_t active_workflows_max = 2'048;  ///< busy in memory at once; the others wait on disk
  /// Submits in flight included. Beyond: submit is rejected (overloaded), but for an id that is
  /// there already.
  std::size_t open_workflows_max = 10'000'000;
  /// Of what is in flight. Workflows that are busy in memory: beyond it the others wait on disk.
  /// What waits for the disk, duplicates of submits in flight included: beyond it submit is
  /// rejected (overloaded), but for an id that is there already. Results that wait for the disk,
  /// and inputs in their handlers: beyond an eighth of it no attempt starts and outcomes wait for
  /// their turn.
  std::size_t memory_bytes_max = 64u << 20;
  milliseconds timer_horizon{60'000};          ///< timers beyond it take no memory; to 10 years
  std::size_t cache_bytes = 32u << 20;         ///< read cache
  std::size_t write_buffer_bytes = 64u << 20;  ///< recent writes, in memory and in the log

  /// Accepts commands and queries; starts and recovers nothing, until `engine::start`.
  bool paused = false;
  /// Handlers and workers are told a trace context (action_context::traceparent), whose spans
  /// somebody is to send: server_options::send_spans.
  bool trace_context = false;
  /// Which open workflows this engine goes on with, by id; null: all. The others rest: nothing of
  /// them starts, is tried again or meets its deadline, until an engine takes them up; queries and
  /// commands work. The answer for an id must not change. Called on engine threads, several at
  /// once; must be quick, must not throw or block.
  std::function<bool(std::string_view workflow_id)> takes_up{};

  log_sink log;  ///< default: warnings and errors to stderr
  /// Called after a workflow's end is durable, on an engine thread, several at once, also while
  /// `close` runs. At most once: not made up for after a crash in between; what must not be missed
  /// is read with `list`. Must be quick, must not throw or block.
  std::function<void(const workflow_summary&)> on_finished{};
  /// Called once if the engine stops by itself (a failed commit or read: engine::healthy), with the
  /// reason, on an engine thread. Must be quick, must not throw, block or use the engine. Null:
  /// nobody is told.
  std::function<void(const error&)> on_stopped{};
};

}  // namespace tenax
