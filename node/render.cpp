#include "node/render.hpp"

#include <algorithm>
#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "model/documents/policy_json.hpp"
#include "node/run_terms.hpp"
#include "node/text.hpp"

namespace tenax::node {

namespace {

constexpr std::size_t actions_shown_max = 200;
constexpr std::size_t name_columns_max = 40;
constexpr std::size_t note_columns_max = 120;

/// "2026-03-01T12:00:00.000Z (in 5.0 s)"
std::string at(wall_time when, wall_time now) {
  const auto left = when - now;
  return format_time(when) + (left >= milliseconds{0} ? " (in " + format_duration(left) + ")"
                                                      : " (" + format_duration(-left) + " ago)");
}

std::string or_dash(const std::optional<wall_time>& when) {
  return when ? format_time(*when) : "-";
}

/// "a, b +3"
std::string names(const std::vector<std::string>& keys, std::size_t shown_max) {
  std::string out;
  for (std::size_t i = 0; i < keys.size() && i < shown_max; ++i)
    out += (i > 0 ? ", " : "") + printable(keys[i]);
  if (keys.size() > shown_max) out += " +" + std::to_string(keys.size() - shown_max);
  return out;
}

std::string done_of(const action_counts& a) {
  return format_count(std::uint64_t{a.completed} + a.skipped) + "/" + format_count(a.total);
}

/// What keeps an open workflow from going on right now, in a few words.
std::string state_note(const workflow_summary& w) {
  if (is_terminal(w.status)) {
    std::string out;
    if (!w.failed_action.empty()) out = "action " + printable(w.failed_action) + ": ";
    return shortened(out + printable(w.reason), note_columns_max);
  }
  std::string out;
  const auto put = [&out](std::uint32_t n, std::string_view what) {
    if (n == 0) return;
    out += (out.empty() ? "" : ", ") + format_count(n) + ' ';
    out += what;
  };
  put(w.actions.running, "running");
  put(w.actions.ready, "ready");
  put(w.actions.timer, "on timers");
  put(w.actions.backing_off, "retrying");
  put(w.actions.in_doubt, "to decide");
  put(w.actions.outside, "waiting for somebody outside");
  return out;
}

std::string took(const action_view& a, wall_time now) {
  if (!a.started_at) return "-";
  if (a.closed_at) return format_duration(*a.closed_at - *a.started_at);
  return a.status == action_status::executing ? format_duration(now - *a.started_at) + "..." : "-";
}

std::string error_note(const action_error& e) {
  return "last error: " +
         shortened(printable(e.error_class) + ": " + printable(e.message), note_columns_max);
}

std::string how_to_go_on(const workflow_view& w, const show_context& c) {
  if (run_options run; !read_terms(w.terms, run)) return "goes on with what submitted it";
  return "goes on with its file, or " + id_line("resume", c.target, w.summary.id);
}

std::string facts(const workflow_view& w, const explanation& why, const show_context& c) {
  const auto& s = w.summary;
  std::string out;
  const auto put = [&out](std::string_view name, const std::string& value) {
    if (!value.empty()) out += padded(std::string{name}, 13) + value + '\n';
  };
  put("workflow", printable(s.id));
  put("name", printable(s.name));
  put("description", printable(s.description));
  put("reference", printable(s.reference));
  put("status", std::string{to_string(s.status)});
  put("actions", done_of(s.actions) + " done");
  put("now", is_terminal(s.status) ? std::string{} : state_note(s));
  put("why", printable(why.headline));
  put("submitted", at(s.submitted_at, c.now));
  if (s.started_at) put("started", format_time(*s.started_at));
  if (s.closed_at)
    put("ended", format_time(*s.closed_at) + " (took " +
                     format_duration(*s.closed_at - s.submitted_at) + ")");
  if (s.deadline_at) put("deadline", at(*s.deadline_at, c.now));
  put("events", format_count(s.events));
  put("runs under", terms_text(w.terms));
  if (!is_terminal(s.status))
    put("engine", c.runs_at.empty()
                      ? "no process has the data directory open; " + how_to_go_on(w, c)
                      : printable(c.runs_at));
  return out;
}

}  // namespace

std::string render_list(const std::vector<workflow_summary>& workflows, wall_time now) {
  table t{{"ID", "NAME", "STATUS", "DONE", "SUBMITTED", "TOOK", "NOTE"}};
  for (const auto& w : workflows) {
    const auto end = w.closed_at.value_or(now);
    t.add({printable(w.id), shortened(printable(w.name), name_columns_max),
           std::string{to_string(w.status)}, done_of(w.actions), format_time(w.submitted_at),
           format_duration(end - w.submitted_at) + (w.closed_at ? "" : "..."), state_note(w)});
  }
  return t.text();
}

std::string render_reasons(const std::string& workflow_id, const explained_action& a,
                           const show_context& c) {
  if (a.running) return "running (attempt " + std::to_string(a.running->attempt) + ")";
  std::string out;
  bool decides = false;
  for (const auto& r : a.reasons) {
    if (r.kind == reason_kind::no_process && a.reasons.size() > 1) continue;  // of all of them
    out += (out.empty() ? "" : "; ") + printable(r.text);
    if (!r.note.empty()) out += "; " + printable(r.note);
    decides = decides || r.kind == reason_kind::in_doubt || r.kind == reason_kind::exhausted;
  }
  if (decides) out += ": " + resolve_line(c.target, workflow_id, a.key);
  return out;
}

std::vector<std::size_t> dependency_order(const std::vector<action_view>& actions) {
  std::unordered_map<std::string_view, std::size_t> by_key;
  for (std::size_t i = 0; i < actions.size(); ++i) by_key.emplace(actions[i].key, i);
  std::vector<std::size_t> open(actions.size());
  std::vector<std::vector<std::size_t>> dependants(actions.size());
  for (std::size_t i = 0; i < actions.size(); ++i) {
    for (const auto& key : actions[i].depends_on) {
      const auto found = by_key.find(key);
      if (found == by_key.end()) continue;
      dependants[found->second].push_back(i);
      ++open[i];
    }
  }
  // The first in the author's order of those whose dependencies are all placed.
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < actions.size(); ++i)
    if (open[i] == 0) ready.push(i);
  std::vector<std::size_t> out;
  out.reserve(actions.size());
  for (; !ready.empty();) {
    const auto i = ready.top();
    ready.pop();
    out.push_back(i);
    for (const auto d : dependants[i])
      if (--open[d] == 0) ready.push(d);
  }
  return out;
}

