// handler.hpp - what a program registers for an action type: the handler, its context and outcome,
// its options. Depends on std only. Handlers run on the engine's threads, several at once unless
// the program says otherwise.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenax/json_codec.hpp"
#include "tenax/limits.hpp"
#include "tenax/result.hpp"
#include "tenax/retry.hpp"

namespace tenax {

/// The system clock's time in UTC, to the millisecond. std::chrono::ceil<milliseconds>(t) makes one
/// of any finer time.
using wall_time = std::chrono::sys_time<milliseconds>;

enum class log_level : std::uint8_t { debug, info, warning, error };
/// What a line of the log is about, beside its words; "" and 0: nothing of that kind.
struct log_fields {
  std::string_view workflow{};
  std::string_view action{};
  std::uint32_t attempt = 0;
  std::string_view request_id{};
};

/// Where the log goes: a function of (log_level, std::string_view message), which may take a `const
/// log_fields&` as well. Called from any thread, several at once. Must not throw and must not call
/// the engine.
class log_sink {
 public:
  using with_fields = std::function<void(log_level, std::string_view, const log_fields&)>;
  using without = std::function<void(log_level, std::string_view)>;

  log_sink() = default;
  log_sink(std::nullptr_t) {}  // NOLINT(google-explicit-constructor)
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, log_sink> &&
           std::is_constructible_v<with_fields, F>) log_sink(F f)
      : write_(std::move(f)) {}  // NOLINT(google-explicit-constructor)
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, log_sink> &&
           !std::is_constructible_v<with_fields, F> && std::is_constructible_v<without, F>)
      log_sink(F f) {  // NOLINT(google-explicit-constructor)
    without plain(std::move(f));
    if (!plain) return;
    write_ = [plain = std::move(plain)](log_level level, std::string_view message,
                                        const log_fields&) { plain(level, message); };
  }

  explicit operator bool() const noexcept { return static_cast<bool>(write_); }
  void operator()(log_level level, std::string_view message, const log_fields& about = {}) const {
    write_(level, message, about);
  }

 private:
  with_fields write_;
};

/// How one attempt ended, or that it stays open. Made by the functions below; bytes are JSON by
/// convention. One of another
/// kind (a program's fault) counts as `unknown` of class "bad_outcome".
class outcome {
 public:
  enum class kind : std::uint8_t { success, failure, fatal, defer, unknown, pending };

  /// Done. `result` (at most limits::payload_bytes_max bytes) is what `${actions.KEY.result}`
  /// reads.
  static outcome success(std::string result = "null");
  /// Done, with the JSON of a value (json_codec.hpp). Throws what its codec throws.
  template <json_value T>
  static outcome success(const T& result) {
    return success(write_json(result));
  }
  /// Failed; tried again as the policy says. `retry_after` (negative: at once) overrides the
  /// policy's delay and an error_rule; it spends an attempt as any failure does, so max_attempts
  /// and schedule_to_close still hold: for "too many requests" see `throttled`. Longer than
  /// limits::delay_max it fails the action for good, class "delay_too_long". The class is cut to
  /// 128 bytes, the message to limits::text_bytes_max.
  static outcome failure(std::string error_class, std::string message,
                         std::optional<milliseconds> retry_after = std::nullopt);
  /// Failed for good: no retry whatever the policy says.
  static outcome fatal(std::string error_class, std::string message);
  /// Nobody knows whether it was done: an `at_most_once` action is in doubt and waits for
  /// `engine::resolve`, any other has failed and is tried again. So is an exception of the handler
  /// (class "exception"), unless action_options::on_exception says otherwise.
  static outcome unknown(std::string error_class, std::string message);
  /// Not now: call again at `until` (at once if that has passed) with the same attempt number and
  /// `deferrals` one higher. Durable, takes no thread. More than limits::delay_max from now it
  /// fails the action for good, class "delay_too_long".
  static outcome defer(wall_time until);
  /// As above for a time of any precision, rounded up to milliseconds.
  template <class Duration>
  static outcome defer(std::chrono::sys_time<Duration> until) {
    return defer(std::chrono::ceil<milliseconds>(until));
  }
  /// As `defer`, because the other side asked for it (HTTP 429 with Retry-After, say): it spends no
  /// attempt, however often it comes; schedule_to_close bounds it. The history and `last_error` say
  /// `throttled` and the message (cut to limits::text_bytes_max).
  static outcome throttled(wall_time until, std::string message = {});
  template <class Duration>
  static outcome throttled(std::chrono::sys_time<Duration> until, std::string message = {}) {
    return throttled(std::chrono::ceil<milliseconds>(until), std::move(message));
  }

