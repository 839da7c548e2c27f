// The store that only reads: a RocksDB secondary, which follows a writer's files without touching
// them.
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "storage/data_dir.hpp"
#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/rocks_options.hpp"
#include "storage/rocks_reads.hpp"
#include "storage/rows.hpp"
#include "storage/store.hpp"

namespace tenax::storage {

namespace fs = std::filesystem;

namespace {

/// Where RocksDB puts the log of a secondary. Removed at the end.
class scratch_dir {
 public:
  static result<std::unique_ptr<scratch_dir>> make(rocksdb::Env* env) {
    std::error_code failed;
    auto pattern = (fs::temp_directory_path(failed) / "tenax-reader-XXXXXX").string();
    if (env != nullptr) {
      static std::atomic<unsigned> count{0};
      pattern += std::to_string(::getpid()) + "-" + std::to_string(++count);
      env->CreateDirIfMissing(pattern).PermitUncheckedError();
    } else if (::mkdtemp(pattern.data()) == nullptr) {
      return error{errc::storage_unavailable, "cannot make a temporary directory " + pattern};
    }
    return std::make_unique<scratch_dir>(pattern);
  }
  explicit scratch_dir(std::string path) : path_(std::move(path)) {}
  ~scratch_dir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  scratch_dir(const scratch_dir&) = delete;
  scratch_dir& operator=(const scratch_dir&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Which state of its files the writer has announced: the name and size of its manifest.
std::string announced_state(rocksdb::Env& env, const std::string& dir) {
  std::string name;
  rocksdb::ReadFileToString(&env, dir + "/CURRENT", &name).PermitUncheckedError();
  while (!name.empty() && name.back() == '\n') name.pop_back();
  std::uint64_t bytes = 0;
  env.GetFileSize(dir + "/" + name, &bytes).PermitUncheckedError();
  return name + " " + std::to_string(bytes);
}

/// A secondary reads the writer's manifest first and its logs then. If the writer moves a log into
/// a table in between and deletes it, those rows are in neither: a hole in the middle of the data
/// (seen with 7.8.3). The move is in the manifest before the log goes, so when the manifest has not
/// grown while we read, nothing was missed.
constexpr int catch_up_tries = 100;
result<void> catch_up(rocksdb::DB& db) {
  rocksdb::Status status;
  for (int i = 0; i < catch_up_tries; ++i) {
    const auto before = announced_state(*db.GetEnv(), db.GetName());
    status = db.TryCatchUpWithPrimary();
    const bool stood_still = announced_state(*db.GetEnv(), db.GetName()) == before;
    if (stood_still) return status.ok() ? result<void>() : read_error(status);
  }
  if (!status.ok()) return read_error(status);
  return error{errc::storage_unavailable,
               "the writer of " + db.GetName() + " is too busy to follow"};
}

struct meta_values {
  std::uint64_t epoch = 0;
  storage::totals totals;
  std::string due_bound;
};

result<meta_values> read_meta(const rocks_reads& reads) {
  meta_values out;
  const auto epoch = reads.number(meta_names::epoch);
  if (!epoch) return epoch.error();
  out.epoch = epoch->value_or(0);
  const auto totals = reads.read_totals();
  if (!totals) return totals.error();
  out.totals = *totals;
  auto bound = reads.read_due_bound();
  if (!bound) return bound.error();
  out.due_bound = std::move(*bound);
  return out;
}

class rocks_reading_store final : public reading_store, public row_source {
 public:
  rocks_reading_store(std::unique_ptr<scratch_dir> scratch, std::unique_ptr<rocksdb::DB> db,
                      meta_values meta)
      : scratch_(std::move(scratch)), db_(std::move(db)), reads_(*db_), meta_(std::move(meta)) {}
  ~rocks_reading_store() override { db_->Close().PermitUncheckedError(); }
  rocks_reading_store(const rocks_reading_store&) = delete;
  rocks_reading_store& operator=(const rocks_reading_store&) = delete;

  result<void> refresh() override {
    const std::unique_lock lock(mutex_);
    if (auto caught_up = catch_up(*db_); !caught_up) return caught_up;
    auto meta = read_meta(reads_);
    if (!meta) return meta.error();
    meta_ = std::move(*meta);
    return {};
  }

  [[nodiscard]] bool exists(std::string_view id) const override {
    const std::shared_lock lock(mutex_);
    return reads_.exists(id);
  }
  [[nodiscard]] result<loaded_workflow> load(std::string_view id) const override {
    const std::shared_lock lock(mutex_);
    return reads_.load(id);
  }
  [[nodiscard]] result<workflow_spec> load_spec(std::string_view id) const override {
    const std::shared_lock lock(mutex_);
    return reads_.load_spec(id);
  }
  [[nodiscard]] result<header> load_header(std::string_view id) const override {
    const std::shared_lock lock(mutex_);
    return reads_.load_header(id);
  }
  [[nodiscard]] result<std::vector<stored_event>> history(std::string_view id, std::uint64_t after,
                                                          std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    return reads_.history(id, after, limit);
  }
  [[nodiscard]] result<std::string> load_result(std::string_view id,
                                                std::uint64_t seq) const override {
    const std::shared_lock lock(mutex_);
    return reads_.load_result(id, seq);
  }
  [[nodiscard]] result<std::vector<due_entry>> due(const due_entry& from, time_ms until_ms,
                                                   std::size_t limit) const override {
    std::string begin;
    std::string end;
    std::string first;
    keys::due(begin, from);
    keys::due(end, until_ms, timer_kind{}, {}, 0);
    const std::shared_lock lock(mutex_);
    return reads_.due(std::max(begin, meta_.due_bound), end, limit, first);
  }
  [[nodiscard]] result<std::vector<list_entry>> listed(model::index_class c, time_ms from_ms,
                                                       std::string_view from_id,
                                                       std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    return reads_.listed(c, from_ms, from_id, limit);
  }
  [[nodiscard]] result<std::vector<list_entry>> list_merged(
      const std::vector<model::index_class>& classes, time_ms from_ms, std::string_view from_id,
      std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    return reads_.list_merged(classes, from_ms, from_id, limit, false);
  }
  [[nodiscard]] totals current_totals() const override {
    const std::shared_lock lock(mutex_);
    return meta_.totals;
  }
  [[nodiscard]] std::uint64_t epoch() const override {
    const std::shared_lock lock(mutex_);
    return meta_.epoch;
  }
  [[nodiscard]] std::unique_ptr<row_snapshot> rows() const override { return reads_.rows(false); }

 private:
  std::unique_ptr<scratch_dir> scratch_;
  std::unique_ptr<rocksdb::DB> db_;
  rocks_reads reads_;
  mutable std::shared_mutex mutex_;  ///< a refresh goes through states that never were
  meta_values meta_;
};

/// A writer may delete files between our look at its list and our opening them: then look again.
constexpr int open_tries = 10;

}  // namespace

result<std::unique_ptr<reading_store>> open_reading_store(const fs::path& dir, void* env) {
  if (env == nullptr) {
    if (auto there = check_data_dir(dir); !there) return there.error();
  }
  auto* const rocks_env = static_cast<rocksdb::Env*>(env);
  auto scratch = scratch_dir::make(rocks_env);
  if (!scratch) return scratch.error();
  const auto options = reader_options(rocks_env);
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status;
  for (int i = 0; i < open_tries; ++i) {
    status = rocksdb::DB::OpenAsSecondary(options, database_dir(dir).string(), (*scratch)->path(),
                                          &opened);
    if (status.ok()) break;
  }
  if (!status.ok()) return open_error(dir, status);
  std::unique_ptr<rocksdb::DB> db(opened);
  const auto close_with = [&db](const error& e) {
    db->Close().PermitUncheckedError();
    return e;
  };
  if (auto caught_up = catch_up(*db); !caught_up) return close_with(caught_up.error());
  const rocks_reads reads(*db);
  const auto format = reads.check_format(dir);
  if (!format) return close_with(format.error());
  auto meta = read_meta(reads);
  if (!meta) return close_with(meta.error());
  return std::unique_ptr<reading_store>(
      std::make_unique<rocks_reading_store>(std::move(*scratch), std::move(db), std::move(*meta)));
}

}  // namespace tenax::storage
