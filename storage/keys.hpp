// keys.hpp - every key in the database: kinds, encoders, strict decoders. The byte order of encoded
// keys is the order of their tuples. docs/storage-format.md is the prose.
// Depends on storage/store.hpp only. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.hpp"

namespace tenax::storage::keys {

/// The partition that an embedded engine has.
inline constexpr std::uint16_t partition = 0;
/// Partition and kind, with which every key begins.
inline constexpr std::size_t kind_bytes = sizeof(partition) + 1;
inline constexpr std::size_t id_bytes_max = 128;

/// The byte after the partition. Never reused. Workflows come first: then what is written at a
/// time, the newest workflows and the ends of the indexes, is one range without the old workflows,
/// and RocksDB's compactions leave those alone.
enum class kind : std::uint8_t {
  workflow = 'I',   ///< an instance: id, record tag, number => record
  listing = 'L',    ///< class, created_at_ms, id => name
  meta = 'M',       ///< name => value
  ended = 'N',      ///< class, closed_at_ms, created_at_ms, id => nothing
  undecided = 'Q',  ///< created_at_ms, id => nothing
  reference = 'R',  ///< hash of the reference, created_at_ms, id => nothing
  due = 'T',        ///< starts: at_ms, timer kind, id, action => nothing
  deadline = 'U',   ///< deadlines, the same: found without passing the starts before them
};

/// The rows of one workflow, in key order. Numbers are stored: never reused.
enum class record_tag : std::uint8_t {
  state = 1,       ///< header and the first page of actions
  page = 2,        ///< number: the page, from 1
  definition = 3,  ///< the spec
  history = 4,     ///< number: seq of the row's first event
};
/// What `load` reads ends before this tag.
inline constexpr record_tag load_end = record_tag::history;

// --- encoders: each replaces `out` ---
void state(std::string& out, std::string_view id);
void page(std::string& out, std::string_view id, std::uint32_t number);
void definition(std::string& out, std::string_view id);
void history(std::string& out, std::string_view id, std::uint64_t first_seq);
/// The first possible key of a workflow's rows from `tag` on.
void workflow_from(std::string& out, std::string_view id, record_tag tag);
/// Greater than every key of the workflow, smaller than every key of the next one.
void workflow_end(std::string& out, std::string_view id);
void due(std::string& out, const due_entry& entry);
void due(std::string& out, time_ms at_ms, timer_kind kind, std::string_view id,
         model::action_index action);
/// Any tuple can be a bound, also one that is no valid entry (e.g. timer kind 0).
void due_bound(std::string& out, timer_group group, const due_entry& bound);
[[nodiscard]] constexpr kind due_kind(timer_group g) noexcept {
  return g == timer_group::start ? kind::due : kind::deadline;
}
void listing(std::string& out, model::index_class c, time_ms created_at_ms, std::string_view id);
void ended(std::string& out, const ended_entry& entry);
void undecided(std::string& out, time_ms created_at_ms, std::string_view id);
/// Of any length, so that the index holds a hash of it: who looks compares.
[[nodiscard]] std::uint64_t reference_hash(std::string_view reference) noexcept;
void reference_head(std::string& out, std::uint64_t hash);
void reference(std::string& out, std::uint64_t hash, time_ms created_at_ms, std::string_view id);
[[nodiscard]] std::string meta(std::string_view name);
/// [kind_begin, kind_end) holds all keys of a kind.
[[nodiscard]] std::string kind_begin(kind k);
[[nodiscard]] std::string kind_end(kind k);

// --- decoders: nothing unless the key is exactly what an encoder makes ---
struct workflow_key {
  std::string_view id;  ///< into the key
  record_tag tag{};
  std::uint64_t number = 0;
  bool operator==(const workflow_key&) const = default;
};
[[nodiscard]] std::optional<kind> decode_kind(std::string_view key) noexcept;
[[nodiscard]] std::optional<workflow_key> decode_workflow(std::string_view key) noexcept;
[[nodiscard]] std::optional<due_entry> decode_due(std::string_view key);
/// Without the name, which is the value.
[[nodiscard]] std::optional<list_entry> decode_listing(std::string_view key);
[[nodiscard]] std::optional<ended_entry> decode_ended(std::string_view key);
/// An entry of undecided or reference.
struct index_entry {
  std::uint64_t hash = 0;  ///< undecided: 0
  time_ms created_at_ms = 0;
  std::string workflow_id;
};
[[nodiscard]] std::optional<index_entry> decode_index(std::string_view key);

/// A key for messages: printable, other bytes as \xNN.
[[nodiscard]] std::string printable(std::string_view key);

}  // namespace tenax::storage::keys
