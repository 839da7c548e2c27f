#include "model/documents/doc_reader.hpp"

#include <utility>
#include <vector>

namespace tenax::model {

std::string doc_path::pointer() const {
  std::vector<const doc_path*> steps;
  for (const doc_path* at = this; at->parent_ != nullptr; at = at->parent_) steps.push_back(at);
  std::string path;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if ((*step)->index_) {
      append_pointer(path, *(*step)->index_);
    } else {
      append_pointer(path, (*step)->name_);
    }
  }
  return path;
}

bool doc_reader::open(std::string_view json, const limits& bounds, std::size_t depth_around) {
  const std::size_t bytes_max = bounds.spec_bytes_max;
  if (json.size() > bytes_max) {
    faults.add("", std::to_string(json.size()) + " bytes, more than spec_bytes_max (" +
                       std::to_string(bytes_max) + ")");
    return false;
  }
  json_parse parsed = parse_json(json, {bounds.json_depth_max, true, depth_around});
  for (fault& found : parsed.faults) faults.add(std::move(found.path), std::move(found.message));
  tree = std::move(parsed.tree);
  return parsed.failure == json_failure::none || parsed.failure == json_failure::duplicate_key;
}

void doc_reader::fault_at(const doc_path& path, std::string message) {
  faults.add(faults.full() ? "" : path.pointer(), std::move(message));
}

bool doc_reader::expect(json_at node, json_kind kind, const doc_path& path) {
  if (tree.is(node, kind)) return true;
  fault_at(path, "expected " + std::string(described(kind)) + ", found " +
                     std::string(described(tree.kind(node))));
  return false;
}

std::optional<std::string_view> doc_reader::text(json_at node, const doc_path& path) {
  if (!expect(node, json_kind::string, path)) return std::nullopt;
  return tree.text(node);
}

std::optional<std::int64_t> doc_reader::integer(json_at node, const doc_path& path) {
  if (!expect(node, json_kind::number, path)) return std::nullopt;
  const auto value = tree.integer(node);
  if (!value) fault_at(path, "expected a 64-bit integer, found " + shown(tree.text(node)));
  return value;
}

std::optional<json_at> doc_reader::required(json_at object, std::string_view name, json_kind kind,
                                            const doc_path& path) {
  const auto found = tree.member(object, name);
  if (!found) {
    fault_at(path, "field \"" + std::string(name) + "\" is missing");
    return std::nullopt;
  }
  if (!expect(*found, kind, {path, name})) return std::nullopt;
  return found;
}

}  // namespace tenax::model
