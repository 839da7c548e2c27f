#include "storage/keys.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>

namespace tenax::storage::keys {

namespace {

template <class T>
void put_big_endian(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
  out.append(bytes.data(), bytes.size());
}

template <class T>
T get_big_endian(std::string_view bytes) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << 8) | static_cast<std::uint8_t>(bytes[i]));
  }
  return value;
}

// Times are signed; with the sign bit flipped their byte order is their order.
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
void put_time(std::string& out, time_ms at) {
  put_big_endian(out, static_cast<std::uint64_t>(at) ^ sign_bit);
}
time_ms get_time(std::string_view bytes) noexcept {
  return static_cast<time_ms>(get_big_endian<std::uint64_t>(bytes) ^ sign_bit);
}

constexpr std::size_t head_bytes = 3;
void put_head(std::string& out, kind k) {
  out.clear();
  put_big_endian(out, partition);
  out.push_back(static_cast<char>(k));
}

void put_workflow(std::string& out, std::string_view id, record_tag tag) {
  put_head(out, kind::workflow);
  out.append(id).push_back('\0');
  out.push_back(static_cast<char>(tag));
}

// No id holds a zero byte, so the zero byte after it keeps "a" before "a.b".
bool is_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= id_bytes_max &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '.' || c == '_' || c == ':' || c == '-';
         });
}

/// What follows the head of a key of kind `k`.
std::optional<std::string_view> body(std::string_view key, kind k) noexcept {
  if (decode_kind(key) != k) return std::nullopt;
  return key.substr(head_bytes);
}

}  // namespace

void state(std::string& out, std::string_view id) { put_workflow(out, id, record_tag::state); }

void page(std::string& out, std::string_view id, std::uint32_t number) {
  put_workflow(out, id, record_tag::page);
  put_big_endian(out, number);
}

void definition(std::string& out, std::string_view id) {
  put_workflow(out, id, record_tag::definition);
}

void history(std::string& out, std::string_view id, std::uint64_t first_seq) {
  put_workflow(out, id, record_tag::history);
  put_big_endian(out, first_seq);
}

void workflow_from(std::string& out, std::string_view id, record_tag tag) {
  put_workflow(out, id, tag);
}

void workflow_end(std::string& out, std::string_view id) {
  put_head(out, kind::workflow);
  out.append(id).push_back('\x01');
}

namespace {
void put_due(std::string& out, timer_group group, time_ms at_ms, timer_kind kind,
             std::string_view id, model::action_index action) {
  put_head(out, due_kind(group));
  put_time(out, at_ms);
  out.push_back(static_cast<char>(kind));
  out.append(id).push_back('\0');
  put_big_endian(out, action);
}
}  // namespace

void due(std::string& out, time_ms at_ms, timer_kind kind, std::string_view id,
         model::action_index action) {
  put_due(out, group_of(kind), at_ms, kind, id, action);
}

void due(std::string& out, const due_entry& entry) {
  due(out, entry.at_ms, entry.kind, entry.workflow_id, entry.action);
}

void due_bound(std::string& out, timer_group group, const due_entry& bound) {
  put_due(out, group, bound.at_ms, bound.kind, bound.workflow_id, bound.action);
}

void listing(std::string& out, model::index_class c, time_ms created_at_ms, std::string_view id) {
  put_head(out, kind::listing);
  out.push_back(static_cast<char>(c));
  put_time(out, created_at_ms);
  out.append(id);
}

void ended(std::string& out, const ended_entry& entry) {
  put_head(out, kind::ended);
  out.push_back(static_cast<char>(entry.listed_as));
  put_time(out, entry.closed_at_ms);
  put_time(out, entry.created_at_ms);
  out.append(entry.workflow_id);
}

void undecided(std::string& out, time_ms created_at_ms, std::string_view id) {
  put_head(out, kind::undecided);
  put_time(out, created_at_ms);
  out.append(id);
}

std::uint64_t reference_hash(std::string_view reference) noexcept {
  return XXH3_64bits(reference.data(), reference.size());
}

void reference_head(std::string& out, std::uint64_t hash) {
  put_head(out, kind::reference);
  put_big_endian(out, hash);
}

void reference(std::string& out, std::uint64_t hash, time_ms created_at_ms, std::string_view id) {
  reference_head(out, hash);
  put_time(out, created_at_ms);
  out.append(id);
}

std::string meta(std::string_view name) {
  std::string out;
  put_head(out, kind::meta);
  return out.append(name);
}

std::string kind_begin(kind k) {
  std::string out;
  put_head(out, k);
  return out;
}

std::string kind_end(kind k) {
  std::string out;
  put_head(out, static_cast<kind>(static_cast<std::uint8_t>(k) + 1));
  return out;
}

