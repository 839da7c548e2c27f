// fault_store.hpp - a store between the engine and the real one: counts writes and reads, makes
// some fail, hashes what is written. Depends on storage/store.hpp only. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "storage/store.hpp"

namespace tenax::testing {

/// What becomes of one write.
enum class write_fate : std::uint8_t {
  good,
  lost,     ///< fails, nothing was written
  written,  ///< fails although all was written: the outcome that callers must not trust
};

/// What is read: a workflow or a result, as its actor needs it; other rows of one workflow, for who
/// asks or for retention; an index.
enum class read_of : std::uint8_t { workflow, rows, index };

/// Outlives the stores that it controls: one for all lives of an engine.
struct store_control {
  /// Asked before each write with its number, from 1.
  std::function<write_fate(std::uint64_t number)> fate;
  std::uint64_t writes = 0;
  /// Asked before each read with its number, from 1. True: it fails; one over rows fails after the
  /// first row.
  std::function<bool(std::uint64_t number, read_of what)> read_fails;
  errc read_failure = errc::storage_unavailable;  ///< or corrupt
  std::uint64_t reads = 0;
  std::uint64_t hash = 0;  ///< over the bytes of all writes, in order
  /// The store behind the engine; null while there is none.
  const storage::read_store* real = nullptr;

  [[nodiscard]] error read_failed() const { return {read_failure, "this read was made to fail"}; }
  /// Counts a read and says whether it fails.
  [[nodiscard]] bool next_read_fails(read_of what) {
    return ++reads, read_fails && read_fails(reads, what);
  }
};

[[nodiscard]] std::unique_ptr<storage::store> control_store(std::unique_ptr<storage::store> real,
                                                            store_control& control);

/// Mixes `value` into a running hash.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
  hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
  hash *= 0xff51afd7ed558ccdULL;
  return hash ^ (hash >> 32);
}
[[nodiscard]] std::uint64_t mix(std::uint64_t hash, std::string_view bytes) noexcept;

}  // namespace tenax::testing
