// handler_call.hpp - one call of a handler, from the lane that lets it in to its outcome. Depends
// on include/tenax, model, messages. Its workflow actor makes it, its action actor owns it; the
// executor has it in between. The gate (`take`, `revoke`) is for all threads, the rest for whoever
// has it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "messages/interfaces.hpp"
#include "model/definition.hpp"
#include "model/token.hpp"
#include "tenax/handler.hpp"

namespace tenax::actors {

class executor;
struct lane;
struct task_poll;

/// A place in a lane: given back when it is dropped, wherever that is.
class lane_place {
 public:
  lane_place() = default;
  lane_place(executor& owner, lane& where, std::shared_ptr<task_poll> asker)
      : where(&where), asker(std::move(asker)), owner_(&owner) {}
  lane_place(lane_place&& o) noexcept
      : where(std::exchange(o.where, nullptr)),
        asker(std::move(o.asker)),
        owner_(std::exchange(o.owner_, nullptr)) {}
  lane_place& operator=(lane_place&& o) noexcept {
    std::swap(where, o.where);
    std::swap(asker, o.asker);
    std::swap(owner_, o.owner_);
    return *this;
  }
  ~lane_place() { give_back(); }
  void give_back();
  /// It was used up.
  void forget() noexcept {
    owner_ = nullptr;
    where = nullptr;
    asker = nullptr;
  }

  lane* where = nullptr;             ///< null: none
  std::shared_ptr<task_poll> asker;  ///< of a lane for workers: who has asked

 private:
  executor* owner_ = nullptr;
};

struct handler_call {
  enum class gate : std::uint8_t {
    open,
    taken,
    revoked,
    withdrawn  ///< as revoked, and another call of the attempt is made
  };

  const handler_registry::entry* entry = nullptr;
  model::definition_ptr definition;
  model::action_index action = 0;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
  std::int32_t priority = 0;
  std::uint32_t ready_at_ms = 0;       ///< since when it could have run; the lower half of it
  model::time_ms submitted_at_ms = 0;  ///< of its workflow
  std::uint64_t round = 0;             ///< of its lane, in which it is its workflow's turn
  delivery how = delivery::at_least_once;
  bool durable_first = false;  ///< the start is durable before the handler is called
  bool has_own_input = false;  ///< made for this call; else it is as in the spec
  /// Makes that, or says what comes of the attempt instead; looks at `is_open` now and then. Null:
  /// it is made, or there is none.
  std::function<std::optional<outcome>(handler_call&)> render;
  bool renders_at_once = false;             ///< in microseconds, from what is in memory
  std::string input;                        ///< rendered
  std::string changed_input;                ///< what it was made from, if not from the spec's
  lane_place place;                         ///< of a type with a lane
  std::shared_ptr<const void> charge;       ///< for workers: of its input, until that is told
  std::stop_source stop{std::nostopstate};  ///< has a state when the handler may block
  messages::action_actor reply_to;          ///< set by the action actor before it submits
  /// What the action actor has to report when it was made: its handler runs in place and nothing
  /// had to be waited for. One message less, and the actor need not wake up to send it.
  std::optional<messages::attempt_report> at_once;

  /// True, once, unless revoked before: the handler may be called.
  bool take() noexcept { return move_to(gate::taken); }
  /// True if the handler was not called and now never will be: from here on no start can come any
  /// more, whoever is about to.
  bool revoke() noexcept { return move_to(gate::revoked); }
  /// As revoke, for a call that is made anew: what becomes of this one is no news of its attempt.
  bool withdraw() noexcept { return move_to(gate::withdrawn); }
  [[nodiscard]] bool is_open() const noexcept { return gate_ == gate::open; }
  [[nodiscard]] bool is_taken() const noexcept { return gate_ == gate::taken; }
  [[nodiscard]] bool is_withdrawn() const noexcept { return gate_ == gate::withdrawn; }
  /// What the handler is told.
  [[nodiscard]] const std::string& input_told() const noexcept {
    return has_own_input ? input : definition->spec.actions[action].input;
  }
  /// Before references were replaced.
  [[nodiscard]] const std::string& input_written() const noexcept {
    return changed_input.empty() ? definition->spec.actions[action].input : changed_input;
  }
  [[nodiscard]] bool is_blocking() const noexcept {
    return entry->options.mode == run_mode::blocking;
  }
  [[nodiscard]] bool is_for_worker() const noexcept {
    return entry->options.mode == run_mode::worker;
  }
  /// Of its token; drawn from `draw` when somebody first asks. For all threads.
  model::attempt_secret secret(const model::secret_source& draw) {
    std::call_once(drawing_, [&] {
      secret_ = draw();
      has_secret_.store(true, std::memory_order_release);
    });
    return secret_;
  }
  /// Whether its handler was told this one.
  [[nodiscard]] bool has_told(const model::attempt_secret& told) const noexcept {
    return has_secret_.load(std::memory_order_acquire) && secret_.is(told);
  }

 private:
  bool move_to(gate to) noexcept {
    gate from = gate::open;
    return gate_.compare_exchange_strong(from, to);
  }
  std::atomic<gate> gate_ = gate::open;
  std::once_flag drawing_;
  std::atomic<bool> has_secret_ = false;
  model::attempt_secret secret_;
};
using messages::handler_call_ptr;

}  // namespace tenax::actors
