#include "model/documents/reference_text.hpp"

#include <algorithm>
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

struct path_lookup::wanted_child {
  bool in_object = false;
  std::string_view name;
  std::size_t position = 0;  ///< in an array
};

std::optional<json_at> path_lookup::find(std::string_view path, std::string& missing) const {
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
                  std::to_string(tree_.child_count(at));
      } else {
        missing = std::string(described(kind)) + " has no member " + shown(segment);
      }
      return std::nullopt;
    }
    at = *next;
  }
  return at;
}

std::size_t path_lookup::bytes_max(const json_tree& tree) noexcept {
  return tree.node_count() * sizeof(json_at);
}

std::optional<json_at> path_lookup::step(json_at from, std::string_view segment) const {
  wanted_child wanted;
  if (tree_.is(from, json_kind::object)) {
    wanted = {true, segment, 0};
  } else if (tree_.is(from, json_kind::array)) {
    const char* end = segment.data() + segment.size();
    const auto parsed = std::from_chars(segment.data(), end, wanted.position);
    const bool plain = segment == "0" || segment.front() != '0';
    if (parsed.ec != std::errc{} || parsed.ptr != end || !plain) return std::nullopt;
  } else {
    return std::nullopt;
  }
  constexpr std::size_t few = 32;
  std::optional<json_at> found;
  if (go_through(from, wanted, few, found)) return found;
  const std::vector<json_at>* index = nullptr;  // stays as it is once it is made
  {
    const std::lock_guard lock(mutex_);
    const auto [at, first] = indexes_.try_emplace(from);
    if (!first) {
      if (at->second.empty()) at->second = make_index(from);
      index = &at->second;
    }
  }
  if (index != nullptr) return look_up(*index, wanted);
  (void)go_through(from, wanted, SIZE_MAX, found);
  return found;
}

bool path_lookup::go_through(json_at from, const wanted_child& wanted, std::size_t children_max,
                             std::optional<json_at>& found) const {
  std::size_t seen = 0;
  found.reset();
  const json_at end = tree_.end(from);
  json_at child = from + 1;
  for (; child < end && seen < children_max; child = tree_.end(child), ++seen) {
    if (wanted.in_object) {
      // Of a name that is there twice the last one counts, as in most JSON readers.
      if (tree_.key(child) == wanted.name) found = child;
    } else if (seen == wanted.position) {
      found = child;
      break;
    }
  }
  looked_at_.fetch_add(seen, std::memory_order_relaxed);
  return child >= end || (found && !wanted.in_object);
}

std::vector<json_at> path_lookup::make_index(json_at from) const {
  std::vector<json_at> children;
  tree_.for_each_child(from, [&](json_at child) { children.push_back(child); });
  looked_at_.fetch_add(children.size(), std::memory_order_relaxed);
  if (tree_.is(from, json_kind::array)) return children;
  std::stable_sort(children.begin(), children.end(),
                   [&](json_at a, json_at b) { return tree_.key(a) < tree_.key(b); });
  const auto same = [&](json_at a, json_at b) { return tree_.key(a) == tree_.key(b); };
  // From the back, so that of the members of one name the last is left.
  children.erase(children.begin(), std::unique(children.rbegin(), children.rend(), same).base());
  children.shrink_to_fit();
  return children;
}

std::optional<json_at> path_lookup::look_up(const std::vector<json_at>& index,
                                            const wanted_child& wanted) const {
  if (!wanted.in_object) {
    looked_at_.fetch_add(1, std::memory_order_relaxed);
    if (wanted.position >= index.size()) return std::nullopt;
    return index[wanted.position];
  }
  std::uint64_t steps = 0;
  const auto at =
      std::lower_bound(index.begin(), index.end(), wanted.name, [&](json_at a, std::string_view b) {
        ++steps;
        return tree_.key(a) < b;
      });
  looked_at_.fetch_add(steps, std::memory_order_relaxed);
  if (at == index.end() || tree_.key(*at) != wanted.name) return std::nullopt;
  return *at;
}

}  // namespace tenax::model
