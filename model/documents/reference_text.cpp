#include "model/documents/reference_text.hpp"

#include <charconv>

#include "model/documents/json_text.hpp"
#include "model/validate.hpp"

namespace tenax::model {

namespace {

constexpr std::string_view opening = "${";
constexpr std::string_view escaped_opening = "$${";
constexpr std::string_view actions_prefix = "actions.";
constexpr std::string_view result_suffix = ".result";
constexpr std::string_view workflow_input = "workflow.input";

bool valid_path(std::string_view path) {
  if (path.empty()) return true;
  return path.front() == '.' && path.back() != '.' && path.find("..") == std::string_view::npos &&
         path.find(opening) == std::string_view::npos;
}

// Where KEY ends in "actions.KEY.result...": npos if nowhere.
std::size_t find_result(std::string_view body) {
  for (std::size_t at = actions_prefix.size();; ++at) {
    at = body.find(result_suffix, at);
    if (at == std::string_view::npos) return at;
    const std::size_t after = at + result_suffix.size();
    if (after == body.size() || body[after] == '.') return at;
  }
}

text_piece malformed(std::string_view text) {
  return bad_reference{shown(text) +
                       " is not a reference: write ${actions.KEY.result} or ${workflow.input}, "
                       "each with .member or .index steps if needed, or $${ for a plain ${"};
}

// `text` is "${...}".
text_piece parse_reference(std::string_view text) {
  const std::string_view body = text.substr(2, text.size() - 3);
  reference found{text, "", ""};
  if (body.starts_with(workflow_input)) {
    found.path = body.substr(workflow_input.size());
  } else if (body.starts_with(actions_prefix)) {
    const std::size_t end = find_result(body);
    if (end == std::string_view::npos) return malformed(text);
    found.action_key = body.substr(actions_prefix.size(), end - actions_prefix.size());
    found.path = body.substr(end + result_suffix.size());
    if (!valid_id(found.action_key)) return malformed(text);
  } else {
    return malformed(text);
  }
  if (!valid_path(found.path)) return malformed(text);
  return found;
}

}  // namespace

std::vector<text_piece> split_references(std::string_view text) {
  std::vector<text_piece> pieces;
  std::size_t literal = 0;  // where the literal text before `at` starts
  const auto flush = [&](std::size_t end) {
    if (end > literal) pieces.emplace_back(text.substr(literal, end - literal));
  };
  std::size_t at = text.find('$');
  while (at != std::string_view::npos) {
    if (text.substr(at).starts_with(escaped_opening)) {
      flush(at);
      literal = at + 1;  // the rest of the escape, "${", is literal text
      at = literal + opening.size();
    } else if (text.substr(at).starts_with(opening)) {
      flush(at);
      const std::size_t end = text.find('}', at);
      if (end == std::string_view::npos) {
        pieces.emplace_back(bad_reference{shown(text.substr(at)) + " has no closing }"});
        return pieces;
      }
      pieces.push_back(parse_reference(text.substr(at, end + 1 - at)));
      at = literal = end + 1;
    } else {
      ++at;
    }
    at = text.find('$', at);
  }
  flush(text.size());
  return pieces;
}

bool may_hold_references(std::string_view json) noexcept {
  // "$" and "{" may be written as \u0024 and \u007b.
  return json.find(opening) != std::string_view::npos ||
         json.find("\\u00") != std::string_view::npos;
}

bool scan_tree(const json_tree& tree,
               const std::function<void(const text_piece&, const json_walk&)>& on_piece) {
  bool any = false;
  for (json_walk walk(tree, json_tree::root); !walk.done(); walk.next()) {
    if (!tree.is(walk.at(), json_kind::string)) continue;
    const std::string_view text = tree.text(walk.at());
    if (text.find(opening) == std::string_view::npos) continue;
    any = true;
    for (const text_piece& piece : split_references(text)) {
      if (!std::holds_alternative<std::string_view>(piece)) on_piece(piece, walk);
    }
  }
  return any;
}

std::optional<json_at> path_lookup::find(std::string_view path, std::string& missing) {
  json_at at = json_tree::root;
  while (!path.empty()) {
    path.remove_prefix(1);  // the dot
    const std::string_view segment = path.substr(0, path.find('.'));
    path.remove_prefix(segment.size());
    const auto next = step(at, segment);
    if (!next) {
      const json_kind kind = tree_.kind(at);
      if (kind == json_kind::object) {
        missing = "there is no member " + shown(segment);
      } else if (kind == json_kind::array) {
        missing = "there is no element " + shown(segment) + " in an array of " +
                  std::to_string(elements_[at].size());
      } else {
        missing = std::string(described(kind)) + " has no member " + shown(segment);
      }
      return std::nullopt;
    }
    at = *next;
  }
  return at;
}

std::optional<json_at> path_lookup::step(json_at from, std::string_view segment) {
  if (tree_.is(from, json_kind::object)) {
    const bool known = members_.contains(from);
    auto& members = members_[from];
    // Of a name that is there twice the last one counts, as in most JSON readers.
    if (!known) tree_.for_each_child(from, [&](json_at m) { members[tree_.key(m)] = m; });
    const auto found = members.find(segment);
    if (found == members.end()) return std::nullopt;
    return found->second;
  }
  if (tree_.is(from, json_kind::array)) {
    const bool known = elements_.contains(from);
    auto& elements = elements_[from];
    if (!known) tree_.for_each_child(from, [&](json_at e) { elements.push_back(e); });
    std::size_t index = 0;
    const char* end = segment.data() + segment.size();
    const auto parsed = std::from_chars(segment.data(), end, index);
    const bool plain = segment == "0" || segment.front() != '0';
    if (parsed.ec != std::errc{} || parsed.ptr != end || !plain) return std::nullopt;
    if (index >= elements.size()) return std::nullopt;
    return elements[index];
  }
  return std::nullopt;
}

}  // namespace tenax::model
