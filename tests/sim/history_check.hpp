// history_check.hpp - reads a history as an outsider would, without model::apply, so that a bug in
// apply does not hide itself: I4-I6, I8-I10, I12. Depends on model/event.hpp and the workload.
#pragma once

#include <string>
#include <vector>

#include "storage/store.hpp"
#include "tests/sim/workload.hpp"

namespace tenax::sim {

/// What is wrong first, "" if nothing. `events` is the whole history.
[[nodiscard]] std::string check_history(
    const workflow_spec& spec, const workload& work,
    const std::vector<storage::read_store::stored_event>& events);

}  // namespace tenax::sim
