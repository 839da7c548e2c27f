// trace.hpp - ids of distributed traces (W3C Trace Context), made from what a workflow is: the same
// in every process and after every restart, so that they need not be stored.
// Depends on std and model/seams only. Pure functions, value types.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/seams.hpp"

namespace tenax::model {

struct trace_id {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const trace_id&) const = default;
};

/// Of a workflow's id and its submit: an id that is used again after a removal is another trace.
[[nodiscard]] trace_id trace_of(std::string_view workflow_id, time_ms submitted_at_ms);
/// Of the workflow; `life` counts how often it has gone on after it had failed.
[[nodiscard]] std::uint64_t workflow_span(const trace_id& trace, std::uint32_t life);
[[nodiscard]] std::uint64_t attempt_span(const trace_id& trace, std::string_view action_key,
                                         std::uint32_t attempt);

/// 32 hexadecimal digits.
[[nodiscard]] std::string print_trace(const trace_id& trace);
/// "00-TRACE-SPAN-01" (www.w3.org/TR/trace-context): who gets it is below that span, which is
/// recorded.
[[nodiscard]] std::string print_traceparent(const trace_id& trace, std::uint64_t span);

}  // namespace tenax::model
