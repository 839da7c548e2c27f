// responder.hpp - how an application answers a request: at once or much later, whole or as a
// stream, from any thread. Depends on std only. Handles: copies mean the same request.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "http/response.hpp"

namespace tenax::http {

class exchange;

/// A response that is written bit by bit. Thread-safe. When the last copy goes, the stream ends.
class stream {
 public:
  /// Nobody reads it.
  stream() = default;

  /// Queues bytes and returns at once. False: nobody reads any more - the client has left, the
  /// stream has ended, or its reader is so slow that something waits for it still and this would
  /// make it more than `options::stream_bytes_max` bytes. Such a reader is dropped: what waits is
  /// discarded (in an event stream `event: reset` takes its place), and the connection is closed.
  /// An event is written by one call.
  bool write(std::string_view bytes) const;
  /// No more will come; what was written is still sent.
  void end() const;
  /// Whether a write could reach somebody.
  [[nodiscard]] bool is_open() const;
  /// Calls once, on an io thread or at once, when nothing waits any more: all that was written has
  /// been given to the system; or when nobody reads any more. For who has much to write and can
  /// wait: it never has its reader dropped. The call must not block; a later one replaces it.
  void on_sent(std::function<void()> call) const;
  /// Whether the reader was dropped for being slow.
  [[nodiscard]] bool was_dropped() const;
  /// As responder::on_gone: the client has left, was dropped, or wants no body (HEAD), before
  /// end().
  void on_gone(std::function<void()> call) const;

 private:
  friend class responder;
  struct handle;
  explicit stream(std::shared_ptr<handle> h) : handle_(std::move(h)) {}
  std::shared_ptr<handle> handle_;
};

/// Answers one request, once. Thread-safe. When the last copy goes unanswered, the answer is 500.
class responder {
 public:
  /// Answers. False: it was answered before, or the client has left. `written` is called once, on
  /// an io thread, or by this call if that is false: with true when all bytes were given to the
  /// system, which does not mean that they arrived; with false when that was not possible.
  bool send(response r, std::function<void(bool)> written = {}) const;
  /// Answers with a stream; `head` has no body.
  [[nodiscard]] stream send_stream(response head) const;
  /// Answers with Server-Sent Events; the headers they need are added.
  [[nodiscard]] stream send_events(response head = {}) const;

  /// Calls once, on an io thread, when the client leaves before the whole answer is sent: a long
  /// poll can be given up. Called at once if it has left already. It may still take an answer if it
  /// has closed only its sending side. Not noticed, before a write fails, of a client that has sent
  /// its next request already. The call must not block; a later one replaces it.
  void on_gone(std::function<void()> call) const;

  /// For the server.
  explicit responder(std::shared_ptr<exchange> e);

 private:
  stream begin(response head, bool is_events) const;

  struct handle;
  std::shared_ptr<handle> handle_;
};

}  // namespace tenax::http
