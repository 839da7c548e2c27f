#include "storage/data_dir.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "storage/owned_fd.hpp"
#include "tenax/engine.hpp"

namespace tenax {

namespace storage {

namespace fs = std::filesystem;

namespace {

constexpr const char* lock_file = "lock";
constexpr const char* pid_file = "owner.pid";
constexpr const char* last_write_file = "last_write";
/// Every name of ours; api.sock is a server's (include/tenax/server.hpp).
constexpr std::array<std::string_view, 5> own_names{"db", lock_file, pid_file, last_write_file,
                                                    "api.sock"};

error unusable(const fs::path& dir, std::string_view what) {
  return {errc::data_dir_unusable, "data directory " + dir.string() + ": " + std::string(what)};
}

std::string describe_errno(int code) {
  switch (code) {
    case EACCES:
    case EPERM:
      return "permission denied";
    case EROFS:
      return "the file system is read-only";
    case ENOSPC:
    case EDQUOT:
      return "no space left on the device";
    case ENOTDIR:
      return "a part of its path is not a directory";
    default:
      return std::strerror(code);
  }
}

/// What a crash while RocksDB was making a new database can have left behind.
bool belongs_to_a_birth(std::string_view name) {
  return name == "LOCK" || name == "IDENTITY" || name.starts_with("LOG") ||
         name.starts_with("MANIFEST-") || name.starts_with("OPTIONS-") || name.ends_with(".dbtmp");
}

bool has_database(const fs::path& dir) {
  std::error_code failed;
  return fs::exists(database_dir(dir) / "CURRENT", failed);
}

/// Nothing but what tenax makes, unless there is a database.
result<void> check_names(const fs::path& dir) {
  if (has_database(dir)) return {};
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    const auto name = entry.path().filename().string();
    if (std::find(own_names.begin(), own_names.end(), name) == own_names.end()) {
      return unusable(dir, "it holds other files (" + name + ") but no tenax database");
    }
  }
  if (failed) return unusable(dir, describe_errno(failed.value()));
  return {};
}

/// No database, or a whole one.
result<void> check_birth(const fs::path& dir) {
  if (has_database(dir)) return {};
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(database_dir(dir), none)) {
    const auto name = entry.path().filename().string();
    if (!belongs_to_a_birth(name)) {
      return error{errc::corrupt, "data directory " + dir.string() +
                                      ": db/CURRENT is missing, but there is data (" + name + ")"};
    }
  }
  return {};
}

/// A new file of ours. What has its name (a link to elsewhere, too) makes way and is not written
/// through. False if it cannot be.
bool write_own_file(const fs::path& file, const std::string& text) {
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) return false;
  const owned_fd fd(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  return fd.get() >= 0 &&
         ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// "" if it is not there, or not a plain file.
std::string read_own_file(const fs::path& file) {
  // O_NONBLOCK: nobody can make us wait with a pipe of that name.
  const owned_fd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::array<char, 256> text{};
  const auto n = ::read(fd.get(), text.data(), text.size());
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

/// Process ids mean something within one of these only.
std::string pid_namespace() {
  std::array<char, 64> name{};
  const auto n = ::readlink("/proc/self/ns/pid", name.data(), name.size());
  return {name.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

void write_owner_pid(const fs::path& dir) {
  (void)write_own_file(dir / pid_file, std::to_string(::getpid()) + '\n' + pid_namespace() + '\n');
}

/// Takes the digits at the front: false without any, or too many. Streams would ask the locale of
/// the host what a number is.
template <class T>
bool take_number(std::string_view& text, T& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return code == std::errc{};
}

/// What owner.pid says; 0 if that is no process that can be seen here.
int noted_owner(const fs::path& dir) {
  const std::string said = read_own_file(dir / pid_file);
  std::string_view in = said;
  int pid = 0;
  if (!take_number(in, pid) || pid <= 0) return 0;
  if (in.starts_with('\n')) in.remove_prefix(1);
  const std::string_view its_namespace = in.substr(0, in.find('\n'));
  if (!its_namespace.empty() && its_namespace != pid_namespace()) return 0;
  return ::kill(pid, 0) == 0 || errno == EPERM ? pid : 0;
}

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

/// Who holds a lock on the file, if anybody does: a process id, or <= 0 where the kernel names
/// none. Takes nothing, and needs no permission to write.
std::optional<int> lock_holder(const fs::path& file, int get_command) {
  const owned_fd fd(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  auto probe = whole_file(F_WRLCK);
  if (fd.get() < 0 || ::fcntl(fd.get(), get_command, &probe) != 0) return std::nullopt;
  if (probe.l_type == F_UNLCK) return std::nullopt;
  return probe.l_pid;
}

/// The process that has the directory open, 0 if it cannot be named; not for one that this process
/// has open.
std::optional<int> other_owner(const fs::path& dir) {
  const auto ours = lock_holder(dir / lock_file, F_OFD_GETLK);
  // RocksDB's own lock names its process. (And is all there is of a tenax that had none of its
  // own.)
  const auto rocks = lock_holder(database_dir(dir) / "LOCK", F_GETLK);
  if (!ours && !rocks) return std::nullopt;
  return rocks.value_or(0) > 0 ? *rocks : noted_owner(dir);
}

using file_identity = std::pair<dev_t, ino_t>;

std::optional<file_identity> identity(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return std::pair{info.st_dev, info.st_ino};
}

/// The lock of one claim. In a child made by fork the descriptor is closed and -1.
struct held_lock {
  std::atomic<int> fd{-1};
  pid_t pid = 0;
};

/// The directories that this process has open. Never destroyed: an engine may live in a static
/// object.
struct claims {
  std::mutex mutex;
  std::map<file_identity, std::shared_ptr<held_lock>> held;
};

claims& all_claims() {
  static claims& instance = *new claims;
  // A child of fork shares the open file description, and with it the lock: it would keep the
  // directory locked after its parent has died. So it lets go of it before fork returns.
  static const int registered =
      ::pthread_atfork([] { all_claims().mutex.lock(); }, [] { all_claims().mutex.unlock(); },
                       [] {
                         for (const auto& [what, lock] : all_claims().held) {
                           if (const int fd = lock->fd.exchange(-1); fd >= 0) ::close(fd);
                         }
                         all_claims().mutex.unlock();
                       });
  (void)registered;
  return instance;
}

class held_claim final : public dir_claim {
 public:
  held_claim(fs::path dir, file_identity what, std::shared_ptr<held_lock> lock)
      : dir_(std::move(dir)), what_(what), lock_(std::move(lock)) {}
  ~held_claim() override {
    auto& all = all_claims();
    const std::lock_guard guard(all.mutex);
    if (!held()) return;  // inherited by fork: the parent's to give back
    std::error_code ignored;
    fs::remove(dir_ / pid_file, ignored);
    // Not by closing alone: a copy of the descriptor may live on in a child that went past the
    // handlers of fork.
    const int fd = lock_->fd.exchange(-1);
    auto unlock = whole_file(F_UNLCK);
    ::fcntl(fd, F_OFD_SETLK, &unlock);
    ::close(fd);
    all.held.erase(what_);
  }
  [[nodiscard]] bool held() const noexcept override {
    return lock_->fd >= 0 && lock_->pid == ::getpid();
  }

 private:
  fs::path dir_;
  file_identity what_;
  std::shared_ptr<held_lock> lock_;
};

error locked_by(const fs::path& dir, std::optional<int> owner) {
  const auto by =
      owner.value_or(0) > 0 ? "process " + std::to_string(*owner) : std::string("another process");
  return {errc::data_dir_locked, "data directory " + dir.string() + " is in use by " + by};
}

/// Opens DIR/lock and locks it.
result<owned_fd> take_lock(const fs::path& dir) {
  const auto file = dir / lock_file;
  constexpr int tries = 10;
  for (int i = 0; i < tries; ++i) {
    owned_fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    struct stat info {};
    if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
      return unusable(dir, "cannot open its file lock: " + describe_errno(errno));
    }
    if (!S_ISREG(info.st_mode)) return unusable(dir, "its file lock is not a file");
    auto lock = whole_file(F_WRLCK);
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES) return locked_by(dir, other_owner(dir));
      return unusable(dir, "cannot lock its file lock: " + describe_errno(errno));
    }
    // Somebody may have removed the file, and another one made it again, in between.
    if (identity(file) == file_identity{info.st_dev, info.st_ino}) return fd;
  }
  return unusable(dir, "its file lock does not stay");
}

std::string octal(mode_t mode) {
  std::array<char, 8> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), mode & 07777u, 8).ptr;
  return "0" + std::string(digits.data(), end);
}

/// RocksDB makes its files as the process's umask has it: the directory around them is what keeps
/// others out.
result<void> prepare_database_dir(const fs::path& dir) {
  const auto db = database_dir(dir);
  if (::mkdir(db.c_str(), 0700) != 0 && errno != EEXIST) {
    return unusable(dir, "cannot make its db: " + describe_errno(errno));
  }
  struct stat info {};
  if (::stat(db.c_str(), &info) != 0) return unusable(dir, "db: " + describe_errno(errno));
  if (!S_ISDIR(info.st_mode)) return unusable(dir, "its db is not a directory");
  if (info.st_uid != ::geteuid()) return unusable(dir, "its db belongs to another user");
  if ((info.st_mode & 0077) != 0 && ::chmod(db.c_str(), 0700) != 0) {
    return unusable(dir, "its db is open to other users (mode " + octal(info.st_mode) +
                             ") and cannot be closed to them: " + describe_errno(errno));
  }
  return {};
}

}  // namespace

