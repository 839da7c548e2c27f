#include "node/run_command.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include "node/engines.hpp"
#include "node/progress.hpp"
#include "node/run_loop.hpp"
#include "node/run_report.hpp"
#include "node/run_terms.hpp"
#include "node/run_tracker.hpp"
#include "node/signals.hpp"
#include "node/spec_files.hpp"
#include "node/text.hpp"
#include "tenax/server.hpp"

namespace tenax::node {

namespace {

constexpr std::size_t faults_shown_max = 100;
constexpr std::size_t decisions_max = 100;
/// For requests that have begun when all is over.
constexpr milliseconds request_time{1'000};

/// What --new appends to ids: the time in milliseconds. One process at a time has the directory.
std::string make_stamp() {
  const auto now = std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  std::array<char, 24> out{};
  std::snprintf(out.data(), out.size(), "%llx",
                static_cast<unsigned long long>(now.time_since_epoch().count()));
  return out.data();
}

int report_faults(const common_options& common, const std::vector<file_fault>& faults) {
  std::uint64_t more = 0;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    const auto& f = faults[i];
    if (i >= faults_shown_max)
      more += f.count;
    else
      complain_at(f.file + ":" + f.path + (f.path.empty() ? " " : ": ") + f.message);
  }
  if (more > 0) complain("and " + counted(more, "more fault"));
  complain("nothing was submitted");
  if (common.json) {
    json list = json::array();
    for (const auto& f : faults)
      list.push_back({{"file", f.file}, {"path", f.path}, {"message", f.message}});
    print_line({{"error",
                 {{"code", to_string(errc::invalid_spec)},
                  {"message", "nothing was submitted"},
                  {"faults", std::move(list)}}}});
  }
  return finish_output(exit_bad_input);
}

/// Which actions wait for a decision, of the workflows that did not end.
void find_decisions(run_report& out, const engine& target, const run_tracker& tracker) {
  for (const auto& t : tracker.all()) {
    if (!t.submitted || t.over() || t.actions.in_doubt == 0) continue;
    out.decisions_total += t.actions.in_doubt;
    if (out.decisions.size() >= decisions_max) continue;
    const auto view = target.get(t.id);
    if (!view) continue;
    for (const auto& a : view->actions) {
      if (a.waiting != waiting_for::decision || out.decisions.size() == decisions_max) continue;
      out.decisions.push_back(
          {t.id, a.key,
           a.last_error ? a.last_error->error_class + ": " + a.last_error->message : ""});
    }
  }
  out.decisions_total = std::max<std::uint64_t>(out.decisions_total, out.decisions.size());
}

run_report make_report(const run_end& end, const engine& target, const run_tracker& tracker) {
  run_report out;
  out.end = end;
  find_decisions(out, target, tracker);
  const auto totals = tracker.totals();
  const auto mine = totals.submitted - std::min(totals.submitted, totals.over());
  const auto open = target.stats().open;
  out.others_open = open > mine ? open - mine : 0;
  return out;
}

/// The latest error in the engine's log: why it stopped, when no call of ours was told.
class last_error {
 public:
  /// Writes to `sink` too.
  log_sink listen(log_sink sink) {
    return [this, sink = std::move(sink)](log_level level, std::string_view message,
                                          const log_fields& about) {
      if (level == log_level::error) {
        const std::lock_guard lock(mutex_);
        text_ = message;
      }
      sink(level, message, about);
    };
  }
  [[nodiscard]] std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// At most so many by name: a repeated file has the same differences again and again.
constexpr std::size_t others_shown_max = 10;

void list_other_terms(const std::vector<other_terms>& others, std::string_view how) {
  const auto value = [](const std::string& v) { return v.empty() ? "not given" : v; };
  for (std::size_t i = 0; i < others.size() && i < others_shown_max; ++i) {
    complain("workflow " + others[i].workflow + std::string{how} + " under other options:");
    for (const auto& d : others[i].differences)
      complain_at("  " + d.option + ": " + value(d.recorded) + " then, " + value(d.given) + " now");
  }
  if (others.size() > others_shown_max)
    complain("and " + counted(others.size() - others_shown_max, "more workflow"));
}

void report_other_terms(const std::vector<other_terms>& others) {
  list_other_terms(others, " began");
  complain(
      "nothing was started: give the options of then (or: tenax resume ID) to go on as before, "
      "--change-options to go on under these, or --new to start another workflow");
}

void tell_stopping(const common_options& common, const run_end& end) {
  if (end.what == run_end::kind::interrupted && !common.json)
    complain("stopping; once more to leave at once, which loses nothing either");
}

}  // namespace

namespace {

int run_planned(const common_options& common, const run_options& run, const plan& planned,
                options opts, const std::shared_ptr<attempt_counters>& counters) {
  run_tracker tracker{planned};
  const signals alarm;
  progress display{common.json ? progress::mode::off : progress::mode_of_stdout()};
  last_error heard;
  opts.log = heard.listen(make_log(
      common.log_level, [&display](const std::function<void()>& write) { display.around(write); }));
  opts.paused = true;  // run_to_end looks first
  opts.takes_up = [&tracker](std::string_view id) { return tracker.waits_for(id); };
  opts.on_finished = [&tracker, &alarm](const workflow_summary& w) {
    if (tracker.update(w)) alarm.wake();
  };

  auto opened = engine::open(common.data_dir, std::move(opts));
  if (!opened)
    return report_error(common, "cannot open the data directory",
                        explained(opened.error(), common.data_dir));
  auto& target = *opened;
  server_options places;  // whoever may change the directory's workflows does it through this
  places.unix_socket = socket_of(common.data_dir);
  auto front = server::start(target, places);
  if (!front) complain("no other command can reach this one: " + front.error().message());
  auto end = run_to_end({run, target, planned, tracker, alarm, display, *counters});
  if (end.why && end.why->code() == errc::stopped)
    end.why =
        error{errc::stopped, heard.text() + "; once that is mended, the same command goes on"};
  auto report = make_report(end, target, tracker);
  tell_stopping(common, end);
  counters->closing = true;
  if (front) front->stop(request_time);
  target.close();

  // What ended while the engine closed counts.
  report.totals = tracker.totals();
  report.workflows = tracker.all();
  report.attempts = counters->ended;
  report.failed_attempts = counters->failed;
  report.another = run.another;
  report.data_dir = common.data_dir;
  if (!end.over.empty()) {
    list_other_terms(end.over, " is over and ran");
    complain("these options change nothing of what is over: --new starts another workflow");
  }
  if (!end.others.empty()) {
    report_other_terms(end.others);
  } else if (end.why) {
    const auto& e = *end.why;
    complain((end.where.empty() ? std::string{"the engine"} : "workflow " + end.where) + ": " +
             (e.message().empty() ? std::string{describe(e.code())} : e.message()) + " [" +
             std::string{to_string(e.code())} + "]");
  }
  if (common.json)
    print_line(report_json(report, planned));
  else
    print(report_text(report));
  return finish_output(exit_of(report));
}

/// What is shown of stored workflows, and the options that all of them run under.
result<plan> plan_stored(const common_options& common, const resume_options& o, run_options& run) {
  auto from = open_reader(common.data_dir);
  if (!from) return explained(from.error(), common.data_dir);
  plan out;
  out.stored = true;
  std::vector<std::string> recorded;
  for (const auto& id : o.ids) {
    if (std::any_of(out.workflows.begin(), out.workflows.end(),
                    [&](const planned& p) { return p.id == id; }))
      continue;
    const auto view = from->get(id);
    if (!view) return error{view.error().code(), "workflow " + id + ": " + view.error().message()};
    auto& spec = out.specs.emplace_back();
    spec.id = id;
    spec.name = view->summary.name;
    for (const auto& a : view->actions) spec.actions.push_back({.key = a.key, .type = a.type});
    out.files.emplace_back();
    out.workflows.push_back({id, out.specs.size() - 1});
    recorded.push_back(is_terminal(view->summary.status) ? std::string{} : view->terms);
    if (is_terminal(view->summary.status)) continue;
    if (!read_terms(view->terms, run))
      return error{errc::wrong_state, "no options of a tenax run are recorded with workflow " + id +
                                          ": run its file, or the program that submitted it"};
  }
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    const auto differing = recorded[i].empty()
                               ? std::vector<terms_difference>{}
                               : differences(recorded[i], terms_of(run, out.specs[i]));
    if (!differing.empty())
      return error{errc::conflict, "these workflows run under different options (" +
                                       differing.front().option + " of " + out.specs[i].id +
                                       "): resume them one by one"};
  }
  return out;
}

}  // namespace

int run_command(const common_options& common, const run_options& run) {
  if (const auto no = needs_directory(common, "run"))
    return report_error(common, "cannot run", *no);
  if (const auto faults = faults_of(run); !faults.empty()) return report_usage(common, faults);
  const auto counters = std::make_shared<attempt_counters>();
  auto opts = engine_options(run, counters);
  const auto planned = make_plan(run, opts.handlers, make_stamp());
  if (!planned.faults.empty()) return report_faults(common, planned.faults);
  return run_planned(common, run, planned, std::move(opts), counters);
}

int resume_command(const common_options& common, const resume_options& o) {
  if (const auto no = needs_directory(common, "resume"))
    return report_error(common, "cannot resume", *no);
  auto run = o.how;
  const auto planned = plan_stored(common, o, run);
  if (!planned) return report_error(common, "cannot resume", planned.error());
  if (const auto faults = faults_of(run); !faults.empty()) return report_usage(common, faults);
  const auto counters = std::make_shared<attempt_counters>();
  return run_planned(common, run, *planned, engine_options(run, counters), counters);
}

}  // namespace tenax::node
