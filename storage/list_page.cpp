// list_page: one page of the listing, with filters, in the order of submission.
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "model/documents/base64.hpp"
#include "storage/views.hpp"

namespace tenax::storage {

namespace {

using model::index_class;

constexpr std::size_t limit_max = 1'000;
constexpr std::size_t entries_per_read = 500;
constexpr std::size_t entries_per_page_max = 10'000;

/// The classes that can hold workflows of a status.
std::vector<index_class> classes_of(std::optional<workflow_status> status) {
  if (!status) {
    return {index_class::active, index_class::parked, index_class::completed, index_class::failed,
            index_class::cancelled};
  }
  switch (*status) {
    case workflow_status::completed:
      return {index_class::completed};
    case workflow_status::failed:
      return {index_class::failed};
    case workflow_status::cancelled:
      return {index_class::cancelled};
    case workflow_status::pending:
    case workflow_status::in_progress:
      break;
  }
  return {index_class::active, index_class::parked};
}

/// The entry after which a page begins. As a token: base64 of [check u32][created_at_ms i64][id],
/// where the check covers the query's filters too.
struct position {
  time_ms created_at_ms = std::numeric_limits<time_ms>::min();
  std::string id;
};

std::uint32_t check_of(const list_query& query, std::string_view payload) {
  std::string all(payload);
  const auto add = [&all](const auto& field) {
    all.push_back(field ? '+' : '-');
    if (field) all.append(reinterpret_cast<const char*>(&*field), sizeof *field);
  };
  add(query.status);
  add(query.from);
  add(query.until);
  all.push_back(query.name ? '+' : '-');
  if (query.name) all.append(*query.name);
  return static_cast<std::uint32_t>(XXH3_64bits(all.data(), all.size()));
}

std::string to_token(const list_query& query, const position& last) {
  std::string payload(sizeof(time_ms), '\0');
  std::memcpy(payload.data(), &last.created_at_ms, sizeof(time_ms));
  payload.append(last.id);
  const std::uint32_t check = check_of(query, payload);
  std::string bytes(sizeof check, '\0');
  std::memcpy(bytes.data(), &check, sizeof check);
  return model::encode_base64(bytes.append(payload));
}

result<position> from_token(const list_query& query) {
  position at;
  if (query.page_token.empty()) return at;
  const auto bytes = model::decode_base64(query.page_token);
  std::uint32_t check = 0;
  if (bytes && bytes->size() > sizeof check + sizeof(time_ms)) {
    std::memcpy(&check, bytes->data(), sizeof check);
    const auto payload = std::string_view(*bytes).substr(sizeof check);
    if (check == check_of(query, payload)) {
      std::memcpy(&at.created_at_ms, payload.data(), sizeof(time_ms));
      at.id = payload.substr(sizeof(time_ms));
      return at;
    }
  }
  return error{errc::invalid_argument, "page_token is not one of this query"};
}

/// Adds the workflow if it matches.
result<void> add_match(const read_store& store, const list_query& query, const list_entry& entry,
                       page<workflow_summary>& out) {
  if (query.name && entry.name != *query.name) return {};
  const auto header = store.load_header(entry.workflow_id);
  if (!header && header.error().code() == errc::not_found) return {};  // removed meanwhile
  if (!header) return header.error();
  if (query.status && header->state.status != *query.status) return {};
  out.items.push_back(to_summary(*header));
  return {};
}

}  // namespace

result<page<workflow_summary>> list_page(const read_store& store, const list_query& query) {
  if (query.limit < 1 || query.limit > limit_max) {
    return error{errc::invalid_argument, "limit must be 1.." + std::to_string(limit_max) +
                                             ", it is " + std::to_string(query.limit)};
  }
  auto at = from_token(query);
  if (!at) return at.error();
  if (query.from && at->created_at_ms < query.from->time_since_epoch().count()) {
    *at = {query.from->time_since_epoch().count(), {}};
  }
  const auto classes = classes_of(query.status);
  page<workflow_summary> out;
  // Without a filter that entries can fail, no more are read than the page takes, and one.
  const bool filtered = query.name || query.status;
  const std::size_t per_read =
      filtered ? entries_per_read : std::min(entries_per_read, query.limit + 1);
  for (std::size_t scanned = 0;;) {
    // No id holds \x01, so this is after the entry and before any longer id.
    const std::string from_id = at->id.empty() ? "" : at->id + '\x01';
    const auto entries = store.list_merged(classes, at->created_at_ms, from_id, per_read);
    if (!entries) return entries.error();
    for (const auto& entry : *entries) {
      if (query.until && entry.created_at_ms >= query.until->time_since_epoch().count()) return out;
      if (out.items.size() == query.limit || scanned == entries_per_page_max) {
        out.next_page_token = to_token(query, *at);
        return out;
      }
      ++scanned;
      if (auto added = add_match(store, query, entry, out); !added) return added.error();
      *at = {entry.created_at_ms, entry.workflow_id};
    }
    if (entries->size() < per_read) return out;
  }
}

}  // namespace tenax::storage
