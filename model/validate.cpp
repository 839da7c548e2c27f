#include "model/validate.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string>
#include <unordered_map>

#include "model/definition.hpp"
#include "model/documents/json_text.hpp"
#include "model/documents/json_tree.hpp"
#include "model/documents/reference_text.hpp"
#include "model/documents/suggest.hpp"
#include "model/graph.hpp"
#include "model/references.hpp"
#include "tenax/exceptions.hpp"

namespace tenax::model {

bool valid_id(std::string_view text) noexcept {
  constexpr std::size_t id_bytes_max = 128;
  if (text.empty() || text.size() > id_bytes_max || text == "." || text == "..") return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  });
}

namespace {

std::string over(std::size_t value, std::string_view unit, std::string_view limit,
                 std::size_t bound) {
  return std::to_string(value) + " " + std::string(unit) + ", more than " + std::string(limit) +
         " (" + std::to_string(bound) + ")";
}

std::string not_an_id(std::string_view text) {
  return shown(text) + " is not made of 1 to 128 characters of [A-Za-z0-9._:-]" +
         (text == "." || text == ".." ? ", or is \".\" or \"..\"" : "");
}

// Where in an action a fault is; its pointer is only made for a fault.
struct place {
  std::size_t action;
  std::string_view field = "";
  std::size_t element = none;

  static constexpr std::size_t none = SIZE_MAX;

  [[nodiscard]] std::string pointer() const {
    std::string path = "/actions";
    append_pointer(path, action);
    if (!field.empty()) append_pointer(path, field);
    if (element != none) append_pointer(path, element);
    return path;
  }
};

class validator {
 public:
  validator(const workflow_spec& spec, const handler_registry& types, const limits& bounds)
      : spec_(spec), types_(types), bounds_(bounds) {}
  std::vector<fault> run();
  /// Of this input alone; `depends_on`: the actions that it may refer to.
  std::vector<fault> run_input(std::size_t i, const std::vector<std::string>& depends_on);

 private:
  void check_header();
  void check_size();
  void check_keys();
  void check_type(std::size_t i);
  void check_dependencies(std::size_t i);
  void check_times(std::size_t i);
  void check_input(std::size_t i);
  template <class Where>
  bool check_payload(std::string_view input, const Where& where);
  void check_references(std::size_t i, const json_tree& tree);
  void check_action_reference(std::size_t i, const reference& ref, const json_walk& walk);
  void check_workflow_reference(std::size_t i, const reference& ref, const json_walk& walk);
  void check_by_type(std::size_t i);
  void check_cycles();
  std::string cycle_text(const std::vector<action_index>& cycle) const;

  template <class Where>
  void check_text(std::string_view text, const Where& where);
  std::string pointer_in_input(std::size_t i, const json_walk& walk) const {
    return place{i, "input"}.pointer() + walk.pointer();
  }
  std::string reference_text(const reference& ref) const { return shown(ref.text); }

  const workflow_spec& spec_;
  const handler_registry& types_;
  const limits& bounds_;
  fault_list faults_;
  std::array<std::byte, 2'048> room_;  // enough for a small workflow's keys
  std::pmr::monotonic_buffer_resource memory_{room_.data(), room_.size()};
  std::pmr::unordered_map<std::string_view, std::size_t> first_with_{
      &memory_};                                                     // key -> its first place
  std::unordered_map<std::string_view, std::string> unknown_types_;  // type -> what to say of it
  adjacency dependencies_;                    // without those that are faulty already
  std::optional<json_parse> workflow_input_;  // parsed when the first reference asks for it
  std::optional<path_lookup> workflow_lookup_;
  const std::vector<std::string>* may_refer_to_ = nullptr;  ///< null: to all
};

template <class Where>
void validator::check_text(std::string_view text, const Where& where) {
  if (text.size() > bounds_.text_bytes_max) {
    faults_.add(where(), over(text.size(), "bytes", "text_bytes_max", bounds_.text_bytes_max));
  }
  if (const auto bad = find_invalid_utf8(text); bad != std::string_view::npos) {
    faults_.add(where(), "not UTF-8 at byte " + std::to_string(bad));
  }
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    faults_.add(where(), "a NUL character at byte " + std::to_string(nul));
  }
}

