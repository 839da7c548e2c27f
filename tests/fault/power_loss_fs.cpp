#include "tests/fault/power_loss_fs.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

namespace tenax::faults {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr std::string_view backup_prefix = ".lost.";

std::string parent_of(const std::string& path) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  const auto slash = trimmed.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : trimmed.substr(0, slash);
}

std::string normal(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '/' && !out.empty() && out.back() == '/') continue;
    out.push_back(c);
  }
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

}  // namespace

std::string_view to_string(loss mode) noexcept {
  switch (mode) {
    case loss::clean:
      return "clean";
    case loss::torn:
      return "torn";
    case loss::garbage:
      return "garbage";
    case loss::nothing:
      return "nothing";
  }
  return "unknown";
}

// --- files and directories ---

class tracked_file final : public rocksdb::FSWritableFileWrapper {
 public:
  tracked_file(power_loss_fs& fs, std::unique_ptr<rocksdb::FSWritableFile> target,
               power_loss_fs::file_ptr books)
      : FSWritableFileWrapper(target.get()),
        fs_(fs),
        target_(std::move(target)),
        books_(std::move(books)) {}
  ~tracked_file() override {
    // Closing a file that was allocated ahead sets its size. After the cut that must not happen.
    const std::lock_guard lock(fs_.mutex_);
    if (fs_.cut_) {
      (void)target_.release();
    } else {
      target_.reset();
    }
  }

  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override {
    const std::lock_guard lock(fs_.mutex_);
    return fs_.cut_ ? power_loss_fs::dead() : target()->Close(options, dbg);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    return fs_.checked([&] { return grow(data.size(), target()->Append(data, options, dbg)); });
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus PositionedAppend(const Slice& data, std::uint64_t offset, const IOOptions& options,
                            IODebugContext* dbg) override {
    return fs_.checked([&] {
      books_->synced = std::min(books_->synced, offset);
      const auto done = target()->PositionedAppend(data, offset, options, dbg);
      if (done.ok()) books_->written = std::max(books_->written, offset + data.size());
      return done;
    });
  }
  IOStatus PositionedAppend(const Slice& data, std::uint64_t offset, const IOOptions& options,
                            const rocksdb::DataVerificationInfo& /*info*/,
                            IODebugContext* dbg) override {
    return PositionedAppend(data, offset, options, dbg);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    return fs_.checked([&] {
      const auto done = target()->Truncate(size, options, dbg);
      books_->written = std::min(books_->written, size);
      books_->synced = std::min(books_->synced, size);
      return done;
    });
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return fs_.checked([&] {
      // The target must hold the bytes, no more: it would sync the real disk.
      const auto done = target()->Flush(options, dbg);
      if (done.ok()) books_->synced = books_->written;
      return done;
    });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Sync(options, dbg);
  }
  IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
    return fs_.is_cut() ? power_loss_fs::dead() : IOStatus::OK();
  }

 private:
  IOStatus grow(std::size_t bytes, IOStatus done) {
    if (done.ok()) books_->written += bytes;
    return done;
  }

  power_loss_fs& fs_;
  std::unique_ptr<rocksdb::FSWritableFile> target_;
  power_loss_fs::file_ptr books_;
};

class tracked_directory final : public rocksdb::FSDirectory {
 public:
  tracked_directory(power_loss_fs& fs, std::string name) : fs_(fs), name_(std::move(name)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return fs_.checked([&] {
      fs_.sync_directory(name_);
      return IOStatus::OK();
    });
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  power_loss_fs& fs_;
  const std::string name_;
};

// --- the power ---

power_loss_fs::power_loss_fs(std::shared_ptr<rocksdb::FileSystem> target, std::uint64_t seed)
    : FileSystemWrapper(std::move(target)), random_state_(seed) {}

IOStatus power_loss_fs::dead() { return IOStatus::IOError("the power is off"); }

std::uint64_t power_loss_fs::random(std::uint64_t below) {
  // splitmix64
  std::uint64_t z = (random_state_ += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return below == 0 ? 0 : (z ^ (z >> 31)) % below;
}

void power_loss_fs::cut_at(std::uint64_t k) {
  const std::lock_guard lock(mutex_);
  cut_at_ = k == 0 ? 0 : operations_ + k;
}
void power_loss_fs::cut() {
  const std::lock_guard lock(mutex_);
  cut_locked();
}
void power_loss_fs::cut_locked() {
  cut_ = true;
  cut_signal_.notify_all();
}
bool power_loss_fs::is_cut() const {
  const std::lock_guard lock(mutex_);
  return cut_;
}
bool power_loss_fs::wait_for_cut(std::uint32_t timeout_ms) {
  std::unique_lock lock(mutex_);
  return cut_signal_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return cut_; });
}
std::uint64_t power_loss_fs::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

