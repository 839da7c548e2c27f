// shapes.hpp - what the engine's commits look like: the very rows that it would write, made once
// with its own model and encoders, for the limits to write them again and again under new ids.
// Depends on model, storage. Value types.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/harness.hpp"
#include "storage/write_batch.hpp"

#include <rocksdb/write_batch.h>

namespace tenax::bench {

/// As long as the engine's own ids (ULIDs).
inline constexpr std::size_t id_bytes = 26;
/// Ids that grow with `number`, as the engine's do with time.
void put_id(char* out, std::uint64_t number) noexcept;

/// The rows of one commit. Keys hold the workflow's id at `id_at`.
class commit_shape {
 public:
  explicit commit_shape(const storage::write_batch& recorded);
  /// A commit of one row, for stand-ins that know their size only.
  commit_shape(std::string key, std::size_t id_at, std::string value);

  void append_to(rocksdb::WriteBatch& out, const char* id) const;
  void append_to(class sorted_rows& out, const char* id) const;
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_.size(); }

 private:
  struct one_row {
    storage::write_batch::op what{};
    std::string key;
    std::size_t id_at = 0;
    std::string value;
  };
  void add(one_row r);
  std::vector<one_row> rows_;
  std::size_t bytes_ = 0;
};

/// The rows of a group of commits, to be written in key order: RocksDB then finds each row's place
/// near the one before. The engine's store does the same.
class sorted_rows {
 public:
  void add(bool put, std::string_view key, std::size_t id_at, const char* id,
           std::string_view value);
  void write_to(rocksdb::WriteBatch& out);

 private:
  struct entry {
    std::uint32_t at = 0;  ///< of the key in keys_
    std::uint32_t key_bytes = 0;
    std::uint32_t position = 0;
    bool put = true;
    std::string_view value;
  };
  std::string keys_;
  std::vector<entry> entries_;
};

/// All commits of one workflow, in order.
using workflow_shape = std::vector<commit_shape>;

/// p.steps actions one after the other, one commit an action.
[[nodiscard]] workflow_shape record_sequential(const params& p, std::uint64_t seed);
/// p.fan actions side by side whose completions are committed `group` at a time, then the join.
[[nodiscard]] workflow_shape record_fan_out(const params& p, std::size_t group, std::uint64_t seed);

/// One `wait` action that begins its wait.
[[nodiscard]] workflow_shape record_sleeper(std::uint64_t seed);

[[nodiscard]] std::size_t bytes_of(const workflow_shape& s) noexcept;
[[nodiscard]] std::size_t rows_of(const workflow_shape& s) noexcept;

/// Random contents differ from shape to shape, so that a limit's data compresses no better than
/// the engine's.
inline constexpr std::size_t shape_variants = 64;

}  // namespace tenax::bench
