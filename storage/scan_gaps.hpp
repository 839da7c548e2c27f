// scan_gaps.hpp - where the indexes hold nothing but deleted entries. Those stay in the way of a
// scan until RocksDB compacts them (0.2 us each), and entries that stay for long can be anywhere
// between them: so a scan that has passed many remembers from where to where, and the next one
// jumps.
// Depends on std only. Thread safe: many scans beside one writer.
//
// Why nothing is missed: a gap says that no entry was in it at sequence number `seq`. Whoever puts
// an entry takes its place out of the gaps, and tells scans that are under way, before it writes;
// scans that begin during the write, and may not see it yet, learn of it too. So a gap that is
// there is empty for every snapshot from `seq` to now.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenax::storage {

class scan_gaps {
 public:
  static constexpr std::size_t kept_max = 256;  ///< more are forgotten, the least first

  /// A scan that is under way: to be made before its snapshot.
  class scan {
   public:
    explicit scan(scan_gaps& in) : in_(in) {
      const std::lock_guard lock(in_.mutex_);
      if (in_.writing_ != nullptr) note(*in_.writing_);
      in_.scans_.push_back(this);
    }
    ~scan() {
      const std::lock_guard lock(in_.mutex_);
      in_.scans_.remove(this);
    }
    scan(const scan&) = delete;
    scan& operator=(const scan&) = delete;

    /// The gap around `key`, as [begin, end), if this snapshot may pass it.
    [[nodiscard]] std::optional<std::pair<std::string, std::string>> find(std::string_view key,
                                                                          std::uint64_t seq) const {
      const std::lock_guard lock(in_.mutex_);
      const auto at = in_.around(key);
      if (at == in_.gaps_.end() || at->second.seq > seq) return std::nullopt;
      return std::pair(at->first, at->second.end);
    }
    /// The snapshot `seq` holds nothing in [begin, end), and `passed` deleted entries or more.
    void found(std::string begin, std::string end, std::uint64_t seq, std::uint64_t passed) {
      const std::lock_guard lock(in_.mutex_);
      // Not beyond an entry that came meanwhile: most are put at the end of an index.
      if (!all_known_) return;
      if (const auto put = puts_.lower_bound(begin); put != puts_.end()) end = std::min(end, *put);
      if (begin >= end) return;
      in_.add(std::move(begin), {std::move(end), seq, passed});
    }

   private:
    friend class scan_gaps;
    static constexpr std::size_t puts_max = 65'536;
    void note(const std::vector<std::string_view>& puts) {
      if (puts_.size() + puts.size() > puts_max) all_known_ = false;
      if (all_known_) puts_.insert(puts.begin(), puts.end());
    }
    scan_gaps& in_;
    std::set<std::string> puts_;  ///< since it was made
    bool all_known_ = true;       ///< false: too many came
  };

  /// Before a write: the entries that it puts, in key order. They stay where they are until
  /// `end_write`.
  void begin_write(const std::vector<std::string_view>& puts) {
    const std::lock_guard lock(mutex_);
    writing_ = &puts;
    for (auto* s : scans_) s->note(puts);
    if (gaps_.empty()) return;
    for (const auto key : puts) {
      const auto at = around(key);
      if (at != gaps_.end()) split(at, key);
    }
  }
  /// Every snapshot from now on shows what was written.
  void end_write() {
    const std::lock_guard lock(mutex_);
    writing_ = nullptr;
  }
  /// Of a store that follows a writer, when it has.
  void clear() {
    const std::lock_guard lock(mutex_);
    gaps_.clear();
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return gaps_.size();
  }

 private:
  struct gap {
    std::string end;
    std::uint64_t seq = 0;
    std::uint64_t passed = 0;
  };
  using gap_map = std::map<std::string, gap, std::less<>>;

  gap_map::iterator around(std::string_view key) {
    auto at = gaps_.upper_bound(key);
    if (at == gaps_.begin()) return gaps_.end();
    --at;
    return key < at->second.end ? at : gaps_.end();
  }
  void split(gap_map::iterator at, std::string_view key) {
    std::string next(key);
    next.push_back('\0');
    at->second.passed /= 2;
    auto rest = at->second;
    at->second.end = key;
    if (at->first == key) gaps_.erase(at);
    if (next < rest.end) gaps_.insert_or_assign(std::move(next), std::move(rest));
    keep_few();
  }
  void add(std::string begin, gap g) {
    // What it overlaps is part of it.
    auto at = gaps_.upper_bound(begin);
    if (at != gaps_.begin() && std::prev(at)->second.end >= begin) --at;
    while (at != gaps_.end() && at->first <= g.end) {
      begin = std::min(begin, at->first);
      g.end = std::max(g.end, at->second.end);
      g.seq = std::max(g.seq, at->second.seq);
      g.passed += at->second.passed;
      at = gaps_.erase(at);
    }
    gaps_.insert_or_assign(std::move(begin), std::move(g));
    keep_few();
  }
  void keep_few() {
    if (gaps_.size() <= kept_max) return;
    gaps_.erase(std::min_element(gaps_.begin(), gaps_.end(), [](const auto& a, const auto& b) {
      return a.second.passed < b.second.passed;
    }));
  }

  mutable std::mutex mutex_;
  gap_map gaps_;  ///< by where they begin; none overlaps another
  std::list<scan*> scans_;
  const std::vector<std::string_view>* writing_ = nullptr;  ///< what a write puts that is under way
};

}  // namespace tenax::storage
