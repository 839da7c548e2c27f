// json_output.hpp - what `--output json` prints beside workflows and histories, which
// model/documents/view_json.hpp has: always valid UTF-8, other bytes become U+FFFD.
// Depends on include/tenax, model/documents and nlohmann-json. Pure functions.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

#include "model/documents/view_json.hpp"
#include "tenax/engine.hpp"

namespace tenax::node {

/// Keeps fields in the order in which they were added.
using json = nlohmann::ordered_json;

/// One line, without its end.
[[nodiscard]] std::string dump(const json& value);

/// A text of to_json's making as a tree.
[[nodiscard]] json parsed(std::string_view own);

using model::to_json;
[[nodiscard]] json to_json(const verify_report& r);
/// {"error": {"code", "message", "faults": [...]}}
[[nodiscard]] json to_json(const error& e);

}  // namespace tenax::node
