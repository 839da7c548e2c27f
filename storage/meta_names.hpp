// meta_names.hpp - the meta rows and the format version.
// Depends on storage/store.hpp only.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/store.hpp"

namespace tenax::storage {

/// The format of the whole database; the meta row "format" holds it.
/// 1 and 2 were in use before the first release: other kinds of keys. 3 had no index of what has
/// ended: an engine that opens it brings it to 4.
inline constexpr std::uint64_t format_version = 4;
inline constexpr std::uint64_t format_upgradable = 3;

/// Names of the meta rows: never reused.
namespace meta_names {
inline constexpr std::string_view format = "format";  ///< number
inline constexpr std::string_view epoch = "epoch";    ///< number; grows at each open
inline constexpr std::string_view totals = "totals";  ///< totals
/// No due entry of the group is before this key.
inline constexpr std::string_view due_bound = "due_bound";
inline constexpr std::string_view deadline_bound = "deadline_bound";
[[nodiscard]] constexpr std::string_view bound_of(timer_group g) noexcept {
  return g == timer_group::start ? due_bound : deadline_bound;
}
}  // namespace meta_names

}  // namespace tenax::storage
