// Any bytes as a WfFormat trace: parsing never crashes, and what was read is a spec like any other.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "model/documents/json_text.hpp"
#include "model/validate.hpp"
#include "tenax/spec.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const bool told = tenax::is_trace(json);
  const auto parsed = tenax::parse_trace(json);
  if (!parsed) {
    require(!parsed.error().faults().empty());
    for (const auto& fault : parsed.error().faults()) {
      require(tenax::model::find_invalid_utf8(fault.path) == std::string::npos);
      require(tenax::model::find_invalid_utf8(fault.message) == std::string::npos);
    }
    return 0;
  }
  require(told);
  for (const auto& action : (*parsed).actions) require(tenax::model::valid_id(action.key));
  const auto again = tenax::parse_spec(tenax::print_spec(*parsed));
  require(again.has_value() && *again == *parsed);
  // A trace may have a cycle; nothing else is left for validate to refuse.
  tenax::handler_registry types;
  types.add("wait", [](const tenax::action_context&) { return tenax::outcome::success(); });
  for (const auto& fault : tenax::model::validate(*parsed, types, tenax::limits{})) {
    require(fault.message.starts_with("cycle: "));
  }
  return 0;
}
