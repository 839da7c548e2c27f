#include "storage/journal.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "model/failpoint.hpp"

namespace tenax::storage {

namespace {

/// Commits that are written together.
struct group {
  write_batch batch;
  std::vector<ack> acks;
  std::uint64_t commits = 0;

  void add(const write_batch& more, ack done) {
    batch.append(more);
    ++commits;
    if (done.call != nullptr) acks.push_back(done);
  }
  void answer(const tenax::error* failure) const noexcept {
    for (const auto& a : acks) a.call(a.context, failure);
  }
  /// Planted bug 2: acknowledges before the write.
  void answer_early() {
    answer(nullptr);
    acks.clear();
  }
  void clear() {
    batch.clear(keep_bytes_max);
    acks.clear();
    if (acks.capacity() > keep_acks_max) acks.shrink_to_fit();
    commits = 0;
  }
  [[nodiscard]] bool empty() const noexcept { return commits == 0; }
  [[nodiscard]] bool has_room_for(const write_batch& more) const noexcept {
    return empty() || batch.bytes() + more.bytes() <= bytes_max;
  }

  /// A burst must not hold its memory for ever.
  static constexpr std::size_t keep_bytes_max = std::size_t{4} << 20;
  /// What one write holds: RocksDB copies it twice. A larger commit is written alone.
  static constexpr std::size_t bytes_max = std::size_t{8} << 20;
  static constexpr std::size_t keep_acks_max = 64 * 1024;
};

/// The answer to what was not tried because an earlier write failed, or because the journal is
/// closed.
tenax::error stopped_error(const std::string& cause) {
  return {errc::stopped, "the journal has stopped: " + cause};
}
void refuse(const ack& done, const std::string& cause) noexcept {
  if (done.call == nullptr) return;
  const auto why = stopped_error(cause);
  done.call(done.context, &why);
}

struct counters {
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::uint64_t> bytes_queued{0};

  [[nodiscard]] journal_stats read() const noexcept {
    return {commits.load(std::memory_order_relaxed), syncs.load(std::memory_order_relaxed),
            bytes_queued.load(std::memory_order_relaxed)};
  }
};

#ifdef TENAX_FAILPOINTS
/// Planted bug 3: what belongs together in two writes.
result<void> write_in_two(store& target, std::uint64_t epoch, const write_batch& batch) {
  write_batch first;
  write_batch second;
  second.delta = batch.delta;
  batch.each([&](write_batch::op what, std::string_view key, std::string_view value) {
    auto& half = first.bytes() < batch.bytes() / 2 ? first : second;
    if (what == write_batch::op::put) half.put(key, value);
    if (what == write_batch::op::remove) half.remove(key);
  });
  auto written = target.write(epoch, {&first});
  return written ? target.write(epoch, {&second}) : written;
}
#endif

/// Writes one group and counts it.
result<void> write_group(store& target, std::uint64_t epoch, const group& g, counters& count) {
  if (TENAX_FAILPOINT("journal.before_write"))
    return error{errc::storage_unavailable, "fail point"};
#ifdef TENAX_FAILPOINTS
  if (TENAX_PLANTED(3)) return write_in_two(target, epoch, g.batch);
#endif
  auto written = target.write(epoch, {&g.batch});
  if (TENAX_FAILPOINT("journal.after_write")) return error{errc::storage_unavailable, "fail point"};
  if (written) {
    count.commits.fetch_add(g.commits, std::memory_order_relaxed);
    count.syncs.fetch_add(1, std::memory_order_relaxed);
  }
  return written;
}

class threaded_journal final : public journal {
 public:
  threaded_journal(store& target, std::uint64_t epoch, failure_sink on_failure)
      : target_(target),
        epoch_(epoch),
        on_failure_(std::move(on_failure)),
        writer_([this] { run(); }) {}
  ~threaded_journal() override { close(); }
  threaded_journal(const threaded_journal&) = delete;
  threaded_journal& operator=(const threaded_journal&) = delete;

