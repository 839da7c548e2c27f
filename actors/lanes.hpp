// lanes.hpp - the admission stage: which ready action runs next. A lane for each blocking action
// type; what waits in it costs a few bytes with its workflow, and what it has let in a child actor
// and a call. Depends on actors/handler_call.hpp. Not thread safe: the executor's lock guards it.
//
// A lane lets in as many as may run, and some ahead, so that threads have work while the next is
// fetched. Workflows take turns: the lane asks the first in its row for one action, and that
// workflow goes to the end of the row. A higher priority goes first, in its lane and between lanes.
//
// A lane of a type that is for workers lets in what polls ask for, and nothing ahead: a place is of
// a poll. Such lanes are made as types come up, by an action or by a poll.
//
// Rows are bounded. Who finds its row full is left out: it leaves memory, and the engine actor
// takes it up from the store when the row is low. Why nobody is forgotten there: engine_actor.hpp.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/figures.hpp"
#include "actors/handler_call.hpp"
#include "actors/polls.hpp"
#include "model/explain.hpp"
#include "model/seams.hpp"

namespace tenax::actors {

/// A workflow that waits for a turn.
struct turn {
  messages::workflow_actor workflow;
  lane* where = nullptr;
  poll_ptr poll;  ///< of a lane for workers: which has asked
};

struct lane_bounds {
  /// Let in beyond those that may run: what threads take while the next are fetched.
  std::size_t ahead = 64;
  /// Workflows in a row; at least 1. Fewer than those in flight of one type at a time, and they
  /// would leave memory between two actions.
  std::size_t row_max = 1'024;
  /// Whether who waits for workers that do not ask takes memory that others need. Null: never.
  std::function<bool()> is_tight = nullptr;

  /// Workflows in the store are taken up until so many stand in the row: who is in memory comes
  /// back with its next action and finds room.
  [[nodiscard]] std::size_t fill_max() const noexcept { return row_max < 4 ? 1 : row_max / 4 * 3; }
  /// With so many in the row it is low, and the next are taken up.
  [[nodiscard]] std::size_t low() const noexcept { return fill_max() / 2; }
};

/// A workflow in a row.
struct row_entry {
  messages::workflow_actor who;
  model::definition_ptr definition;
  model::action_index first = 0;  ///< its action that goes first
  std::uint32_t ready_at_ms = 0;  ///< since when that could run; the lower half of it
};

enum class entrance : std::uint8_t {
  in,   ///< let in
  row,  ///< it stands in the row and gets its turn
  full  ///< left out
};

struct entry_ticket {
  entrance how{};
  poll_ptr poll = nullptr;  ///< in, of a lane for workers: which has asked
};

class lanes {
 public:
  /// `threads`: as many calls of one type may run, unless it says less; a quarter more, at least
  /// one, of all types together, so that none can take all threads.
  lanes(const handler_registry& types, std::size_t threads);
  [[nodiscard]] static std::size_t reserve_of(std::size_t threads) noexcept;

  /// The lane of a blocking type of the registry.
  [[nodiscard]] lane* find(const handler_registry::entry* type) const;
  /// The lane of a type that is for workers; it is made if there is none yet, for an action or for
  /// a poll. Null: there are too many. Of those that no action was of yet, fewer: who polls for
  /// types that do not exist takes no lane from actions.
  static constexpr std::size_t worker_types_max = 4'096;
  static constexpr std::size_t only_polled_max = 1'024;
  lane* for_workers(std::string_view type);
  lane* for_poll(std::string_view type);
  [[nodiscard]] lane* find_for_workers(std::string_view type) const;
  [[nodiscard]] const std::map<std::string, std::unique_ptr<lane>, std::less<>>& all_for_workers()
      const noexcept {
    return pulled_;
  }

  void bound(const lane_bounds& b) noexcept { bounds_ = b; }
  [[nodiscard]] const lane_bounds& bounds() const noexcept { return bounds_; }

