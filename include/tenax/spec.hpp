// spec.hpp - a workflow as its author writes it: plain data, and a builder for it.
// Depends on std only. Value types.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenax/handler.hpp"
#include "tenax/limits.hpp"
#include "tenax/result.hpp"

namespace tenax {

struct action_spec {
  std::string key{};                      ///< unique in its workflow; [A-Za-z0-9._:-]{1,128}
  std::string type{};                     ///< a registered action type
  std::string input = "null";             ///< bytes, JSON by convention; may hold ${...} references
  std::vector<std::string> depends_on{};  ///< keys
  std::optional<wall_time> scheduled_at{};  ///< not before this time
  std::optional<milliseconds>
      delay;  ///< this long after all dependencies are done; not with scheduled_at
  std::string reason{};
  bool operator==(const action_spec&) const = default;
};

enum class action_order : std::uint8_t {
  dag,         ///< only depends_on orders actions
  sequential,  ///< each action also depends on the one before
};

inline constexpr std::int32_t priority_min = -1'000;
inline constexpr std::int32_t priority_max = 1'000;

struct workflow_spec {
  std::string id{};  ///< empty: the engine makes one; [A-Za-z0-9._:-]{1,128}
  std::string name{};
  std::string description{};
  std::string reference{};  ///< a ticket or another name outside
  action_order order = action_order::dag;
  std::string input = "null";
  /// Of its blocking actions that wait for a thread, higher first; priority_min..priority_max.
  /// Workflows of the same priority take turns.
  std::int32_t priority = 0;
  std::optional<milliseconds> deadline{};  ///< from submit to the end; then the workflow fails
  std::vector<action_spec> actions{};
  bool operator==(const workflow_spec&) const = default;
};

/// Builds a spec step by step: workflow_builder("order").sequential().action("pay", "charge",
/// R"({"eur":5})").build(). Checks nothing; `engine::submit` reports every fault at once.
class workflow_builder {
 public:
  explicit workflow_builder(std::string name) { spec_.name = std::move(name); }
  // A builder with a name is refined in place; of a temporary one each step gives a builder, so
  // that nothing refers to what is gone.
  workflow_builder& id(std::string v) & { return spec_.id = std::move(v), *this; }
  workflow_builder id(std::string v) && { return std::move(id(std::move(v))); }
  workflow_builder& description(std::string v) & { return spec_.description = std::move(v), *this; }
  workflow_builder description(std::string v) && { return std::move(description(std::move(v))); }
  workflow_builder& reference(std::string v) & { return spec_.reference = std::move(v), *this; }
  workflow_builder reference(std::string v) && { return std::move(reference(std::move(v))); }
  workflow_builder& input(std::string v) & { return spec_.input = std::move(v), *this; }
  workflow_builder input(std::string v) && { return std::move(input(std::move(v))); }
  /// The JSON of a value (json_codec.hpp). Throws what its codec throws; so does `action`.
  template <json_value T>
  workflow_builder& input(const T& v) & {
    return input(write_json(v));
  }
  template <json_value T>
  workflow_builder input(const T& v) && {
    return std::move(input(write_json(v)));
  }
  workflow_builder& priority(std::int32_t v) & { return spec_.priority = v, *this; }
  workflow_builder priority(std::int32_t v) && { return std::move(priority(v)); }
  workflow_builder& deadline(milliseconds v) & { return spec_.deadline = v, *this; }
  workflow_builder deadline(milliseconds v) && { return std::move(deadline(v)); }
  workflow_builder& sequential() & { return spec_.order = action_order::sequential, *this; }
  workflow_builder sequential() && { return std::move(sequential()); }
  /// Adds an action; `after`, `at`, `delayed` and `because` refine the one added last (add one
  /// first: they throw std::logic_error otherwise).
  workflow_builder& action(std::string key, std::string type, std::string input = "null") &;
  workflow_builder action(std::string key, std::string type, std::string input = "null") && {
    return std::move(action(std::move(key), std::move(type), std::move(input)));
  }
  template <json_value T>
  workflow_builder& action(std::string key, std::string type, const T& input) & {
    return action(std::move(key), std::move(type), write_json(input));
  }
  template <json_value T>
  workflow_builder action(std::string key, std::string type, const T& input) && {
    return std::move(action(std::move(key), std::move(type), write_json(input)));
  }
  workflow_builder& after(std::string key) &;
  workflow_builder after(std::string key) && { return std::move(after(std::move(key))); }
  workflow_builder& at(wall_time when) &;
  workflow_builder at(wall_time when) && { return std::move(at(when)); }
  /// As above for a time of any precision, rounded up to milliseconds.
  template <class Duration>
  workflow_builder& at(std::chrono::sys_time<Duration> when) & {
    return at(std::chrono::ceil<milliseconds>(when));
  }
  template <class Duration>
  workflow_builder at(std::chrono::sys_time<Duration> when) && {
    return std::move(at(std::chrono::ceil<milliseconds>(when)));
  }
  workflow_builder& delayed(milliseconds delay) &;
  workflow_builder delayed(milliseconds delay) && { return std::move(delayed(delay)); }
  workflow_builder& because(std::string reason) &;
  workflow_builder because(std::string reason) && { return std::move(because(std::move(reason))); }
  /// A copy; std::move(builder).build() takes the spec out.
  [[nodiscard]] workflow_spec build() const& { return spec_; }
  [[nodiscard]] workflow_spec build() && noexcept { return std::move(spec_); }
  /// For calls that take a spec, as `engine::submit(builder)`: no copy; valid as long as the
  /// builder, so never give it a name (`build` is for that).
  operator const workflow_spec&() const noexcept {
    return spec_;
  }  // NOLINT(google-explicit-constructor)

 private:
  action_spec& last();
  workflow_spec spec_;
};

/// Reads a native JSON spec (docs/spec.md). Every fault of the document at once, with its JSON
/// pointer; what the workflow itself lacks is found by `check_spec` and `engine::submit`. Inputs
/// keep their JSON without its spaces.
[[nodiscard]] result<workflow_spec> parse_spec(std::string_view json, const limits& bounds = {});
/// The canonical JSON of a spec: parse_spec(print_spec(s)) == s, but for spaces in JSON inputs.
[[nodiscard]] std::string print_spec(const workflow_spec& spec);

/// How a WfFormat trace becomes a workflow.
struct trace_options {
  double time_scale = 0.001;         ///< recorded seconds times this are the action's seconds; >= 0
  std::string action_type = "wait";  ///< gets the input {"seconds": number}
};
/// Reads a WfFormat 1.5 document (https://wfcommons.org/format): each task becomes an action that
/// depends on its parents. Errors: invalid_spec, invalid_argument (the options).
[[nodiscard]] result<workflow_spec> parse_trace(std::string_view json,
                                                const trace_options& options = {},
                                                const limits& bounds = {});
/// Whether a document is meant for parse_trace, not parse_spec: an object with "workflow" and
/// "schemaVersion".
[[nodiscard]] bool is_trace(std::string_view json);

/// What `engine::submit` would refuse: every fault of the spec, its action types and their inputs,
/// without submitting anything. Empty when the spec is acceptable.
[[nodiscard]] std::vector<fault> check_spec(const workflow_spec& spec,
                                            const handler_registry& handlers,
                                            const limits& bounds = {});

}  // namespace tenax
