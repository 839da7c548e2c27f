// references.hpp - ${actions.KEY.result...} and ${workflow.input...} in inputs.
// Depends on include/tenax and model only. Pure functions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/definition.hpp"

namespace tenax::model {

/// The keys of the actions that an input refers to; empty for input that is not JSON. Malformed
/// references become faults, with paths relative to the input.
struct reference_scan {
  bool any = false;  ///< the input holds a reference or an escape, so it must be rendered
  std::vector<std::string> action_keys;
  std::vector<fault> faults;
};
[[nodiscard]] reference_scan scan_references(std::string_view input);

/// The result bytes of an action that is over; nothing for a skipped one (it reads as null, at any
/// path).
using result_lookup = std::function<std::optional<std::string_view>(action_index)>;

/// The input of an action with its references replaced: a string that is exactly one reference
/// takes the value with its type; inside text it is rendered (strings bare, others as JSON); "$${"
/// becomes "${". A result that is not JSON is taken as a string. Error invalid_argument: the path
/// does not exist in the value, or the result exceeds `bytes_max`.
[[nodiscard]] result<std::string> render_input(const definition& def, action_index action,
                                               const result_lookup& results, std::size_t bytes_max);

}  // namespace tenax::model
