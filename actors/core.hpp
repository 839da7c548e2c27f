// core.hpp - one engine, assembled: store, journal, executor, actor system. tenax::engine is a thin
// cover of it; simulations and tenax::testing drive it under virtual time. Depends on everything
// below actors/. Thread safe as tenax::engine says; under virtual time, one thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include "actors/runtime.hpp"
#include "tenax/engine.hpp"

namespace tenax::actors {

/// What a simulation replaces.
struct core_seams {
  const model::clock* wall = nullptr;  ///< null: the machine's
  std::uint64_t seed = 0;              ///< 0: from the operating system
  bool virtual_time = false;           ///< CAF's test coordinator, stepped journal and executor
  void* env = nullptr;                 ///< a rocksdb::Env; null: the machine's
  std::int64_t crowd_per_s = 0;        ///< runtime::crowd_per_s; 0: as there
  lane_bounds lanes;                   ///< at most what active_workflows_max leads to
  /// Puts something between the engine and its store: counters, faults. Null: nothing.
  std::function<std::unique_ptr<storage::store>(std::unique_ptr<storage::store>)> wrap_store =
      nullptr;
};

/// Time-ordered ids as ULID (github.com/ulid/spec) defines them: 48 bits of milliseconds, 80 random
/// bits, which count up within one millisecond. Thread safe.
class id_source {
 public:
  explicit id_source(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] std::string next(time_ms now_ms);

 private:
  std::mutex mutex_;
  model::seeded_rng random_;
  time_ms last_ms_ = 0;
  std::uint16_t high_ = 0;
  std::uint64_t low_ = 0;
};

class engine_core {
 public:
  static result<std::unique_ptr<engine_core>> open(const std::filesystem::path& dir, options opts,
                                                   const core_seams& seams = {});
  engine_core(const engine_core&) = delete;
  engine_core& operator=(const engine_core&) = delete;
  ~engine_core();

  using submit_callback = std::function<void(result<submission>)>;
  void submit(workflow_spec spec, submit_callback done, std::string terms = {});
  /// Words about an open attempt.
  void end_attempt(std::string_view token, outcome what, std::string who,
                   std::function<void(result<void>)> done);
  void heartbeat(std::string_view token, std::string progress,
                 std::function<void(result<std::optional<wall_time>>)> done);
  /// Ends options::paused.
  void go_on();
  using end_callback = std::function<void(result<workflow_summary>)>;
  /// Calls back at the end of the workflow, or once its history is longer than `after`; at once if
  /// that is so, or if it cannot be waited for. The ticket is for `forget_end`; 0: none.
  std::uint64_t on_end(const std::string& id, end_callback done,
                       std::uint64_t after = end_waiters::only_end);
  bool forget_end(const std::string& id, std::uint64_t ticket) {
    return runtime_->waiters.remove(id, ticket);
  }
  std::uint64_t watch(watchers::callback told) { return runtime_->watchers.add(std::move(told)); }
  void unwatch(std::uint64_t ticket) { runtime_->watchers.remove(ticket); }
  void request(std::string id, messages::request::command what,
               std::function<void(result<void>)> done);

  /// Asks for tasks, see engine::poll_async. The ticket is for `withdraw`; 0: it was refused.
  std::uint64_t poll(worker_poll asked, task_poll::callback done);
  bool withdraw(std::uint64_t ticket);
  [[nodiscard]] std::vector<worker_type_stats> worker_stats() const {
    return executor_->worker_stats(runtime_->now_ms());
  }

  void signal(std::string id, model::send_signal what, std::function<void(result<void>)> done);
  void change(std::string id, messages::request::change what,
              std::function<void(result<void>)> done);
  void record_terms(std::string id, model::record_terms what,
                    std::function<void(result<void>)> done);

