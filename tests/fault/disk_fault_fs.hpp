// disk_fault_fs.hpp - a file system whose k-th operation of one sort fails, once or from then on.
// Depends on RocksDB's public headers only. Thread safe.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace tenax::faults {

enum class operation : std::uint8_t { append, sync, open, read, rename };
inline constexpr operation all_operations[] = {operation::append, operation::sync, operation::open,
                                               operation::read, operation::rename};
enum class failure : std::uint8_t { no_space, io_error, corruption };
inline constexpr failure all_failures[] = {failure::no_space, failure::io_error,
                                           failure::corruption};
[[nodiscard]] std::string_view to_string(operation o) noexcept;
[[nodiscard]] std::string_view to_string(failure f) noexcept;

struct disk_fault {
  operation which = operation::append;
  std::uint64_t kth = 0;  ///< from 1; 0: none fails
  bool and_later = false;
  failure how = failure::io_error;
};

class disk_fault_fs final : public rocksdb::FileSystemWrapper {
 public:
  disk_fault_fs(std::shared_ptr<rocksdb::FileSystem> target, disk_fault fault)
      : FileSystemWrapper(std::move(target)), fault_(fault) {}
  static const char* kClassName() { return "tenax_disk_fault_fs"; }
  const char* Name() const override { return kClassName(); }

  /// Whether an operation has failed by now.
  [[nodiscard]] bool has_failed() const { return failed_; }

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
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;

  /// Counts one operation; not OK: it fails instead.
  rocksdb::IOStatus admit(operation which);

 private:
  const disk_fault fault_;
  std::atomic<std::uint64_t> count_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace tenax::faults
