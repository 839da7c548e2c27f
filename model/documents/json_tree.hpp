// json_tree.hpp - a JSON document in memory: flat, in document order, safe on hostile input.
// Depends on include/tenax and model/documents/json_text only. Values; const calls are thread safe.
//
// A node is its position in document order, so a subtree is the range [node, end(node)) and no
// walk needs recursion. Object members keep their order; numbers keep their text.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/result.hpp"

namespace tenax::model {

enum class json_kind : std::uint8_t { null, boolean, number, string, array, object };
/// "a string", "an object", ... for messages.
[[nodiscard]] std::string_view described(json_kind kind) noexcept;

using json_at = std::uint32_t;

class json_tree {
 public:
  static constexpr json_at root = 0;

  [[nodiscard]] json_kind kind(json_at node) const { return nodes_[node].kind; }
  [[nodiscard]] bool is(json_at node, json_kind kind) const { return nodes_[node].kind == kind; }
  /// The member's name; "" for array elements and the root.
  [[nodiscard]] std::string_view key(json_at node) const {
    return std::string_view(text_).substr(nodes_[node].key_at, nodes_[node].key_bytes);
  }
  /// A string's characters; the JSON text of a number, boolean or null; "" for arrays and objects.
  [[nodiscard]] std::string_view text(json_at node) const {
    return std::string_view(text_).substr(nodes_[node].text_at, nodes_[node].text_bytes);
  }
  /// One past the last node of the subtree; also the next sibling, if the parent has one.
  [[nodiscard]] json_at end(json_at node) const { return nodes_[node].end; }
  [[nodiscard]] bool has_children(json_at node) const { return nodes_[node].end > node + 1; }
  /// Calls f(child) for each element or member.
  template <class F>
  void for_each_child(json_at node, F&& f) const {
    for (json_at child = node + 1; child < nodes_[node].end; child = nodes_[child].end) f(child);
  }
  /// The member of an object by name, linear.
  [[nodiscard]] std::optional<json_at> member(json_at object, std::string_view name) const;
  [[nodiscard]] std::size_t child_count(json_at node) const;
  /// A number's value, if an int64 holds it exactly and it is written as an integer.
  [[nodiscard]] std::optional<std::int64_t> integer(json_at node) const;
  /// A number's value.
  [[nodiscard]] double number(json_at node) const;
  [[nodiscard]] std::size_t node_count() const noexcept { return nodes_.size(); }
  /// Of memory.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return nodes_.capacity() * sizeof(entry) + text_.capacity();
  }
  /// Gives back what it has grown too far: for a tree that is to be kept.
  void shrink() {
    nodes_.shrink_to_fit();
    text_.shrink_to_fit();
  }

 private:
  friend class json_tree_builder;
  struct entry {
    std::uint32_t key_at = 0;
    std::uint32_t key_bytes = 0;
    std::uint32_t text_at = 0;
    std::uint32_t text_bytes = 0;
    json_at end = 0;
    json_kind kind = json_kind::null;
  };
  std::vector<entry> nodes_;
  std::string text_;  ///< all keys and texts
};

struct json_rules {
  std::size_t depth_max = 64;    ///< of arrays and objects inside each other
  bool unique_keys = true;       ///< a name twice in one object is a fault
  std::size_t depth_around = 0;  ///< outer levels that do not count
};

enum class json_failure : std::uint8_t { none, syntax, too_deep, duplicate_key };

struct json_parse {
  json_tree tree;  ///< complete when `failure` is none or duplicate_key
  json_failure failure = json_failure::none;
  std::vector<fault> faults;
};
/// Parses one JSON value. Syntax includes bytes that are not UTF-8, and numbers beyond a double.
[[nodiscard]] json_parse parse_json(std::string_view json, const json_rules& rules);

/// Whether the document is an object that has all these members. Reads no further than it must, and
/// finds no faults.
[[nodiscard]] bool has_members(std::string_view json,
                               std::initializer_list<std::string_view> names);

/// Whether the bytes are JSON that can stand in a line of JSON just as they are: one value without
/// line ends, or spaces around it, nested no deeper than limits::json_depth_max.
[[nodiscard]] bool fits_in_a_line(std::string_view bytes);
/// Calls f(name, value) for each member or element of a JSON object or array with the texts as they
/// are written; names are without their quotes, "" of elements. `json` is what parse_json takes.
void each_json_text(std::string_view json,
                    const std::function<void(std::string_view, std::string_view)>& f);

/// Nesting of a subtree: 0 for a scalar, 1 for [].
[[nodiscard]] std::size_t json_depth(const json_tree& tree, json_at node);

/// Writes a string value; `depth` is the nesting around it. False stops the whole writing.
using write_string = std::function<bool(std::string& out, json_at node, std::size_t depth)>;
/// Appends a subtree without any spaces. False: `strings` stopped it, or it grew beyond
/// `bytes_max`.
bool append_json(std::string& out, const json_tree& tree, json_at node,
                 std::size_t bytes_max = SIZE_MAX, const write_string& strings = {});

/// Goes through a subtree in document order and knows the way to where it is.
class json_walk {
 public:
  json_walk(const json_tree& tree, json_at root) : tree_(tree), root_(root), at_(root) {}
  [[nodiscard]] bool done() const { return at_ >= tree_.end(root_); }
  [[nodiscard]] json_at at() const { return at_; }
  void next();
  /// JSON pointer from the subtree's root to here.
  [[nodiscard]] std::string pointer() const;

 private:
  struct level {
    json_at node;
    std::size_t index;  ///< of the child we are in
  };
  const json_tree& tree_;
  json_at root_;
  json_at at_;
  std::vector<level> levels_;
};

}  // namespace tenax::model
