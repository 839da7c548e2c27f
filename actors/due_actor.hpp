// due_actor.hpp - the actor that wakes workflows: a bounded window on the store's due index.
// Depends on messages, actors/runtime, storage interfaces. Runs on the scheduler's threads; one
// message at a time.
//
// Invariant: every entry of the due index at or before runtime::window_end_ms is in the window, or
// held by an action actor, or on its way to the engine. An entry that becomes durable later than
// the read that covers its time is handed over by whoever committed it: they look at window_end_ms
// after their commit, and a read publishes its end before it reads.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include <caf/typed_event_based_actor.hpp>

#include "actors/runtime.hpp"

namespace tenax::actors {

class due_process final : public messages::due_actor::base {
 public:
  static constexpr std::size_t window_max = 4'096;  ///< entries in memory
  static constexpr std::size_t batch_max = 256;     ///< wakes in one message to the engine
  /// What was due before the open is started at this rate, not all at once.
  static constexpr std::int64_t overdue_per_ms = 10;

  due_process(caf::actor_config& cfg, runtime* rt, messages::engine_actor engine);
  const char* name() const override { return "due"; }

 protected:
  behavior_type make_behavior() override;

 private:
  struct item {
    time_ms fire_at_ms = 0;
    time_ms due_at_ms = 0;
    std::string workflow_id;
    model::action_index action = model::no_action;
    bool deadline = false;
    auto operator<=>(const item&) const = default;
  };

  using window = std::set<item>;

  void put(item one);
  item take(window::iterator at);
  void refill();
  void advance();
  void fire();
  void insert(item one);
  void schedule();

  runtime* rt_;
  messages::engine_actor engine_;
  window window_;
  std::size_t deadlines_ = 0;  ///< in the window
  storage::due_entry cursor_;  ///< the next read begins here
  time_ms refill_at_ms_ = 0;   ///< look again then
  bool more_in_store_ = true;  ///< the last read ended at window_max, or entries were pushed out
  bool wakes_out_ = false;     ///< the engine has not taken up the last batch yet
  std::int64_t overdue_ = 0;
  std::uint64_t serial_ = 0;
  time_ms tick_at_ms_ = 0;  ///< when the latest tick comes; 0: none is on its way
};

}  // namespace tenax::actors
