// references.hpp - ${actions.KEY.result...} and ${workflow.input...} in inputs.
// Depends on include/tenax and model only. Pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/definition.hpp"
#include "model/documents/parsed_document.hpp"
#include "tenax/result.hpp"

namespace tenax::model {

/// The keys of the actions that an input refers to; empty for input that is not JSON. Malformed
/// references become faults, with paths relative to the input.
struct reference_scan {
  bool any = false;  ///< the input holds a reference or an escape, so it must be rendered
  std::vector<std::string> action_keys;
  std::vector<fault> faults;
};
[[nodiscard]] reference_scan scan_references(std::string_view input);

/// What an input is rendered from. Neither function is kept.
struct input_sources {
  /// Where an action's result lies, ascending with the rows of the store; 0: it was skipped, so
  /// that there is none. Asked once for each action that the input refers to, before the first
  /// `read`.
  std::function<std::uint64_t(action_index)> position;
  /// The result of an action, or the workflow's input (no_action); a null pointer, which `position`
  /// 0 needs, reads as null at any path. Called once for each source: the workflow's input first,
  /// then by ascending `position`. What it returned is let go before the next call.
  std::function<result<document_ptr>(action_index)> read;
};

enum class render_end : std::uint8_t {
  rendered,
  bad_reference,  ///< a path does not exist in its value, or the outcome is too large or too deep
  unread,         ///< `read` failed, with `why`
  stopped,        ///< as `stop` asked
};

struct rendered_input {
  render_end end = render_end::stopped;
  std::string input;         ///< when rendered
  std::optional<error> why;  ///< when bad_reference (invalid_argument) or unread
  [[nodiscard]] explicit operator bool() const noexcept { return end == render_end::rendered; }
};

/// The input of an action with its references replaced: a string that is exactly one reference
/// takes the value with its type; inside text it is rendered (strings bare, others as JSON); "$${"
/// becomes "${". A result that is not JSON is taken as a string. Beside the document that is read
/// it holds only the values that go into the input, at most `bytes_max` bytes. `stop` is asked
/// before each read and every few thousand strings. Thread safe where the functions are.
/// `input`: the action's, as submitted or as it was changed.
[[nodiscard]] rendered_input render_input(const definition& def, action_index action,
                                          std::string_view input, const input_sources& sources,
                                          const std::function<bool()>& stop, std::size_t bytes_max);

}  // namespace tenax::model
