// memory_disk.hpp - a file system in memory for RocksDB. Depends on std only. Thread safe.
#pragma once

#include <memory>

namespace tenax::testing {

/// A rocksdb::Env (for store_options::env). Must outlive the stores on it.
[[nodiscard]] std::shared_ptr<void> make_memory_disk();

}  // namespace tenax::testing
