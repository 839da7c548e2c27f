// reference_text.hpp - the syntax of references in strings, and how their paths are followed.
// Depends on include/tenax and model only. Pure functions; views point into what was scanned.
//
//   ${actions.KEY.result}  ${actions.KEY.result.member.0}  ${workflow.input}
//   ${workflow.input.member}
//   $${ stands for ${
//
// A reference ends at the first "}"; KEY ends at the first ".result" that is followed by "." or
// "}".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "model/documents/json_tree.hpp"

namespace tenax::model {

struct reference {
  std::string_view text;        ///< as written, "${...}"
  std::string_view action_key;  ///< "": the workflow's input
  std::string_view path;        ///< "" or ".member.0"
};

struct bad_reference {
  std::string message;
};

/// A string, taken apart: literal text (escapes replaced), references, and what only looks like
/// one.
using text_piece = std::variant<std::string_view, reference, bad_reference>;
[[nodiscard]] std::vector<text_piece> split_references(std::string_view text);

/// False when the JSON bytes surely hold no reference and no escape: the cheap first look.
[[nodiscard]] bool may_hold_references(std::string_view json) noexcept;

/// Calls `on_piece` for every reference and bad reference of the string values of a document; the
/// walk tells where it is. True if there was any, or an escape.
bool scan_tree(const json_tree& tree,
               const std::function<void(const text_piece&, const json_walk&)>& on_piece);

/// Follows paths in one document. Remembers the members of what it went through, so that many
/// lookups stay linear in the document's size.
class path_lookup {
 public:
  explicit path_lookup(const json_tree& tree) : tree_(tree) {}
  /// The value at a reference's path; nothing: `missing` says what is not there.
  [[nodiscard]] std::optional<json_at> find(std::string_view path, std::string& missing);

 private:
  std::optional<json_at> step(json_at from, std::string_view segment);

  const json_tree& tree_;
  std::unordered_map<json_at, std::unordered_map<std::string_view, json_at>> members_;
  std::unordered_map<json_at, std::vector<json_at>> elements_;
};

}  // namespace tenax::model
