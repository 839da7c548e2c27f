// reference_text.hpp - the syntax of references in strings, and how their paths are followed.
// Depends on include/tenax and model only. Functions are pure; views point into what was scanned.
//
//   ${actions.KEY.result}  ${actions.KEY.result.member.0}  ${workflow.input}
//   ${workflow.input.member}
//   $${ stands for ${
//
// A reference ends at the first "}"; KEY ends at the first ".result" that is followed by "." or
// "}".
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
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

/// Follows paths in one document, which must stay where it is. Thread safe. A container of many
/// members is searched by going through it the first time and gets an index the second time, so
/// that many lookups stay linear in the document's size, and a single one costs no index.
class path_lookup {
 public:
  explicit path_lookup(const json_tree& tree) : tree_(tree) {}
  path_lookup(const path_lookup&) = delete;
  path_lookup& operator=(const path_lookup&) = delete;

  /// The value at a reference's path; nothing: `missing` says what is not there.
  [[nodiscard]] std::optional<json_at> find(std::string_view path, std::string& missing) const;
  /// How many members and elements were looked at so far: what the lookups cost.
  [[nodiscard]] std::uint64_t looked_at() const noexcept {
    return looked_at_.load(std::memory_order_relaxed);
  }
  /// Of memory, for the indexes of all of a tree.
  [[nodiscard]] static std::size_t bytes_max(const json_tree& tree) noexcept;

 private:
  struct wanted_child;
  [[nodiscard]] std::optional<json_at> step(json_at from, std::string_view segment) const;
  /// False: `from` has more than `children_max` children, and the search is not over.
  [[nodiscard]] bool go_through(json_at from, const wanted_child& wanted, std::size_t children_max,
                                std::optional<json_at>& found) const;
  [[nodiscard]] std::vector<json_at> make_index(json_at from) const;
  [[nodiscard]] std::optional<json_at> look_up(const std::vector<json_at>& index,
                                               const wanted_child& wanted) const;

  const json_tree& tree_;
  mutable std::atomic<std::uint64_t> looked_at_ = 0;
  mutable std::mutex mutex_;
  /// Of containers that were gone through: empty until the second time, then an object's members in
  /// the order of their names (of a name that is there twice only the last), or an array's
  /// elements.
  mutable std::unordered_map<json_at, std::vector<json_at>> indexes_;
};

}  // namespace tenax::model
