// rocks_options.hpp - how RocksDB is set up, and what its errors mean for us.
// Depends on storage/store.hpp and RocksDB. Pure functions.
#pragma once

#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include "storage/store.hpp"

namespace tenax::storage {

[[nodiscard]] rocksdb::Options writer_options(const store_options& opts);
[[nodiscard]] rocksdb::Options reader_options(rocksdb::Env* env);

/// A failed read: corrupt or storage_unavailable.
[[nodiscard]] error read_error(const rocksdb::Status& status);
/// A failed open: corrupt or data_dir_unusable, naming the path.
[[nodiscard]] error open_error(const std::filesystem::path& dir, const rocksdb::Status& status);

}  // namespace tenax::storage
