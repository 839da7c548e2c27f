// text.hpp - text for people: what may go to a terminal, times, durations, numbers, tables.
// Depends on include/tenax and model/documents/timestamp. Pure functions and value types.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/documents/timestamp.hpp"
#include "tenax/handler.hpp"

namespace tenax::node {

/// The text with everything escaped that a terminal could obey or that could pass for something
/// else: control characters (\n, \x1b, \u0085), line separators and direction marks (\u202e),
/// bytes that are not UTF-8 (\xff). Names and errors come from documents that nobody vouches for.
[[nodiscard]] std::string printable(std::string_view text);
[[nodiscard]] bool valid_utf8(std::string_view text) noexcept;

/// Columns that printable text takes (characters; wide ones count as one).
[[nodiscard]] std::size_t columns(std::string_view text) noexcept;
/// At most `columns_max` columns, the last three "..." when something is cut.
[[nodiscard]] std::string shortened(std::string text, std::size_t columns_max);
/// Filled with spaces to at least `width` columns.
[[nodiscard]] std::string padded(std::string text, std::size_t width);

/// RFC 3339 in UTC with milliseconds: 2026-03-01T12:00:00.250Z.
[[nodiscard]] inline std::string format_time(wall_time at) { return model::print_timestamp(at); }
/// Reads what model::parse_timestamp reads, or a date, which is its midnight in UTC.
[[nodiscard]] std::optional<wall_time> parse_time(std::string_view text);
[[nodiscard]] inline std::string format_duration(milliseconds d) {
  return model::print_duration(d);
}
/// With thousands separators: 12,345.
[[nodiscard]] std::string format_count(std::uint64_t n);
/// "1 workflow", "2 workflows".
[[nodiscard]] std::string counted(std::uint64_t n, std::string_view noun);

/// A word as a shell takes it back, printable whatever it holds; with control characters or bytes
/// that are not UTF-8 as $'...' (POSIX 2024, bash, ksh, zsh).
[[nodiscard]] std::string shell_word(const std::string& text);

inline constexpr const char* default_data_dir = "tenax-data";

/// The engine that a command is about, as its options name it.
struct engine_name {
  engine_name() = default;
  template <class Path>
  requires std::convertible_to<Path, std::filesystem::path> engine_name(Path dir)
      : data_dir(std::move(dir)) {}  // NOLINT(google-explicit-constructor)

  std::filesystem::path data_dir = default_data_dir;
  std::string server{};  ///< a URL: then it is this one's, and no directory's
};

/// A command to type, about this engine: "tenax list --data-dir DIR", without the option where DIR
/// is the default. Printable.
[[nodiscard]] std::string command_line(std::string_view command, const engine_name& about);
/// The same with words that are no options, whatever they begin with.
[[nodiscard]] std::string command_line(std::string_view command, const engine_name& about,
                                       const std::vector<std::string>& words);
[[nodiscard]] std::string id_line(std::string_view command, const engine_name& about,
                                  const std::string& id);
/// With the decision to retry, and the others in a comment behind it.
[[nodiscard]] std::string resolve_line(const engine_name& about, const std::string& workflow,
                                       const std::string& action);

/// Rows under a header, columns aligned, the last one ragged. Cells must be printable.
class table {
 public:
  explicit table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  /// As many cells as the header has.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tenax::node
