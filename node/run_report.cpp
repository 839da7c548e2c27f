#include "node/run_report.hpp"

#include <algorithm>
#include <string_view>

#include "node/text.hpp"

namespace tenax::node {

namespace {

constexpr std::size_t named_max = 20;

std::string_view outcome_of(const run_report& r) noexcept {
  switch (r.end.what) {
    case run_end::kind::decision:
      return "decision_needed";
    case run_end::kind::interrupted:
      return "interrupted";
    case run_end::kind::failed:
      return "error";
    case run_end::kind::over:
      break;
  }
  return r.totals.completed == r.totals.workflows ? "completed" : "failed";
}

/// "3 completed, 1 failed"; without zeros, but never empty.
std::string states(const run_totals& t) {
  std::string out;
  const auto put = [&out](std::size_t n, std::string_view what) {
    if (n == 0) return;
    if (!out.empty()) out += ", ";
    out += format_count(n) + ' ';
    out += what;
  };
  put(t.completed, "completed");
  put(t.failed, "failed");
  put(t.cancelled, "cancelled");
  put(t.workflows - t.over(), "not finished");
  return out.empty() ? "nothing to do" : out;
}

/// The workflows that did not complete, by name.
std::string exceptions(const run_report& r) {
  std::string out;
  std::size_t named = 0;
  std::size_t left_out = 0;
  for (const auto& w : r.workflows) {
    if (w.status == workflow_status::completed) continue;
    if (named++ >= named_max) {
      ++left_out;
      continue;
    }
    std::string state{w.over()      ? to_string(w.status)
                      : w.submitted ? "open"
                      : w.unknown   ? "unknown"
                                    : "not submitted"};
    out += "  " + padded(std::move(state), 13) + "  " + printable(w.id);
    if (!w.failed_action.empty()) out += ": action " + printable(w.failed_action);
    if (!w.reason.empty()) out += ": " + printable(w.reason);
    if (!w.over() && w.submitted)
      out += ": " + format_count(w.actions.completed + w.actions.skipped) + " of " +
             counted(w.actions.total, "action") + " done";
    if (!w.over() && w.unknown) out += ": it may have been submitted";
    out += '\n';
  }
  if (left_out > 0)
    out += "  and " + format_count(left_out) + " more (" + command_line("list", r.data_dir) +
           " shows them)\n";
  return out;
}

std::string decisions(const run_report& r) {
  if (r.decisions.empty()) return {};
  std::string out = "These actions wait for a decision; then run the same command again:\n";
  const auto named = std::min(r.decisions.size(), named_max);
  for (std::size_t i = 0; i < named; ++i) {
    const auto& d = r.decisions[i];
    out += "  " + resolve_line(r.data_dir, d.workflow, d.action) + '\n';
    out += "      " +
           (d.problem.empty() ? "it may have run when the process ended: its outcome is unknown"
                              : printable(d.problem)) +
           '\n';
  }
  if (r.decisions_total > named)
    out += "  and " + format_count(r.decisions_total - named) +
           " more: " + command_line("list", r.data_dir) + " --to-decide\n";
  return out;
}

}  // namespace

exit_code exit_of(const run_report& r) noexcept {
  switch (r.end.what) {
    case run_end::kind::failed:
      return r.end.why ? exit_of(r.end.why->code()) : exit_engine_error;
    case run_end::kind::interrupted:
      return exit_interrupted;
    case run_end::kind::decision:
      return exit_decision;
    case run_end::kind::over:
      break;
  }
  return r.totals.completed == r.totals.workflows ? exit_ok : exit_workflow_failed;
}

std::string report_text(const run_report& r) {
  auto out = counted(r.totals.workflows, "workflow") + ": " + states(r.totals) + " in " +
             format_duration(r.end.elapsed) + "; " + counted(r.totals.actions.done, "action") +
             " done, " + counted(r.attempts, "attempt") + " in this run, " +
             format_count(r.failed_attempts) + " failed\n";
  out += exceptions(r);
  out += decisions(r);
  if (r.end.what == run_end::kind::interrupted) {
    out += r.another
               ? "Interrupted. What was submitted is stored and goes on with " +
                     command_line("resume", r.data_dir) + " ID (--new would begin once more).\n"
               : "Interrupted. Nothing is lost: the same command goes on.\n";
  }
  if (r.others_open > 0)
    out += counted(r.others_open, "other workflow") + (r.others_open == 1 ? " is" : " are") +
           " open and left at rest: run their files, or " + command_line("resume", r.data_dir) +
           " ID (" + command_line("list", r.data_dir) + " shows them).\n";
  return out;
}

json report_json(const run_report& r, const plan& planned) {
  json out{{"outcome", outcome_of(r)},
           {"exit_code", static_cast<int>(exit_of(r))},
           {"data_dir", r.data_dir.string()},
           {"elapsed_ms", r.end.elapsed.count()},
           {"completed", r.totals.completed},
           {"failed", r.totals.failed},
           {"cancelled", r.totals.cancelled},
           {"not_finished", r.totals.workflows - r.totals.over()},
           {"others_open", r.others_open},
           {"attempts", r.attempts},
           {"failed_attempts", r.failed_attempts}};
  if (r.end.why) out["error"] = to_json(*r.end.why)["error"];
  if (!r.end.where.empty()) out["error"]["workflow"] = r.end.where;
  for (const auto& o : r.end.others)
    for (const auto& d : o.differences)
      out["error"]["other_options"].push_back({{"workflow", o.workflow},
                                               {"option", d.option},
                                               {"recorded", d.recorded},
                                               {"given", d.given}});
  auto& list = out["workflows"] = json::array();
  for (const auto& w : r.workflows) {
    json one{{"id", w.id},
             {"name", planned.specs[w.spec].name},
             {"file", planned.files[w.spec]},  // "" of one that was resumed
             {"status", w.submitted || w.over() ? to_string(w.status)
                        : w.unknown             ? "unknown"
                                                : "not_submitted"},
             {"existed", w.existed}};
    if (w.submitted_at != wall_time{}) one["submitted_at"] = format_time(w.submitted_at);
    if (w.closed_at) one["closed_at"] = format_time(*w.closed_at);
    one["actions"] = parsed(to_json(w.actions));
    if (!w.failed_action.empty()) one["failed_action"] = w.failed_action;
    if (!w.reason.empty()) one["reason"] = w.reason;
    list.push_back(std::move(one));
  }
  out["decisions_total"] = r.decisions_total;
  auto& open = out["decisions"] = json::array();
  for (const auto& d : r.decisions)
    open.push_back({{"workflow", d.workflow}, {"action", d.action}, {"problem", d.problem}});
  return out;
}

}  // namespace tenax::node
