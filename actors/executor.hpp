// executor.hpp - where handlers run: the admission stage, and behind it a bounded pool of threads
// or, under virtual time, the test's choice. Depends on include/tenax, messages, actors/lanes.
// Thread safe.
//
// The way of a call: let in by its lane -> a thread takes it and renders its input -> (its start
// becomes durable, if it must be first) -> the gate -> the handler. What the action actor hears on
// the way: messages/interfaces.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/budget.hpp"
#include "actors/handler_call.hpp"
#include "actors/lanes.hpp"
#include "model/explain.hpp"
#include "model/seams.hpp"
#include "tenax/engine.hpp"

namespace tenax::actors {

/// What every handler call shares.
struct handler_env {
  const model::clock& wall;
  const log_sink& log;
  /// False after a failed commit or read, or a close: no handler may start any more.
  std::function<bool()> may_start;
  memory_budget& budget;
  std::atomic<std::uint64_t>& attempts;
  model::secret_source secrets;
  bool trace_context;  ///< options::trace_context
  /// What a handler refers to (its function, `log`): lives as long as one runs, be it longer than
  /// the engine.
  std::shared_ptr<const void> keep;
};

/// Renders the call's input. What it gives comes of the attempt instead of a call.
[[nodiscard]] std::optional<outcome> render(handler_call& call) noexcept;

/// Calls the handler; what it throws becomes an `unknown` of class "exception", or what
/// action_options::on_exception makes of it.
[[nodiscard]] outcome call_handler(handler_call& call, const handler_env& env,
                                   model::time_ms now_ms) noexcept;

/// See action_context::traceparent.
[[nodiscard]] std::string traceparent_of(const handler_call& call);

/// Bytes that an outcome takes until it is durable.
[[nodiscard]] std::size_t bytes_of(const outcome& what) noexcept;

/// A handler that was given up and has not returned.
struct stuck_call {
  std::string workflow_id;
  std::string action_key;
  std::uint32_t attempt = 0;
};
[[nodiscard]] stuck_call name_of(const handler_call& call);

/// How much there is to do.
struct executor_load {
  std::size_t running = 0;  ///< handlers that run and were not given up
  std::size_t stuck = 0;    ///< handlers that were given up and have not returned
  std::size_t waiting = 0;  ///< calls that wait for a thread
};

/// What goes on at one moment, for who explains a workflow.
struct executor_view {
  std::vector<model::engine_facts::call> calls;  ///< of one workflow
  std::vector<model::engine_facts::lane> lanes;
  std::size_t running = 0;
  std::size_t running_max = 0;
};

class executor {
 public:
  executor(const handler_registry& types, std::size_t threads) : lanes_(types, threads) {}
  virtual ~executor() = default;

  // --- the admission stage ---
  /// The lane of a blocking type; null for one that runs in place.
  [[nodiscard]] lane* lane_of(const handler_registry::entry* type) const {
    return lanes_.find(type);
  }
  /// Of a type for workers; it is made if there is none yet. Null: there are too many.
  [[nodiscard]] lane* lane_for_workers(std::string_view type);
  [[nodiscard]] lane* lane_for_poll(std::string_view type);
  /// Before anyone enters.
  void bound_lanes(const lane_bounds& b) { lanes_.bound(b); }
  /// A place at once; or `your_turn` later, and perhaps `put_out` instead; or neither, if it is
  /// left out.
  [[nodiscard]] std::pair<entrance, lane_place> enter(lane& l, row_entry who,
                                                      std::int32_t priority);
  /// The workflow has nothing for its turn any more.
  void withdraw(lane& l, const messages::workflow_actor& who, std::int32_t priority);
  /// By lane_place.
  void leave(lane& l, const poll_ptr& asker);

