// parsed_document.hpp - the bytes of one result, or of a workflow's input, parsed once for all who
// refer to them. Depends on include/tenax and model/documents only. Immutable: any number of
// threads may share one.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/documents/json_tree.hpp"
#include "model/documents/reference_text.hpp"

namespace tenax::model {

class parsed_document {
 public:
  /// Any bytes. What is nested deeper than limits::json_depth_max is kept as a fault only, and what
  /// is no JSON as the characters of a string. A name twice in an object is for its maker to answer
  /// for.
  explicit parsed_document(std::string bytes);
  parsed_document(const parsed_document&) = delete;  // shared, not copied
  parsed_document& operator=(const parsed_document&) = delete;

  [[nodiscard]] bool is_json() const noexcept { return failure_ == json_failure::none; }
  /// When it is JSON.
  [[nodiscard]] const json_tree& tree() const noexcept { return tree_; }
  /// When it is not: the bytes, unless it is nested too deep.
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  /// Says that it is nested too deep; "" if it is not.
  [[nodiscard]] std::string_view too_deep() const noexcept { return too_deep_; }
  /// As path_lookup::find, when it is JSON.
  [[nodiscard]] std::optional<json_at> find(std::string_view path, std::string& missing) const {
    return lookup_.find(path, missing);
  }
  /// Of memory, about, with what lookups may add.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  json_failure failure_ = json_failure::none;
  std::string text_;
  std::string too_deep_;
  json_tree tree_;
  path_lookup lookup_{tree_};
};

using document_ptr = std::shared_ptr<const parsed_document>;

[[nodiscard]] document_ptr parse_document(std::string bytes);

}  // namespace tenax::model
