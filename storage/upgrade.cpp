#include "storage/upgrade.hpp"

#include <rocksdb/write_batch.h>

#include <limits>
#include <string>
#include <string_view>

#include "storage/keys.hpp"
#include "storage/rocks_options.hpp"
#include "storage/verify_workflow.hpp"

namespace tenax::storage {

namespace {

constexpr std::size_t rows_per_write = 4'096;

/// Writes in pieces of a bounded size.
class piecewise {
 public:
  explicit piecewise(rocksdb::DB& db) : db_(db) {}
  result<void> put(std::string_view key) {
    batch_.Put({key.data(), key.size()}, {}).PermitUncheckedError();
    return full();
  }
  result<void> remove(const rocksdb::Slice& key) {
    batch_.Delete(key).PermitUncheckedError();
    return full();
  }
  result<void> flush() {
    const auto status = db_.Write({}, &batch_);
    batch_.Clear();
    return status.ok() ? result<void>() : read_error(status);
  }

 private:
  result<void> full() {
    if (static_cast<std::size_t>(batch_.Count()) < rows_per_write) return {};
    return flush();
  }
  rocksdb::DB& db_;
  rocksdb::WriteBatch batch_;
};

/// What a program that does not know the index has left of one that was begun.
result<void> clear(rocksdb::DB& db, keys::kind k, piecewise& out) {
  const auto end = keys::kind_end(k);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(options));
  for (it->Seek(keys::kind_begin(k)); it->Valid(); it->Next()) {
    if (auto removed = out.remove(it->key()); !removed) return removed;
  }
  return it->status().ok() ? result<void>() : read_error(it->status());
}

/// One whose rows fail their checks stays as it is, without entries (`verify` names it): the others
/// go on.
result<void> add_rows(const rocks_reads& reads, const list_entry& entry, piecewise& out) {
  const auto broken = [](const result<read_store::header>& h) {
    return !h && (h.error().code() == errc::corrupt || h.error().code() == errc::not_found);
  };
  auto header = reads.load_header(entry.workflow_id);
  if (broken(header)) header = reads.load_header(entry.workflow_id);  // of the way from the disk?
  if (broken(header)) return {};
  if (!header) return header.error();
  for (const auto& key : index_keys(entry.workflow_id, header->state, header->head.reference)) {
    if (auto put = out.put(key); !put) return put;
  }
  return {};
}

}  // namespace

result<void> upgrade(rocksdb::DB& db, const rocks_reads& reads) {
  piecewise out(db);
  for (const auto k : {keys::kind::ended, keys::kind::undecided, keys::kind::reference}) {
    if (auto cleared = clear(db, k, out); !cleared) return cleared;
  }
  constexpr std::size_t entries_per_read = 1'000;
  for (std::uint8_t c = 0; c <= model::index_class_max; ++c) {
    time_ms from_ms = std::numeric_limits<time_ms>::min();
    std::string from_id;
    for (bool more = true; more;) {
      const auto listed =
          reads.list({list_source::kind::classes, {static_cast<model::index_class>(c)}, {}},
                     {from_ms, from_id, false}, entries_per_read, true);
      if (!listed) return listed.error();
      for (const auto& entry : *listed) {
        if (auto added = add_rows(reads, entry, out); !added) return added;
        from_ms = entry.created_at_ms;
        from_id = entry.workflow_id + '\0';
      }
      more = listed->size() == entries_per_read;
    }
  }
  return out.flush();
}

}  // namespace tenax::storage
