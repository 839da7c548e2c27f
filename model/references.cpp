#include "model/references.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "model/assert.hpp"
#include "model/documents/json_text.hpp"
#include "model/documents/json_tree.hpp"
#include "model/documents/reference_text.hpp"

namespace tenax::model {

namespace {

// Values come from handlers and from C++ callers: a name twice in an object is theirs to answer
// for.
constexpr json_rules lenient{.depth_max = limits{}.json_depth_max, .unique_keys = false};

/// What a reference stands for.
struct rendered_value {
  bool is_string = false;
  std::string text;  ///< a string's characters, or JSON
  std::size_t depth = 0;
};

class renderer {
 public:
  renderer(const definition& def, action_index action, std::size_t bytes_max)
      : def_(def), action_(action), bytes_max_(bytes_max) {}

  result<std::string> run(const result_lookup& results);

 private:
  error fail(const std::string& what) const {
    return {errc::invalid_argument,
            "input of action " + def_.spec.actions[action_].key + ": " + what};
  }
  error too_large() const {
    return fail("larger than " + std::to_string(bytes_max_) +
                " bytes with its references replaced (payload_bytes_max)");
  }
  /// False: the error is in `error_`.
  bool collect();
  bool resolve_all(action_index source, const std::set<std::string_view>& texts,
                   const result_lookup& results);
  bool resolve(const reference& ref, const json_tree& tree, path_lookup& lookup);
  bool keep(const reference& ref, rendered_value value);
  bool write(std::string& out, json_at node, std::size_t depth);

