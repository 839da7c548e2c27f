// executor.hpp - where handlers run: a bounded pool of threads, or, under virtual time, when the
// test says so. Depends on include/tenax, messages. `submit` is thread safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "messages/interfaces.hpp"
#include "model/definition.hpp"
#include "model/seams.hpp"
#include "tenax/handler.hpp"

namespace tenax::actors {

/// One call of a handler. Its workflow actor makes it, its action actor gives it to the executor.
struct handler_call {
  enum class stage : std::uint8_t { waiting, started, revoked };

  const handler_registry::entry* entry = nullptr;
  model::definition_ptr definition;
  model::action_index action = 0;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  bool recorded = false;  ///< the start is durable already
  /// Makes the input, or says what comes of the attempt instead. On the handler's thread, when it
  /// is called: inputs can be large, take long to make, and thousands can be ready at once. Null:
  /// as in the spec.
  std::function<std::optional<outcome>(std::string& input)> render;
  std::stop_source stop{std::nostopstate};  ///< has a state when the handler may block
  messages::action_actor reply_to;          ///< set by the action actor before it submits

  /// True, once, unless revoked before: the handler may be called.
  bool take() noexcept { return move_to(stage::started); }
  /// True if the handler was not called and now never will be: from here on no start can come any
  /// more, whoever is about to.
  bool revoke() noexcept { return move_to(stage::revoked); }
  [[nodiscard]] bool is_waiting() const noexcept { return stage_ == stage::waiting; }
  [[nodiscard]] bool is_revoked() const noexcept { return stage_ == stage::revoked; }

 private:
  bool move_to(stage to) noexcept {
    stage from = stage::waiting;
    return stage_.compare_exchange_strong(from, to);
  }
  std::atomic<stage> stage_ = stage::waiting;
};
using messages::handler_call_ptr;

/// What every handler call shares.
struct handler_env {
  const model::clock& wall;
  const log_sink& log;
  /// False after a failed commit or read, or a close: no handler may start any more.
  std::function<bool()> may_start;
  std::atomic<std::uint64_t>& attempts;
};

/// Calls the handler; what it throws becomes an `unknown` of class "exception".
[[nodiscard]] outcome call_handler(const handler_call& call, const handler_env& env,
                                   model::time_ms now_ms) noexcept;

class executor {
 public:
  virtual ~executor() = default;
  /// Queues the call. Its action actor gets handler_ended with the outcome, or with attempt 0 if it
  /// was revoked first; and before that handler_started, unless the handler returns so soon that
  /// one message says both.
  virtual void submit(handler_call_ptr call) = 0;
  /// Drops what is queued, asks what runs to stop, waits for it.
  virtual void stop() = 0;
  [[nodiscard]] virtual std::size_t running() const = 0;
};

/// The start of a handler that has run for so long (at most twice that) is announced; one that
/// returns sooner saves a message. A timeout begins with the announcement, so a handler that has
/// one announces at once. Short, because no event is recorded as earlier than the one before it:
/// what a parallel action does meanwhile would move the start's time.
inline constexpr milliseconds announce_after{1};

[[nodiscard]] std::unique_ptr<executor> make_pool_executor(std::size_t threads, handler_env env);

/// For virtual time, one thread: the test starts and finishes calls, in any order.
class stepped_executor : public executor {
 public:
  /// Starts the n-th queued call; the outcome is kept back. handler_started is sent, unless the
  /// call is to be a `quick` one and may be.
  virtual void start(std::size_t n, bool quick) = 0;
  /// Sends the handler_started that are still missing: time has passed.
  virtual void announce() = 0;
  /// Calls the handler of the n-th started call and sends its outcome.
  virtual void finish(std::size_t n) = 0;
  /// A crash: no handler of these is called any more.
  virtual void abandon() = 0;
  [[nodiscard]] virtual std::size_t queued() const = 0;
  /// The n-th started call.
  [[nodiscard]] virtual const handler_call& started(std::size_t n) const = 0;
};
[[nodiscard]] std::unique_ptr<stepped_executor> make_stepped_executor(handler_env env);

}  // namespace tenax::actors
