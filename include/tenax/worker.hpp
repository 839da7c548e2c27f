// worker.hpp - what a worker asks an engine for, and what it is given: engine::poll_async. Plain
// data. Depends on std only. Value types.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tenax/handler.hpp"

namespace tenax {

/// Asks for actions whose types are for workers (handler_registry::add_worker).
struct worker_poll {
  static constexpr std::size_t tasks_max = 1'000;
  static constexpr std::size_t types_max = 100;
  /// Where neither the poll nor its type says more.
  static constexpr milliseconds lease_default{30'000};

  std::string worker{};              ///< who asks, for people: at most 128 bytes; "": nobody says
  std::vector<std::string> types{};  ///< 1 to types_max
  std::size_t max = 1;               ///< tasks that it takes; 1 to tasks_max
  /// How long it may stay without a task; 0: not at all, to limits::delay_max.
  milliseconds wait{0};
  /// How long nobody may be heard of a task (engine::heartbeat) before it is given up, 1 ms to
  /// limits::delay_max; default: the type's action_options::heartbeat, else lease_default.
  std::optional<milliseconds> lease{};
};

/// An attempt that is open (outcome::pending) and in the hands of the worker: it ends it with the
/// token (engine::end_attempt), and says before `given_up_at` that it goes on (engine::heartbeat).
struct worker_task {
  std::string workflow_id{};
  std::string workflow_name{};
  std::string action_key{};
  std::string action_type{};
  std::string input{};            ///< references already replaced; JSON by convention
  std::string idempotency_key{};  ///< as action_context::idempotency_key
  std::string token{};            ///< a secret
  std::string traceparent{};      ///< as action_context::traceparent
  std::uint32_t attempt = 1;      ///< 1..n
  std::uint32_t deferrals = 0;    ///< how often this attempt was deferred, or given back
  tenax::delivery delivery = tenax::delivery::at_least_once;
  wall_time given_up_at{};
};

/// How long something took, in classes that double: counts[0] of less than 1 ms, counts[i] of
/// 2^(i-1) ms to less than 2^i ms.
struct time_histogram {
  static constexpr std::size_t classes = 26;
  std::array<std::uint64_t, classes> counts{};  ///< the last one also of all that took longer
  milliseconds total{0};
};

/// Of a type that is for workers, since the engine was opened.
struct worker_type_stats {
  std::string type{};
  std::uint64_t polls_waiting = 0;         ///< now, that ask for it
  std::uint64_t in_row = 0;                ///< workflows in memory that wait for a poll now
  bool more_on_disk = false;               ///< more may wait in the store
  std::uint64_t delivered = 0;             ///< tasks
  std::uint64_t given_back = 0;            ///< of whom nobody was left to take them
  std::optional<wall_time> asked_at = {};  ///< last; while a poll waits: now
  /// As in action_type_stats.
  std::optional<wall_time> oldest_ready_at = {};
  time_histogram to_start =
      {};  ///< from when an action could have been given to a worker, until it was
};

}  // namespace tenax
