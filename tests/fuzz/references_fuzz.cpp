// Three texts parted by NUL bytes: an action's input, the workflow's input, a result. Scanning and
// rendering never crash, agree with each other, and stay in bounds.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "model/documents/json_text.hpp"
#include "model/documents/json_tree.hpp"
#include "model/references.hpp"
#include "model/validate.hpp"
#include "tenax/spec.hpp"

namespace {

constexpr std::size_t rendered_bytes_max = 100;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenax;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::array<std::string_view, 3> texts;
  for (auto& text : texts) {
    text = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(rest.size(), text.size() + 1));
  }
  const std::string_view input = texts[0];
  const std::string_view workflow_input = texts[1];
  const std::string_view result_bytes = texts[2];

  const auto scan = model::scan_references(input);
  require(scan.any || (scan.action_keys.empty() && scan.faults.empty()));
  for (const auto& key : scan.action_keys) require(model::valid_id(key));
  for (const auto& fault : scan.faults) {
    require(model::find_invalid_utf8(fault.message) == std::string::npos);
    require(model::find_invalid_utf8(fault.path) == std::string::npos);
  }
  handler_registry types;
  types.add("noop", [](const action_context&) { return outcome::success(); });
  const workflow_spec spec = workflow_builder("w")
                                 .input(std::string(workflow_input))
                                 .action("a", "noop")
                                 .action("b", "noop")
                                 .action("it", "noop", std::string(input));
  if (!model::validate(spec, types, limits{}).empty()) return 0;
  const auto definition = model::compile(spec);
  require(definition->has_references[2] == scan.any);
  const auto position = [](model::action_index i) {
    return i == 0 ? std::uint64_t{1} : 0;  // b was skipped
  };
  const auto read = [&](model::action_index i) -> result<model::document_ptr> {
    if (i == model::no_action) return model::parse_document(std::string(workflow_input));
    if (i == 0) return model::parse_document(std::string(result_bytes));
    return model::document_ptr();
  };
  const auto rendered =
      model::render_input(*definition, 2, input, {position, read}, {}, rendered_bytes_max);
  if (!rendered) {
    require(rendered.end == model::render_end::bad_reference);
    require(rendered.why->code() == errc::invalid_argument);
    return 0;
  }
  if (!scan.any) {
    require(rendered.input == input);
    return 0;
  }
  require(rendered.input.size() <= rendered_bytes_max);
  const auto parsed = model::parse_json(rendered.input, {limits{}.json_depth_max, false});
  require(parsed.failure == model::json_failure::none);
  std::string again;
  model::append_json(again, parsed.tree, model::json_tree::root);
  require(again == rendered.input);
  return 0;
}
