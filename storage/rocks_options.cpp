#include "storage/rocks_options.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_partitioner.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <cstdarg>
#include <memory>
#include <string_view>

#include "storage/keys.hpp"

namespace tenax::storage {

namespace {

/// With synced writes only the tail can be torn. The default mode opened "OK" without acknowledged
/// keys after a bit flip in mid-file (measured with 7.8.3).
constexpr auto log_recovery = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;

void set_tables(rocksdb::Options& o, std::size_t cache_bytes) {
  rocksdb::BlockBasedTableOptions table;
  // RocksDB would make as many shards as fit with 512 KiB each. What is larger than its shard is
  // never cached: the index of a table of 50 MB was read and unpacked for each look-up (measured,
  // a million workflows). So few shards, and index and filter in small pieces.
  constexpr int shard_bits = 3;
  table.block_cache = rocksdb::NewLRUCache(cache_bytes, shard_bits);
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.block_size = 8 * 1024;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // Charged to the cache, so that memory stays bounded however large the database grows.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
}

/// RocksDB's own log would be a file in the data directory, and Debian's build, which has asserts
/// on, aborts the process when that file meets a full disk. What matters of it comes back as a
/// status.
class no_log final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

/// After an error in the background RocksDB would try to recover for as long as it takes; meanwhile
/// writes wait without end once the memtables are full, and so can Close
/// (facebook/rocksdb pull request 8321, issue 11440). A failed write has to come back (fail-stop).
class no_recovery final : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

/// Cuts tables where another kind of keys (in the listing and of what has ended: another class)
/// begins, and the indexes into small ones. A compaction rewrites each table whose range it
/// touches, and what it costs is the number of keys: a table of 16 MB holds more than a million
/// entries of an index, of which a flush changes the last few (measured: half of all compaction
/// with a million workflows).
class index_partitioner final : public rocksdb::SstPartitioner {
 public:
  [[nodiscard]] const char* Name() const override { return "tenax.index_partitioner"; }
  rocksdb::PartitionerResult ShouldPartition(const rocksdb::PartitionerRequest& r) override {
    const bool cut = group(*r.prev_user_key) != group(*r.current_user_key) ||
                     (keys::decode_kind(view(*r.current_user_key)) != keys::kind::workflow &&
                      r.current_output_file_size >= index_table_bytes);
    return cut ? rocksdb::kRequired : rocksdb::kNotRequired;
  }
  bool CanDoTrivialMove(const rocksdb::Slice& smallest, const rocksdb::Slice& largest) override {
    return group(smallest) == group(largest);
  }

 private:
  static constexpr std::uint64_t index_table_bytes = std::uint64_t{1} << 20;

  static std::string_view view(const rocksdb::Slice& s) { return {s.data(), s.size()}; }
  /// Of entries that begin with a class, that too.
  static std::string_view group(const rocksdb::Slice& key) {
    const auto kind = keys::decode_kind(view(key));
    const bool has_class = kind == keys::kind::listing || kind == keys::kind::ended;
    return view(key).substr(0, keys::kind_bytes + (has_class ? 1 : 0));
  }
};

class index_partitioner_factory final : public rocksdb::SstPartitionerFactory {
 public:
  [[nodiscard]] const char* Name() const override { return "tenax.index_partitioner"; }
  [[nodiscard]] std::unique_ptr<rocksdb::SstPartitioner> CreatePartitioner(
      const rocksdb::SstPartitioner::Context&) const override {
    return std::make_unique<index_partitioner>();
  }
};

void set_logs(rocksdb::Options& o) {
  o.info_log = std::make_shared<no_log>();
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
}

}  // namespace

rocksdb::Options writer_options(const store_options& opts) {
  rocksdb::Options o;
  if (opts.env != nullptr) o.env = static_cast<rocksdb::Env*>(opts.env);
  o.wal_recovery_mode = log_recovery;
  o.max_total_wal_size = 64u << 20;
  o.db_write_buffer_size = opts.write_buffer_bytes;
  o.write_buffer_size = std::max<std::size_t>(opts.write_buffer_bytes / 2, 64u << 10);
  // Half a buffer more than is asked for, while two are on their way to tables.
  o.max_write_buffer_number = 3;
  // About 25 bits a key: most look-ups are for what has long left the memtables.
  o.memtable_prefix_bloom_size_ratio = 0.02;
  o.memtable_whole_key_filtering = true;
  o.max_bgerror_resume_count = 0;
  o.listeners.push_back(std::make_shared<no_recovery>());
  // One writer thread: no need to insert into the memtable from many.
  o.allow_concurrent_memtable_write = false;
  o.enable_write_thread_adaptive_yield = false;
  // A group comes in key order, and most of its rows lie near the row before: for each kind of keys
  // the memtable looks from there (measured: a fifth less CPU on the writer's thread). It forbids
  // DeleteRange, which shares the hints (facebook/rocksdb issue 5118).
  o.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(keys::kind_bytes));
  o.max_open_files = 512;
  o.max_background_jobs = 2;
  o.bytes_per_sync = 1u << 20;
  o.level_compaction_dynamic_level_bytes = true;
  // A flush spans the newest workflows and the indexes, and taking it up rewrites what of the first
  // level lies in that range: seldom, and that level is small.
  o.level0_file_num_compaction_trigger = 8;
  o.max_bytes_for_level_base = 64u << 20;
  o.target_file_size_base = 16u << 20;
  o.sst_partitioner_factory = std::make_shared<index_partitioner_factory>();
  // The same on every level but level 0, so that a table that overlaps nothing further down is
  // moved there as it is and not written again: most rows are merged once, however many levels
  // there are. Level 1 of zstd: a fifth less CPU for 0.3 % more bytes (measured).
  o.compression_per_level = {rocksdb::kLZ4Compression, rocksdb::kZSTD};
  o.compression_opts.level = 1;
  // What has not changed for long goes down first and is out of the way of what comes next.
  o.compaction_pri = rocksdb::kOldestLargestSeqFirst;
  set_tables(o, opts.cache_bytes);
  set_logs(o);
  return o;
}

rocksdb::Options reader_options(rocksdb::Env* env) {
  rocksdb::Options o;
  if (env != nullptr) o.env = env;
  // Open files stay readable when the writer deletes them.
  o.max_open_files = -1;
  o.wal_recovery_mode = log_recovery;
  set_tables(o, 8u << 20);
  set_logs(o);
  return o;
}

error read_error(const rocksdb::Status& status) {
  if (status.IsCorruption()) return {errc::corrupt, status.ToString()};
  return {errc::storage_unavailable, status.ToString()};
}

error open_error(const std::filesystem::path& dir, const rocksdb::Status& status) {
  const std::string at = "data directory " + dir.string() + ": ";
  if (status.IsCorruption()) return {errc::corrupt, at + status.ToString()};
  if (status.IsNoSpace()) return {errc::data_dir_unusable, at + "no space left on the device"};
  return {errc::data_dir_unusable, at + status.ToString()};
}

}  // namespace tenax::storage
