// Parsing into a json_tree, on nlohmann's SAX parser: it keeps its own stack, so that nesting costs
// memory, never the program's stack.
#include <algorithm>
#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "model/documents/json_text.hpp"
#include "model/documents/json_tree.hpp"
#include "tenax/plain_numbers.hpp"

namespace tenax::model {

namespace {

using nlohmann::json;

// Offsets are 32 bits, and a number's text may grow when it is written anew.
constexpr std::size_t document_bytes_max = 1u << 28;

std::string position_of(std::string_view document, std::size_t byte) {
  const std::string_view before = document.substr(0, byte > 0 ? byte - 1 : 0);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n');
  const std::size_t column =
      before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + " (byte " +
         std::to_string(before.size()) + ")";
}

// The parser's own words without its prefixes: "[json.exception...] parse error at line ...: ".
std::string reason_of(std::string_view what) {
  if (const auto at = what.find("] "); at != std::string_view::npos) what.remove_prefix(at + 2);
  if (what.starts_with("parse error")) {
    if (const auto at = what.find(": "); at != std::string_view::npos) what.remove_prefix(at + 2);
  }
  constexpr std::size_t bytes_max = 200;
  std::string out;
  for (std::size_t at = 0; at < what.size();) {
    if (out.size() > bytes_max) return out + "...";
    const std::size_t length = utf8_length(what, at);
    if (length == 0 || static_cast<unsigned char>(what[at]) < 0x20 || what[at] == 0x7f) {
      out += '?';  // what the parser read last may be any bytes
      ++at;
    } else {
      out.append(what, at, length);
      at += length;
    }
  }
  return out;
}

}  // namespace

class json_tree_builder {
 public:
  json_tree_builder(std::string_view document, const json_rules& rules)
      : document_(document), rules_(rules) {}

