// The native spec as JSON: reading and writing.
#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/documents/base64.hpp"
#include "model/documents/doc_reader.hpp"
#include "model/documents/spec_json.hpp"
#include "model/documents/suggest.hpp"
#include "model/documents/timestamp.hpp"
#include "tenax/spec.hpp"

namespace tenax::model {

namespace {

// Around an action's input: the document, "actions" and the action itself.
constexpr std::size_t depth_around_input = 3;

constexpr std::array<std::string_view, 10> workflow_fields{
    "id",    "name",         "description", "reference",   "order",
    "input", "input_base64", "priority",    "deadline_ms", "actions"};
constexpr std::array<std::string_view, 8> action_fields{
    "key", "type", "input", "input_base64", "depends_on", "scheduled_at", "delay_ms", "reason"};

class spec_reader {
 public:
  explicit spec_reader(const limits& bounds) : bounds_(bounds) {}
  result<workflow_spec> run(std::string_view json);

 private:
  void read_workflow(json_at node);
  void read_order(json_at node, const doc_path& path);
  void read_actions(json_at node, const doc_path& path);
  void read_action(json_at node, const doc_path& path, action_spec& action);
  void read_dependencies(json_at node, const doc_path& path, action_spec& action);
  void read_time(json_at node, const doc_path& path, std::optional<wall_time>& to);
  void read_id(json_at node, const doc_path& path);
  void read_text(json_at node, const doc_path& path, std::string& to);
  void read_ms(json_at node, const doc_path& path, std::optional<milliseconds>& to);
  void read_priority(json_at node, const doc_path& path);
  void read_input(json_at node, const doc_path& path, std::string& to);
  void read_base64(json_at node, const doc_path& path, std::string& to);
  template <std::size_t N>
  void unknown_field(json_at node, const doc_path& path,
                     const std::array<std::string_view, N>& known);

