#include "http/loop.hpp"

namespace tenax::http {

void loop::add(const std::shared_ptr<connection>& c) {
  connections_.emplace(c.get(), c);
  c->open();
  if (!std::exchange(is_ticking_, true)) tick();
}

void loop::remove(connection* c) {
  connections_.erase(c);
  end_if_done();
}

void loop::stop(time_point by) {
  is_stopping_ = true;
  stop_by_ = by;
  for (const auto& c : all()) c->stop();
  timer_.cancel();  // the tick looks now, and more often from now on
  end_if_done();
}

void loop::end_if_done() {
  if (!is_stopping_ || !connections_.empty()) return;
  timer_.cancel();
  work_.reset();
}

std::vector<std::shared_ptr<connection>> loop::all() const {
  std::vector<std::shared_ptr<connection>> copies;
  copies.reserve(connections_.size());
  for (const auto& [_, c] : connections_) copies.push_back(c);
  return copies;
}

/// One timer for all deadlines: none is armed and cancelled for each request.
void loop::tick() {
  timer_.expires_after(is_stopping_ ? std::chrono::milliseconds(10) : tick_);
  timer_.async_wait([this](const boost::system::error_code&) {
    is_ticking_ = !connections_.empty();
    if (is_ticking_) tick();
    const auto now = std::chrono::steady_clock::now();
    for (const auto& c : all()) {
      if (is_stopping_ && now >= stop_by_) {
        c->close();
      } else {
        c->tick(now);
      }
    }
  });
}

}  // namespace tenax::http
