// The public engine: turns callbacks into waiting.
#include "tenax/engine.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <utility>

#include "actors/core.hpp"
#include "actors/engine_access.hpp"
#include "storage/forks.hpp"
#include "storage/views.hpp"

namespace tenax {

using actors::engine_core;

class engine::impl {
 public:
  explicit impl(std::unique_ptr<engine_core> c) : core_(std::move(c)) {}
  explicit impl(engine_seat s) : seat(std::move(s)) {}
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  /// In a child its threads do not exist, its locks may be held for ever, its files are the
  /// parent's.
  ~impl() {
    if (is_forked()) (void)core_.release();
  }
  [[nodiscard]] bool is_forked() const noexcept { return forks_ != storage::forks(); }
  /// Null: somebody else's, which is not there now.
  [[nodiscard]] engine_core* core() const { return core_ ? core_.get() : seat.core(); }
  void submit(const workflow_spec& spec, std::function<void(result<submission>)> done,
              std::string terms) const {
    core_ ? core_->submit(spec, std::move(done), std::move(terms))
          : seat.submit(spec, std::move(done), std::move(terms));
  }
  /// Until the answer is there, at most so long (nothing: without limit). False: it is not.
  template <class Answer>
  [[nodiscard]] bool wait(const Answer& answer, std::optional<milliseconds> within) const {
    if (core_) return answer.wait(within);
    seat.run([&answer] { return answer.is_there(); }, within);
    return answer.is_there();
  }
  /// Of a call that takes no time but the disk's, unless it waits for a handler: who drives the
  /// engine of a seat would have to let that end first.
  template <class Answer>
  [[nodiscard]] auto get(Answer& answer) const -> decltype(answer.get()) {
    if (!core_ && !wait(answer, milliseconds(0))) {
      return error(errc::timed_out,
                   "the engine is idle and has not answered: a handler that is held, or time, must "
                   "come first; the command is not taken back");
    }
    return answer.get();
  }
  [[nodiscard]] bool is_seat() const noexcept { return !core_; }
  const engine_seat seat;

 private:
  std::unique_ptr<engine_core> core_;
  const unsigned forks_ = storage::forks();
};

namespace {

/// Waits for a callback that comes from another thread.
template <class T>
class waiting {
 public:
  [[nodiscard]] std::function<void(result<T>)> callback() {
    return [p = promise_](result<T> r) { p->set_value(std::move(r)); };
  }
  [[nodiscard]] bool is_there() const {
    return future_.wait_for(milliseconds(0)) == std::future_status::ready;
  }
  [[nodiscard]] bool wait(std::optional<milliseconds> timeout) const {
    if (!timeout || *timeout > limits{}.delay_max) {  // a sum with a time point must not overflow
      future_.wait();
      return true;
    }
    return future_.wait_for(*timeout) == std::future_status::ready;
  }
  [[nodiscard]] result<T> get() { return future_.get(); }

 private:
  std::shared_ptr<std::promise<result<T>>> promise_ = std::make_shared<std::promise<result<T>>>();
  std::future<result<T>> future_ = promise_->get_future();
};

template <class Impl>
std::optional<error> cannot_answer(const std::unique_ptr<Impl>& p) {
  if (!p) return error(errc::closing, "the engine was moved from");
  if (!p->is_forked()) {
    if (p->core() != nullptr) return std::nullopt;
    return error(errc::closing, "the engine is closed");
  }
  return error(errc::stopped, "the engine belongs to the process that this one was forked from");
}

/// RocksDB's threads, one set for all stores of a process, do not exist in a child.
std::optional<error> cannot_open() {
  static std::atomic<std::int64_t> first_opened_in{-1};
  const std::int64_t here = storage::forks();
  std::int64_t first = -1;
  if (first_opened_in.compare_exchange_strong(first, here) || first == here) return std::nullopt;
  return error(errc::stopped,
               "this process was forked from one that had opened an engine: it can open one "
               "after exec only");
}

}  // namespace

engine::engine(std::unique_ptr<impl> p) noexcept : impl_(std::move(p)) {}
engine::engine(engine&&) noexcept = default;
engine& engine::operator=(engine&&) noexcept = default;
engine::~engine() = default;

engine engine_access::make(engine_seat seat) {
  return engine(std::make_unique<engine::impl>(std::move(seat)));
}

result<engine> engine::open(const std::filesystem::path& data_dir, options opts) {
  if (auto no = cannot_open()) return std::move(*no);
  auto core = engine_core::open(data_dir, std::move(opts));
  if (!core) return core.error();
  return engine(std::make_unique<impl>(std::move(*core)));
}

result<submission> engine::submit(const workflow_spec& spec, std::string terms) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  waiting<submission> answer;
  impl_->submit(spec, answer.callback(), std::move(terms));
  return impl_->get(answer);
}

