// runtime.hpp - what all actors of one engine share: the seams, the rules, the gates, the counters.
// Depends on include/tenax, model, messages, storage interfaces. Thread safe. Outlives the actors.
#pragma once

#include <array>
#include <atomic>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "actors/document_cache.hpp"
#include "actors/executor.hpp"
#include "actors/figures.hpp"
#include "actors/progress.hpp"
#include "model/decide.hpp"
#include "model/seams.hpp"
#include "model/summary.hpp"
#include "storage/journal.hpp"
#include "storage/store.hpp"
#include "tenax/options.hpp"

namespace tenax::actors {

using model::time_ms;

/// A random source for many threads. Draws are rare: one a failed attempt.
class locked_rng final : public rng {
 public:
  explicit locked_rng(std::uint64_t seed) : source_(seed) {}
  double uniform() override {
    const std::lock_guard lock(mutex_);
    return source_.uniform();
  }
  std::uint64_t next() {
    const std::lock_guard lock(mutex_);
    return source_.next();
  }

 private:
  std::mutex mutex_;
  model::seeded_rng source_;
};

/// Those who wait for the end of a workflow, or for anything new about it.
class end_waiters {
 public:
  using callback = std::function<void(result<workflow_summary>)>;
  static constexpr std::uint64_t only_end = std::numeric_limits<std::uint64_t>::max();

  /// Waits until the history is longer than `after`, or the workflow has ended. Returns a ticket
  /// for `remove`. After `close`, calls back at once.
  std::uint64_t add(const std::string& workflow_id, callback done, std::uint64_t after = only_end);
  /// False if it was called already, or is being called.
  bool remove(const std::string& workflow_id, std::uint64_t ticket);
  /// Calls and forgets those for whom this is what they wait for.
  void notify(const workflow_summary& summary);
  [[nodiscard]] bool any(std::string_view workflow_id) const;
  /// Whether anybody waits for anything new, about whichever workflow. Takes no lock.
  [[nodiscard]] bool any_for_news() const noexcept { return for_news_ > 0; }
  /// Calls everyone with the error, now and later.
  void close(const error& why);

 private:
  struct waiter {
    std::uint64_t ticket;
    std::uint64_t after;
    callback done;
  };
  void forget(const std::vector<waiter>& gone);

  mutable std::mutex mutex_;
  std::uint64_t last_ticket_ = 0;
  std::unique_ptr<error> closed_;
  std::map<std::string, std::vector<waiter>, std::less<>> waiting_;
  std::atomic<std::uint64_t> for_news_{0};
};

/// Those who are told of every change of any workflow (engine::watch). Nobody there: one load.
class watchers {
 public:
  using callback = std::function<void(std::string_view workflow_id)>;

  /// Returns a ticket for `remove`. After `close` it is 0, and `told` has been called with "".
  std::uint64_t add(callback told);
  /// Is not called any more when this returns. Not from a callback.
  void remove(std::uint64_t ticket);
  [[nodiscard]] bool any() const noexcept { return any_.load(std::memory_order_relaxed); }
  void tell(std::string_view workflow_id) const {
    if (any()) tell_all(workflow_id);
  }
  /// Calls everyone with "", and nobody any more.
  void close();

 private:
  void tell_all(std::string_view workflow_id) const;

  mutable std::shared_mutex mutex_;  ///< shared by those who call
  std::vector<std::pair<std::uint64_t, callback>> all_;
  std::uint64_t last_ticket_ = 0;
  bool closed_ = false;
  std::atomic<bool> any_{false};
};

/// The journal's word to an actor, as a `committed` message.
[[nodiscard]] storage::ack tell_committed(const caf::strong_actor_ptr& target);

/// Delayed messages come by the steady clock, timers are due by the wall clock, and that one steps:
/// who waits looks at it at least this often.
inline constexpr time_ms look_every_ms = 1'000;

/// Rows that fail their checks are no reason to stop the engine, which would stop at them at each
/// open. A later read may do better: the fault can have been one of the way from the disk.
inline constexpr time_ms look_again_ms = 60'000;

inline constexpr time_ms never_ms = std::numeric_limits<time_ms>::max();

struct runtime {
  /// Timers that action actors hold at once; more go to the due actor, which keeps as many (design:
  /// 4,096).
  static constexpr std::int64_t armed_max = 4'096;

  /// What is overdue is started at this rate, not all at once.
  std::int64_t crowd_per_s = 10'000;
  /// Results and inputs that are kept parsed, for all who refer to them.
  static constexpr std::size_t documents_bytes_max = 16u << 20;