void validator::check_header() {
  if (!spec_.id.empty() && !valid_id(spec_.id)) faults_.add("/id", not_an_id(spec_.id));
  if (spec_.name.empty()) faults_.add("/name", "the name is empty");
  check_text(spec_.name, [] { return "/name"; });
  check_text(spec_.description, [] { return "/description"; });
  check_text(spec_.reference, [] { return "/reference"; });
  check_payload(spec_.input, [] { return std::string("/input"); });
  if (spec_.priority < priority_min || spec_.priority > priority_max) {
    faults_.add("/priority", "a priority must be " + std::to_string(priority_min) + " to " +
                                 std::to_string(priority_max) + ", it is " +
                                 std::to_string(spec_.priority));
  }
  if (spec_.deadline) {
    if (*spec_.deadline <= milliseconds{0}) {
      faults_.add("/deadline_ms", "a deadline must be at least 1 ms");
    } else if (*spec_.deadline > bounds_.delay_max) {
      faults_.add("/deadline_ms",
                  over(static_cast<std::size_t>(spec_.deadline->count()), "ms", "delay_max",
                       static_cast<std::size_t>(bounds_.delay_max.count())));
    }
  }
  if (spec_.actions.empty()) faults_.add("/actions", "a workflow needs at least one action");
  if (spec_.actions.size() > bounds_.actions_max) {
    faults_.add("/actions",
                over(spec_.actions.size(), "actions", "actions_max", bounds_.actions_max));
  }
}

void validator::check_size() {
  std::size_t bytes = spec_.id.size() + spec_.name.size() + spec_.description.size() +
                      spec_.reference.size() + spec_.input.size();
  for (const action_spec& action : spec_.actions) {
    bytes += action.key.size() + action.type.size() + action.input.size() + action.reason.size();
    for (const auto& key : action.depends_on) bytes += key.size() + 1;
  }
  if (bytes > bounds_.spec_bytes_max) {
    faults_.add("", over(bytes, "bytes in all texts and inputs together", "spec_bytes_max",
                         bounds_.spec_bytes_max));
  }
}

void validator::check_keys() {
  first_with_.reserve(spec_.actions.size());
  for (std::size_t i = 0; i < spec_.actions.size(); ++i) {
    const std::string& key = spec_.actions[i].key;
    if (!valid_id(key)) faults_.add(place{i, "key"}.pointer(), not_an_id(key));
    const auto [first, added] = first_with_.emplace(key, i);
    if (added) continue;
    faults_.add(place{i, "key"}.pointer(), "duplicate key " + shown(key) + ", first at " +
                                               place{first->second, "key"}.pointer());
  }
}

void validator::check_type(std::size_t i) {
  const std::string& type = spec_.actions[i].type;
  if (!valid_id(type)) {
    faults_.add(place{i, "type"}.pointer(), not_an_id(type));
    return;
  }
  if (types_.find(type) != nullptr) return;
  const auto [known, added] = unknown_types_.try_emplace(type);
  if (added && !faults_.full()) {
    std::vector<std::string_view> names;
    for (const auto& [name, entry] : types_.all()) names.push_back(name);
    known->second = "unknown action type " + shown(type) + "; known: " + nearest_names(type, names);
  }
  faults_.add(place{i, "type"}.pointer(), known->second);
}

void validator::check_dependencies(std::size_t i) {
  const auto& needs = spec_.actions[i].depends_on;
  for (std::size_t n = 0; n < needs.size(); ++n) {
    const place where{i, "depends_on", n};
    const auto found = first_with_.find(needs[n]);
    if (found == first_with_.end()) {
      faults_.add(where.pointer(), "there is no action " + shown(needs[n]));
    } else if (needs[n] == spec_.actions[i].key) {
      faults_.add(where.pointer(), "an action cannot depend on itself");
    } else {
      dependencies_[i].push_back(static_cast<action_index>(found->second));
    }
  }
  if (spec_.order == action_order::sequential && i > 0) {
    dependencies_[i].push_back(static_cast<action_index>(i - 1));
  }
}

