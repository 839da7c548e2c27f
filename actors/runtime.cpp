#include "actors/runtime.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <caf/abstract_actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/mailbox_element.hpp>

#include "storage/views.hpp"
#include "tenax/exceptions.hpp"

namespace tenax::actors {

storage::ack tell_committed(const caf::strong_actor_ptr& target) {
  // The context is a counted reference to the actor.
  const auto call = [](void* context, const error* failure) noexcept {
    const caf::strong_actor_ptr actor{static_cast<caf::actor_control_block*>(context), false};
    messages::committed m{failure == nullptr};
    if (failure != nullptr) m.why = std::make_shared<const error>(*failure);
    // The message lies in the mailbox's element: one allocation, not two.
    actor->get()->enqueue(
        caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, std::move(m)), nullptr);
  };
  return {call, caf::strong_actor_ptr(target).release()};
}

std::uint64_t end_waiters::add(const std::string& workflow_id, callback done, std::uint64_t after) {
  std::unique_lock lock(mutex_);
  if (closed_) {
    const error why = *closed_;
    lock.unlock();
    done(why);
    return 0;
  }
  waiting_[workflow_id].push_back({++last_ticket_, after, std::move(done)});
  if (after != only_end) ++for_news_;
  return last_ticket_;
}

bool end_waiters::remove(const std::string& workflow_id, std::uint64_t ticket) {
  std::vector<waiter> gone;  // after the lock: what a callback holds is its maker's
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(workflow_id);
  if (found == waiting_.end()) return false;
  auto& list = found->second;
  const auto at =
      std::find_if(list.begin(), list.end(), [&](const waiter& w) { return w.ticket == ticket; });
  if (at == list.end()) return false;
  gone.push_back(std::move(*at));
  list.erase(at);
  forget(gone);
  if (list.empty()) waiting_.erase(found);
  return true;
}

void end_waiters::notify(const workflow_summary& summary) {
  std::vector<waiter> called;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(summary.id);
    if (found == waiting_.end()) return;
    auto& list = found->second;
    const auto rest = std::stable_partition(list.begin(), list.end(), [&](const waiter& w) {
      return !is_terminal(summary.status) && (w.after == only_end || summary.events <= w.after);
    });
    called.assign(std::make_move_iterator(rest), std::make_move_iterator(list.end()));
    list.erase(rest, list.end());
    forget(called);
    if (list.empty()) waiting_.erase(found);
  }
  for (const auto& w : called) w.done(summary);
}

void end_waiters::forget(const std::vector<waiter>& gone) {
  for (const auto& w : gone) {
    if (w.after != only_end) --for_news_;
  }
}

bool end_waiters::any(std::string_view workflow_id) const {
  const std::lock_guard lock(mutex_);
  return waiting_.find(workflow_id) != waiting_.end();
}

void end_waiters::close(const error& why) {
  std::map<std::string, std::vector<waiter>, std::less<>> called;
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) closed_ = std::make_unique<error>(why);
    called.swap(waiting_);
    for_news_ = 0;
  }
  for (const auto& [id, waiters] : called) {
    for (const auto& w : waiters) w.done(why);
  }
}

std::uint64_t watchers::add(callback told) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      all_.emplace_back(++last_ticket_, std::move(told));
      any_ = true;
      return last_ticket_;
    }
  }
  told({});
  return 0;
}

void watchers::remove(std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  std::erase_if(all_, [ticket](const auto& w) { return w.first == ticket; });
  any_ = !all_.empty();
}

void watchers::tell_all(std::string_view workflow_id) const {
  const std::shared_lock lock(mutex_);
  for (const auto& [ticket, told] : all_) told(workflow_id);
}

void watchers::close() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;  // who comes now is told by `add`
  }
  tell({});
  const std::lock_guard lock(mutex_);
  all_.clear();
  any_ = false;
}

model::secret_source runtime::drawn_secrets() {
  return {[](void* rt) {
            auto& random = static_cast<runtime*>(rt)->random;
            return model::attempt_secret{random.next() | 1, random.next()};
          },
          this};
}

void runtime::halt(const error& why) {
  {
    const std::lock_guard lock(halt_mutex_);
    if (halted) return;
    halted_why_ = why.message();
    halted = true;
  }
  budget.close();
  log(log_level::error, "the engine stops: " + why.to_string());
  waiters.close(stopped());
  watchers.close();
  if (handlers != nullptr) handlers->close_polls(stopped());
  if (opts.on_stopped) opts.on_stopped(stopped());
}

error runtime::stopped() const {
  const std::lock_guard lock(halt_mutex_);
  return {errc::stopped, "the engine has stopped: " + halted_why_};
}

void runtime::no_handler(const workflow_spec& workflow, const action_spec& action) {
  constexpr std::size_t told_max = 10'000;
  const std::string name = workflow.id + ", action " + action.key;
  {
    const std::lock_guard lock(told_mutex_);
    if (told_.size() >= told_max || !told_.insert(std::hash<std::string>()(name)).second) return;
  }
  log(log_level::warning,
      "workflow " + name + " waits: no handler is registered for its type " + action.type,
      {workflow.id, action.key});
}

void runtime::die(const std::exception_ptr& why) const noexcept {
  log(log_level::error, "an exception in an actor ends the process: " + exception_text(why));
  std::terminate();
}

void runtime::finished(const model::definition& def, const model::workflow_state& state) {
  sweep_event_ms.store(0, std::memory_order_relaxed);
  watchers.tell(def.spec.id);
  if (!opts.on_finished && !waiters.any(def.spec.id)) return;
  const auto summary = model::summarize(def.spec, state);
  waiters.notify(summary);
  if (opts.on_finished) opts.on_finished(summary);
}

/// Reads what is durable: the state in memory runs ahead of it.
void runtime::went_on(std::string_view workflow_id) {
  watchers.tell(workflow_id);
  if (!waiters.any_for_news() || !waiters.any(workflow_id)) return;
  if (const auto summary = storage::read_summary(store, workflow_id)) waiters.notify(*summary);
}

storage::ack runtime::tell_went_on(const std::string& workflow_id) {
  if (!is_heard()) return {};
  struct news {
    runtime* rt;
    std::string workflow_id;
  };
  const auto call = [](void* context, const error* failure) noexcept {
    const std::unique_ptr<news> n(static_cast<news*>(context));
    if (failure == nullptr) n->rt->went_on(n->workflow_id);
  };
  return {call, new news{this, workflow_id}};
}

}  // namespace tenax::actors
