// engine_actor.hpp - the actor that owns which workflows are in memory: admission to memory,
// routing, recovery, letting go. Depends on messages, actors/runtime, storage interfaces. Runs on
// the scheduler's threads; one message at a time.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>

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
  void sweep();
  void shut_down();
  void end_if_empty();
  resident& load(const std::string& id, messages::workflow_box_ptr box, time_ms listed_at_ms = 0);
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
  bool scan_small_ = false;  ///< the next scan may be for a few places only
  bool scan_later_ = false;  ///< a `scan_later` is on its way
  retention retention_;
  storage::write_batch removals_;
  bool removing_ = false;  ///< removals are on their way to the disk
  bool ending_ = false;
};

}  // namespace tenax::actors
