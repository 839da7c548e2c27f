// due_actor.hpp - the actor that wakes workflows: bounded windows on the store's due index.
// Depends on messages, actors/runtime, storage interfaces. Runs on the scheduler's threads; one
// message at a time.
//
// The two groups of the index, starts and deadlines, are each read in two lanes, every lane from a
// cursor of its own into a window of its own, so that none hides what another has to bring:
// - the crowd: what is due before crowd_until_ms. At the open that is all that came due while
//   nobody was there; it is spread, so many a millisecond.
// - the fresh: from crowd_until_ms on, each in its time. When more is due here than the window
//   holds (a clock that jumped, no room in memory, too many at once), crowd_until_ms moves up to
//   now, and what waits before it is the crowd's.
//
// Invariant: every entry of the due index at or before runtime::window_end_ms of its group is in
// the fresh window, or in the crowd's, or behind the crowd's cursor and before crowd_until_ms, or
// held by an action actor, or on its way to the engine. An entry that becomes durable later than
// the read that covers its time is handed over by whoever committed it: they look at window_end_ms
// after their commit, and a read publishes its end before it reads. What is dropped from a window
// is in the store, and the cursor goes back to it; so an entry may come twice, which its workflow
// sees, but never not at all.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <caf/typed_event_based_actor.hpp>

#include "actors/runtime.hpp"

namespace tenax::actors {

class due_process final : public messages::due_actor::base {
 public:
  static constexpr std::size_t fresh_max = 4'096;       ///< entries in memory, of each group
  static constexpr std::size_t crowd_max = 1'024;       ///< the same
  static constexpr std::size_t batch_max = 256;         ///< of one lane in a message to the engine
  static constexpr std::size_t look_again_max = 4'096;  ///< workflows
  /// Entries that are in time may be late by this before those that do not fit are a crowd.
  static constexpr time_ms behind_ms = 50;

  due_process(caf::actor_config& cfg, runtime* rt, messages::engine_actor engine);
  const char* name() const override { return "due"; }

 protected:
  behavior_type make_behavior() override;

 private:
  struct item {
    time_ms due_at_ms = 0;
    std::string workflow_id;
    model::action_index action = model::no_action;
    auto operator<=>(const item&) const = default;
  };
  struct lane {
    std::set<item> window;
    storage::due_entry cursor;  ///< the next read begins here
    bool more = true;           ///< there may be entries from the cursor on that are to be read now
  };
  struct group {
    storage::timer_group which{};
    time_ms crowd_until_ms = 0;
    lane crowd;
    lane fresh;
    time_ms refill_at_ms = 0;  ///< look into the store again then
    std::int64_t credit = 0;   ///< so many thousandths of the crowd may start now
    time_ms credit_at_ms = 0;
    [[nodiscard]] bool deadlines() const { return which == storage::timer_group::deadline; }
  };

  void advance();
  void insert(const messages::hold& m);
  void split(group& g, time_ms now);
  void rejoin(group& g, time_ms now);
  [[nodiscard]] bool is_behind(const group& g, time_ms now) const;
  void refill(group& g);
  bool read(group& g, lane& to, time_ms until_ms, std::size_t room);
  void push_out(lane& from);
  void fire();
  void look_again(const std::string& workflow_id);
  void take_look_again(time_ms now, std::vector<messages::wake>& out);
  void schedule();
  std::atomic<time_ms>& window_end(const group& g) {
    return rt_->window_end_ms[static_cast<std::size_t>(g.which)];
  }

  runtime* rt_;
  messages::engine_actor engine_;
  std::array<group, 2> groups_;  ///< by timer_group
  bool wakes_out_ = false;       ///< the engine has not taken up the last batch yet
  /// Workflows that could not be read, and when to try again: in no store, so nothing pushes them
  /// out. One that finds no place waits for the next open, or for somebody who asks for it.
  std::map<std::string, time_ms> look_again_;
  time_ms next_look_ms_ = 0;  ///< the least of its times
  std::uint64_t serial_ = 0;
  time_ms tick_at_ms_ = 0;  ///< when the latest tick comes; 0: none is on its way
};

}  // namespace tenax::actors
