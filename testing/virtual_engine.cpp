#include "tenax/testing/virtual_engine.hpp"

#include <stdexcept>
#include <utility>

#include "actors/engine_access.hpp"
#include "storage/views.hpp"
#include "testing/driver.hpp"
#include "testing/memory_disk.hpp"

namespace tenax::testing {

namespace {

error closed_error() { return {errc::closing, "the engine is closed"}; }

driver_setup setup_of(options opts, const virtual_options& how, void* memory) {
  driver_setup setup;
  setup.dir = memory != nullptr ? std::filesystem::path("/virtual") : how.data_dir;
  setup.env = memory;
  setup.options = std::move(opts);
  setup.start_ms = how.start.time_since_epoch().count();
  setup.seed = how.seed;
  return setup;
}

}  // namespace

class virtual_engine::impl {
 public:
  impl(options opts, const virtual_options& how)
      : memory(how.data_dir.empty() ? make_memory_disk() : nullptr),
        engine(setup_of(std::move(opts), how, memory.get())) {
    engine.control.fate = [this](std::uint64_t number) {
      if (number != failing_write) return write_fate::good;
      return how_it_fails == failed_commit::lost ? write_fate::lost : write_fate::written;
    };
  }

  engine_seat seat() {
    return {[this] { return engine.answers() ? engine.core() : nullptr; },
            [this](const workflow_spec& spec, auto done, std::string terms) {
              engine.submit(spec, std::move(done), std::move(terms));
            },
            [this](const std::function<bool()>& ready, std::optional<milliseconds> within) {
              if (!engine.is_open()) return;
              if (within && within->count() <= 0) return engine.run_until_idle(ready);
              engine.advance(within.value_or(limits{}.delay_max), ready);
            },
            [this](std::optional<milliseconds> patience) -> result<void> {
              if (patience) return engine.close(*patience);
              engine.close();
              return {};
            }};
  }

  std::shared_ptr<void> memory;  // outlives the engine
  driver engine;
  tenax::engine as_engine = engine_access::make(seat());
  std::uint64_t failing_write = 0;
  failed_commit how_it_fails = failed_commit::lost;
};

virtual_engine::virtual_engine(std::unique_ptr<impl> p) noexcept : impl_(std::move(p)) {}
virtual_engine::virtual_engine(virtual_engine&&) noexcept = default;
virtual_engine& virtual_engine::operator=(virtual_engine&&) noexcept = default;
virtual_engine::~virtual_engine() = default;

result<virtual_engine> virtual_engine::open(options opts, virtual_options how) {
  auto made = std::make_unique<impl>(std::move(opts), how);
  if (auto opened = made->engine.open(); !opened) return opened.error();
  return virtual_engine(std::move(made));
}

tenax::engine& virtual_engine::as_engine() noexcept { return impl_->as_engine; }

// --- as in tenax::engine ---

result<submission> virtual_engine::submit(const workflow_spec& spec, std::string terms) {
  if (!impl_) return closed_error();
  return impl_->as_engine.submit(spec, std::move(terms));
}

result<submission> virtual_engine::submit_json(std::string_view json) {
  if (!impl_) return closed_error();
  return impl_->as_engine.submit_json(json);
}

void virtual_engine::submit_async(const workflow_spec& spec,
                                  std::function<void(result<submission>)> done) {
  if (impl_) return impl_->as_engine.submit_async(spec, std::move(done));
  if (done) done(closed_error());
}

result<void> virtual_engine::cancel(std::string_view id, std::string reason, std::string who) {
  if (!impl_) return closed_error();
  return impl_->as_engine.cancel(id, std::move(reason), std::move(who));
}

result<void> virtual_engine::resolve(std::string_view id, std::string_view action_key,
                                     resolution decision, std::string who) {
  if (!impl_) return closed_error();
  return impl_->as_engine.resolve(id, action_key, std::move(decision), std::move(who));
}

result<void> virtual_engine::signal(std::string_view id, std::string name, std::string payload,
                                    std::string key, std::string who) {
  if (!impl_) return closed_error();
  return impl_->as_engine.signal(id, std::move(name), std::move(payload), std::move(key),
                                 std::move(who));
}

result<void> virtual_engine::end_attempt(std::string_view token, outcome what, std::string who) {
  if (!impl_) return closed_error();
  return impl_->as_engine.end_attempt(token, std::move(what), std::move(who));
}

result<std::optional<wall_time>> virtual_engine::heartbeat(std::string_view token,
                                                           std::string progress) {
  if (!impl_) return closed_error();
  return impl_->as_engine.heartbeat(token, std::move(progress));
}

result<void> virtual_engine::change(std::string_view id, std::string_view action_key,
                                    action_change what, std::string who) {
  if (!impl_) return closed_error();
  return impl_->as_engine.change(id, action_key, std::move(what), std::move(who));
}

result<void> virtual_engine::retry(std::string_view id, std::string_view action_key,
                                   std::string reason, std::string who) {
  if (!impl_) return closed_error();
  return impl_->as_engine.retry(id, action_key, std::move(reason), std::move(who));
}

result<void> virtual_engine::record_terms(std::string_view id, std::string terms, std::string who) {
  if (!impl_) return closed_error();
  return impl_->as_engine.record_terms(id, std::move(terms), std::move(who));
}

result<void> virtual_engine::remove(std::string_view id) {
  if (!impl_) return closed_error();
  return impl_->as_engine.remove(id);
}

void virtual_engine::start() {
  if (impl_) impl_->as_engine.start();
}

result<std::string> virtual_engine::terms(std::string_view id) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.terms(id);
}

