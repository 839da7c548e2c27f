#include "model/references.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "model/assert.hpp"
#include "model/documents/json_text.hpp"
#include "model/documents/json_tree.hpp"
#include "model/documents/reference_text.hpp"

namespace tenax::model {

namespace {

// Values come from handlers and from C++ callers: a name twice in an object is theirs to answer
// for.
constexpr json_rules value_rules{.depth_max = limits{}.json_depth_max, .unique_keys = false};

/// What a reference stands for.
struct rendered_value {
  bool is_string = false;
  std::string text;  ///< a string's characters, or JSON
  std::size_t depth = 0;
};

class renderer {
 public:
  renderer(const definition& def, action_index action, std::string_view input,
           const std::function<bool()>& stop, std::size_t bytes_max)
      : def_(def), action_(action), text_(input), stop_(stop), bytes_max_(bytes_max) {}

  rendered_input run(const input_sources& sources);

 private:
  /// A reference as written, and what it stands for once its source was read.
  struct entry {
    reference ref;
    std::size_t next = none;  ///< the next entry of the same source
    rendered_value value;
  };
  struct source {
    action_index action = no_action;
    std::uint64_t position = 0;
    std::size_t first = none;  ///< its entries, a list
    std::size_t last = none;
  };
  static constexpr std::size_t none = SIZE_MAX;

  /// Fills entries_ and sources_. True: the input holds a reference, a bad one or an escape.
  bool collect(bool& good);
  // These return false: what became of it is in `out_`.
  bool add(const reference& ref);
  bool read_all(const input_sources& sources);
  bool resolve_all(const source& from, const parsed_document* document);
  bool resolve(entry& to, const parsed_document& document);
  bool keep(entry& to, rendered_value value);
  bool write(std::string& out, json_at node, std::size_t depth);
  bool fail(const std::string& what);
  bool too_large() {
    return fail("larger than " + std::to_string(bytes_max_) +
                " bytes with its references replaced (payload_bytes_max)");
  }
  bool go_on();
  bool go_on_now_and_then() { return ++strings_ % strings_per_look != 0 || go_on(); }

  static constexpr std::size_t strings_per_look = 4'096;

