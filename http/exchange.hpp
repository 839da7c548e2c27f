// exchange.hpp - where the application's threads and the io thread of a connection meet: one
// request and its answer. Thread-safe. Holds its loop, so that an answer may come after the server
// is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "http/response.hpp"

namespace tenax::http {

class connection;
class loop;

/// Told once whether an answer was written; with false when it goes away untold.
class written_call {
 public:
  explicit written_call(std::function<void(bool)> call = {}) : call_(std::move(call)) {}
  written_call(written_call&& other) noexcept : call_(std::exchange(other.call_, {})) {}
  written_call& operator=(written_call&& other) noexcept {
    call_.swap(other.call_);
    return *this;
  }
  ~written_call() { operator()(false); }
  [[nodiscard]] bool is_asked() const noexcept { return static_cast<bool>(call_); }
  void operator()(bool ok) {
    if (const auto call = std::exchange(call_, {})) call(ok);
  }

 private:
  std::function<void(bool)> call_;
};

class exchange {
 public:
  exchange(std::shared_ptr<loop> at, std::weak_ptr<connection> client, std::size_t bytes_max)
      : loop_(std::move(at)), client_(std::move(client)), bytes_max_(bytes_max) {}

  // --- the application's side: see responder.hpp ---
  bool answer(response r, written_call written);
  bool begin_stream(response head, bool is_events);
  bool write(std::string_view bytes);
  void end();
  [[nodiscard]] bool is_open() const;
  void on_gone(std::function<void()> call);
  void on_sent(std::function<void()> call);
  [[nodiscard]] bool was_dropped() const;
  /// Nobody is left to answer, or to end the stream.
  void abandon_answer();

  // --- the connection's side ---
  struct piece {
    std::string bytes{};
    bool is_last = false;
    bool is_dropped = false;  ///< the connection cannot go on
  };
  /// What the stream has for the client now; all before it has been sent.
  piece take();
  /// Ends the stream for the application, which is told as if the client had left.
  void cut();
  /// The client sends no more: it has left, or waits for its answer only.
  void leave();
  /// Nothing will reach the client any more.
  void close();
  /// The whole answer is sent.
  void finish();

 private:
  enum class state : std::uint8_t {
    waiting,
    answered,
    streaming,
    events,  ///< streaming, as Server-Sent Events
    ended,
    dropped,  ///< the reader was too slow
    closed,
  };

  bool advance(state to);
  [[nodiscard]] bool streams() const {
    return state_ == state::streaming || state_ == state::events;
  }
  void tell_gone(std::unique_lock<std::mutex> lock);
  void wake(std::unique_lock<std::mutex> lock);
  void tell_sent(std::unique_lock<std::mutex> lock);

  const std::shared_ptr<loop> loop_;
  const std::weak_ptr<connection> client_;
  const std::size_t bytes_max_;

  mutable std::mutex mutex_;
  state state_ = state::waiting;
  bool is_gone_ = false;  ///< on_gone's call is due, or was made
  bool is_woken_ = false;
  bool was_dropped_ = false;
  bool is_cut_ = false;
  std::string waiting_;  ///< of a stream
  std::function<void()> on_gone_;
  std::function<void()> on_sent_;
};

}  // namespace tenax::http
