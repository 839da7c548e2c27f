#include "node/api/traces.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace tenax::api {

traces::traces(engine& target, send_function send, log_sink log)
    : engine_(target), send_(std::move(send)), log_(std::move(log)), thread_([this] { run(); }) {
  ticket_ = engine_.watch([this](std::string_view id) { told(id); });
}

void traces::stop() {
  if (!thread_.joinable()) return;
  engine_.unwatch(ticket_);
  {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
    if (!changed_.wait_for(lock, last_words, [this] { return has_ended_; })) ends_.request_stop();
  }
  thread_.join();
}

trace_figures traces::count() const {
  return {sent_, dropped_, refused_, changes_dropped_, waiting_count_};
}

/// On a thread of the engine, which must not be kept.
void traces::told(std::string_view id) {
  if (id.empty()) return;
  if (is_full_.load(std::memory_order_relaxed)) {
    ++changes_dropped_;
    return;
  }
  const std::lock_guard lock(mutex_);
  if (!ids_.emplace(id).second) return;
  if (ids_.size() == 1) changed_.notify_all();
  if (ids_.size() >= changed_max) is_full_ = true;
}

// --- the thread --------------------------------------------------------------------------------

void traces::run() {
  std::unordered_set<std::string> ids;
  bool goes_on = true;
  while (goes_on) {
    goes_on = wait_for_news(ids);
    for (const auto& id : ids) {
      if (ends_.stop_requested()) break;
      look(id);
      if (waiting_.size() >= batch_max) send();
    }
    send();
  }
  not_before_ = {};
  send();
  dropped_ += waiting_.size();
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  changed_.notify_all();
}

/// What comes within a moment is looked at together. False: it is to stop.
bool traces::wait_for_news(std::unordered_set<std::string>& ids) {
  ids.clear();
  std::unique_lock lock(mutex_);
  const auto is_over = [this] { return stopped_; };
  const auto has_news = [this] { return stopped_ || !ids_.empty(); };
  if (waiting_.empty()) {
    changed_.wait(lock, has_news);
  } else {
    changed_.wait_until(lock, not_before_, has_news);
  }
  changed_.wait_for(lock, batch_every, is_over);
  ids.swap(ids_);
  is_full_ = false;
  return !stopped_;
}

void traces::look(const std::string& id) {
  auto* const f = follow(id);
  if (f == nullptr) return;
  std::vector<std::string> spans;
  for (;;) {
    const auto wanted = step_.events();
    const auto events = engine_.history(id, f->spans.seq(), wanted);
    if (!events) return forget(id);  // it was removed
    std::size_t bytes = 0;
    for (const auto& e : *events) {
      bytes += e.data.size() + sizeof e;
      f->spans.take(e, spans);
      if (e.at >= since_) keep(std::move(spans));
      spans.clear();
    }
    step_.took(bytes);
    if (events->size() < wanted) return sort_in(*f);
  }
}

/// Null: there is no such workflow.
traces::followed* traces::follow(const std::string& id) {
  const auto known = by_id_.find(id);
  if (known != by_id_.end() && !known->second->is_among_ended) return &*known->second;
  const auto w = engine_.summary(id);
  if (!w) {
    forget(id);
    return nullptr;
  }
  if (known != by_id_.end()) {
    if (known->second->spans.submitted_at() == w->submitted_at) return &*known->second;
    forget(id);  // another one has its id
  }
  open_.push_front({id, workflow_spans(id, w->name), false});
  by_id_[id] = open_.begin();
  return &open_.front();
}

/// What was looked at last is the first; the last ones are forgotten. If there is news of such a
/// one, its spans are made again, with the same ids.
void traces::sort_in(followed& f) {
  const auto at = by_id_.find(f.id)->second;
  auto& from = f.is_among_ended ? ended_ : open_;
  f.is_among_ended = f.spans.has_ended();
  auto& to = f.is_among_ended ? ended_ : open_;
  to.splice(to.begin(), from, at);
  if (to.size() > (f.is_among_ended ? ended_max : followed_max)) forget(std::string(to.back().id));
}

void traces::forget(const std::string& id) {
  const auto known = by_id_.find(id);
  if (known == by_id_.end()) return;
  (known->second->is_among_ended ? ended_ : open_).erase(known->second);
  by_id_.erase(known);
}

void traces::keep(std::vector<std::string> spans) {
  for (auto& s : spans) {
    if (waiting_.size() >= spans_max) {
      ++dropped_;
    } else {
      waiting_.push_back(std::move(s));
    }
  }
  waiting_count_ = waiting_.size();
}

/// What waits, as long as it is taken.
void traces::send() {
  while (!waiting_.empty() && clock::now() >= not_before_) {
    const auto n = std::min(waiting_.size(), batch_max);
    span_receipt receipt;
    try {
      receipt = send_(spans_document(waiting_, n), ends_.get_token());
    } catch (const std::exception& e) {
      receipt = {span_receipt::kind::refused, e.what(), {}};
    }
    settle(receipt, n);
  }
}

void traces::settle(const span_receipt& receipt, std::size_t sent) {
  using kind = span_receipt::kind;
  const bool is_taken = receipt.what == kind::taken;
  if (is_taken == is_down_ && log_ && !ends_.stop_requested()) {
    is_taken ? log_(log_level::info, "traces: the collector takes spans again")
             : log_(log_level::warning, "traces: the collector takes no spans: " + receipt.why);
  }
  is_down_ = !is_taken;
  if (receipt.what == kind::again) {
    const auto asked = std::clamp(receipt.retry_after, milliseconds(0), again_asked_max);
    not_before_ = clock::now() + std::max(again_in_, asked);
    again_in_ = std::min(2 * again_in_, again_last);
    return;
  }
  (is_taken ? sent_ : refused_) += sent;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
  waiting_count_ = waiting_.size();
  again_in_ = again_first;
  not_before_ = {};
}

}  // namespace tenax::api
