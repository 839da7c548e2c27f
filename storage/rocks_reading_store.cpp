// The store that only reads. Beside a writer it is a RocksDB secondary, which follows the writer's
// files without touching them. Without one it opens the database read-only: a secondary reads logs
// with a reader of its own, which does not come to an end at some kinds of garbage that a power
// loss leaves (seen with 7.8.3); a writer that has opened the database has none of that in its
// logs.
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string_view>

#include "storage/data_dir.hpp"
#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/rocks_options.hpp"
#include "storage/rocks_reads.hpp"
#include "storage/rows.hpp"
#include "storage/standard_descriptors.hpp"
#include "storage/store.hpp"
#include "tenax/engine.hpp"

namespace tenax::storage {

namespace fs = std::filesystem;

namespace {

/// Where RocksDB would put the log of a secondary, if it had one: `reader_options` has none, and
/// nothing makes this (seen with 7.8.3).
constexpr const char* no_log_dir = "/nonexistent/tenax-reader";

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
  due_bounds bounds;
};

result<meta_values> read_meta(const rocks_reads& reads) {
  meta_values out;
  const auto epoch = reads.number(meta_names::epoch);
  if (!epoch) return epoch.error();
  out.epoch = epoch->value_or(0);
  const auto totals = reads.read_totals();
  if (!totals) return totals.error();
  out.totals = *totals;
  auto bounds = reads.read_due_bounds();
  if (!bounds) return bounds.error();
  out.bounds = std::move(*bounds);
  return out;
}

/// A writer may delete files between our look at its list and our opening them: then look again.
constexpr int open_tries = 10;

/// The database as one of the two, and what it told when it was opened.
struct opened_database {
  bool follows = false;  ///< a secondary; else read-only, nobody writes
  std::string state;     ///< read-only: what was announced
  std::unique_ptr<rocksdb::DB> db;
  meta_values meta;

  opened_database() = default;
  opened_database(opened_database&&) = default;
  opened_database& operator=(opened_database&&) = delete;
  ~opened_database() { rocks_statics<reading_store>::close(db); }
};

/// Nothing in `out.db` if somebody has begun to write meanwhile.
rocksdb::Status open_read_only(const fs::path& dir, opened_database& out) {
  const auto options = reader_options(nullptr);
  const auto database = database_dir(dir).string();
  out.state = announced_state(*options.env, database);
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly(options, database, &opened);
  out.db.reset(opened);
  rocks_statics<reading_store>::note_open();
  const bool alone = !data_dir_owner(dir) && announced_state(*options.env, database) == out.state;
  if (alone) return status;
  if (out.db) out.db->Close().PermitUncheckedError();
  out.db.reset();
  return rocksdb::Status::OK();
}

result<void> open_secondary(const fs::path& dir, rocksdb::Env* env, opened_database& out) {
  out.follows = true;
  const auto options = reader_options(env);
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status;
  for (int i = 0; i < open_tries; ++i) {
    status = rocksdb::DB::OpenAsSecondary(options, database_dir(dir).string(), no_log_dir, &opened);
    if (status.ok()) break;
  }
  if (!status.ok()) return open_error(dir, status);
  out.db.reset(opened);
  rocks_statics<reading_store>::note_open();
  return catch_up(*out.db);
}

result<opened_database> open_database(const fs::path& dir, rocksdb::Env* env) {
  opened_database out;
  if (env == nullptr && !data_dir_owner(dir)) {
    if (const auto status = open_read_only(dir, out); !status.ok()) return open_error(dir, status);
    if (out.db) {
      auto whole = check_last_write(dir, out.db->GetLatestSequenceNumber());
      if (!whole) return whole.error();
    }
  }
  if (!out.db) {
    if (auto opened = open_secondary(dir, env, out); !opened) return opened.error();
  }
  const rocks_reads reads(*out.db);
  const auto format = reads.check_format(dir);
  if (!format) return format.error();
  if (*format && **format < format_version) {
    return error{errc::data_dir_unusable,
                 "data directory " + dir.string() + ": it has format " + std::to_string(**format) +
                     ", which an engine that opens it brings to " + std::to_string(format_version) +
                     "; it can be read after that"};
  }
  auto meta = read_meta(reads);
  if (!meta) return meta.error();
  out.meta = std::move(*meta);
  return out;
}

class rocks_reading_store final : public reading_store, public row_source {
 public:
  rocks_reading_store(fs::path dir, rocksdb::Env* env, opened_database what)
      : dir_(std::move(dir)), env_(env) {
    take(std::move(what));
  }