result<submission> engine::submit_json(std::string_view json) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  auto spec = parse_spec(json, impl_->core()->bounds());
  if (!spec) return spec.error();
  return submit(*spec);
}

void engine::submit_async(const workflow_spec& spec, std::function<void(result<submission>)> done,
                          std::string terms) {
  if (auto no = cannot_answer(impl_)) {
    if (done) done(std::move(*no));
    return;
  }
  impl_->submit(spec, std::move(done), std::move(terms));
}

result<workflow_summary> engine::await(std::string_view id, std::optional<milliseconds> timeout) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  waiting<workflow_summary> answer;
  const std::string key(id);
  const auto ticket = impl_->core()->on_end(key, answer.callback());
  if (!impl_->wait(answer, timeout) && impl_->core()->forget_end(key, ticket)) {
    const auto within = timeout.value_or(limits{}.delay_max);
    return error(errc::timed_out, "workflow " + key + " has not ended within " +
                                      std::to_string(within.count()) + " ms");
  }
  return answer.get();
}

std::uint64_t engine::await_async(std::string_view id,
                                  std::function<void(result<workflow_summary>)> done,
                                  std::optional<std::uint64_t> after) {
  if (auto no = cannot_answer(impl_)) {
    done(std::move(*no));
    return 0;
  }
  return impl_->core()->on_end(std::string(id), std::move(done),
                               after.value_or(actors::end_waiters::only_end));
}

bool engine::give_up(std::string_view id, std::uint64_t ticket) {
  return ticket != 0 && !cannot_answer(impl_) && impl_->core()->forget_end(std::string(id), ticket);
}

std::uint64_t engine::watch(std::function<void(std::string_view workflow_id)> told) {
  if (!cannot_answer(impl_)) return impl_->core()->watch(std::move(told));
  told({});
  return 0;
}

void engine::unwatch(std::uint64_t ticket) {
  if (ticket != 0 && !cannot_answer(impl_)) impl_->core()->unwatch(ticket);
}

std::vector<attempt_progress> engine::progress(std::string_view id) const {
  return cannot_answer(impl_) ? std::vector<attempt_progress>() : impl_->core()->progress(id);
}

result<workflow_summary> engine::summary(std::string_view id) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return storage::read_summary(impl_->core()->store(), id);
}

result<workflow_view> engine::get(std::string_view id) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return impl_->core()->get(id);
}

result<std::string> engine::terms(std::string_view id) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return storage::read_terms(impl_->core()->store(), id);
}

result<explanation> engine::explain(std::string_view id) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return impl_->core()->explain(id);
}

result<page<workflow_summary>> engine::list(const list_query& query) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return storage::list_page(impl_->core()->store(), query);
}

result<list_count> engine::count(const list_query& query) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return storage::count_page(impl_->core()->store(), query);
}

result<std::vector<history_event>> engine::history(std::string_view id, std::uint64_t after,
                                                   std::size_t limit) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return storage::read_history(impl_->core()->store(), id, after, limit);
}

result<std::vector<due_view>> engine::list_retry_eligible(std::size_t limit,
                                                          std::optional<wall_time> now) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return impl_->core()->due_by(storage::timer_kind::retry, limit, now);
}

result<std::vector<due_view>> engine::list_ready_scheduled(std::size_t limit,
                                                           std::optional<wall_time> now) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return impl_->core()->due_by(storage::timer_kind::schedule, limit, now);
}

