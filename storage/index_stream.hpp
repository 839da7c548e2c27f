// index_stream.hpp - one range of an index, entry by entry, in either direction, past whatever has
// been deleted there.
// Depends on storage/scan_gaps.hpp and RocksDB. Used by one thread; ends before its database.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/scan_gaps.hpp"
#include "tenax/result.hpp"

namespace tenax::storage {

class index_stream {
 public:
  struct how {
    const rocksdb::Snapshot* snapshot = nullptr;
    std::uint64_t seq = 0;  ///< of the snapshot
    bool newest_first = false;
  };
  /// The entries of [begin, end). `gaps` is of this scan.
  index_stream(rocksdb::DB& db, scan_gaps::scan& gaps, std::string begin, std::string end,
               how what);
  index_stream(const index_stream&) = delete;
  index_stream& operator=(const index_stream&) = delete;

  /// False at the end, and when reading failed.
  [[nodiscard]] bool valid() const { return it_->Valid(); }
  [[nodiscard]] std::string_view key() const;
  [[nodiscard]] std::string_view value() const;
  void next();
  [[nodiscard]] result<void> status() const;

 private:
  void open(std::uint64_t skip_max);
  void settle();
  void seek(const std::string& key);

  rocksdb::DB& db_;
  scan_gaps::scan& gaps_;
  const how how_;
  const std::string begin_;
  const std::string end_;
  const rocksdb::Slice lower_;
  const rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> it_;
  std::string passed_from_;  ///< no entry from here to where it stands, in its direction
};

}  // namespace tenax::storage
