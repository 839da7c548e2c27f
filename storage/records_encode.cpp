#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "model/assert.hpp"
#include "model/documents/policy_json.hpp"
#include "storage/record_detail.hpp"
#include "storage/records.hpp"

namespace tenax::storage::records {

using detail::time_delta;

namespace {

/// Messages keep their memory when cleared, so that steady work allocates nothing.
struct scratch {
  pb::State state;
  pb::Page page;
  pb::History history;
  pb::SpecHead head;
  pb::SpecBody body;
};
scratch& local() {
  static thread_local scratch s;
  return s;
}

/// A payload this large is not worth keeping memory for.
constexpr std::size_t keep_bytes_max = 256 * 1024;

/// Fills in version and checksum of a value whose payload is in place.
void seal_payload(std::string& out, std::uint8_t with = version) {
  const auto sum = static_cast<std::uint32_t>(
      XXH3_64bits(out.data() + detail::envelope_bytes, out.size() - detail::envelope_bytes));
  out[0] = static_cast<char>(with);
  for (std::size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<char>(sum >> (8 * i));
}

template <class Message>
void seal(const Message& m, std::string& out, std::uint8_t with = version) {
  const std::size_t bytes = m.ByteSizeLong();
  // protobuf would write the cached, 32-bit sizes and say nothing. limits.hpp keeps far below.
  TENAX_ASSERT(bytes <= std::numeric_limits<std::int32_t>::max(), "a record fits protobuf");
  out.resize(detail::envelope_bytes + bytes);
  m.SerializeWithCachedSizesToArray(
      reinterpret_cast<std::uint8_t*>(out.data() + detail::envelope_bytes));
  seal_payload(out, with);
}

/// The version of a record that holds the action, beside others.
std::uint8_t put_action(const model::action_state& a, time_ms base, pb::Action& out) {
  out.set_phase(static_cast<std::uint32_t>(a.phase));
  out.set_attempt(a.attempt);
  out.set_started_at(time_delta(a.started_at_ms, base));
  out.set_closed_at(time_delta(a.closed_at_ms, base));
  out.set_result_seq(a.result_seq);
  out.set_due_at(time_delta(a.due_at_ms, base));
  out.set_close_by(time_delta(a.close_by_ms, base));
  out.set_failures(a.failures);
  out.set_retries(a.retries);
  out.set_recoveries(a.recoveries);
  out.set_deferrals(a.deferrals);
  out.set_last_wait_ms(a.last_wait_ms);
  out.set_delivery(static_cast<std::uint32_t>(a.delivery));
  out.set_cut_off(a.cut_off);
  if (a.opened_seq != 0 || a.outside_word != 0 || !a.secret.empty()) {
    out.set_secret_high(a.secret.high);
    out.set_secret_low(a.secret.low);
    out.set_heartbeat_ms(a.heartbeat_ms);
    out.set_outside_word(a.outside_word);
    out.set_opened_seq(a.opened_seq);
    if (!a.signal.empty()) out.set_signal(a.signal);
  }
  if (!a.last_error.error_class.empty()) out.set_error_class(a.last_error.error_class);
  if (!a.last_error.message.empty()) out.set_error_message(a.last_error.message);
  if (!a.change) return version;
  out.set_input_seq(a.change->input_seq);
  out.set_input_word(a.change->input_word);
  out.set_policy_seq(a.change->policy_seq);
  if (!a.change->policy.empty()) out.set_policy(model::print_policy(a.change->policy));
  return version_with_changes;
}

void put_event(const model::event& e, time_ms previous, pb::Event& out) {
  out.set_kind(static_cast<std::uint32_t>(e.kind));
  out.set_actor(static_cast<std::uint32_t>(e.actor));
  out.set_at(detail::minus(e.at_ms, previous));
  out.set_action(e.action + 1);  // no_action wraps to 0
  out.set_attempt(e.attempt);
  out.set_count(e.count);
  out.set_due_at(time_delta(e.due_at_ms, e.at_ms));
  out.set_wait_ms(e.wait_ms);
  out.set_least_ms(e.least_ms);
  out.set_most_ms(e.most_ms);
  out.set_delivery(static_cast<std::uint32_t>(e.delivery));
  if (!e.secret.empty()) {
    out.set_secret_high(e.secret.high);
    out.set_secret_low(e.secret.low);
  }
  out.set_signal_seq(e.signal_seq);
  if (!e.name.empty()) out.set_name(e.name);
  if (!e.key.empty()) out.set_key(e.key);
  if (!e.who.empty()) out.set_who(e.who);
  if (!e.error_class.empty()) out.set_error_class(e.error_class);
  if (!e.text.empty()) out.set_text(e.text);
}

}  // namespace

void encode_state(const model::definition& def, const model::workflow_state& state,
                  std::string& out) {
  auto& m = local().state;
  m.Clear();
  const time_ms base = state.created_at_ms;
  m.set_action_count(static_cast<std::uint32_t>(state.actions.size()));
  m.set_status(static_cast<std::uint32_t>(state.status));
  m.set_seq(state.seq);
  m.set_created_at_ms(base);
  m.set_updated_at(time_delta(state.updated_at_ms, base));
  m.set_started_at(time_delta(state.started_at_ms, base));
  m.set_closed_at(time_delta(state.closed_at_ms, base));
  m.set_deadline_at(time_delta(state.deadline_at_ms, base));
  if (state.failed_action != model::no_action) {
    m.set_failed_action(state.failed_action + 1);
    m.set_failed_key(def.spec.actions[state.failed_action].key);
  }
  if (!state.reason.empty()) m.set_reason(state.reason);
  m.set_terms_seq(state.terms_seq);
  for (const auto& s : state.signals) {
    auto& signal = *m.add_signals();
    if (!s.name.empty()) signal.set_name(s.name);
    signal.set_key(s.key);
    signal.set_word(s.word);
    signal.set_seq(s.seq);
  }
  if (state.actions.size() > page_actions) {
    for (const std::uint32_t count : state.counts) m.add_counts(count);
  }
  const auto first_page = std::min<std::size_t>(state.actions.size(), page_actions);
  auto with = version;
  for (std::size_t a = 0; a < first_page; ++a) {
    with = std::max(with, put_action(state.actions[a], base, *m.add_actions()));
  }
  seal(m, out, with);
}

void encode_page(const model::workflow_state& state, std::uint32_t page, std::string& out) {
  TENAX_ASSERT(page > 0 && page < page_count(state.actions.size()), "no such page");
  auto& m = local().page;
  m.Clear();
  const std::size_t begin = std::size_t{page} * page_actions;
  const auto end = std::min<std::size_t>(state.actions.size(), begin + page_actions);
  auto with = version;
  for (std::size_t a = begin; a < end; ++a) {
    with = std::max(with, put_action(state.actions[a], state.created_at_ms, *m.add_actions()));
  }
  seal(m, out, with);
}

void encode_definition(const model::definition& def, std::string& out) {
  const auto& spec = def.spec;
  auto& head = local().head;
  head.Clear();
  head.set_name(spec.name);
  head.set_description(spec.description);
  head.set_reference(spec.reference);
  head.set_order(static_cast<std::uint32_t>(spec.order));
  if (spec.deadline) head.set_deadline_ms(spec.deadline->count());
  head.set_priority(spec.priority);

  auto& body = local().body;
  body.Clear();
  if (spec.input != detail::default_input) body.set_input(spec.input);
  for (const auto& a : spec.actions) {
    auto& action = *body.add_actions();
    action.set_key(a.key);
    action.set_type(a.type);
    if (a.input != detail::default_input) action.set_input(a.input);
    for (const auto& key : a.depends_on) {
      const auto index = def.find(key);
      TENAX_ASSERT(index.has_value(), "a validated definition depends on keys that it has");
      action.add_depends_on(*index);
    }
    if (a.scheduled_at) action.set_scheduled_at_ms(a.scheduled_at->time_since_epoch().count());
    if (a.delay) action.set_delay_ms(a.delay->count());
    if (!a.reason.empty()) action.set_reason(a.reason);
  }

  out.resize(detail::envelope_bytes);
  detail::put_varint(head.ByteSizeLong(), out);
  head.AppendToString(&out);
  body.AppendToString(&out);
  seal_payload(out);
  if (out.size() > keep_bytes_max) body = pb::SpecBody();
}

std::size_t encode_history(std::span<const model::event> events, std::string& out) {
  TENAX_ASSERT(!events.empty(), "a history row holds events");
  auto& m = local().history;
  m.Clear();
  m.set_at_ms(events.front().at_ms);
  time_ms previous = events.front().at_ms;
  std::size_t taken = 0;
  for (std::size_t bytes = 0; taken < events.size() && bytes <= history_row_bytes; ++taken) {
    const auto& e = events[taken];
    put_event(e, previous, *m.add_events());
    previous = e.at_ms;
    // All but the texts of an event takes 10 to 60 bytes.
    bytes += 24 + e.error_class.size() + e.text.size();
  }
  seal(m, out);
  if (out.size() > keep_bytes_max) m = pb::History();
  return taken;
}

void encode_number(std::uint64_t value, std::string& out) {
  pb::Number m;
  m.set_value(value);
  seal(m, out);
}

void encode_totals(const totals& value, std::string& out) {
  pb::Totals m;
  m.set_submitted(value.submitted);
  m.set_completed(value.completed);
  m.set_failed(value.failed);
  m.set_cancelled(value.cancelled);
  m.set_removed(value.removed);
  seal(m, out);
}

/// The name, and behind a zero byte, which no name has, a byte for each lane, ascending.
void encode_listing(std::string_view name, model::index_class listed_as, model::lane_mask lanes,
                    std::string& out) {
  out.assign(name);
  if (listed_as != model::index_class::active || lanes == model::any_lane) return;
  out.push_back('\0');
  for (; lanes != 0; lanes &= lanes - 1) {
    out.push_back(static_cast<char>(std::countr_zero(lanes)));
  }
}

void encode_bytes(std::string_view bytes, std::string& out) {
  out.resize(detail::envelope_bytes);
  out.append(bytes);
  seal_payload(out);
}

}  // namespace tenax::storage::records