  // --- workers ---
  struct asked {
    std::uint64_t ticket = 0;
    bool is_next = false;            ///< its time is over first
    std::vector<lane*> new_lanes{};  ///< which nobody has asked for before
    std::optional<error> refused{};
  };
  /// Asks for actions of types that are all for workers, `lanes` are theirs. `now_ms` is the wall
  /// clock's.
  [[nodiscard]] asked ask(const poll_ptr& p, model::time_ms now_ms);
  /// Whether its poll still waits.
  [[nodiscard]] bool is_wanted(const lane_place& place) const;
  /// False: it was told, or is being told. `back`: tasks that it was about to be told.
  [[nodiscard]] bool withdraw(std::uint64_t ticket, std::vector<held_task>& back,
                              model::time_ms now_ms);
  enum class handed : std::uint8_t {
    over,   ///< to its poll
    timed,  ///< to its poll, which is told after a moment: look at the time
    back    ///< nobody is there any more who has asked
  };
  /// The attempt is open, and that is durable. `waited`: since it could have been given away.
  [[nodiscard]] handed hand_over(lane_place& place, held_task task, milliseconds waited,
                                 task_poll::clock::time_point now, model::time_ms now_ms);
  /// Tells those whose time is over; returns when the next one's is.
  [[nodiscard]] std::optional<task_poll::clock::time_point> end_polls(
      task_poll::clock::time_point now, model::time_ms now_ms);
  /// Tells all, now and later; who has tasks is told those.
  void close_polls(const error& why);
  [[nodiscard]] std::vector<worker_type_stats> worker_stats(model::time_ms now_ms) const;
  [[nodiscard]] model::engine_facts::asked who_asks(std::string_view type,
                                                    std::string_view workflow_id,
                                                    model::time_ms now_ms) const;

  // --- for the engine actor: who is left out waits in the store ---
  /// `tell` is called with a lock held, when a watched row has become low. Null: nobody.
  void on_low(std::function<void(lane&)> tell);
  /// True: the row is low. False: it will be told.
  [[nodiscard]] bool watch(lane& l);
  /// For how many more workflows the row has room.
  [[nodiscard]] std::size_t room(const lane& l) const;
  /// What goes on in it now.
  void count(const lane& l, model::time_ms now_ms, action_type_stats& out) const;
  /// A workflow is taken up for it, and says `arrived` once it has entered, or not.
  void expect(lane& l);
  void arrived(lane& l);

  // --- calls ---
  /// For a call with a place: renders and runs it. For one that runs in place: renders it.
  virtual void submit(handler_call_ptr call) = 0;
  /// After `handler_taken`: the start is durable, or the call was revoked.
  virtual void proceed(handler_call_ptr call) = 0;
  /// The call was revoked: it is dropped now if no thread has it.
  void take_back(const handler_call& call);
  /// The call was taken and given up: its thread counts no longer, and gets a substitute.
  virtual void give_up(const handler_call& call) = 0;
  /// Drops what waits, asks what runs to stop, waits for it: without `patience` to the end, else so
  /// long. Handlers that run on after that are left behind and returned: for their actions they
  /// have stopped, their outcomes go nowhere, and they touch nothing of the engine any more but
  /// what handler_env::keep holds. Does nothing when it is called again.
  virtual std::vector<stuck_call> stop(std::optional<milliseconds> patience) = 0;
  [[nodiscard]] virtual executor_load load() const = 0;
  /// Handlers that were given up, or left behind, and have not returned.
  [[nodiscard]] virtual std::vector<stuck_call> stuck() const = 0;
  /// The calls of a workflow, and what goes on in these lanes.
  [[nodiscard]] virtual executor_view view(std::string_view workflow_id,
                                           const std::vector<lane*>& of,
                                           model::time_ms now_ms) const = 0;

