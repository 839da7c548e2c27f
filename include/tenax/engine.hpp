// engine.hpp - the durable workflow engine that a program embeds.
// Depends on std only. An engine is movable; all its calls are thread safe, except move, close and
// destruction. One that was moved from answers `closing`, is not healthy and has counted nothing;
// so does a reader. No call throws. Handlers must not call `close`, `drain` or `await`; handlers
// that run in place, and callbacks, may call only what ends in `_async` and queries: the rest waits
// for the thread that they are on. Any thread may open, move, close and destroy an engine.
//
// An engine or reader that opens finds the descriptors 0 to 2 open, or opens /dev/null on those
// that are closed, for good: else what is printed would go into the files of a database.
//
// After fork() the engine is the parent's: in the child every call answers `stopped`, the engine is
// not healthy and has counted nothing, and its destructor does nothing, and leaves its memory; the
// same for a reader. A child of a process that had an engine open cannot open one before it calls
// exec.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/explain.hpp"
#include "tenax/options.hpp"
#include "tenax/result.hpp"
#include "tenax/spec.hpp"
#include "tenax/view.hpp"
#include "tenax/worker.hpp"

namespace tenax {

struct submission {
  std::string id{};
  bool existed = false;  ///< the same workflow had been submitted before
};

/// What to do with an action that waits for a decision, or whose attempt is open.
struct resolution {
  enum class kind : std::uint8_t { retry, skip, complete, fail };
  kind what = kind::retry;
  std::string value = "null";  ///< complete: the result; fail: the message
  std::string reason{};        ///< for the history; cut to limits::text_bytes_max
};

/// What engine::change changes of an action. What is not set stays as it is.
struct action_change {
  /// In place of the input: what the spec could hold there. References may lead to actions on which
  /// the action depends already, and to the workflow's input.
  std::optional<std::string> input{};
  std::optional<policy_change> policy{};  ///< beside what was changed of it before
  bool policy_as_registered = false;      ///< first takes back all that was changed of the policy
  std::string reason{};                   ///< for the history; cut to limits::text_bytes_max
};

struct engine_stats {
  std::uint64_t submitted = 0;  ///< ever; = open + completed + failed + cancelled + removed
  std::uint64_t open = 0;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t removed = 0;   ///< by retention, or `engine::remove`
  std::uint64_t active = 0;    ///< in memory now
  std::uint64_t commits = 0;   ///< of workflows, since open
  std::uint64_t syncs = 0;     ///< writes to disk, each for many commits, since open
  std::uint64_t attempts = 0;  ///< handler calls since open
  std::uint64_t late_results =
      0;                    ///< outcomes that came after their attempt was given up, since open
  std::uint64_t epoch = 0;  ///< grows at each open
  // Now; a reader cannot tell.
  std::uint64_t handlers_running = 0;  ///< blocking ones, those that were given up not included
  /// Given up (timeout, cancel, close) and not returned; engine::get names them.
  std::uint64_t handlers_stuck = 0;
  std::uint64_t actions_waiting = 0;  ///< ready: for a place in their lane, or a thread
  std::uint64_t bytes_to_disk = 0;    ///< that wait to be written
  std::uint64_t bytes_in_flight = 0;  ///< inputs of handlers, results that wait for the disk
};

/// What became of an action type's attempts since the engine was opened, and what goes on now.
struct action_type_stats {
  std::string type{};
  std::uint64_t started = 0;  ///< handler calls; after a deferral it is one more
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;  ///< to be retried or not, as the policy says
  std::uint64_t fatal = 0;
  std::uint64_t deferred = 0;   ///< or throttled
  std::uint64_t opened = 0;     ///< left open (outcome::pending)
  std::uint64_t unknown = 0;    ///< nobody knows how it ended; exceptions count as well
  std::uint64_t timed_out = 0;  ///< start_to_close; what the handler returns later counts above
  // Now, of blocking types.
  std::uint64_t running = 0;      ///< handlers
  std::uint64_t running_max = 0;  ///< as many may run at once
  std::uint64_t let_in = 0;       ///< actions that have a place in the lane, the running included
  std::uint64_t in_row = 0;       ///< workflows in memory that wait for a place
  /// Since when the action that has waited longest could run, of those in memory.
  std::optional<wall_time> oldest_ready_at = {};
  /// From the moment an action could have run (its time, if it waited for one) to its handler's
  /// start. Of one that waited on disk or for a decision: from its workflow's last event.
  time_histogram to_start;
  time_histogram handling;  ///< blocking types: from the start to the end of a handler
};

class engine {
 public:
  /// Opens the engine on `data_dir` (made with mode 0700 if absent; it must belong to the process's
  /// user and be writable for nobody else), recovers what was under way and goes on with it.
  /// Errors: data_dir_locked, data_dir_unusable, format_too_new, corrupt, invalid_argument,
  /// storage_unavailable.
  static result<engine> open(const std::filesystem::path& data_dir, options opts = {});

