// reasons.hpp - why the open workflows wait, in a list and all together. Depends on include/tenax
// and node/api only. One thread each.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "model/documents/json_writer.hpp"
#include "node/api/reading.hpp"
#include "tenax/engine.hpp"

namespace tenax::api {

/// What `list` says of why, and which workflows it leaves out for it.
class reason_query {
 public:
  /// Takes `explain`, `reason` and `action_type`.
  explicit reason_query(query_reader& query);

  /// Whether there is anything to be looked for.
  [[nodiscard]] bool selects() const noexcept { return kind_ || action_type_; }
  /// Whether it has taken long.
  [[nodiscard]] bool is_long() const noexcept;
  /// Adds the element; false if it is not one of those that were asked for. Large workflows are not
  /// explained once that has taken long: their elements then come without `why`.
  bool put(model::json_writer& out, const engine& target, const workflow_summary& w);

 private:
  [[nodiscard]] bool matches(const explanation& e) const;

  const bool explains_;
  const std::optional<std::string> kind_;
  const std::optional<std::string> action_type_;
  std::chrono::nanoseconds taken_{0};
};

/// The last answer about all, which holds for a moment: many who look cost as much as one.
struct reasons_cache {
  std::mutex mutex{};
  std::chrono::steady_clock::time_point made{};
  std::string body{};
};

}  // namespace tenax::api