namespace {

/// "input changed by ann 2026-01-01T00:00:00Z: a typo"
std::string change_note(const std::string& what, const change_view& c) {
  return what + " changed" + (c.who.empty() ? "" : " by " + printable(c.who)) + " " +
         format_time(c.at) + (c.reason.empty() ? "" : ": " + printable(c.reason));
}

std::string change_notes(const action_view& a) {
  std::string out;
  if (a.input_changed) out = change_note("input", *a.input_changed);
  if (!a.policy_changed) return out;
  if (!out.empty()) out += "; ";
  return out + change_note("policy " + model::print_policy(a.policy), *a.policy_changed);
}

}  // namespace

std::string render_workflow(const workflow_view& w, const explanation& why, const show_context& c) {
  std::unordered_map<std::string_view, const explained_action*> open;
  for (const auto& a : why.actions) open.emplace(a.key, &a);
  const bool cut = !c.all && w.actions.size() > actions_shown_max;
  table t{{"ACTION", "TYPE", "STATUS", "ATTEMPTS", "STARTED", "TOOK", "AFTER", "NOTE"}};
  std::size_t hidden = 0;
  for (const auto i : dependency_order(w.actions)) {
    const auto& a = w.actions[i];
    if (cut && a.status == action_status::completed) {
      ++hidden;
      continue;
    }
    const auto found = open.find(a.key);
    auto note =
        found == open.end() ? std::string{} : render_reasons(w.summary.id, *found->second, c);
    if (!a.pending_on.empty()) note += " (" + printable(a.pending_on) + ")";
    if (a.last_error) note += (note.empty() ? "" : "; ") + error_note(*a.last_error);
    if (a.recoveries > 0) {
      if (!note.empty()) note += "; ";
      note += "interrupted " + std::to_string(a.recoveries) + "x";
    }
    if (const auto changed = change_notes(a); !changed.empty()) {
      note += (note.empty() ? "" : "; ") + changed;
    }
    if (a.stuck_attempt) {
      if (!note.empty()) note += "; ";
      note += "attempt " + std::to_string(*a.stuck_attempt) + " was given up and still runs";
    }
    t.add({printable(a.key), printable(a.type), std::string{to_string(a.status)},
           std::to_string(a.attempts), or_dash(a.started_at), took(a, c.now),
           a.depends_on.empty() ? "-" : names(a.depends_on, 2), std::move(note)});
  }
  auto out = facts(w, why, c) + '\n' + t.text();
  if (hidden > 0) out += "and " + counted(hidden, "completed action") + " (--all shows them)\n";
  return out;
}

