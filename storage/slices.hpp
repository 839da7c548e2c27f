// slices.hpp - bytes as RocksDB names them, and back. Depends on std and RocksDB; pure.
#pragma once

#include <rocksdb/slice.h>

#include <string_view>

namespace tenax::storage {

inline rocksdb::Slice slice(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view view(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

}  // namespace tenax::storage
