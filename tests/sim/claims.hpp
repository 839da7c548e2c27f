// claims.hpp - holds what an engine says of its workflows (engine::explain) against what then
// happens: nothing starts while what was said to hold it still does, and the history goes on as the
// forecast said. Depends on the driver and the oracle. One thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "testing/driver.hpp"
#include "tests/sim/oracle.hpp"

namespace tenax::sim {

class claims {
 public:
  claims(testing::driver& engine, oracle& o) : engine_(engine), oracle_(o) {}

  /// Has the workflow explained now. What was said of it before is checked first.
  void take(const std::string& id);
  /// A handler starts.
  void started(const handler_start& s);
  /// The same of a task that a worker is told, which was recorded as opened with this event.
  void told(const handler_start& s, std::uint64_t opened_seq);
  /// A worker asks for tasks.
  void asked(const std::vector<std::string>& types);
  /// After each step: what was full may have had room since.
  void stepped();
  /// What was due before and waits for its turn then starts before the times that are told.
  void wall_stepped_back() { stepped_back_ = true; }
  /// Before this life ends: what was said holds for it only.
  void end_life();

  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

 private:
  struct claim {
    explanation said;
    std::set<std::string, std::less<>> full_lanes;  ///< types that have had no room since
    bool threads_full = false;
    bool memory_full = false;
    std::set<std::string, std::less<>> asked;  ///< types for which a worker has asked since
  };
  void check_said(const explanation& e);
  void check_knows(const explanation& e, const explained_action& a);
  void check_place(const explanation& e, const explained_action& a, const action_reason& r);
  void check_history(const claim& c);
  void check_start(const claim& c, const explained_action& a, const action_reason& r,
                   const handler_start& s);
  [[nodiscard]] bool somebody_acted(const explanation& since) const;
  /// What is full, by what runs and what is in flight.
  struct fullness {
    std::set<std::string, std::less<>> lanes;
    bool threads = false;
    bool memory = false;
  };
  [[nodiscard]] fullness full_now() const;
  [[nodiscard]] bool memory_is_full() const;
  void fail(const explanation& e, const std::string& what) {
    oracle_.fail("explain " + e.workflow_id + " after " + std::to_string(e.events) +
                 " events: " + what);
  }

  testing::driver& engine_;
  oracle& oracle_;
  std::map<std::string, claim, std::less<>> claims_;
  bool stepped_back_ = false;  ///< in this life
  std::uint64_t taken_ = 0;
};

}  // namespace tenax::sim