power_loss_fs::verdict power_loss_fs::admit() {
  if (cut_) return verdict::fail;
  if (++operations_ != cut_at_) return verdict::go;
  cut_locked();
  return random(2) == 0 ? verdict::fail : verdict::do_and_fail;
}

IOStatus power_loss_fs::checked(const std::function<IOStatus()>& operation) {
  const std::lock_guard lock(mutex_);
  const auto may = admit();
  if (may == verdict::fail) return dead();
  auto done = operation();
  return may == verdict::go ? done : dead();
}

// --- names ---

power_loss_fs::file_ptr power_loss_fs::books_of(const std::string& name) {
  auto& books = files_[normal(name)];
  if (!books) books = std::make_shared<file_state>();
  return books;
}

std::string power_loss_fs::backup_name(const std::string& dir) {
  return dir + "/" + std::string(backup_prefix) + std::to_string(++backups_);
}

/// Moves what is about to be removed or replaced out of the way.
IOStatus power_loss_fs::set_aside(const std::string& name, name_change& change) {
  change.backup = backup_name(change.dir);
  if (const auto known = files_.extract(name)) change.replaced = known.mapped();
  return target_->RenameFile(name, change.backup, IOOptions(), nullptr);
}

void power_loss_fs::sync_directory(const std::string& dir) {
  const std::string name = normal(dir);
  std::erase_if(changes_, [&](const name_change& c) {
    if (c.dir != name) return false;
    if (!c.backup.empty()) target_->DeleteFile(c.backup, IOOptions(), nullptr);
    return true;
  });
}

IOStatus power_loss_fs::NewSequentialFile(const std::string& name, const FileOptions& options,
                                          std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                          IODebugContext* dbg) {
  return is_cut() ? dead() : target_->NewSequentialFile(name, options, result, dbg);
}
IOStatus power_loss_fs::NewRandomAccessFile(const std::string& name, const FileOptions& options,
                                            std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                                            IODebugContext* dbg) {
  return is_cut() ? dead() : target_->NewRandomAccessFile(name, options, result, dbg);
}
IOStatus power_loss_fs::NewRandomRWFile(const std::string&, const FileOptions&,
                                        std::unique_ptr<rocksdb::FSRandomRWFile>*,
                                        IODebugContext*) {
  return IOStatus::NotSupported("power_loss_fs keeps no books of files that are rewritten");
}

IOStatus power_loss_fs::NewWritableFile(const std::string& path, const FileOptions& options,
                                        std::unique_ptr<rocksdb::FSWritableFile>* result,
                                        IODebugContext* dbg) {
  return checked([&] {
    const std::string name = normal(path);
    name_change change{name_change::kind::create_file, parent_of(name), name, {}, {}, nullptr};
    if (target_->FileExists(name, IOOptions(), dbg).ok()) {
      if (auto moved = set_aside(name, change); !moved.ok()) return moved;
    }
    std::unique_ptr<rocksdb::FSWritableFile> made;
    auto done = target_->NewWritableFile(name, options, &made, dbg);
    if (!done.ok()) return done;
    changes_.push_back(std::move(change));
    *result = std::make_unique<tracked_file>(*this, std::move(made), books_of(name));
    return done;
  });
}

IOStatus power_loss_fs::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                                           IODebugContext* dbg) {
  if (!target_->FileExists(path, IOOptions(), dbg).ok()) {
    return NewWritableFile(path, options, result, dbg);
  }
  return checked([&] {
    const std::string name = normal(path);
    if (!files_.contains(name)) {
      // It has been there since before this life, so it is safe as it is.
      auto books = books_of(name);
      target_->GetFileSize(name, IOOptions(), &books->written, dbg);
      books->synced = books->written;
    }
    std::unique_ptr<rocksdb::FSWritableFile> made;
    auto done = target_->ReopenWritableFile(name, options, &made, dbg);
    if (done.ok()) {
      *result = std::make_unique<tracked_file>(*this, std::move(made), books_of(name));
    }
    return done;
  });
}

