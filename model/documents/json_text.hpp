// json_text.hpp - pieces of JSON text: UTF-8, strings, numbers, pointers, and lists of faults.
// Depends on include/tenax only. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/result.hpp"

namespace tenax::model {

/// Bytes of the UTF-8 character that starts at `at` (RFC 3629), 0 if there is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text, std::size_t at) noexcept;
/// Offset of the first byte that is not UTF-8; npos: there is none.
[[nodiscard]] std::size_t find_invalid_utf8(std::string_view text) noexcept;
/// The longest beginning of at most `bytes_max` bytes that does not cut a character.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes_max) noexcept;

/// Appends a JSON string with its quotes. What is not UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
/// The shortest JSON number that reads back as `value`, which is finite. Always recognizable as a
/// float ("1.0").
[[nodiscard]] std::string json_number(double value);

/// `text` for a message: in quotes, cut to a readable length, nothing unprintable.
[[nodiscard]] std::string shown(std::string_view text);
/// Appends one step to a JSON pointer (RFC 6901). Names beyond 128 bytes are cut, so that the
/// pointers of a hostile document stay small.
void append_pointer(std::string& pointer, std::string_view name);
void append_pointer(std::string& pointer, std::size_t index);

/// Collects faults: keeps the first 1,000 and counts the rest.
class fault_list {
 public:
  void add(std::string path, std::string message);
  /// True when another fault would only be counted: spares the work of wording it.
  [[nodiscard]] bool full() const noexcept { return kept_.size() >= kept_max; }
  [[nodiscard]] bool empty() const noexcept { return kept_.empty(); }
  /// The kept ones; if there were more, a last one says how many.
  [[nodiscard]] std::vector<fault> take();

  static constexpr std::size_t kept_max = 1'000;

 private:
  std::vector<fault> kept_;
  std::size_t dropped_ = 0;
};

/// The error of a document that has these faults.
[[nodiscard]] error invalid_spec_error(std::string_view what, std::vector<fault> faults);

}  // namespace tenax::model
