// rocks_results.hpp - results of one workflow, read in one pass over its history rows.
// Depends on storage/ and RocksDB. One thread; ends before its database.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.hpp"

namespace tenax::storage {

/// One iterator for all results, made by the first `next`.
class rocks_results final : public result_cursor {
 public:
  rocks_results(rocksdb::DB& db, std::string_view id);
  rocks_results(const rocks_results&) = delete;
  rocks_results& operator=(const rocks_results&) = delete;

  [[nodiscard]] result<std::string> next(std::uint64_t seq) override;
  /// Rows that were looked for from the top of the tree, and rows whose events were read.
  struct costs {
    std::uint64_t searches = 0;
    std::uint64_t rows = 0;
  };
  [[nodiscard]] const costs& spent() const noexcept { return spent_; }

 private:
  [[nodiscard]] bool holds(std::uint64_t seq) const noexcept {
    return seq >= first_ && seq - first_ < events_.size();
  }
  // These return whether the row of `seq` was found and is in events_.
  [[nodiscard]] result<bool> step_to(std::uint64_t seq);
  [[nodiscard]] result<bool> search(std::uint64_t seq);
  [[nodiscard]] result<bool> search_anew(std::uint64_t seq);
  [[nodiscard]] result<void> read_row();
  [[nodiscard]] error missing(std::uint64_t seq) const;

  rocksdb::DB& db_;
  const std::string id_;
  std::string begin_;
  std::string end_;
  rocksdb::Slice lower_;
  rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> it_;
  std::uint64_t first_ = 0;  ///< of the row at it_
  std::vector<read_store::stored_event> events_;
  costs spent_;
};

}  // namespace tenax::storage
