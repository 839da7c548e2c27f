// progress.hpp - what the latest heartbeats of open attempts have said: seen by engine::get, kept
// nowhere. Depends on model. Thread safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/definition.hpp"
#include "model/seams.hpp"

namespace tenax::actors {

class progress_board {
 public:
  /// Texts are cut by the caller. Beyond this nothing new is noted.
  static constexpr std::size_t bytes_max = 16u << 20;

  struct note {
    std::string action_key{};
    std::uint32_t attempt = 0;
    model::time_ms at_ms = 0;
    std::string text{};
    std::uint64_t number = 0;  ///< as set: 1, 2, ...
  };

  void set(const std::string& workflow_id, model::action_index action, note what) {
    const std::lock_guard lock(mutex_);
    auto found = notes_.find(std::pair(workflow_id, action));
    const std::size_t more = bytes_of(workflow_id, what);
    const std::size_t less = found == notes_.end() ? 0 : bytes_of(workflow_id, found->second);
    if (bytes_ - less + more > bytes_max) return;
    what.number = ++last_number_;
    bytes_ += more - less;
    if (found == notes_.end()) {
      notes_.emplace(std::pair(workflow_id, action), std::move(what));
      any_.store(true, std::memory_order_relaxed);
    } else {
      found->second = std::move(what);
    }
  }
  [[nodiscard]] std::optional<note> of(std::string_view workflow_id,
                                       model::action_index action) const {
    if (!any_.load(std::memory_order_relaxed)) return std::nullopt;
    const std::lock_guard lock(mutex_);
    const auto found = notes_.find(std::pair(std::string(workflow_id), action));
    if (found == notes_.end()) return std::nullopt;
    return found->second;
  }
  /// All of one workflow, by action.
  [[nodiscard]] std::vector<note> of(std::string_view workflow_id) const {
    std::vector<note> found;
    if (!any_.load(std::memory_order_relaxed)) return found;
    const std::lock_guard lock(mutex_);
    const std::string id(workflow_id);
    for (auto at = notes_.lower_bound({id, 0}); at != notes_.end() && at->first.first == id; ++at)
      found.push_back(at->second);
    return found;
  }
  /// Its attempt is not open any more.
  void forget(const std::string& workflow_id, model::action_index action) {
    if (!any_.load(std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex_);
    const auto found = notes_.find(std::pair(workflow_id, action));
    if (found == notes_.end()) return;
    bytes_ -= bytes_of(workflow_id, found->second);
    notes_.erase(found);
    any_.store(!notes_.empty(), std::memory_order_relaxed);
  }

 private:
  static std::size_t bytes_of(const std::string& workflow_id, const note& what) {
    return workflow_id.size() + what.action_key.size() + what.text.size() + 160;
  }
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, model::action_index>, note> notes_;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  std::atomic<bool> any_ = false;
};

}  // namespace tenax::actors
