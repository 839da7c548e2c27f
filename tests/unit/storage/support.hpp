// support.hpp - random workflows for the storage tests, made by the model itself: random events
// that it finds applicable. Every random test prints its seed through Boost's context.
#pragma once

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/state.hpp"
#include "storage/journal.hpp"
#include "storage/store.hpp"

namespace tenax::storage::testing {

/// A directory of its own, removed at the end.
/// ThreadSanitizer's runtime cannot start threads in a forked child.
inline boost::test_tools::assertion_result can_fork(boost::unit_test::test_unit_id) {
#ifdef __SANITIZE_THREAD__
  return false;
#else
  return true;
#endif
}

class temp_dir {
 public:
  temp_dir() {
    auto pattern = (std::filesystem::temp_directory_path() / "tenax-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~temp_dir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path data() const { return path_ / "data"; }

 private:
  std::filesystem::path path_;
};

class random_source {
 public:
  explicit random_source(std::uint64_t seed) : engine_(seed) {}
  /// 0..bound-1
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : engine_() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }
  std::uint64_t bits() { return engine_(); }
  std::string bytes(std::size_t size) {
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(engine_());
    return out;
  }
  std::string id() {
    static constexpr std::string_view letters = "abcXYZ019._:-";
    std::string out;
    for (std::size_t n = 1 + below(12); n > 0; --n) out.push_back(letters[below(letters.size())]);
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

inline workflow_spec random_spec(random_source& r, std::string id, std::size_t actions) {
  workflow_spec spec;
  spec.id = std::move(id);
  spec.name = "name" + std::to_string(r.below(3));
  if (r.chance(50)) spec.description = r.bytes(r.below(50));
  if (r.chance(50)) spec.reference = "TICKET-" + std::to_string(r.below(1000));
  if (r.chance(30)) spec.order = action_order::sequential;
  if (r.chance(50)) spec.input = r.bytes(r.below(100));
  if (r.chance(30)) spec.deadline = milliseconds{r.below(100'000)};
  for (std::size_t a = 0; a < actions; ++a) {
    auto& action = spec.actions.emplace_back();
    action.key = "k" + std::to_string(a);
    action.type = "type" + std::to_string(r.below(3));
    if (r.chance(70)) action.input = r.bytes(r.below(100));
    for (std::size_t d = r.below(3); d > 0 && a > 0; --d) {
      action.depends_on.push_back("k" + std::to_string(r.below(a)));
    }
    if (r.chance(10)) action.scheduled_at = wall_time{milliseconds{1'700'000'000'000}};
    if (r.chance(10)) action.delay = milliseconds{r.below(10'000)};
    if (r.chance(10)) action.reason = "because";
  }
  return spec;
}

/// A workflow that random, applicable events drive.
class random_workflow {
 public:
  random_workflow(random_source& r, workflow_spec spec)
      : r_(r), def(model::compile(std::move(spec))), state(model::initial_state(*def)) {
    now_ms = 1'700'000'000'000 + static_cast<time_ms>(r.below(1'000'000));
  }

  /// The next change, of about `events` events (fewer near the end).
  const model::change_set& step(std::size_t events) {
    changes.begin(state);
    for (std::size_t tries = 0; changes.events.size() < events && tries < events * 200; ++tries) {
      auto e = random_event();
      if (!model::check_applicable(*def, state, e).empty()) continue;
      model::apply(*def, state, std::move(e), changes);
    }
    return changes;
  }

  /// Applies this event now.
  void apply(model::event e) {
    e.at_ms = now_ms;
    model::apply(*def, state, std::move(e), changes);
  }

 private:
  random_source& r_;

 public:
  model::definition_ptr def;
  model::workflow_state state;
  model::change_set changes;
  time_ms now_ms = 0;
  std::size_t text_bytes = 100;
  bool may_end = true;

 private:
  model::event random_event() {
    using model::event_kind;
    now_ms += static_cast<time_ms>(r_.below(50));
    model::event e;
    e.at_ms = now_ms;
    if (state.seq == 0) {
      e.kind = event_kind::workflow_created;
      e.actor = model::event_actor::user;
      if (def->spec.deadline) e.due_at_ms = now_ms + def->spec.deadline->count() + 1;
      return e;
    }
    e.kind = static_cast<event_kind>(1 + r_.below(model::event_kind_max));
    e.actor = static_cast<model::event_actor>(r_.below(3));
    const bool ends = model::is_terminal(e.kind);
    if (ends && !(may_end && r_.chance(5))) e.kind = event_kind::attempt_started;
    if (e.kind == event_kind::workflow_completed || e.kind == event_kind::workflow_cancelled) {
      e.text = r_.chance(50) ? "reason" : "";
      return e;
    }
    e.action = static_cast<model::action_index>(r_.below(def->size()));
    const auto& action = state.actions[e.action];
    e.attempt = action.attempt;
    switch (e.kind) {
      case event_kind::attempt_started:
        e.attempt += action.goes_on() ? 0 : 1;
        e.count = action.goes_on() ? action.deferrals : 0;
        e.delivery = action.goes_on() ? action.delivery : static_cast<delivery>(r_.below(2));
        break;
      case event_kind::action_scheduled:
      case event_kind::action_deadline_set:
      case event_kind::attempt_deferred:
        e.due_at_ms = now_ms + 1 + static_cast<time_ms>(r_.below(100'000));
        break;
      case event_kind::retry_scheduled:
        e.wait_ms = static_cast<std::int64_t>(1 + r_.below(90'000));
        e.least_ms = e.wait_ms / 2;
        e.most_ms = e.wait_ms * 2;
        e.due_at_ms = now_ms + e.wait_ms;
        e.count = 3;
        break;
      case event_kind::attempt_opened:
        if (r_.chance(50)) e.name = "s" + std::to_string(r_.below(3));
        e.secret = {r_.below(1'000'000) + 1, r_.below(1'000'000)};
        if (r_.chance(60)) e.due_at_ms = now_ms + 1 + static_cast<time_ms>(r_.below(100'000));
        if (e.due_at_ms != 0 && r_.chance(50)) e.wait_ms = e.due_at_ms - now_ms;
        break;
      case event_kind::signal_received:
        e.name = "s" + std::to_string(r_.below(3));
        if (r_.chance(50)) e.key = "k" + std::to_string(r_.below(100));
        break;
      case event_kind::action_completed:
        if (const auto* s = state.signal_of(action.signal); s != nullptr && !s->name.empty()) {
          e.signal_seq = s->seq;
        }
        break;
      case event_kind::attempt_extended:
        e.due_at_ms = action.due_at_ms + 1 + static_cast<time_ms>(r_.below(100'000));
        break;
      case event_kind::policy_changed:
        e.name = "why";
        e.text = R"({"max_attempts":)" + std::to_string(1 + r_.below(100)) + "}";
        return e;
      default:
        break;
    }
    e.text = r_.bytes(r_.below(text_bytes));
    if (r_.chance(50)) e.error_class = "class" + std::to_string(r_.below(5));
    return e;
  }
};

/// The first difference of what is stored, "" if there is none.
inline std::string difference(const model::workflow_state& a, const model::workflow_state& b) {
  if (a.status != b.status) return "status";
  if (a.seq != b.seq) return "seq";
  if (a.created_at_ms != b.created_at_ms) return "created_at_ms";
  if (a.updated_at_ms != b.updated_at_ms) return "updated_at_ms";
  if (a.started_at_ms != b.started_at_ms) return "started_at_ms";
  if (a.closed_at_ms != b.closed_at_ms) return "closed_at_ms";
  if (a.deadline_at_ms != b.deadline_at_ms) return "deadline_at_ms";
  if (a.failed_action != b.failed_action) return "failed_action";
  if (a.reason != b.reason) return "reason";
  if (a.terms_seq != b.terms_seq) return "terms_seq";
  if (a.counts != b.counts) return "counts";
  if (a.actions.size() != b.actions.size()) return "actions";
  for (std::size_t i = 0; i < a.actions.size(); ++i) {
    if (!a.actions[i].same_record(b.actions[i])) return "action " + std::to_string(i);
    if (a.actions[i].open_dependencies != b.actions[i].open_dependencies) {
      return "open_dependencies of action " + std::to_string(i);
    }
  }
  return "";
}

/// The error as text, "" if there is none.
template <class T>
std::string failure(const result<T>& r) {
  return r ? "" : r.error().to_string();
}

inline std::unique_ptr<store> open_for_test(const std::filesystem::path& dir,
                                            ends_index ends = ends_index::kept) {
  store_options opts;
  opts.ends = ends;
  opts.durability = durability::async;  // these tests cut no power
  auto opened = open_store(dir, opts);
  if (!opened) throw std::runtime_error(opened.error().to_string());
  return std::move(*opened);
}

/// Encodes and writes the workflow's current change.
inline void commit(store& s, const random_workflow& w) {
  write_batch batch;
  encode_commit(*w.def, w.state, w.changes, batch);
  if (auto written = s.write(s.epoch(), {&batch}); !written) {
    throw std::runtime_error(written.error().to_string());
  }
}

/// Without what `submit` refuses.
inline workflow_spec acceptable(workflow_spec spec) {
  for (auto& c : spec.description) c = static_cast<char>('!' + static_cast<unsigned char>(c) % 90);
  if (spec.deadline) *spec.deadline += milliseconds{1};
  for (auto& action : spec.actions) {
    if (action.scheduled_at) action.delay.reset();
  }
  return spec;
}

inline bool is_lawful(const random_workflow& w) {
  return std::none_of(w.changes.events.begin(), w.changes.events.end(), [](const auto& e) {
    return e.kind == model::event_kind::retry_scheduled ||
           e.kind == model::event_kind::action_scheduled ||
           e.kind == model::event_kind::attempt_deferred ||
           e.kind == model::event_kind::attempt_failed ||
           e.kind == model::event_kind::attempt_timed_out;
  });
}
inline void lawful_step(store& s, random_source& r, random_workflow& w) {
  w.changes.begin(w.state);
  w.step(1 + r.below(5));
  // Random events break rules that only decide keeps: such a change is dropped.
  if (w.changes.empty() || !is_lawful(w)) {
    const auto loaded = s.load(w.def->spec.id);
    w.state = loaded ? loaded->state : model::initial_state(*w.def);
    return;
  }
  commit(s, w);
}
/// Workflow "r": action 0 fails, waits, is retried and completes; action 20 waits for a retry.
inline void write_retrying(store& s, random_source& r) {
  workflow_spec spec;
  spec.id = "r";
  spec.name = "retrying";
  for (int a = 0; a < 30; ++a) {
    auto& action = spec.actions.emplace_back();
    action.key = "k" + std::to_string(a);
    action.type = "t";
    if (a == 1) action.depends_on = {"k0"};
  }
  random_workflow w(r, std::move(spec));
  const auto add = [&](model::event_kind kind, model::action_index action, std::uint32_t attempt,
                       time_ms wait = 0) {
    model::event e;
    e.kind = kind;
    e.action = action;
    e.attempt = attempt;
    if (kind == model::event_kind::retry_scheduled) {
      e.wait_ms = wait;
      e.least_ms = wait / 2;
      e.most_ms = wait * 2;
      e.count = 3;
      e.due_at_ms = w.now_ms + wait;
    }
    e.text = kind == model::event_kind::action_completed ? "\"done\"" : "";
    w.apply(e);
  };
  const auto save = [&] {
    commit(s, w);
    w.changes.begin(w.state);
  };
  w.changes.begin(w.state);
  add(model::event_kind::workflow_created, model::no_action, 0);
  save();                                                // 1
  add(model::event_kind::attempt_started, 0, 1);         // 2
  add(model::event_kind::attempt_failed, 0, 1);          // 3
  add(model::event_kind::retry_scheduled, 0, 1, 1'000);  // 4
  save();
  w.now_ms += 1'000;
  add(model::event_kind::attempt_started, 0, 2);  // 5
  save();
  add(model::event_kind::action_completed, 0, 2);  // 6
  add(model::event_kind::attempt_started, 1, 1);   // 7
  save();
  add(model::event_kind::attempt_started, 20, 1);          // 8
  add(model::event_kind::attempt_failed, 20, 1);           // 9
  add(model::event_kind::retry_scheduled, 20, 1, 60'000);  // 10
  save();
}

/// Workflows that keep every rule, also those that the model leaves to `decide` (delays within
/// bounds, starts not before their time, no retry beyond max_attempts).
inline void write_lawful(store& s, random_source& r, int count) {
  for (int i = 0; i < count; ++i) {
    random_workflow w(r, acceptable(random_spec(r, "w" + std::to_string(i), 1 + r.below(40))));
    const int rounds = static_cast<int>(r.below(15)) + 1;
    for (int k = 0; k < rounds; ++k) lawful_step(s, r, w);
  }
  write_retrying(s, r);
}

}  // namespace tenax::storage::testing
