// validate.hpp - what makes a spec acceptable. Every fault at once, each with its JSON pointer.
// Depends on include/tenax and model only. Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "tenax/handler.hpp"
#include "tenax/limits.hpp"
#include "tenax/spec.hpp"

namespace tenax::model {

/// [A-Za-z0-9._:-]{1,128}; ids are never file names, but "." and ".." are refused all the same.
[[nodiscard]] bool valid_id(std::string_view text) noexcept;

/// All faults of a spec: names, keys, unknown types, dependencies, cycles, references, inputs,
/// times, limits. An empty id is no fault (the engine makes one). Linear in the size of the spec.
[[nodiscard]] std::vector<fault> validate(const workflow_spec& spec, const handler_registry& types,
                                          const limits& bounds);

/// All faults of another input for action `at` of a spec that is valid, with paths relative to the
/// action. It may refer only to what the action waits for already.
[[nodiscard]] std::vector<fault> validate_input(const workflow_spec& spec, std::size_t at,
                                                std::string input, const handler_registry& types,
                                                const limits& bounds);

}  // namespace tenax::model
