// event_json.hpp - the data of an event as JSON: what the history shows and the audit log exports.
// Depends on include/tenax and model only. Pure functions.
#pragma once

#include <string>

#include "model/event.hpp"

namespace tenax::model {

/// A JSON object on one line with the fields that the kind has, e.g.
/// {"attempt":1,"result":{"a":1}}. Results that are JSON are embedded as such (64 levels at most),
/// others as strings; what is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string event_data(const event& e);

}  // namespace tenax::model