namespace {

/// Calls `how` with a callback, and waits for it.
template <class Impl, class How>
result<void> ask(const Impl& to, How how) {
  waiting<ok_t> answer;
  how([done = answer.callback()](result<void> r) { done(std::move(r)); });
  auto r = to.get(answer);
  if (!r) return r.error();
  return {};
}

/// Sends a command.
template <class Impl>
void send(const Impl& to, std::string_view id, messages::request::command what,
          std::function<void(result<void>)> done) {
  if (!done) done = [](const result<void>&) {};  // nobody wants to know
  if (auto no = cannot_answer(to)) return done(std::move(*no));
  to->core()->request(std::string(id), std::move(what), std::move(done));
}

/// Sends a command, and waits for its answer.
template <class Impl>
result<void> command(const Impl& to, std::string_view id, messages::request::command what) {
  return ask(to, [&](auto done) {
    to.core()->request(std::string(id), std::move(what), std::move(done));
  });
}

}  // namespace

result<void> engine::cancel(std::string_view id, std::string reason, std::string who) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return command(*impl_, id, model::cancel{std::move(reason), std::move(who)});
}

void engine::cancel_async(std::string_view id, std::string reason,
                          std::function<void(result<void>)> done, std::string who) {
  send(impl_, id, model::cancel{std::move(reason), std::move(who)}, std::move(done));
}

void engine::resolve_async(std::string_view id, std::string_view action_key, resolution decision,
                           std::function<void(result<void>)> done, std::string who) {
  send(impl_, id,
       messages::request::resolve{std::string(action_key), std::move(decision), std::move(who)},
       std::move(done));
}

void engine::retry_async(std::string_view id, std::string_view action_key, std::string reason,
                         std::function<void(result<void>)> done, std::string who) {
  send(impl_, id,
       messages::request::retry{std::string(action_key), std::move(reason), std::move(who)},
       std::move(done));
}

void engine::remove_async(std::string_view id, std::function<void(result<void>)> done) {
  send(impl_, id, messages::remove_workflow{}, std::move(done));
}

result<void> engine::resolve(std::string_view id, std::string_view action_key, resolution decision,
                             std::string who) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return command(
      *impl_, id,
      messages::request::resolve{std::string(action_key), std::move(decision), std::move(who)});
}

result<void> engine::retry(std::string_view id, std::string_view action_key, std::string reason,
                           std::string who) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return command(
      *impl_, id,
      messages::request::retry{std::string(action_key), std::move(reason), std::move(who)});
}

result<void> engine::change(std::string_view id, std::string_view action_key, action_change what,
                            std::string who) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return ask(*impl_, [&](auto done) {
    impl_->core()->change(std::string(id),
                          {std::string(action_key), std::move(what), std::move(who), nullptr},
                          std::move(done));
  });
}

void engine::change_async(std::string_view id, std::string_view action_key, action_change what,
                          std::function<void(result<void>)> done, std::string who) {
  if (!done) done = [](const result<void>&) {};  // nobody wants to know
  if (auto no = cannot_answer(impl_)) return done(std::move(*no));
  impl_->core()->change(std::string(id),
                        {std::string(action_key), std::move(what), std::move(who), nullptr},
                        std::move(done));
}

result<void> engine::end_attempt(std::string_view token, outcome what, std::string who) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return ask(*impl_, [&](auto done) {
    impl_->core()->end_attempt(token, std::move(what), std::move(who), std::move(done));
  });
}

void engine::end_attempt_async(std::string_view token, outcome what,
                               std::function<void(result<void>)> done, std::string who) {
  if (!done) done = [](const result<void>&) {};  // nobody wants to know
  if (auto no = cannot_answer(impl_)) return done(std::move(*no));
  impl_->core()->end_attempt(token, std::move(what), std::move(who), std::move(done));
}

result<std::optional<wall_time>> engine::heartbeat(std::string_view token, std::string progress) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  waiting<std::optional<wall_time>> answer;
  impl_->core()->heartbeat(token, std::move(progress), answer.callback());
  return impl_->get(answer);
}

void engine::heartbeat_async(std::string_view token, std::string progress,
                             std::function<void(result<std::optional<wall_time>>)> done) {
  if (!done) done = [](const result<std::optional<wall_time>>&) {};
  if (auto no = cannot_answer(impl_)) return done(std::move(*no));
  impl_->core()->heartbeat(token, std::move(progress), std::move(done));
}

