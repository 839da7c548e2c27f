// limits.hpp - what each layer could do alone, measured in the same run: the disk, RocksDB with the
// engine's rows, and CAF with a journal but no workflow engine.
// Depends on bench/shapes, RocksDB, CAF.
#pragma once

#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "bench/harness.hpp"
#include "bench/shapes.hpp"
#include "storage/store.hpp"

#include <rocksdb/db.h>

namespace tenax::bench {

/// Appends `bytes` to a file and calls fdatasync, again and again.
class sync_probe {
 public:
  sync_probe(const std::string& dir, std::size_t bytes);
  ~sync_probe();
  sync_probe(const sync_probe&) = delete;
  sync_probe& operator=(const sync_probe&) = delete;
  void once(histogram& took_ns);
  void run(double seconds, histogram& took_ns);

 private:
  std::string path_;
  std::string data_;
  int file_ = -1;
};
void report_fdatasync(run_result& out, const histogram& took_ns);

/// As the engine that `p` describes opens its store.
[[nodiscard]] storage::store_options store_options_of(const params& p);
/// Opens a database; throws run_error.
[[nodiscard]] std::unique_ptr<rocksdb::DB> open_database(const rocksdb::Options& how,
                                                         const std::filesystem::path& path);
/// A new database with the engine's options in `dir`/`name`.
[[nodiscard]] std::unique_ptr<rocksdb::DB> open_limit_db(const params& p, const std::string& name);

struct limit_rate {
  double workflows_per_s = 0;
  double commits_per_sync = 0;
  double cpu_us_per_workflow = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double rss_bytes = 0;  ///< of the process, while the database was open
};

/// One thread that writes `batch` commits a synced write, for `seconds` or until `workflows_max`
/// are written.
[[nodiscard]] limit_rate rocksdb_alone(
    const params& p, const std::vector<workflow_shape>& shapes, std::size_t batch, double seconds,
    std::uint64_t workflows_max = std::numeric_limits<std::uint64_t>::max());

enum class stand_in : std::uint8_t {
  lean,       ///< an action's child appends its record and ends; the ack goes to the parent
  mid,        ///< the child lives until the ack, then tells its parent
  coalesced,  ///< the parent appends for all children that have reported, one commit at a time
};
/// Parents that spawn a child an action, p.concurrency in flight; without a database the writer
/// thread acknowledges at once. `shapes`: commit 0 starts a workflow, then, for sequential work,
/// one commit an action; with `fan` > 0 commit 1 is one action's (lean, mid) or `group` actions'
/// (coalesced), and the last one is the join's.
struct stand_in_plan {
  stand_in how = stand_in::lean;
  std::size_t fan = 0;
  std::size_t group = 1;
  bool database = true;
  bool sort = true;  ///< write the rows of a group in key order
};
[[nodiscard]] limit_rate caf_and_journal(const params& p, const std::vector<workflow_shape>& shapes,
                                         const stand_in_plan& plan, double seconds);

}  // namespace tenax::bench
