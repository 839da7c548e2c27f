#include "storage/views.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "model/documents/event_json.hpp"
#include "model/summary.hpp"
#include "model/validate.hpp"

namespace tenax::storage {

namespace {

wall_time to_time(time_ms at) { return wall_time(milliseconds(at)); }
std::optional<wall_time> to_optional_time(time_ms at) {
  if (at == 0) return std::nullopt;
  return to_time(at);
}

action_status status_of(const model::action_state& a) {
  switch (a.phase) {
    case model::phase::completed:
      return action_status::completed;
    case model::phase::failed:
      return action_status::failed;
    case model::phase::cancelled:
      return action_status::cancelled;
    case model::phase::skipped:
      return action_status::skipped;
    default:
      return a.attempt > 0 ? action_status::executing : action_status::validated;
  }
}

waiting_for wait_of(model::phase p) {
  switch (p) {
    case model::phase::blocked:
      return waiting_for::dependencies;
    case model::phase::ready:
      return waiting_for::a_thread;
    case model::phase::scheduled:
      return waiting_for::schedule;
    case model::phase::deferred:
      return waiting_for::timer;
    case model::phase::backing_off:
      return waiting_for::retry;
    case model::phase::in_doubt:
    case model::phase::paused:
      return waiting_for::decision;
    case model::phase::outside:
      return waiting_for::outside;
    default:
      return waiting_for::nothing;
  }
}

action_view to_view(const loaded_workflow& w, model::action_index index,
                    const has_handler& handlers, time_ms now_ms) {
  const auto& spec = w.definition->spec.actions[index];
  const auto& state = w.state.actions[index];
  action_view v;
  v.key = spec.key;
  v.type = spec.type;
  v.status = status_of(state);
  v.waiting = wait_of(state.phase);
  const bool is_due = model::is_timed(state.phase) && state.due_at_ms <= now_ms;
  const bool would_run =
      v.waiting == waiting_for::a_thread || state.phase == model::phase::executing || is_due;
  if (would_run && handlers && !handlers(spec.type)) {
    v.waiting = waiting_for::handler;
  }
  for (const auto d : w.definition->dependencies[index]) {
    const auto& key = w.definition->spec.actions[d].key;
    v.depends_on.push_back(key);
    const auto p = w.state.actions[d].phase;
    const bool open = p != model::phase::completed && p != model::phase::skipped;
    if (open && state.phase == model::phase::blocked) v.waiting_on.push_back(key);
  }
  if (model::has_timer(state.phase, state.due_at_ms)) v.next_at = to_time(state.due_at_ms);
  v.signal = state.signal;
  v.attempts = state.attempt;
  v.retry_count = state.retries;
  v.recoveries = state.recoveries;
  if (state.phase == model::phase::backing_off) v.next_retry_at = v.next_at;
  if (state.last_error != action_error{}) v.last_error = state.last_error;
  v.started_at = to_optional_time(state.started_at_ms);
  v.closed_at = to_optional_time(state.closed_at_ms);
  v.input = spec.input;
  if (state.change) v.policy = state.change->policy;
  return v;
}

/// Beyond this many results, one pass over the history is cheaper than a look-up for each.
constexpr std::size_t look_ups_max = 16;
constexpr std::size_t events_per_read = 1'000;

/// An event that the state names. It is in the history for good, as a result is.
result<model::event> load_event(const read_store& store, std::string_view id, std::uint64_t seq,
                                std::string_view what) {
  auto events = store.history(id, seq - 1, 1);
  if (!events) return events.error();
  if (events->empty() || events->front().seq != seq) {
    return error{errc::corrupt, "workflow " + std::string(id) + ": the history does not hold " +
                                    std::string(what)};
  }
  return std::move(events->front().event);
}

/// Its text; 0: none.
result<std::string> load_text(const read_store& store, std::string_view id, std::uint64_t seq,
                              std::string_view what) {
  if (seq == 0) return std::string();
  auto event = load_event(store, id, seq, what);
  if (!event) return event.error();
  return std::move(event->text);
}

/// Fills in what was changed of the actions. Few are, and each look-up tells who has done it.
result<void> add_changes(const read_store& store, const loaded_workflow& w, workflow_view& view) {
  const std::string& id = w.definition->spec.id;
  const auto load = [&](std::uint64_t seq, std::optional<change_view>& to,
                        std::string* input) -> result<void> {
    if (seq == 0) return {};
    auto event = load_event(store, id, seq, "a change of an action");
    if (!event) return event.error();
    to = change_view{to_time(event->at_ms), std::move(event->who), std::move(event->name)};
    if (input != nullptr) *input = std::move(event->text);
    return {};
  };
  for (model::action_index a = 0; a < w.state.actions.size(); ++a) {
    const auto& change = w.state.actions[a].change;
    if (!change) continue;
    auto& shown = view.actions[a];
    auto loaded = load(change->input_seq, shown.input_changed, &shown.input);
    if (loaded) loaded = load(change->policy_seq, shown.policy_changed, nullptr);
    if (!loaded) return loaded;
  }
  return {};
}

/// What of an action is in an event that its state names.
struct wanted_text {
  model::action_index action = 0;
  bool is_result = false;  ///< else: for what its open attempt waits
};

void set(workflow_view& view, const wanted_text& what, std::string text) {
  auto& action = view.actions[what.action];
  if (what.is_result) {
    action.result = std::move(text);
  } else {
    action.pending_on = std::move(text);
  }
}

/// Fills in the results of the completed actions, and for what open attempts wait. Those are in the
/// history for good, so it does not matter that the history is read a moment after the state.
result<void> add_texts(const read_store& store, const loaded_workflow& w, workflow_view& view) {
  const std::string& id = w.definition->spec.id;
  std::unordered_map<std::uint64_t, wanted_text> wanted;
  std::uint64_t first = w.state.seq;
  for (model::action_index a = 0; a < w.state.actions.size(); ++a) {
    const auto& action = w.state.actions[a];
    const bool is_result = action.phase == model::phase::completed;
    const std::uint64_t seq = is_result ? action.result_seq : action.opened_seq;
    if (seq == 0) continue;
    wanted.emplace(seq, wanted_text{a, is_result});
    first = std::min(first, seq);
  }
  if (wanted.size() <= look_ups_max) {
    for (const auto& [seq, what] : wanted) {
      auto text = what.is_result ? store.load_result(id, seq)
                                 : load_text(store, id, seq, "the opening of an attempt");
      if (!text) return text.error();
      set(view, what, std::move(*text));
    }
    return {};
  }
  for (std::uint64_t after = first == 0 ? 0 : first - 1; !wanted.empty();) {
    auto events = store.history(id, after, events_per_read);
    if (!events) return events.error();
    if (events->empty()) break;
    for (auto& e : *events) {
      const auto at = wanted.find(e.seq);
      if (at == wanted.end()) continue;
      set(view, at->second, std::move(e.event.text));
      wanted.erase(at);
    }
    after = events->back().seq;
  }
  if (wanted.empty()) return {};
  return error{errc::corrupt, "workflow " + id +
                                  ": the history does not hold what its state says of action " +
                                  view.actions[wanted.begin()->second.action].key};
}

}  // namespace

workflow_summary to_summary(const read_store::header& header) {
  auto summary = model::summarize(header.head, header.state);
  summary.failed_action = header.failed_key;
  return summary;
}

std::optional<error> no_such_id(std::string_view id) {
  if (model::valid_id(id)) return std::nullopt;
  // Without the id: it can be of any length and hold anything.
  return error(errc::not_found,
               "no workflow has such an id: ids are 1 to 128 characters of [A-Za-z0-9._:-]");
}

result<workflow_summary> read_summary(const read_store& store, std::string_view id) {
  if (auto none = no_such_id(id)) return *std::move(none);
  const auto header = store.load_header(id);
  if (!header) return header.error();
  return to_summary(*header);
}

result<std::string> read_terms(const read_store& store, std::string_view id) {
  if (auto none = no_such_id(id)) return *std::move(none);
  const auto header = store.load_header(id);
  if (!header) return header.error();
  return load_text(store, id, header->state.terms_seq, "its terms");
}

result<workflow_view> read_view(const read_store& store, std::string_view id,
                                const has_handler& handlers, time_ms now_ms) {
  if (auto none = no_such_id(id)) return *std::move(none);
  const auto loaded = store.load(id);
  if (!loaded) return loaded.error();
  const auto& spec = loaded->definition->spec;
  workflow_view view;
  view.summary = model::summarize(spec, loaded->state);
  view.input = spec.input;
  auto terms = load_text(store, id, loaded->state.terms_seq, "its terms");
  if (!terms) return terms.error();
  view.terms = std::move(*terms);
  view.actions.reserve(spec.actions.size());
  for (model::action_index a = 0; a < spec.actions.size(); ++a) {
    view.actions.push_back(to_view(*loaded, a, handlers, now_ms));
  }
  if (auto added = add_texts(store, *loaded, view); !added) return added.error();
  if (auto added = add_changes(store, *loaded, view); !added) return added.error();
  return view;
}

history_event to_history(const workflow_spec& spec, std::uint64_t seq, const model::event& event) {
  history_event out;
  out.seq = seq;
  out.at = to_time(event.at_ms);
  out.kind = model::to_string(event.kind);
  out.actor = model::to_string(event.actor);
  if (event.action != model::no_action) {
    out.action = event.action < spec.actions.size() ? spec.actions[event.action].key
                                                    : "#" + std::to_string(event.action);
    if (event.action < spec.actions.size()) out.type = spec.actions[event.action].type;
  }
  out.data = model::event_data(event);
  return out;
}

result<std::vector<history_event>> read_history(const read_store& store, std::string_view id,
                                                std::uint64_t after, std::size_t limit) {
  if (auto none = no_such_id(id)) return *std::move(none);
  const auto spec = store.load_spec(id);
  if (!spec) return spec.error();
  const auto events = store.history(id, after, limit);
  if (!events) return events.error();
  std::vector<history_event> out;
  out.reserve(events->size());
  for (const auto& e : *events) out.push_back(to_history(*spec, e.seq, e.event));
  return out;
}

namespace {

/// Keys of actions by workflow; remembers the last few specs.
class action_names {
 public:
  explicit action_names(const read_store& store) : store_(store) {}
  /// Nothing when the workflow is gone.
  result<std::optional<std::string>> find(const std::string& id, model::action_index action) {
    if (action == model::no_action) return std::optional<std::string>("");
    auto at = specs_.find(id);
    if (at == specs_.end()) {
      auto spec = store_.load_spec(id);
      if (!spec && spec.error().code() == errc::not_found) return std::optional<std::string>();
      if (!spec) return spec.error();
      if (specs_.size() >= kept_max) specs_.clear();
      at = specs_.emplace(id, std::move(*spec)).first;
    }
    const auto& actions = at->second.actions;
    return std::optional<std::string>(action < actions.size() ? actions[action].key : "");
  }

