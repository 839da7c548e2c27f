#include "node/json_output.hpp"

#include "tenax/plain_numbers.hpp"

namespace tenax::node {

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json parsed(std::string_view own) {
  const plain_numbers no_locale;  // the parser asks it for its decimal point
  return json::parse(own);
}

json to_json(const verify_report& r) {
  json out{{"clean", r.findings_total == 0},
           {"workflows", r.workflows},
           {"events", r.events},
           {"due_entries", r.due_entries},
           {"findings_total", r.findings_total},
           {"findings", json::array()}};
  for (const auto& f : r.findings)
    out["findings"].push_back({{"invariant", f.invariant}, {"where", f.where}, {"what", f.what}});
  return out;
}

json to_json(const error& e) {
  json inner{{"code", to_string(e.code())},
             {"message", e.message().empty() ? std::string{describe(e.code())} : e.message()}};
  if (!e.faults().empty()) {
    auto& faults = inner["faults"] = json::array();
    for (const auto& f : e.faults()) faults.push_back({{"path", f.path}, {"message", f.message}});
  }
  return {{"error", std::move(inner)}};
}

}  // namespace tenax::node
