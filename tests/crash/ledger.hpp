// ledger.hpp - what the driver knows of the target's workflows from its answers alone, and what
// those answers must not contradict. Depends on include/tenax, tests/support. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tenax/view.hpp"

namespace tenax::crash {

enum class mark : std::uint8_t { none, in_flight, acked };

struct known_action {
  std::uint32_t attempts = 0;  ///< the most seen
  std::uint64_t hash = 0;      ///< of the result; 0: none seen
  bool waits = false;          ///< for a decision, when last seen
};

struct known_workflow {
  mark submit = mark::none;
  mark cancel = mark::none;
  bool seen = false;           ///< was there: must stay
  unsigned known_in_life = 0;  ///< when it was first seen or acknowledged
  bool terminal = false;       ///< known to be over: since this life
  unsigned ended_in_life = 0;
  workflow_status status = workflow_status::pending;  ///< when last seen
  std::vector<known_action> actions;

  [[nodiscard]] bool must_exist() const { return seen || submit == mark::acked; }
};

class ledger {
 public:
  explicit ledger(std::uint64_t workload_seed) : seed_(workload_seed) {}

  void begin_life();
  /// A command was written to the target.
  void sent(const std::string& command);
  /// An answer came from it.
  void answered(const std::string& line);

  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] unsigned life() const { return life_; }
  [[nodiscard]] std::vector<known_workflow>& workflows() { return workflows_; }
  [[nodiscard]] const std::vector<known_workflow>& workflows() const { return workflows_; }
  /// Number of the next workflow; its marks are made.
  std::uint32_t add();
  [[nodiscard]] std::uint32_t open() const;
  [[nodiscard]] bool ready() const { return ready_; }
  /// When the engine of this life said that it stopped; 0: it has not.
  [[nodiscard]] std::uint64_t halted_ns() const { return halted_ns_; }
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  void violated(const std::string& invariant, std::uint32_t n, const std::string& what);

 private:
  struct expectation {
    std::uint32_t workflow = 0;
    bool must_exist = false;
    bool cancelled = false;
  };
  void acked(const std::string& what, std::uint32_t n, const std::string& rest);
  void failed(const std::string& what, std::uint32_t n, const std::string& code);
  void viewed(std::uint32_t n, const std::string& rest, const expectation& expected);
  expectation take_expectation(std::uint32_t n);
  void end(known_workflow& w);
  void know(known_workflow& w);

  const std::uint64_t seed_;
  unsigned life_ = 0;
  bool ready_ = false;
  bool commit_failed_ = false;
  std::uint64_t halted_ns_ = 0;
  std::uint64_t epoch_ = 0;
  std::vector<known_workflow> workflows_;
  std::deque<expectation> gets_;  ///< sent and not answered: the answers come in order
  std::vector<std::string> violations_;
};

}  // namespace tenax::crash
