#include "tests/crash/outside_check.hpp"

#include <algorithm>
#include <fstream>
#include <set>
#include <tuple>

#include "storage/store.hpp"
#include "tests/crash/protocol.hpp"
#include "tests/support/workload.hpp"

namespace tenax::crash {

namespace {

using model::event;
using model::event_kind;

/// A handler that had begun when its engine stopped may still be on its way to its first line.
constexpr std::uint64_t halt_grace_ns = 500'000'000;

/// What the handlers logged of one action, in order.
struct call {
  log_line line;
  std::size_t position = 0;  ///< in the log
};
using action_key = std::pair<std::string, std::string>;
using calls_by_action = std::map<action_key, std::vector<call>>;

class log_check {
 public:
  log_check(const ledger& known, const evidence& e, const storage::read_store& store)
      : known_(known), e_(e), store_(store) {}

  std::vector<std::string> run() {
    read_log();
    for (std::uint32_t n = 0; n < known_.workflows().size(); ++n) check_workflow(n);
    return std::move(violations_);
  }

 private:
  void fail(const std::string& invariant, const std::string& where, const std::string& what) {
    violations_.push_back(invariant + ": " + where + ": " + what);
  }

  void read_log() {
    std::ifstream in(e_.handler_log);
    std::set<std::tuple<int, std::string, std::string, std::uint32_t, std::uint32_t>> starts;
    std::string text;
    for (std::size_t position = 0; std::getline(in, text); ++position) {
      log_line line;
      if (!log_line::parse(text, line)) continue;  // the last words of a killed process
      const std::string where = line.workflow + "/" + line.action;
      if (line.what == "overlap") {
        fail("I7", where, "two attempts at once: " + text);
        line.what = "start";
      }
      if (line.what == "start" &&
          !starts.insert({line.pid, line.workflow, line.action, line.attempt, line.deferrals})
               .second) {
        fail("I5", where, "one process made the same attempt twice: " + text);
      }
      calls_[{line.workflow, line.action}].push_back({std::move(line), position});
    }
  }

  void check_workflow(std::uint32_t n) {
    const auto spec = workload::make_spec(known_.seed(), n);
    std::vector<event> events;
    if (const auto rows = store_.history(spec.id, 0, 1'000'000)) {
      for (const auto& r : *rows) events.push_back(r.event);
    }
    const auto& w = known_.workflows()[n];
    for (model::action_index a = 0; a < spec.actions.size(); ++a) {
      const auto found = calls_.find({spec.id, spec.actions[a].key});
      static const std::vector<call> none;
      const auto& calls = found == calls_.end() ? none : found->second;
      check_starts(spec, a, w, calls, events);
      check_retries(spec, a, calls, events);
      check_result(spec, a, calls, events);
      if (!calls.empty()) check_order(spec, a, calls.front().position, events);
    }
  }

  /// I5, I10, I18.
  void check_starts(const workflow_spec& spec, model::action_index a, const known_workflow& w,
                    const std::vector<call>& calls, const std::vector<event>& events) {
    const std::string where = spec.id + "/" + spec.actions[a].key;
    const bool once = spec.actions[a].type == "once";
    std::uint32_t last = 0;
    for (const auto& e : events) {
      if (e.action == a && e.kind == event_kind::attempt_started) last = std::max(last, e.attempt);
    }
    std::set<std::uint32_t> started;
    for (const auto& c : calls) {
      if (c.line.what != "start") continue;
      if (events.empty()) fail("I1", where, "its handler ran, but the workflow is not there");
      // The start of an at-least-once attempt may have been lost with the process.
      if (c.line.attempt > last + (once ? 0 : 1)) {
        fail("I5", where,
             "its handler ran as attempt " + std::to_string(c.line.attempt) +
                 ", the last one recorded is " + std::to_string(last));
      }
      if (once && !started.insert(c.line.attempt).second) {
        fail("I5", where, "at-most-once attempt " + std::to_string(c.line.attempt) + " ran twice");
      }
      const auto life = e_.lives.find(c.line.pid);
      if (life == e_.lives.end()) continue;
      if (w.terminal && life->second.number > w.ended_in_life) {
        fail("I10", where,
             "its handler started in life " + std::to_string(life->second.number) +
                 ", the workflow was over in life " + std::to_string(w.ended_in_life));
      }
      const auto halted = life->second.halted_ns;
      if (halted != 0 && c.line.boottime_ns > halted + halt_grace_ns) {
        fail("I18", where, "its handler started after a failed commit");
      }
    }
  }

  /// I8: no attempt starts before its time.
  void check_retries(const workflow_spec& spec, model::action_index a,
                     const std::vector<call>& calls, const std::vector<event>& events) {
    for (const auto& e : events) {
      const bool retry = e.kind == event_kind::retry_scheduled;
      const bool first = e.kind == event_kind::action_scheduled;
      if (e.action != a || (!retry && !first)) continue;
      const std::uint32_t attempt = retry ? e.attempt + 1 : 1;
      for (const auto& c : calls) {
        if (c.line.what != "start" || c.line.attempt != attempt) continue;
        if (c.line.wall_ms < e.due_at_ms) {
          fail("I8", spec.id + "/" + spec.actions[a].key,
               "attempt " + std::to_string(attempt) + " started " +
                   std::to_string(e.due_at_ms - c.line.wall_ms) + " ms before its time");
        }
      }
    }
  }

