#include "storage/journal.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
using namespace std::chrono_literals;

namespace {

constexpr auto deadline = 20s;

/// Keeps the keys of what is written; can be held, and fails its k-th write.
class fake_store final : public store {
 public:
  result<void> write(std::uint64_t epoch, const std::vector<const write_batch*>& batches) override {
    std::unique_lock lock(mutex_);
    ++begun_;
    changed_.notify_all();
    changed_.wait_for(lock, deadline, [this] { return !held_; });
    epoch_ = epoch;
    if (begun_ == fail_at_) return error{errc::storage_unavailable, "planted"};
    std::size_t bytes = 0;
    for (const auto* b : batches) {
      bytes += b->bytes();
      b->each([this](write_batch::op, std::string_view key, std::string_view) {
        keys_.emplace_back(key);
      });
      delta_ += b->delta;
    }
    largest_ = std::max(largest_, bytes);
    ++finished_;
    changed_.notify_all();
    return {};
  }
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }
  void fail_at(int write) { fail_at_ = write; }
  bool wait_begun(int writes) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, [&] { return begun_ >= writes; });
  }
  bool wait_finished(int writes) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, [&] { return finished_ >= writes; });
  }
  int begun() {
    const std::lock_guard lock(mutex_);
    return begun_;
  }
  std::vector<std::string> keys() {
    const std::lock_guard lock(mutex_);
    return keys_;
  }
  std::size_t largest() {
    const std::lock_guard lock(mutex_);
    return largest_;
  }
  totals delta() {
    const std::lock_guard lock(mutex_);
    return delta_;
  }
  [[nodiscard]] std::uint64_t epoch() const override { return epoch_; }

  // Reads are not asked for.
  [[nodiscard]] bool exists(std::string_view) const override { return false; }
  [[nodiscard]] result<loaded_workflow> load(std::string_view) const override { return none(); }
  [[nodiscard]] result<workflow_spec> load_spec(std::string_view) const override { return none(); }
  [[nodiscard]] result<header> load_header(std::string_view) const override { return none(); }
  [[nodiscard]] result<std::vector<stored_event>> history(std::string_view, std::uint64_t,
                                                          std::size_t) const override {
    return none();
  }
  [[nodiscard]] result<std::string> load_result(std::string_view, std::uint64_t) const override {
    return none();
  }
  [[nodiscard]] result<std::vector<due_entry>> due(timer_group, const due_entry&, time_ms,
                                                   std::size_t) const override {
    return none();
  }
  [[nodiscard]] result<std::vector<list_entry>> list(const list_source&, const list_place&,
                                                     std::size_t) const override {
    return none();
  }
  [[nodiscard]] result<std::vector<ended_entry>> ended(model::index_class,
                                                       std::size_t) const override {
    return none();
  }
  [[nodiscard]] totals current_totals() const override { return {}; }

 private:
  static error none() { return {errc::not_found, "not asked for"}; }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  int begun_ = 0;
  int finished_ = 0;
  int fail_at_ = -1;
  std::uint64_t epoch_ = 0;
  std::size_t largest_ = 0;  ///< bytes of one write
  std::vector<std::string> keys_;
  totals delta_;
};

/// Collects acks in the order they come.
class ack_log {
 public:
  struct entry {
    int number;
    std::optional<errc> failure;
  };
  ack next(int number) {
    const std::lock_guard lock(mutex_);
    contexts_.push_back(std::make_unique<context>(context{this, number}));
    return {&ack_log::call, contexts_.back().get()};
  }
  bool wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, deadline, [&] { return log_.size() >= count; });
  }
  std::vector<entry> all() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

 private:
  struct context {
    ack_log* log;
    int number;
  };
  static void call(void* where, const error* failure) noexcept {
    const auto* c = static_cast<context*>(where);
    const std::lock_guard lock(c->log->mutex_);
    c->log->log_.push_back(
        {c->number, failure ? std::optional<errc>(failure->code()) : std::nullopt});
    c->log->changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<context>> contexts_;
  std::vector<entry> log_;
};