  const limits& bounds_;
  doc_reader doc_;
  workflow_spec spec_;
};

void spec_reader::read_text(json_at node, const doc_path& path, std::string& to) {
  if (const auto text = doc_.text(node, path)) to = *text;
}

void spec_reader::read_id(json_at node, const doc_path& path) {
  const auto text = doc_.text(node, path);
  if (!text) return;
  spec_.id = *text;
  if (text->empty()) doc_.fault_at(path, "the id is empty; without one the engine makes one");
}

void spec_reader::read_ms(json_at node, const doc_path& path, std::optional<milliseconds>& to) {
  if (const auto value = doc_.integer(node, path)) to = milliseconds{*value};
}

void spec_reader::read_priority(json_at node, const doc_path& path) {
  // What no priority can be is validate's to say, as long as it can be told.
  const auto value = doc_.integer(node, path);
  if (!value) return;
  using limits_of = std::numeric_limits<std::int32_t>;
  spec_.priority = static_cast<std::int32_t>(
      std::clamp<std::int64_t>(*value, limits_of::min(), limits_of::max()));
}

void spec_reader::read_time(json_at node, const doc_path& path, std::optional<wall_time>& to) {
  const auto text = doc_.text(node, path);
  if (!text) return;
  to = parse_timestamp(*text);
  if (!to) {
    doc_.fault_at(
        path, shown(*text) + " is not an RFC 3339 time with its offset, as 2026-03-01T09:30:00Z");
  }
}

void spec_reader::read_input(json_at node, const doc_path& path, std::string& to) {
  if (json_depth(doc_.tree, node) > bounds_.json_depth_max) {
    doc_.fault_at(
        path, "nested deeper than json_depth_max (" + std::to_string(bounds_.json_depth_max) + ")");
    return;
  }
  to.clear();
  append_json(to, doc_.tree, node);
}

void spec_reader::read_base64(json_at node, const doc_path& path, std::string& to) {
  const auto text = doc_.text(node, path);
  if (!text) return;
  if (auto bytes = decode_base64(*text)) {
    to = *std::move(bytes);
  } else {
    doc_.fault_at(path, "not base64 with padding");
  }
}

void spec_reader::read_order(json_at node, const doc_path& path) {
  const auto text = doc_.text(node, path);
  if (!text) return;
  if (*text == "sequential") {
    spec_.order = action_order::sequential;
  } else if (*text != "dag") {
    doc_.fault_at(path, "expected \"dag\" or \"sequential\", found " + shown(*text));
  }
}

void spec_reader::read_dependencies(json_at node, const doc_path& path, action_spec& action) {
  if (!doc_.expect(node, json_kind::array, path)) return;
  std::size_t index = 0;
  doc_.tree.for_each_child(node, [&](json_at element) {
    const doc_path at(path, index++);
    if (const auto key = doc_.text(element, at)) action.depends_on.emplace_back(*key);
  });
}

template <std::size_t N>
void spec_reader::unknown_field(json_at node, const doc_path& path,
                                const std::array<std::string_view, N>& known) {
  if (doc_.faults.full()) return doc_.fault_at(path, "");
  const std::string_view name = doc_.tree.key(node);
  doc_.fault_at(path, "unknown field " + shown(name) +
                          "; known: " + nearest_names(name, {known.begin(), known.end()}));
}

void spec_reader::read_action(json_at node, const doc_path& path, action_spec& action) {
  if (!doc_.expect(node, json_kind::object, path)) return;
  bool has_input = false;
  bool has_base64 = false;
  doc_.tree.for_each_child(node, [&](json_at field) {
    const std::string_view name = doc_.tree.key(field);
    const doc_path at(path, name);
    if (name == "key") return read_text(field, at, action.key);
    if (name == "type") return read_text(field, at, action.type);
    if (name == "depends_on") return read_dependencies(field, at, action);
    if (name == "scheduled_at") return read_time(field, at, action.scheduled_at);
    if (name == "delay_ms") return read_ms(field, at, action.delay);
    if (name == "reason") return read_text(field, at, action.reason);
    if (name == "input") {
      has_input = true;
      return read_input(field, at, action.input);
    }
    if (name == "input_base64") {
      has_base64 = true;
      return read_base64(field, at, action.input);
    }
    unknown_field(field, at, action_fields);
  });
  for (const std::string_view name : {"key", "type"}) {
    if (!doc_.tree.member(node, name)) {
      doc_.fault_at(path, "field \"" + std::string(name) + "\" is missing");
    }
  }
  if (has_input && has_base64) doc_.fault_at(path, "input and input_base64 exclude each other");
}

void spec_reader::read_actions(json_at node, const doc_path& path) {
  if (!doc_.expect(node, json_kind::array, path)) return;
  // Counted before they are read: an action takes far more memory than "{}" has bytes.
  const std::size_t count = doc_.tree.child_count(node);
  if (count > bounds_.actions_max) {
    doc_.fault_at(path, std::to_string(count) + " actions, more than actions_max (" +
                            std::to_string(bounds_.actions_max) + ")");
    return;
  }
  spec_.actions.clear();
  spec_.actions.reserve(count);
  doc_.tree.for_each_child(node, [&](json_at element) {
    const doc_path at(path, spec_.actions.size());
    read_action(element, at, spec_.actions.emplace_back());
  });
}

void spec_reader::read_workflow(json_at node) {
  const doc_path root;
  if (!doc_.expect(node, json_kind::object, root)) return;
  bool has_input = false;
  bool has_base64 = false;
  doc_.tree.for_each_child(node, [&](json_at field) {
    const std::string_view name = doc_.tree.key(field);
    const doc_path at(root, name);
    if (name == "id") return read_id(field, at);
    if (name == "name") return read_text(field, at, spec_.name);
    if (name == "description") return read_text(field, at, spec_.description);
    if (name == "reference") return read_text(field, at, spec_.reference);
    if (name == "order") return read_order(field, at);
    if (name == "priority") return read_priority(field, at);
    if (name == "deadline_ms") return read_ms(field, at, spec_.deadline);
    if (name == "actions") return read_actions(field, at);
    if (name == "input") {
      has_input = true;
      return read_input(field, at, spec_.input);
    }
    if (name == "input_base64") {
      has_base64 = true;
      return read_base64(field, at, spec_.input);
    }
    unknown_field(field, at, workflow_fields);
  });
  for (const std::string_view name : {"name", "actions"}) {
    if (!doc_.tree.member(node, name)) {
      doc_.fault_at(root, "field \"" + std::string(name) + "\" is missing");
    }
  }
  if (has_input && has_base64) doc_.fault_at(root, "input and input_base64 exclude each other");
}

result<workflow_spec> spec_reader::run(std::string_view json) {
  if (doc_.open(json, bounds_, depth_around_input)) {
    read_workflow(json_tree::root);
  }
  if (!doc_.faults.empty()) return invalid_spec_error("the spec", doc_.faults.take());
  return std::move(spec_);
}

enum class input_text : std::uint8_t { without_spaces, as_it_is };

class spec_printer {
 public:
  explicit spec_printer(input_text inputs) : inputs_(inputs) {}
  std::string run(const workflow_spec& spec) {
    out_ += '{';
    if (!spec.id.empty()) text_field("id", spec.id);
    text_field("name", spec.name);
    if (!spec.description.empty()) text_field("description", spec.description);
    if (!spec.reference.empty()) text_field("reference", spec.reference);
    if (spec.order == action_order::sequential) text_field("order", "sequential");
    input_field(spec.input);
    if (spec.priority != 0) {
      field("priority");
      out_ += std::to_string(spec.priority);
    }
    if (spec.deadline) ms_field("deadline_ms", *spec.deadline);
    field("actions");
    out_ += '[';
    for (std::size_t i = 0; i < spec.actions.size(); ++i) {
      if (i > 0) out_ += ',';
      action(spec.actions[i]);
    }
    out_ += "]}";
    return std::move(out_);
  }

