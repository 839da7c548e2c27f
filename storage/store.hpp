// store.hpp - what survives: the interface to the database of one engine. RocksDB is behind it.
// Depends on include/tenax and model only. Reads are thread safe and see what `write` has finished;
// `write` has one caller (the journal's writer).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/state.hpp"
#include "storage/write_batch.hpp"
#include "tenax/options.hpp"
#include "tenax/result.hpp"

namespace tenax::storage {

using model::time_ms;

/// Numbers are stored: never reused.
enum class timer_kind : std::uint8_t {
  retry = 1,
  schedule = 2,
  timer = 3,
  action_deadline = 4,
  workflow_deadline = 5,
  open_attempt = 6  ///< it is given up then
};
[[nodiscard]] std::string_view to_string(timer_kind k) noexcept;
/// The kind of timer that a phase with one has.
[[nodiscard]] timer_kind timer_of(model::phase p) noexcept;

/// The due index is two, one of what starts an action and one of what ends it: whoever looks for
/// deadlines does not pass all the starts that wait before them.
enum class timer_group : std::uint8_t { start, deadline };
[[nodiscard]] constexpr timer_group group_of(timer_kind k) noexcept {
  return k >= timer_kind::action_deadline ? timer_group::deadline : timer_group::start;
}

/// An entry of the due index. Within its group ordered by (at_ms, kind, workflow_id, action).
struct due_entry {
  time_ms at_ms = 0;
  timer_kind kind{};
  std::string workflow_id;
  model::action_index action = model::no_action;
  auto operator<=>(const due_entry&) const = default;
};

/// An entry of the listing index. Ordered by (listed_as, created_at_ms, workflow_id). Other sources
/// say no class, name and lanes.
struct list_entry {
  model::index_class listed_as{};
  time_ms created_at_ms = 0;
  std::string workflow_id;
  std::string name;
  /// Of what is ready or executing; any_lane where the entry does not say.
  model::lane_mask lanes = model::any_lane;
};

/// An entry of the index of what has ended. Ordered as its members: within a status by the end,
/// and what ended in the same millisecond by the submit.
struct ended_entry {
  model::index_class listed_as = model::index_class::completed;  ///< not an open one
  time_ms closed_at_ms = 0;
  time_ms created_at_ms = 0;
  std::string workflow_id;
  auto operator<=>(const ended_entry&) const = default;
};

/// What to list from.
struct list_source {
  enum class kind : std::uint8_t {
    classes,    ///< the listing, some classes of it
    undecided,  ///< open workflows with an action that waits for a decision
    reference,  ///< workflows with this reference, and a few with another one
  };
  kind what = kind::classes;
  std::vector<model::index_class> classes;
  std::string reference;
};

/// Where a listing begins: at the first entry that is not before it; newest first: at the last one
/// that is.
struct list_place {
  time_ms created_at_ms = 0;
  std::string workflow_id;
  bool newest_first = false;
};

struct loaded_workflow {
  model::definition_ptr definition;
  model::workflow_state state;
};

/// Reads results of one workflow in one pass over its rows. Used by one thread at a time; ends
/// before its store. While it lives, the store keeps old files that it may still need.
class result_cursor {
 public:
  virtual ~result_cursor() = default;
  /// As read_store::load_result. Costs a step where the result lies soon after the one before, a
  /// search elsewhere. Holds the events of one row.
  [[nodiscard]] virtual result<std::string> next(std::uint64_t seq) = 0;
};

/// What a read of a workflow costs: `exists` one Get, `load_header` two, `load` two or, beyond a
/// page of actions, one range scan.
class read_store {
 public:
  virtual ~read_store() = default;

