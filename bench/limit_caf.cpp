// The limit of CAF plus a journal: actors that spawn a child an action and make each step durable
// before the next, and nothing else a workflow engine does.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include "actors/scheduler.hpp"
#include "bench/limits.hpp"
#include "bench/machine.hpp"

namespace tenax::bench {

struct acked {};
struct child_done {};

}  // namespace tenax::bench

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::bench::acked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(tenax::bench::child_done)

namespace tenax::bench {

namespace {

/// One mutex, two groups: rows are copied into RocksDB's own batch at once, nothing is decided.
class limit_journal {
 public:
  limit_journal(rocksdb::DB* db, bool sync, bool sort)
      : db_(db), sort_(sort), how_(options(sync)), writer_([this] { run(); }) {}
  ~limit_journal() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_one();
    writer_.join();
  }
  limit_journal(const limit_journal&) = delete;
  limit_journal& operator=(const limit_journal&) = delete;

  void push(const commit_shape& what, const char* id, caf::strong_actor_ptr tell) {
    std::unique_lock lock(mutex_);
    if (db_ != nullptr && sort_) {
      collecting_.commits.push_back({&what, {}});
      std::copy_n(id, id_bytes, collecting_.commits.back().id);
    } else if (db_ != nullptr) {
      what.append_to(collecting_.batch, id);
    }
    collecting_.acks.push_back(std::move(tell));
    if (!sleeps_) return;
    sleeps_ = false;
    lock.unlock();
    changed_.notify_one();
  }
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<bool> failed{false};

 private:
  static rocksdb::WriteOptions options(bool sync) {
    rocksdb::WriteOptions o;
    o.sync = sync;
    return o;
  }
  struct commit_ref {
    const commit_shape* what;
    char id[id_bytes];
  };
  struct group {
    rocksdb::WriteBatch batch;
    std::vector<commit_ref> commits;  ///< not in the batch yet
    std::vector<caf::strong_actor_ptr> acks;
  };
  void run() {
    group writing;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        while (collecting_.acks.empty() && !closing_) {
          sleeps_ = true;
          changed_.wait(lock, [this] { return !sleeps_ || closing_; });
        }
        if (collecting_.acks.empty()) return;
        std::swap(writing, collecting_);
      }
      for (const auto& c : writing.commits) c.what->append_to(rows_, c.id);
      if (!writing.commits.empty()) rows_.write_to(writing.batch);
      writing.commits.clear();
      if (db_ != nullptr && !db_->Write(how_, &writing.batch).ok()) failed = true;
      commits.fetch_add(writing.acks.size(), std::memory_order_relaxed);
      syncs.fetch_add(1, std::memory_order_relaxed);
      for (const auto& a : writing.acks) {
        a->enqueue(nullptr, caf::make_message_id(), caf::make_message(acked{}), nullptr);
      }
      writing.acks.clear();
      writing.batch.Clear();
    }
  }

  rocksdb::DB* const db_;
  const bool sort_;
  sorted_rows rows_;  ///< of the writer only
  const rocksdb::WriteOptions how_;
  std::mutex mutex_;
  std::condition_variable changed_;
  group collecting_;
  bool sleeps_ = false;
  bool closing_ = false;
  std::thread writer_;
};

struct world {
  world(const std::vector<workflow_shape>& s, const stand_in_plan& p, limit_journal& j)
      : shapes(s), plan(p), journal(&j) {}

  const std::vector<workflow_shape>& shapes;
  const stand_in_plan plan;
  limit_journal* const journal;
  std::atomic<std::uint64_t> next_number{1};
  std::atomic<bool> stopping{false};
  std::atomic<bool> counting{false};
  std::mutex mutex;
  std::condition_variable changed;
  histogram latency_ns;
  std::uint64_t finished = 0;
  std::size_t in_flight = 0;
};

class limit_child final : public caf::event_based_actor {
 public:
  limit_child(caf::actor_config& cfg, world* w, caf::strong_actor_ptr parent,
              const commit_shape* what, std::uint64_t number)
      : caf::event_based_actor(cfg), w_(w), parent_(std::move(parent)), what_(what) {
    put_id(id_, number);
  }
  const char* name() const override { return "limit_child"; }

 protected:
  caf::behavior make_behavior() override {
    if (w_->plan.how == stand_in::coalesced) {
      end();
    } else if (w_->plan.how == stand_in::lean) {
      w_->journal->push(*what_, id_, std::move(parent_));
      quit();
    } else {
      w_->journal->push(*what_, id_, caf::strong_actor_ptr{ctrl()});
    }
    return {[this](const acked&) { end(); }};
  }

 private:
  void end() {
    send(caf::actor_cast<caf::actor>(parent_), child_done{});
    parent_ = nullptr;
    quit();
  }
  world* w_;
  caf::strong_actor_ptr parent_;
  const commit_shape* what_;
  char id_[id_bytes];
};

class limit_parent final : public caf::event_based_actor {
 public:
  limit_parent(caf::actor_config& cfg, world* w)
      : caf::event_based_actor(cfg),
        w_(w),
        number_(w->next_number.fetch_add(1)),
        shape_(w->shapes[number_ % w->shapes.size()]) {
    put_id(id_, number_);
  }
  const char* name() const override { return "limit_parent"; }