  /// Not ended: the attempt stays open, without a thread and without memory, until somebody ends it
  /// from outside with the token that the handler has passed on (action_context::token,
  /// engine::end_attempt). It survives restarts, also as `at_most_once`: it is no attempt that a
  /// crash interrupts. `heartbeat` (1 ms to limits::delay_max; default: the type's
  /// action_options::heartbeat) is how long nobody may be heard of (engine::heartbeat) before it is
  /// given up, as by start_to_close, which bounds it too; without either it waits for ever. The
  /// message says for what it waits (cut to limits::text_bytes_max; in the history and in `get`).
  static outcome pending(std::optional<milliseconds> heartbeat = std::nullopt,
                         std::string message = {});

  /// As `pending`, until the workflow has a signal of this name (engine::signal) that no other
  /// action has taken, also one that came before: its payload is the result. With a `timeout` (0 to
  /// limits::delay_max) the action fails for good after it, class "signal_timeout". The name is 1
  /// to 128 characters of [A-Za-z0-9._:-]; the built-in action type wait_signal does this.
  static outcome until_signal(std::string name, std::optional<milliseconds> timeout = std::nullopt);

  kind what = kind::success;
  std::string result{};       ///< success
  std::string error_class{};  ///< failure, fatal, unknown; of a defer: why, if it is throttled
  std::string signal{};       ///< pending: the signal that ends it, if it waits for one
  std::string message{};      ///< with the class; pending: for what
  std::optional<milliseconds> retry_after{};
  wall_time until{};                        ///< defer
  std::optional<milliseconds> heartbeat{};  ///< pending; with a signal: the timeout
};

/// INTERNAL: who makes the token of an attempt, and its trace context.
class token_source {
 public:
  virtual std::string token() const = 0;
  virtual std::string traceparent() const = 0;

 protected:
  ~token_source() = default;
};

/// What becomes of an attempt of which nobody knows how it ended: one in flight at a crash, one
/// that start_to_close gave up, one whose handler threw, outcome::unknown. Recorded with each
/// attempt as it starts, so another value at a later open holds for the attempts after. Numbers are
/// stored.
enum class delivery : std::uint8_t {
  at_least_once = 0,  ///< it is made again
  at_most_once = 1,   ///< it is in doubt and waits for `engine::resolve`
};

/// What a handler is told. Views are valid during the call only.
struct action_context {
  std::string_view workflow_id{};
  std::string_view workflow_name{};
  std::string_view action_key{};
  std::string_view action_type{};
  std::string_view input{};  ///< references already replaced
  /// The same as somebody wrote it, at submit or in a change: with its ${...} references. What is
  /// in `input` and not here came from results. "" where a test calls the handler itself.
  std::string_view input_written{};
  std::string_view idempotency_key{};  ///< the same for every attempt of this action: pass it on
  tenax::delivery delivery = tenax::delivery::at_least_once;  ///< of this attempt
  std::uint32_t attempt = 1;                                  ///< 1..n
  std::uint32_t deferrals = 0;           ///< how often this attempt was deferred
  wall_time now{};                       ///< the engine's wall clock at the start of the call
  std::stop_token stop;                  ///< requested at timeout, cancellation, and shutdown
  const log_sink* log = nullptr;         ///< the engine's log; null: none
  const token_source* tokens = nullptr;  ///< INTERNAL
  /// What ends this attempt from outside (engine::end_attempt), from now on, if the handler returns
  /// outcome::pending: letters, digits and "._:-~". Whoever has it can end the attempt, so it is a
  /// secret; each call of the handler has another one. "" where there is no engine.
  [[nodiscard]] std::string token() const {
    return tokens != nullptr ? tokens->token() : std::string();
  }
  /// The trace context of this attempt (W3C: "00-TRACE-SPAN-01"), for what the handler asks of
  /// others; the next call of a deferred attempt has the same. "" without options::trace_context.
  [[nodiscard]] std::string traceparent() const {
    return tokens != nullptr ? tokens->traceparent() : std::string();
  }
};

