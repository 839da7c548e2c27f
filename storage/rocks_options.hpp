// rocks_options.hpp - how RocksDB is set up, how it is closed, and what its errors mean for
// us. Depends on storage/store.hpp and RocksDB. Pure functions, but for rocks_statics. Thread safe.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <atomic>
#include <memory>

#include "storage/store.hpp"

namespace tenax::storage {

/// RocksDB makes statics of its own as the first database of a kind (`Owner`) opens. At the
/// program's exit they go before an owner that is older and static, and closing the database
/// without them aborts: it is then left as by a kill, with everything acknowledged on disk.
template <class Owner>
class rocks_statics {
 public:
  /// After a successful open.
  static void note_open() { static const rocks_statics last; }
  static void close(std::unique_ptr<rocksdb::DB>& db) {
    if (gone_) {
      (void)db.release();
    } else if (db) {
      db->Close().PermitUncheckedError();
      db.reset();
    }
  }
  rocks_statics(const rocks_statics&) = delete;
  rocks_statics& operator=(const rocks_statics&) = delete;
  ~rocks_statics() { gone_ = true; }

 private:
  rocks_statics() = default;
  static inline std::atomic<bool> gone_{false};  // outlives all statics that have a destructor
};

[[nodiscard]] rocksdb::Options writer_options(const store_options& opts);
[[nodiscard]] rocksdb::Options reader_options(rocksdb::Env* env);

/// A failed read: corrupt or storage_unavailable.
[[nodiscard]] error read_error(const rocksdb::Status& status);
/// A failed open: corrupt or data_dir_unusable, naming the path.
[[nodiscard]] error open_error(const std::filesystem::path& dir, const rocksdb::Status& status);

}  // namespace tenax::storage
