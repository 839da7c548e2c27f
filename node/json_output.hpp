// json_output.hpp - what `--output json` and `tenax export` print: field names that stay, times as
// RFC 3339 in UTC with milliseconds, always valid UTF-8 (other bytes become U+FFFD, or base64 where
// they are data). An optional field that has no value is left out.
// Depends on include/tenax and nlohmann-json. Pure functions.
#pragma once

#include <nlohmann/json.hpp>

#include <span>
#include <string>
#include <string_view>

#include "tenax/engine.hpp"

namespace tenax::node {

/// Keeps fields in the order in which they were added.
using json = nlohmann::ordered_json;

/// One line, without its end.
[[nodiscard]] std::string dump(const json& value);

[[nodiscard]] json to_json(const action_counts& counts);
[[nodiscard]] json to_json(const workflow_summary& w);
[[nodiscard]] json to_json(const action_view& a);
[[nodiscard]] json to_json(const workflow_view& w);
[[nodiscard]] json to_json(const explanation& e);
[[nodiscard]] json to_json(const history_event& e);
[[nodiscard]] json to_json(const verify_report& r);
/// {"error": {"code", "message", "faults": [...]}}
[[nodiscard]] json to_json(const error& e);

/// Adds bytes that are JSON by convention: as `name` when they are (nested no deeper than 100
/// levels, no integer beyond 64 bits, which would lose digits), else as `name_text`, else (not
/// UTF-8) as `name_base64`.
void put_bytes(json& object, const std::string& name, std::string_view bytes);

[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace tenax::node