  const definition& def_;
  const action_index action_;
  const std::string_view text_;
  const std::function<bool()>& stop_;
  const std::size_t bytes_max_;
  json_tree input_;
  std::vector<entry> entries_;  ///< distinct references, as they come
  std::unordered_map<std::string_view, std::size_t> by_text_;
  std::vector<source> sources_;
  std::unordered_map<action_index, std::size_t> by_action_;
  std::size_t value_bytes_ = 0;
  std::size_t strings_ = 0;
  rendered_input out_;
};

bool renderer::fail(const std::string& what) {
  out_.end = render_end::bad_reference;
  out_.why = error(errc::invalid_argument,
                   "input of action " + def_.spec.actions[action_].key + ": " + what);
  return false;
}

bool renderer::go_on() {
  if (!stop_ || !stop_()) return true;
  out_.end = render_end::stopped;
  return false;
}

bool renderer::collect(bool& good) {
  return scan_tree(input_, [&](const text_piece& piece, const json_walk&) {
    if (!good) return;
    if (const auto* bad = std::get_if<bad_reference>(&piece)) {
      good = fail(bad->message);
    } else {
      good = go_on_now_and_then() && add(std::get<reference>(piece));
    }
  });
}

bool renderer::add(const reference& ref) {
  if (!by_text_.emplace(ref.text, entries_.size()).second) return true;
  action_index action = no_action;
  if (!ref.action_key.empty()) {
    const auto known = def_.find(ref.action_key);
    if (!known) return fail(std::string(ref.text) + ": there is no such action");
    action = *known;
  }
  const auto [at, is_new] = by_action_.emplace(action, sources_.size());
  if (is_new) sources_.push_back({action, 0, entries_.size(), none});
  source& from = sources_[at->second];
  if (!is_new) entries_[from.last].next = entries_.size();
  from.last = entries_.size();
  entries_.push_back({ref, none, {}});
  return true;
}

bool renderer::read_all(const input_sources& sources) {
  for (auto& from : sources_) {
    if (from.action != no_action) from.position = sources.position(from.action);
  }
  std::sort(sources_.begin(), sources_.end(), [](const source& a, const source& b) {
    const auto order = [](const source& s) {
      return std::tuple(s.action != no_action, s.position, s.action);
    };
    return order(a) < order(b);
  });
  for (const auto& from : sources_) {
    if (!go_on()) return false;
    const auto document = sources.read(from.action);
    if (!document) {
      out_.end = render_end::unread;
      out_.why = document.error();
      return false;
    }
    if (!resolve_all(from, document->get())) return false;
  }
  return true;
}

bool renderer::resolve_all(const source& from, const parsed_document* document) {
  for (std::size_t at = from.first; at != none; at = entries_[at].next) {
    entry& to = entries_[at];
    if (document == nullptr) {  // skipped: null, and so is everything in it
      if (!keep(to, {false, "null", 0})) return false;
    } else if (!resolve(to, *document)) {
      return false;
    }
  }
  return true;
}

bool renderer::resolve(entry& to, const parsed_document& document) {
  if (!go_on_now_and_then()) return false;
  const auto fault = [&](std::string_view what) {
    return fail(shown(to.ref.text) + ": " + std::string(what));
  };
  if (!document.too_deep().empty()) return fault(document.too_deep());
  if (!document.is_json()) {
    if (!to.ref.path.empty()) return fault("the value is not JSON, so it has no members");
    return keep(to, {true, std::string(document.text()), 0});
  }
  std::string missing;
  const auto found = document.find(to.ref.path, missing);
  if (!found) return fault(missing);
  const json_tree& tree = document.tree();
  rendered_value value;
  value.is_string = tree.is(*found, json_kind::string);
  if (value.is_string) {
    value.text = tree.text(*found);
  } else if (!append_json(value.text, tree, *found, bytes_max_ - value_bytes_)) {
    return too_large();
  }
  value.depth = json_depth(tree, *found);
  return keep(to, std::move(value));
}

bool renderer::keep(entry& to, rendered_value value) {
  // Each distinct value appears in the output at least once, in no fewer bytes than it has here.
  value_bytes_ += value.text.size();
  if (value_bytes_ > bytes_max_) return too_large();
  to.value = std::move(value);
  return true;
}

bool renderer::write(std::string& out, json_at node, std::size_t depth) {
  if (!go_on_now_and_then()) return false;
  const auto value_of = [this](const reference& ref) -> const rendered_value& {
    return entries_[by_text_.at(ref.text)].value;
  };
  const std::string_view text = input_.text(node);
  const auto pieces = split_references(text);
  if (pieces.size() == 1 && std::holds_alternative<reference>(pieces.front())) {
    const rendered_value& value = value_of(std::get<reference>(pieces.front()));
    if (depth + value.depth > value_rules.depth_max) {
      return fail(shown(text) + ": nested deeper than json_depth_max (" +
                  std::to_string(value_rules.depth_max) + ")");
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
    if (!go_on_now_and_then()) return false;
    const auto* ref = std::get_if<reference>(&piece);
    whole += ref ? std::string_view(value_of(*ref).text) : std::get<std::string_view>(piece);
    if (out.size() + whole.size() > bytes_max_) return too_large();
  }
  append_json_string(out, whole);
  return true;
}

rendered_input renderer::run(const input_sources& sources) {
  const auto as_it_is = [&] {
    out_.end = render_end::rendered;
    out_.input = text_;
    return std::move(out_);
  };
  if (!may_hold_references(text_)) return as_it_is();
  json_parse parsed = parse_json(text_, value_rules);
  if (parsed.failure != json_failure::none) return as_it_is();
  input_ = std::move(parsed.tree);
  bool good = true;
  if (!collect(good)) return as_it_is();
  if (!good || !read_all(sources) || !go_on()) return std::move(out_);
  const bool complete = append_json(out_.input, input_, json_tree::root, bytes_max_,
                                    [&](std::string& to, json_at node, std::size_t depth) {
                                      return good = write(to, node, depth);
                                    });
  if (!complete) {
    out_.input = {};
    if (good) too_large();
  } else {
    out_.end = render_end::rendered;
  }
  return std::move(out_);
}

}  // namespace

reference_scan scan_references(std::string_view input) {
  reference_scan scan;
  if (!may_hold_references(input)) return scan;
  const json_parse parsed = parse_json(input, value_rules);
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

rendered_input render_input(const definition& def, action_index action, std::string_view input,
                            const input_sources& sources, const std::function<bool()>& stop,
                            std::size_t bytes_max) {
  TENAX_ASSERT(action < def.size(), "an action of the definition");
  return renderer(def, action, input, stop, bytes_max).run(sources);
}

}  // namespace tenax::model
