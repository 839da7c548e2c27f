// forecast.hpp - what happens next in a workflow, and the sentence on top of its explanation.
// Depends on include/tenax and model only. Pure functions.
#pragma once

#include <vector>

#include "model/explain.hpp"

namespace tenax::model {

[[nodiscard]] inline wall_time as_wall_time(time_ms at) { return wall_time(milliseconds(at)); }

/// What an open action that is not blocked can do next by itself.
struct outlook {
  enum class next : std::uint8_t {
    nothing,  ///< somebody must act
    ends,     ///< its handler runs
    begins,   ///< at any moment, or when what holds it is gone
    settles,  ///< its attempt is over or was cut off, which is not recorded yet
    waits     ///< for its time
  };
  action_index action = no_action;
  next what = next::nothing;
  reason_kind held_by = reason_kind::starting;  ///< begins
  time_ms since_ms = 0;                         ///< ends; 0: not known
};

/// Adds the forecast, and whether nothing happens by itself. Of an open workflow. `of_engine`: what
/// holds every action, if something does.
void add_forecast(const definition& def, const workflow_state& state, const vantage& from,
                  const std::vector<outlook>& outlooks, const std::vector<action_reason>& of_engine,
                  explanation& out);
/// Last: it looks at all the rest.
void add_headline(const definition& def, const workflow_state& state, const vantage& from,
                  const std::vector<action_reason>& of_engine, explanation& out);

/// Whether what is explained sits with the engine or process as a whole, so that its text is a
/// sentence and not what follows an action's key.
[[nodiscard]] bool is_of_engine(reason_kind k) noexcept;
/// Whether the time at which an open attempt ends may be that of start_to_close, not of what it
/// waits for.
[[nodiscard]] bool may_be_start_to_close(const definition& def, action_index a,
                                         const action_state& open, const rulebook* rules);
/// Whether only somebody who acts ends it.
[[nodiscard]] bool needs_somebody(reason_kind k) noexcept;

}  // namespace tenax::model
