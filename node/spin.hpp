// spin.hpp - the action type `spin`: real CPU work of a given length, for trying and measuring.
// Depends on include/tenax and nlohmann-json. Thread safe.
#pragma once

#include "tenax/handler.hpp"

namespace tenax::node {

/// spin {"seconds": number, 0..86400}: takes that much CPU time of one core; ends early, as a
/// failure of class "stopped", when asked to stop.
void add_spin(handler_registry& registry);

}  // namespace tenax::node