fs::path full_path(const fs::path& dir) {
  std::error_code failed;
  auto full = fs::weakly_canonical(fs::absolute(dir, failed), failed);
  if (failed) return dir;
  return full.has_filename() ? full : full.parent_path();
}

fs::path database_dir(const fs::path& data_dir) { return data_dir / "db"; }

result<void> prepare_data_dir(const fs::path& dir) {
  std::error_code failed;
  const auto full = full_path(dir);
  const auto parent = full.parent_path();
  if (!parent.empty() && !fs::exists(parent, failed)) {
    fs::create_directories(parent, failed);
    if (failed) return unusable(dir, "cannot make it: " + describe_errno(failed.value()));
  }
  if (::mkdir(full.c_str(), 0700) != 0 && errno != EEXIST) {
    return unusable(dir, "cannot make it: " + describe_errno(errno));
  }
  struct stat info {};
  if (::stat(full.c_str(), &info) != 0) return unusable(dir, describe_errno(errno));
  if (!S_ISDIR(info.st_mode)) return unusable(dir, "it is not a directory");
  if (info.st_uid != ::geteuid()) {
    return unusable(dir, "it belongs to another user (uid " + std::to_string(info.st_uid) + ")");
  }
  if ((info.st_mode & 0022) != 0) {
    return unusable(dir, "other users may write to it (mode " + octal(info.st_mode) +
                             "); see what they left there, then: chmod go-w " + full.string());
  }
  if (::faccessat(AT_FDCWD, full.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    return unusable(dir, "cannot write to it: " + describe_errno(errno));
  }
  return check_names(full);
}

result<void> check_data_dir(const fs::path& dir) {
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0) return unusable(dir, describe_errno(errno));
  if (!S_ISDIR(info.st_mode)) return unusable(dir, "it is not a directory");
  if (::stat((database_dir(dir) / "CURRENT").c_str(), &info) != 0) {
    if (errno != ENOENT) return unusable(dir, describe_errno(errno));
    if (auto fresh = check_names(dir); !fresh) return fresh;
    if (auto fresh = check_birth(dir); !fresh) return fresh;
    return unusable(dir, "it holds no tenax database");
  }
  return {};
}

