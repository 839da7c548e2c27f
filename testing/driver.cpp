#include "testing/driver.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include <caf/scheduled_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "actors/caf_thread.hpp"
#include "actors/core.hpp"
#include "messages/types.hpp"
#include "storage/verify.hpp"

namespace tenax::testing {

namespace {

caf::scheduler::test_coordinator& coordinator(actors::engine_core& core) {
  return dynamic_cast<caf::scheduler::test_coordinator&>(core.system().scheduler());
}

time_ms lazy_delay_ms() { return storage::journal::lazy_delay.count(); }

/// The type of the only value of the next message.
std::string_view next_message_type(caf::scheduled_actor& actor) {
  const auto* element = actor.mailbox().peek();
  if (element == nullptr || element->content().empty()) return "";
  const auto type = element->content().type(0);
  return type.second != nullptr ? type.second->name() : "builtin";
}

}  // namespace

driver::driver(driver_setup setup) : clock(setup.start_ms), setup_(std::move(setup)) {}

driver::~driver() { close(); }

// --- lives ---

result<void> driver::open() {
  close();
  core_.reset();  // it holds the directory
  ++life_;
  actors::core_seams seams;
  seams.wall = &clock;
  // Life 1 has the seed itself, and no life has 0 (which would ask the operating system).
  seams.seed = mix(setup_.seed, life_) | 1;
  seams.virtual_time = true;
  seams.env = setup_.env;
  seams.crowd_per_s = setup_.crowd_per_s;
  seams.lanes = {setup_.lane_ahead, setup_.lane_row_max};
  seams.wrap_store = [this](std::unique_ptr<storage::store> real) {
    return control_store(std::move(real), control);
  };
  auto opened = actors::engine_core::open(setup_.dir, setup_.options, seams);
  if (!opened) return opened.error();
  core_ = std::move(*opened);
  core_->manual().slow_rendering = setup_.slow_rendering;
  open_ = true;
  alive_ = std::make_shared<bool>(true);
  lazy_since_ms_.reset();
  traced("open", life_);
  return {};
}

void driver::close() {
  if (!std::exchange(open_, false)) return;
  traced("close");
  (void)core_->close();
}

result<void> driver::close(milliseconds patience) {
  if (!std::exchange(open_, false)) return {};
  traced("close");
  return core_->close(patience);
}

void driver::crash() {
  if (std::exchange(open_, false)) {
    traced("crash");
    *alive_ = false;
    core_->crash();
  }
  core_.reset();
}

// --- commands ---

void driver::submit(const workflow_spec& spec, callback<submission> done, std::string terms) {
  traced("submit");
  core_->submit(
      spec,
      [done = std::move(done), alive = alive_](result<submission> r) {
        if (*alive && done) done(std::move(r));
      },
      std::move(terms));
  note_lazy();
}

namespace {
template <class Done>
auto while_alive(Done done, const std::shared_ptr<bool>& alive) {
  return [done = std::move(done), alive](auto r) {
    if (*alive) done(std::move(r));
  };
}
}  // namespace

void driver::cancel(std::string id, std::string reason, callback<void> done) {
  traced("cancel");
  core_->request(std::move(id), model::cancel{std::move(reason), {}},
                 while_alive(std::move(done), alive_));
}

void driver::resolve(std::string id, std::string key, resolution decision, callback<void> done) {
  traced("resolve");
  core_->request(std::move(id), messages::request::resolve{std::move(key), std::move(decision), {}},
                 while_alive(std::move(done), alive_));
}

void driver::change(std::string id, std::string key, action_change what, callback<void> done) {
  traced("change");
  core_->change(std::move(id), {std::move(key), std::move(what), {}, nullptr},
                while_alive(std::move(done), alive_));
}

void driver::retry(std::string id, std::string key, std::string reason, callback<void> done) {
  traced("retry");
  core_->request(std::move(id), messages::request::retry{std::move(key), std::move(reason), {}},
                 while_alive(std::move(done), alive_));
}

std::uint64_t driver::poll(worker_poll what, callback<std::vector<worker_task>> done) {
  traced("poll");
  return core_->poll(std::move(what), while_alive(std::move(done), alive_));
}

bool driver::withdraw(std::uint64_t ticket) {
  traced("withdraw", ticket);
  return core_->withdraw(ticket);
}

void driver::end_attempt(std::string_view token, outcome what, callback<void> done) {
  traced("end_attempt", mix(0, token));
  core_->end_attempt(token, std::move(what), {}, while_alive(std::move(done), alive_));
}

void driver::signal(std::string id, std::string name, std::string payload, std::string key,
                    callback<void> done) {
  traced("signal", mix(mix(0, id), name));
  core_->signal(std::move(id), {std::move(name), std::move(payload), std::move(key), {}},
                while_alive(std::move(done), alive_));
}

void driver::heartbeat(std::string_view token, callback<std::optional<wall_time>> done) {
  traced("heartbeat", mix(0, token));
  core_->heartbeat(token, "some", while_alive(std::move(done), alive_));
}

void driver::remove(std::string id, callback<void> done) {
  traced("remove");
  core_->request(std::move(id), messages::remove_workflow{}, while_alive(std::move(done), alive_));
}

void driver::on_end(const std::string& id, callback<workflow_summary> done) {
  core_->on_end(id, [done = std::move(done), alive = alive_](result<workflow_summary> r) {
    if (*alive) done(std::move(r));
  });
}

void driver::start_draining() {
  traced("drain");
  core_->start_draining();
}

// --- queries ---

result<workflow_view> driver::get(std::string_view id) const { return core_->get(id); }
result<explanation> driver::explain(std::string_view id) const { return core_->explain(id); }
result<std::vector<due_view>> driver::due_by(storage::timer_kind kind, std::size_t limit,
                                             std::optional<wall_time> now) const {
  return core_->due_by(kind, limit, now);
}
const storage::read_store& driver::store() const { return *control.real; }
engine_stats driver::stats() const { return core_->stats(); }
bool driver::halted() const { return core_->halted(); }
bool driver::draining() const { return core_->shared().draining; }
result<verify_report> driver::verify() const { return storage::verify_store(*control.real); }

// --- steps ---

void driver::traced(std::string_view what, std::uint64_t a, std::uint64_t b) {
  trace_ = mix(mix(mix(trace_, what), a), mix(b, static_cast<std::uint64_t>(clock.now_ms())));
  if (!on_step) return;
  on_step(std::to_string(clock.now_ms()) + " " + std::string(what) + " " + std::to_string(a) + " " +
          std::to_string(b));
}

void driver::note_lazy() {
  if (!core_->stepped().has_lazy()) {
    lazy_since_ms_.reset();
  } else if (!lazy_since_ms_) {
    lazy_since_ms_ = clock.steady_ms();
  }
}

std::size_t driver::jobs() const { return coordinator(*core_).jobs.size(); }

std::uint64_t driver::job_actor(std::size_t n) const {
  const auto* actor = dynamic_cast<caf::scheduled_actor*>(coordinator(*core_).jobs[n]);
  return actor != nullptr ? actor->id() : 0;
}

void driver::deliver(std::size_t n) {
  auto& scheduler = coordinator(*core_);
  const auto chosen = scheduler.jobs.begin() + static_cast<std::ptrdiff_t>(n);
  std::rotate(scheduler.jobs.begin(), chosen, chosen + 1);
  if (auto* actor = dynamic_cast<caf::scheduled_actor*>(scheduler.jobs.front())) {
    traced(next_message_type(*actor), actor->id());
  }
  {
    const actors::caf_visit here;
    scheduler.run_once();
  }
  note_lazy();
}

bool driver::commit_waits() const { return core_->stepped().has_waiting(); }
bool driver::lazy_waits() const { return core_->stepped().has_lazy(); }

bool driver::commit(bool also_lazy) {
  traced("commit", also_lazy ? 1 : 0);
  const bool did = core_->stepped().step(also_lazy);
  note_lazy();
  return did;
}

std::size_t driver::queued() const { return core_->manual().queued(); }
std::size_t driver::running() const { return core_->manual().started(); }
std::size_t driver::bytes_in_flight() const { return core_->shared().budget.bytes(); }
bool driver::takes_results() const { return core_->manual().takes_results(); }

call_info driver::started_call(std::size_t n) const {
  const auto& call = core_->manual().started(n);
  const auto& spec = call.definition->spec;
  const auto& action = spec.actions[call.action];
  return {spec.id,
          action.key,
          action.type,
          call.action,
          call.attempt,
          call.deferrals,
          call.stop.stop_requested()};
}

void driver::start_handler(std::size_t n, bool quick) {
  traced(quick ? "start quickly" : "start", n);
  core_->manual().start(n, quick);
}

void driver::finish_handler(std::size_t n) {
  traced("finish", n);
  core_->manual().finish(n);
}

std::optional<time_ms> driver::next_timer_in() const {
  std::optional<time_ms> next;
  if (lazy_since_ms_) {
    next = std::max<time_ms>(*lazy_since_ms_ + lazy_delay_ms() - clock.steady_ms(), 0);
  }
  const auto& actor_clock = coordinator(*core_).clock();
  if (!actor_clock.schedule().empty()) {
    const auto left = actor_clock.schedule().begin()->first - actor_clock.current_time;
    const auto ms = std::max<time_ms>(std::chrono::ceil<milliseconds>(left).count(), 0);
    next = next ? std::min(*next, ms) : ms;
  }
  return next;
}

/// Until the due actor has something to do: with what it has read, or what comes after that.
time_ms driver::due_work_in() const {
  const auto& rt = core_->shared();
  if (!rt.may_start()) return actors::never_ms;
  time_ms at = rt.due_event_ms;
  for (const auto group : {storage::timer_group::start, storage::timer_group::deadline}) {
    const storage::due_entry from{rt.window_end_ms[static_cast<std::size_t>(group)] + 1, {}, {}, 0};
    const auto first = control.real->due(group, from, at, 1);
    if (!first) return 0;
    if (!first->empty()) at = first->front().at_ms;
  }
  return at == actors::never_ms ? at : at - clock.now_ms();
}

std::optional<time_ms> driver::next_work_in() const {
  std::optional<time_ms> next;
  if (lazy_since_ms_) {
    next = std::max<time_ms>(*lazy_since_ms_ + lazy_delay_ms() - clock.steady_ms(), 0);
  }
  using caf::detail::simple_actor_clock;
  const auto& actor_clock = coordinator(*core_).clock();
  for (const auto& [at, event] : actor_clock.schedule()) {
    const auto comes_in = std::max<time_ms>(
        std::chrono::ceil<milliseconds>(at - actor_clock.current_time).count(), 0);
    if (next && comes_in >= *next) break;
    time_ms work_in = comes_in;
    if (event->subtype == simple_actor_clock::actor_msg_type) {
      const auto& content =
          static_cast<const simple_actor_clock::actor_msg&>(*event).content->content();
      if (content.size() == 1) {
        if (content.match_element<messages::alarm>(0)) {
          work_in = content.get_as<messages::alarm>(0).due_at_ms - clock.now_ms();
        } else if (content.match_element<messages::timeout>(0)) {
          work_in += content.get_as<messages::timeout>(0).left.count();
        } else if (content.match_element<messages::tick>(0)) {
          work_in = due_work_in();
        } else if (content.match_element<messages::sweep>(0)) {
          const time_ms sweep_at = core_->shared().sweep_event_ms;
          work_in = sweep_at == actors::never_ms ? sweep_at : sweep_at - clock.now_ms();
        }
      }
    }
    work_in = std::max(work_in, comes_in);
    if (work_in != actors::never_ms) next = std::min(next.value_or(work_in), work_in);
  }
  return next;
}

void driver::pass(time_ms ms) {
  traced("pass", static_cast<std::uint64_t>(ms));
  clock.pass(ms);
  if (ms >= actors::announce_after.count()) core_->manual().announce();
  coordinator(*core_).clock().advance_time(milliseconds(ms));
  if (lazy_since_ms_ && clock.steady_ms() >= *lazy_since_ms_ + lazy_delay_ms()) commit(true);
}

// --- runs of steps ---

/// The first that may end.
std::optional<std::size_t> driver::free_handler() const {
  if (hold_handlers || !takes_results()) return std::nullopt;
  for (std::size_t n = 0; n < running(); ++n) {
    if (held_types.empty() || !held_types.contains(started_call(n).action_type)) return n;
  }
  return std::nullopt;
}

/// False: there was nothing to do.
bool driver::idle_step() {
  if (jobs() > 0) {
    deliver(0);
  } else if (queued() > 0) {
    start_handler(0);
  } else if (const auto free = free_handler()) {
    finish_handler(*free);
  } else if (commit_waits()) {
    commit(false);  // last: as with a real disk, what happens meanwhile shares the write
  } else if (next_timer_in() == time_ms{0}) {
    pass(0);
  } else {
    return false;
  }
  return true;
}

void driver::run_until_idle(const std::function<bool()>& enough) {
  for (std::uint64_t steps = 0; !(enough && enough()) && idle_step(); ++steps) {
    if (steps >= steps_max) throw std::runtime_error("the engine does not become idle");
  }
}

void driver::advance(milliseconds by, const std::function<bool()>& enough) {
  time_ms left = by.count();
  for (;;) {
    run_until_idle(enough);
    if (left <= 0 || (enough && enough())) return;
    const time_ms next = std::min(left, next_work_in().value_or(left));
    pass(next);
    left -= next;
  }
}

}  // namespace tenax::testing
