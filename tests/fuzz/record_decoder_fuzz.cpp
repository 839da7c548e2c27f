// Any bytes as a stored value of any kind: decoding never crashes, and what was decoded survives
// encoding with the current encoder. The first byte chooses the kind; an odd one keeps the bytes as
// they are, an even one puts version and checksum before them, so that what is behind is reached.
#include <xxhash.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/definition.hpp"
#include "model/validate.hpp"
#include "storage/records.hpp"

namespace {

using namespace tenax;
namespace records = storage::records;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr std::string_view key = "fuzz";

std::string sealed(std::string_view payload) {
  std::string value(1, static_cast<char>(records::version));
  const auto sum = static_cast<std::uint32_t>(XXH3_64bits(payload.data(), payload.size()));
  for (unsigned i = 0; i < 4; ++i) value.push_back(static_cast<char>(sum >> (8 * i)));
  return value.append(payload);
}

/// A definition with so many actions, one of them with this key.
model::definition_ptr definition_for(const records::state_record& record) {
  workflow_spec spec;
  spec.id = "w";
  spec.name = "w";
  for (std::size_t a = 0; a < record.action_count; ++a) {
    action_spec action;
    action.key = "a" + std::to_string(a);
    action.type = "noop";
    if (a == record.state.failed_action) action.key = record.failed_key;
    spec.actions.push_back(std::move(action));
  }
  return model::compile(std::move(spec));
}

bool same(const model::workflow_state& a, const model::workflow_state& b) {
  if (a.actions.size() != b.actions.size()) return false;
  for (std::size_t i = 0; i < a.actions.size(); ++i) {
    if (!a.actions[i].same_record(b.actions[i])) return false;
  }
  return a.status == b.status && a.seq == b.seq && a.created_at_ms == b.created_at_ms &&
         a.updated_at_ms == b.updated_at_ms && a.started_at_ms == b.started_at_ms &&
         a.closed_at_ms == b.closed_at_ms && a.deadline_at_ms == b.deadline_at_ms &&
         a.failed_action == b.failed_action && a.reason == b.reason && a.terms_seq == b.terms_seq &&
         a.counts == b.counts;
}

void try_state(std::string_view value) {
  const auto read = records::decode_state(key, value);
  // Beyond one page a state is encoded with all its actions, which one value does not have.
  if (!read || read->action_count > records::page_actions) return;
  const auto def = definition_for(*read);
  std::string encoded;
  records::encode_state(*def, read->state, encoded);
  const auto again = records::decode_state(key, encoded);
  require(again.has_value());
  require(again->action_count == read->action_count);
  require(same(again->state, read->state));
}

void try_page(std::string_view value) {
  records::state_record header;
  header.action_count = records::page_actions + 5;
  header.state.seq = 1'000;
  header.state.created_at_ms = 1'700'000'000'000;
  std::vector<model::action_state> actions;
  if (!records::decode_page(key, value, 1, header, actions)) return;
  require(actions.size() == 5);
  model::workflow_state state = header.state;
  state.actions.resize(records::page_actions);
  state.actions.insert(state.actions.end(), actions.begin(), actions.end());
  std::string encoded;
  records::encode_page(state, 1, encoded);
  std::vector<model::action_state> again;
  require(records::decode_page(key, encoded, 1, header, again).has_value());
  require(again.size() == actions.size());
  for (std::size_t a = 0; a < again.size(); ++a) require(again[a].same_record(actions[a]));
}

void try_definition(std::string_view value) {
  const auto head = records::decode_spec_head(key, "w", value);
  const auto read = records::decode_definition(key, "w", value);
  if (!read) return;
  require(head.has_value());
  require(head->name == read->name && head->deadline == read->deadline);
  // Only a definition that validation let through is ever encoded.
  handler_registry types;
  for (const auto& action : (*read).actions) {
    types.add(action.type, [](const action_context&) { return outcome::success(); });
  }
  if ((*read).actions.size() > 64 || !model::validate(*read, types, limits{}).empty()) return;
  const auto def = model::compile(*read);
  std::string encoded;
  records::encode_definition(*def, encoded);
  const auto again = records::decode_definition(key, "w", encoded);
  require(again.has_value() && *again == *read);
}

void try_history(std::string_view value) {
  std::vector<storage::read_store::stored_event> events;
  if (!records::decode_history(key, 7, value, events)) return;
  require(!events.empty());
  std::vector<model::event> plain;
  for (std::size_t i = 0; i < events.size(); ++i) {
    require(events[i].seq == 7 + i);
    plain.push_back(events[i].event);
  }
  std::string encoded;
  std::vector<storage::read_store::stored_event> again;
  for (std::span<const model::event> rest(plain); !rest.empty();) {
    const auto taken = records::encode_history(rest, encoded);
    require(taken > 0 && taken <= rest.size());
    require(records::decode_history(key, 7 + again.size(), encoded, again).has_value());
    rest = rest.subspan(taken);
  }
  require(again.size() == events.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    require(again[i].seq == events[i].seq && again[i].event == events[i].event);
  }
}

void try_meta(std::string_view value) {
  std::string encoded;
  if (const auto number = records::decode_number(key, value)) {
    records::encode_number(*number, encoded);
    require(*records::decode_number(key, encoded) == *number);
  }
  if (const auto totals = records::decode_totals(key, value)) {
    records::encode_totals(*totals, encoded);
    require(*records::decode_totals(key, encoded) == *totals);
  }
  if (const auto bytes = records::decode_bytes(key, value)) {
    records::encode_bytes(*bytes, encoded);
    require(encoded == value);
  }
}

void try_listing(std::string_view value) {
  storage::list_entry read;
  records::decode_listing(value, read);
  require(value.starts_with(read.name) && read.name.find('\0') == std::string::npos);
  std::string encoded;
  records::encode_listing(read.name, model::index_class::active, read.lanes, encoded);
  storage::list_entry again;
  records::decode_listing(encoded, again);
  require(again.name == read.name && again.lanes == read.lanes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string value = data[0] % 2 == 0 ? sealed(bytes) : std::string(bytes);
  switch (data[0] / 2 % 6) {
    case 0:
      try_state(value);
      break;
    case 1:
      try_page(value);
      break;
    case 2:
      try_definition(value);
      break;
    case 3:
      try_history(value);
      break;
    case 4:
      try_listing(value);
      break;
    default:
      try_meta(value);
      break;
  }
  return 0;
}