  const options& opts;
  const model::clock& wall;
  storage::store& store;
  storage::journal& journal;
  executor* handlers = nullptr;
  model::rulebook rules;
  locked_rng random;
  model::secret_source secrets;
  /// Of this engine's own random source: for simulations.
  [[nodiscard]] model::secret_source drawn_secrets();
  progress_board progress;
  time_ms opened_at_ms = 0;
  end_waiters waiters;
  actors::watchers watchers;
  figures of_types;
  memory_budget budget;
  document_cache documents{documents_bytes_max};

  /// By storage::timer_group: every due entry at or before this time is the due actor's to bring or
  /// held by an action actor; later ones are in the store only.
  std::array<std::atomic<time_ms>, 2> window_end_ms{};
  // What regular looks are for, so that virtual time need not pass in their steps.
  /// When the due actor has something to do, of what it knows.
  std::atomic<time_ms> due_event_ms{never_ms};
  /// When retention has.
  std::atomic<time_ms> sweep_event_ms{0};
  std::atomic<std::int64_t> armed{0};       ///< timers that action actors hold
  std::atomic<std::uint64_t> residents{0};  ///< workflow actors
  std::atomic<std::int64_t> resting{0};     ///< of these, those that only wait for timers
  std::atomic<std::int64_t> queued{0};      ///< ready actions in the rows of their workflows
  /// Of the workflows in memory, about.
  std::atomic<std::size_t> loaded_bytes{0};
  [[nodiscard]] bool memory_is_full() const noexcept {
    return loaded_bytes >= opts.memory_bytes_max;
  }
  std::atomic<bool> backlog{false};     ///< workflows in the store wait for a place in memory
  std::atomic<bool> scan_asked{false};  ///< a `scan` is on its way to the engine actor

  std::atomic<bool> halted{false};  ///< see halt()
  std::atomic<bool> closing{false};
  std::atomic<bool> draining{false};  ///< nothing new may start
  std::atomic<bool> paused;           ///< nothing may start yet
  std::atomic<std::uint64_t> attempts{0};
  std::atomic<std::uint64_t> late_results{0};

  runtime(const options& o, const model::clock& c, storage::store& s, storage::journal& j,
          std::uint64_t seed)
      : opts(o),
        wall(c),
        store(s),
        journal(j),
        rules(o.handlers, o.retry, o.limits),
        random(seed),
        of_types(o.handlers),
        budget(o.memory_bytes_max / 8),
        paused(o.paused) {}

  [[nodiscard]] time_ms now_ms() const { return wall.now_ms(); }
  /// Whether the due actor has read past this time, so that it must be told of a new timer.
  [[nodiscard]] bool in_window(bool deadline, time_ms due_at_ms) const noexcept {
    return due_at_ms <= window_end_ms[deadline ? 1 : 0];
  }
  [[nodiscard]] bool may_start() const noexcept {
    return !halted && !closing && !draining && !paused;
  }
  /// The lane of a type; null for one that runs in place.
  [[nodiscard]] lane* lane_of(const handler_registry::entry* entry, std::string_view type) const {
    return entry->options.mode == run_mode::worker ? handlers->lane_for_workers(type)
                                                   : handlers->lane_of(entry);
  }
  /// False: the workflow rests, whatever is due of it.
  [[nodiscard]] bool takes_up(std::string_view workflow_id) const {
    return !opts.takes_up || opts.takes_up(workflow_id);
  }
  void log(log_level level, std::string_view message, const log_fields& about = {}) const {
    if (opts.log) opts.log(level, message, about);
  }
  /// A commit has failed, or the store cannot be read: everything stops. Called by the journal
  /// before anyone is answered.
  void halt(const error& why);
  /// What is answered from then on.
  [[nodiscard]] error stopped() const;
  /// For an exception that no actor can answer (no memory, a host's callback that throws): says so
  /// and ends the process, which loses nothing. An actor that ended silently would be waited for.
  [[noreturn]] void die(const std::exception_ptr& why) const noexcept;
  /// Says once in this life that the action waits for its handler; after 10,000 actions no more.
  void no_handler(const workflow_spec& workflow, const action_spec& action);
  /// Tells those who wait that a workflow has ended, after its end is durable.
  void finished(const model::definition& def, const model::workflow_state& state);
  /// The same of events that are no end, and of a workflow that is new or gone.
  void went_on(std::string_view workflow_id);
  /// Whether anybody wants to know of those. Takes no lock.
  [[nodiscard]] bool is_heard() const noexcept { return watchers.any() || waiters.any_for_news(); }
  /// For a batch whose end nobody waits for: went_on, once it is durable, if that is heard.
  [[nodiscard]] storage::ack tell_went_on(const std::string& workflow_id);

 private:
  mutable std::mutex halt_mutex_;
  std::string halted_why_;
  std::mutex told_mutex_;
  std::unordered_set<std::size_t> told_;  ///< hashes of the actions without a handler
};

}  // namespace tenax::actors
