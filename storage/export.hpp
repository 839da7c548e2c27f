// export.hpp - all workflows of a data directory as lines of text
// (model/documents/export_lines.hpp, docs/export-format.md), and back into one. Depends on
// storage/store.hpp. Holds one workflow in memory at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.hpp"

namespace tenax::storage {

/// Takes one line, without its end; false: no more are wanted.
using line_sink = std::function<bool(std::string_view line)>;
/// Gives the next line, without its end; nothing after the last.
using line_source = std::function<result<std::optional<std::string>>()>;

/// Workflows with their histories: those with these ids, or all in the order in which they were
/// submitted. As of one moment if `from` is a reading store. Errors: not_found (nothing was
/// printed), and those of reads.
[[nodiscard]] result<void> export_workflows(const read_store& from,
                                            const std::vector<std::string>& ids,
                                            const line_sink& to);

/// What became of a workflow that was not written.
struct import_note {
  std::uint64_t line = 0;  ///< its last
  std::string id;
  bool same = false;  ///< it is there already, with the same content and history; else refused
  std::string what;   ///< why it was refused
};
struct import_report {
  std::uint64_t workflows = 0;  ///< written and durable, also when it failed later
  std::uint64_t events = 0;     ///< theirs
  std::uint64_t same = 0;
  std::uint64_t refused = 0;
  std::optional<error> failure;  ///< why it ended before the end
  std::uint64_t line = 0;        ///< of the line that is at fault; 0: none is
};
/// A workflow of more bytes in lines than this is refused: it is written in one piece.
inline constexpr std::size_t import_workflow_bytes_max = std::size_t{1} << 30;

/// Writes the workflows of an export into a data directory, which is made if it is absent. Each is
/// written whole or not at all, after every line of it has been read and what it gives has passed
/// the checks of `verify`; one that is there already is told to `note` and left as it is. Ends at
/// the first line that is at fault (invalid_argument: what is wrong with it); what came before is
/// in. Errors as open_store, and storage_unavailable (what was being written is there or not).
/// Repeating it is harmless.
[[nodiscard]] import_report import_workflows(const std::filesystem::path& data_dir,
                                             const store_options& opts, const line_source& from,
                                             const std::function<void(const import_note&)>& note);

}  // namespace tenax::storage
