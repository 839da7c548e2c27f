// upgrade.hpp - brings a database of an older format to this program's.
// Depends on storage/ and RocksDB. For whoever has the database open for writing, before its first
// use.
#pragma once

#include <rocksdb/db.h>

#include "storage/rocks_reads.hpp"

namespace tenax::storage {

/// From format 3: makes the indexes that it does not have, from one pass over all workflows. The
/// caller writes the new format number after it, with a sync, which covers this. One that was cut
/// short is begun again. Errors: corrupt, storage_unavailable.
[[nodiscard]] result<void> upgrade(rocksdb::DB& db, const rocks_reads& reads);

}  // namespace tenax::storage
