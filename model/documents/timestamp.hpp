// timestamp.hpp - wall times as RFC 3339 text. Depends on include/tenax only. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tenax/handler.hpp"

namespace tenax::model {

/// Reads "2026-03-01T09:30:00Z", also with a fraction and an offset ("+02:00"). Finer parts than a
/// millisecond are dropped; a leap second reads as the second after it.
[[nodiscard]] std::optional<wall_time> parse_timestamp(std::string_view text);
/// In UTC, with milliseconds only if there are any. Times outside the years 0 to 9999 are clamped.
[[nodiscard]] std::string print_timestamp(wall_time time);

}  // namespace tenax::model