  /// Also true when it cannot be told (the next read says why), so that nobody overwrites.
  [[nodiscard]] virtual bool exists(std::string_view id) const = 0;
  /// not_found, corrupt, storage_unavailable.
  [[nodiscard]] virtual result<loaded_workflow> load(std::string_view id) const = 0;
  [[nodiscard]] virtual result<workflow_spec> load_spec(std::string_view id) const = 0;
  /// The state without `actions` (counts are there), and the spec without actions and input.
  struct header {
    model::workflow_state state;
    workflow_spec head;
    std::string failed_key;  ///< of state.failed_action
  };
  [[nodiscard]] virtual result<header> load_header(std::string_view id) const = 0;
  /// Events with seq > after, at most `limit`, ascending. Results are in the events. not_found if
  /// there is no such workflow.
  struct stored_event {
    std::uint64_t seq = 0;
    model::event event;
  };
  [[nodiscard]] virtual result<std::vector<stored_event>> history(std::string_view id,
                                                                  std::uint64_t after,
                                                                  std::size_t limit) const = 0;
  /// The bytes in the action_completed, signal_received or input_changed event at `seq`.
  [[nodiscard]] virtual result<std::string> load_result(std::string_view id,
                                                        std::uint64_t seq) const = 0;
  /// For many results of a workflow, best in ascending order. Here: a look-up for each.
  [[nodiscard]] virtual std::unique_ptr<result_cursor> results_of(std::string_view id) const;
  /// Entries of one group at or after `from` with at_ms < `until_ms`. Deleted ones before the
  /// first that there is cost nothing: a scan from due_entry{} learns where that is.
  [[nodiscard]] virtual result<std::vector<due_entry>> due(timer_group group, const due_entry& from,
                                                           time_ms until_ms,
                                                           std::size_t limit) const = 0;
  /// Entries of one class at or after (from_ms, from_id).
  [[nodiscard]] result<std::vector<list_entry>> listed(model::index_class c, time_ms from_ms,
                                                       std::string_view from_id,
                                                       std::size_t limit) const {
    return list({list_source::kind::classes, {c}, {}}, {from_ms, std::string(from_id), false},
                limit);
  }
  /// Entries of a source as of one moment, ordered by (created_at_ms, workflow_id). Costs what it
  /// returns, whatever was deleted between them (but once, for whoever finds it so).
  [[nodiscard]] virtual result<std::vector<list_entry>> list(const list_source& source,
                                                             const list_place& from,
                                                             std::size_t limit) const = 0;
  /// Those of the class that have ended, first the first, at most `limit`. wrong_state where that
  /// index is not kept.
  [[nodiscard]] virtual result<std::vector<ended_entry>> ended(model::index_class c,
                                                               std::size_t limit) const = 0;
  [[nodiscard]] virtual totals current_totals() const = 0;
  [[nodiscard]] virtual std::uint64_t epoch() const = 0;
};

class store : public read_store {
 public:
  /// Writes all batches as one atomic write, in order, with the new totals. With durability::sync
  /// it is on disk when this returns. An error means that the outcome is unknown; never repeat the
  /// write. `epoch` smaller than the store's: refused, nothing written (error wrong_state).
  virtual result<void> write(std::uint64_t epoch,
                             const std::vector<const write_batch*>& batches) = 0;
  /// A data directory at `target` with everything that was written before the call; thread safe,
  /// beside `write` too. Errors as engine::backup.
  [[nodiscard]] virtual result<void> backup(const std::filesystem::path& target) const {
    return error{errc::wrong_state, "no backup of this store to " + target.string()};
  }
};

/// Appends to `out` everything that the change writes: definition (when it creates), state, changed
/// action pages, history rows, due and listing entries, totals, also what a store does not keep
/// (ends_index). `after` is the state after changes.events.
void encode_commit(const model::definition& def, const model::workflow_state& after,
                   const model::change_set& changes, write_batch& out);

/// The index of what has ended (read_store::ended) costs each end a row: who needs it, has it kept.
/// Where it was not, opening makes it, from a look at each workflow that has ended.
enum class ends_index : std::uint8_t { dropped, as_found, kept };

struct store_options {
  tenax::durability durability = tenax::durability::sync;
  ends_index ends = ends_index::dropped;
  std::size_t cache_bytes = 32u << 20;
  std::size_t write_buffer_bytes = 64u << 20;
  /// Tests put a simulated file system here (a rocksdb::Env, which must outlive the store); null:
  /// the machine's.
  void* env = nullptr;
};

/// Opens for writing, with the next epoch (durable before this returns). Errors as engine::open.
[[nodiscard]] result<std::unique_ptr<store>> open_store(const std::filesystem::path& dir,
                                                        const store_options& opts);
/// Opens for reading, beside a writer too; `refresh` catches up with it.
class reading_store : public read_store {
 public:
  virtual result<void> refresh() = 0;
};
[[nodiscard]] result<std::unique_ptr<reading_store>> open_reading_store(
    const std::filesystem::path& dir, void* env = nullptr);

}  // namespace tenax::storage
