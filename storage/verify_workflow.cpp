#include "storage/verify_workflow.hpp"

#include <algorithm>
#include <unordered_set>

#include "model/references.hpp"

namespace tenax::storage {

namespace {

/// What compile takes for granted; a checksum does not prove it.
std::string check_spec(const workflow_spec& spec) {
  std::unordered_set<std::string_view> keys;
  for (const auto& a : spec.actions) {
    if (!keys.insert(a.key).second) return "two actions have the key " + a.key;
  }
  for (const auto& a : spec.actions) {
    for (const auto& key : model::scan_references(a.input).action_keys) {
      if (!keys.contains(key))
        return "action " + a.key + " refers to " + key + ", which is not there";
    }
  }
  return "";
}

/// The first field of the header that differs, "" if none.
std::string differing_field(const model::workflow_state& a, const model::workflow_state& b) {
  if (a.status != b.status) return "status";
  if (a.created_at_ms != b.created_at_ms) return "created_at";
  if (a.updated_at_ms != b.updated_at_ms) return "updated_at";
  if (a.started_at_ms != b.started_at_ms) return "started_at";
  if (a.closed_at_ms != b.closed_at_ms) return "closed_at";
  if (a.deadline_at_ms != b.deadline_at_ms) return "deadline_at";
  if (a.failed_action != b.failed_action) return "failed_action";
  if (a.reason != b.reason) return "reason";
  if (a.terms_seq != b.terms_seq) return "terms";
  if (a.signals != b.signals) return "signals";
  if (a.counts != b.counts) return "counts";
  return "";
}

}  // namespace

void add_expected_due(std::string_view id, model::action_index first,
                      const std::vector<model::action_state>& actions,
                      std::vector<due_entry>& out) {
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const auto& a = actions[i];
    const auto index = first + static_cast<model::action_index>(i);
    if (model::has_timer(a.phase, a.due_at_ms)) {
      out.push_back({a.due_at_ms, timer_of(a.phase), std::string(id), index});
    }
    if (a.close_by_ms != 0) {
      out.push_back({a.close_by_ms, timer_kind::action_deadline, std::string(id), index});
    }
  }
}

std::optional<due_entry> expected_deadline(std::string_view id,
                                           const model::workflow_state& state) {
  if (state.deadline_at_ms == 0) return std::nullopt;
  return due_entry{state.deadline_at_ms, timer_kind::workflow_deadline, std::string(id),
                   model::no_action};
}

std::vector<std::string> index_keys(std::string_view id, const model::workflow_state& state,
                                    std::string_view reference, bool keeps_ends) {
  std::vector<std::string> out;
  if (keeps_ends && state.terminal()) {
    keys::ended(out.emplace_back(),
                {state.listed_as(), state.closed_at_ms, state.created_at_ms, std::string(id)});
  }
  if (state.undecided()) keys::undecided(out.emplace_back(), state.created_at_ms, id);
  if (!reference.empty()) {
    keys::reference(out.emplace_back(), keys::reference_hash(reference), state.created_at_ms, id);
  }
  return out;
}

void workflow_check::row(const keys::workflow_key& at, std::string_view key,
                         std::string_view value) {
  const bool first = !std::exchange(any_row_, true);
  switch (at.tag) {
    case keys::record_tag::state: {
      auto decoded = records::decode_state(key, value);
      if (!decoded) return found("records", decoded.error().message());
      stored_ = std::move(*decoded);
      break;
    }
    case keys::record_tag::page: {
      if (!stored_) break;
      auto& actions = stored_->state.actions;
      if (at.number * records::page_actions != actions.size()) {
        found("records", "the page before page " + std::to_string(at.number) + " is missing");
        break;
      }
      auto decoded = records::decode_page(key, value, static_cast<std::uint32_t>(at.number),
                                          *stored_, actions);
      if (!decoded) found("records", decoded.error().message());
      break;
    }
    case keys::record_tag::definition:
      on_definition(key, value);
      break;
    case keys::record_tag::history:
      on_history(at.number, key, value);
      break;
  }
  if (first && at.tag != keys::record_tag::state) {
    found("records", "rows without a state record");
  }
}

void workflow_check::on_definition(std::string_view key, std::string_view value) {
  auto spec = records::decode_definition(key, id_, value);
  if (!spec) return found("records", spec.error().message());
  if (const auto wrong = check_spec(*spec); !wrong.empty()) {
    return found("records", "definition: " + wrong);
  }
  if (stored_ && spec->actions.size() != stored_->action_count) {
    return found("records", "state and definition have different numbers of actions");
  }
  definition_ = model::compile(std::move(*spec));
  replayed_ = model::initial_state(*definition_);
  budgets_.assign(definition_->size(), {});
  replaying_ = true;
}