write_batch batch_of(const std::string& key) {
  write_batch b;
  b.put(key, "value");
  b.delta.submitted = 1;
  return b;
}

std::vector<std::string> names(int count) {
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) out.push_back("k" + std::to_string(i));
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(journal_test)

BOOST_AUTO_TEST_CASE(appends_take_effect_and_are_acknowledged_in_order) {
  fake_store s;
  ack_log acks;
  const auto j = make_threaded_journal(s, 7);
  for (int i = 0; i < 1'000; ++i) {
    j->append(batch_of("k" + std::to_string(i)), flush::now, acks.next(i));
  }
  BOOST_REQUIRE(acks.wait(1'000));
  BOOST_TEST(s.keys() == names(1'000), boost::test_tools::per_element());
  BOOST_TEST(s.epoch() == 7u);
  BOOST_TEST(s.delta().submitted == 1'000u);
  int expected = 0;
  for (const auto& a : acks.all()) {
    BOOST_TEST(a.number == expected++);
    BOOST_TEST(!a.failure.has_value());
  }
  j->close();
  const auto stats = j->stats();
  BOOST_TEST(stats.commits == 1'000u);
  BOOST_TEST(stats.syncs <= 1'000u);
  BOOST_TEST(stats.bytes_queued == 0u);
}

BOOST_AUTO_TEST_CASE(what_comes_during_a_write_is_one_group) {
  fake_store s;
  ack_log acks;
  const auto j = make_threaded_journal(s, 1);
  s.hold();
  j->append(batch_of("k0"), flush::now, acks.next(0));
  BOOST_REQUIRE(s.wait_begun(1));
  for (int i = 1; i < 100; ++i) {
    j->append(batch_of("k" + std::to_string(i)), flush::now, acks.next(i));
  }
  BOOST_TEST(acks.all().empty());  // nothing is acknowledged before its write is done
  BOOST_TEST(j->stats().bytes_queued > 0u);
  s.release();
  BOOST_REQUIRE(acks.wait(100));
  BOOST_TEST(s.begun() == 2);
  BOOST_TEST(s.keys() == names(100), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_group_never_exceeds_what_one_write_can_hold) {
  fake_store target;
  const auto journal = make_threaded_journal(target, 1);
  target.hold();
  std::atomic<int> acked{0};
  const auto count = [](void* context, const error* failure) noexcept {
    if (failure == nullptr) ++*static_cast<std::atomic<int>*>(context);
  };
  for (int n = 0; n < 40; ++n) {
    write_batch batch;
    batch.put(std::to_string(n), std::string(3u << 20, 'x'));
    journal->append(batch, flush::now, {count, &acked});
  }
  target.release();
  journal->close();
  BOOST_TEST(acked == 40);
  BOOST_TEST(target.largest() <= std::size_t{8} << 20);
  std::vector<std::string> in_order;
  for (int n = 0; n < 40; ++n) in_order.push_back(std::to_string(n));
  BOOST_TEST(target.keys() == in_order, boost::test_tools::per_element());
  BOOST_TEST(journal->stats().bytes_queued == 0U);
}

BOOST_AUTO_TEST_CASE(many_threads_lose_nothing) {
  fake_store s;
  ack_log acks;
  const auto j = make_threaded_journal(s, 1);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 2'000; ++i) {
          j->append(batch_of("k"), i % 3 == 0 ? flush::lazy : flush::now,
                    acks.next(t * 10'000 + i));
        }
      });
    }
  }
  BOOST_REQUIRE(acks.wait(8'000));
  std::vector<int> last(4, -1);
  for (const auto& a : acks.all()) {  // in order for each thread
    const auto t = static_cast<std::size_t>(a.number / 10'000);
    BOOST_REQUIRE(a.number % 10'000 > last[t]);
    last[t] = a.number % 10'000;
  }
  j->close();
  BOOST_TEST(j->stats().commits == 8'000u);
  BOOST_TEST(s.keys().size() == 8'000u);
}

BOOST_AUTO_TEST_CASE(a_lazy_batch_is_written_without_anyone_waiting) {
  fake_store s;
  const auto j = make_threaded_journal(s, 1);
  for (int i = 0; i < 3; ++i) {
    j->append(batch_of("k" + std::to_string(i)), flush::lazy, {});
    BOOST_REQUIRE(s.wait_finished(i + 1));
  }
  BOOST_TEST(s.keys() == names(3), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_lazy_batch_goes_with_the_next_flush) {
  fake_store s;
  ack_log acks;
  const auto j = make_threaded_journal(s, 1);
  s.hold();
  j->append(batch_of("k0"), flush::now, acks.next(0));
  BOOST_REQUIRE(s.wait_begun(1));
  j->append(batch_of("k1"), flush::lazy, acks.next(1));
  j->append(batch_of("k2"), flush::now, acks.next(2));
  s.release();
  BOOST_REQUIRE(acks.wait(3));
  BOOST_TEST(s.begun() == 2);
  BOOST_TEST(s.keys() == names(3), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(after_a_failed_write_nothing_is_ever_written) {
  fake_store s;
  ack_log acks;
  const auto j = make_threaded_journal(s, 1);
  s.fail_at(2);
  j->append(batch_of("k0"), flush::now, acks.next(0));
  BOOST_REQUIRE(acks.wait(1));
  s.hold();
  j->append(batch_of("k1"), flush::now, acks.next(1));
  BOOST_REQUIRE(s.wait_begun(2));
  j->append(batch_of("k2"), flush::now, acks.next(2));  // behind the write that fails
  j->append(batch_of("k3"), flush::lazy, acks.next(3));
  BOOST_TEST(!j->stopped());
  s.release();
  BOOST_REQUIRE(acks.wait(4));
  BOOST_TEST(j->stopped());
  j->append(batch_of("k4"), flush::now, acks.next(4));
  BOOST_REQUIRE(acks.wait(5));
  j->close();
  j->append(batch_of("k5"), flush::now, {});
  const auto all = acks.all();
  const std::vector<std::optional<errc>> expected{std::nullopt, errc::storage_unavailable,
                                                  errc::stopped, errc::stopped, errc::stopped};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST(all[i].number == static_cast<int>(i));
    BOOST_TEST((all[i].failure == expected[i]));
  }
  BOOST_TEST(s.begun() == 2);
  BOOST_TEST(s.keys() == names(1), boost::test_tools::per_element());
  BOOST_TEST(j->stats().commits == 1u);
  BOOST_TEST(j->stats().bytes_queued == 0u);
}

/// Also when nobody waits for the commit; and before anyone is answered.
BOOST_AUTO_TEST_CASE(a_failed_write_is_told_once_and_first) {
  for (const flush when : {flush::now, flush::lazy}) {
    fake_store s;
    ack_log acks;
    std::atomic<int> told = 0;
    std::atomic<int> told_first = 0;
    const auto j = make_threaded_journal(s, 1, [&](const error& why) {
      ++told;
      told_first += why.code() == errc::storage_unavailable && acks.all().empty() ? 1 : 0;
    });
    s.fail_at(1);
    j->append(batch_of("k0"), when, when == flush::now ? acks.next(0) : ack{});
    while (!j->stopped()) std::this_thread::yield();
    j->append(batch_of("k1"), flush::now, acks.next(1));
    BOOST_REQUIRE(acks.wait(when == flush::now ? 2 : 1));
    j->close();
    BOOST_TEST(told == 1);
    BOOST_TEST(told_first == 1);
  }
}

BOOST_AUTO_TEST_CASE(close_writes_what_is_queued_and_refuses_the_rest) {
  fake_store s;
  ack_log acks;
  const auto j = make_threaded_journal(s, 1);
  s.hold();
  j->append(batch_of("k0"), flush::now, acks.next(0));
  BOOST_REQUIRE(s.wait_begun(1));
  j->append(batch_of("k1"), flush::lazy, acks.next(1));
  std::jthread closing([&] { j->close(); });
  s.release();
  closing.join();
  BOOST_TEST(s.keys() == names(2), boost::test_tools::per_element());
  j->close();  // once more is no error
  j->append(batch_of("k2"), flush::now, acks.next(2));
  const auto all = acks.all();
  BOOST_REQUIRE_EQUAL(all.size(), 3u);
  BOOST_TEST(!all[1].failure.has_value());
  BOOST_TEST((all[2].failure == errc::stopped));
  BOOST_TEST(!j->stopped());
}

BOOST_AUTO_TEST_CASE(a_stepped_journal_writes_only_when_told) {
  fake_store s;
  ack_log acks;
  const auto j = make_stepped_journal(s, 3);
  BOOST_TEST(!j->step(true));
  j->append(batch_of("k0"), flush::lazy, acks.next(0));
  BOOST_TEST(j->has_lazy());
  BOOST_TEST(!j->has_waiting());
  BOOST_TEST(!j->step(false));
  j->append(batch_of("k1"), flush::now, acks.next(1));
  BOOST_TEST(j->has_waiting());
  BOOST_TEST(!j->has_lazy());
  BOOST_TEST(acks.all().empty());
  BOOST_TEST(j->step(false));
  BOOST_TEST(acks.all().size() == 2u);
  BOOST_TEST(s.begun() == 1);
  BOOST_TEST(s.epoch() == 3u);
  BOOST_TEST(!j->has_waiting());
  j->append(batch_of("k2"), flush::lazy, acks.next(2));
  BOOST_TEST(j->step(true));
  BOOST_TEST(s.keys() == names(3), boost::test_tools::per_element());
  BOOST_TEST(j->stats().commits == 3u);
  BOOST_TEST(j->stats().syncs == 2u);
}

BOOST_AUTO_TEST_CASE(a_stepped_journal_fails_and_forgets_as_told) {
  fake_store s;
  ack_log acks;
  auto j = make_stepped_journal(s, 1);
  s.fail_at(1);
  j->append(batch_of("k0"), flush::now, acks.next(0));
  BOOST_TEST(j->step(false));
  BOOST_TEST(j->stopped());
  j->append(batch_of("k1"), flush::now, acks.next(1));
  BOOST_TEST(!j->step(true));
  BOOST_TEST((acks.all()[0].failure == errc::storage_unavailable));
  BOOST_TEST((acks.all()[1].failure == errc::stopped));

  j = make_stepped_journal(s, 1);
  j->append(batch_of("k2"), flush::now, acks.next(2));
  j->abandon();
  BOOST_TEST(!j->step(true));
  j->close();
  BOOST_TEST_REQUIRE(acks.all().size() == 3u);  // so that it lets go of what it holds
  BOOST_TEST((acks.all()[2].failure == errc::stopped));
  BOOST_TEST(s.keys().empty());
}

BOOST_AUTO_TEST_CASE(a_group_reaches_the_real_store_whole) {
  temp_dir dir;
  random_source r(1);
  const auto s = open_for_test(dir.data());
  ack_log acks;
  std::vector<std::unique_ptr<random_workflow>> all;
  {
    const auto j = make_threaded_journal(*s, s->epoch());
    int number = 0;
    for (int i = 0; i < 50; ++i) {
      all.push_back(
          std::make_unique<random_workflow>(r, random_spec(r, "w" + std::to_string(i), 20)));
    }
    for (int k = 0; k < 10; ++k) {
      for (auto& w : all) {
        w->step(3);
        if (w->changes.empty()) continue;
        write_batch b;
        encode_commit(*w->def, w->state, w->changes, b);
        j->append(b, r.chance(50) ? flush::now : flush::lazy, acks.next(number++));
      }
    }
    BOOST_REQUIRE(acks.wait(static_cast<std::size_t>(number)));
  }
  for (const auto& w : all) {
    BOOST_TEST(difference(s->load(w->def->spec.id).value().state, w->state) == "");
  }
  BOOST_TEST(s->current_totals().submitted == 50u);
}

BOOST_AUTO_TEST_SUITE_END()
