// world.hpp - one simulated world, made from one seed: an engine on a disk in memory, clients, a
// clock that steps, crashes; in an order of steps that the seed decides. A safety phase with
// faults, then a liveness phase without. Depends on the driver, the workload and the oracle.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace tenax::sim {

struct world_options {
  std::uint64_t seed = 1;
  bool slow = false;         ///< checks everything after every commit
  bool read_faults = false;  ///< reads of the engine fail too
  /// Told about every step; null: nobody.
  std::function<void(const std::string&)> on_step = nullptr;
};

struct world_result {
  std::string failure;  ///< "" when all invariants held
  std::uint64_t trace = 0;
  std::uint64_t steps = 0;
  std::uint64_t lives = 0;
  std::uint64_t crashes = 0;
  std::uint64_t failed_commits = 0;
  std::uint64_t failed_reads = 0;
  std::uint64_t moves = 0;  ///< to another directory, by an export
  std::uint64_t workflows = 0;
  std::uint64_t starts = 0;     ///< of handlers
  std::uint64_t tasks = 0;      ///< told to workers
  std::uint64_t changes = 0;    ///< of actions, asked for
  std::uint64_t explained = 0;  ///< workflows, now and then
};

[[nodiscard]] world_result run_world(const world_options& how);

}  // namespace tenax::sim