  [[nodiscard]] result<workflow_view> get(std::string_view id) const;
  [[nodiscard]] result<explanation> explain(std::string_view id) const;
  [[nodiscard]] std::vector<attempt_progress> progress(std::string_view id) const;
  [[nodiscard]] result<std::vector<due_view>> due_by(storage::timer_kind kind, std::size_t limit,
                                                     std::optional<wall_time> now) const;
  [[nodiscard]] const storage::read_store& store() const noexcept { return *store_; }
  [[nodiscard]] engine_stats stats() const;
  [[nodiscard]] std::vector<action_type_stats> type_stats() const;
  [[nodiscard]] result<void> backup(const std::filesystem::path& target) const;
  [[nodiscard]] const limits& bounds() const noexcept { return opts_.limits; }
  [[nodiscard]] bool halted() const noexcept { return runtime_->halted; }

  /// No new submits, no new starts; running handlers go on, and so do submits that had begun.
  void start_draining();
  [[nodiscard]] std::size_t pending_submits() const;
  /// Those given up too.
  [[nodiscard]] std::size_t running_handlers() const {
    const auto load = executor_->load();
    return load.running + load.stuck;
  }
  /// Waits for handlers without end, or until they have had `patience` to stop. Errors: timed_out
  /// (those that have not are left behind); it is closed all the same. Does nothing the next time.
  result<void> close(std::optional<milliseconds> patience = std::nullopt);

  // For virtual time only.
  [[nodiscard]] caf::actor_system& system() noexcept { return *system_; }
  [[nodiscard]] storage::stepped_journal& stepped() noexcept { return *stepped_journal_; }
  [[nodiscard]] stepped_executor& manual() noexcept { return *stepped_executor_; }
  [[nodiscard]] runtime& shared() noexcept { return *runtime_; }
  /// As if the process had been killed: what is not durable is lost, no handler is called any more,
  /// nothing is acknowledged.
  void crash();

 private:
  struct submit_op;
  engine_core(options opts, const core_seams& seams);
  result<void> start(const std::filesystem::path& dir);
  [[nodiscard]] std::optional<error> refuse_submit(const std::string& id) const;
  [[nodiscard]] std::optional<error> refuse_poll(const worker_poll& asked) const;
  [[nodiscard]] std::optional<error> refuse_terms(const std::string& terms) const;
  [[nodiscard]] std::optional<error> refuse_change(const std::string& id,
                                                   const messages::request::change& c) const;
  [[nodiscard]] bool stands_for_something(const std::string& id) const;
  [[nodiscard]] std::optional<error> no_place() const;
  [[nodiscard]] std::optional<error> no_bytes() const;
  [[nodiscard]] result<std::shared_ptr<const void>> charge_request(std::size_t bytes);
  [[nodiscard]] model::engine_facts facts_of(const model::definition& def) const;
  void leave_submits(submit_op& op);
  [[nodiscard]] bool answer_from_store(submit_op& op);
  void commit(const std::shared_ptr<submit_op>& op);
  void answer_joined(submit_op& op, const error* failure);
  static void tell_submitted(void* context, const error* failure) noexcept;
  void finish_submit(submit_op& op, const error* failure);
  void start_actors();
  void end_actors();
  void end_system();

  /// Kept by the threads of handlers that are left behind, too.
  const std::shared_ptr<const options> kept_options_;
  const options& opts_;
  const core_seams seams_;
  std::unique_ptr<storage::store> store_;
  std::unique_ptr<storage::journal> journal_;
  storage::stepped_journal* stepped_journal_ = nullptr;
  std::unique_ptr<runtime> runtime_;
  std::shared_ptr<executor> executor_;
  stepped_executor* stepped_executor_ = nullptr;
  std::unique_ptr<id_source> ids_;

  mutable std::mutex calls_mutex_;
  bool closed_ = false;
  // Submits that are not durable yet, by id: the same id must not be committed twice.
  std::condition_variable submits_changed_;
  std::unordered_map<std::string, std::shared_ptr<submit_op>> submits_;
  std::uint64_t admitted_ = 0;  ///< workflows ever, those in flight included
  std::uint64_t joined_ = 0;    ///< duplicates of submits in flight that wait for their answer
  time_ms last_created_at_ms_ = 0;

  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<caf::actor_system> system_;
  messages::engine_actor engine_;
  std::mutex end_mutex_;
  std::condition_variable end_signal_;
  bool actors_ended_ = false;
};

}  // namespace tenax::actors
