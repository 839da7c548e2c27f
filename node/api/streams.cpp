#include "node/api/streams.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "model/documents/view_json.hpp"
#include "node/api/reading.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

using model::json_writer;

namespace {

/// A piece of a history: the next one is read when this has been sent.
constexpr std::size_t piece_bytes = 64 * 1024;
/// What the engine had decided before it was watched is durable then (engine::watch).
constexpr milliseconds settled{100};
/// What is told of changes at once; more is a reset.
constexpr std::size_t changes_bytes_max = 128 * 1024;
/// What a client waits before it comes again.
constexpr std::string_view advice = "retry: 2000\n\n";

std::string reset_text(std::string_view id, std::string_view reason) {
  return http::format_event(
      {id, "reset", model::object_text([&](json_writer& out) { out.string("reason", reason); })});
}

std::string gone_text(std::string_view name, std::string_view id) {
  return http::format_event(
      {{}, name, model::object_text([&](json_writer& out) { out.string("id", id); })});
}

std::string event_text(const history_event& e) {
  return http::format_event({std::to_string(e.seq), e.kind, model::to_json(e)});
}

std::string progress_text(const attempt_progress& p) {
  return http::format_event({{}, "progress", model::to_json(p)});
}

}  // namespace

void changed_ids::add(std::string_view id) {
  if (is_full_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (ids_.contains(id)) return;
  ids_.size() < ids_max ? static_cast<void>(ids_.emplace(id)) : is_full_.store(true);
}

changed_ids::taken changed_ids::take() {
  const std::lock_guard lock(mutex_);
  return {std::exchange(ids_, {}), is_full_.exchange(false)};
}

// --- who reads ---------------------------------------------------------------------------------

void streams::add_history(std::string id, std::uint64_t after, http::stream to) {
  auto r = std::make_shared<reader>();
  r->id = std::move(id);
  r->last = after;
  r->to = std::move(to);
  add(std::move(r));
}

void streams::add_changes(http::stream to) {
  auto r = std::make_shared<reader>();
  r->to = std::move(to);
  add(std::move(r));
}

void streams::add(reader_ptr r) {
  const auto now = clock::now();
  {
    const std::lock_guard lock(mutex_);
    if (released_) return;  // the last handle ends the stream
    r->key = ++last_key_;
    r->settles_at = now + settled;
    readers_.emplace(r->key, r);
    if (r->id) {
      by_id_[*r->id].push_back(r);
      ++slot_of(*r->id);
    } else {
      ++changes_readers_;
    }
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  watch_if_needed();
  r->to.on_gone([weak = weak_from_this(), key = r->key] {
    if (const auto self = weak.lock()) self->remove(key);
  });
  const std::lock_guard lock(mutex_);
  make_due(r, r->id ? now : now + settled);
}

void streams::remove(std::uint64_t key) {
  reader_ptr gone;  // after the lock: its stream may call back
  {
    const std::lock_guard lock(mutex_);
    const auto at = readers_.find(key);
    if (at == readers_.end()) return;
    gone = std::move(at->second);
    readers_.erase(at);
    if (gone->id) {
      --slot_of(*gone->id);
      const auto same = by_id_.find(*gone->id);
      std::erase(same->second, gone);
      if (same->second.empty()) by_id_.erase(same);
    } else {
      --changes_readers_;
    }
  }
  if (gone->to.was_dropped()) ++dropped_;
  watch_if_needed();
}

/// The engine is asked to tell while somebody reads, and not otherwise.
void streams::watch_if_needed() {
  const std::lock_guard in_order(watch_mutex_);
  bool is_wanted = false;
  {
    const std::lock_guard lock(mutex_);
    is_wanted = !readers_.empty();
  }
  if (is_wanted && ticket_ == 0) {
    ticket_ = engine_.watch([this](std::string_view id) { told(id); });
  } else if (!is_wanted && ticket_ != 0) {
    engine_.unwatch(std::exchange(ticket_, 0));
  }
}

std::atomic<std::uint32_t>& streams::slot_of(std::string_view id) {
  return slots_[std::hash<std::string_view>()(id) % slots_.size()];
}

// --- what is new -------------------------------------------------------------------------------

/// On a thread of the engine, which must not be kept.
void streams::told(std::string_view id) {
  if (id.empty()) {
    {
      const std::lock_guard lock(mutex_);
      engine_is_over_ = true;
      for (const auto& [key, r] : readers_) make_due(r, clock::now());
    }
    return;
  }
  if (changes_readers_.load(std::memory_order_relaxed) > 0) changes_.add(id);
  if (slot_of(id).load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  for (const auto& r : found->second) make_due(r, std::max(clock::now(), r->not_before));
}

/// Under the mutex.
void streams::make_due(const reader_ptr& r, clock::time_point at) {
  if (r->is != reader::state::idle) {
    r->again = true;
    return;
  }
  r->is = reader::state::due;
  const bool is_next = due_.empty() || at < due_.begin()->first;
  due_.emplace(at, r->key);
  if (is_next) changed_.notify_one();
}

/// All that was written for a reader has left: it may have more.
void streams::sent(std::uint64_t key, bool is_more) {
  const std::lock_guard lock(mutex_);
  const auto at = readers_.find(key);
  if (at == readers_.end()) return;
  const auto& r = at->second;
  r->is = reader::state::idle;
  if (is_more) return make_due(r, clock::now());
  if (std::exchange(r->again, false)) make_due(r, std::max(clock::now(), r->not_before));
}

// --- the thread --------------------------------------------------------------------------------

void streams::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (run_one(lock)) continue;
    auto until = due_.empty() ? clock::time_point::max() : due_.begin()->first;
    if (changes_readers_ > 0) {
      if (clock::now() >= changes_at_) {
        lock.unlock();
        tell_changes();
        lock.lock();
        continue;
      }
      until = std::min(until, changes_at_);
    }
    until == clock::time_point::max() ? changed_.wait(lock)
                                      : static_cast<void>(changed_.wait_until(lock, until));
  }
}

/// False: nobody is due. Unlocks meanwhile.
bool streams::run_one(std::unique_lock<std::mutex>& lock) {
  if (due_.empty() || due_.begin()->first > clock::now()) return false;
  const auto key = due_.begin()->second;
  due_.erase(due_.begin());
  const auto at = readers_.find(key);
  if (at == readers_.end()) return true;
  auto r = at->second;
  r->is = reader::state::busy;
  r->again = false;
  lock.unlock();
  serve(r);
  r.reset();
  lock.lock();
  return true;
}

void streams::serve(const reader_ptr& r) {
  if (!r->id) return begin_changes(r);
  std::string text = std::exchange(r->has_begun, true) ? "" : std::string(advice);
  const auto now = clock::now();
  const bool is_settled = now >= r->settles_at;  // else what is durable may not be told
  bool is_over = false;
  {
    const std::lock_guard lock(mutex_);
    is_over = engine_is_over_;
    r->not_before = is_settled ? now + history_every : r->settles_at;
    r->again = r->again || !is_settled;
  }
  auto then = write_history(*r, text);
  if (then == next::rests && is_over) then = next::ends;  // without `end`: it goes on elsewhere
  if (!text.empty()) write(*r, text);
  if (then == next::ends) return end(r);
  const bool is_more = then == next::goes_on;
  if (text.empty()) return sent(r->key, is_more);
  r->to.on_sent([weak = weak_from_this(), key = r->key, is_more] {
    if (const auto self = weak.lock()) self->sent(key, is_more);
  });
}

streams::next streams::write_history(reader& r, std::string& text) const {
  while (text.size() < piece_bytes) {
    const auto wanted = r.step.events();
    const auto events = engine_.history(*r.id, r.last, wanted);
    if (!events) {
      if (events.error().code() == errc::not_found) text += gone_text("end", *r.id);
      return next::ends;
    }
    const auto before = text.size();
    for (const auto& e : *events) text += event_text(e);
    r.step.took(text.size() - before);
    if (!events->empty()) r.last = events->back().seq;
    if (events->size() < wanted) return write_state(r, text);
  }
  return next::goes_on;
}

/// All events have been read: what else is to be said.
streams::next streams::write_state(reader& r, std::string& text) const {
  const auto w = engine_.summary(*r.id);
  if (!w) {
    if (w.error().code() == errc::not_found) text += gone_text("end", *r.id);
    return next::ends;
  }
  if (w->events > r.last) return next::goes_on;
  if (w->events < r.last) {  // the workflow was removed, and another one has its id
    text += reset_text("0", "the history is shorter than what you have: it is another workflow's");
    r.last = 0;
    return next::goes_on;
  }
  if (is_terminal(w->status)) {
    text += http::format_event({{}, "end", model::to_json(*w)});
    return next::ends;
  }
  if (w->actions.outside == 0) return next::rests;
  auto latest = r.progress;
  for (const auto& p : engine_.progress(*r.id)) {
    if (p.number > r.progress) text += progress_text(p);
    latest = std::max(latest, p.number);
  }
  r.progress = latest;
  return next::rests;
}

void streams::end(const reader_ptr& r) {
  r->to.end();
  remove(r->key);
}

void streams::write(reader& r, const std::string& text) {
  if (!r.to.write(text)) remove(r.key);
}

// --- changes -----------------------------------------------------------------------------------

/// What was decided before the engine was watched is durable now: what the client reads after this
/// has it.
void streams::begin_changes(const reader_ptr& r) {
  r->has_begun = true;
  write(*r, std::string(advice) + reset_text({}, "changes are told from now on: read the list") +
                totals());
}

void streams::tell_changes() {
  const auto now = clock::now();
  changes_at_ = now + changes_every;
  std::string text;
  auto changed = changes_.take();
  for (const auto& id : changed.ids) {
    if (changed.is_more || text.size() > changes_bytes_max) break;
    const auto w = engine_.summary(id);
    if (w) {
      text += http::format_event({{}, "workflow", model::to_json(*w)});
    } else if (w.error().code() == errc::not_found) {
      text += gone_text("removed", id);
    }
  }
  if (changed.is_more || text.size() > changes_bytes_max)
    text = reset_text({}, "more has changed than is told one by one: read the list");
  if (now >= totals_at_) {
    totals_at_ = now + totals_every;
    if (auto all = totals(); all != totals_) text += totals_ = std::move(all);
  }
  write_all(text);
}

void streams::write_all(const std::string& text) {
  std::vector<reader_ptr> all;
  bool is_over = false;
  {
    const std::lock_guard lock(mutex_);
    is_over = engine_is_over_;
    if (text.empty() && !is_over) return;
    for (const auto& [key, r] : readers_) {
      if (!r->id && r->has_begun) all.push_back(r);
    }
  }
  for (const auto& r : all) {
    if (!text.empty()) write(*r, text);
    if (is_over) end(r);
  }
}

std::string streams::totals() const {
  const auto s = engine_.stats();
  return http::format_event({{}, "totals", model::object_text([&](json_writer& out) {
                               out.number("submitted", s.submitted);
                               out.number("open", s.open);
                               out.number("completed", s.completed);
                               out.number("failed", s.failed);
                               out.number("cancelled", s.cancelled);
                               out.number("removed", s.removed);
                             })});
}

// --- its end -----------------------------------------------------------------------------------

void streams::release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  end_all();
}

