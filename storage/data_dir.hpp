// data_dir.hpp - the directory around the database: who may use it, who has it open.
//   DIR/db          RocksDB's files (mode 0700)
//   DIR/lock        empty; locked by the engine that has the directory open
//   DIR/owner.pid   process id of that engine and its pid namespace, for people and messages
//   DIR/last_write  number of the last write when it was last closed
//   DIR/api.sock    where its process takes requests (include/tenax/server.hpp), if it does
// All of mode 0600; links in their place are not followed.
// Depends on include/tenax and POSIX. Thread safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "tenax/result.hpp"

namespace tenax::storage {

/// The directory's own name in full, without links, "." or a "/" at its end: it stays right when
/// the process changes its working directory.
[[nodiscard]] std::filesystem::path full_path(const std::filesystem::path& data_dir);
[[nodiscard]] std::filesystem::path database_dir(const std::filesystem::path& data_dir);

/// Makes the directory (mode 0700) if absent. Error data_dir_unusable: no directory, not ours, not
/// writable, writable for others, or full of other things.
[[nodiscard]] result<void> prepare_data_dir(const std::filesystem::path& data_dir);

/// That the directory is there and holds a database; changes nothing.
[[nodiscard]] result<void> check_data_dir(const std::filesystem::path& data_dir);

/// This process's claim on a directory: a lock on DIR/lock, and db/ closed to other users.
///
/// RocksDB's own lock on db/LOCK is a POSIX lock: the process loses it as soon as it closes *any*
/// descriptor of that file, so a program that copies its own data directory gives it away. Ours
/// belongs to the open file description (fcntl F_OFD_SETLK): only that descriptor's unlock, or the
/// last close of it and its copies, ends it. Unlike flock(2) it can be asked for without being
/// taken, so that who only looks never keeps an opener out. The kernel compares inodes: links, bind
/// mounts, "..", other containers and a second engine in this process all meet the same lock.
///
/// The price is that fork copies the descriptor. A child gives its copy back before fork returns
/// (pthread_atfork), so it neither holds the directory when its parent has died nor frees it; its
/// claim is void (`held` is false) and what is built on it must not touch the files. exec closes
/// it.
class dir_claim {
 public:
  /// Gives the directory back and removes owner.pid; nothing in a child made by fork.
  virtual ~dir_claim() = default;
  /// False in a child made by fork.
  [[nodiscard]] virtual bool held() const noexcept = 0;
};
/// Makes db/ (mode 0700), closes one that is open to others, writes owner.pid. Error
/// data_dir_locked: claimed here or in another process, which is named if it can be. Error corrupt:
/// a database without its CURRENT file, which RocksDB would silently replace by an empty one. Error
/// data_dir_unusable.
[[nodiscard]] result<std::unique_ptr<dir_claim>> claim_data_dir(
    const std::filesystem::path& data_dir);

/// RocksDB takes a log that ends early for one that a crash tore, however much of it is missing. So
/// a clean close and a backup record how far the database had come (false: could not), and who
/// opens it checks that it comes as far again: error corrupt if not.
bool record_last_write(const std::filesystem::path& data_dir, std::uint64_t number);
[[nodiscard]] result<void> check_last_write(const std::filesystem::path& data_dir,
                                            std::uint64_t number);

/// Error data_dir_locked, naming the process if it can be told.
[[nodiscard]] error locked_error(const std::filesystem::path& data_dir);

}  // namespace tenax::storage