  void append(const write_batch& batch, flush when, ack done) override {
    std::unique_lock lock(mutex_);
    if (stopped_ || closing_) {
      const std::string cause = cause_;
      lock.unlock();
      return refuse(done, cause);
    }
    const bool full = !collecting_.has_room_for(batch);
    if (full) {
      full_.push_back(std::move(collecting_));
      collecting_ = {};
    }
    collecting_.add(batch, done);
    count_.bytes_queued.fetch_add(batch.bytes(), std::memory_order_relaxed);
    if (when == flush::now || full) flush_wanted_ = true;
    // A lazy batch wakes the writer only if it sleeps without end, to set its alarm.
    const bool wake =
        waits_ == waits::for_anything || (waits_ == waits::for_flush && when == flush::now);
    if (!wake) return;
    waits_ = waits::no;
    lock.unlock();
    changed_.notify_one();
  }

  [[nodiscard]] bool stopped() const noexcept override {
    return stopped_.load(std::memory_order_acquire);
  }
  [[nodiscard]] journal_stats stats() const noexcept override { return count_.read(); }

  void close() override {
    const std::lock_guard once(close_mutex_);
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      waits_ = waits::no;
    }
    changed_.notify_one();
    if (writer_.joinable()) writer_.join();
  }

 private:
  enum class waits : std::uint8_t { no, for_anything, for_flush };

  void run() {
    group writing;
    while (take(writing)) {
      if (TENAX_PLANTED(2)) writing.answer_early();
      const auto written = write_group(target_, epoch_, writing, count_);
      count_.bytes_queued.fetch_sub(writing.batch.bytes(), std::memory_order_relaxed);
      if (!written) return fail(writing, written.error());
      writing.answer(nullptr);
      writing.clear();
      watch_for_flush();
    }
  }

  /// Before it sleeps: who was answered just now often has the next commit at once, and to be woken
  /// for it takes longer (measured: a twentieth of a workflow's latency). Where that does not pay,
  /// it is tried now and then.
  void watch_for_flush() {
    constexpr int lost_max = 4;
    constexpr unsigned try_every = 32;
    constexpr std::chrono::microseconds patience{100};
    if (watches_lost_ >= lost_max && ++watches_skipped_ % try_every != 0) return;
    const auto end = std::chrono::steady_clock::now() + patience;
    do {
      if (flush_wanted_) {
        watches_lost_ = 0;
        return;
      }
      std::this_thread::yield();  // it may have this core to come from
    } while (std::chrono::steady_clock::now() < end);
    watches_lost_ = std::min(watches_lost_ + 1, lost_max);
  }

  /// Waits until there is something to write; false when the journal closes.
  bool take(group& out) {
    std::unique_lock lock(mutex_);
    while (!flush_wanted_ && !closing_) {
      if (collecting_.empty()) {
        waits_ = waits::for_anything;
        changed_.wait(lock, [this] { return waits_ == waits::no; });
        continue;
      }
      waits_ = waits::for_flush;
      const bool asked =
          changed_.wait_for(lock, lazy_delay, [this] { return waits_ == waits::no; });
      waits_ = waits::no;
      if (!asked) break;  // the oldest lazy batch has waited long enough
    }
    if (!full_.empty()) {
      out = std::move(full_.front());
      full_.pop_front();
      return true;
    }
    if (collecting_.empty()) return false;
    std::swap(out, collecting_);
    flush_wanted_ = false;
    return true;
  }

  /// The outcome of `failed` is unknown; what was queued behind it was not tried.
  void fail(const group& failed, const tenax::error& why) {
    if (on_failure_) on_failure_(why);
    std::deque<group> untried;
    {
      const std::lock_guard lock(mutex_);
      cause_ = why.message();
      stopped_.store(true, std::memory_order_release);
      untried.swap(full_);
      untried.push_back(std::move(collecting_));
      collecting_ = {};
    }
    failed.answer(&why);
    const auto not_tried = stopped_error(why.message());
    for (const auto& g : untried) {
      count_.bytes_queued.fetch_sub(g.batch.bytes(), std::memory_order_relaxed);
      g.answer(&not_tried);
    }
  }

