// policy_json.hpp - what is set of a retry policy for one action, as JSON: in events, records and
// answers, e.g. {"max_attempts":5,"min_wait_ms":1000}. Depends on include/tenax and
// model/documents only. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/documents/json_writer.hpp"
#include "tenax/retry.hpp"

namespace tenax::model {

[[nodiscard]] std::string_view to_string(on_exhausted what) noexcept;  ///< fail | pause | skip
[[nodiscard]] std::optional<on_exhausted> parse_on_exhausted(std::string_view word) noexcept;

/// Members of the object that has begun: what is set.
void put_fields(json_writer& out, const policy_change& p);
[[nodiscard]] std::string print_policy(const policy_change& p);
/// Nothing: it is not what print_policy makes of a change that can be used.
[[nodiscard]] std::optional<policy_change> parse_policy(std::string_view json);

}  // namespace tenax::model