  bool null() { return add(json_kind::null, "null"); }
  bool boolean(bool value) { return add(json_kind::boolean, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return add(json_kind::number, std::to_string(value)); }
  bool number_unsigned(std::uint64_t value) {
    return add(json_kind::number, std::to_string(value));
  }
  bool number_float(double value, const std::string& written) {
    // An integer beyond 64 bits comes here too: its own digits lose nothing.
    const bool integer = written.find_first_of(".eE") == std::string::npos;
    return add(json_kind::number, integer ? written : json_number(value));
  }
  bool string(const std::string& value) { return add(json_kind::string, value); }
  bool binary(const json::binary_t&) { return false; }
  bool key(const std::string& name) {
    key_at_ = out_.tree.text_.size();
    key_bytes_ = name.size();
    out_.tree.text_ += name;
    return true;
  }
  bool start_object(std::size_t) { return open(json_kind::object); }
  bool start_array(std::size_t) { return open(json_kind::array); }
  bool end_object() {
    close();
    if (rules_.unique_keys) check_keys(open_.back().node);
    open_.pop_back();
    return true;
  }
  bool end_array() {
    close();
    open_.pop_back();
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const json::exception& e) {
    fail_syntax(position_of(document_, byte) + ": " + reason_of(e.what()));
    return false;
  }

  void fail_syntax(std::string message) {
    out_.failure = json_failure::syntax;
    faults_.add("", std::move(message));
  }
  json_parse finish() {
    out_.faults = faults_.take();
    return std::move(out_);
  }

 private:
  struct level {
    json_at node;
    std::size_t children;
  };

  bool add(json_kind kind, std::string_view text) {
    auto& tree = out_.tree;
    json_tree::entry entry;
    entry.kind = kind;
    entry.key_at = static_cast<std::uint32_t>(key_at_);
    entry.key_bytes = static_cast<std::uint32_t>(key_bytes_);
    entry.text_at = static_cast<std::uint32_t>(tree.text_.size());
    entry.text_bytes = static_cast<std::uint32_t>(text.size());
    tree.text_ += text;
    tree.nodes_.push_back(entry);
    tree.nodes_.back().end = static_cast<json_at>(tree.nodes_.size());
    key_at_ = key_bytes_ = 0;
    if (!open_.empty()) ++open_.back().children;
    return true;
  }

  bool open(json_kind kind) {
    add(kind, "");
    open_.push_back({static_cast<json_at>(out_.tree.nodes_.size() - 1), 0});
    if (open_.size() <= rules_.depth_max + rules_.depth_around) return true;
    out_.failure = json_failure::too_deep;
    faults_.add(pointer(),
                "nested deeper than json_depth_max (" + std::to_string(rules_.depth_max) + ")");
    return false;
  }

  void close() {
    out_.tree.nodes_[open_.back().node].end = static_cast<json_at>(out_.tree.nodes_.size());
  }

  // To the innermost open array or object.
  std::string pointer() const {
    std::string path;
    for (std::size_t i = 1; i < open_.size(); ++i) {
      if (out_.tree.is(open_[i - 1].node, json_kind::array)) {
        append_pointer(path, open_[i - 1].children - 1);
      } else {
        append_pointer(path, out_.tree.key(open_[i].node));
      }
    }
    return path;
  }

  void check_keys(json_at object) {
    names_.clear();
    out_.tree.for_each_child(object, [&](json_at m) { names_.push_back(out_.tree.key(m)); });
    std::sort(names_.begin(), names_.end());
    for (std::size_t i = 1; i < names_.size(); ++i) {
      const bool again = names_[i] == names_[i - 1];
      if (!again || (i > 1 && names_[i] == names_[i - 2])) continue;
      out_.failure = json_failure::duplicate_key;
      std::string path = pointer();
      append_pointer(path, names_[i]);
      faults_.add(std::move(path), "duplicate key " + shown(names_[i]));
    }
  }

  std::string_view document_;
  json_rules rules_;
  json_parse out_;
  fault_list faults_;
  std::vector<level> open_;
  std::vector<std::string_view> names_;  // of one object; kept for its capacity
  std::size_t key_at_ = 0;
  std::size_t key_bytes_ = 0;
};

json_parse parse_json(std::string_view json, const json_rules& rules) {
  const plain_numbers no_locale;  // the parser asks it for its decimal point
  json_tree_builder builder(json, rules);
  if (json.size() > document_bytes_max) {
    builder.fail_syntax("a document of " + std::to_string(json.size()) + " bytes is too large");
  } else if (nlohmann::json::sax_parse(json.data(), json.data() + json.size(), &builder)) {
    // The parser takes a NUL byte for the end, whatever follows.
    if (const auto nul = json.find('\0'); nul != std::string_view::npos) {
      builder.fail_syntax(position_of(json, nul + 1) + ": a NUL byte");
    }
  }
  return builder.finish();
}

namespace {

// Stops the parser as soon as all names have been seen at the top level.
class member_finder {
 public:
  explicit member_finder(std::initializer_list<std::string_view> names) : names_(names) {}
  [[nodiscard]] bool found() const { return names_.empty(); }

  bool null() { return depth_ > 0; }
  bool boolean(bool) { return depth_ > 0; }
  bool number_integer(std::int64_t) { return depth_ > 0; }
  bool number_unsigned(std::uint64_t) { return depth_ > 0; }
  bool number_float(double, const std::string&) { return depth_ > 0; }
  bool string(const std::string&) { return depth_ > 0; }
  bool binary(const json::binary_t&) { return false; }
  bool start_object(std::size_t) { return ++depth_ <= depth_max; }
  bool start_array(std::size_t) { return depth_ > 0 && ++depth_ <= depth_max; }
  bool key(const std::string& name) {
    if (depth_ == 1) std::erase(names_, name);
    return !names_.empty();
  }
  bool end_object() { return --depth_ > 0; }
  bool end_array() { return --depth_ > 0; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) { return false; }

 private:
  static constexpr std::size_t depth_max = 1'000;
  std::vector<std::string_view> names_;
  std::size_t depth_ = 0;
};

}  // namespace

bool has_members(std::string_view json, std::initializer_list<std::string_view> names) {
  const plain_numbers no_locale;
  member_finder finder(names);
  nlohmann::json::sax_parse(json.data(), json.data() + json.size(), &finder);
  return finder.found();
}

}  // namespace tenax::model
