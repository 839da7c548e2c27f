// The limits of the disk, and of RocksDB with one writer.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "bench/limits.hpp"
#include "bench/machine.hpp"
#include "bench/payload.hpp"
#include "storage/rocks_options.hpp"

namespace tenax::bench {

sync_probe::sync_probe(const std::string& dir, std::size_t bytes)
    : path_(dir + "/fdatasync-probe") {
  fast_random random(1);
  data_ = random_payload(random, bytes);
  file_ = ::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  require(file_ >= 0, "cannot create " + path_);
}

sync_probe::~sync_probe() {
  ::close(file_);
  ::unlink(path_.c_str());
}

void sync_probe::once(histogram& took_ns) {
  const std::int64_t begin = now_ns();
  require(::write(file_, data_.data(), data_.size()) == static_cast<ssize_t>(data_.size()) &&
              ::fdatasync(file_) == 0,
          "cannot write to " + path_);
  took_ns.record(now_ns() - begin);
}

void sync_probe::run(double seconds, histogram& took_ns) {
  const std::int64_t end = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
  while (now_ns() < end) once(took_ns);
}

void report_fdatasync(run_result& out, const histogram& took_ns) {
  out.set("limit_fdatasync_per_s", took_ns.mean() > 0 ? 1e9 / took_ns.mean() : 0);
  out.set("limit_fdatasync_p50_ms", static_cast<double>(took_ns.percentile(50)) / 1e6);
  out.set("limit_fdatasync_p99_ms", static_cast<double>(took_ns.percentile(99)) / 1e6);
}

storage::store_options store_options_of(const params& p) {
  storage::store_options so;
  so.durability = p.durability == "async" ? durability::async : durability::sync;
  so.cache_bytes = p.cache_mib << 20;
  so.write_buffer_bytes = p.write_buffer_mib << 20;
  return so;
}

std::unique_ptr<rocksdb::DB> open_database(const rocksdb::Options& how,
                                           const std::filesystem::path& path) {
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(how, path.string(), &db);
  require(status.ok(), "RocksDB cannot open " + path.string() + ": " + status.ToString());
  return std::unique_ptr<rocksdb::DB>(db);
}

std::unique_ptr<rocksdb::DB> open_limit_db(const params& p, const std::string& name) {
  auto how = storage::writer_options(store_options_of(p));
  how.create_if_missing = true;
  const auto path = std::filesystem::path(p.dir) / name;
  remove_tree(path);
  return open_database(how, path);
}

limit_rate rocksdb_alone(const params& p, const std::vector<workflow_shape>& shapes,
                         std::size_t batch, double seconds, std::uint64_t workflows_max) {
  auto db = open_limit_db(p, "limit-rocksdb");
  rocksdb::WriteOptions how;
  how.sync = p.durability == "sync";
  rocksdb::WriteBatch group;
  sorted_rows rows;
  histogram took;
  // As many workflows as make a batch, all at the same commit: what group commit sees.
  const std::size_t side_by_side = std::max<std::size_t>(batch, 1);
  std::uint64_t number = 0;
  std::uint64_t workflows = 0;
  std::uint64_t writes = 0;
  std::uint64_t commits = 0;
  char id[id_bytes];
  const double cpu = cpu_seconds();
  const std::int64_t begin = now_ns();
  const std::int64_t end = begin + static_cast<std::int64_t>(seconds * 1e9);
  while (now_ns() < end && workflows < workflows_max) {
    const std::uint64_t first = number;
    number += side_by_side;
    for (std::size_t c = 0; c < shapes.front().size(); ++c) {
      group.Clear();
      for (std::uint64_t n = first; n < number; ++n) {
        put_id(id, n);
        shapes[n % shapes.size()][c].append_to(rows, id);
      }
      rows.write_to(group);
      const std::int64_t t = now_ns();
      const auto status = db->Write(how, &group);
      took.record(now_ns() - t);
      require(status.ok(), "a write failed: " + status.ToString());
      ++writes;
      commits += side_by_side;
    }
    workflows += side_by_side;
  }
  const double passed = static_cast<double>(now_ns() - begin) / 1e9;
  limit_rate out;
  out.workflows_per_s = static_cast<double>(workflows) / passed;
  out.commits_per_sync = static_cast<double>(commits) / static_cast<double>(writes);
  out.cpu_us_per_workflow = (cpu_seconds() - cpu) * 1e6 / static_cast<double>(workflows);
  out.p50_ms = static_cast<double>(took.percentile(50)) / 1e6;
  out.p99_ms = static_cast<double>(took.percentile(99)) / 1e6;
  out.rss_bytes = static_cast<double>(rss_bytes());
  db->Close().PermitUncheckedError();
  db.reset();
  remove_tree(std::filesystem::path(p.dir) / "limit-rocksdb");
  return out;
}

}  // namespace tenax::bench
