// engine_life.hpp - one life of a whole engine under the standard workload: submits, cancels,
// decisions, queries, all of it marked in the ledger. Depends on actors/core, the ledger. One
// thread drives it; the engine has its own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "actors/core.hpp"
#include "tests/fault/shared_ledger.hpp"
#include "tests/support/workload.hpp"

namespace tenax::faults {

struct life_options {
  std::filesystem::path data_dir;
  std::uint64_t workload_seed = 1;
  std::uint64_t life_seed = 1;
  bool keeps_ends = false;                  ///< with an index of what has ended
  std::uint32_t workflows = workflows_max;  ///< submits no more than these
  std::size_t write_buffer_bytes = 4u << 20;
  tenax::durability durability = tenax::durability::sync;
  void* env = nullptr;
  const model::clock* wall = nullptr;  ///< null: the machine's
};

class engine_life {
 public:
  engine_life(shared_ledger& known, life_options options);
  /// Waits for the answers that are still to come: they refer to this object.
  ~engine_life();
  engine_life(const engine_life&) = delete;
  engine_life& operator=(const engine_life&) = delete;

  result<void> open();
  /// Some more work: returns at once.
  void tick();
  /// Decides for the actions that wait for a person.
  void decide();
  /// How many workflows of the ledger are open, or not readable.
  [[nodiscard]] std::uint32_t open_workflows() const;
  [[nodiscard]] actors::engine_core& core() { return *core_; }
  /// The last thing that the engine logged as an error; "" if nothing.
  [[nodiscard]] std::string last_error() const;
  /// Submits and cancels that failed with this code so far.
  [[nodiscard]] std::uint64_t failures(errc code) const {
    return failures_[static_cast<std::size_t>(code)];
  }
  void close() { (void)core_->close(); }

 private:
  void submit(std::uint32_t n);
  void cancel(std::uint32_t n);
  void count(const error& e) { ++failures_[static_cast<std::size_t>(e.code())]; }

  shared_ledger& known_;
  const life_options options_;
  workload::random_numbers random_;
  mutable std::mutex log_mutex_;
  std::string last_error_;
  std::array<std::atomic<std::uint64_t>, 32> failures_{};
  std::unique_ptr<actors::engine_core> core_;  // last: its callbacks use all of the above
};

}  // namespace tenax::faults
