// power_loss_fs.hpp - a file system whose machine can lose power: what was not synced is lost.
// Depends on RocksDB's public headers only. Thread safe (one lock for all I/O).
//
// The model, as strict as POSIX allows:
//   file contents   Sync and Fsync keep what was appended before; RangeSync, Flush and Close keep
//                   nothing
//   names           new files, new directories, renames and removals are kept by a sync of the
//                   directory that holds them; until then they may be undone, the latest first
// Real syncs are skipped: this only keeps the books, so it is fast.
#pragma once

#include <rocksdb/file_system.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenax::faults {

/// What happens to what was not synced.
enum class loss : std::uint8_t {
  clean,    ///< all of it is gone
  torn,     ///< a random part survives: a prefix of each tail, a prefix of each directory's changes
  garbage,  ///< torn, and one byte of a surviving unsynced tail is flipped (if there is one)
  nothing,  ///< all of it had reached the disk
};
inline constexpr std::uint64_t losses = 4;
[[nodiscard]] std::string_view to_string(loss mode) noexcept;

class power_loss_fs final : public rocksdb::FileSystemWrapper {
 public:
  /// `target`: rocksdb::FileSystem::Default(), or one in memory. `seed` decides what a cut keeps.
  power_loss_fs(std::shared_ptr<rocksdb::FileSystem> target, std::uint64_t seed);

  static const char* kClassName() { return "tenax_power_loss_fs"; }
  const char* Name() const override { return kClassName(); }

  /// The power fails at the k-th operation that changes something (1 = the next); that one may
  /// have happened or not. 0: never.
  void cut_at(std::uint64_t k);
  /// The power fails now: every later operation fails.
  void cut();
  [[nodiscard]] bool is_cut() const;
  /// False: the power has not failed within this time.
  [[nodiscard]] bool wait_for_cut(std::uint32_t timeout_ms);
  /// Operations so far.
  [[nodiscard]] std::uint64_t operations() const;

  struct damage {
    std::uint64_t bytes_lost = 0;
    std::uint64_t names_undone = 0;
    bool flipped = false;
  };
  /// Does to the target what the cut does to a disk. After `cut`; then this object is of no use
  /// any more.
  damage apply(loss mode);

  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                        rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus CreateDir(const std::string& name, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& name, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus Truncate(const std::string& name, std::size_t size,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus GetChildren(const std::string& dir, const rocksdb::IOOptions& options,
                                std::vector<std::string>* result,
                                rocksdb::IODebugContext* dbg) override;

 private:
  friend class tracked_file;
  friend class tracked_directory;

  /// How much of a file is written and how much is safe.
  struct file_state {
    std::uint64_t written = 0;
    std::uint64_t synced = 0;
  };
  using file_ptr = std::shared_ptr<file_state>;

  /// A change of names that its directory's sync has not made safe yet.
  struct name_change {
    enum class kind : std::uint8_t { create_file, create_dir, rename, remove };
    kind what{};
    std::string dir;     ///< whose sync makes it safe
    std::string name;    ///< created or removed; rename: the old name
    std::string to;      ///< rename: the new name
    std::string backup;  ///< what was removed or replaced is kept here; "": nothing
    file_ptr replaced;   ///< its books
  };

  enum class verdict : std::uint8_t { go, fail, do_and_fail };
  /// Counts one operation. With the lock held.
  verdict admit();
  [[nodiscard]] static rocksdb::IOStatus dead();
  rocksdb::IOStatus checked(const std::function<rocksdb::IOStatus()>& operation);
  void cut_locked();
  std::uint64_t random(std::uint64_t below);

  file_ptr books_of(const std::string& name);
  void sync_directory(const std::string& dir);
  [[nodiscard]] std::string backup_name(const std::string& dir);
  rocksdb::IOStatus set_aside(const std::string& name, name_change& change);
  /// Of n that had not been synced, so many survive.
  [[nodiscard]] std::uint64_t kept_of(loss mode, std::uint64_t n);
  void undo(const name_change& change);
  void remove_tree(const std::string& dir);
  void cut_file(const std::string& name, std::uint64_t keep, std::optional<std::uint64_t> flip_at);

  mutable std::mutex mutex_;
  std::condition_variable cut_signal_;
  bool cut_ = false;
  std::uint64_t operations_ = 0;
  std::uint64_t cut_at_ = 0;
  std::uint64_t random_state_;
  std::uint64_t backups_ = 0;
  std::map<std::string, file_ptr> files_;
  std::vector<name_change> changes_;
};

}  // namespace tenax::faults