using handler = std::function<outcome(const action_context&)>;

enum class run_mode : std::uint8_t {
  blocking,  ///< on the bounded pool of handler threads
  /// On an actor's thread: for handlers that never block and take microseconds. Not timed by
  /// start_to_close, gets no stop request, is not counted by engine::drain, and must not call any
  /// engine function that waits (submit, await, cancel, resolve, drain, close).
  in_place,
  /// Nowhere in this process: a worker asks for it (engine::poll_async) and is given it as an open
  /// attempt (outcome::pending), once that is durable. Until somebody asks the action is ready, and
  /// takes no memory where many are. See handler_registry::add_worker.
  worker,
};

struct action_options {
  run_mode mode = run_mode::blocking;
  tenax::delivery delivery = tenax::delivery::at_least_once;
  std::optional<retry_policy> retry = {};  ///< default: the engine's
  /// One attempt, the time that it is open included, 1 ms to 10 years; when it times out it is
  /// retried, or in doubt (see delivery). Of one that was deferred: its latest call, or the time
  /// that it is open.
  std::optional<milliseconds> start_to_close = {};
  /// How long nobody may be heard of an open attempt (outcome::pending) before it is given up, 1 ms
  /// to 10 years; default: for ever. After a heartbeat it is this to one and a half times this:
  /// what is extended is durable, and not with each heartbeat. An open attempt that was not heard
  /// of while the engine was closed has this time again after the open.
  std::optional<milliseconds> heartbeat = {};
  /// All attempts, from the moment the action could first run; 1 ms to 10 years.
  std::optional<milliseconds> schedule_to_close = {};
  /// Handlers of this type that run at once, 1 to options::threads_max; default, and the most:
  /// options::handler_threads. What exceeds it waits its turn, workflow by workflow. For blocking
  /// handlers only.
  std::optional<std::size_t> max_running = {};
  /// Attempts in flight at crashes before the action fails for good.
  std::uint32_t max_recoveries = 10;
  /// Checks an input at submit time, on the caller's thread: what it returns rejects the whole
  /// workflow. Paths are relative to the input. Not called for an input that holds ${...}
  /// references.
  std::function<std::vector<fault>(std::string_view input)> check = {};
  /// The same, for a check that depends on the engine's limits. Called instead of `check` if set.
  std::function<std::vector<fault>(std::string_view input, const limits& bounds)> check_within = {};
  /// What an exception of the handler means for its attempt: as though the handler had returned
  /// this; nothing: outcome::unknown of class "exception". Called on the handler's thread, several
  /// at once. tenax::exception_classes (exceptions.hpp) makes one of types and classes. If it
  /// throws itself, it has said nothing.
  std::function<std::optional<outcome>(const std::exception_ptr& thrown)> on_exception = {};
};

/// The action types that an engine knows. Filled before `engine::open`.
class handler_registry {
 public:
  struct entry {
    action_options options;
    tenax::handler run;
  };
  /// Adds or replaces. `type` is 1..128 characters of [A-Za-z0-9._:-].
  handler_registry& add(std::string type, handler run, action_options options = {}) &;
  handler_registry add(std::string type, handler run, action_options options = {}) && {
    return std::move(add(std::move(type), std::move(run), std::move(options)));
  }
  /// Adds or replaces a handler that takes the value of its input: `run(In)` or
  /// `run(In, const action_context&)`, for types that have a json_codec. It returns an Out, nothing
  /// (Out is void), an outcome, or typed_outcome<Out>: a result or an outcome. An input of another
  /// shape is a fault at submit, before the type's own check; one with ${...} references, whose
  /// shape is known at the attempt only, fails the action for good then (class "bad_input"). What
  /// writing the result throws is an exception of the handler.
  template <json_readable In, class Out = void, class F>
  handler_registry& add(std::string type, F run, action_options options = {}) &;
  template <json_readable In, class Out = void, class F>
  handler_registry add(std::string type, F run, action_options options = {}) && {
    return std::move(add<In, Out>(std::move(type), std::move(run), std::move(options)));
  }
  /// Adds or replaces a type that has no handler here: it is for workers (run_mode::worker).
  handler_registry& add_worker(std::string type, action_options options = {}) &;
  /// Every type that is not registered is for workers, too, under these options: specs with any
  /// type are accepted then, those with one of `but` (names that mean something else) are not.
  handler_registry& others_for_workers(action_options options = {},
                                       std::vector<std::string> but = {}) &;
  /// Under which options; null: they are not.
  [[nodiscard]] const entry* others() const& noexcept { return others_.get(); }
  const entry* others() const&& = delete;
  /// `others` if it is not registered; null if there are none either, or it is none of them. Both
  /// show what the registry holds, so not of a temporary one.
  [[nodiscard]] const entry* find(std::string_view type) const&;
  const entry* find(std::string_view type) const&& = delete;
  [[nodiscard]] const std::map<std::string, entry, std::less<>>& all() const& noexcept {
    return entries_;
  }
  const std::map<std::string, entry, std::less<>>& all() const&& = delete;

