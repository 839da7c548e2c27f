// backup.hpp - a copy of a live database as a data directory of its own.
// Depends on storage/store.hpp, storage/data_dir.hpp and RocksDB. Thread safe.
#pragma once

#include <rocksdb/db.h>

#include <filesystem>

#include "tenax/result.hpp"

namespace tenax::storage {

/// Makes `target`, which is absent or an empty directory, a data directory (mode 0700, files 0600,
/// all synced) with everything that was written to `db` before the call. Made under another name
/// beside it (TARGET.partial-XXXXXX, its database not under the name that makes it one) and renamed
/// at the end. On the same file system tables are hard links. The live database is not flushed or
/// otherwise disturbed.
/// Errors: invalid_argument (target: nothing happened); storage_unavailable (reading or writing
/// failed; nothing is left at `target` unless the message says so); corrupt (the copy does not read
/// as it should; nothing is left).
[[nodiscard]] result<void> make_backup(rocksdb::DB& db, const std::filesystem::path& data_dir,
                                       const std::filesystem::path& target);

}  // namespace tenax::storage
