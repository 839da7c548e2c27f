// traces.hpp - sends spans to a collector: one thread reads what is new in histories, and posts
// documents. The engine is never waited for: what is too much is dropped, and counted.
// Depends on include/tenax and node/api only. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "node/api/paced_step.hpp"
#include "node/api/spans.hpp"
#include "tenax/engine.hpp"
#include "tenax/server.hpp"

namespace tenax::api {

struct trace_figures {
  std::uint64_t sent = 0;             ///< spans that the collector has taken
  std::uint64_t dropped = 0;          ///< spans that were too many
  std::uint64_t refused = 0;          ///< spans that the collector will not have
  std::uint64_t changes_dropped = 0;  ///< changes of workflows that were too many to be looked at
  std::size_t waiting = 0;            ///< spans
};

class traces {
 public:
  using send_function = decltype(server_options::send_spans);

  // Bounds of memory: some ten megabytes of each.
  static constexpr std::size_t spans_max = 8'192;         ///< that wait for the collector
  static constexpr std::size_t changed_max = 20'000;      ///< workflows that wait to be looked at
  static constexpr std::size_t followed_max = 20'000;     ///< open workflows whose place it knows
  static constexpr std::size_t ended_max = 2'000;         ///< the same of ended ones
  static constexpr std::size_t batch_max = 512;           ///< spans of a document
  static constexpr milliseconds batch_every{200};         ///< what is new is looked at
  static constexpr milliseconds again_first{1'000};       ///< after a collector was not there
  static constexpr milliseconds again_last{30'000};       ///< doubling until this
  static constexpr milliseconds again_asked_max{60'000};  ///< more it cannot ask for
  static constexpr milliseconds last_words{2'000};        ///< of `stop`, for what waits

  /// What ended before now was told by another process.
  traces(engine& target, send_function send, log_sink log);
  traces(const traces&) = delete;
  traces& operator=(const traces&) = delete;
  ~traces() { stop(); }

  /// Sends what waits, if that can be done within `last_words`, and ends the thread.
  void stop();
  [[nodiscard]] trace_figures count() const;

 private:
  using clock = std::chrono::steady_clock;
  struct followed {
    std::string id;
    workflow_spans spans;
    bool is_among_ended = false;
  };
  using places = std::list<followed>;  ///< what was looked at last is the first

  void told(std::string_view id);
  void run();
  [[nodiscard]] bool wait_for_news(std::unordered_set<std::string>& ids);
  void look(const std::string& id);
  followed* follow(const std::string& id);
  void forget(const std::string& id);
  void sort_in(followed& f);
  void keep(std::vector<std::string> spans);
  void send();
  void settle(const span_receipt& receipt, std::size_t sent);

  engine& engine_;
  const send_function send_;
  const log_sink log_;
  const wall_time since_ = std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  std::uint64_t ticket_ = 0;

  // Of the thread.
  paced_step step_;  ///< most events are small, of one workflow as of the next
  places open_;
  places ended_;
  std::unordered_map<std::string, places::iterator> by_id_;
  std::deque<std::string> waiting_;  ///< spans
  clock::time_point not_before_{};   ///< for the next document
  milliseconds again_in_{again_first};
  bool is_down_ = false;  ///< that was said

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_set<std::string> ids_;
  bool stopped_ = false;
  bool has_ended_ = false;  ///< the thread

  std::atomic<bool> is_full_{false};  ///< ids_
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> changes_dropped_{0};
  std::atomic<std::size_t> waiting_count_{0};

  std::stop_source ends_;  ///< a document that is on its way
  std::thread thread_;     // last: uses all of the above
};

}  // namespace tenax::api