namespace {

/// Open actions of one type that wait for the same.
struct folded {
  const explained_action* first = nullptr;
  std::vector<std::string> keys;  ///< of the first few
  std::size_t count = 0;
};

std::vector<folded> fold(const explanation& e) {
  constexpr std::size_t keys_max = 3;
  std::vector<folded> out;
  std::unordered_map<std::string, std::size_t> where;
  for (const auto& a : e.actions) {
    std::string sort = a.type + (a.running ? " runs" : "");
    for (const auto& r : a.reasons) sort += ' ' + std::string{to_string(r.kind)};
    const auto [at, fresh] = where.emplace(std::move(sort), out.size());
    if (fresh) out.push_back({&a, {}, 0});
    auto& some = out[at->second];
    ++some.count;
    if (some.keys.size() < keys_max) some.keys.push_back(a.key);
  }
  return out;
}

std::string note_of(const explanation& e, const folded& some, const show_context& c) {
  const auto& first = *some.first;
  if (some.count == 1) {
    auto note = render_reasons(e.workflow_id, first, c);
    if (first.last_error) note += "; " + error_note(*first.last_error);
    return note;
  }
  if (!first.reasons.empty() && first.reasons[0].kind == reason_kind::dependencies)
    return "held by " + counted(e.roots_total, "root") + "; " + printable(first.key) + ' ' +
           printable(first.reasons[0].text);
  return printable(first.key) + ": " + render_reasons(e.workflow_id, first, c);
}

}  // namespace

std::string render_explanation(const explanation& e, const show_context& c) {
  constexpr std::size_t roots_shown_max = 10;
  std::string out = printable(e.workflow_id) + " (" + std::string{to_string(e.status)} +
                    "): " + printable(e.headline) + '\n';
  if (!e.actions.empty()) {
    table t{{"OPEN", "ACTIONS", "TYPE", "WHY"}};
    for (const auto& some : fold(e)) {
      auto keys = names(some.keys, some.keys.size());
      if (some.count > some.keys.size()) keys += " +" + format_count(some.count - some.keys.size());
      t.add({format_count(some.count), std::move(keys), printable(some.first->type),
             note_of(e, some, c)});
    }
    out += '\n' + t.text();
  }
  if (!e.roots.empty()) {
    table t{{"HOLDS", "ROOT", "TYPE"}};
    for (std::size_t n = 0; n < e.roots.size() && n < roots_shown_max; ++n)
      t.add(
          {format_count(e.roots[n].holds), printable(e.roots[n].key), printable(e.roots[n].type)});
    out += '\n' + t.text();
    if (e.roots_total > roots_shown_max)
      out += "and " + counted(e.roots_total - roots_shown_max, "root") + " more\n";
  }
  table t{{"NEXT", "WHAT"}};
  for (const auto& f : e.forecast) {
    t.add({f.at ? model::print_when(*f.at, e.now) : "-", printable(f.text)});
    if (!f.then.empty()) t.add({"", "  " + printable(f.then)});
  }
  return out + '\n' + t.text();
}

std::string render_history(const std::vector<history_event>& events) {
  table t{{"SEQ", "TIME", "KIND", "ACTION", "ACTOR", "DATA"}};
  for (const auto& e : events)
    t.add({std::to_string(e.seq), format_time(e.at), printable(e.kind),
           e.action.empty() ? "-" : printable(e.action), printable(e.actor),
           shortened(printable(e.data == "{}" ? "" : e.data), note_columns_max)});
  return t.text();
}

std::string render_findings(const verify_report& r) {
  auto out = counted(r.workflows, "workflow") + ", " + counted(r.events, "event") + ", " +
             counted(r.due_entries, "timer") + ": ";
  if (r.findings_total == 0) return out + "no findings\n";
  out += counted(r.findings_total, "finding") + '\n';
  for (const auto& f : r.findings)
    out +=
        "  " + printable(f.invariant) + "  " + printable(f.where) + ": " + printable(f.what) + '\n';
  if (r.findings_total > r.findings.size())
    out += "  and " + format_count(r.findings_total - r.findings.size()) + " more\n";
  return out;
}

}  // namespace tenax::node
