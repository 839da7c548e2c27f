// meta_names.hpp - the meta rows and the format version.
// Depends on storage/store.hpp only.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/store.hpp"

namespace tenax::storage {

/// The format of the whole database; the meta row "format" holds it.
/// 1 and 2 were in use before the first release: other kinds of keys. An engine that opens one of
/// the others brings it to the last: 3 had no N, Q and R, in 4 N was always there and all of it.
inline constexpr std::uint64_t format_version = 5;
inline constexpr std::uint64_t format_upgradable = 3;
inline constexpr std::uint64_t format_with_all_ends = 4;

/// What the meta row `ends` says of the index N. No row: N is empty.
enum class ends_state : std::uint8_t {
  partial = 0,   ///< being made or removed: any of its rows can be there, others too
  complete = 1,  ///< all of them, and no other
};

/// Names of the meta rows: never reused.
namespace meta_names {
inline constexpr std::string_view format = "format";  ///< number
inline constexpr std::string_view epoch = "epoch";    ///< number; grows at each open
inline constexpr std::string_view totals = "totals";  ///< totals
inline constexpr std::string_view ends = "ends";      ///< number: ends_state
/// No due entry of the group is before this key.
inline constexpr std::string_view due_bound = "due_bound";
inline constexpr std::string_view deadline_bound = "deadline_bound";
[[nodiscard]] constexpr std::string_view bound_of(timer_group g) noexcept {
  return g == timer_group::start ? due_bound : deadline_bound;
}
}  // namespace meta_names

}  // namespace tenax::storage
