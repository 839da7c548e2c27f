// render.hpp - workflows, histories and findings as text for people. Everything that comes from a
// document or a handler is escaped.
// Depends on include/tenax and node/text. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node/text.hpp"
#include "tenax/engine.hpp"

namespace tenax::node {

/// A table with a header, also when there are no rows.
[[nodiscard]] std::string render_list(const std::vector<workflow_summary>& workflows,
                                      wall_time now);

struct show_context {
  wall_time now{};
  std::string runs_at;   ///< who runs the engine, a sentence; "" if it is at rest
  bool all = false;      ///< every action; else, of more than 200, those that are not completed
  engine_name target{};  ///< for the commands that it names
};
/// The workflow's facts, then its actions, each after those it depends on. `why` is of the same
/// moment.
[[nodiscard]] std::string render_workflow(const workflow_view& w, const explanation& why,
                                          const show_context& c);

/// The headline, what the open actions wait for (those of one type and reason in one row), what
/// holds them in the end, and what happens next.
[[nodiscard]] std::string render_explanation(const explanation& e, const show_context& c);

/// Why an action does not run, "" when nothing is to be said.
[[nodiscard]] std::string render_reasons(const std::string& workflow_id, const explained_action& a,
                                         const show_context& c);

/// Positions of the actions, each after its dependencies, else in the author's order.
[[nodiscard]] std::vector<std::size_t> dependency_order(const std::vector<action_view>& actions);

/// One row per event, data cut to what fits a line.
[[nodiscard]] std::string render_history(const std::vector<history_event>& events);

[[nodiscard]] std::string render_findings(const verify_report& r);

}  // namespace tenax::node
