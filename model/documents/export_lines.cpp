#include "model/documents/export_lines.hpp"

#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <vector>

#include "model/documents/base64.hpp"
#include "model/documents/event_json.hpp"
#include "model/documents/hex.hpp"
#include "model/documents/json_text.hpp"
#include "model/documents/json_tree.hpp"
#include "model/documents/json_writer.hpp"
#include "model/documents/spec_json.hpp"
#include "model/documents/timestamp.hpp"

namespace tenax::model {

namespace {

/// Around a payload in a line: the line, its data; around an input: the line, the spec, its
/// actions, the action.
constexpr std::size_t depth_around = 4;
/// Escapes make a string up to six times as long; a longer text is base64.
constexpr std::size_t text_bytes_max = export_line_bytes_max / 8;

constexpr std::string_view text_suffix = "_text";
constexpr std::string_view base64_suffix = "_base64";

std::string suffixed(std::string_view name, std::string_view suffix) {
  return std::string(name).append(suffix);
}
/// For messages.
std::string field(std::string_view name) { return "field " + shown(name); }

wall_time to_time(time_ms at) { return wall_time(milliseconds(at)); }

/// Builds {"name":value,...} so that nothing is lost.
class exact_object {
 public:
  explicit exact_object(std::string_view type = "") {
    out_.begin_object();
    if (!type.empty()) text("type", type);
  }
  void raw(std::string_view name, std::string_view json) { out_.raw(name, json); }
  template <class Int>
  void number(std::string_view name, Int value) {
    out_.number(name, value);
  }
  void text(std::string_view name, std::string_view bytes) { put_text(name, bytes, name); }
  /// JSON by convention.
  void json(std::string_view name, std::string_view bytes) {
    if (fits_in_a_line(bytes)) return raw(name, bytes);
    put_text(name, bytes, suffixed(name, text_suffix));
  }
  /// As people read it; what that cannot say as a number.
  void time(std::string_view name, time_ms at) {
    const auto text = print_timestamp(to_time(at));
    if (parse_timestamp(text) == to_time(at)) {
      put_text(name, text, name);
    } else {
      number(name, at);
    }
  }
  [[nodiscard]] std::string take() {
    out_.end_object();
    return std::move(text_);
  }

 private:
  void put_text(std::string_view name, std::string_view bytes, std::string_view as_text) {
    if (bytes.size() <= text_bytes_max && find_invalid_utf8(bytes) == std::string_view::npos) {
      out_.string(as_text, bytes);
    } else {
      out_.string(suffixed(name, base64_suffix), encode_base64(bytes));
    }
  }
  std::string text_;
  json_writer out_{text_};
};

/// The data of an event: what its kind has, and whatever else is set.
class exact_fields {
 public:
  template <class Int>
  void number(std::string_view name, field_use use, Int value) {
    if (shown(use, value != 0)) out_.number(name, value);
  }
  void time(std::string_view name, field_use use, time_ms at) {
    if (shown(use, at != 0)) out_.time(name, at);
  }
  void delivery(std::string_view name, field_use use, tenax::delivery d) {
    if (shown(use, d != tenax::delivery::at_least_once)) out_.text(name, to_string(d));
  }
  void secret(std::string_view name, field_use use, const attempt_secret& s) {
    if (shown(use, !s.empty())) out_.text(name, print_secret(s));
  }
  void text(std::string_view name, field_use use, std::string_view bytes) {
    if (shown(use, !bytes.empty())) out_.text(name, bytes);
  }
  void json(std::string_view name, field_use use, std::string_view bytes) {
    if (shown(use, !bytes.empty())) out_.json(name, bytes);
  }
  [[nodiscard]] std::string take() { return out_.take(); }

