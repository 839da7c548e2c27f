#include <xxhash.h>

#include <algorithm>
#include <limits>

#include "model/documents/policy_json.hpp"
#include "storage/keys.hpp"
#include "storage/record_detail.hpp"
#include "storage/records.hpp"

namespace tenax::storage::records {

using detail::plus;
using detail::time_from;

error corrupt_at(std::string_view key, std::string_view what) {
  return {errc::corrupt, "record at " + keys::printable(key) + ": " + std::string(what)};
}

namespace {

/// The payload of a stored value, or what is wrong with it.
result<std::string_view> open(std::string_view key, std::string_view value) {
  if (value.size() < detail::envelope_bytes) return corrupt_at(key, "too short");
  const auto with = static_cast<std::uint8_t>(value[0]);
  if (with != version && with != version_with_changes) {
    return corrupt_at(key, "unknown record version " + std::to_string(with));
  }
  const auto payload = value.substr(detail::envelope_bytes);
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    stored |= std::uint32_t{static_cast<std::uint8_t>(value[1 + i])} << (8 * i);
  }
  if (static_cast<std::uint32_t>(XXH3_64bits(payload.data(), payload.size())) != stored) {
    return corrupt_at(key, "checksum mismatch");
  }
  return payload;
}

constexpr auto delivery_max = static_cast<std::uint32_t>(delivery::at_most_once);

template <class Message>
bool parse(std::string_view bytes, Message& m) {
  return bytes.size() <= std::numeric_limits<int>::max() &&
         m.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

template <class Message>
result<void> open_message(std::string_view key, std::string_view value, Message& m) {
  const auto payload = open(key, value);
  if (!payload) return payload.error();
  if (!parse(*payload, m)) return corrupt_at(key, "not a record of its kind");
  return {};
}

/// What was changed of the action. False: it is none that an event can have made.
bool read_change(const pb::Action& m, std::uint64_t last_seq, model::action_state& out) {
  if (m.input_seq() == 0 && m.policy_seq() == 0) {
    return m.policy().empty() && m.input_word() == 0;
  }
  if (m.input_seq() > last_seq || m.policy_seq() > last_seq) return false;
  if ((m.input_seq() == 0) != (m.input_word() == 0)) return false;
  model::change_state change{m.input_seq(), m.input_word(), m.policy_seq(), {}};
  if (!m.policy().empty()) {
    const auto policy = model::parse_policy(m.policy());
    if (!policy || policy->empty() || m.policy_seq() == 0) return false;
    change.policy = *policy;
  }
  out.change = std::make_shared<const model::change_state>(std::move(change));
  return true;
}

result<void> read_action(std::string_view key, const pb::Action& m, model::action_index index,
                         const model::workflow_state& header, model::action_state& out) {
  const auto wrong = [&](std::string_view what) {
    return corrupt_at(key, "action " + std::to_string(index) + ": " + std::string(what));
  };
  if (m.phase() >= model::phase_count) return wrong("no phase " + std::to_string(m.phase()));
  if (m.opened_seq() > header.seq) return wrong("opened_seq is beyond the history");
  if (m.result_seq() > header.seq) return wrong("result_seq is beyond the history");
  if (m.delivery() > delivery_max) return wrong("no delivery " + std::to_string(m.delivery()));
  if (!read_change(m, header.seq, out)) return wrong("no such change");
  const time_ms base = header.created_at_ms;
  out.phase = static_cast<model::phase>(m.phase());
  out.attempt = m.attempt();
  out.failures = m.failures();
  out.retries = m.retries();
  out.recoveries = m.recoveries();
  out.deferrals = m.deferrals();
  out.due_at_ms = time_from(m.due_at(), base);
  out.close_by_ms = time_from(m.close_by(), base);
  out.started_at_ms = time_from(m.started_at(), base);
  out.closed_at_ms = time_from(m.closed_at(), base);
  out.last_wait_ms = m.last_wait_ms();
  out.delivery = static_cast<delivery>(m.delivery());
  out.cut_off = m.cut_off();
  out.secret = {m.secret_high(), m.secret_low()};
  out.heartbeat_ms = m.heartbeat_ms();
  out.outside_word = m.outside_word();
  out.opened_seq = m.opened_seq();
  out.signal = m.signal();
  out.result_seq = m.result_seq();
  out.last_error = {m.error_class(), m.error_message()};
  return {};
}

result<void> read_counts(std::string_view key, const pb::State& m, model::workflow_state& state) {
  if (m.action_count() <= page_actions) {
    if (m.counts_size() != 0) return corrupt_at(key, "counts without a second page");
    for (const auto& a : state.actions) ++state.counts[static_cast<std::size_t>(a.phase)];
    return {};
  }
  constexpr int phases_least = 12;  // as many as there were before `outside`
  if (m.counts_size() < phases_least || m.counts_size() > static_cast<int>(model::phase_count)) {
    return corrupt_at(key, "counts are incomplete");
  }
  std::uint64_t sum = 0;
  for (int p = 0; p < m.counts_size(); ++p) {
    state.counts[static_cast<std::size_t>(p)] = m.counts(p);
    sum += m.counts(p);
  }
  if (sum != m.action_count()) return corrupt_at(key, "counts do not add up");
  return {};
}

void fill_head(const pb::SpecHead& m, std::string_view id, workflow_spec& out) {
  out.id = id;
  out.name = m.name();
  out.description = m.description();
  out.reference = m.reference();
  out.order = static_cast<action_order>(m.order());
  if (m.has_deadline_ms()) out.deadline = milliseconds{m.deadline_ms()};
  out.priority = m.priority();
}

/// Takes the head off the payload.
result<void> read_head(std::string_view key, std::string_view id, std::string_view& payload,
                       workflow_spec& out) {
  std::uint32_t head_bytes = 0;
  if (!detail::take_varint(payload, head_bytes) || head_bytes > payload.size()) {
    return corrupt_at(key, "bad length of the head");
  }
  pb::SpecHead head;
  if (!parse(payload.substr(0, head_bytes), head)) return corrupt_at(key, "not a definition");
  if (head.order() > static_cast<std::uint32_t>(action_order::sequential)) {
    return corrupt_at(key, "no order " + std::to_string(head.order()));
  }
  fill_head(head, id, out);
  payload.remove_prefix(head_bytes);
  return {};
}

result<void> read_event(std::string_view key, const pb::Event& m, time_ms previous,
                        model::event& out) {
  if (m.kind() < 1 || m.kind() > model::event_kind_max) {
    return corrupt_at(key, "no event kind " + std::to_string(m.kind()));
  }
  if (m.actor() > static_cast<std::uint32_t>(model::event_actor::handler)) {
    return corrupt_at(key, "no event actor " + std::to_string(m.actor()));
  }
  if (m.delivery() > delivery_max) {
    return corrupt_at(key, "no delivery " + std::to_string(m.delivery()));
  }
  out.kind = static_cast<model::event_kind>(m.kind());
  out.actor = static_cast<model::event_actor>(m.actor());
  out.at_ms = plus(previous, m.at());
  out.action = m.action() - 1;
  out.attempt = m.attempt();
  out.count = m.count();
  out.due_at_ms = time_from(m.due_at(), out.at_ms);
  out.wait_ms = m.wait_ms();
  out.least_ms = m.least_ms();
  out.most_ms = m.most_ms();
  out.delivery = static_cast<delivery>(m.delivery());
  out.secret = {m.secret_high(), m.secret_low()};
  out.signal_seq = m.signal_seq();
  out.name = m.name();
  out.key = m.key();
  out.who = m.who();
  out.error_class = m.error_class();
  out.text = m.text();
  return {};
}

}  // namespace

result<state_record> decode_state(std::string_view key, std::string_view value) {
  pb::State m;
  if (auto opened = open_message(key, value, m); !opened) return opened.error();
  if (m.status() > static_cast<std::uint32_t>(workflow_status::cancelled)) {
    return corrupt_at(key, "no status " + std::to_string(m.status()));
  }
  if (m.seq() == 0) return corrupt_at(key, "state before the first event");
  if (m.terms_seq() > m.seq()) return corrupt_at(key, "terms_seq is beyond the history");
  if (m.failed_action() > m.action_count()) return corrupt_at(key, "no such failed action");
  if (static_cast<std::uint32_t>(m.actions_size()) != std::min(m.action_count(), page_actions)) {
    return corrupt_at(key, "first page is incomplete");
  }
  state_record out;
  auto& state = out.state;
  const time_ms base = m.created_at_ms();
  state.status = static_cast<workflow_status>(m.status());
  state.seq = m.seq();
  state.created_at_ms = base;
  state.updated_at_ms = time_from(m.updated_at(), base);
  state.started_at_ms = time_from(m.started_at(), base);
  state.closed_at_ms = time_from(m.closed_at(), base);
  state.deadline_at_ms = time_from(m.deadline_at(), base);
  state.failed_action = m.failed_action() - 1;  // 0 wraps to no_action
  state.reason = m.reason();
  state.terms_seq = m.terms_seq();
  state.signals.reserve(static_cast<std::size_t>(m.signals_size()));
  for (const auto& s : m.signals()) {
    if (s.seq() == 0 || s.seq() > m.seq()) return corrupt_at(key, "a signal beyond the history");
    state.signals.push_back({s.name(), s.key(), s.word(), s.seq()});
  }
  state.actions.resize(static_cast<std::size_t>(m.actions_size()));
  for (model::action_index a = 0; a < state.actions.size(); ++a) {
    const auto& action = m.actions(static_cast<int>(a));
    if (auto read = read_action(key, action, a, state, state.actions[a]); !read) {
      return read.error();
    }
  }
  if (auto read = read_counts(key, m, state); !read) return read.error();
  out.action_count = m.action_count();
  out.failed_key = m.failed_key();
  return out;
}

result<void> decode_page(std::string_view key, std::string_view value, std::uint32_t page,
                         const state_record& header, std::vector<model::action_state>& out) {
  pb::Page m;
  if (auto opened = open_message(key, value, m); !opened) return opened;
  if (page == 0 || page >= page_count(header.action_count)) return corrupt_at(key, "no such page");
  auto index = page * page_actions;
  if (static_cast<std::uint32_t>(m.actions_size()) !=
      std::min(header.action_count - index, page_actions)) {
    return corrupt_at(key, "wrong number of actions in the page");
  }
  for (const auto& action : m.actions()) {
    if (auto read = read_action(key, action, index++, header.state, out.emplace_back()); !read) {
      return read;
    }
  }
  return {};
}

result<workflow_spec> decode_spec_head(std::string_view key, std::string_view id,
                                       std::string_view value) {
  auto payload = open(key, value);
  if (!payload) return payload.error();
  workflow_spec out;
  if (auto read = read_head(key, id, *payload, out); !read) return read.error();
  return out;
}

result<workflow_spec> decode_definition(std::string_view key, std::string_view id,
                                        std::string_view value) {
  auto payload = open(key, value);
  if (!payload) return payload.error();
  workflow_spec out;
  if (auto read = read_head(key, id, *payload, out); !read) return read.error();
  pb::SpecBody body;
  if (!parse(*payload, body)) return corrupt_at(key, "not a definition");
  if (body.has_input()) out.input = std::move(*body.mutable_input());
  out.actions.reserve(static_cast<std::size_t>(body.actions_size()));
  for (auto& m : *body.mutable_actions()) {
    auto& action = out.actions.emplace_back();
    action.key = std::move(*m.mutable_key());
    action.type = std::move(*m.mutable_type());
    if (m.has_input()) action.input = std::move(*m.mutable_input());
    if (m.has_scheduled_at_ms()) {
      action.scheduled_at = wall_time{milliseconds{m.scheduled_at_ms()}};
    }
    if (m.has_delay_ms()) action.delay = milliseconds{m.delay_ms()};
    action.reason = std::move(*m.mutable_reason());
  }
  for (std::size_t a = 0; a < out.actions.size(); ++a) {
    for (const std::uint32_t index : body.actions(static_cast<int>(a)).depends_on()) {
      if (index >= out.actions.size()) {
        return corrupt_at(key, "action " + std::to_string(a) + " depends on one that is not there");
      }
      out.actions[a].depends_on.push_back(out.actions[index].key);
    }
  }
  return out;
}

result<void> decode_history(std::string_view key, std::uint64_t first_seq, std::string_view value,
                            std::vector<read_store::stored_event>& out) {
  pb::History m;
  if (auto opened = open_message(key, value, m); !opened) return opened;
  if (m.events_size() == 0) return corrupt_at(key, "history row without events");
  time_ms previous = m.at_ms();
  std::uint64_t seq = first_seq;
  for (const auto& e : m.events()) {
    auto& stored = out.emplace_back();
    stored.seq = seq++;
    if (auto read = read_event(key, e, previous, stored.event); !read) return read;
    previous = stored.event.at_ms;
  }
  return {};
}

result<std::uint64_t> decode_number(std::string_view key, std::string_view value) {
  pb::Number m;
  if (auto opened = open_message(key, value, m); !opened) return opened.error();
  return m.value();
}

result<totals> decode_totals(std::string_view key, std::string_view value) {
  pb::Totals m;
  if (auto opened = open_message(key, value, m); !opened) return opened.error();
  return totals{m.submitted(), m.completed(), m.failed(), m.cancelled(), m.removed()};
}

void decode_listing(std::string_view value, list_entry& out) {
  const auto end = value.find('\0');
  out.name = value.substr(0, end);
  out.lanes = model::any_lane;
  if (end == std::string_view::npos || end + 1 == value.size()) return;
  model::lane_mask lanes = 0;
  for (const char c : value.substr(end + 1)) {
    const auto bit = static_cast<std::uint8_t>(c);
    if (bit > model::lane_bits || lanes >> bit != 0) return;  // not ascending
    lanes |= model::lane_mask{1} << bit;
  }
  out.lanes = lanes;
}

result<std::string_view> decode_bytes(std::string_view key, std::string_view value) {
  return open(key, value);
}

}  // namespace tenax::storage::records