 protected:
  caf::behavior make_behavior() override {
    begun_ns_ = now_ns();
    push(0);
    return {[this](const acked&) {
              --open_commits_;
              w_->plan.fan > 0 ? fan_step() : sequential_step();
            },
            [this](const child_done&) {
              ++reported_;
              if (w_->plan.how == stand_in::mid) {
                w_->plan.fan > 0 ? fan_step() : sequential_step();
              } else {
                fan_step();
              }
            }};
  }

 private:
  void push(std::size_t commit) {
    ++open_commits_;
    w_->journal->push(shape_[commit], id_, caf::strong_actor_ptr{ctrl()});
  }
  /// A child that appends this commit under an id of its own.
  void start(std::size_t commit, std::uint64_t id) {
    if (w_->plan.how == stand_in::lean) ++open_commits_;
    spawn<limit_child>(w_, caf::strong_actor_ptr{ctrl()}, &shape_[commit], id);
  }
  void sequential_step() {
    if (++stage_ == shape_.size()) return finish();
    start(stage_, number_);
  }

  void fan_step() {
    const std::size_t fan = w_->plan.fan;
    if (stage_ == 0) {  // the start is durable
      stage_ = 1;
      for (std::size_t i = 0; i < fan; ++i) start(1, number_ * 65'536 + i);
      return;
    }
    if (stage_ == 1 && !branches_durable()) return;
    if (stage_ == 1) {
      stage_ = 2;
      reported_ = 0;
      start(shape_.size() - 1, number_);
      return;
    }
    if (w_->plan.how == stand_in::coalesced && stage_ == 2) {
      stage_ = 3;
      push(shape_.size() - 1);
      return;
    }
    finish();
  }

  [[nodiscard]] bool branches_durable() {
    const std::size_t fan = w_->plan.fan;
    switch (w_->plan.how) {
      case stand_in::lean:
        return open_commits_ == 0;
      case stand_in::mid:
        return reported_ == fan;
      case stand_in::coalesced:
        break;
    }
    if (open_commits_ > 0) return false;
    if (committed_ == fan) return true;
    const std::size_t ready = reported_ - committed_;
    if (ready < w_->plan.group && reported_ < fan) return false;
    const std::size_t taken = std::min(ready, w_->plan.group);
    push(1 + committed_ / w_->plan.group);
    committed_ += taken;
    return false;
  }

  void finish() {
    const std::int64_t took = now_ns() - begun_ns_;
    const bool again = !w_->stopping;
    if (again) home_system().spawn<limit_parent>(w_);
    {
      const std::lock_guard lock(w_->mutex);
      if (w_->counting) {
        w_->latency_ns.record(took);
        ++w_->finished;
      }
      if (!again) --w_->in_flight;
    }
    if (!again) w_->changed.notify_all();
    quit();
  }

  world* w_;
  const std::uint64_t number_;
  const workflow_shape& shape_;
  char id_[id_bytes];
  std::int64_t begun_ns_ = 0;
  std::size_t stage_ = 0;
  std::size_t open_commits_ = 0;
  std::size_t reported_ = 0;
  std::size_t committed_ = 0;
};

}  // namespace

limit_rate caf_and_journal(const params& p, const std::vector<workflow_shape>& shapes,
                           const stand_in_plan& plan, double seconds) {
  const std::string name = "limit-journal";
  std::unique_ptr<rocksdb::DB> db;
  if (plan.database) db = open_limit_db(p, name);
  limit_rate out;
  {
    limit_journal journal(db.get(), p.durability == "sync", plan.sort);
    world w(shapes, plan, journal);
    w.in_flight = p.concurrency;
    caf::actor_system_config cfg;
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    cfg.set("scheduler.max-threads",
            p.scheduler_threads > 0 ? p.scheduler_threads : std::max<std::size_t>(1, cores - 1));
    cfg.load<actors::engine_scheduler>();
    caf::actor_system system(cfg);
    for (std::size_t i = 0; i < p.concurrency; ++i) system.spawn<limit_parent>(&w);
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(1.0, seconds / 3)));
    const double cpu = cpu_seconds();
    const std::uint64_t commits = journal.commits;
    const std::uint64_t syncs = journal.syncs;
    const std::int64_t begin = now_ns();
    w.counting = true;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    w.counting = false;
    const double passed = static_cast<double>(now_ns() - begin) / 1e9;
    {
      const std::lock_guard lock(w.mutex);
      const auto finished = static_cast<double>(std::max<std::uint64_t>(w.finished, 1));
      out.workflows_per_s = static_cast<double>(w.finished) / passed;
      out.commits_per_sync = static_cast<double>(journal.commits - commits) /
                             static_cast<double>(std::max<std::uint64_t>(journal.syncs - syncs, 1));
      out.cpu_us_per_workflow = (cpu_seconds() - cpu) * 1e6 / finished;
      out.p50_ms = static_cast<double>(w.latency_ns.percentile(50)) / 1e6;
      out.p99_ms = static_cast<double>(w.latency_ns.percentile(99)) / 1e6;
    }
    w.stopping = true;
    std::unique_lock lock(w.mutex);
    const bool ended =
        w.changed.wait_for(lock, std::chrono::seconds(60), [&] { return w.in_flight == 0; });
    require(ended, "the stand-in's workflows have not ended after 60 s");
    require(!journal.failed, "a write of the stand-in failed");
  }
  if (db) {
    db->Close().PermitUncheckedError();
    db.reset();
    remove_tree(std::filesystem::path(p.dir) / name);
  }
  return out;
}

}  // namespace tenax::bench
