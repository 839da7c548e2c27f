#include "tests/fault/engine_life.hpp"

#include <algorithm>
#include <utility>

namespace tenax::faults {

engine_life::engine_life(shared_ledger& known, life_options options)
    : known_(known), options_(std::move(options)), random_(options_.life_seed) {}

engine_life::~engine_life() = default;

result<void> engine_life::open() {
  auto o = workload::make_options([this](const action_context& c, const auto& run) {
    if (c.action_type == "once") known_.once_called(c);
    return run();
  });
  // That removes nothing, in some lives: so the index of ends is made, and removed.
  if (options_.keeps_ends) o.retention.failed.age = milliseconds::max();
  o.durability = options_.durability;
  o.write_buffer_bytes = options_.write_buffer_bytes;
  o.log = [this](log_level level, std::string_view message) {
    if (level != log_level::error) return;
    const std::lock_guard lock(log_mutex_);
    last_error_ = message;
  };
  o.on_finished = [this](const workflow_summary& s) { known_.told_end(s); };
  actors::core_seams seams;
  seams.env = options_.env;
  seams.wall = options_.wall;
  seams.seed = options_.life_seed | 1;
  auto opened = actors::engine_core::open(options_.data_dir, std::move(o), seams);
  if (!opened) return opened.error();
  core_ = std::move(*opened);
  return {};
}

void engine_life::submit(std::uint32_t n) {
  known_.submit_sent(n);
  core_->submit(workload::make_spec(options_.workload_seed, n),
                [this, n](const result<submission>& r) {
                  known_.submit_answered(n, r);
                  if (!r) count(r.error());
                });
}

void engine_life::cancel(std::uint32_t n) {
  known_.cancel_sent(n);
  core_->request(workload::id_of(n), model::cancel{"no longer wanted", {}},
                 [this, n](const result<void>& r) {
                   known_.cancel_answered(n, r);
                   if (!r) count(r.error());
                 });
}

void engine_life::tick() {
  for (auto more = random_.below(4); more > 0; --more) {
    const std::uint32_t n = known_.next;
    if (n >= options_.workflows) break;
    known_.next = n + 1;
    submit(n);
  }
  const std::uint32_t sent = known_.next;
  if (sent == 0) return;
  const auto any = static_cast<std::uint32_t>(random_.below(sent));
  // A repeated submit of the same content is no error, whatever became of the first one.
  if (random_.chance(20)) submit(any);
  if (random_.chance(8)) cancel(static_cast<std::uint32_t>(random_.below(sent)));
  if (random_.chance(10)) decide();
}

void engine_life::decide() {
  for (std::uint32_t n = 0; n < known_.next; ++n) {
    if (known_.workflows[n].ended != 0) continue;
    const auto view = core_->get(workload::id_of(n));
    if (!view) continue;
    for (const auto& action : view->actions) {
      if (action.waiting != waiting_for::decision) continue;
      resolution what;
      what.what = static_cast<resolution::kind>(random_.below(4));
      what.value = "\"decided\"";
      core_->request(workload::id_of(n), messages::request::resolve{action.key, what, {}},
                     [this](const result<void>& r) {
                       if (!r) count(r.error());
                     });
    }
  }
}

std::uint32_t engine_life::open_workflows() const {
  std::uint32_t open = 0;
  for (std::uint32_t n = 0; n < known_.next; ++n) {
    const auto view = core_->store().load_header(workload::id_of(n));
    if (view ? !view->state.terminal() : view.error().code() != errc::not_found) ++open;
  }
  return open;
}

std::string engine_life::last_error() const {
  const std::lock_guard lock(log_mutex_);
  return last_error_;
}

}  // namespace tenax::faults
