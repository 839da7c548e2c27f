// upgrade.hpp - brings a database to this program's format, and to the indexes that its engine
// needs. Depends on storage/ and RocksDB. For whoever has the database open for writing, before its
// first use.
#pragma once

#include <rocksdb/db.h>

#include "storage/rocks_reads.hpp"

namespace tenax::storage {

/// From format 3: makes the indexes Q and R, from one pass over all workflows. From 3 and 4: says
/// what there is of N. The caller writes the new format number after it, with a sync, which covers
/// this. One that was cut short is begun again. Errors: corrupt, storage_unavailable.
[[nodiscard]] result<void> upgrade(rocksdb::DB& db, const rocks_reads& reads,
                                   std::uint64_t from_format);

/// Makes or removes the index of what has ended, as wanted. Returns whether all of it is there: the
/// caller says so in the meta row (complete, or none), with a sync, before it writes anything else.
/// One that was cut short is begun again by the next. Making it looks at each workflow that has
/// ended. Errors: corrupt, storage_unavailable.
[[nodiscard]] result<bool> prepare_ends(rocksdb::DB& db, const rocks_reads& reads,
                                        ends_index wanted);

}  // namespace tenax::storage
