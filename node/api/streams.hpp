// streams.hpp - event streams: one thread writes to all readers what the engine has that they do
// not. The engine is watched only while somebody reads. Depends on include/tenax and http only.
// Thread safe.
//
// A reader of a history holds its place in it and no events: what comes next is read from the store
// when all before has been sent, so a slow reader costs nothing and is never waited for. Readers of
// changes are written to as changes come, in common; one that does not keep up is dropped by http/.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "http/responder.hpp"
#include "node/api/paced_step.hpp"
#include "tenax/engine.hpp"

namespace tenax::api {

/// Ids that have changed since they were taken last: at most so many, and then only that it were
/// more, which costs who notes them one load.
class changed_ids {
 public:
  static constexpr std::size_t ids_max = 200;

  void add(std::string_view id);
  struct taken {
    std::set<std::string, std::less<>> ids{};
    bool is_more = false;  ///< and others, which are not known
  };
  [[nodiscard]] taken take();

 private:
  std::mutex mutex_;
  std::set<std::string, std::less<>> ids_;
  std::atomic<bool> is_full_{false};
};

class streams : public std::enable_shared_from_this<streams> {
 public:
  /// Changes are told this often, totals no more often than each second.
  static constexpr milliseconds changes_every{250};
  static constexpr milliseconds totals_every{1'000};
  /// A history is looked at no more often than this while its reader has all of it.
  static constexpr milliseconds history_every{20};

  /// In a shared_ptr: clients may leave while this is stopped.
  explicit streams(engine& target) : engine_(target) {}
  streams(const streams&) = delete;
  streams& operator=(const streams&) = delete;
  ~streams() { stop(); }

  /// Writes the workflow's events after `after`, those that come, and `event: end` at its end.
  void add_history(std::string id, std::uint64_t after, http::stream to);
  /// Writes what changes from now on.
  void add_changes(http::stream to);
  /// Ends all streams after what is written.
  void end_all();
  /// The same, now and later.
  void release();
  /// Releases, and ends the thread.
  void stop();

  struct figures {
    std::size_t histories = 0;  ///< open now
    std::size_t changes = 0;
    std::uint64_t dropped = 0;  ///< for being slow, ever
  };
  [[nodiscard]] figures count() const;

 private:
  using clock = std::chrono::steady_clock;
  struct reader {
    std::uint64_t key = 0;
    std::optional<std::string> id{};  ///< of the workflow; none: of changes
    http::stream to{};
    // Of the thread.
    std::uint64_t last = 0;  ///< seq
    paced_step step{};
    std::uint64_t progress = 0;  ///< attempt_progress::number
    bool has_begun = false;
    clock::time_point settles_at{};  ///< one more look then
    // Under the mutex.
    enum class state : std::uint8_t { idle, due, busy } is = state::idle;
    bool again = false;  ///< there is news since it is busy
    clock::time_point not_before{};
  };
  using reader_ptr = std::shared_ptr<reader>;
  enum class next : std::uint8_t { rests, goes_on, ends };

  void add(reader_ptr r);
  void remove(std::uint64_t key);
  void watch_if_needed();
  void told(std::string_view id);
  void make_due(const reader_ptr& r, clock::time_point at);
  void sent(std::uint64_t key, bool is_more);
  void run();
  [[nodiscard]] bool run_one(std::unique_lock<std::mutex>& lock);
  void serve(const reader_ptr& r);
  [[nodiscard]] next write_history(reader& r, std::string& text) const;
  [[nodiscard]] next write_state(reader& r, std::string& text) const;
  void tell_changes();
  void begin_changes(const reader_ptr& r);
  void end(const reader_ptr& r);
  void write_all(const std::string& text);
  void write(reader& r, const std::string& text);
  [[nodiscard]] std::string totals() const;
  [[nodiscard]] std::atomic<std::uint32_t>& slot_of(std::string_view id);

  engine& engine_;
  std::mutex watch_mutex_;  ///< before mutex_
  std::uint64_t ticket_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t last_key_ = 0;
  std::map<std::uint64_t, reader_ptr> readers_;
  std::map<std::string, std::vector<reader_ptr>, std::less<>> by_id_;
  std::set<std::pair<clock::time_point, std::uint64_t>> due_;
  bool engine_is_over_ = false;
  bool released_ = false;
  bool stopped_ = false;
  std::thread thread_;  ///< from the first stream on

  changed_ids changes_;
  clock::time_point changes_at_{};  ///< of the thread
  clock::time_point totals_at_{};   ///< of the thread
  std::string totals_{};            ///< of the thread: told last

  /// How many histories are read, by the hash of their ids: most changes are of others, and take no
  /// lock.
  std::array<std::atomic<std::uint32_t>, 8'192> slots_{};
  std::atomic<std::size_t> changes_readers_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace tenax::api
