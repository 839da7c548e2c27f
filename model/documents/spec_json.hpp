// spec_json.hpp - native specs with every byte of their inputs. tenax/spec.hpp has those that
// people write. Depends on include/tenax only. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "tenax/spec.hpp"

namespace tenax::model {

/// As print_spec, on one line, but inputs that are JSON stand as they are written, those that do
/// not fit in a line as base64.
[[nodiscard]] std::string print_exact_spec(const workflow_spec& spec);
/// parse_exact_spec(print_exact_spec(s)) == s for every spec that `validate` accepts.
[[nodiscard]] result<workflow_spec> parse_exact_spec(std::string_view json, const limits& bounds);

}  // namespace tenax::model