std::uint64_t engine::poll_async(worker_poll what,
                                 std::function<void(result<std::vector<worker_task>>)> done) {
  if (auto no = cannot_answer(impl_)) {
    done(std::move(*no));
    return 0;
  }
  return impl_->core()->poll(std::move(what), std::move(done));
}

result<std::vector<worker_task>> engine::poll(worker_poll what) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  waiting<std::vector<worker_task>> answer;
  const auto within = what.wait;
  impl_->core()->poll(std::move(what), answer.callback());
  // In the time of who drives the engine: to its end.
  if (impl_->is_seat()) (void)impl_->wait(answer, within + milliseconds(1));
  return impl_->get(answer);
}

bool engine::withdraw(std::uint64_t ticket) {
  return ticket != 0 && !cannot_answer(impl_) && impl_->core()->withdraw(ticket);
}

std::vector<worker_type_stats> engine::worker_stats() const {
  return cannot_answer(impl_) ? std::vector<worker_type_stats>() : impl_->core()->worker_stats();
}

result<void> engine::signal(std::string_view id, std::string name, std::string payload,
                            std::string key, std::string who) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return ask(*impl_, [&](auto done) {
    impl_->core()->signal(std::string(id),
                          {std::move(name), std::move(payload), std::move(key), std::move(who)},
                          std::move(done));
  });
}

void engine::signal_async(std::string_view id, std::string name, std::string payload,
                          std::string key, std::function<void(result<void>)> done,
                          std::string who) {
  if (!done) done = [](const result<void>&) {};
  if (auto no = cannot_answer(impl_)) return done(std::move(*no));
  impl_->core()->signal(std::string(id),
                        {std::move(name), std::move(payload), std::move(key), std::move(who)},
                        std::move(done));
}

result<void> engine::record_terms(std::string_view id, std::string terms, std::string who) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return ask(*impl_, [&](auto done) {
    impl_->core()->record_terms(std::string(id), {std::move(terms), std::move(who)},
                                std::move(done));
  });
}

result<void> engine::remove(std::string_view id) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return command(*impl_, id, messages::remove_workflow{});
}

void engine::start() {
  if (!cannot_answer(impl_)) impl_->core()->go_on();
}

result<void> engine::drain(milliseconds timeout) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  impl_->core()->start_draining();
  if (impl_->is_seat()) {
    impl_->seat.run(
        [core = impl_->core()] { return core->running_handlers() + core->pending_submits() == 0; },
        timeout);
    timeout = milliseconds(0);
  }
  // More than ten years is for ever: a sum with a time point must not overflow.
  const bool for_ever = timeout > limits{}.delay_max;
  const auto until = std::chrono::steady_clock::now() + (for_ever ? milliseconds(0) : timeout);
  for (;;) {
    const std::size_t handlers = impl_->core()->running_handlers();
    const std::size_t submits = impl_->core()->pending_submits();
    if (handlers + submits == 0) break;
    if (!for_ever && std::chrono::steady_clock::now() >= until) {
      return error(errc::timed_out, std::to_string(handlers) + " handlers still run, " +
                                        std::to_string(submits) + " submits are not on disk");
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  return {};
}

void engine::close() {
  if (!cannot_answer(impl_)) {
    (void)(impl_->is_seat() ? impl_->seat.close(std::nullopt) : impl_->core()->close());
  }
}

result<void> engine::backup(const std::filesystem::path& target) const {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return impl_->core()->backup(target);
}

result<void> engine::close(milliseconds timeout) {
  if (auto no = cannot_answer(impl_)) return std::move(*no);
  return impl_->is_seat() ? impl_->seat.close(timeout) : impl_->core()->close(timeout);
}

engine_stats engine::stats() const {
  return cannot_answer(impl_) ? engine_stats{} : impl_->core()->stats();
}
std::vector<action_type_stats> engine::type_stats() const {
  return cannot_answer(impl_) ? std::vector<action_type_stats>() : impl_->core()->type_stats();
}
tenax::limits engine::bounds() const noexcept {
  return cannot_answer(impl_) ? tenax::limits{} : impl_->core()->bounds();
}
bool engine::healthy() const noexcept { return !cannot_answer(impl_) && !impl_->core()->halted(); }

}  // namespace tenax