 private:
  static bool shown(field_use use, bool set) { return use == field_use::always || set; }
  exact_object out_;
};

std::string print(const export_begin& line) {
  exact_object out("export");
  out.number("version", line.version);
  return out.take();
}

std::string print(const export_workflow& line) {
  exact_object out("workflow");
  out.text("workflow", line.spec.id);
  out.text("status", to_string(line.status));
  out.raw("spec", print_exact_spec(line.spec));
  return out.take();
}

std::string print(const export_event& line) {
  exact_object out("event");
  out.text("workflow", line.workflow);
  out.number("seq", line.seq);
  out.time("at", line.what.at_ms);
  out.text("kind", to_string(line.what.kind));
  out.text("actor", to_string(line.what.actor));
  if (!line.action.empty()) out.text("action", line.action);
  exact_fields data;
  each_field(line.what, data);
  out.raw("data", data.take());
  return out.take();
}

std::string print(const export_workflow_end& line) {
  exact_object out("workflow_end");
  out.text("workflow", line.workflow);
  out.number("events", line.events);
  if (line.checksum) out.text("checksum", print_hex(*line.checksum));
  return out.take();
}

std::string print(const export_end& line) {
  exact_object out("export_end");
  out.number("workflows", line.workflows);
  out.number("events", line.events);
  return out.take();
}

/// What is wrong with a line; the first of it counts.
class complaint {
 public:
  void say(std::string what) {
    if (what_.empty()) what_ = std::move(what);
  }
  [[nodiscard]] const std::string& what() const noexcept { return what_; }

 private:
  std::string what_;
};

/// Takes the members of an object one by one; what nobody takes is a fault.
class object_reader {
 public:
  /// `json`: the object as it is written.
  object_reader(const json_tree& tree, json_at object, std::string_view json, std::string where,
                complaint& wrong)
      : tree_(tree), where_(std::move(where)), wrong_(wrong) {
    if (!tree.is(object, json_kind::object)) {
      say("expected an object, found " + std::string(described(tree.kind(object))));
      return;
    }
    std::vector<std::string_view> written;
    each_json_text(json, [&](std::string_view, std::string_view v) { written.push_back(v); });
    tree.for_each_child(object, [&](json_at m) {
      members_.push_back({tree.key(m), m, written[members_.size()]});
    });
  }

  struct member {
    std::string_view name;
    json_at node = 0;
    std::string_view written;
  };
  std::optional<member> take(std::string_view name) {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [name](const auto& m) { return m.name == name; });
    if (found == members_.end()) return std::nullopt;
    const member out = *found;
    members_.erase(found);
    return out;
  }
  std::optional<member> required(std::string_view name) {
    auto found = take(name);
    if (!found) say(field(name) + " is missing");
    return found;
  }
  /// Of a member that is a string; "" if it is not.
  std::string string(const member& m) {
    if (tree_.is(m.node, json_kind::string)) return std::string(tree_.text(m.node));
    say(field(m.name) + ": expected a string, found " + std::string(described(tree_.kind(m.node))));
    return {};
  }
  std::string required_string(std::string_view name) {
    const auto found = required(name);
    return found ? string(*found) : std::string();
  }
  /// A number in the range of its type.
  template <class Int>
  Int integer(const member& m) {
    Int value = 0;
    const auto digits = tree_.text(m.node);
    const auto* const end = digits.data() + digits.size();
    const auto [stopped, code] = std::from_chars(digits.data(), end, value);
    if (tree_.is(m.node, json_kind::number) && code == std::errc{} && stopped == end) return value;
    say(field(m.name) + ": expected an integer from " +
        std::to_string(std::numeric_limits<Int>::min()) + " to " +
        std::to_string(std::numeric_limits<Int>::max()));
    return 0;
  }
  template <class Int>
  Int required_integer(std::string_view name) {
    const auto found = required(name);
    return found ? integer<Int>(*found) : Int{0};
  }
  time_ms time(const member& m) {
    if (!tree_.is(m.node, json_kind::string)) return integer<time_ms>(m);
    const auto at = parse_timestamp(tree_.text(m.node));
    if (!at) say(field(m.name) + ": " + shown(tree_.text(m.node)) + " is no time");
    return at ? at->time_since_epoch().count() : 0;
  }
  /// By any of the names that it can have.
  std::optional<std::string> bytes(std::string_view name, bool is_json) {
    std::optional<std::string> out;
    const auto one = [&](std::string value) {
      if (out) say(field(name) + " is there twice");
      out = std::move(value);
    };
    if (const auto m = take(name)) {
      one(is_json ? std::string(m->written) : string(*m));
      if (is_json && !fits_in_a_line(*out)) say(field(name) + " is not as an export has it");
    }
    if (const auto m = is_json ? take(suffixed(name, text_suffix)) : std::nullopt) one(string(*m));
    if (const auto m = take(suffixed(name, base64_suffix))) {
      auto decoded = decode_base64(string(*m));
      if (!decoded) say(field(m->name) + " is not base64 with padding");
      one(std::move(decoded).value_or(std::string()));
    }
    return out;
  }
  void finish() {
    if (!members_.empty()) say("unknown field " + shown(members_.front().name));
  }
  void say(std::string what) { wrong_.say(place() + std::move(what)); }