 private:
  static constexpr std::size_t kept_max = 64;
  const read_store& store_;
  std::unordered_map<std::string, workflow_spec> specs_;
};

/// The least bound after an entry.
due_entry after(due_entry e) {
  if (e.action != model::no_action) {
    ++e.action;
  } else {
    e.workflow_id.push_back('\x01');  // smaller than any character of a longer id
  }
  return e;
}

}  // namespace

result<std::vector<due_view>> due_views(const read_store& store, timer_kind kind, time_ms until_ms,
                                        std::size_t limit) {
  constexpr std::size_t entries_per_read = 1'000;
  constexpr time_ms last_ms = std::numeric_limits<time_ms>::max();
  const time_ms end = until_ms == last_ms ? last_ms : until_ms + 1;
  std::vector<due_view> out;
  action_names names(store);
  due_entry from;
  for (from.at_ms = std::numeric_limits<time_ms>::min(); out.size() < limit;) {
    const auto entries = store.due(group_of(kind), from, end, entries_per_read);
    if (!entries) return entries.error();
    for (const auto& e : *entries) {
      if (e.kind != kind) continue;
      if (out.size() == limit) break;
      auto name = names.find(e.workflow_id, e.action);
      if (!name) return name.error();
      if (!*name) continue;
      out.push_back(
          {to_time(e.at_ms), std::string(to_string(kind)), e.workflow_id, std::move(**name)});
    }
    if (entries->size() < entries_per_read) break;
    from = after(entries->back());
  }
  return out;
}

}  // namespace tenax::storage
