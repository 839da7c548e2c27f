// definition.hpp - a validated workflow, compiled: the spec, and its graph by action index.
// Immutable, shared. Depends on include/tenax only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "tenax/spec.hpp"

namespace tenax::model {

/// Position of an action in its workflow's list.
using action_index = std::uint32_t;
inline constexpr action_index no_action = 0xffff'ffff;

/// Which lanes something belongs to: a bit for each action type, which types can share. Stored.
using lane_mask = std::uint64_t;
inline constexpr unsigned lane_bits = 62;
/// Something is executing.
inline constexpr lane_mask executing_lane = lane_mask{1} << lane_bits;
/// Nobody knows.
inline constexpr lane_mask any_lane = ~lane_mask{0};
/// Of a type, below `lane_bits`; the same in every build.
[[nodiscard]] std::uint8_t lane_bit(std::string_view type) noexcept;

struct definition {
  workflow_spec spec;  ///< with its id
  /// Per action, ascending and without duplicates: depends_on, the one before if sequential, and
  /// the actions referred to.
  std::vector<std::vector<action_index>> dependencies;
  std::vector<std::vector<action_index>> dependants;  ///< the same edges backwards
  std::vector<bool> has_references;                   ///< the action's input must be rendered
  std::vector<bool> is_referenced;                    ///< an input refers to the action's result
  std::vector<action_index> by_key;                   ///< in the order of the keys
  std::vector<std::uint8_t> lanes;                    ///< bits of its types, each once
  std::vector<std::uint8_t>
      lane_of;            ///< per action: its place in `lanes`; empty: all have the first
  std::size_t bytes = 0;  ///< of memory, about

  definition() = default;
  definition(const definition&) = delete;  // shared, not copied
  definition& operator=(const definition&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return spec.actions.size(); }
  [[nodiscard]] std::optional<action_index> find(std::string_view key) const;
};

using definition_ptr = std::shared_ptr<const definition>;

/// Compiles a spec that `validate` found faultless (and that has an id). Never fails on such a
/// spec.
[[nodiscard]] definition_ptr compile(workflow_spec spec);

}  // namespace tenax::model
