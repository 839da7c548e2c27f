#include "storage/backup.hpp"

#include <rocksdb/utilities/checkpoint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <system_error>

#include "model/failpoint.hpp"
#include "storage/data_dir.hpp"
#include "storage/owned_fd.hpp"
#include "storage/rocks_options.hpp"
#include "storage/rocks_reads.hpp"

namespace tenax::storage {

namespace fs = std::filesystem;

namespace {

std::string reason(int code) { return std::generic_category().message(code); }

error refused(const fs::path& target, const std::string& why) {
  return {errc::invalid_argument, "backup " + target.string() + ": " + why};
}
error failed(const fs::path& target, const std::string& why) {
  return {errc::storage_unavailable, "backup " + target.string() + ": " + why};
}

/// The copy while it is made. Removed at the end unless it has got its name.
class partial_copy {
 public:
  explicit partial_copy(const fs::path& target) {
    auto pattern = target.string() + ".partial-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;  // mode 0700
  }
  ~partial_copy() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  partial_copy(const partial_copy&) = delete;
  partial_copy& operator=(const partial_copy&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }
  void keep() noexcept { path_.clear(); }

 private:
  fs::path path_;
};

result<void> check_target(const fs::path& target, const fs::path& data_dir) {
  std::error_code none;
  const auto parent = target.parent_path();
  if (!fs::is_directory(parent, none)) {
    return refused(target, "there is no directory " + parent.string());
  }
  const auto status = fs::symlink_status(target, none);
  if (fs::exists(status)) {
    if (!fs::is_directory(status)) return refused(target, "it exists and is not a directory");
    const bool empty = fs::is_empty(target, none);
    if (none) return refused(target, none.message());
    if (!empty) return refused(target, "it exists and is not empty");
  }
  for (auto at = target;; at = at.parent_path()) {
    if (fs::equivalent(at, data_dir, none)) {
      return refused(target, "it is inside the data directory " + data_dir.string());
    }
    if (at == at.parent_path()) return {};
  }
}

/// The number of the last write in the copy: it is read as a whole once, so that what cannot be
/// opened is no backup.
result<std::uint64_t> last_write_of(const fs::path& database, const fs::path& target) {
  auto options = reader_options(nullptr);
  options.max_open_files = 64;  // it may be large
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly(options, database.string(), &opened);
  if (!status.ok()) return open_error(target, status);
  const std::unique_ptr<rocksdb::DB> db(opened);
  const auto format = rocks_reads(*db).check_format(target);
  const auto number = db->GetLatestSequenceNumber();
  db->Close().PermitUncheckedError();
  if (!format) return format.error();
  return number;
}

bool sync(const fs::path& path) {
  const owned_fd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  return fd.get() >= 0 && ::fsync(fd.get()) == 0;
}

/// Files first, then the directory that names them. RocksDB syncs what it copies, but a log that it
/// links may never have been synced.
result<void> close_and_sync(const fs::path& dir, const fs::path& target) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(dir, none)) {
    if (!entry.is_regular_file(none)) continue;
    const bool done = ::chmod(entry.path().c_str(), 0600) == 0 && sync(entry.path());
    if (!done) return failed(target, "cannot sync " + entry.path().string() + ": " + reason(errno));
  }
  if (!none && ::chmod(dir.c_str(), 0700) == 0 && sync(dir)) return {};
  return failed(target, "cannot sync " + dir.string() + ": " + reason(none ? none.value() : errno));
}

}  // namespace

result<void> make_backup(rocksdb::DB& db, const fs::path& data_dir, const fs::path& given) {
  const auto written = db.GetLatestSequenceNumber();
  const auto target = full_path(given);
  if (auto usable = check_target(target, data_dir); !usable) return usable;
  partial_copy copy(target);
  if (copy.path().empty()) {
    return refused(target, "cannot write beside it: " + reason(errno));
  }
  // Not under the name db: a copy that is cut off here is no data directory.
  const auto half = copy.path() / "db.partial";
  rocksdb::Checkpoint* made = nullptr;
  auto status = rocksdb::Checkpoint::Create(&db, &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // With the logs as they are instead of a flush, whose failure would stop the live database.
  if (status.ok()) {
    status = checkpoint->CreateCheckpoint(half.string(), std::numeric_limits<std::uint64_t>::max());
  }
  if (!status.ok()) return failed(target, status.ToString());
  if (TENAX_FAILPOINT("backup.mid")) return failed(target, "fail point");
  const auto last = last_write_of(half, target);
  if (!last) return last.error();
  if (*last < written) {
    return error{errc::corrupt, "backup " + target.string() + ": its last write is " +
                                    std::to_string(*last) + ", not " + std::to_string(written)};
  }
  if (!record_last_write(copy.path(), *last)) {
    return failed(target, "cannot write its last_write: " + reason(errno));
  }
  if (auto synced = close_and_sync(half, target); !synced) return synced;
  if (std::rename(half.c_str(), database_dir(copy.path()).c_str()) != 0) {
    return failed(target, "cannot rename its database: " + reason(errno));
  }
  if (auto synced = close_and_sync(copy.path(), target); !synced) return synced;
  if (std::rename(copy.path().c_str(), target.c_str()) != 0) {
    return refused(target, "cannot get its name: " + reason(errno));
  }
  copy.keep();
  if (!sync(target.parent_path())) {
    return failed(target, "it is there, but a power loss may take its name: " + reason(errno));
  }
  return {};
}

}  // namespace tenax::storage
