#include "tests/fault/disk_fault_fs.hpp"

#include <utility>

namespace tenax::faults {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

std::string_view to_string(operation o) noexcept {
  switch (o) {
    case operation::append:
      return "append";
    case operation::sync:
      return "sync";
    case operation::open:
      return "open";
    case operation::read:
      return "read";
    case operation::rename:
      return "rename";
  }
  return "unknown";
}
std::string_view to_string(failure f) noexcept {
  switch (f) {
    case failure::no_space:
      return "no_space";
    case failure::io_error:
      return "io_error";
    case failure::corruption:
      return "corruption";
  }
  return "unknown";
}

namespace {

class faulty_writable final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  faulty_writable(disk_fault_fs& fs, std::unique_ptr<rocksdb::FSWritableFile> target)
      : FSWritableFileOwnerWrapper(std::move(target)), fs_(fs) {}
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    auto may = fs_.admit(operation::append);
    if (may.ok()) return target()->Append(data, options, dbg);
    // A disk that is full takes the beginning.
    target()->Append(Slice(data.data(), data.size() / 2), options, dbg).PermitUncheckedError();
    return may;
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    // What a failed sync leaves on disk is unknown; here all of it is there.
    auto may = fs_.admit(operation::sync);
    return may.ok() ? target()->Flush(options, dbg) : may;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Sync(options, dbg);
  }

 private:
  disk_fault_fs& fs_;
};

class faulty_sequential final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  faulty_sequential(disk_fault_fs& fs, const std::string& name,
                    std::unique_ptr<rocksdb::FSSequentialFile> target)
      : FSSequentialFileOwnerWrapper(std::move(target)),
        fs_(fs),
        is_identity_(name.ends_with("/IDENTITY")) {}
  IOStatus Read(std::size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) override {
    auto may = fs_.admit(operation::read);
    if (may.ok()) return target()->Read(n, options, result, scratch, dbg);
    // RocksDB (as Debian builds it, with asserts) takes no other answer for this file.
    return is_identity_ && may.IsCorruption() ? IOStatus::IOError("injected: read of IDENTITY")
                                              : may;
  }

 private:
  disk_fault_fs& fs_;
  const bool is_identity_;
};

class faulty_random_access final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  faulty_random_access(disk_fault_fs& fs, std::unique_ptr<rocksdb::FSRandomAccessFile> target)
      : FSRandomAccessFileOwnerWrapper(std::move(target)), fs_(fs) {}
  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions& options, Slice* result,
                char* scratch, IODebugContext* dbg) const override {
    auto may = fs_.admit(operation::read);
    return may.ok() ? target()->Read(offset, n, options, result, scratch, dbg) : may;
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t n, const IOOptions& options,
                     IODebugContext* dbg) override {
    auto may = fs_.admit(operation::read);
    return may.ok() ? target()->MultiRead(requests, n, options, dbg) : may;
  }

 private:
  disk_fault_fs& fs_;
};

class faulty_directory final : public rocksdb::FSDirectoryWrapper {
 public:
  faulty_directory(disk_fault_fs& fs, std::unique_ptr<rocksdb::FSDirectory> target)
      : FSDirectoryWrapper(std::move(target)), fs_(fs) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return fs_.admit(operation::sync); }
  IOStatus FsyncWithDirOptions(const IOOptions&, IODebugContext*,
                               const rocksdb::DirFsyncOptions&) override {
    return fs_.admit(operation::sync);
  }

 private:
  disk_fault_fs& fs_;
};

}  // namespace

IOStatus disk_fault_fs::admit(operation which) {
  if (which != fault_.which || fault_.kth == 0) return IOStatus::OK();
  const std::uint64_t n = ++count_;
  if (n < fault_.kth || (n > fault_.kth && !fault_.and_later)) return IOStatus::OK();
  failed_ = true;
  const std::string what = "injected: " + std::string(to_string(which)) + " " + std::to_string(n);
  switch (fault_.how) {
    case failure::no_space:
      return IOStatus::NoSpace(what);
    case failure::io_error:
      return IOStatus::IOError(what);
    case failure::corruption:
      return IOStatus::Corruption(what);
  }
  return IOStatus::OK();
}

IOStatus disk_fault_fs::NewSequentialFile(const std::string& name, const FileOptions& options,
                                          std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                          IODebugContext* dbg) {
  auto may = admit(operation::open);
  if (!may.ok()) return may;
  std::unique_ptr<rocksdb::FSSequentialFile> made;
  auto done = target_->NewSequentialFile(name, options, &made, dbg);
  if (done.ok()) *result = std::make_unique<faulty_sequential>(*this, name, std::move(made));
  return done;
}
IOStatus disk_fault_fs::NewRandomAccessFile(const std::string& name, const FileOptions& options,
                                            std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                            IODebugContext* dbg) {
  auto may = admit(operation::open);
  if (!may.ok()) return may;
  std::unique_ptr<rocksdb::FSRandomAccessFile> made;
  auto done = target_->NewRandomAccessFile(name, options, &made, dbg);
  if (done.ok()) *result = std::make_unique<faulty_random_access>(*this, std::move(made));
  return done;
}
IOStatus disk_fault_fs::NewWritableFile(const std::string& name, const FileOptions& options,
                                        std::unique_ptr<rocksdb::FSWritableFile>* result,
                                        IODebugContext* dbg) {
  auto may = admit(operation::open);
  if (!may.ok()) return may;
  std::unique_ptr<rocksdb::FSWritableFile> made;
  auto done = target_->NewWritableFile(name, options, &made, dbg);
  if (done.ok()) *result = std::make_unique<faulty_writable>(*this, std::move(made));
  return done;
}
IOStatus disk_fault_fs::ReopenWritableFile(const std::string& name, const FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                                           IODebugContext* dbg) {
  auto may = admit(operation::open);
  if (!may.ok()) return may;
  std::unique_ptr<rocksdb::FSWritableFile> made;
  auto done = target_->ReopenWritableFile(name, options, &made, dbg);
  if (done.ok()) *result = std::make_unique<faulty_writable>(*this, std::move(made));
  return done;
}
IOStatus disk_fault_fs::NewDirectory(const std::string& name, const IOOptions& options,
                                     std::unique_ptr<rocksdb::FSDirectory>* result,
                                     IODebugContext* dbg) {
  auto may = admit(operation::open);
  if (!may.ok()) return may;
  std::unique_ptr<rocksdb::FSDirectory> made;
  auto done = target_->NewDirectory(name, options, &made, dbg);
  if (done.ok()) *result = std::make_unique<faulty_directory>(*this, std::move(made));
  return done;
}
IOStatus disk_fault_fs::RenameFile(const std::string& from, const std::string& to,
                                   const IOOptions& options, IODebugContext* dbg) {
  auto may = admit(operation::rename);
  return may.ok() ? target_->RenameFile(from, to, options, dbg) : may;
}

}  // namespace tenax::faults