 private:
  std::map<std::string, entry, std::less<>> entries_;
  std::shared_ptr<const entry> others_;
  std::vector<std::string> not_others_;
};

/// What `exec` may do. Off unless added to the registry.
struct exec_options {
  /// What argv[0] may be, letter by letter; empty: anything. Name absolute paths.
  std::vector<std::string> programs = {};
  /// Of stdout and of stderr each; the rest is dropped and said so. In the result one byte takes up
  /// to six, and the result must fit limits::payload_bytes_max.
  std::size_t output_bytes_max = 64u << 10;
  milliseconds timeout{60'000};  ///< then the process group is killed; 1 ms to 10 years
  /// How long a program that has ended is still listened to while processes that it started hold
  /// its stdout or stderr (within `timeout`); then the group is killed. 0 (at once) to 10 years.
  milliseconds output_grace{1'000};
  /// Names of variables of this process's environment that programs get too, with the values they
  /// have when `add_exec` is called; those that are not set are left out. PATH replaces the fixed
  /// one in their environment, not for finding argv[0].
  std::vector<std::string> inherit = {};
  /// What is out of range, one sentence each; empty when the options are usable. While there is
  /// one, every exec action is refused with it.
  [[nodiscard]] std::vector<std::string> faults() const;
};

namespace builtin {
/// noop: succeeds with its input as result.  wait {"seconds": number, 0..limits::delay_max}: a
/// durable timer, rounded up to milliseconds; longer is refused at submit, or fails the attempt
/// where a reference says how long.  log_message {"level": "debug"|"info"|"warning"|"error",
/// "message": string}: writes to the engine's log, control characters escaped.  wait_signal
/// {"name": string, "timeout_seconds"?: number, 0..limits::delay_max}: outcome::until_signal. All
/// four are registered by default. Leaves alone what the registry already has under these names.
void add_defaults(handler_registry& registry);
/// exec {"argv": [program, argument...]}: no shell, own process group, stdin empty, an environment
/// of PATH, what exec_options::inherit names, and of the attempt TENAX_IDEMPOTENCY_KEY,
/// TENAX_WORKFLOW_ID, TENAX_ACTION_KEY, TENAX_ATTEMPT; killed at its deadline, at a stop request,
/// and with this process (not what it started itself, nor a set-user-id program). Both streams are
/// read to their ends, which come when the last process that holds them is gone. Result
/// {"exit_code", "stdout", "stderr", "stdout_truncated", "stderr_truncated", "stdout_cut",
/// "stderr_cut"}. Truncated: there may have been more than is here. Cut: because a process still
/// held the stream after exec_options::output_grace, or at a stop request. Failures: exit_code
/// (not 0); outcome::unknown: signal, timeout, stopped, exit_lost (it did not say how it ended);
/// spawn_failed: it was not started, fatal when it cannot be run. Always blocking, and checked at
/// submit unless `action` has its own check. The thread that calls it must live as long as the
/// program.
void add_exec(handler_registry& registry, exec_options options = {}, action_options action = {});
}  // namespace builtin

}  // namespace tenax

#include "tenax/typed.hpp"  // the templates above
