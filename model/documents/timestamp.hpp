// timestamp.hpp - wall times as RFC 3339 text, and times and durations for people: the one place
// that reads and prints them. Depends on include/tenax only. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tenax/handler.hpp"

namespace tenax::model {

/// Reads "2026-03-01T09:30:00Z", also with a fraction and an offset ("+02:00"). A fraction of any
/// length, rounded up to milliseconds: what waits for a time never starts before it, and since the
/// engine's times are whole milliseconds, "at or after" and "before" a finer time mean the same
/// with the next whole one. Refused: leap seconds (:60), which the system's clock does not have,
/// and times outside the years 0 to 9999 in UTC.
[[nodiscard]] std::optional<wall_time> parse_timestamp(std::string_view text);
/// In UTC, always with three digits of milliseconds, so that texts sort as times. Times outside the
/// years 0 to 9999 are clamped.
[[nodiscard]] std::string print_timestamp(wall_time time);

/// "7 ms", "2.5 s", "3m 05s", "2h 03m", "5d 02h"; negative ones with a minus.
[[nodiscard]] std::string print_duration(milliseconds d);
/// "15:04:05Z"; of another day with its date, of less than a minute from now with milliseconds.
[[nodiscard]] std::string print_near(wall_time at, wall_time now);
/// "in 2m 10s, 15:04:05Z", "5m 00s ago, 15:04:05Z".
[[nodiscard]] std::string print_when(wall_time at, wall_time now);
/// "for 2m 10s, since 15:04:05Z".
[[nodiscard]] std::string print_since(wall_time at, wall_time now);

}  // namespace tenax::model