 private:
  [[nodiscard]] std::string place() const { return where_.empty() ? "" : where_ + ": "; }

  const json_tree& tree_;
  std::string where_;
  complaint& wrong_;
  std::vector<member> members_;
};

/// Reads what exact_fields prints.
class read_fields {
 public:
  explicit read_fields(object_reader& from) : from_(from) {}
  template <class Int>
  void number(std::string_view name, field_use use, Int& to) {
    if (const auto m = find(name, use)) to = from_.integer<Int>(*m);
  }
  void time(std::string_view name, field_use use, time_ms& to) {
    if (const auto m = find(name, use)) to = from_.time(*m);
  }
  void delivery(std::string_view name, field_use use, tenax::delivery& to) {
    const auto m = find(name, use);
    if (!m) return;
    const auto text = from_.string(*m);
    for (const auto d : {tenax::delivery::at_least_once, tenax::delivery::at_most_once}) {
      if (text == to_string(d)) return void(to = d);
    }
    from_.say("no delivery " + shown(text));
  }
  void secret(std::string_view name, field_use use, attempt_secret& to) {
    const auto m = find(name, use);
    if (!m) return;
    const auto secret = parse_secret(from_.string(*m));
    if (!secret) from_.say(field(name) + " is not 32 hexadecimal digits");
    to = secret.value_or(attempt_secret{});
  }
  void text(std::string_view name, field_use use, std::string& to) { bytes(name, use, false, to); }
  void json(std::string_view name, field_use use, std::string& to) { bytes(name, use, true, to); }