void workflow_check::on_history(std::uint64_t first_seq, std::string_view key,
                                std::string_view value) {
  row_events_.clear();
  if (auto decoded = records::decode_history(key, first_seq, value, row_events_); !decoded) {
    replaying_ = false;
    next_seq_ = 0;  // how many events the row had is unknown
    return found("records", decoded.error().message());
  }
  if (next_seq_ != 0 && first_seq != next_seq_) {
    found("I12",
          "event " + std::to_string(first_seq) + " follows event " + std::to_string(next_seq_ - 1));
    replaying_ = false;
  }
  if (replaying_) changes_.begin(replayed_);
  for (const auto& e : row_events_) on_event(e.seq, e.event);
  next_seq_ = first_seq + row_events_.size();
  events_ += row_events_.size();
}

void workflow_check::on_event(std::uint64_t seq, const model::event& e) {
  const std::string at =
      "event " + std::to_string(seq) + " (" + std::string(model::to_string(e.kind)) + "): ";
  const bool creates = e.kind == model::event_kind::workflow_created;
  if (creates != (seq == 1)) {
    found("I12", at + "workflow_created is the first event and only that");
  }
  if (seq > 1 && e.at_ms < last_at_ms_) found("I12", at + "its time is before the event before it");
  last_at_ms_ = e.at_ms;
  if (e.kind == model::event_kind::workflow_continued) {
    over_ = false;
    std::fill(budgets_.begin(), budgets_.end(), budget{});
  }
  if (over_ && model::is_terminal(e.kind)) {
    found("I12", at + "a second end");
  } else if (over_ && e.kind != model::event_kind::late_result && !model::is_change(e.kind)) {
    found("I10", at + "after the end");
  }
  over_ = over_ || model::is_terminal(e.kind);
  if (!replaying_) return;
  replaying_ = check_event(at, e);
  if (replaying_) model::apply(*definition_, replayed_, e, changes_);
}

bool workflow_check::check_event(const std::string& at, const model::event& e) {
  if (e.action < definition_->size()) {
    const auto& action = replayed_.actions[e.action];
    count_attempt(at, e);
    switch (e.kind) {
      case model::event_kind::attempt_started:
        check_start(at, e);
        break;
      case model::event_kind::retry_scheduled:
        check_retry(at, e);
        break;
      case model::event_kind::action_completed:
        if (action.phase != model::phase::executing && action.phase != model::phase::outside &&
            e.actor != model::event_actor::user) {
          found("I6", at + "completed without an attempt or a decision");
        }
        break;
      default:
        break;
    }
  }
  const auto wrong = model::check_applicable(*definition_, replayed_, e);
  if (wrong.empty()) return true;
  // Times and order have been reported above; nothing else can be replayed from here.
  found("I13", at + wrong);
  return false;
}

void workflow_check::check_start(const std::string& at, const model::event& e) {
  const auto& action = replayed_.actions[e.action];
  for (const auto d : definition_->dependencies[e.action]) {
    const auto p = replayed_.actions[d].phase;
    if (p != model::phase::completed && p != model::phase::skipped) {
      found("I9", at + "started before " + definition_->spec.actions[d].key + " was over");
      break;
    }
  }
  const bool goes_on = action.goes_on();
  if (e.attempt != action.attempt + (goes_on ? 0 : 1)) {
    found("I5", at + "attempt " + std::to_string(e.attempt) + " follows attempt " +
                    std::to_string(action.attempt));
  }
  if (model::is_timed(action.phase) && e.at_ms < action.due_at_ms) {
    found("I8", at + "started " + std::to_string(action.due_at_ms - e.at_ms) + " ms too early");
  }
}

/// Every attempt is the first, or was scheduled as a retry within max_attempts, or makes up for one
/// that was interrupted; a decision begins anew.
void workflow_check::count_attempt(const std::string& at, const model::event& e) {
  auto& b = budgets_[e.action];
  switch (e.kind) {
    case model::event_kind::attempt_started:
      if (replayed_.actions[e.action].goes_on()) break;  // the same one
      if (b.failed) found("I5", at + "started after a failure without a retry or a decision");
      if (++b.attempts > std::uint64_t{b.allowed} + b.interruptions) {
        found("I5", at + std::to_string(b.attempts) +
                        " attempts since the start or the last decision, more than max_attempts (" +
                        std::to_string(b.allowed) + ") and interruptions (" +
                        std::to_string(b.interruptions) + ")");
      }
      break;
    case model::event_kind::attempt_failed:
    case model::event_kind::attempt_timed_out:
      b.failed = true;
      break;
    case model::event_kind::attempt_interrupted:
      ++b.interruptions;
      break;
    case model::event_kind::retry_scheduled:
      b.failed = false;
      b.allowed = e.count;
      break;
    case model::event_kind::action_resolved:
      b = {};
      break;
    default:
      break;
  }
}

