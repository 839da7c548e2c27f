#include "storage/upgrade.hpp"

#include <rocksdb/convenience.h>
#include <rocksdb/write_batch.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/records.hpp"
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

/// Of tables that hold nothing else, the files; row by row only what is left.
result<void> clear(rocksdb::DB& db, keys::kind k, piecewise& out) {
  const auto begin = keys::kind_begin(k);
  const auto end = keys::kind_end(k);
  const rocksdb::Slice lower(begin);
  const rocksdb::Slice upper(end);
  const auto dropped =
      rocksdb::DeleteFilesInRange(&db, db.DefaultColumnFamily(), &lower, &upper, false);
  if (!dropped.ok()) return read_error(dropped);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(options));
  for (it->Seek(lower); it->Valid(); it->Next()) {
    if (auto removed = out.remove(it->key()); !removed) return removed;
  }
  return it->status().ok() ? result<void>() : read_error(it->status());
}

/// Calls `add` with each workflow of the class, in the order of the listing.
template <class Add>
result<void> each_listed(const rocks_reads& reads, model::index_class c, Add&& add) {
  constexpr std::size_t entries_per_read = 1'000;
  list_place from{std::numeric_limits<time_ms>::min(), {}, false};
  for (bool more = true; more;) {
    const auto listed =
        reads.list({list_source::kind::classes, {c}, {}}, from, entries_per_read, true);
    if (!listed) return listed.error();
    for (const auto& entry : *listed) {
      if (auto added = add(entry); !added) return added;
      from.created_at_ms = entry.created_at_ms;
      from.workflow_id = entry.workflow_id + '\0';
    }
    more = listed->size() == entries_per_read;
  }
  return {};
}

/// What `read` says; nothing of one whose rows fail their checks, which stays as it is, without
/// entries (`verify` names it): the others go on.
template <class Read>
auto unless_broken(const Read& read) -> result<std::optional<std::decay_t<decltype(*read())>>> {
  using found = std::optional<std::decay_t<decltype(*read())>>;
  const auto broken = [](const auto& r) {
    return !r && (r.error().code() == errc::corrupt || r.error().code() == errc::not_found);
  };
  auto got = read();
  if (broken(got)) got = read();  // of the way from the disk?
  if (broken(got)) return found();
  if (!got) return got.error();
  return found(std::move(*got));
}

result<void> put_ends_state(rocksdb::DB& db, ends_state state) {
  std::string value;
  records::encode_number(static_cast<std::uint64_t>(state), value);
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = db.Put(options, keys::meta(meta_names::ends), value);
  return status.ok() ? result<void>() : read_error(status);
}

result<void> make_ends(const rocks_reads& reads, piecewise& out) {
  std::string key;
  for (std::uint8_t n = 0; n <= model::index_class_max; ++n) {
    const auto c = static_cast<model::index_class>(n);
    if (is_open(c)) continue;
    auto made = each_listed(reads, c, [&](const list_entry& entry) -> result<void> {
      const auto closed_at_ms =
          unless_broken([&] { return reads.load_closed_at(entry.workflow_id); });
      if (!closed_at_ms) return closed_at_ms.error();
      if (!*closed_at_ms) return {};
      keys::ended(key, {c, **closed_at_ms, entry.created_at_ms, entry.workflow_id});
      return out.put(key);
    });
    if (!made) return made;
  }
  return {};
}

}  // namespace

result<void> upgrade(rocksdb::DB& db, const rocks_reads& reads, std::uint64_t from_format) {
  // Before any row of N changes: what is there says more than the format.
  if (const auto ends = reads.read_ends_state(); !ends || !*ends) {
    if (!ends) return ends.error();
    auto put = put_ends_state(
        db, from_format == format_with_all_ends ? ends_state::complete : ends_state::partial);
    if (!put) return put;
  }
  if (from_format == format_with_all_ends) return {};
  piecewise out(db);
  for (const auto k : {keys::kind::undecided, keys::kind::reference}) {
    // What a program that does not know the index has left of one that was begun.
    if (auto cleared = clear(db, k, out); !cleared) return cleared;
  }
  for (std::uint8_t c = 0; c <= model::index_class_max; ++c) {
    auto made = each_listed(reads, static_cast<model::index_class>(c), [&](const auto& entry) {
      const auto header = unless_broken([&] { return reads.load_header(entry.workflow_id); });
      if (!header) return result<void>(header.error());
      if (!*header) return result<void>();
      const auto& h = **header;
      for (const auto& key : index_keys(entry.workflow_id, h.state, h.head.reference, false)) {
        if (auto put = out.put(key); !put) return put;
      }
      return result<void>();
    });
    if (!made) return made;
  }
  return out.flush();
}

result<bool> prepare_ends(rocksdb::DB& db, const rocks_reads& reads, ends_index wanted) {
  const auto found = reads.read_ends_state();
  if (!found) return found.error();
  if (*found == ends_state::complete && wanted != ends_index::dropped) return true;
  const bool keep = wanted == ends_index::kept;
  if (!*found && !keep) return false;
  if (auto put = put_ends_state(db, ends_state::partial); !put) return put.error();
  piecewise out(db);
  if (*found) {
    if (auto cleared = clear(db, keys::kind::ended, out); !cleared) return cleared.error();
  }
  if (keep) {
    if (auto made = make_ends(reads, out); !made) return made.error();
  }
  if (auto flushed = out.flush(); !flushed) return flushed.error();
  return keep;
}

}  // namespace tenax::storage