void streams::end_all() {
  std::vector<reader_ptr> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, r] : readers_) all.push_back(r);
  }
  for (const auto& r : all) end(r);
}

void streams::stop() {
  release();
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

streams::figures streams::count() const {
  const std::lock_guard lock(mutex_);
  return {readers_.size() - changes_readers_, changes_readers_, dropped_};
}

// --- the routes --------------------------------------------------------------------------------

bool wants_events(const http::request& r) {
  const auto accepts = r.find_header("accept");
  return accepts && accepts->find("text/event-stream") != std::string_view::npos;
}

namespace {

/// Streams must leave connections to others.
std::optional<error> no_stream(const call& c) {
  if (c.at().draining) return error(errc::closing, "the server is stopping");
  const auto open = c.at().streamed->count();
  if (open.histories + open.changes < c.at().streams_max) return std::nullopt;
  return error(errc::overloaded,
               "more than " + std::to_string(c.at().streams_max) + " event streams are open");
}

/// Where the client was: what it got last goes before where it began.
std::uint64_t read_place(const call& c, query_reader& query) {
  const auto after =
      query.number("after", 0, std::numeric_limits<std::uint64_t>::max()).value_or(0);
  const auto last = c.request().find_header("last-event-id");
  if (!last || last->empty()) return after;
  std::uint64_t seq = 0;
  const auto read = std::from_chars(last->data(), last->data() + last->size(), seq);
  if (read.ec != std::errc{} || read.ptr != last->data() + last->size())
    query.fault("the header Last-Event-ID must be the id of an event");
  return seq;
}

/// A reload ends the streams that are there: this one may have come just after.
void end_if_revoked(const call& c) {
  if (!c.may_stay()) c.at().streamed->end_all();
}

}  // namespace

void stream_history(const call& c) {
  query_reader query(c.request().query);
  const auto after = read_place(c, query);
  if (const auto wrong = query.fault()) return c.refuse(*wrong);
  c.later([after](const call& self) {
    if (const auto no = no_stream(self)) return self.refuse(*no);
    const auto w = self.target().summary(self.param("id"));
    if (!w) return self.refuse(w.error());
    self.at().streamed->add_history(w->id, after, self.begin_events());
    end_if_revoked(self);
  });
}

void stream_changes(const call& c) {
  if (const auto no = no_stream(c)) return c.refuse(*no);
  c.at().streamed->add_changes(c.begin_events());
  end_if_revoked(c);
}

}  // namespace tenax::api