IOStatus power_loss_fs::ReuseWritableFile(const std::string& name, const std::string& old_name,
                                          const FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* result,
                                          IODebugContext* dbg) {
  auto removed = DeleteFile(old_name, IOOptions(), dbg);
  return removed.ok() ? NewWritableFile(name, options, result, dbg) : removed;
}

IOStatus power_loss_fs::NewDirectory(const std::string& name, const IOOptions& options,
                                     std::unique_ptr<rocksdb::FSDirectory>* result,
                                     IODebugContext* dbg) {
  if (is_cut()) return dead();
  std::unique_ptr<rocksdb::FSDirectory> unused;
  auto there = target_->NewDirectory(name, options, &unused, dbg);
  if (there.ok()) *result = std::make_unique<tracked_directory>(*this, normal(name));
  return there;
}

IOStatus power_loss_fs::CreateDir(const std::string& path, const IOOptions& options,
                                  IODebugContext* dbg) {
  return checked([&] {
    auto done = target_->CreateDir(path, options, dbg);
    const std::string name = normal(path);
    if (done.ok()) {
      changes_.push_back({name_change::kind::create_dir, parent_of(name), name, {}, {}, nullptr});
    }
    return done;
  });
}
IOStatus power_loss_fs::CreateDirIfMissing(const std::string& path, const IOOptions& options,
                                           IODebugContext* dbg) {
  if (is_cut()) return dead();
  if (target_->FileExists(path, options, dbg).ok()) return IOStatus::OK();
  return CreateDir(path, options, dbg);
}

IOStatus power_loss_fs::DeleteFile(const std::string& path, const IOOptions& options,
                                   IODebugContext* dbg) {
  return checked([&] {
    const std::string name = normal(path);
    if (auto there = target_->FileExists(name, options, dbg); !there.ok()) return there;
    name_change change{name_change::kind::remove, parent_of(name), name, {}, {}, nullptr};
    auto done = set_aside(name, change);
    if (done.ok()) changes_.push_back(std::move(change));
    return done;
  });
}

IOStatus power_loss_fs::RenameFile(const std::string& from_path, const std::string& to_path,
                                   const IOOptions& options, IODebugContext* dbg) {
  return checked([&] {
    const std::string from = normal(from_path);
    const std::string to = normal(to_path);
    name_change change{name_change::kind::rename, parent_of(to), from, to, {}, nullptr};
    if (target_->FileExists(to, options, dbg).ok()) {
      if (auto moved = set_aside(to, change); !moved.ok()) return moved;
    }
    auto done = target_->RenameFile(from, to, options, dbg);
    if (!done.ok()) return done;
    if (const auto known = files_.extract(from)) files_[to] = known.mapped();
    changes_.push_back(std::move(change));
    return done;
  });
}

IOStatus power_loss_fs::LinkFile(const std::string& from, const std::string& to_path,
                                 const IOOptions& options, IODebugContext* dbg) {
  return checked([&] {
    auto done = target_->LinkFile(from, to_path, options, dbg);
    if (!done.ok()) return done;
    const std::string to = normal(to_path);
    if (const auto known = files_.find(normal(from)); known != files_.end()) {
      files_[to] = known->second;
    }
    changes_.push_back({name_change::kind::create_file, parent_of(to), to, {}, {}, nullptr});
    return done;
  });
}

IOStatus power_loss_fs::Truncate(const std::string& name, std::size_t size,
                                 const IOOptions& options, IODebugContext* dbg) {
  return checked([&] {
    auto done = target_->Truncate(name, size, options, dbg);
    if (const auto known = files_.find(normal(name)); done.ok() && known != files_.end()) {
      known->second->written = std::min<std::uint64_t>(known->second->written, size);
      known->second->synced = std::min<std::uint64_t>(known->second->synced, size);
    }
    return done;
  });
}

