#include "model/documents/json_tree.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "model/documents/json_text.hpp"

namespace tenax::model {

std::string_view described(json_kind kind) noexcept {
  switch (kind) {
    case json_kind::null:
      return "null";
    case json_kind::boolean:
      return "a boolean";
    case json_kind::number:
      return "a number";
    case json_kind::string:
      return "a string";
    case json_kind::array:
      return "an array";
    case json_kind::object:
      return "an object";
  }
  return "nothing";
}

std::optional<json_at> json_tree::member(json_at object, std::string_view name) const {
  for (json_at child = object + 1; child < nodes_[object].end; child = nodes_[child].end) {
    if (key(child) == name) return child;
  }
  return std::nullopt;
}

std::size_t json_tree::child_count(json_at node) const {
  std::size_t count = 0;
  for_each_child(node, [&](json_at) { ++count; });
  return count;
}

std::optional<std::int64_t> json_tree::integer(json_at node) const {
  const std::string_view digits = text(node);
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

double json_tree::number(json_at node) const {
  const std::string_view digits = text(node);
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::size_t json_depth(const json_tree& tree, json_at node) {
  std::vector<json_at> ends;
  std::size_t depth = 0;
  for (json_at at = node; at < tree.end(node); ++at) {
    while (!ends.empty() && ends.back() <= at) ends.pop_back();
    if (!tree.is(at, json_kind::array) && !tree.is(at, json_kind::object)) continue;
    ends.push_back(tree.end(at));
    depth = std::max(depth, ends.size());
  }
  return depth;
}

bool fits_in_a_line(std::string_view bytes) {
  constexpr std::string_view spaces = " \t\r\n";
  // The parser would also skip a byte order mark.
  if (bytes.empty() || bytes.front() == '\xef' || spaces.find(bytes.front()) != spaces.npos ||
      spaces.find(bytes.back()) != spaces.npos ||
      bytes.find_first_of("\r\n") != std::string_view::npos) {
    return false;
  }
  return parse_json(bytes, {}).failure == json_failure::none;
}

namespace {

/// One past the string that begins at `at`, or past the end.
std::size_t after_string(std::string_view json, std::size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) at += json[at] == '\\' ? 1 : 0;
  return std::min(at + 1, json.size());
}

/// One past the value that begins at `at`.
std::size_t after_value(std::string_view json, std::size_t at) {
  std::size_t depth = 0;
  while (at < json.size()) {
    const char c = json[at];
    const bool ends =
        c == ']' || c == '}' || c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (depth == 0 && ends) return at;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    at = c == '"' ? after_string(json, at) : at + 1;
    if (depth == 0 && (c == '"' || c == ']' || c == '}')) return at;
  }
  return at;
}

}  // namespace

void each_json_text(std::string_view json,
                    const std::function<void(std::string_view, std::string_view)>& f) {
  const auto next = [json](std::size_t at) {
    return std::min(json.find_first_not_of(" \t\r\n:,", at), json.size());
  };
  std::size_t at = next(0);
  if (at == json.size()) return;
  const bool named = json[at] == '{';
  for (at = next(at + 1); at < json.size() && json[at] != ']' && json[at] != '}'; at = next(at)) {
    std::string_view name;
    if (named) {
      const std::size_t end = after_string(json, at);
      name = json.substr(at + 1, end - at - 2);
      at = next(end);
    }
    const std::size_t begin = at;
    at = after_value(json, at);
    f(name, json.substr(begin, at - begin));
  }
}

bool append_json(std::string& out, const json_tree& tree, json_at node, std::size_t bytes_max,
                 const write_string& strings) {
  std::vector<json_at> open;  // arrays and objects around
  const auto close_until = [&](json_at at) {
    while (!open.empty() && tree.end(open.back()) <= at) {
      out += tree.is(open.back(), json_kind::array) ? ']' : '}';
      open.pop_back();
    }
  };
  for (json_at at = node; at < tree.end(node); ++at) {
    close_until(at);
    if (!open.empty()) {
      if (at != open.back() + 1) out += ',';
      if (tree.is(open.back(), json_kind::object)) {
        append_json_string(out, tree.key(at));
        out += ':';
      }
    }
    switch (tree.kind(at)) {
      case json_kind::array:
      case json_kind::object:
        out += tree.is(at, json_kind::array) ? '[' : '{';
        open.push_back(at);
        break;
      case json_kind::string:
        if (!strings) {
          append_json_string(out, tree.text(at));
        } else if (!strings(out, at, open.size())) {
          return false;
        }
        break;
      default:
        out += tree.text(at);
    }
    if (out.size() > bytes_max) return false;
  }
  close_until(tree.end(node));
  return out.size() <= bytes_max;
}

void json_walk::next() {
  if (tree_.has_children(at_)) {
    levels_.push_back({at_, 0});
    ++at_;
    return;
  }
  ++at_;
  while (!levels_.empty() && tree_.end(levels_.back().node) <= at_) levels_.pop_back();
  if (!levels_.empty()) ++levels_.back().index;
}

std::string json_walk::pointer() const {
  std::string path;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const json_at child = i + 1 < levels_.size() ? levels_[i + 1].node : at_;
    if (tree_.is(levels_[i].node, json_kind::array)) {
      append_pointer(path, levels_[i].index);
    } else {
      append_pointer(path, tree_.key(child));
    }
  }
  return path;
}

}  // namespace tenax::model