  result<void> refresh() override {
    const std::unique_lock lock(mutex_);
    if (open_->follows) {
      reads_->gaps().clear();
      if (auto caught_up = catch_up(*open_->db); !caught_up) return caught_up;
      auto meta = read_meta(*reads_);
      if (!meta) return meta.error();
      open_->meta = std::move(*meta);
      return {};
    }
    // A writer announces something as soon as it has opened the database.
    if (announced_state(*open_->db->GetEnv(), open_->db->GetName()) == open_->state) return {};
    auto again = open_database(dir_, env_);
    if (!again) return again.error();
    take(std::move(*again));
    return {};
  }

  [[nodiscard]] bool exists(std::string_view id) const override {
    const std::shared_lock lock(mutex_);
    return reads_->exists(id);
  }
  [[nodiscard]] result<loaded_workflow> load(std::string_view id) const override {
    const std::shared_lock lock(mutex_);
    return reads_->load(id);
  }
  [[nodiscard]] result<workflow_spec> load_spec(std::string_view id) const override {
    const std::shared_lock lock(mutex_);
    return reads_->load_spec(id);
  }
  [[nodiscard]] result<header> load_header(std::string_view id) const override {
    const std::shared_lock lock(mutex_);
    return reads_->load_header(id);
  }
  [[nodiscard]] result<std::vector<stored_event>> history(std::string_view id, std::uint64_t after,
                                                          std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    return reads_->history(id, after, limit);
  }
  [[nodiscard]] result<std::string> load_result(std::string_view id,
                                                std::uint64_t seq) const override {
    const std::shared_lock lock(mutex_);
    return reads_->load_result(id, seq);
  }
  [[nodiscard]] result<std::vector<due_entry>> due(timer_group group, const due_entry& from,
                                                   time_ms until_ms,
                                                   std::size_t limit) const override {
    std::string begin;
    std::string end;
    std::string first;
    keys::due_bound(begin, group, from);
    keys::due_bound(end, group, {until_ms, {}, {}, 0});
    const std::shared_lock lock(mutex_);
    const auto& bound = open_->meta.bounds[static_cast<std::size_t>(group)];
    return reads_->due(std::max(begin, bound), end, limit, first);
  }
  [[nodiscard]] result<std::vector<list_entry>> list(const list_source& source,
                                                     const list_place& from,
                                                     std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    return reads_->list(source, from, limit, false);
  }
  [[nodiscard]] result<std::vector<ended_entry>> ended(model::index_class c,
                                                       std::size_t limit) const override {
    const std::shared_lock lock(mutex_);
    return reads_->ended(c, limit, false);
  }
  [[nodiscard]] totals current_totals() const override {
    const std::shared_lock lock(mutex_);
    return open_->meta.totals;
  }
  [[nodiscard]] std::uint64_t epoch() const override {
    const std::shared_lock lock(mutex_);
    return open_->meta.epoch;
  }
  [[nodiscard]] std::unique_ptr<row_snapshot> rows(std::string end) const override {
    return reads_->rows(std::move(end), false);
  }

 private:
  void take(opened_database what) {
    reads_.reset();
    open_.emplace(std::move(what));
    reads_.emplace(*open_->db);
  }

  const fs::path dir_;
  rocksdb::Env* const env_;
  std::optional<opened_database> open_;
  std::optional<rocks_reads> reads_;
  mutable std::shared_mutex mutex_;  ///< a refresh goes through states that never were
};

}  // namespace

result<std::unique_ptr<reading_store>> open_reading_store(const fs::path& given, void* env) {
  auto dir = given;
  if (env == nullptr) {
    if (auto held = hold_standard_descriptors(); !held) return held.error();
    if (auto there = check_data_dir(given); !there) return there.error();
    dir = full_path(given);
  }
  auto* const rocks_env = static_cast<rocksdb::Env*>(env);
  auto opened = open_database(dir, rocks_env);
  if (!opened) return opened.error();
  return std::unique_ptr<reading_store>(
      std::make_unique<rocks_reading_store>(dir, rocks_env, std::move(*opened)));
}

}  // namespace tenax::storage
