// data_dir.hpp - the directory around the database: who may use it, who has it open.
//   DIR/db          RocksDB's files
//   DIR/owner.pid   process id of the engine that has it open, for people and messages
//   DIR/last_write  number of the last write when it was last closed
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
/// writable, or full of other things. Error corrupt: a database without its CURRENT file, which
/// RocksDB would silently replace by an empty one.
[[nodiscard]] result<void> prepare_data_dir(const std::filesystem::path& data_dir);

/// That the directory is there and holds a database; changes nothing.
[[nodiscard]] result<void> check_data_dir(const std::filesystem::path& data_dir);

/// This process's claim on a directory, by device and inode. RocksDB's own lock on the file LOCK is
/// a POSIX lock, which the process loses as soon as it closes *any* descriptor of that file: so
/// nobody here may open LOCK while a claim exists, and a second open by another path must be
/// refused before RocksDB sees it.
class dir_claim {
 public:
  virtual ~dir_claim() = default;
};
/// Error data_dir_locked: claimed in this process already.
[[nodiscard]] result<std::unique_ptr<dir_claim>> claim_data_dir(
    const std::filesystem::path& data_dir);

/// After the database is open / before it is closed. Failures are ignored: the file only informs.
void write_owner_pid(const std::filesystem::path& data_dir);
void remove_owner_pid(const std::filesystem::path& data_dir);

/// RocksDB takes a log that ends early for one that a crash tore, however much of it is missing. So
/// a clean close records how far the database had come (a failure to is ignored), and who opens it
/// checks that it comes as far again: error corrupt if not.
void record_last_write(const std::filesystem::path& data_dir, std::uint64_t number);
[[nodiscard]] result<void> check_last_write(const std::filesystem::path& data_dir,
                                            std::uint64_t number);

/// Error data_dir_locked, naming the process if it can be told.
[[nodiscard]] error locked_error(const std::filesystem::path& data_dir);

}  // namespace tenax::storage
