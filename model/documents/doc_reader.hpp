// doc_reader.hpp - reading documents with one list of faults: what the native spec and WfFormat
// readers share. Depends on include/tenax and model only.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "model/documents/json_text.hpp"
#include "model/documents/json_tree.hpp"
#include "tenax/limits.hpp"

namespace tenax::model {

/// A path into a document that costs nothing until it is asked for: the one before it, and a step.
/// Lives on the stack of the function that descends.
class doc_path {
 public:
  doc_path() = default;
  doc_path(const doc_path& parent, std::string_view name) : parent_(&parent), name_(name) {}
  doc_path(const doc_path& parent, std::size_t index) : parent_(&parent), index_(index) {}
  [[nodiscard]] std::string pointer() const;

 private:
  const doc_path* parent_ = nullptr;
  std::string_view name_;
  std::optional<std::size_t> index_;
};

/// A parsed document and what is wrong with it.
struct doc_reader {
  json_tree tree;
  fault_list faults;

  /// False: nothing can be read (too large, no JSON); the faults say why.
  /// The outer `depth_around` levels do not count as nesting.
  bool open(std::string_view json, const limits& bounds, std::size_t depth_around = 0);
  void fault_at(const doc_path& path, std::string message);
  /// Checks the kind; a fault if it is another.
  bool expect(json_at node, json_kind kind, const doc_path& path);
  /// A string's characters.
  std::optional<std::string_view> text(json_at node, const doc_path& path);
  /// An integer that fits 64 bits.
  std::optional<std::int64_t> integer(json_at node, const doc_path& path);
  /// The member of an object that must be there and be of that kind.
  std::optional<json_at> required(json_at object, std::string_view name, json_kind kind,
                                  const doc_path& path);
};

}  // namespace tenax::model
