// driver.hpp - drives one engine under virtual time, one step at a time: a message, a commit, a
// handler's start or end, a timer. tenax::testing::virtual_engine runs it until idle; the
// simulation picks each step by its seed. Depends on actors/core.hpp (hidden here) and CAF's test
// coordinator. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "model/seams.hpp"
#include "storage/store.hpp"
#include "tenax/engine.hpp"
#include "testing/fault_store.hpp"

namespace tenax::actors {
class engine_core;
struct handler_call;
}  // namespace tenax::actors

namespace tenax::testing {

using model::time_ms;

/// Both clocks of the machine: one that only moves forward, and one that also steps.
class virtual_clock final : public model::clock {
 public:
  explicit virtual_clock(time_ms wall_ms) : wall_ms_(wall_ms) {}
  [[nodiscard]] time_ms now_ms() const override { return wall_ms_ + steady_ms_; }
  [[nodiscard]] time_ms steady_ms() const noexcept { return steady_ms_; }
  void pass(time_ms ms) noexcept { steady_ms_ += ms; }
  void step_wall(time_ms ms) noexcept { wall_ms_ += ms; }

 private:
  time_ms wall_ms_;  ///< at steady_ms_ 0, were it not stepped
  time_ms steady_ms_ = 0;
};

/// A handler call that the executor has.
struct call_info {
  std::string_view workflow_id;
  std::string_view action_key;
  std::string_view action_type;
  model::action_index action = 0;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  bool stop_requested = false;
};

struct driver_setup {
  std::filesystem::path dir;
  void* env = nullptr;  ///< a rocksdb::Env; null: the machine's
  tenax::options options;
  time_ms start_ms = 0;
  std::uint64_t seed = 1;
  std::int64_t crowd_per_s = 0;  ///< overdue timers that start a second; 0: as in an engine
  bool slow_rendering = false;   ///< making an input is a step of its own
  /// Of each lane: let in beyond those that may run, and workflows in its row.
  std::size_t lane_ahead = 64;
  std::size_t lane_row_max = 1'024;
};

class driver {
 public:
  explicit driver(driver_setup setup);
  driver(const driver&) = delete;
  driver& operator=(const driver&) = delete;
  ~driver();

  // --- lives ---
  /// Each life has its own random draws, made from the seed.
  result<void> open();
  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// Whether commands and queries have an engine to answer them, be it a closed one: from an open
  /// that succeeded until a crash or the next open.
  [[nodiscard]] bool answers() const noexcept { return core_ != nullptr; }
  /// A clean end: what is decided becomes durable.
  void close();
  /// The same, but handlers that have begun are left behind (errors: timed_out, it names them).
  result<void> close(milliseconds patience);
  /// Killed: what is not durable is lost. Those who wait for an answer get none.
  void crash();
  /// For the next open.
  tenax::options& options() noexcept { return setup_.options; }
  [[nodiscard]] std::filesystem::path& dir() noexcept { return setup_.dir; }

  // --- commands: the callback comes with a later step, or at once ---
  template <class T>
  using callback = std::function<void(result<T>)>;
  void submit(const workflow_spec& spec, callback<submission> done, std::string terms = {});
  void cancel(std::string id, std::string reason, callback<void> done);
  void resolve(std::string id, std::string key, resolution decision, callback<void> done);
  void retry(std::string id, std::string key, std::string reason, callback<void> done);
  void change(std::string id, std::string key, action_change what, callback<void> done);
  void remove(std::string id, callback<void> done);
  /// See engine::poll_async.
  std::uint64_t poll(worker_poll what, callback<std::vector<worker_task>> done);
  bool withdraw(std::uint64_t ticket);
  void end_attempt(std::string_view token, outcome what, callback<void> done);
  void signal(std::string id, std::string name, std::string payload, std::string key,
              callback<void> done);
  void heartbeat(std::string_view token, callback<std::optional<wall_time>> done);
  void on_end(const std::string& id, callback<workflow_summary> done);
  void start_draining();

