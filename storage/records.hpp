// records.hpp - stored values: encoders and strict decoders. A stored value is
// [record version u8][xxh3 of the payload, low 32 bits, little endian][payload]; payloads are the
// messages of records.proto. Decoders check everything they read and answer `corrupt` with the key
// and what is wrong.
// Depends on storage/store.hpp only. Pure functions; encoders keep scratch memory per thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.hpp"

namespace tenax::storage::records {

inline constexpr std::uint8_t version = 1;
/// Of states and pages in which somebody has changed an action: a program that does not know that
/// would go on as though nobody had.
inline constexpr std::uint8_t version_with_changes = 2;
/// Actions per page; page 0 is in the state record.
inline constexpr std::uint32_t page_actions = 16;
/// A history row that exceeds this gets no further event.
inline constexpr std::size_t history_row_bytes = 64 * 1024;

[[nodiscard]] constexpr std::uint32_t page_of(model::action_index a) noexcept {
  return a / page_actions;
}
[[nodiscard]] constexpr std::uint32_t page_count(std::size_t actions) noexcept {
  return static_cast<std::uint32_t>((actions + page_actions - 1) / page_actions);
}

// --- encoders: each replaces `out` with a whole stored value ---
void encode_state(const model::definition& def, const model::workflow_state& state,
                  std::string& out);
/// Page 1 and on.
void encode_page(const model::workflow_state& state, std::uint32_t page, std::string& out);
void encode_definition(const model::definition& def, std::string& out);
/// As many of `events` (at least one) as belong into one row; returns how many.
std::size_t encode_history(std::span<const model::event> events, std::string& out);
void encode_number(std::uint64_t value, std::string& out);
void encode_totals(const totals& value, std::string& out);
/// Without record version and checksum. `lanes` is told of active workflows only.
void encode_listing(std::string_view name, model::index_class listed_as, model::lane_mask lanes,
                    std::string& out);
/// Any bytes.
void encode_bytes(std::string_view bytes, std::string& out);

// --- decoders: `key` is for messages only ---
struct state_record {
  /// The header, the counts, and the actions of page 0.
  model::workflow_state state;
  std::uint32_t action_count = 0;
  std::string failed_key;
};
[[nodiscard]] result<state_record> decode_state(std::string_view key, std::string_view value);
/// Appends the actions of `page` (1 and on) of the workflow with this header.
[[nodiscard]] result<void> decode_page(std::string_view key, std::string_view value,
                                       std::uint32_t page, const state_record& header,
                                       std::vector<model::action_state>& out);
[[nodiscard]] result<workflow_spec> decode_definition(std::string_view key, std::string_view id,
                                                      std::string_view value);
/// The spec without actions and input. Costs the same for any number of actions (but for the
/// checksum).
[[nodiscard]] result<workflow_spec> decode_spec_head(std::string_view key, std::string_view id,
                                                     std::string_view value);
/// Appends the row's events. Action indexes are not checked against a definition.
[[nodiscard]] result<void> decode_history(std::string_view key, std::uint64_t first_seq,
                                          std::string_view value,
                                          std::vector<read_store::stored_event>& out);
[[nodiscard]] result<std::uint64_t> decode_number(std::string_view key, std::string_view value);
[[nodiscard]] result<totals> decode_totals(std::string_view key, std::string_view value);
/// Sets name and lanes of `out`. Takes any bytes: what says nothing of lanes is of any.
void decode_listing(std::string_view value, list_entry& out);
/// A view into `value`.
[[nodiscard]] result<std::string_view> decode_bytes(std::string_view key, std::string_view value);

/// "corrupt: record at KEY: WHAT".
[[nodiscard]] error corrupt_at(std::string_view key, std::string_view what);

}  // namespace tenax::storage::records
