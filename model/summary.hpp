// summary.hpp - the public view of a workflow's head and counters.
// Depends on include/tenax and model only. Pure function.
#pragma once

#include "model/state.hpp"
#include "tenax/view.hpp"

namespace tenax::model {

/// Needs of the spec the head, and the key of the failed action; `state.actions` may be empty.
[[nodiscard]] workflow_summary summarize(const workflow_spec& head, const workflow_state& state);

[[nodiscard]] action_counts count_actions(const workflow_state& state);

}  // namespace tenax::model
