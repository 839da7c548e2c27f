// write_batch.hpp - what one commit writes, as bytes: puts and deletes in order, and what it does
// to the totals. Depends on std only. Not thread safe.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tenax::storage {

/// Workflows ever submitted, and how those that are not open ended. One row in the store (invariant
/// I16).
struct totals {
  std::uint64_t submitted = 0;
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t removed = 0;
  [[nodiscard]] std::uint64_t open() const noexcept {
    return submitted - completed - failed - cancelled - removed;
  }
  totals& operator+=(const totals& o) noexcept {
    submitted += o.submitted;
    completed += o.completed;
    failed += o.failed;
    cancelled += o.cancelled;
    removed += o.removed;
    return *this;
  }
  bool operator==(const totals&) const = default;
};

/// One flat buffer, reused from commit to commit: [op u8][key length u32][value length
/// u32][key][value]...
class write_batch {
 public:
  enum class op : std::uint8_t { put = 1, remove = 2 };

  void put(std::string_view key, std::string_view value) { add(op::put, key, value); }
  void remove(std::string_view key) { add(op::remove, key, {}); }

  totals delta;  ///< removed workflows also take back the counter of their status (as a wrapped
                 ///< negative)

  /// Adds all that `other` writes, after what is here.
  void append(const write_batch& other) {
    buffer_.append(other.buffer_);
    delta += other.delta;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return buffer_.size(); }
  [[nodiscard]] bool empty() const noexcept { return buffer_.empty(); }
  /// Keeps the memory for the next use, up to `keep_bytes`.
  void clear(std::size_t keep_bytes = std::size_t{1} << 20) {
    if (buffer_.capacity() > keep_bytes) {
      std::string().swap(buffer_);
    } else {
      buffer_.clear();
    }
    delta = {};
  }

  /// f(op, key, value) for each, in order.
  template <class F>
  void each(F&& f) const {
    for (std::size_t at = 0; at < buffer_.size();) {
      std::uint32_t key_bytes = 0;
      std::uint32_t value_bytes = 0;
      std::memcpy(&key_bytes, buffer_.data() + at + 1, 4);
      std::memcpy(&value_bytes, buffer_.data() + at + 5, 4);
      const std::string_view all(buffer_);
      f(static_cast<op>(buffer_[at]), all.substr(at + 9, key_bytes),
        all.substr(at + 9 + key_bytes, value_bytes));
      at += std::size_t{9} + key_bytes + value_bytes;
    }
  }

 private:
  void add(op what, std::string_view key, std::string_view value) {
    char head[9];
    head[0] = static_cast<char>(what);
    const auto key_bytes = static_cast<std::uint32_t>(key.size());
    const auto value_bytes = static_cast<std::uint32_t>(value.size());
    std::memcpy(head + 1, &key_bytes, 4);
    std::memcpy(head + 5, &value_bytes, 4);
    buffer_.append(head, sizeof head).append(key).append(value);
  }
  std::string buffer_;
};

}  // namespace tenax::storage
