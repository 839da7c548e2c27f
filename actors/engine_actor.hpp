// engine_actor.hpp - the actor that owns which workflows are in memory: admission to memory,
// routing, recovery, letting go. Depends on messages, actors/runtime, storage interfaces. Runs on
// the scheduler's threads; one message at a time.
//
// Who finds the row of its lane full leaves memory (or is not taken up), and the engine keeps one
// place for each lane: `from`, where the listing is read on once the row is low. Nobody is
// forgotten, because at any time one of these holds for a workflow W with a ready action of lane L:
//   1. W is in memory and stands in L's row, or has a place in L, or is about to try.
//   2. W has found the row full, and its `left_out` is on the way to the engine.
//   3. L.left, and L.from is at or before W.
// From 1 to 2: in one step of W, under the executor's lock. From 2 to 3: the engine lowers L.from.
// W's `idle` comes after its `left_out`, so it leaves memory in 3 only; W became ready in a commit
// that was durable before W tried, so its entry says so wherever the engine meets it.
// From 3 to 1: the engine reads past W. If W is not in memory it is loaded, and tries. If it is, it
// is told `lane_room`, and tries if it was left out; one that is just leaving is kept by that
// message (`resident::sent`), as by any other. If it declines, for want of memory, the scan of all
// that is runnable is lowered to it, which takes it up or leads to 3 again.
// And 3 does not last while the row is low: after each step that leaves L.left, the engine either
// reads on (`reading`), or asks the executor to watch the row. That asks for a row that is not low,
// and checks it, under the lock under which places are given back: a row that becomes low
// afterwards is seen there, one that has become low before is seen here. `lane_low` is sent once,
// and only to an engine that does not read. `coming` counts who was loaded for the row and has not
// tried yet; each says `arrived` once, whatever it finds, and that looks at the row too.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <caf/typed_event_based_actor.hpp>

#include "actors/retention.hpp"
#include "actors/runtime.hpp"

namespace tenax::actors {

class engine_process final : public messages::engine_actor::base {
 public:
  /// `on_end` is called once, when every workflow actor and the due actor have been told to end.
  engine_process(caf::actor_config& cfg, runtime* rt, std::function<void()> on_end);
  const char* name() const override { return "engine"; }

 protected:
  behavior_type make_behavior() override;

 private:
  struct resident {
    messages::workflow_actor actor;
    std::uint64_t sent = 0;  ///< messages to it, so that none is lost when it leaves
  };

  /// What waits in the store for a lane.
  struct lane_wait {
    lane* where = nullptr;
    model::lane_mask bit = 0;
    bool left = false;     ///< some wait, from `from_*` on
    bool reading = false;  ///< the row has room; else the executor watches it, if some wait
    time_ms from_ms = 0;
    std::string from_id;
  };

  void adopt(const messages::workflow_box_ptr& box);
  void leave_in_store(const messages::workflow_box& box);
  void hand_over_timers(const messages::workflow_box& box);
  void wake(messages::wake_all m);
  void request(const messages::request_ptr& r);
  void on_idle(const messages::idle& m);
  void on_declined(const messages::declined& m);
  void scan_again_from(time_ms created_at_ms, const std::string& id);
  void take_more();
  void take_wakes();
  void take_listed();
  void find_lanes();
  [[nodiscard]] bool finds_full_rows(model::lane_mask mask) const;
  void leave_to_lanes(model::lane_mask mask, time_ms created_at_ms, const std::string& id);
  void leave_to(lane_wait& l, time_ms created_at_ms, const std::string& id);
  void on_left_out(const messages::left_out& m);
  void begin_reading(lane_wait& l);
  void on_lane_low(const messages::lane_low& m);
  lane_wait& know(lane& l, unsigned bit);
  void on_lane_asked(const messages::lane_asked& m);
  void look_at_polls();
  void read_lanes();
  void read_lane(lane_wait& l);
  void start();
  void sweep();
  void take_removals();
  void remove_one(const messages::request_ptr& r);
  void shut_down();
  void end_if_empty();
  resident& load(const std::string& id, messages::workflow_box_ptr box, time_ms listed_at_ms = 0,
                 lane* expects = nullptr);
  template <class Message>
  void tell(resident& to, Message&& m);
  [[nodiscard]] std::int64_t room() const;

  runtime* rt_;
  messages::due_actor due_;
  std::function<void()> on_end_;
  std::unordered_map<std::string, resident> residents_;
  std::unordered_set<std::string> overtaken_;  ///< in memory since before they were adopted
  std::deque<messages::wake> wakes_;  ///< of workflows not in memory, while there is no room
  bool wakes_answered_ = true;
  bool listed_left_ = false;  ///< open workflows in the store wait for a place in memory
  time_ms scan_from_ms_ = 0;  ///< where the scan of them goes on
  std::string scan_from_id_;
  bool scan_small_ = false;         ///< the next scan may be for a few places only
  bool scan_later_ = false;         ///< a `scan_later` is on its way
  bool scan_passes_ = false;        ///< the last step of the scan passed who waits for lanes
  bool scan_on_ = false;            ///< a `scan_on` is on its way
  std::vector<lane_wait> lanes_;    ///< by lane::number
  model::lane_mask lane_bits_ = 0;  ///< of lanes, and of nothing that runs in place
  model::lane_mask in_place_ = 0;   ///< of what runs in place
  /// When it looks at the polls of workers.
  std::optional<caf::actor_clock::time_point> polls_at_;
  std::size_t lanes_reading_ = 0;
  std::int32_t least_priority_ = 0;  ///< of those adopted
  bool read_lanes_sent_ = false;
  retention retention_;
  storage::write_batch removals_;
  bool removing_ = false;    ///< removals are on their way to the disk
  bool sweep_sent_ = false;  ///< the next regular look is on its way
  bool sweep_next_ = false;  ///< once they are there, look on for what may go
  std::deque<messages::request_ptr> to_remove_;
  std::vector<messages::request_ptr> removed_;        ///< in removals_: to be answered
  std::vector<messages::request_ptr> after_removal_;  ///< commands that wait for it
  bool ending_ = false;
};

}  // namespace tenax::actors