void workflow_check::check_retry(const std::string& at, const model::event& e) {
  if (e.wait_ms < e.least_ms || e.wait_ms > e.most_ms) {
    found("I8", at + "the delay of " + std::to_string(e.wait_ms) + " ms is not within " +
                    std::to_string(e.least_ms) + ".." + std::to_string(e.most_ms));
  }
  if (e.due_at_ms - e.at_ms != e.wait_ms) {
    found("I8", at + "next_retry_at is not the delay after the failure");
  }
  if (replayed_.actions[e.action].failures >= e.count) {
    found("I5", at + "a retry beyond max_attempts (" + std::to_string(e.count) + ")");
  }
}

void workflow_check::compare_states() {
  const auto& stored = stored_->state;
  if (replayed_.seq != stored.seq) {
    found("I12", "the history ends at event " + std::to_string(replayed_.seq) +
                     ", the state is that of event " + std::to_string(stored.seq));
    return;
  }
  if (const auto field = differing_field(stored, replayed_); !field.empty()) {
    found("I13", "replay gives another " + field);
  }
  if (stored.failed_action != model::no_action &&
      stored_->failed_key != definition_->spec.actions[stored.failed_action].key) {
    found("I13", "the failed action has another key");
  }
  for (model::action_index a = 0; a < stored.actions.size(); ++a) {
    const auto& key = definition_->spec.actions[a].key;
    if (stored.actions[a].result_seq != replayed_.actions[a].result_seq) {
      found("I6", "action " + key + ": its result is not in the event that the state names");
    } else if (stored.actions[a].input_seq() != replayed_.actions[a].input_seq()) {
      found("I13", "action " + key + ": its input is not in the event that the state names");
    } else if (!stored.actions[a].same_record(replayed_.actions[a])) {
      found("I13", "replay gives another state of action " + key);
    }
  }
}

/// The current encoder must be able to say what is stored.
void workflow_check::compare_encoding() {
  std::string value;
  records::encode_state(*definition_, replayed_, value);
  auto again = records::decode_state("re-encoded", value);
  const std::uint32_t pages = records::page_count(replayed_.actions.size());
  for (std::uint32_t p = 1; again && p < pages; ++p) {
    records::encode_page(replayed_, p, value);
    const auto page = records::decode_page("re-encoded", value, p, *again, again->state.actions);
    if (!page) return found("I13", "encoding does not decode: " + page.error().message());
  }
  if (!again) return found("I13", "encoding does not decode: " + again.error().message());
  const auto same = [](const auto& a, const auto& b) { return a.same_record(b); };
  if (!differing_field(again->state, replayed_).empty() || again->state.seq != replayed_.seq ||
      !std::equal(again->state.actions.begin(), again->state.actions.end(),
                  replayed_.actions.begin(), replayed_.actions.end(), same)) {
    found("I13", "encoding and decoding changes the state");
  }
}

expected_rows workflow_check::finish(bool keeps_ends) {
  expected_rows out;
  if (!stored_) return out;
  const auto& state = stored_->state;
  const bool complete = state.actions.size() == stored_->action_count;
  if (!complete) found("records", "pages of actions are missing");
  if (!definition_) {
    found("records", "no usable definition");
  } else if (complete && replaying_) {
    compare_states();
    compare_encoding();
  }
  if (state.terminal() != over_ && replaying_) found("I12", "the history has another end");
  out.listed = list_entry{state.listed_as(), state.created_at_ms, id_,
                          definition_ ? definition_->spec.name : std::string()};
  out.name_known = definition_ != nullptr;
  if (definition_ && complete && out.listed->listed_as == model::index_class::active &&
      state.actions.size() == definition_->size()) {
    auto all = state;
    model::derive(*definition_, all);
    out.listed->lanes = all.lanes();
  }
  add_expected_due(id_, 0, state.actions, out.due);
  if (auto deadline = expected_deadline(id_, state)) out.due.push_back(std::move(*deadline));
  out.index_keys =
      index_keys(id_, state, definition_ ? definition_->spec.reference : "", keeps_ends);
  return out;
}

}  // namespace tenax::storage