 private:
  std::optional<object_reader::member> find(std::string_view name, field_use use) {
    return use == field_use::always ? from_.required(name) : from_.take(name);
  }
  void bytes(std::string_view name, field_use use, bool is_json, std::string& to) {
    auto found = from_.bytes(name, is_json);
    if (found) to = *std::move(found);
    if (!found && use == field_use::always) from_.say(field(name) + " is missing");
  }
  object_reader& from_;
};

template <class Enum>
bool find_name(std::string_view name, std::uint8_t first, std::uint8_t last, Enum& to) {
  for (unsigned n = first; n <= last; ++n) {
    if (to_string(static_cast<Enum>(n)) != name) continue;
    to = static_cast<Enum>(n);
    return true;
  }
  return false;
}

export_line read_event(object_reader& in, const json_tree& tree, complaint& wrong) {
  export_event out;
  auto& e = out.what;
  out.workflow = in.required_string("workflow");
  out.seq = in.required_integer<std::uint64_t>("seq");
  if (const auto at = in.required("at")) e.at_ms = in.time(*at);
  if (const auto kind = in.required_string("kind"); !find_name(kind, 1, event_kind_max, e.kind)) {
    in.say("unknown kind of event " + shown(kind));
  }
  if (const auto actor = in.required_string("actor");
      !find_name(actor, 0, static_cast<std::uint8_t>(event_actor::handler), e.actor)) {
    in.say("unknown actor " + shown(actor));
  }
  if (const auto action = in.take("action")) out.action = in.string(*action);
  if (const auto data = in.required("data")) {
    object_reader fields(tree, data->node, data->written, "data", wrong);
    read_fields reading(fields);
    // The names depend on the error class too: it is there before any of them is asked for.
    if (wrong.what().empty()) each_field(e, reading);
    fields.finish();
  }
  return out;
}

export_line read_workflow(object_reader& in, const limits& bounds) {
  export_workflow out;
  const auto id = in.required_string("workflow");
  const auto status = in.required_string("status");
  if (const auto known = parse_workflow_status(status)) {
    out.status = *known;
  } else {
    in.say("no status " + shown(status));
  }
  const auto written = in.required("spec");
  if (!written) return out;
  auto spec = parse_exact_spec(written->written, bounds);
  if (!spec) {
    const auto& faults = spec.error().faults();
    in.say("spec" + (faults.empty() ? ": " + spec.error().message()
                                    : faults.front().path + ": " + faults.front().message));
    return out;
  }
  out.spec = *std::move(spec);
  if (out.spec.id != id) in.say("the spec has another id, " + shown(out.spec.id));
  return out;
}

export_line read_workflow_end(object_reader& in) {
  export_workflow_end out;
  out.workflow = in.required_string("workflow");
  out.events = in.required_integer<std::uint64_t>("events");
  if (const auto m = in.take("checksum")) {
    const auto digits = in.string(*m);
    out.checksum = parse_hex(digits);
    if (!out.checksum) in.say("the checksum is not 16 hexadecimal digits");
  }
  return out;
}

export_line read_line(object_reader& in, const json_tree& tree, const limits& bounds,
                      complaint& wrong) {
  const auto type = in.required_string("type");
  if (type == "event") return read_event(in, tree, wrong);
  if (type == "workflow") return read_workflow(in, bounds);
  if (type == "workflow_end") return read_workflow_end(in);
  if (type == "export") return export_begin{in.required_integer<std::int64_t>("version")};
  if (type == "export_end") {
    return export_end{in.required_integer<std::uint64_t>("workflows"),
                      in.required_integer<std::uint64_t>("events")};
  }
  in.say("unknown type of line " + shown(type));
  return export_end{};
}

}  // namespace

std::string print_export_line(const export_line& line) {
  return std::visit([](const auto& l) { return print(l); }, line);
}

result<export_line> parse_export_line(std::string_view line, const limits& bounds) {
  const auto refused = [](std::string what) {
    return error{errc::invalid_argument, std::move(what)};
  };
  const auto parsed =
      parse_json(line, {.depth_max = limits{}.json_depth_max, .depth_around = depth_around});
  if (parsed.failure != json_failure::none) {
    const auto& first = parsed.faults.front();
    return refused("not a line of JSON: " + (first.path.empty() ? "" : first.path + ": ") +
                   first.message);
  }
  complaint wrong;
  object_reader in(parsed.tree, json_tree::root, line, "", wrong);
  if (!wrong.what().empty()) return refused(wrong.what());
  auto out = read_line(in, parsed.tree, bounds, wrong);
  // A later version may have other fields too: the version is what is wrong then.
  const auto* const begin = std::get_if<export_begin>(&out);
  if (begin != nullptr && begin->version > export_version) return out;
  in.finish();
  if (!wrong.what().empty()) return refused(wrong.what());
  return out;
}

std::uint64_t add_export_checksum(std::uint64_t sum, std::string_view line) noexcept {
  return XXH3_64bits_withSeed(line.data(), line.size(), sum);
}

}  // namespace tenax::model