std::optional<kind> decode_kind(std::string_view key) noexcept {
  if (key.size() <= head_bytes || get_big_endian<std::uint16_t>(key) != partition) {
    return std::nullopt;
  }
  switch (const auto k = static_cast<kind>(key[2])) {
    case kind::listing:
    case kind::meta:
    case kind::ended:
    case kind::undecided:
    case kind::reference:
    case kind::due:
    case kind::deadline:
    case kind::workflow:
      return k;
  }
  return std::nullopt;
}

std::optional<workflow_key> decode_workflow(std::string_view key) noexcept {
  const auto rest = body(key, kind::workflow);
  if (!rest) return std::nullopt;
  const auto id_end = rest->find('\0');
  if (id_end == std::string_view::npos || !is_id(rest->substr(0, id_end))) return std::nullopt;
  const auto tail = rest->substr(id_end + 1);
  if (tail.empty()) return std::nullopt;
  workflow_key out{rest->substr(0, id_end), static_cast<record_tag>(tail[0]), 0};
  const auto number = tail.substr(1);
  switch (out.tag) {
    case record_tag::state:
    case record_tag::definition:
      if (!number.empty()) return std::nullopt;
      return out;
    case record_tag::page:
      if (number.size() != 4) return std::nullopt;
      out.number = get_big_endian<std::uint32_t>(number);
      if (out.number == 0) return std::nullopt;  // page 0 is in the state record
      return out;
    case record_tag::history:
      if (number.size() != 8) return std::nullopt;
      out.number = get_big_endian<std::uint64_t>(number);
      if (out.number == 0) return std::nullopt;
      return out;
  }
  return std::nullopt;
}

std::optional<due_entry> decode_due(std::string_view key) {
  const bool deadline = decode_kind(key) == kind::deadline;
  const auto rest = body(key, deadline ? kind::deadline : kind::due);
  if (!rest || rest->size() < 9 + 1 + 1 + 4) return std::nullopt;
  due_entry out;
  out.at_ms = get_time(*rest);
  out.kind = static_cast<timer_kind>((*rest)[8]);
  if (out.kind < timer_kind::retry || out.kind > timer_kind::open_attempt) return std::nullopt;
  if (deadline != (group_of(out.kind) == timer_group::deadline)) return std::nullopt;
  const auto id = rest->substr(9, rest->size() - 9 - 5);
  if (!is_id(id) || (*rest)[rest->size() - 5] != '\0') return std::nullopt;
  out.workflow_id = id;
  out.action = get_big_endian<std::uint32_t>(rest->substr(rest->size() - 4));
  const bool of_workflow = out.kind == timer_kind::workflow_deadline;
  if (of_workflow != (out.action == model::no_action)) return std::nullopt;
  return out;
}

std::optional<list_entry> decode_listing(std::string_view key) {
  const auto rest = body(key, kind::listing);
  if (!rest || rest->size() < 1 + 8 + 1) return std::nullopt;
  const auto c = static_cast<std::uint8_t>((*rest)[0]);
  const auto id = rest->substr(9);
  if (c > model::index_class_max || !is_id(id)) return std::nullopt;
  list_entry out;
  out.listed_as = static_cast<model::index_class>(c);
  out.created_at_ms = get_time(rest->substr(1));
  out.workflow_id = id;
  return out;
}

std::optional<ended_entry> decode_ended(std::string_view key) {
  const auto rest = body(key, kind::ended);
  if (!rest || rest->size() < 1 + 8 + 8 + 1) return std::nullopt;
  const auto c = static_cast<std::uint8_t>((*rest)[0]);
  const auto id = rest->substr(17);
  if (c > model::index_class_max || !is_id(id)) return std::nullopt;
  ended_entry out;
  out.listed_as = static_cast<model::index_class>(c);
  if (model::is_open(out.listed_as)) return std::nullopt;
  out.closed_at_ms = get_time(rest->substr(1));
  out.created_at_ms = get_time(rest->substr(9));
  out.workflow_id = id;
  return out;
}

std::optional<index_entry> decode_index(std::string_view key) {
  const auto k = decode_kind(key);
  if (k != kind::undecided && k != kind::reference) return std::nullopt;
  auto rest = key.substr(head_bytes);
  index_entry out;
  if (k == kind::reference) {
    if (rest.size() < 8) return std::nullopt;
    out.hash = get_big_endian<std::uint64_t>(rest);
    rest.remove_prefix(8);
  }
  if (rest.size() < 8 || !is_id(rest.substr(8))) return std::nullopt;
  out.created_at_ms = get_time(rest);
  out.workflow_id = rest.substr(8);
  return out;
}

std::string printable(std::string_view key) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : key) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      out.push_back(c);
    } else {
      out.append("\\x").push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
  }
  return out;
}

}  // namespace tenax::storage::keys
