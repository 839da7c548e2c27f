// virtual_engine.hpp - an engine for unit tests, on simulated time and, by default, a disk in
// memory: an hour of retries takes milliseconds, a crash is a call. Link tenax::testing.
// Depends on std and the public headers only. Movable; one thread: everything, handlers included,
// runs inside these calls, and only there. Handlers must not call the virtual engine.
//
// Nothing happens between two calls. `submit`, `cancel` and `resolve` return as soon as they are
// answered; `run_until_idle`, `advance` and `run_until_end` let the engine work on. docs/testing.md
// shows whole tests.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/engine.hpp"

namespace tenax::testing {

struct virtual_options {
  std::filesystem::path data_dir;  ///< empty: in memory, gone with the virtual engine
  wall_time start{milliseconds{1'767'225'600'000}};  ///< 2026-01-01T00:00:00Z
  std::uint64_t seed = 1;                            ///< of all random draws
};

/// What a commit that fails has left on the disk. Programs must not tell these apart.
enum class failed_commit : std::uint8_t {
  lost,     ///< nothing
  written,  ///< all of it
};

/// A handler call in flight, while handlers are held.
struct running_handler {
  std::string workflow_id{};
  std::string action_key{};
  std::uint32_t attempt = 1;
  std::uint32_t deferrals = 0;
  bool stop_requested = false;
};

class virtual_engine {
 public:
  /// Errors as engine::open. options::handler_threads bounds the handlers in flight (0: no bound);
  /// scheduler_threads has no meaning here.
  static result<virtual_engine> open(options opts = {}, virtual_options how = {});
  virtual_engine(virtual_engine&&) noexcept;
  virtual_engine& operator=(virtual_engine&&) noexcept;
  /// Closes.
  ~virtual_engine();

  /// For code that takes an engine: its calls let the engine work until they are answered, `await`
  /// lets time pass (without a timeout ten years at most), `close` closes this. It lives as long as
  /// this does, also through a crash and what follows.
  [[nodiscard]] tenax::engine& as_engine() noexcept;

  // --- as in tenax::engine, errors included ---
  result<submission> submit(const workflow_spec& spec, std::string terms = {});
  result<submission> submit_json(std::string_view json);
  /// Returns before anything is durable: `done` is called by the calls that let the engine work, or
  /// at once if it is refused; not at all after a crash.
  void submit_async(const workflow_spec& spec, std::function<void(result<submission>)> done);
  result<void> cancel(std::string_view id, std::string reason = {}, std::string who = {});
  result<void> resolve(std::string_view id, std::string_view action_key, resolution decision,
                       std::string who = {});
  result<void> change(std::string_view id, std::string_view action_key, action_change what,
                      std::string who = {});
  result<void> retry(std::string_view id, std::string_view action_key = {}, std::string reason = {},
                     std::string who = {});
  result<void> end_attempt(std::string_view token, outcome what, std::string who = {});
  result<void> signal(std::string_view id, std::string name, std::string payload = "null",
                      std::string key = {}, std::string who = {});
  result<std::optional<wall_time>> heartbeat(std::string_view token, std::string progress = {});
  result<void> record_terms(std::string_view id, std::string terms, std::string who = {});
  result<void> remove(std::string_view id);
  void start();
  [[nodiscard]] result<std::string> terms(std::string_view id) const;
  [[nodiscard]] result<workflow_summary> summary(std::string_view id) const;
  [[nodiscard]] result<workflow_view> get(std::string_view id) const;
  [[nodiscard]] result<explanation> explain(std::string_view id) const;
  [[nodiscard]] result<page<workflow_summary>> list(const list_query& query = {}) const;
  [[nodiscard]] result<list_count> count(const list_query& query = {}) const;
  [[nodiscard]] result<std::vector<history_event>> history(std::string_view id,
                                                           std::uint64_t after = 0,
                                                           std::size_t limit = 1'000) const;
  [[nodiscard]] result<std::vector<due_view>> list_retry_eligible(
      std::size_t limit = 100, std::optional<wall_time> now = std::nullopt) const;
  [[nodiscard]] result<std::vector<due_view>> list_ready_scheduled(
      std::size_t limit = 100, std::optional<wall_time> now = std::nullopt) const;
  /// Errors: timed_out (held handlers still run).
  result<void> drain();
  void close();
  /// Held handlers are left behind: their code never runs.
  result<void> close(milliseconds timeout);
  [[nodiscard]] engine_stats stats() const;
  [[nodiscard]] std::vector<action_type_stats> type_stats() const;
  [[nodiscard]] bool healthy() const noexcept;

  // --- time ---
  /// The engine's wall clock.
  [[nodiscard]] wall_time now() const;
  /// Does all that can be done without time passing: messages, commits, handlers.
  void run_until_idle();
  /// Lets time pass, timer by timer, and does what comes due. Both clocks move together.
  void advance(milliseconds by);
  /// The wall clock jumps, in either direction; no time passes.
  void step_wall_clock(milliseconds by);
  /// Advances until the workflow has ended, at most `within`. Errors: not_found, timed_out,
  /// closing, stopped.
  result<workflow_summary> run_until_end(std::string_view id,
                                         milliseconds within = std::chrono::hours(24));

  // --- faults ---
  /// The n-th write to the store from now (1: the next) fails. After it the engine is stopped, as a
  /// real one would be: `crash_and_reopen` or `reopen` to go on.
  void fail_commit(std::uint64_t n = 1, failed_commit how = failed_commit::lost);
  /// The process is killed: what is not durable is lost, handlers in flight never end. Then the
  /// data directory is opened again, with new options if given. Errors as engine::open; then there
  /// is no engine, and queries answer `closing` too.
  result<void> crash_and_reopen();
  result<void> crash_and_reopen(options opts);
  /// Closes and opens again, at the same time of day.
  result<void> reopen();
  result<void> reopen(options opts);
  /// Checks all that is stored (see tenax::verify).
  [[nodiscard]] result<verify_report> verify() const;
  /// Writes to the store so far, over all lives: a measure of what a step costs.
  [[nodiscard]] std::uint64_t store_writes() const noexcept;

  // --- handlers ---
  /// From now on handlers stay in flight until `finish_handler`: timeouts, cancellation and late
  /// results can happen first. In-place handlers (run_mode::in_place) are not held.
  void hold_handlers();
  /// The same for handlers of one action type.
  void hold_handlers(std::string action_type);
  /// The opposite of both; those in flight end with the next run.
  void release_handlers();
  /// In the order of their starts.
  [[nodiscard]] std::vector<running_handler> running_handlers() const;
  /// Runs the code of the oldest held handler of this action (of any workflow, or of one) and lets
  /// the engine work until idle. False if there is none.
  bool finish_handler(std::string_view action_key, std::string_view workflow_id = {});

 private:
  class impl;
  explicit virtual_engine(std::unique_ptr<impl> p) noexcept;
  std::unique_ptr<impl> impl_;
};

}  // namespace tenax::testing