IOStatus power_loss_fs::GetChildren(const std::string& dir, const IOOptions& options,
                                    std::vector<std::string>* result, IODebugContext* dbg) {
  if (is_cut()) return dead();
  auto done = target_->GetChildren(dir, options, result, dbg);
  std::erase_if(*result, [](const std::string& n) { return n.starts_with(backup_prefix); });
  return done;
}

// --- the damage ---

void power_loss_fs::remove_tree(const std::string& dir) {
  std::vector<std::string> names;
  target_->GetChildren(dir, IOOptions(), &names, nullptr);
  for (const auto& n : names) {
    if (n == "." || n == "..") continue;
    const std::string path = dir + "/" + n;
    bool is_dir = false;
    target_->IsDirectory(path, IOOptions(), &is_dir, nullptr);
    if (is_dir) {
      remove_tree(path);
    } else {
      target_->DeleteFile(path, IOOptions(), nullptr);
      files_.erase(path);
    }
  }
  target_->DeleteDir(dir, IOOptions(), nullptr);
}

void power_loss_fs::undo(const name_change& c) {
  switch (c.what) {
    case name_change::kind::create_file:
      target_->DeleteFile(c.name, IOOptions(), nullptr);
      files_.erase(c.name);
      break;
    case name_change::kind::create_dir:
      remove_tree(c.name);
      break;
    case name_change::kind::rename:
      target_->RenameFile(c.to, c.name, IOOptions(), nullptr);
      if (const auto known = files_.extract(c.to)) files_[c.name] = known.mapped();
      break;
    case name_change::kind::remove:
      break;
  }
  if (c.backup.empty()) return;
  const auto& back = c.what == name_change::kind::rename ? c.to : c.name;
  target_->RenameFile(c.backup, back, IOOptions(), nullptr);
  if (c.replaced) files_[back] = c.replaced;
}

/// Keeps the first `keep` bytes of a file. Rewritten rather than truncated: works on any target.
void power_loss_fs::cut_file(const std::string& name, std::uint64_t keep,
                             std::optional<std::uint64_t> flip_at) {
  std::string all;
  if (!rocksdb::ReadFileToString(target_.get(), name, &all).ok()) return;
  all.resize(std::min<std::size_t>(all.size(), keep));
  if (flip_at && *flip_at < all.size()) {
    all[*flip_at] = static_cast<char>(all[*flip_at] ^ static_cast<char>(1U << random(8)));
  }
  rocksdb::WriteStringToFile(target_.get(), all, name, false);
}

std::uint64_t power_loss_fs::kept_of(loss mode, std::uint64_t n) {
  if (mode == loss::clean) return 0;
  return mode == loss::nothing ? n : random(n + 1);
}

power_loss_fs::damage power_loss_fs::apply(loss mode) {
  const std::lock_guard lock(mutex_);
  damage done;
  // Which directory changes had reached the disk: for each directory, the first few.
  std::map<std::string, std::uint64_t> survive;
  for (const auto& c : changes_) ++survive[c.dir];
  for (auto& [dir, n] : survive) n = kept_of(mode, n);
  std::vector<const name_change*> lost;
  for (const auto& c : changes_) {
    auto& left = survive[c.dir];
    if (left == 0) {
      lost.push_back(&c);
    } else {
      --left;
      if (!c.backup.empty()) target_->DeleteFile(c.backup, IOOptions(), nullptr);
    }
  }
  for (auto it = lost.rbegin(); it != lost.rend(); ++it) undo(**it);
  done.names_undone = lost.size();

  std::vector<std::pair<std::string, file_ptr>> unsafe;
  for (const auto& [name, books] : files_) {
    if (books->written > books->synced) unsafe.emplace_back(name, books);
  }
  const auto flipped = mode == loss::garbage ? random(unsafe.size()) : unsafe.size();
  for (std::size_t i = 0; i < unsafe.size(); ++i) {
    const auto& [name, books] = unsafe[i];
    const std::uint64_t tail = books->written - books->synced;
    const std::uint64_t kept = kept_of(mode, tail);
    std::optional<std::uint64_t> flip_at;
    if (i == flipped && kept > 0) flip_at = books->synced + random(kept);
    cut_file(name, books->synced + kept, flip_at);
    done.bytes_lost += tail - kept;
    done.flipped = done.flipped || flip_at.has_value();
  }
  return done;
}

}  // namespace tenax::faults