  /// I6: a result is what a run of that attempt's handler gave.
  void check_result(const workflow_spec& spec, model::action_index a,
                    const std::vector<call>& calls, const std::vector<event>& events) {
    for (const auto& e : events) {
      if (e.action != a || e.kind != event_kind::action_completed ||
          e.actor != model::event_actor::handler) {
        continue;
      }
      const auto hash = workload::hash(e.text);
      const bool ran = std::any_of(calls.begin(), calls.end(), [&](const call& c) {
        return c.line.what == "end" && c.line.attempt == e.attempt && c.line.hash == hash;
      });
      if (!ran) {
        fail("I6", spec.id + "/" + spec.actions[a].key, "no handler run gave its result " + e.text);
      }
    }
  }

  /// I9: what an action depends on ended before it began.
  void check_order(const workflow_spec& spec, model::action_index a, std::size_t position,
                   const std::vector<event>& events) {
    const auto& action = spec.actions[a];
    for (model::action_index d = 0; d < a; ++d) {
      const bool needed = std::find(action.depends_on.begin(), action.depends_on.end(),
                                    spec.actions[d].key) != action.depends_on.end() ||
                          (spec.order == action_order::sequential && d + 1 == a);
      if (!needed) continue;
      const auto done = std::find_if(events.begin(), events.end(), [&](const event& e) {
        return e.action == d && e.kind == event_kind::action_completed &&
               e.actor == model::event_actor::handler;
      });
      if (done == events.end()) continue;  // skipped, or decided by a person: verify looks at it
      const auto& calls = calls_[{spec.id, spec.actions[d].key}];
      const bool before = std::any_of(calls.begin(), calls.end(), [&](const call& c) {
        return c.line.what == "end" && c.line.attempt == done->attempt && c.position < position;
      });
      if (!before) {
        fail("I9", spec.id + "/" + action.key,
             "it started before " + spec.actions[d].key + ", which it depends on, had ended");
      }
    }
  }

  const ledger& known_;
  const evidence& e_;
  const storage::read_store& store_;
  calls_by_action calls_;
  std::vector<std::string> violations_;
};

}  // namespace

std::vector<std::string> check_store(ledger& known, const evidence& e) {
  const auto report = verify(e.data_dir);
  if (!report) {
    const bool any = std::any_of(known.workflows().begin(), known.workflows().end(),
                                 [](const auto& w) { return w.must_exist(); });
    // Killed before the first open was done: nothing is there, and nothing need be.
    if (!any && report.error().code() == errc::data_dir_unusable) return {};
    return {"verify: " + report.error().to_string()};
  }
  std::vector<std::string> violations;
  for (const auto& f : report->findings) {
    violations.push_back(f.invariant + ": " + f.where + ": " + f.what);
  }
  const auto store = reader::open(e.data_dir);
  if (!store) {
    violations.push_back("reader: " + store.error().to_string());
    return violations;
  }
  std::uint64_t there = 0;
  for (std::uint32_t n = 0; n < known.workflows().size(); ++n) {
    auto& w = known.workflows()[n];
    const auto spec = workload::make_spec(known.seed(), n);
    const auto view = store->get(spec.id);
    const auto fail = [&](const std::string& invariant, const std::string& what) {
      violations.push_back(invariant + ": " + spec.id + ": " + what);
    };
    if (!view) {
      if (view.error().code() != errc::not_found) fail("records", view.error().to_string());
      if (w.must_exist()) fail("I1", "it was there or acknowledged, and is gone");
      continue;
    }
    ++there;
    w.seen = true;
    if (const auto differs = workload::compare(spec, *view); !differs.empty()) {
      fail("I1", "it is not what was submitted: " + differs);
      continue;
    }
    const auto status = view->summary.status;
    const std::string is = "it is " + std::string(to_string(status));
    if (w.cancel == mark::acked && status != workflow_status::cancelled) {
      fail("I4", "its cancel was acknowledged, but " + is);
    }
    if (is_terminal(w.status) && status != w.status) {
      fail("I15", "it was " + std::string(to_string(w.status)) + ", but " + is);
    }
    for (std::size_t a = 0; a < w.actions.size(); ++a) {
      const auto& found = view->actions[a];
      const auto& seen = w.actions[a];
      if (found.attempts < seen.attempts) fail("I15", found.key + ": attempts went back");
      const auto hash = found.result ? workload::hash(*found.result) : 0;
      if (seen.hash != 0 && seen.hash != hash) fail("I6", found.key + ": its result changed");
    }
  }
  if (store->stats().submitted != there) {
    violations.push_back("I16: " + std::to_string(store->stats().submitted) +
                         " submitted by the totals, " + std::to_string(there) + " are there");
  }
  return violations;
}

std::vector<std::string> check_handler_log(const ledger& known, const evidence& e) {
  const auto store = storage::open_reading_store(e.data_dir);
  if (!store) return {"reader: " + store.error().to_string()};
  return log_check(known, e, **store).run();
}

std::vector<std::string> check_end(const ledger& known, const evidence& e) {
  std::vector<std::string> violations;
  const auto store = reader::open(e.data_dir);
  if (!store) return {"reader: " + store.error().to_string()};
  const auto s = store->stats();
  if (s.open != 0 || s.submitted != s.completed + s.failed + s.cancelled + s.removed) {
    violations.push_back("I16: the totals do not add up: submitted " + std::to_string(s.submitted) +
                         ", open " + std::to_string(s.open) + ", completed " +
                         std::to_string(s.completed) + ", failed " + std::to_string(s.failed) +
                         ", cancelled " + std::to_string(s.cancelled));
  }
  const auto present = std::count_if(known.workflows().begin(), known.workflows().end(),
                                     [](const auto& w) { return w.must_exist(); });
  if (s.submitted != static_cast<std::uint64_t>(present)) {
    violations.push_back("I16: submitted " + std::to_string(s.submitted) + ", but " +
                         std::to_string(present) + " are known");
  }
  return violations;
}

}  // namespace tenax::crash
