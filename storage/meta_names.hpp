// meta_names.hpp - the meta rows and the format version.
// Depends on std only.
#pragma once

#include <cstdint>
#include <string_view>

namespace tenax::storage {

/// The format of the whole database; the meta row "format" holds it.
/// 1 was in use before the first release: other kinds of keys.
inline constexpr std::uint64_t format_version = 2;

/// Names of the meta rows: never reused.
namespace meta_names {
inline constexpr std::string_view format = "format";        ///< number
inline constexpr std::string_view epoch = "epoch";          ///< number; grows at each open
inline constexpr std::string_view totals = "totals";        ///< totals
inline constexpr std::string_view due_bound = "due_bound";  ///< no due entry is before this key
}  // namespace meta_names

}  // namespace tenax::storage
