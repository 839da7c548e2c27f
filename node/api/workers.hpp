// workers.hpp - workers that ask over the API: whose polls wait, what was told under a poll_id, who
// was seen. Depends on include/tenax only. Thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tenax/engine.hpp"

namespace tenax::api {

/// Whoever waits for the answer of one poll.
struct poll_client {
  /// Answers, and calls `written` once: whether it could be.
  std::function<bool(std::string body, std::function<void(bool)> written)> answer;
  std::function<void(const error&)> refuse;
};

struct worker_view {
  std::string name;
  wall_time seen_at{};
  std::size_t polls_waiting = 0;
  std::size_t running = 0;  ///< tasks that were given, and not ended or given up since
  std::uint64_t given = 0;  ///< tasks, since the server's start
  std::size_t max = 0;      ///< of its last poll
  std::vector<std::string> types;
};

class worker_desk : public std::enable_shared_from_this<worker_desk> {
 public:
  /// In a shared_ptr: an engine may call back after the server is gone.
  explicit worker_desk(engine& target) : engine_(target) {}
  worker_desk(const worker_desk&) = delete;
  worker_desk& operator=(const worker_desk&) = delete;

  /// Asks. With an id: who asks again under it gets what was told, while that may still be worked
  /// on, or waits in place of who asked before. Returns what `leave` takes; nothing: it was told.
  struct place {
    std::uint64_t key = 0;
    std::uint32_t client = 0;  ///< of those that waited one after the other
  };
  std::optional<place> ask(worker_poll what, const std::string& poll_id, poll_client client);
  /// The client has left: what it would have had is given back.
  void leave(const place& of);
  /// Answers those who wait with nothing, and refuses others.
  void release();

  /// For the figures: a task has ended, or goes on until then.
  void note_end(const std::string& token);
  void note_beat(const std::string& token, const std::optional<wall_time>& given_up_at);

  [[nodiscard]] std::vector<worker_view> workers() const;
  [[nodiscard]] std::size_t waiting() const;
  /// Tasks given to clients, since the start.
  [[nodiscard]] std::uint64_t given() const;

 private:
  struct open_poll {
    std::string worker;
    std::string id;  ///< "": none
    poll_client client;
    std::uint64_t ticket = 0;  ///< 0: not known yet
    std::uint32_t clients = 1;
    bool has_left = false;
  };
  struct told_poll {
    std::string body;
    wall_time until{};  ///< when the first of its tasks may be given up
  };
  struct running_task {
    std::string worker;
    wall_time until{};
  };
  using name = std::pair<std::string, std::string>;  ///< worker and poll_id

  void take(std::uint64_t key, result<std::vector<worker_task>> got);
  void tell(open_poll p, std::string body, std::vector<worker_task> tasks);
  /// Under the lock.
  void keep(const name& of, const std::string& body, const std::vector<worker_task>& tasks);
  void note_given(const std::string& worker, const std::vector<worker_task>& tasks);
  void give_back(const std::vector<worker_task>& tasks, bool all);
  void see(const worker_poll& what);

  engine& engine_;
  mutable std::mutex mutex_;
  bool released_ = false;
  std::uint64_t last_key_ = 0;
  std::map<std::uint64_t, open_poll> open_;
  std::map<name, std::uint64_t> open_by_name_;
  std::map<name, told_poll> told_;
  std::deque<name> told_order_;
  std::size_t told_bytes_ = 0;
  std::map<std::string, worker_view, std::less<>> workers_;
  std::unordered_map<std::string, running_task> running_;  ///< by token
  std::uint64_t given_ = 0;
};

}  // namespace tenax::api