 protected:
  using place = model::engine_facts::call::place;
  static void add_call(executor_view& out, std::string_view workflow_id, const handler_call& call,
                       place where, model::time_ms since_ms = 0) {
    if (call.definition->spec.id != workflow_id) return;
    out.calls.push_back({call.action, call.attempt, where, since_ms});
  }
  /// With mutex_ held: the lanes, and the calls that no thread has.
  void add_waiting(executor_view& out, std::string_view workflow_id, const std::vector<lane*>& of,
                   model::time_ms now_ms) const;
  /// With mutex_ held: a thread has taken the call, and its start is to become durable / is.
  void begins(const handler_call& call) {
    to_record_.push_back({&call, call.definition, call.action, call.attempt});
  }
  void recorded(const handler_call& call) {
    std::erase_if(to_record_, [&](const taken& one) { return one.which == &call; });
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  lanes lanes_;
  polls polls_;
  std::optional<error> polls_closed_;
  std::deque<handler_call_ptr> to_render_;  ///< of handlers that run in place
  /// A call that a thread has taken and that counts as running, while its start becomes durable:
  /// nobody here has it, and `view` must know of it.
  struct taken {
    const handler_call* which;
    model::definition_ptr definition;
    model::action_index action;
    std::uint32_t attempt;
  };
  std::vector<taken> to_record_;

 private:
  /// With mutex_ held, after whatever may have made the row low.
  void tell_if_low(lane& l);
  /// With mutex_ held: it is over, to be told without the lock.
  [[nodiscard]] told_poll end(const poll_ptr& p);
  void send_turns(std::vector<turn> next);

  std::function<void(lane&)> on_low_;
};

/// The start of a handler that has run for so long (at most twice that) is announced; one that
/// returns sooner saves a message. A timeout begins with the announcement, so a handler that has
/// one announces at once. Short, because no event is recorded as earlier than the one before it:
/// what a parallel action does meanwhile would move the start's time.
inline constexpr milliseconds announce_after{1};

/// Threads of handlers that were left behind keep it.
[[nodiscard]] std::shared_ptr<executor> make_pool_executor(const handler_registry& types,
                                                           std::size_t threads, handler_env env);

/// For virtual time, one thread: the test starts and finishes calls, in any order.
class stepped_executor : public executor {
 public:
  using executor::executor;
  /// A thread takes the n-th call that may have one: renders it and starts it, or what of this is
  /// next; the outcome is kept back. handler_started is sent, unless the call is to be a `quick`
  /// one and may be.
  virtual void start(std::size_t n, bool quick) = 0;
  /// Sends the handler_started that are still missing: time has passed.
  virtual void announce() = 0;
  /// Whether the outcomes of handlers find room now.
  [[nodiscard]] virtual bool takes_results() const = 0;
  /// Calls the handler of the n-th started call and sends its outcome.
  virtual void finish(std::size_t n) = 0;
  /// Making an input is a step of its own, before the one that starts its handler.
  bool slow_rendering = false;
  /// A crash: no handler of these is called any more.
  virtual void abandon() = 0;
  /// Calls that a thread may take.
  [[nodiscard]] virtual std::size_t queued() const = 0;
  /// All handlers that run, those given up too.
  [[nodiscard]] virtual std::size_t started() const = 0;
  /// The n-th of them.
  [[nodiscard]] virtual const handler_call& started(std::size_t n) const = 0;
};
[[nodiscard]] std::unique_ptr<stepped_executor> make_stepped_executor(const handler_registry& types,
                                                                      std::size_t threads,
                                                                      handler_env env);

// --- what both kinds send ---
void tell_started(const handler_call& call, model::time_ms at_ms);
void tell_taken(const handler_call& call);
/// Charges the outcome to the memory budget.
void tell_ended(const handler_call& call, model::time_ms at_ms, outcome what,
                memory_budget& budget);
/// Renders for a handler that runs in place, and tells.
void render_in_place(handler_call& call, const handler_env& env);
/// It never begins.
void drop(handler_call& call);
/// For its action it has stopped; nothing of the engine stays in the call.
void leave_behind(handler_call& call, model::time_ms at_ms);
/// A timeout counts from the announcement.
[[nodiscard]] bool announces_at_once(const handler_call& call) noexcept;

}  // namespace tenax::actors
