// Any bytes as a native spec: parsing and validating never crash, and what was read survives
// printing.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "model/definition.hpp"
#include "model/documents/json_text.hpp"
#include "model/validate.hpp"
#include "tenax/spec.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_faults(const std::vector<tenax::fault>& faults) {
  require(faults.size() <= tenax::model::fault_list::kept_max + 1);
  for (const auto& fault : faults) {
    require(tenax::model::find_invalid_utf8(fault.path) == std::string::npos);
    require(tenax::model::find_invalid_utf8(fault.message) == std::string::npos);
    require(!fault.message.empty());
  }
}

const tenax::handler_registry& types() {
  static const auto known = [] {
    tenax::handler_registry registry;
    for (const char* name : {"noop", "wait", "log_message"}) {
      registry.add(name, [](const tenax::action_context&) { return tenax::outcome::success(); });
    }
    return registry;
  }();
  return known;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto parsed = tenax::parse_spec(json);
  if (!parsed) {
    require(parsed.error().code() == tenax::errc::invalid_spec);
    require(!parsed.error().faults().empty());
    check_faults(parsed.error().faults());
    return 0;
  }
  const std::string printed = tenax::print_spec(*parsed);
  const auto again = tenax::parse_spec(printed);
  require(again.has_value() && *again == *parsed);
  require(tenax::print_spec(*again) == printed);

  const auto faults = tenax::model::validate(*parsed, types(), tenax::limits{});
  check_faults(faults);
  if (faults.empty()) {
    const auto definition = tenax::model::compile(*parsed);
    require(definition->size() == (*parsed).actions.size());
  }
  return 0;
}