 private:
  void action(const action_spec& action) {
    out_ += '{';
    text_field("key", action.key);
    text_field("type", action.type);
    input_field(action.input);
    if (!action.depends_on.empty()) {
      field("depends_on");
      out_ += '[';
      for (std::size_t i = 0; i < action.depends_on.size(); ++i) {
        if (i > 0) out_ += ',';
        append_json_string(out_, action.depends_on[i]);
      }
      out_ += ']';
    }
    if (action.scheduled_at) text_field("scheduled_at", print_timestamp(*action.scheduled_at));
    if (action.delay) ms_field("delay_ms", *action.delay);
    if (!action.reason.empty()) text_field("reason", action.reason);
    out_ += '}';
  }

  void field(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += name;
    out_ += "\":";
  }
  void text_field(std::string_view name, std::string_view value) {
    field(name);
    append_json_string(out_, value);
  }
  void ms_field(std::string_view name, milliseconds value) {
    field(name);
    out_ += std::to_string(value.count());
  }
  void input_field(std::string_view input) {
    if (input == "null") return;
    if (inputs_ == input_text::as_it_is && fits_in_a_line(input)) {
      field("input");
      out_ += input;
      return;
    }
    const json_parse parsed = parse_json(input, {limits{}.json_depth_max, true});
    if (inputs_ == input_text::without_spaces && parsed.failure == json_failure::none) {
      field("input");
      append_json(out_, parsed.tree, json_tree::root);
    } else {  // JSON is a convention only: any other bytes must survive too
      text_field("input_base64", encode_base64(input));
    }
  }

  input_text inputs_;
  std::string out_;
};

}  // namespace

std::string print_exact_spec(const workflow_spec& spec) {
  return spec_printer(input_text::as_it_is).run(spec);
}

result<workflow_spec> parse_exact_spec(std::string_view json, const limits& bounds) {
  auto spec = spec_reader(bounds).run(json);
  if (!spec) return spec;
  each_json_text(json, [&](std::string_view name, std::string_view value) {
    if (name == "input") spec->input = value;
    if (name != "actions") return;
    std::size_t index = 0;
    each_json_text(value, [&](std::string_view, std::string_view action) {
      each_json_text(action, [&](std::string_view field, std::string_view input) {
        if (field == "input") spec->actions[index].input = input;
      });
      ++index;
    });
  });
  return spec;
}

}  // namespace tenax::model

namespace tenax {

result<workflow_spec> parse_spec(std::string_view json, const limits& bounds) {
  return model::spec_reader(bounds).run(json);
}

std::string print_spec(const workflow_spec& spec) {
  return model::spec_printer(model::input_text::without_spaces).run(spec);
}

}  // namespace tenax
