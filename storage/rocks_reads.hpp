// rocks_reads.hpp - every read of the store, on a RocksDB handle that someone else owns.
// Depends on storage/ and RocksDB. Const, thread safe.
#pragma once

#include <rocksdb/db.h>

#include <array>
#include <memory>
#include <string>

#include "storage/meta_names.hpp"
#include "storage/records.hpp"
#include "storage/rows.hpp"
#include "storage/scan_gaps.hpp"
#include "storage/store.hpp"

namespace tenax::storage {

/// A key of the due index for each group.
using due_bounds = std::array<std::string, 2>;

class rocks_reads {
 public:
  /// Functions as in read_store. `db` must outlive this.
  explicit rocks_reads(rocksdb::DB& db) : db_(db) {}

  /// What scans of the indexes have found deleted: the writer of `db` tells it what it puts, or
  /// whoever follows one clears it.
  [[nodiscard]] scan_gaps& gaps() const noexcept { return gaps_; }

  [[nodiscard]] bool exists(std::string_view id) const;
  [[nodiscard]] result<loaded_workflow> load(std::string_view id) const;
  [[nodiscard]] result<workflow_spec> load_spec(std::string_view id) const;
  [[nodiscard]] result<read_store::header> load_header(std::string_view id) const;
  /// When it ended; of its rows the first alone is looked at. Errors as of load_header.
  [[nodiscard]] result<time_ms> load_closed_at(std::string_view id) const;
  [[nodiscard]] result<std::vector<read_store::stored_event>> history(std::string_view id,
                                                                      std::uint64_t after,
                                                                      std::size_t limit) const;
  [[nodiscard]] result<std::string> load_result(std::string_view id, std::uint64_t seq) const;
  [[nodiscard]] std::unique_ptr<result_cursor> results_of(std::string_view id) const;
  /// Keys of [from, until) in the due index. `first` becomes the first key seen, or `until`.
  [[nodiscard]] result<std::vector<due_entry>> due(std::string_view from, std::string_view until,
                                                   std::size_t limit, std::string& first) const;
  /// `with_snapshot` as in `rows`.
  [[nodiscard]] result<std::vector<list_entry>> list(const list_source& source,
                                                     const list_place& from, std::size_t limit,
                                                     bool with_snapshot) const;
  [[nodiscard]] result<std::vector<ended_entry>> ended(model::index_class c, std::size_t limit,
                                                       bool with_snapshot) const;
  /// Secondary instances know no snapshots; they stand still between two refreshes.
  [[nodiscard]] std::unique_ptr<row_snapshot> rows(std::string end, bool with_snapshot) const;

  /// Meta rows; nothing when there is no such row.
  [[nodiscard]] result<std::optional<std::uint64_t>> number(std::string_view meta_name) const;
  [[nodiscard]] result<totals> read_totals() const;
  /// Nothing: N is empty.
  [[nodiscard]] result<std::optional<ends_state>> read_ends_state() const;
  /// The persisted lower bounds of the due index, by group: a key, or "".
  [[nodiscard]] result<due_bounds> read_due_bounds() const;
  /// Error unless this program can open the database: format_too_new, data_dir_unusable (too old),
  /// or corrupt when it has no format. An older one than format_version must be upgraded before it
  /// is read. Nothing: the database is empty.
  [[nodiscard]] result<std::optional<std::uint64_t>> check_format(
      const std::filesystem::path& dir) const;

 private:
  [[nodiscard]] result<loaded_workflow> load_pages(std::string_view id) const;
  [[nodiscard]] result<records::state_record> read_state(std::string_view id, std::string& key,
                                                         rocksdb::PinnableSlice& value) const;
  [[nodiscard]] result<void> read_definition(std::string_view id, std::string& key,
                                             rocksdb::PinnableSlice& value) const;
  [[nodiscard]] result<std::optional<std::string>> get(std::string_view key) const;
  [[nodiscard]] std::unique_ptr<rocksdb::Iterator> iterate(const rocksdb::Slice& lower,
                                                           const rocksdb::Slice& upper) const;
  rocksdb::DB& db_;
  mutable scan_gaps gaps_;
};

}  // namespace tenax::storage
