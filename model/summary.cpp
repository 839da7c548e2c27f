#include "model/summary.hpp"

namespace tenax::model {

namespace {
std::optional<wall_time> optional_time(time_ms at) {
  if (at == 0) return std::nullopt;
  return wall_time(milliseconds(at));
}
}  // namespace

action_counts count_actions(const workflow_state& state) {
  action_counts c;
  c.blocked = state.count(phase::blocked);
  c.ready = state.count(phase::ready);
  c.running = state.count(phase::executing);
  c.timer = state.count(phase::scheduled) + state.count(phase::deferred);
  c.backing_off = state.count(phase::backing_off);
  c.in_doubt = state.count(phase::in_doubt) + state.count(phase::paused);
  c.outside = state.count(phase::outside);
  c.completed = state.count(phase::completed);
  c.failed = state.count(phase::failed);
  c.cancelled = state.count(phase::cancelled);
  c.skipped = state.count(phase::skipped);
  for (const auto n : state.counts) c.total += n;
  return c;
}

workflow_summary summarize(const workflow_spec& head, const workflow_state& state) {
  workflow_summary s;
  s.id = head.id;
  s.name = head.name;
  s.description = head.description;
  s.reference = head.reference;
  s.status = state.status;
  s.submitted_at = wall_time(milliseconds(state.created_at_ms));
  s.started_at = optional_time(state.started_at_ms);
  s.closed_at = optional_time(state.closed_at_ms);
  s.deadline_at = optional_time(state.deadline_at_ms);
  s.actions = count_actions(state);
  s.events = state.seq;
  if (state.failed_action < head.actions.size()) {
    s.failed_action = head.actions[state.failed_action].key;
  }
  s.reason = state.reason;
  return s;
}

}  // namespace tenax::model
