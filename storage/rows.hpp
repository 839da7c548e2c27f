// rows.hpp - all rows of a store as keys and values, as of one moment: what verify and removals
// read.
// Depends on include/tenax only. A snapshot is used by one thread, and ends before its store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tenax/result.hpp"

namespace tenax::storage {

class row_snapshot {
 public:
  virtual ~row_snapshot() = default;
  /// Visits the rows of [begin, end) in key order until `visit` returns false; an empty `end` means
  /// to the last. The views are valid during the call only. `visit` must not call `each`. A range
  /// that begins at the row after the last range costs no search.
  [[nodiscard]] virtual result<void> each(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
  [[nodiscard]] virtual result<std::optional<std::string>> get(std::string_view key) const = 0;
};

/// Implemented by the stores of this folder beside read_store.
class row_source {
 public:
  virtual ~row_source() = default;
  /// The rows before the key `end`, all if it is empty. Reading stores: valid until the next
  /// refresh.
  [[nodiscard]] virtual std::unique_ptr<row_snapshot> rows(std::string end = {}) const = 0;
};

}  // namespace tenax::storage
