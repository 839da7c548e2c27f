// explain.hpp - every reason why the open actions of a workflow do not run, what holds them through
// the graph, and what happens next. Depends on include/tenax and model only. Pure function.
//
// Never a wrong reason: a reason says what must change before the action starts, and what cannot be
// known (no facts of an engine) is said to be unknown. A kind of reason is a row of the table in
// explain.cpp, and the place there that finds it.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/decide.hpp"
#include "tenax/explain.hpp"

namespace tenax::model {

/// What a running engine knows beside the store, all of one moment.
struct engine_facts {
  /// Who waits for a place of an action type.
  struct line_view {
    std::size_t calls = 0;           ///< that wait for a thread
    std::size_t row = 0;             ///< workflows in memory that wait behind them for their turns
    bool more = false;               ///< others may wait on disk
    std::size_t place = 0;           ///< of the workflow in the row, from 1 on; 0: it is not there
    action_index first = no_action;  ///< then: its action that goes first
    time_ms ready_at_ms = 0;         ///< since when that could run
  };
  struct lane {
    std::size_t running = 0;  ///< handlers, those that are about to run included
    std::size_t running_max = 0;
    line_view line{};
    std::optional<time_ms> usual_ms{};  ///< nine in ten of its type have waited less; none: unknown
  };
  struct call {
    enum class place : std::uint8_t {
      waits,   ///< for a thread
      begins,  ///< a thread has it: its input is made, or its start becomes durable
      runs,
      given_up  ///< and has not returned
    };
    action_index action = 0;
    std::uint32_t attempt = 0;
    place where = place::waits;
    time_ms since_ms = 0;     ///< runs, given_up; waits: could have run
    std::size_t in_line = 0;  ///< waits: of the lane's calls, from 1 on
  };
  /// Who asks for a type that is for workers.
  struct asked {
    std::size_t waiting = 0;             ///< polls that take one more, and actions that go to one
    std::optional<time_ms> asked_at_ms;  ///< last; while one waits: now
    line_view line{};
    std::optional<time_ms> usual_ms{};  ///< as in `lane`
  };
  bool paused = false;
  bool at_rest = false;  ///< options::takes_up refuses the workflow
  bool draining = false;
  bool closing = false;
  std::string stopped;       ///< why it has; "": it has not
  bool writes = false;       ///< something is on its way to disk
  bool memory_full = false;  ///< no attempt begins
  /// Workflows wait on disk for a place in memory; perhaps this one.
  bool places_full = false;
  std::size_t running = 0;  ///< handlers of all blocking types
  std::size_t running_max = 0;
  std::map<std::string, lane, std::less<>> lanes;     ///< of the workflow's blocking types
  std::map<std::string, asked, std::less<>> workers;  ///< of its types that are for workers
  std::vector<call> calls;                            ///< of this workflow's actions
  /// Nothing of the workflow moves without a command.
  [[nodiscard]] bool is_still() const noexcept {
    return paused || at_rest || (!stopped.empty() && !writes);
  }
};

/// Who explains, and what is known there.
struct vantage {
  time_ms now_ms = 0;
  const engine_facts* engine = nullptr;  ///< null: it is not the engine
  const rulebook* rules = nullptr;       ///< of the engine; null: not known
  bool no_process = false;               ///< not the engine: nobody has the data directory open
};

[[nodiscard]] explanation explain(const definition& def, const workflow_state& state,
                                  const vantage& from);

}  // namespace tenax::model
