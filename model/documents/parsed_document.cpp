#include "model/documents/parsed_document.hpp"

#include <utility>

#include "tenax/limits.hpp"

namespace tenax::model {

namespace {
constexpr json_rules lenient{.depth_max = limits{}.json_depth_max, .unique_keys = false};
}  // namespace

parsed_document::parsed_document(std::string bytes) {
  json_parse parsed = parse_json(bytes, lenient);
  failure_ = parsed.failure;
  if (failure_ == json_failure::none) {
    tree_ = std::move(parsed.tree);
    tree_.shrink();
  } else if (failure_ == json_failure::too_deep) {
    too_deep_ = std::move(parsed.faults.front().message);
  } else {
    text_ = std::move(bytes);
  }
}

std::size_t parsed_document::bytes() const noexcept {
  return sizeof(*this) + text_.capacity() + too_deep_.capacity() + tree_.bytes() +
         path_lookup::bytes_max(tree_);
}

document_ptr parse_document(std::string bytes) {
  return std::make_shared<const parsed_document>(std::move(bytes));
}

}  // namespace tenax::model
