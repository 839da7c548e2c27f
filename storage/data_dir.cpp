#include "storage/data_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <utility>

#include "tenax/engine.hpp"

namespace tenax {

namespace storage {

namespace fs = std::filesystem;

namespace {

constexpr const char* pid_file = "owner.pid";
constexpr const char* last_write_file = "last_write";

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

result<void> check_contents(const fs::path& dir) {
  const auto db = database_dir(dir);
  std::error_code failed;
  if (fs::exists(db / "CURRENT", failed)) return {};
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    const auto name = entry.path().filename().string();
    if (name != "db" && name != pid_file && name != last_write_file) {
      return unusable(dir, "it holds other files (" + name + ") but no tenax database");
    }
  }
  if (failed) return unusable(dir, describe_errno(failed.value()));
  for (const auto& entry : fs::directory_iterator(db, failed)) {
    const auto name = entry.path().filename().string();
    if (!belongs_to_a_birth(name)) {
      return error{errc::corrupt, "data directory " + dir.string() +
                                      ": db/CURRENT is missing, but there is data (" + name + ")"};
    }
  }
  return {};
}

/// The directories that this process has open, as (device, inode).
struct claims {
  std::mutex mutex;
  std::set<std::pair<dev_t, ino_t>> held;
};
claims& all_claims() {
  static auto& instance = *new claims;  // never destroyed: a static engine ends late
  return instance;
}

std::optional<std::pair<dev_t, ino_t>> identity(const fs::path& dir) {
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0) return std::nullopt;
  return std::pair{info.st_dev, info.st_ino};
}

class held_claim final : public dir_claim {
 public:
  explicit held_claim(std::pair<dev_t, ino_t> what) : what_(what) {}
  ~held_claim() override {
    const std::lock_guard lock(all_claims().mutex);
    all_claims().held.erase(what_);
  }

 private:
  std::pair<dev_t, ino_t> what_;
};

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
  if (::stat(dir.c_str(), &info) != 0) return unusable(dir, describe_errno(errno));
  if (!S_ISDIR(info.st_mode)) return unusable(dir, "it is not a directory");
  if (info.st_uid != ::geteuid()) {
    return unusable(dir, "it belongs to another user (uid " + std::to_string(info.st_uid) + ")");
  }
  if (::faccessat(AT_FDCWD, dir.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
    return unusable(dir, "cannot write to it: " + describe_errno(errno));
  }
  return check_contents(dir);
}

result<void> check_data_dir(const fs::path& dir) {
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0) return unusable(dir, describe_errno(errno));
  if (!S_ISDIR(info.st_mode)) return unusable(dir, "it is not a directory");
  if (::stat((database_dir(dir) / "CURRENT").c_str(), &info) != 0) {
    if (errno != ENOENT) return unusable(dir, describe_errno(errno));
    if (auto fresh = check_contents(dir); !fresh) return fresh;
    return unusable(dir, "it holds no tenax database");
  }
  return {};
}

result<std::unique_ptr<dir_claim>> claim_data_dir(const fs::path& dir) {
  const auto what = identity(dir);
  if (!what) return unusable(dir, describe_errno(errno));
  const std::lock_guard lock(all_claims().mutex);
  if (!all_claims().held.insert(*what).second) {
    return error{errc::data_dir_locked, "data directory " + dir.string() +
                                            " is open in this process already (pid " +
                                            std::to_string(::getpid()) + ")"};
  }
  return std::unique_ptr<dir_claim>(std::make_unique<held_claim>(*what));
}

void write_owner_pid(const fs::path& dir) {
  std::ofstream(dir / pid_file, std::ios::trunc) << ::getpid() << '\n';
}

void remove_owner_pid(const fs::path& dir) {
  std::error_code ignored;
  fs::remove(dir / pid_file, ignored);
}

void record_last_write(const fs::path& dir, std::uint64_t number) {
  std::ofstream(dir / last_write_file, std::ios::trunc) << number << '\n';
}

result<void> check_last_write(const fs::path& dir, std::uint64_t number) {
  std::uint64_t recorded = 0;
  std::ifstream in(dir / last_write_file);
  // Without the end of its line it is itself torn.
  if (!(in >> recorded) || in.get() != '\n' || number >= recorded) return {};
  return error{errc::corrupt, "data directory " + dir.string() + ": write " +
                                  std::to_string(recorded) +
                                  " was there when it was closed, now the last one is " +
                                  std::to_string(number) + ": a log file is damaged or missing"};
}

error locked_error(const fs::path& dir) {
  std::string by = "another process";
  // The claim of this process must not answer here, so look at the file only.
  int pid = 0;
  if (std::ifstream(dir / pid_file) >> pid) by = "process " + std::to_string(pid);
  return {errc::data_dir_locked, "data directory " + dir.string() + " is in use by " + by};
}

}  // namespace storage

std::optional<int> data_dir_owner(const std::filesystem::path& data_dir) {
  auto& claims = storage::all_claims();
  // Held while LOCK is open here, so that no engine of this process takes its lock meanwhile.
  const std::lock_guard lock(claims.mutex);
  const auto what = storage::identity(data_dir);
  if (!what) return std::nullopt;
  if (claims.held.contains(*what)) return ::getpid();
  const int file = ::open((storage::database_dir(data_dir) / "LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  struct flock probe {};
  probe.l_type = F_WRLCK;
  probe.l_whence = SEEK_SET;
  const bool held = ::fcntl(file, F_GETLK, &probe) == 0 && probe.l_type != F_UNLCK;
  ::close(file);
  if (!held) return std::nullopt;
  if (probe.l_pid > 0) return probe.l_pid;
  // The owner is in another pid namespace, which the kernel does not name.
  int pid = 0;
  if (std::ifstream(data_dir / storage::pid_file) >> pid) return pid;
  return std::nullopt;
}

}  // namespace tenax
