#include "http/exchange.hpp"

#include <utility>

#include "http/connection.hpp"
#include "http/loop.hpp"
#include "http/responder.hpp"

namespace tenax::http {

bool exchange::answer(response r, written_call written) {
  if (!advance(state::answered)) return false;
  loop_->dispatch(client_, [r = std::move(r), written = std::move(written)](connection& c) mutable {
    c.respond(std::move(r), std::move(written));
  });
  return true;
}

bool exchange::begin_stream(response head, bool is_events) {
  if (!advance(is_events ? state::events : state::streaming)) return false;
  loop_->dispatch(client_, [head = std::move(head), is_events](connection& c) mutable {
    c.begin_stream(std::move(head), is_events);
  });
  return true;
}

bool exchange::advance(state to) {
  const std::lock_guard lock(mutex_);
  if (state_ != state::waiting) return false;
  state_ = to;
  return true;
}

bool exchange::write(std::string_view bytes) {
  std::unique_lock lock(mutex_);
  if (!streams()) return false;
  if (waiting_.empty() || waiting_.size() + bytes.size() <= bytes_max_) {
    waiting_ += bytes;
    wake(std::move(lock));
    return true;
  }
  waiting_ = state_ == state::events ? format_event({.name = "reset"}) : std::string();
  state_ = state::dropped;
  was_dropped_ = true;
  loop_->post(client_, [](connection& c) { c.flush(); });
  tell_gone(std::move(lock));
  return false;
}

void exchange::end() {
  std::unique_lock lock(mutex_);
  if (!streams()) return;
  state_ = state::ended;
  wake(std::move(lock));
}

void exchange::cut() {
  std::unique_lock lock(mutex_);
  if (!streams()) return;
  state_ = state::ended;
  is_cut_ = true;
  wake(std::move(lock));
}

bool exchange::is_open() const {
  const std::lock_guard lock(mutex_);
  return streams();
}

void exchange::on_gone(std::function<void()> call) {
  std::unique_lock lock(mutex_);
  const bool is_over = state_ == state::closed || (state_ == state::ended && !is_cut_);
  if (!is_gone_ && is_over) return;
  on_gone_.swap(call);  // what was there goes after the lock: it may hold the last handle of this
  if (is_gone_) tell_gone(std::move(lock));
}

void exchange::on_sent(std::function<void()> call) {
  std::unique_lock lock(mutex_);
  on_sent_.swap(call);  // what was there goes after the lock, as above
  streams() ? wake(std::move(lock)) : tell_sent(std::move(lock));
}

bool exchange::was_dropped() const {
  const std::lock_guard lock(mutex_);
  return was_dropped_;
}

void exchange::abandon_answer() {
  answer(problem_response(500, "the request was not answered"), written_call());
}

exchange::piece exchange::take() {
  std::unique_lock lock(mutex_);
  is_woken_ = false;
  piece next{std::exchange(waiting_, {}), state_ == state::ended || state_ == state::dropped,
             state_ == state::dropped};
  if (next.bytes.empty()) tell_sent(std::move(lock));
  return next;
}

void exchange::leave() {
  std::unique_lock lock(mutex_);
  tell_gone(std::move(lock));
}

void exchange::close() {
  std::unique_lock lock(mutex_);
  state_ = state::closed;
  waiting_ = {};
  const auto sent = std::exchange(on_sent_, {});
  tell_gone(std::move(lock));
  if (sent) sent();
}

void exchange::finish() {
  std::function<void()> released;  // after the lock, as above
  std::unique_lock lock(mutex_);
  state_ = state::closed;
  const auto sent = std::exchange(on_sent_, {});
  if (is_cut_) {
    tell_gone(std::move(lock));
  } else {
    released.swap(on_gone_);
    lock.unlock();
  }
  if (sent) sent();
}

/// Without the lock, for the call may come back to this exchange.
void exchange::tell_gone(std::unique_lock<std::mutex> lock) {
  is_gone_ = true;
  const auto call = std::exchange(on_gone_, {});
  lock.unlock();
  if (call) call();
}

void exchange::tell_sent(std::unique_lock<std::mutex> lock) {
  const auto call = std::exchange(on_sent_, {});
  lock.unlock();
  if (call) call();
}

void exchange::wake(std::unique_lock<std::mutex> lock) {
  if (std::exchange(is_woken_, true)) return;
  lock.unlock();
  loop_->post(client_, [](connection& c) { c.flush(); });
}

// --- the handles -------------------------------------------------------------------------------

struct responder::handle {
  explicit handle(std::shared_ptr<exchange> e) : at(std::move(e)) {}
  ~handle() { at->abandon_answer(); }
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  std::shared_ptr<exchange> at;
};

struct stream::handle {
  explicit handle(std::shared_ptr<exchange> e) : at(std::move(e)) {}
  ~handle() { at->end(); }
  handle(const handle&) = delete;
  handle& operator=(const handle&) = delete;
  std::shared_ptr<exchange> at;
};

responder::responder(std::shared_ptr<exchange> e)
    : handle_(std::make_shared<handle>(std::move(e))) {}

bool responder::send(response r, std::function<void(bool)> written) const {
  return handle_->at->answer(std::move(r), written_call(std::move(written)));
}

stream responder::begin(response head, bool is_events) const {
  const auto& at = handle_->at;
  if (!at->begin_stream(std::move(head), is_events)) return {};
  return stream(std::make_shared<stream::handle>(at));
}

stream responder::send_stream(response head) const { return begin(std::move(head), false); }

stream responder::send_events(response head) const {
  head.headers.push_back({"Content-Type", "text/event-stream"});
  head.headers.push_back({"Cache-Control", "no-store"});
  return begin(std::move(head), true);
}

void responder::on_gone(std::function<void()> call) const { handle_->at->on_gone(std::move(call)); }

bool stream::write(std::string_view bytes) const { return handle_ && handle_->at->write(bytes); }
void stream::end() const {
  if (handle_) handle_->at->end();
}
void stream::on_sent(std::function<void()> call) const {
  if (handle_) return handle_->at->on_sent(std::move(call));
  if (call) call();
}
bool stream::was_dropped() const { return handle_ && handle_->at->was_dropped(); }
bool stream::is_open() const { return handle_ && handle_->at->is_open(); }
void stream::on_gone(std::function<void()> call) const {
  if (handle_) return handle_->at->on_gone(std::move(call));
  if (call) call();
}

}  // namespace tenax::http