  /// `put_out`: who lost its place in a full row to one of a higher priority.
  entry_ticket enter(lane& l, row_entry who, std::int32_t priority,
                     messages::workflow_actor& put_out);
  /// It has nothing for its turn any more.
  void withdraw(lane& l, const messages::workflow_actor& who, std::int32_t priority);
  /// A place is free; those whose turn has come are added to `out`, and are let in already.
  void leave(lane& l, std::vector<turn>& out);
  /// The same for those that have asked for actions of its type.
  void take_turns(lane& l, std::vector<turn>& out);
  /// For a poll: from the rows of all of its types.
  void take_turns(const poll_ptr& p, std::vector<turn>& out);
  /// For how many more workflows the row has room.
  [[nodiscard]] std::size_t room(const lane& l) const noexcept;
  /// How many wait in it, and where the workflow stands in its row.
  [[nodiscard]] static model::engine_facts::line_view line_of(const lane& l,
                                                              std::string_view workflow_id,
                                                              model::time_ms now_ms);
  /// Of the lower half of a time that is not far from now.
  [[nodiscard]] static model::time_ms whole(std::uint32_t ms, model::time_ms now_ms) noexcept;
  /// Since when what has waited longest could run; nothing: none waits here.
  [[nodiscard]] static std::optional<model::time_ms> oldest_ready(const lane& l,
                                                                  model::time_ms now_ms);
  [[nodiscard]] bool is_low(const lane& l) const noexcept;

  /// A call that was let in: it waits for a thread.
  void push(handler_call_ptr call);
  /// Takes out the call that runs next; null: none may. It counts as running until `ended`.
  handler_call_ptr pick();
  [[nodiscard]] bool can_pick() const;
  void ended(lane& l);
  /// Takes it out of its lane; null: it does not wait for a thread.
  handler_call_ptr remove(const handler_call& call);
  /// All that wait for a thread, in the order of the lanes.
  std::vector<handler_call_ptr> take_all();

  [[nodiscard]] std::size_t running() const noexcept { return running_; }
  [[nodiscard]] std::size_t running_max() const noexcept { return running_max_; }
  /// Calls that wait for a thread.
  [[nodiscard]] std::size_t waiting() const noexcept;
  /// Calls that wait for a thread, and may have one now. For tests that choose.
  [[nodiscard]] std::vector<const handler_call*> startable() const;
  handler_call_ptr take(const handler_call& which);

 private:
  lane* make_pulled(std::string_view type);
  [[nodiscard]] bool may_run(const lane& l) const;
  [[nodiscard]] bool lets_in(const lane& l) const;
  [[nodiscard]] bool is_tight() const;
  turn let_in(lane& l);
  void count_row(lane& l, int change);

  lane_bounds bounds_;
  std::size_t running_max_;
  std::size_t running_ = 0;
  std::vector<std::unique_ptr<lane>> all_;
  std::unordered_map<const handler_registry::entry*, lane*> by_type_;
  std::size_t next_ = 0;  ///< where the next look for a call begins
  std::map<std::string, std::unique_ptr<lane>, std::less<>> pulled_;  ///< by type
  std::size_t only_polled_ = 0;
  std::size_t pulled_in_row_ = 0;  ///< in all of their rows
};

/// Of a lane for workers.
struct pull_side {
  bool only_polled = false;        ///< no action of its type came up yet
  std::deque<poll_ptr> waiting;    ///< in the order in which they are served
  bool was_asked = false;          ///< ever
  model::time_ms asked_at_ms = 0;  ///< last
  std::uint64_t delivered = 0;
  std::uint64_t given_back = 0;
  time_counts to_start;

  /// Places that polls still take.
  [[nodiscard]] std::size_t wanted() const noexcept;
  /// The poll that has the next place, which is then behind the others; null: none.
  poll_ptr take_next();
};

/// One action type's part.
struct lane {
  std::size_t running_max = 0;
  std::size_t running = 0;
  std::size_t admitted = 0;  ///< let in and not over
  std::size_t in_row = 0;
  std::size_t coming = 0;  ///< workflows that are taken up from the store for it
  bool watched = false;    ///< the engine is to be told, once, when the row is low
  std::size_t number = 0;  ///< among the lanes
  std::map<std::int32_t, std::deque<row_entry>, std::greater<>> row;
  std::deque<handler_call_ptr> calls;  ///< wait for a thread; by priority, then by round
  std::uint64_t round = 0;             ///< the latest of which a call was picked
  std::unique_ptr<pull_side> pull;     ///< for workers; null: for handlers
};

}  // namespace tenax::actors