result<std::unique_ptr<dir_claim>> claim_data_dir(const fs::path& given) {
  const auto dir = full_path(given);
  const auto what = identity(dir);
  if (!what) return unusable(given, describe_errno(errno));
  std::unique_ptr<dir_claim> claim;
  {
    auto& all = all_claims();
    const std::lock_guard guard(all.mutex);
    const auto found = all.held.find(*what);
    if (found != all.held.end() && found->second->fd >= 0) {
      return error{errc::data_dir_locked, "data directory " + given.string() +
                                              " is open in this process already (pid " +
                                              std::to_string(::getpid()) + ")"};
    }
    auto fd = take_lock(dir);
    if (!fd) return fd.error();
    auto lock = std::make_shared<held_lock>();
    lock->fd = fd->release();
    lock->pid = ::getpid();
    all.held[*what] = lock;
    claim = std::make_unique<held_claim>(dir, *what, std::move(lock));
  }
  if (auto whole = check_birth(dir); !whole) return whole.error();
  if (auto usable = prepare_database_dir(dir); !usable) return usable.error();
  write_owner_pid(dir);
  return claim;
}

bool record_last_write(const fs::path& dir, std::uint64_t number) {
  return write_own_file(dir / last_write_file, std::to_string(number) + '\n');
}

result<void> check_last_write(const fs::path& dir, std::uint64_t number) {
  std::uint64_t recorded = 0;
  const std::string said = read_own_file(dir / last_write_file);
  std::string_view in = said;
  // Without the end of its line it is itself torn.
  if (!take_number(in, recorded) || !in.starts_with('\n') || number >= recorded) return {};
  return error{errc::corrupt, "data directory " + dir.string() + ": write " +
                                  std::to_string(recorded) +
                                  " was there when it was closed, now the last one is " +
                                  std::to_string(number) + ": a log file is damaged or missing"};
}

error locked_error(const fs::path& dir) { return locked_by(dir, other_owner(dir)); }

}  // namespace storage

std::optional<int> data_dir_owner(const std::filesystem::path& data_dir) {
  auto& claims = storage::all_claims();
  // Held while db/LOCK is open here: closing it would cost an engine of this process RocksDB's lock
  // on it, which names the process to others.
  const std::lock_guard lock(claims.mutex);
  const auto what = storage::identity(data_dir);
  if (!what) return std::nullopt;
  const auto found = claims.held.find(*what);
  if (found != claims.held.end() && found->second->fd >= 0) return ::getpid();
  return storage::other_owner(data_dir);
}

}  // namespace tenax