  engine(engine&&) noexcept;
  engine& operator=(engine&&) noexcept;
  /// Closes.
  ~engine();

  /// Returns once the workflow is durable. Submitting the same content under the same id again is
  /// no error (`existed`). Errors: invalid_spec, conflict, overloaded, closing, stopped, corrupt
  /// (the stored workflow of that id), invalid_argument (`terms`) - nothing happened;
  /// storage_unavailable (unknown).
  /// `terms`: what it is to run under, in the program's own words (JSON by convention, at most
  /// limits::text_bytes_max): kept with a new workflow and shown by `get`. The engine does not read
  /// them, they are no part of the content, and what is there already keeps its own.
  result<submission> submit(const workflow_spec& spec, std::string terms = {});
  result<submission> submit_json(std::string_view json);
  /// As submit, but does not wait for the disk: validates on the calling thread. `done` is called
  /// exactly once, from any thread, perhaps before this returns (hold no lock that it takes); it
  /// must not block or throw. Null: nobody is told.
  void submit_async(const workflow_spec& spec, std::function<void(result<submission>)> done,
                    std::string terms = {});
  /// The ancestor's name of submit.
  result<submission> propose_workflow(const workflow_spec& spec) { return submit(spec); }

  /// Waits until the workflow has ended, at most `timeout` (nothing: without limit). Errors:
  /// not_found, timed_out, closing, stopped, corrupt, storage_unavailable.
  result<workflow_summary> await(std::string_view id,
                                 std::optional<milliseconds> timeout = std::nullopt);

  /// As await, but does not wait, and if `after` is given also until the history has more than so
  /// many events. `done` as in submit_async, not null. Returns a ticket for `give_up`; 0: `done`
  /// was called. Errors as await, but timed_out.
  std::uint64_t await_async(std::string_view id, std::function<void(result<workflow_summary>)> done,
                            std::optional<std::uint64_t> after = std::nullopt);
  /// Takes an await_async back. False: `done` was called, or is being called.
  bool give_up(std::string_view id, std::uint64_t ticket);

  /// Calls `told` with the id of a workflow whenever something about it is new, once that is
  /// durable: it was submitted, has gone on, has ended, was removed by `remove` (not by retention),
  /// or an open attempt of it was heard of. What is new has to be asked for, elsewhere: `told` is
  /// called on engine threads, several at once, holds up what it is told of, and must be quick, not
  /// throw, block or call the engine. With "" it is told, once, that the engine closes or has
  /// stopped, perhaps before this returns, and that nothing more comes. What is decided already at
  /// the call may become durable without a word: look once more after 100 ms. Nothing is kept for
  /// who watches, and where nobody does it costs one load. Returns a ticket for `unwatch`.
  std::uint64_t watch(std::function<void(std::string_view workflow_id)> told);
  /// When it returns, `told` is not called any more. Not from `told`.
  void unwatch(std::uint64_t ticket);

  /// What the latest heartbeats of the workflow's open attempts said, by action: what `get` shows,
  /// at the cost of these only. Nothing, if there is none or no such workflow.
  std::vector<attempt_progress> progress(std::string_view id) const;