  const definition& def_;
  action_index action_;
  std::size_t bytes_max_;
  json_tree input_;
  /// Distinct references by where they read from (no_action: the workflow's input), so that one
  /// result at a time is parsed, once.
  std::map<action_index, std::set<std::string_view>> wanted_;
  std::unordered_map<std::string_view, reference> by_text_;
  std::unordered_map<std::string_view, rendered_value> values_;
  std::size_t value_bytes_ = 0;
  std::optional<error> error_;
};

bool renderer::collect() {
  scan_tree(input_, [&](const text_piece& piece, const json_walk&) {
    if (error_) return;
    if (const auto* bad = std::get_if<bad_reference>(&piece)) {
      error_ = fail(bad->message);
      return;
    }
    const auto& ref = std::get<reference>(piece);
    action_index source = no_action;
    if (!ref.action_key.empty()) {
      const auto known = def_.find(ref.action_key);
      if (!known) {
        error_ = fail(std::string(ref.text) + ": there is no such action");
        return;
      }
      source = *known;
    }
    if (by_text_.emplace(ref.text, ref).second) wanted_[source].insert(ref.text);
  });
  return !error_;
}

bool renderer::keep(const reference& ref, rendered_value value) {
  // Each distinct value appears in the output at least once, in no fewer bytes than it has here.
  value_bytes_ += value.text.size();
  if (value_bytes_ > bytes_max_) {
    error_ = too_large();
    return false;
  }
  values_.emplace(ref.text, std::move(value));
  return true;
}

bool renderer::resolve(const reference& ref, const json_tree& tree, path_lookup& lookup) {
  std::string missing;
  const auto found = lookup.find(ref.path, missing);
  if (!found) {
    error_ = fail(shown(ref.text) + ": " + missing);
    return false;
  }
  rendered_value value;
  value.is_string = tree.is(*found, json_kind::string);
  if (value.is_string) {
    value.text = tree.text(*found);
  } else if (!append_json(value.text, tree, *found, bytes_max_)) {
    error_ = too_large();
    return false;
  }
  value.depth = json_depth(tree, *found);
  return keep(ref, std::move(value));
}

bool renderer::resolve_all(action_index source, const std::set<std::string_view>& texts,
                           const result_lookup& results) {
  std::string_view bytes = def_.spec.input;
  if (source != no_action) {
    const auto outcome = results(source);
    if (!outcome) {  // skipped: null, and so is everything in it
      return std::all_of(texts.begin(), texts.end(), [&](std::string_view text) {
        return keep(by_text_.at(text), {false, "null", 0});
      });
    }
    bytes = *outcome;
  }
  const json_parse parsed = parse_json(bytes, lenient);
  if (parsed.failure == json_failure::too_deep) {
    error_ = fail(shown(*texts.begin()) + ": " + parsed.faults.front().message);
    return false;
  }
  if (parsed.failure == json_failure::none) {
    path_lookup lookup(parsed.tree);
    return std::all_of(texts.begin(), texts.end(), [&](std::string_view text) {
      return resolve(by_text_.at(text), parsed.tree, lookup);
    });
  }
  for (const std::string_view text : texts) {
    const reference& ref = by_text_.at(text);
    if (!ref.path.empty()) {
      error_ = fail(shown(ref.text) + ": the value is not JSON, so it has no members");
      return false;
    }
    if (!keep(ref, {true, std::string(bytes), 0})) return false;
  }
  return true;
}

bool renderer::write(std::string& out, json_at node, std::size_t depth) {
  const std::string_view text = input_.text(node);
  const auto pieces = split_references(text);
  if (pieces.size() == 1 && std::holds_alternative<reference>(pieces.front())) {
    const rendered_value& value = values_.at(std::get<reference>(pieces.front()).text);
    if (depth + value.depth > lenient.depth_max) {
      error_ = fail(shown(text) + ": nested deeper than json_depth_max (" +
                    std::to_string(lenient.depth_max) + ")");
      return false;
    }
    if (value.is_string) {
      append_json_string(out, value.text);
    } else {
      out += value.text;
    }
    return true;
  }
  std::string whole;
  for (const text_piece& piece : pieces) {
    const auto* ref = std::get_if<reference>(&piece);
    whole += ref ? std::string_view(values_.at(ref->text).text) : std::get<std::string_view>(piece);
    if (out.size() + whole.size() > bytes_max_) return false;
  }
  append_json_string(out, whole);
  return true;
}

result<std::string> renderer::run(const result_lookup& results) {
  const std::string& input = def_.spec.actions[action_].input;
  if (!may_hold_references(input)) return input;
  json_parse parsed = parse_json(input, lenient);
  if (parsed.failure != json_failure::none) return input;
  input_ = std::move(parsed.tree);
  if (!scan_tree(input_, [](const text_piece&, const json_walk&) {})) return input;

  if (!collect()) return *error_;
  for (const auto& [source, texts] : wanted_) {
    if (!resolve_all(source, texts, results)) return *error_;
  }
  std::string out;
  const bool complete = append_json(
      out, input_, json_tree::root, bytes_max_,
      [&](std::string& to, json_at node, std::size_t depth) { return write(to, node, depth); });
  if (!complete) return error_ ? *error_ : too_large();
  return out;
}

}  // namespace

reference_scan scan_references(std::string_view input) {
  reference_scan scan;
  if (!may_hold_references(input)) return scan;
  const json_parse parsed = parse_json(input, lenient);
  if (parsed.failure != json_failure::none) return scan;
  std::set<std::string_view> keys;
  fault_list faults;
  scan.any = scan_tree(parsed.tree, [&](const text_piece& piece, const json_walk& walk) {
    if (const auto* bad = std::get_if<bad_reference>(&piece)) {
      faults.add(faults.full() ? "" : walk.pointer(), bad->message);
    } else if (const auto& key = std::get<reference>(piece).action_key; !key.empty()) {
      keys.insert(key);
    }
  });
  scan.action_keys.assign(keys.begin(), keys.end());
  scan.faults = faults.take();
  return scan;
}

result<std::string> render_input(const definition& def, action_index action,
                                 const result_lookup& results, std::size_t bytes_max) {
  TENAX_ASSERT(action < def.size(), "an action of the definition");
  return renderer(def, action, bytes_max).run(results);
}

}  // namespace tenax::model
