// shared_ledger.hpp - what an engine under test has acknowledged, in memory that outlives it, and
// the check that all of it is there. Depends on include/tenax, tests/support. The marks may be set
// from any thread and by one child process at a time; the check belongs to nobody else's turn.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "tenax/engine.hpp"

namespace tenax::faults {

enum class mark : std::uint8_t { none, in_flight, acked };

inline constexpr std::uint32_t workflows_max = 256;
inline constexpr std::uint32_t actions_max = 40;

/// What is known of one workflow from outside.
struct workflow_marks {
  std::atomic<mark> submit;
  std::atomic<mark> cancel;
  std::atomic<bool> seen;           ///< was there at a check: must stay
  std::atomic<std::uint8_t> ended;  ///< 1 + workflow_status, once told or seen
  struct action_marks {
    std::atomic<std::uint64_t> once_calls;  ///< bit n: the at-most-once handler ran as attempt n
    std::uint64_t result_hash;              ///< of the result seen; 0: none
    std::uint32_t attempts;                 ///< the most seen
  };
  std::array<action_marks, actions_max> actions;
};

struct shared_ledger {
  std::atomic<std::uint32_t> next;  ///< number of the next workflow
  std::array<workflow_marks, workflows_max> workflows;
  std::atomic<std::uint64_t> broken;  ///< violations that a running engine showed

  void clear();
  void submit_sent(std::uint32_t n);
  void submit_answered(std::uint32_t n, const result<submission>& r);
  void cancel_sent(std::uint32_t n);
  void cancel_answered(std::uint32_t n, const result<void>& r);
  void told_end(const workflow_summary& s);
  /// A handler of a type that runs at most once was called.
  void once_called(const action_context& c);
  [[nodiscard]] std::uint64_t acked() const;
};

/// Compares a directory that no engine has open with the ledger, verifies it, and remembers what it
/// saw. One sentence a violation.
[[nodiscard]] std::vector<std::string> check(shared_ledger& known, std::uint64_t workload_seed,
                                             const std::filesystem::path& data_dir);

}  // namespace tenax::faults
