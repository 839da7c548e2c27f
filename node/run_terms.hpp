// run_terms.hpp - what a workflow of `tenax run` runs under: written down with it at its submit,
// read back, compared. A JSON object, its members named as the options: all of the retry policy,
// and of the rest what is not at its default and concerns the action types of the workflow. Depends
// on include/tenax and node/. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/run_options.hpp"
#include "tenax/spec.hpp"

namespace tenax::node {

/// Only the types of its actions are looked at.
[[nodiscard]] std::string terms_of(const run_options& run, const workflow_spec& spec);

struct terms_difference {
  std::string option;    ///< "--max-attempts"
  std::string recorded;  ///< as JSON; "" where it was not given
  std::string given;
};
/// Nothing when both say the same.
[[nodiscard]] std::vector<terms_difference> differences(std::string_view recorded,
                                                        std::string_view given);

/// Adds to `run` what the terms say. False: they are not those of a `tenax run`.
[[nodiscard]] bool read_terms(std::string_view terms, run_options& run);

/// For people: "max_attempts 3, min_wait_ms 1000"; what is no JSON object as it is, printable.
[[nodiscard]] std::string terms_text(std::string_view terms);

}  // namespace tenax::node
