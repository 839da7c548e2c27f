// export_lines.hpp - an export: everything that a data directory knows of its workflows, as lines
// of JSON that people read and programs read back (docs/export-format.md). Printing and reading of
// one line. Depends on include/tenax and model only. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "model/event.hpp"
#include "tenax/spec.hpp"
#include "tenax/view.hpp"

namespace tenax::model {

inline constexpr std::int64_t export_version = 1;
/// A longer line is not read back.
inline constexpr std::size_t export_line_bytes_max = std::size_t{1} << 28;

/// The first line of an export.
struct export_begin {
  std::int64_t version = export_version;
  bool operator==(const export_begin&) const = default;
};
/// Begins a workflow; its events follow, and its export_workflow_end.
struct export_workflow {
  workflow_spec spec;  ///< with its id
  workflow_status status = workflow_status::pending;
  bool operator==(const export_workflow&) const = default;
};
struct export_event {
  std::string workflow;
  std::uint64_t seq = 0;
  std::string action;  ///< its key; "": none. `what` has no index
  event what;
  bool operator==(const export_event&) const = default;
};
struct export_workflow_end {
  std::string workflow;
  std::uint64_t events = 0;
  /// Of the workflow's lines before this one; nothing when somebody has taken it out.
  std::optional<std::uint64_t> checksum;
  bool operator==(const export_workflow_end&) const = default;
};
/// The last line.
struct export_end {
  std::uint64_t workflows = 0;
  std::uint64_t events = 0;
  bool operator==(const export_end&) const = default;
};
using export_line =
    std::variant<export_begin, export_workflow, export_event, export_workflow_end, export_end>;

/// One line, without its end. Nothing is lost but what of a spec's texts is not UTF-8, which
/// `validate` does not accept.
[[nodiscard]] std::string print_export_line(const export_line& line);
/// Error invalid_argument: what is wrong with it. A spec is not validated; `bounds` are those of
/// its document.
[[nodiscard]] result<export_line> parse_export_line(std::string_view line, const limits& bounds);

/// The checksum of a workflow's lines: 0 before the first, then with each line (without its end).
[[nodiscard]] std::uint64_t add_export_checksum(std::uint64_t sum, std::string_view line) noexcept;

}  // namespace tenax::model
