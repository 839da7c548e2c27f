#include "model/documents/policy_json.hpp"

#include <limits>

#include "model/documents/json_tree.hpp"

namespace tenax::model {

std::string_view to_string(on_exhausted what) noexcept {
  switch (what) {
    case on_exhausted::fail_workflow:
      return "fail";
    case on_exhausted::pause:
      return "pause";
    case on_exhausted::skip:
      return "skip";
  }
  return "unknown";
}

std::optional<on_exhausted> parse_on_exhausted(std::string_view word) noexcept {
  for (const auto what : {on_exhausted::fail_workflow, on_exhausted::pause, on_exhausted::skip}) {
    if (word == to_string(what)) return what;
  }
  return std::nullopt;
}

void put_fields(json_writer& out, const policy_change& p) {
  if (p.max_attempts) out.number("max_attempts", *p.max_attempts);
  if (p.min_wait) out.number("min_wait_ms", p.min_wait->count());
  if (p.max_wait) out.number("max_wait_ms", p.max_wait->count());
  if (p.exhausted) out.string("on_exhausted", to_string(*p.exhausted));
}

std::string print_policy(const policy_change& p) {
  return object_text([&](json_writer& out) { put_fields(out, p); });
}

std::optional<policy_change> parse_policy(std::string_view json) {
  const auto parsed = parse_json(json, {.depth_max = 1});
  const auto& tree = parsed.tree;
  if (parsed.failure != json_failure::none || !tree.is(json_tree::root, json_kind::object)) {
    return std::nullopt;
  }
  policy_change out;
  bool good = true;
  tree.for_each_child(json_tree::root, [&](json_at at) {
    const auto name = tree.key(at);
    const std::int64_t number = tree.is(at, json_kind::number) ? tree.integer(at).value_or(-1) : -1;
    if (name == "on_exhausted" && tree.is(at, json_kind::string)) {
      out.exhausted = parse_on_exhausted(tree.text(at));
      good = good && out.exhausted.has_value();
    } else if (number < 0) {
      good = false;
    } else if (name == "max_attempts" && number <= std::numeric_limits<std::uint32_t>::max()) {
      out.max_attempts = static_cast<std::uint32_t>(number);
    } else if (name == "min_wait_ms") {
      out.min_wait = milliseconds(number);
    } else if (name == "max_wait_ms") {
      out.max_wait = milliseconds(number);
    } else {
      good = false;
    }
  });
  if (!good || !out.faults().empty()) return std::nullopt;
  return out;
}

}  // namespace tenax::model