  /// Reads the last durable state. An id that none can have is not_found at once, here and in every
  /// other call but submit. Errors of all queries: not_found, corrupt, storage_unavailable;
  /// of `list` and `count` also invalid_argument (a limit, filter or token that is none).
  result<workflow_summary> summary(std::string_view id) const;
  result<workflow_view> get(std::string_view id) const;
  result<std::string> terms(std::string_view id) const;
  /// Why each action that is not over does not run, what holds them in the end, and what happens
  /// next: of the last durable state, with what this engine knows beside it. Costs a read of the
  /// workflow and is linear in its size.
  result<explanation> explain(std::string_view id) const;
  result<page<workflow_summary>> list(const list_query& query = {}) const;
  /// Errors as `list`.
  result<list_count> count(const list_query& query = {}) const;
  /// Events with seq > `after`, at most `limit`.
  result<std::vector<history_event>> history(std::string_view id, std::uint64_t after = 0,
                                             std::size_t limit = 1'000) const;
  /// Actions in back-off whose next_retry_at is at or before `now` / scheduled actions whose time
  /// has come, soonest first. Default `now`: the engine's clock.
  result<std::vector<due_view>> list_retry_eligible(
      std::size_t limit = 100, std::optional<wall_time> now = std::nullopt) const;
  result<std::vector<due_view>> list_ready_scheduled(
      std::size_t limit = 100, std::optional<wall_time> now = std::nullopt) const;

  // `who` asks for a change (a person, a program, a worker) is in the history with what it changes,
  // cut to limits::text_bytes_max; "": nobody said.

  /// Returns once durable: no attempt starts any more, running handlers are asked to stop.
  /// Cancelling a cancelled workflow is no error. The reason is cut to limits::text_bytes_max.
  /// Errors: not_found, wrong_state (it ended otherwise), corrupt, closing, stopped;
  /// storage_unavailable (unknown).
  result<void> cancel(std::string_view id, std::string reason = {}, std::string who = {});
  /// Decides for an action that waits for a decision. Errors: not_found (workflow or action),
  /// wrong_state, invalid_argument (`value` exceeds limits::payload_bytes_max, `what` is none),
  /// corrupt, closing,
  /// stopped; storage_unavailable (unknown).
  result<void> resolve(std::string_view id, std::string_view action_key, resolution decision,
                       std::string who = {});

  /// Goes on with a workflow that has failed, once the cause is mended: what was done stays done,
  /// what failed or was open is made (again) with all its attempts and new deadlines, and an
  /// `at_most_once` attempt that was in flight at the failure waits for a decision. Of a workflow
  /// that has not failed: makes the retry that waits for its time now. `action_key`: the action
  /// that failed, or one in back-off or deferred (a built-in `wait` is over then); empty: whatever
  /// failed, or all in back-off. Returns once durable; `await` then waits for the next end, which
  /// options::on_finished is told of too. The reason is cut to limits::text_bytes_max. Errors:
  /// not_found (workflow or action), wrong_state (nothing of it waits for a retry), corrupt,
  /// closing, stopped; storage_unavailable (unknown).
  result<void> retry(std::string_view id, std::string_view action_key = {}, std::string reason = {},
                     std::string who = {});
  /// Changes the input or the retry policy of an action that is not done: its next attempt has the
  /// new input, its next failure follows the new policy (the attempts that it allows count from the
  /// start or the last decision, those made included). A time for which it waits stays. Of a
  /// workflow that has failed: `retry` goes on with what was changed. An input only while no
  /// attempt has it: not while one runs or is open. Returns once durable. What is so already is no
  /// error and no event. Errors: not_found (workflow or action), wrong_state, invalid_argument
  /// (nothing to change; an input that submit would refuse, with its faults; a policy out of
  /// range), overloaded, corrupt, closing, stopped; storage_unavailable (unknown: say it again).
  result<void> change(std::string_view id, std::string_view action_key, action_change what,
                      std::string who = {});
  /// Ends an attempt that its handler left open (outcome::pending), or is about to: `token` is what
  /// action_context::token gave it, and `what` any other outcome; what follows is as though the
  /// handler had returned it. Returns once durable. The same word again is no error, until the next
  /// attempt is open. Errors: lease_lost (the attempt was given up, cancelled or ended otherwise;
  /// in the history as late_result, once), invalid_argument (no token, a pending outcome, a result
  /// beyond limits::payload_bytes_max or a delay beyond delay_max), not_found, overloaded,
  /// wrong_state (no success, and no handler of the type is registered,
  /// whose policy says what follows), corrupt, closing, stopped - it is not used;
  /// storage_unavailable (unknown: say it again).
  result<void> end_attempt(std::string_view token, outcome what, std::string who = {});
  /// As end_attempt, but does not wait. `done` as in submit_async.
  void end_attempt_async(std::string_view token, outcome what,
                         std::function<void(result<void>)> done, std::string who = {});
  /// Says that an open attempt goes on, and how far it is (at most limits::text_bytes_max; seen by
  /// `get` only, and lost at a restart). Returns when it will be given up unless it is heard of
  /// again: nothing means never. Errors: lease_lost (stop working on it), invalid_argument,
  /// not_found, corrupt, closing, stopped.
  result<std::optional<wall_time>> heartbeat(std::string_view token, std::string progress = {});
  /// As heartbeat, but does not wait. `done` as in submit_async.
  void heartbeat_async(std::string_view token, std::string progress,
                       std::function<void(result<std::optional<wall_time>>)> done);
  /// Asks for actions that are for workers (handler_registry::add_worker). `done` as in
  /// submit_async, not null: with the tasks, at most worker_poll::max, as soon as there is one and
  /// its attempt is open for good; with none when the time is over. Polls are served in turn, and
  /// of one type workflows take turns; no thread waits. Whoever cannot pass a task on gives it back
  /// with end_attempt(token, outcome::defer(now)), which spends no attempt. A task that nobody got
  /// (the process died just then) is as one that nobody is heard of. Returns a ticket for
  /// `withdraw`; 0: `done` was called. Errors: invalid_argument (a number that is none, a type that
  /// is not for workers), overloaded (100,000 polls wait, or there are more than 4,096 such types),
  /// closing (also when the engine drains), stopped.
  std::uint64_t poll_async(worker_poll what,
                           std::function<void(result<std::vector<worker_task>>)> done);
  /// As poll_async, but waits for the answer.
  result<std::vector<worker_task>> poll(worker_poll what);
  /// Takes a poll_async back; what it was about to have is given back. False: `done` was called, or
  /// is being called.
  bool withdraw(std::uint64_t ticket);
  /// Types that are for workers, by name, of which an action or a poll has come up since the open.
  [[nodiscard]] std::vector<worker_type_stats> worker_stats() const;
  /// Gives an open workflow a signal: an action that waits for this name takes it (outcome::
  /// until_signal, built-in wait_signal), the one that has waited longest, now or later; each
  /// signal is taken once. Returns once durable. `payload` (JSON by convention) is that action's
  /// result. With a `key` (at most 128 bytes), the same name, key and payload again is no error and
  /// no second signal, also after the workflow's end. Errors: not_found, wrong_state (it is over),
  /// conflict (the key with another payload), overloaded (limits::signals_max, or as much waits for
  /// the disk as memory_bytes_max lets), invalid_argument (the name, key or payload), corrupt,
  /// closing, stopped; storage_unavailable (unknown: with a key, say it again).
  result<void> signal(std::string_view id, std::string name, std::string payload = "null",
                      std::string key = {}, std::string who = {});
  /// As signal, but does not wait. `done` as in submit_async.
  void signal_async(std::string_view id, std::string name, std::string payload, std::string key,
                    std::function<void(result<void>)> done, std::string who = {});
  /// As cancel, resolve, retry and remove, but do not wait. `done` as in submit_async.
  void cancel_async(std::string_view id, std::string reason, std::function<void(result<void>)> done,
                    std::string who = {});
  void resolve_async(std::string_view id, std::string_view action_key, resolution decision,
                     std::function<void(result<void>)> done, std::string who = {});
  void retry_async(std::string_view id, std::string_view action_key, std::string reason,
                   std::function<void(result<void>)> done, std::string who = {});
  /// As change. Its input is checked before this returns.
  void change_async(std::string_view id, std::string_view action_key, action_change what,
                    std::function<void(result<void>)> done, std::string who = {});
  void remove_async(std::string_view id, std::function<void(result<void>)> done);
  /// Records other terms with an open workflow, in place of those that it had; the history keeps
  /// both. Returns once durable. Errors: not_found, wrong_state (it is over), invalid_argument (too
  /// long, or empty), corrupt, closing, stopped; storage_unavailable (unknown).
  result<void> record_terms(std::string_view id, std::string terms, std::string who = {});
  /// Removes a workflow that is over, whole, with its history. Returns once durable, and not before
  /// every handler of it that was given up has returned. Errors: not_found, wrong_state (it is
  /// open), corrupt, closing, stopped; storage_unavailable (unknown).
  result<void> remove(std::string_view id);

  /// Ends options::paused: goes on with what is in the directory. Does nothing otherwise.
  void start();
  /// Admits no new workflow and waits until no handler runs (those of this moment may finish; no
  /// other starts) and every submit that had begun is answered. For good: only `close` follows.
  /// Errors: timed_out (handlers still run, or submits wait for the disk).
  result<void> drain(milliseconds timeout);
  /// Stops: running handlers get their stop token and are waited for. What was under way goes on at
  /// the next open. Queries still work; the directory is free for another engine once this one is
  /// destroyed. Idempotent.
  void close();
  /// As close, but handlers have only so long to return; those that run on after it are left
  /// behind, and the engine is closed all the same: what was decided is durable, the directory is
  /// free once this is destroyed, which waits for nobody. For its workflow such an attempt was
  /// stopped: made again at the next open, though the old handler may still run, or in doubt if it
  /// is `at_most_once`; what the handler returns goes nowhere. Its function and
  /// tenax::options::log stay alive until the last has returned (then the last thread destroys
  /// them); what they refer to is the program's to keep, and a handler must not use the engine any
  /// more once that is destroyed. For handlers that block: those that run in place, and writes to
  /// the disk, are waited for. Negative: 0; more than ten years: without limit. Once the engine is
  /// closed this does nothing. Errors: timed_out (it was closed; the message names attempts that
  /// were left behind, `error::faults()` all, each with the path WORKFLOW/ACTION), closing (moved
  /// from), stopped (forked).
  result<void> close(milliseconds timeout);

  /// Copies the data directory to `target`, while the engine works on: absent, or an empty
  /// directory, outside the data directory, in a directory that exists. Everything acknowledged
  /// before the call is in it. Made beside it under the name TARGET.partial-XXXXXX and renamed when
  /// it is whole and on disk (mode 0700); a process killed meanwhile may leave that, which does not
  /// open. Restored by opening it: what happened since the backup is not known there, so its
  /// attempts are made again. On the same file system it shares tables with the data directory
  /// (hard links, never written again): copy it elsewhere against the loss of a disk. Takes as long
  /// as the copying; several at once are fine, also after `close`. Errors: invalid_argument (the
  /// target), stopped, corrupt - there is no backup; storage_unavailable (reading or writing
  /// failed: there is none, unless only the last sync of its name failed, which the message says).
  result<void> backup(const std::filesystem::path& target) const;

  [[nodiscard]] engine_stats stats() const;
  /// For a dashboard: all registered types, by name. Costs a few microseconds a type.
  [[nodiscard]] std::vector<action_type_stats> type_stats() const;
  /// What it was opened with.
  [[nodiscard]] tenax::limits bounds() const noexcept;
  /// False after a failed commit or read: everything answers `stopped` until the data directory is
  /// opened again.
  [[nodiscard]] bool healthy() const noexcept;

 private:
  friend class engine_access;
  class impl;
  explicit engine(std::unique_ptr<impl> p) noexcept;
  std::unique_ptr<impl> impl_;
};

/// Reads a data directory without an engine, beside a running one too. Shows what was durable at
/// `open` or `refresh`. Thread safe, except move and destruction.
class reader {
 public:
  /// Errors: data_dir_unusable (also: not there), format_too_new, corrupt, storage_unavailable (a
  /// writer that is too busy to follow).
  static result<reader> open(const std::filesystem::path& data_dir);
  reader(reader&&) noexcept;
  reader& operator=(reader&&) noexcept;
  ~reader();
  /// Errors as `open`.
  result<void> refresh();
  result<workflow_summary> summary(std::string_view id) const;
  result<workflow_view> get(std::string_view id) const;
  /// As engine::explain, by the machine's clock. What only a running engine knows (its handlers,
  /// what they wait for) is said to be unknown; whether a process has the directory open is not.
  result<explanation> explain(std::string_view id) const;
  result<page<workflow_summary>> list(const list_query& query = {}) const;
  /// Errors as `list`.
  result<list_count> count(const list_query& query = {}) const;
  result<std::vector<history_event>> history(std::string_view id, std::uint64_t after = 0,
                                             std::size_t limit = 1'000) const;
  [[nodiscard]] engine_stats stats() const;

 private:
  class impl;
  explicit reader(std::unique_ptr<impl> p) noexcept;
  std::unique_ptr<impl> impl_;
};

struct verify_finding {
  std::string invariant{};  ///< e.g. "I12"
  std::string where{};      ///< workflow id, or the index entry
  std::string what{};
};
struct verify_report {
  std::uint64_t workflows = 0;
  std::uint64_t events = 0;
  std::uint64_t due_entries = 0;
  std::vector<verify_finding> findings{};  ///< the first 1,000
  std::uint64_t findings_total = 0;
};
/// Checks a data directory against its invariants (docs/guarantees.md). The directory may be in
/// use: then a snapshot is read. Errors as reader::open.
[[nodiscard]] result<verify_report> verify(const std::filesystem::path& data_dir);

/// The id of the process that holds the data directory open, if one does; 0: one that cannot be
/// named (it is in another pid namespace, or just opening). Takes no lock and changes nothing.
[[nodiscard]] std::optional<int> data_dir_owner(const std::filesystem::path& data_dir);

}  // namespace tenax