  store& target_;
  const std::uint64_t epoch_;
  const failure_sink on_failure_;
  counters count_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> flush_wanted_{false};  ///< written under mutex_, looked at without it too
  std::mutex close_mutex_;

  // Of the writer only.
  int watches_lost_ = 0;  ///< in a row
  unsigned watches_skipped_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::string cause_ = "it is closed";
  std::deque<group> full_;  ///< before the one that collects
  group collecting_;
  bool closing_ = false;
  waits waits_ = waits::no;  ///< what the writer waits for; reset by who wakes it

  std::jthread writer_;  // last: uses all of the above
};

class stepped_journal_impl final : public stepped_journal {
 public:
  stepped_journal_impl(store& target, std::uint64_t epoch, failure_sink on_failure)
      : target_(target), epoch_(epoch), on_failure_(std::move(on_failure)) {}

  void append(const write_batch& batch, flush when, ack done) override {
    if (stopped_ || closed_) return refuse(done, cause_);
    const bool full = !queued_.back().has_room_for(batch);
    if (full) queued_.emplace_back();
    queued_.back().add(batch, done);
    count_.bytes_queued += batch.bytes();
    flush_wanted_ = flush_wanted_ || full || when == flush::now;
  }

  bool step(bool also_lazy) override {
    if (queued_.front().empty() || !(flush_wanted_ || also_lazy)) return false;
    // An ack may append again.
    group writing = take_first();
    if (queued_.front().empty()) flush_wanted_ = false;
    count_.bytes_queued -= writing.batch.bytes();
    if (TENAX_PLANTED(2)) writing.answer_early();
    const auto written = write_group(target_, epoch_, writing, count_);
    stopped_ = !written;
    if (!written) {
      cause_ = written.error().message();
      if (on_failure_) on_failure_(written.error());
    }
    writing.answer(written ? nullptr : &written.error());
    if (!written) drop_all();
    return true;
  }

  void abandon() override {
    closed_ = true;
    drop_all();
  }

  [[nodiscard]] bool has_waiting() const noexcept override {
    return !queued_.front().empty() && flush_wanted_;
  }
  [[nodiscard]] bool has_lazy() const noexcept override {
    return !queued_.front().empty() && !flush_wanted_;
  }
  [[nodiscard]] bool stopped() const noexcept override { return stopped_; }
  [[nodiscard]] journal_stats stats() const noexcept override { return count_.read(); }
  void close() override {
    while (!stopped_ && step(true)) {
    }
    closed_ = true;
  }

 private:
  group take_first() {
    group first = std::move(queued_.front());
    queued_.pop_front();
    if (queued_.empty()) queued_.emplace_back();
    return first;
  }
  /// Who waits for what was not tried is told so.
  void drop_all() {
    flush_wanted_ = false;
    count_.bytes_queued = 0;
    const auto why = stopped_error(cause_);
    for (std::size_t left = queued_.size(); left > 0; --left) take_first().answer(&why);
  }

  store& target_;
  const std::uint64_t epoch_;
  const failure_sink on_failure_;
  counters count_;
  std::deque<group> queued_{1};
  bool flush_wanted_ = false;
  bool stopped_ = false;
  bool closed_ = false;
  std::string cause_ = "it is closed";
};

}  // namespace

std::unique_ptr<journal> make_threaded_journal(store& target, std::uint64_t epoch,
                                               failure_sink on_failure) {
  return std::make_unique<threaded_journal>(target, epoch, std::move(on_failure));
}

std::unique_ptr<stepped_journal> make_stepped_journal(store& target, std::uint64_t epoch,
                                                      failure_sink on_failure) {
  return std::make_unique<stepped_journal_impl>(target, epoch, std::move(on_failure));
}

}  // namespace tenax::storage