  // --- queries ---
  /// Null as `answers` says.
  [[nodiscard]] actors::engine_core* core() const noexcept { return core_.get(); }
  [[nodiscard]] result<workflow_view> get(std::string_view id) const;
  [[nodiscard]] result<explanation> explain(std::string_view id) const;
  [[nodiscard]] result<std::vector<due_view>> due_by(storage::timer_kind kind, std::size_t limit,
                                                     std::optional<wall_time> now) const;
  /// The real one: reads of the caller neither count nor fail.
  [[nodiscard]] const storage::read_store& store() const;
  [[nodiscard]] engine_stats stats() const;
  [[nodiscard]] bool halted() const;
  [[nodiscard]] bool draining() const;
  [[nodiscard]] result<verify_report> verify() const;

  // --- steps ---
  [[nodiscard]] std::size_t jobs() const;  ///< actors with a message
  /// Which actor the n-th of them is.
  [[nodiscard]] std::uint64_t job_actor(std::size_t n) const;
  void deliver(std::size_t n);  ///< one message to the n-th of them
  [[nodiscard]] bool commit_waits() const;
  [[nodiscard]] bool lazy_waits() const;
  bool commit(bool also_lazy);
  /// Handler calls that a thread may take: it makes their input, and begins or waits until their
  /// start is durable.
  [[nodiscard]] std::size_t queued() const;
  [[nodiscard]] std::size_t running() const;  ///< those that have begun, the given up ones too
  /// Whether there is room for the outcomes of those; if not, they wait for a commit.
  [[nodiscard]] bool takes_results() const;
  /// Charged to the memory budget.
  [[nodiscard]] std::size_t bytes_in_flight() const;
  [[nodiscard]] call_info started_call(std::size_t n) const;
  /// `quick`: its start is reported with its end, or when time has passed.
  void start_handler(std::size_t n, bool quick = false);
  void finish_handler(std::size_t n);
  /// Until the next timer (a delayed message, or the end of journal::lazy_delay); nothing: none.
  [[nodiscard]] std::optional<time_ms> next_timer_in() const;
  /// Until something is to be done: as next_timer_in, but for the looks at a clock in between, that
  /// find nothing as long as it does not step.
  [[nodiscard]] std::optional<time_ms> next_work_in() const;
  /// Lets time pass on both clocks; the timers that come due become messages. The journal's lazy
  /// delay is a timer too: then it writes.
  void pass(time_ms ms);

  // --- runs of steps ---
  /// Until no message, commit or handler is left (handlers that are held stay). Time stands still.
  /// Stops early when `enough` says so. Throws std::runtime_error after `steps_max` steps.
  void run_until_idle(const std::function<bool()>& enough = nullptr);
  /// Timer by timer, idle in between; not by regular looks that have nothing to find.
  void advance(milliseconds by, const std::function<bool()>& enough = nullptr);

  virtual_clock clock;
  store_control control;
  /// Handlers begin but do not end by themselves in runs of steps.
  bool hold_handlers = false;
  /// The same for those of these action types.
  std::set<std::string, std::less<>> held_types;
  /// Hash over all steps and writes so far.
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return mix(trace_, control.hash); }
  /// Told about each step, in words; null: nobody.
  std::function<void(const std::string&)> on_step;

  static constexpr std::uint64_t steps_max = 50'000'000;

 private:
  bool idle_step();
  void traced(std::string_view what, std::uint64_t a = 0, std::uint64_t b = 0);
  void note_lazy();
  [[nodiscard]] time_ms due_work_in() const;
  [[nodiscard]] std::optional<std::size_t> free_handler() const;

  driver_setup setup_;
  std::unique_ptr<actors::engine_core> core_;
  bool open_ = false;
  std::uint64_t life_ = 0;
  std::shared_ptr<bool> alive_;  ///< of this life; false once it has crashed
  std::optional<time_ms> lazy_since_ms_;
  std::uint64_t trace_ = 0;
};

}  // namespace tenax::testing