void validator::check_times(std::size_t i) {
  const action_spec& action = spec_.actions[i];
  using namespace std::chrono;
  if (action.scheduled_at) {
    // What every time format and clock in the engine can express.
    constexpr wall_time earliest = sys_days{year{1970} / January / 1};
    constexpr wall_time latest = sys_days{year{10'000} / January / 1};
    if (*action.scheduled_at < earliest || *action.scheduled_at >= latest) {
      faults_.add(place{i, "scheduled_at"}.pointer(), "not in the years 1970 to 9999");
    }
    if (action.delay) {
      faults_.add(place{i}.pointer(), "scheduled_at and delay_ms exclude each other");
    }
  }
  if (!action.delay) return;
  if (*action.delay < milliseconds{0}) {
    faults_.add(place{i, "delay_ms"}.pointer(), "a delay cannot be negative");
  } else if (*action.delay > bounds_.delay_max) {
    faults_.add(place{i, "delay_ms"}.pointer(),
                over(static_cast<std::size_t>(action.delay->count()), "ms", "delay_max",
                     static_cast<std::size_t>(bounds_.delay_max.count())));
  }
}

template <class Where>
bool validator::check_payload(std::string_view input, const Where& where) {
  if (input.size() > bounds_.payload_bytes_max) {
    faults_.add(where(),
                over(input.size(), "bytes", "payload_bytes_max", bounds_.payload_bytes_max));
    return false;
  }
  // Only input with that many brackets can nest too deep; the others need no parsing for this.
  const auto brackets =
      std::count_if(input.begin(), input.end(), [](char c) { return c == '[' || c == '{'; });
  if (static_cast<std::size_t>(brackets) <= bounds_.json_depth_max) return true;
  const json_parse parsed = parse_json(input, {bounds_.json_depth_max, false});
  if (parsed.failure != json_failure::too_deep) return true;
  faults_.add(where() + parsed.faults.front().path, parsed.faults.front().message);
  return false;
}

void validator::check_input(std::size_t i) {
  const std::string& input = spec_.actions[i].input;
  if (!check_payload(input, [i] { return place{i, "input"}.pointer(); })) return;
  if (may_hold_references(input)) {
    const json_parse parsed = parse_json(input, {bounds_.json_depth_max, false});
    if (parsed.failure == json_failure::none &&
        scan_tree(parsed.tree, [](const text_piece&, const json_walk&) {})) {
      check_references(i, parsed.tree);
      return;
    }
  }
  check_by_type(i);
}

void validator::check_references(std::size_t i, const json_tree& tree) {
  scan_tree(tree, [&](const text_piece& piece, const json_walk& walk) {
    if (const auto* bad = std::get_if<bad_reference>(&piece)) {
      faults_.add(faults_.full() ? "" : pointer_in_input(i, walk), bad->message);
      return;
    }
    const auto& ref = std::get<reference>(piece);
    if (ref.action_key.empty()) {
      check_workflow_reference(i, ref, walk);
    } else {
      check_action_reference(i, ref, walk);
    }
  });
  auto& needs = dependencies_[i];
  std::sort(needs.begin(), needs.end());
  needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
}

void validator::check_action_reference(std::size_t i, const reference& ref, const json_walk& walk) {
  const auto found = first_with_.find(ref.action_key);
  if (found == first_with_.end()) {
    faults_.add(faults_.full() ? "" : pointer_in_input(i, walk),
                reference_text(ref) + ": there is no action " + shown(ref.action_key));
  } else if (ref.action_key == spec_.actions[i].key) {
    faults_.add(faults_.full() ? "" : pointer_in_input(i, walk),
                reference_text(ref) + ": an action cannot refer to itself");
  } else if (may_refer_to_ != nullptr && std::find(may_refer_to_->begin(), may_refer_to_->end(),
                                                   ref.action_key) == may_refer_to_->end()) {
    faults_.add(faults_.full() ? "" : pointer_in_input(i, walk),
                reference_text(ref) + ": the action does not depend on " + shown(ref.action_key));
  } else {
    dependencies_[i].push_back(static_cast<action_index>(found->second));
  }
}

void validator::check_workflow_reference(std::size_t i, const reference& ref,
                                         const json_walk& walk) {
  if (ref.path.empty()) return;
  if (!workflow_input_) {
    workflow_input_ = parse_json(spec_.input, {bounds_.json_depth_max, false});
    workflow_lookup_.emplace(workflow_input_->tree);
  }
  if (workflow_input_->failure == json_failure::too_deep) return;  // a fault of /input
  std::string missing = "the workflow's input is not JSON, so it has no members";
  if (workflow_input_->failure == json_failure::none &&
      workflow_lookup_->find(ref.path, missing).has_value()) {
    return;
  }
  faults_.add(faults_.full() ? "" : pointer_in_input(i, walk),
              reference_text(ref) + ": " + missing);
}

void validator::check_by_type(std::size_t i) {
  const auto* entry = types_.find(spec_.actions[i].type);
  if (entry == nullptr) return;
  const auto& options = entry->options;
  if (!options.check && !options.check_within) return;
  const std::string path = place{i, "input"}.pointer();
  try {
    const auto& input = spec_.actions[i].input;
    for (fault& found :
         options.check_within ? options.check_within(input, bounds_) : options.check(input)) {
      faults_.add(path + found.path, std::move(found.message));
    }
  } catch (...) {
    faults_.add(path, "the check of type " + shown(spec_.actions[i].type) +
                          " threw: " + shown(exception_text(std::current_exception())));
  }
}

std::string validator::cycle_text(const std::vector<action_index>& cycle) const {
  constexpr std::size_t names_max = 20;
  const auto name = [&](action_index i) {
    const std::string& key = spec_.actions[i].key;
    return valid_id(key) ? key : shown(key);
  };
  std::string text = "cycle: ";
  for (std::size_t n = 0; n < cycle.size() && n < names_max; ++n) {
    text += name(cycle[n]) + " -> ";
  }
  if (cycle.size() > names_max) {
    text += "... " + std::to_string(cycle.size() - names_max) + " more ... -> ";
  }
  text += spec_.actions[cycle.front()].key + " (each depends on the next, by depends_on";
  text += spec_.order == action_order::sequential ? ", a reference or sequential order)"
                                                  : " or a reference)";
  return text;
}

void validator::check_cycles() {
  for (const auto& cycle : find_cycles(dependencies_)) {
    const action_spec& first = spec_.actions[cycle.front()];
    const auto named =
        std::find(first.depends_on.begin(), first.depends_on.end(), spec_.actions[cycle[1]].key);
    place where{cycle.front()};
    if (named != first.depends_on.end()) {
      where.field = "depends_on";
      where.element = static_cast<std::size_t>(named - first.depends_on.begin());
    }
    faults_.add(where.pointer(), cycle_text(cycle));
  }
}

std::vector<fault> validator::run() {
  check_size();
  check_header();
  check_keys();
  dependencies_.resize(spec_.actions.size());
  for (std::size_t i = 0; i < spec_.actions.size(); ++i) {
    check_type(i);
    check_input(i);
    check_dependencies(i);
    check_times(i);
    check_text(spec_.actions[i].reason, [i] { return place{i, "reason"}.pointer(); });
  }
  check_cycles();
  return faults_.take();
}

std::vector<fault> validator::run_input(std::size_t i, const std::vector<std::string>& depends_on) {
  may_refer_to_ = &depends_on;
  check_keys();
  dependencies_.resize(spec_.actions.size());
  check_input(i);
  auto faults = faults_.take();
  const auto action = place{i}.pointer();
  for (auto& f : faults) {
    if (f.path.starts_with(action)) f.path.erase(0, action.size());
  }
  return faults;
}

}  // namespace

std::vector<fault> validate_input(const workflow_spec& spec, std::size_t at, std::string input,
                                  const handler_registry& types, const limits& bounds) {
  auto changed = spec;
  auto& action = changed.actions[at];
  auto depends_on = action.depends_on;
  const auto referred_to = scan_references(action.input).action_keys;
  depends_on.insert(depends_on.end(), referred_to.begin(), referred_to.end());
  if (spec.order == action_order::sequential && at > 0) {
    depends_on.push_back(spec.actions[at - 1].key);
  }
  action.input = std::move(input);
  return validator(changed, types, bounds).run_input(at, depends_on);
}

std::vector<fault> validate(const workflow_spec& spec, const handler_registry& types,
                            const limits& bounds) {
  return validator(spec, types, bounds).run();
}

}  // namespace tenax::model
