// workload.hpp - what a world works on: action types with random policies, handlers whose outcomes
// depend on nothing but the world's seed and the call, random workflows.
// Depends on include/tenax and testing/fault_store.hpp (mix). One thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tenax/engine.hpp"
#include "tests/sim/dice.hpp"

namespace tenax::sim {

struct action_type {
  std::string name;
  action_options options;
};

class workload {
 public:
  workload(std::uint64_t seed, dice& d);

  [[nodiscard]] const std::vector<action_type>& types() const noexcept { return types_; }
  [[nodiscard]] const retry_policy& fallback() const noexcept { return fallback_; }
  /// The type's options; the built-in types have the defaults.
  [[nodiscard]] const action_options& options_of(std::string_view type) const;
  [[nodiscard]] const retry_policy& policy_of(std::string_view type) const;

  [[nodiscard]] workflow_spec make_spec(dice& d, std::string id, wall_time now) const;
  /// What the handler of this call does, or, where it asks for it from outside (leaves_open), what
  /// somebody there says. May throw.
  [[nodiscard]] outcome act(const action_context& call) const;
  /// Whether the call leaves its attempt open.
  [[nodiscard]] bool leaves_open(const action_context& call) const;
  /// The result of a success of this attempt.
  [[nodiscard]] std::string result_of(std::string_view workflow_id, std::string_view key,
                                      std::uint32_t attempt) const;
  /// What must be over before each action, read from the spec as its author would.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> dependencies_of(
      const workflow_spec& spec);
  /// Whether the input that a handler got can have come from what the spec says.
  [[nodiscard]] bool possible_input(const workflow_spec& spec, const action_spec& action,
                                    std::string_view got) const;
  /// The action that an input refers to; "" if none.
  [[nodiscard]] static std::string referred_to(const action_spec& action);
  /// What the input becomes where its reference leads to this; of a skipped action null.
  [[nodiscard]] static std::string rendered(const action_spec& action, std::string_view value);
  /// Another input, with the reference that there was, or without.
  [[nodiscard]] static std::string changed_input(const action_spec& action, std::uint64_t number);

  /// What `resolution::kind::complete` gives in these worlds.
  static constexpr std::string_view decided_result = R"({"by":0,"v":-1})";
  static constexpr milliseconds retry_after_max{8'000};
  static constexpr milliseconds defer_max{20'000};
  static constexpr std::uint32_t defers_max = 2;

  /// Some worlds have results that are not kept in memory.
  [[nodiscard]] std::size_t result_bytes_max() const noexcept { return large_ ? 6'000 : 100; }

 private:
  [[nodiscard]] std::string value_of(std::string_view workflow_id, std::string_view key) const;
  [[nodiscard]] std::uint64_t fate_of(std::string_view workflow_id, std::string_view key) const;
  [[nodiscard]] static retry_policy make_policy(dice& d);
  [[nodiscard]] static action_options make_options(dice& d);
  [[nodiscard]] std::string make_input(dice& d, const workflow_spec& spec,
                                       const action_spec& action) const;

  std::uint64_t seed_;
  bool large_ = false;
  std::vector<action_type> types_;
  retry_policy fallback_;
};

}  // namespace tenax::sim