result<workflow_summary> virtual_engine::summary(std::string_view id) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.summary(id);
}

result<workflow_view> virtual_engine::get(std::string_view id) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.get(id);
}

result<explanation> virtual_engine::explain(std::string_view id) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.explain(id);
}

result<page<workflow_summary>> virtual_engine::list(const list_query& query) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.list(query);
}

result<list_count> virtual_engine::count(const list_query& query) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.count(query);
}

result<std::vector<history_event>> virtual_engine::history(std::string_view id, std::uint64_t after,
                                                           std::size_t limit) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.history(id, after, limit);
}

result<std::vector<due_view>> virtual_engine::list_retry_eligible(
    std::size_t limit, std::optional<wall_time> now) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.list_retry_eligible(limit, now);
}

result<std::vector<due_view>> virtual_engine::list_ready_scheduled(
    std::size_t limit, std::optional<wall_time> now) const {
  if (!impl_) return closed_error();
  return impl_->as_engine.list_ready_scheduled(limit, now);
}

result<void> virtual_engine::drain() {
  if (!impl_ || !impl_->engine.answers()) return closed_error();
  impl_->engine.start_draining();
  run_until_idle();
  if (const std::size_t left = impl_->engine.running(); left > 0) {
    return error(errc::timed_out, std::to_string(left) + " handlers still run");
  }
  return {};
}

void virtual_engine::close() {
  if (impl_) impl_->engine.close();
}
result<void> virtual_engine::close(milliseconds timeout) {
  if (!impl_) return closed_error();
  return impl_->engine.close(timeout);
}

engine_stats virtual_engine::stats() const {
  return impl_ ? impl_->as_engine.stats() : engine_stats{};
}

std::vector<action_type_stats> virtual_engine::type_stats() const {
  return impl_ ? impl_->as_engine.type_stats() : std::vector<action_type_stats>();
}

bool virtual_engine::healthy() const noexcept { return impl_ && impl_->as_engine.healthy(); }

// --- time ---

wall_time virtual_engine::now() const {
  return wall_time(milliseconds(impl_->engine.clock.now_ms()));
}

void virtual_engine::run_until_idle() {
  if (impl_->engine.is_open()) impl_->engine.run_until_idle();
}

void virtual_engine::advance(milliseconds by) {
  if (impl_->engine.is_open()) {
    impl_->engine.advance(by);
  } else {
    impl_->engine.clock.pass(by.count());
  }
}

void virtual_engine::step_wall_clock(milliseconds by) { impl_->engine.clock.step_wall(by.count()); }

result<workflow_summary> virtual_engine::run_until_end(std::string_view id, milliseconds within) {
  if (!impl_ || !impl_->engine.answers()) return closed_error();
  std::optional<result<workflow_summary>> end;
  auto shared = std::make_shared<decltype(&end)>(&end);
  impl_->engine.on_end(std::string(id), [shared](result<workflow_summary> r) {
    if (*shared != nullptr) (*shared)->emplace(std::move(r));
  });
  impl_->engine.advance(within, [&end] { return end.has_value(); });
  *shared = nullptr;  // the waiter may outlive this call
  if (end) return std::move(*end);
  return error(errc::timed_out, "workflow " + std::string(id) + " has not ended within " +
                                    std::to_string(within.count()) + " ms of virtual time");
}

// --- faults ---

void virtual_engine::fail_commit(std::uint64_t n, failed_commit how) {
  impl_->failing_write = impl_->engine.control.writes + n;
  impl_->how_it_fails = how;
}

result<void> virtual_engine::crash_and_reopen() {
  impl_->engine.crash();
  return impl_->engine.open();
}

result<void> virtual_engine::crash_and_reopen(options opts) {
  impl_->engine.crash();
  impl_->engine.options() = std::move(opts);
  return impl_->engine.open();
}

result<void> virtual_engine::reopen() {
  impl_->engine.close();
  return impl_->engine.open();
}

result<void> virtual_engine::reopen(options opts) {
  impl_->engine.close();
  impl_->engine.options() = std::move(opts);
  return impl_->engine.open();
}

result<verify_report> virtual_engine::verify() const {
  if (!impl_ || !impl_->engine.answers()) return closed_error();
  return impl_->engine.verify();
}

std::uint64_t virtual_engine::store_writes() const noexcept { return impl_->engine.control.writes; }

// --- handlers ---

void virtual_engine::hold_handlers() { impl_->engine.hold_handlers = true; }
void virtual_engine::hold_handlers(std::string action_type) {
  impl_->engine.held_types.insert(std::move(action_type));
}
void virtual_engine::release_handlers() {
  impl_->engine.hold_handlers = false;
  impl_->engine.held_types.clear();
}

std::vector<running_handler> virtual_engine::running_handlers() const {
  std::vector<running_handler> all;
  if (!impl_->engine.is_open()) return all;
  for (std::size_t n = 0; n < impl_->engine.running(); ++n) {
    const auto call = impl_->engine.started_call(n);
    all.push_back({std::string(call.workflow_id), std::string(call.action_key), call.attempt,
                   call.deferrals, call.stop_requested});
  }
  return all;
}

bool virtual_engine::finish_handler(std::string_view action_key, std::string_view workflow_id) {
  if (!impl_->engine.is_open()) return false;
  for (std::size_t n = 0; n < impl_->engine.running(); ++n) {
    const auto call = impl_->engine.started_call(n);
    if (call.action_key != action_key) continue;
    if (!workflow_id.empty() && call.workflow_id != workflow_id) continue;
    impl_->engine.finish_handler(n);
    impl_->engine.run_until_idle();
    return true;
  }
  return false;
}

}  // namespace tenax::testing
