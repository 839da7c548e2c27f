#include "actors/core.hpp"

#include <algorithm>
#include <limits>
#include <system_error>
#include <thread>
#include <utility>

#include <caf/atom.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "actors/caf_thread.hpp"
#include "actors/engine_actor.hpp"
#include "actors/retention.hpp"
#include "actors/scheduler.hpp"
#include "model/assert.hpp"
#include "model/clipped.hpp"
#include "model/failpoint.hpp"
#include "model/validate.hpp"
#include "storage/views.hpp"

namespace tenax::actors {

using model::definition_ptr;

// --- ids ---

std::string id_source::next(time_ms now_ms) {
  static constexpr char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's base 32
  const std::lock_guard lock(mutex_);
  if (now_ms > last_ms_) {
    last_ms_ = now_ms;
    high_ = static_cast<std::uint16_t>(random_.next());
    low_ = random_.next();
  } else if (++low_ == 0) {
    ++high_;
  }
  std::string id(26, '0');
  auto time = static_cast<std::uint64_t>(last_ms_);
  for (int i = 9; i >= 0; --i, time >>= 5) id[static_cast<std::size_t>(i)] = digits[time & 31];
  std::uint64_t low = low_;
  std::uint64_t high = high_;
  for (int i = 25; i >= 10; --i) {
    id[static_cast<std::size_t>(i)] = digits[low & 31];
    low = (low >> 5) | ((high & 31) << 59);
    high >>= 5;
  }
  return id;
}

// --- opening ---

namespace {

options with_defaults(options o, bool virtual_time) {
  builtin::add_defaults(o.handlers);
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  if (o.handler_threads == 0) {
    // Virtual time has no threads.
    o.handler_threads = virtual_time ? options::threads_max : std::max<std::size_t>(4, cores);
  }
  if (o.scheduler_threads == 0) o.scheduler_threads = cores;
  if (!o.log) {
    // A logger of its own: spdlog's default logger belongs to the embedding program.
    auto logger = std::make_shared<spdlog::logger>(
        "tenax", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    o.log = [logger](log_level level, std::string_view message) {
      if (level < log_level::warning) return;
      logger->log(level == log_level::error ? spdlog::level::err : spdlog::level::warn, message);
    };
  }
  return o;
}

std::optional<error> check_options(const options& o) {
  std::vector<fault> faults;
  const auto check_policy = [&](const std::string& where, const retry_policy& policy) {
    for (auto& f : policy.faults()) faults.push_back({where, std::move(f)});
  };
  check_policy("retry", o.retry);
  auto types = o.handlers.all();
  if (const auto* others = o.handlers.others()) types.emplace("*", *others);
  for (const auto& [type, entry] : types) {
    if (!model::valid_id(type) && type != "*")
      faults.push_back({"handlers", "bad action type name: " + type});
    const bool is_for_workers = entry.options.mode == run_mode::worker;
    if (!entry.run && !is_for_workers) {
      faults.push_back({"handlers/" + type, "no handler function"});
    }
    if (entry.options.retry) check_policy("handlers/" + type + "/retry", *entry.options.retry);
    if (const auto& most = entry.options.max_running) {
      if (entry.options.mode != run_mode::blocking) {
        faults.push_back({"handlers/" + type, "max_running is for blocking handlers"});
      } else if (*most < 1 || *most > options::threads_max) {
        faults.push_back({"handlers/" + type, "max_running must be 1 to " +
                                                  std::to_string(options::threads_max) +
                                                  ", it is " + std::to_string(*most)});
      }
    }
    for (const auto& limit :
         {entry.options.start_to_close, entry.options.schedule_to_close, entry.options.heartbeat}) {
      if (limit && (limit->count() <= 0 || *limit > limits{}.delay_max)) {
        faults.push_back(
            {"handlers/" + type, "a timeout must be longer than 0 ms, and 10 years at most"});
      }
    }
  }
  const auto check_range = [&](const char* name, std::size_t value, std::size_t most) {
    if (value >= 1 && value <= most) return;
    faults.push_back(
        {name, "must be 1 to " + std::to_string(most) + ", it is " + std::to_string(value)});
  };
  constexpr auto any = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  check_range("handler_threads", o.handler_threads, options::threads_max);
  check_range("scheduler_threads", o.scheduler_threads, options::threads_max);
  check_range("active_workflows_max", o.active_workflows_max, any);
  check_range("open_workflows_max", o.open_workflows_max, any);
  check_range("memory_bytes_max", o.memory_bytes_max, any);
  check_range("limits/actions_max", o.limits.actions_max, any);
  check_range("limits/spec_bytes_max", o.limits.spec_bytes_max, limits::spec_bytes_most);
  check_range("limits/payload_bytes_max", o.limits.payload_bytes_max, limits::payload_bytes_most);
  check_range("limits/text_bytes_max", o.limits.text_bytes_max, limits::text_bytes_most);
  check_range("limits/signals_max", o.limits.signals_max, limits::signals_most);
  check_range("limits/json_depth_max", o.limits.json_depth_max, limits{}.json_depth_max);
  if (const auto d = o.limits.delay_max; d.count() < 1 || d > limits{}.delay_max) {
    faults.push_back({"limits/delay_max",
                      "must be 1 ms to 10 years, it is " + std::to_string(d.count()) + " ms"});
  }
  if (o.timer_horizon.count() < 1 || o.timer_horizon > limits{}.delay_max) {
    faults.push_back({"timer_horizon", "must be 1 ms to 10 years, it is " +
                                           std::to_string(o.timer_horizon.count()) + " ms"});
  }
  if (o.limits.attempts_max != limits{}.attempts_max) {
    faults.push_back(
        {"limits/attempts_max", "is fixed at " + std::to_string(limits{}.attempts_max) +
                                    ", it is " + std::to_string(o.limits.attempts_max)});
  }
  const auto check_age = [&](const char* name, const keep_rule& rule) {
    if (rule.age && rule.age->count() < 0) faults.push_back({name, "must not be negative"});
  };
  check_age("retention/completed/age", o.retention.completed);
  check_age("retention/failed/age", o.retention.failed);
  check_age("retention/cancelled/age", o.retention.cancelled);
  if (faults.empty()) return std::nullopt;
  return error(errc::invalid_argument, "the options are not usable", std::move(faults));
}

}  // namespace

engine_core::engine_core(options opts, const core_seams& seams)
    : kept_options_(
          std::make_shared<const options>(with_defaults(std::move(opts), seams.virtual_time))),
      opts_(*kept_options_),
      seams_(seams) {}

result<std::unique_ptr<engine_core>> engine_core::open(const std::filesystem::path& dir,
                                                       options opts, const core_seams& seams) {
  std::unique_ptr<engine_core> core(new engine_core(std::move(opts), seams));
  if (auto bad = check_options(core->opts_)) return *bad;
  try {
    if (auto started = core->start(dir); !started) return started.error();
  } catch (const std::system_error& e) {
    return error(errc::invalid_argument,
                 "cannot start " + std::to_string(core->opts_.handler_threads) +
                     " handler_threads and " + std::to_string(core->opts_.scheduler_threads) +
                     " scheduler_threads: " + e.code().message());
  }
  return core;
}

result<void> engine_core::start(const std::filesystem::path& dir) {
  storage::store_options so;
  so.durability = opts_.durability;
  so.cache_bytes = opts_.cache_bytes;
  so.write_buffer_bytes = opts_.write_buffer_bytes;
  so.env = seams_.env;
  // Who only looks and decides (the tenax program on a service's directory) leaves it as it is.
  so.ends = retention::wanted(opts_.retention) ? storage::ends_index::kept
            : opts_.paused                     ? storage::ends_index::as_found
                                               : storage::ends_index::dropped;
  auto store = storage::open_store(dir, so);
  if (!store) return store.error();
  store_ = seams_.wrap_store ? seams_.wrap_store(std::move(*store)) : std::move(*store);
  const auto& wall = seams_.wall != nullptr ? *seams_.wall : model::system_clock();
  const std::uint64_t seed = seams_.seed != 0 ? seams_.seed : model::random_seed();
  ids_ = std::make_unique<id_source>(seed);
  const auto on_failure = [this](const error& why) {
    runtime_->halt(error(why.code(), "a commit failed (" + why.message() +
                                         "); its outcome is unknown until the data directory is "
                                         "opened again"));
  };
  if (seams_.virtual_time) {
    auto journal = storage::make_stepped_journal(*store_, store_->epoch(), on_failure);
    stepped_journal_ = journal.get();
    journal_ = std::move(journal);
  } else {
    journal_ = storage::make_threaded_journal(*store_, store_->epoch(), on_failure);
  }
  runtime_ = std::make_unique<runtime>(opts_, wall, *store_, *journal_, seed + 1);
  runtime_->opened_at_ms = wall.now_ms();
  if (seams_.virtual_time) runtime_->secrets = runtime_->drawn_secrets();
  if (seams_.crowd_per_s != 0) runtime_->crowd_per_s = seams_.crowd_per_s;
  admitted_ = store_->current_totals().submitted;
  const handler_env env{wall,
                        opts_.log,
                        [rt = runtime_.get()] { return rt->may_start(); },
                        runtime_->budget,
                        runtime_->attempts,
                        runtime_->secrets,
                        opts_.trace_context,
                        kept_options_};
  config_ = std::make_unique<caf::actor_system_config>();
  if (seams_.virtual_time) {
    auto manual = make_stepped_executor(opts_.handlers, opts_.handler_threads, env);
    stepped_executor_ = manual.get();
    executor_ = std::move(manual);
    config_->set("scheduler.policy", caf::atom("testing"));
  } else {
    executor_ = make_pool_executor(opts_.handlers, opts_.handler_threads, env);
    config_->set("scheduler.max-threads", opts_.scheduler_threads);
    config_->load<engine_scheduler>();
  }
  // Who waits in a row is not busy, who is let in is: a few lanes that stand still must leave most
  // of active_workflows_max to the others.
  auto lanes = seams_.lanes;
  lanes.row_max = std::max<std::size_t>(1, std::min(lanes.row_max, opts_.active_workflows_max / 2));
  lanes.ahead = std::min(lanes.ahead, 1 + opts_.active_workflows_max / 32);
  lanes.is_tight = [rt = runtime_.get()] {
    return rt->loaded_bytes >= rt->opts.memory_bytes_max / 2;
  };
  executor_->bound_lanes(lanes);
  runtime_->handlers = executor_.get();
  if (seams_.virtual_time) {
    const caf_visit here;
    start_actors();
  } else {
    on_thread_of_its_own([this] { start_actors(); });
  }
  return {};
}

void engine_core::start_actors() {
  system_ = std::make_unique<caf::actor_system>(*config_);
  engine_ = system_->spawn<engine_process>(runtime_.get(), [this] {
    const std::lock_guard lock(end_mutex_);
    actors_ended_ = true;
    end_signal_.notify_all();
  });
}

namespace {
error closed_error() { return {errc::closing, "the engine is closed"}; }
}  // namespace

// --- submit ---

struct engine_core::submit_op {
  /// One who submitted the same id meanwhile. Compared at once: only the answer is kept.
  struct duplicate {
    bool same = false;  ///< the same content
    submit_callback done;
  };
  engine_core* core = nullptr;
  std::string id;
  model::definition_ptr definition;
  std::string terms;
  messages::workflow_box_ptr box;  ///< what its actor takes over
  submit_callback done;
  std::vector<duplicate> joined;
  /// The store is asked what the id stands for: nobody can join yet.
  bool looks_up = false;
  std::shared_ptr<submit_op> self;  ///< while the journal has it
};

/// With calls_mutex_ held. Open are those that were admitted and have not ended: what is in flight
/// counts, and counts once, whenever the store's totals are told of it.
std::optional<error> engine_core::no_place() const {
  const auto totals = store_->current_totals();
  const std::uint64_t ended = totals.submitted - totals.open();
  if (admitted_ - ended < opts_.open_workflows_max) return std::nullopt;
  return error(errc::overloaded, "open_workflows_max (" + std::to_string(opts_.open_workflows_max) +
                                     ") workflows are open");
}

/// With calls_mutex_ held. All that waits for the disk on behalf of submits.
std::optional<error> engine_core::no_bytes() const {
  constexpr std::uint64_t duplicate_bytes = 256;  // with what its callback holds
  if (journal_->stats().bytes_queued + joined_ * duplicate_bytes < opts_.memory_bytes_max) {
    return std::nullopt;
  }
  return error(errc::overloaded, "memory_bytes_max (" + std::to_string(opts_.memory_bytes_max) +
                                     " bytes) wait for the disk");
}

/// Without calls_mutex_ held: a look at the store.
bool engine_core::stands_for_something(const std::string& id) const {
  return model::valid_id(id) && store_->exists(id);
}

/// Before any work is done. A repeated id takes no place, so it is answered whatever is full.
std::optional<error> engine_core::refuse_submit(const std::string& id) const {
  if (runtime_->halted) {
    return runtime_->stopped();
  }
  std::optional<error> full;
  {
    const std::lock_guard lock(calls_mutex_);
    if (submits_.contains(id)) return std::nullopt;
    full = no_place();
    if (!full) full = no_bytes();
  }
  if (full && stands_for_something(id)) return std::nullopt;
  return full;
}

std::optional<error> engine_core::refuse_terms(const std::string& terms) const {
  if (terms.size() <= opts_.limits.text_bytes_max) return std::nullopt;
  return error(errc::invalid_argument, "the terms are " + std::to_string(terms.size()) +
                                           " bytes, more than text_bytes_max (" +
                                           std::to_string(opts_.limits.text_bytes_max) + ")");
}

void engine_core::submit(workflow_spec spec, submit_callback done, std::string terms) {
  if (!done) done = [](const result<submission>&) {};  // nobody wants to know
  if (auto refused = refuse_submit(spec.id)) return done(*refused);
  auto faults = model::validate(spec, opts_.handlers, opts_.limits);
  if (!faults.empty()) {
    return done(error(errc::invalid_spec, "the workflow is not valid", std::move(faults)));
  }
  if (auto bad = refuse_terms(terms)) return done(std::move(*bad));
  (void)TENAX_FAILPOINT("submit.validated");
  const bool made_id = spec.id.empty();
  if (made_id) spec.id = ids_->next(runtime_->now_ms());
  auto op = std::make_shared<submit_op>();
  op->core = this;
  op->id = spec.id;
  op->done = std::move(done);
  op->terms = std::move(terms);
  op->looks_up = !made_id && !TENAX_PLANTED(12);
  op->definition = model::compile(std::move(spec));
  std::optional<error> refused;
  {
    std::unique_lock lock(calls_mutex_);
    for (bool fresh = false; !fresh && !refused;) {
      if (closed_ || runtime_->draining) {
        refused = closed_ ? closed_error() : error(errc::closing, "the engine is draining");
        break;
      }
      const auto [found, inserted] = submits_.try_emplace(op->id, op);
      auto& first = *found->second;
      fresh = inserted;
      if (fresh) break;
      if (first.looks_up) {  // for a read's time
        submits_changed_.wait(lock);
        continue;
      }
      refused = no_bytes();
      if (refused) break;
      ++joined_;
      first.joined.push_back({first.definition->spec == op->definition->spec, std::move(op->done)});
      return;
    }
  }
  if (refused) return op->done(*refused);
  if (op->looks_up && answer_from_store(*op)) return;
  {
    const std::lock_guard lock(calls_mutex_);
    refused = no_place();
    if (!refused) {
      ++admitted_;
      op->looks_up = false;
      submits_changed_.notify_all();
    }
  }
  if (refused) {
    leave_submits(*op);
    return op->done(*refused);
  }
  commit(op);
}

/// False: its id stands for nothing.
bool engine_core::answer_from_store(submit_op& op) {
  if (!store_->exists(op.id)) return false;
  const auto stored = store_->load_spec(op.id);
  // Retention may have removed it just now: then this one is new.
  if (!stored && stored.error().code() == errc::not_found) return false;
  leave_submits(op);
  if (!stored) {
    op.done(stored.error());
  } else if (*stored == op.definition->spec) {
    op.done(submission{op.id, true});
  } else {
    op.done(error(errc::conflict, "workflow " + op.id + " exists with other content"));
  }
  return true;
}

void engine_core::leave_submits(submit_op& op) {
  const std::lock_guard lock(calls_mutex_);
  submits_.erase(op.id);
  submits_changed_.notify_all();
}

/// `failure`: why nobody knows what the id stands for; null: it is what was in flight.
void engine_core::answer_joined(submit_op& op, const error* failure) {
  std::vector<submit_op::duplicate> some;
  for (;;) {
    some.clear();
    {
      const std::lock_guard lock(calls_mutex_);
      some.swap(op.joined);
      joined_ -= some.size();
      if (some.empty()) {
        submits_.erase(op.id);
        submits_changed_.notify_all();
        return;
      }
    }
    for (const auto& [same, done] : some) {
      if (failure != nullptr) {
        done(*failure);
      } else if (same) {
        done(submission{op.id, true});
      } else {
        done(error(errc::conflict, "workflow " + op.id + " exists with other content"));
      }
    }
  }
}

void engine_core::commit(const std::shared_ptr<submit_op>& op) {
  const auto& def = *op->definition;
  op->box = std::make_shared<messages::workflow_box>();
  op->box->definition = op->definition;
  auto& state = op->box->state;
  state = model::initial_state(def);
  model::change_set changes;
  changes.begin(state);
  time_ms now = 0;
  {
    // Creation times never go back while this engine is open: the listing is read in their order.
    const std::lock_guard lock(calls_mutex_);
    now = last_created_at_ms_ = std::max(last_created_at_ms_, runtime_->now_ms());
  }
  model::decision decision;
  model::decide(def, state, model::create{std::move(op->terms)}, now, runtime_->random,
                runtime_->rules, decision);
  for (auto& e : decision.events) model::apply(def, state, std::move(e), changes);
  thread_local storage::write_batch batch;
  batch.clear();
  storage::encode_commit(def, state, changes, batch);
  op->self = op;
  journal_->append(batch, storage::flush::now, {&tell_submitted, op.get()});
}

void engine_core::tell_submitted(void* context, const error* failure) noexcept {
  const auto op = std::move(static_cast<submit_op*>(context)->self);
  op->core->finish_submit(*op, failure);
}

/// On the journal's thread.
void engine_core::finish_submit(submit_op& op, const error* failure) {
  (void)TENAX_FAILPOINT("engine.before_ack");
  if (failure != nullptr) {
    {
      const std::lock_guard lock(calls_mutex_);
      --admitted_;
    }
    op.done(*failure);
    return answer_joined(op, failure);
  }
  caf::anon_send(engine_, messages::adopt{std::move(op.box)});
  runtime_->watchers.tell(op.id);
  op.done(submission{op.id, false});
  answer_joined(op, nullptr);
}

// --- commands and queries ---

std::uint64_t engine_core::on_end(const std::string& id, end_callback done, std::uint64_t after) {
  if (auto none = storage::no_such_id(id)) {
    done(*none);
    return 0;
  }
  // First in the list, then a look at the store: an end in between finds the list or the store.
  struct once {
    std::atomic<bool> called = false;
    end_callback done;
  };
  auto shared = std::make_shared<once>();
  shared->done = std::move(done);
  const auto call = [shared](result<workflow_summary> r) {
    if (!shared->called.exchange(true)) shared->done(std::move(r));
  };
  const std::uint64_t ticket = runtime_->waiters.add(id, call, after);
  auto header = store_->load_header(id);
  if (!header) {
    runtime_->waiters.remove(id, ticket);
    call(header.error());
    return 0;
  }
  auto summary = storage::to_summary(*header);
  const bool is_news = after != end_waiters::only_end && summary.events > after;
  if (is_news || is_terminal(summary.status)) {
    runtime_->waiters.remove(id, ticket);
    call(std::move(summary));
    return 0;
  }
  return ticket;
}

void engine_core::request(std::string id, messages::request::command what,
                          std::function<void(result<void>)> done) {
  if (auto none = storage::no_such_id(id)) return done(*none);
  if (runtime_->halted) {
    return done(runtime_->stopped());
  }
  (void)TENAX_FAILPOINT("request.received");
  std::unique_lock lock(calls_mutex_);
  if (closed_) {
    lock.unlock();
    return done(closed_error());
  }
  caf::anon_send(engine_, std::make_shared<messages::request>(std::move(id), std::move(what),
                                                              std::move(done)));
}

namespace {
/// Of a request, beside what it carries.
constexpr std::size_t request_bytes = 512;
}  // namespace

/// Charges what a request carries to the memory budget for as long as the result lives.
result<std::shared_ptr<const void>> engine_core::charge_request(std::size_t bytes) {
  auto& budget = runtime_->budget;
  if (!budget.takes_results()) {
    return error(errc::overloaded,
                 "results that wait for the disk fill their part of memory_bytes_max (" +
                     std::to_string(opts_.memory_bytes_max) + ")");
  }
  bytes += request_bytes;
  budget.add_result(bytes);
  return std::shared_ptr<const void>(
      nullptr, [&budget, bytes](const void*) noexcept { budget.drop_results(bytes); });
}

void engine_core::signal(std::string id, model::send_signal what,
                         std::function<void(result<void>)> done) {
  constexpr std::size_t key_bytes_max = 128;
  const auto bad = [&done](std::string why) {
    done(error(errc::invalid_argument, std::move(why)));
  };
  if (!model::valid_id(what.name)) {
    return bad("a signal's name is 1 to 128 characters of [A-Za-z0-9._:-]");
  }
  if (what.key.size() > key_bytes_max) {
    return bad("a signal's key is at most " + std::to_string(key_bytes_max) + " bytes");
  }
  if (what.payload.size() > opts_.limits.payload_bytes_max) {
    return bad("the payload of " + std::to_string(what.payload.size()) +
               " bytes exceeds payload_bytes_max (" +
               std::to_string(opts_.limits.payload_bytes_max) + ")");
  }
  auto charge = charge_request(what.payload.size());
  if (!charge) return done(charge.error());
  request(std::move(id), messages::request::signal{std::move(what), std::move(*charge)},
          std::move(done));
}

/// What can be said without the state: whether the input is one that submit would take.
std::optional<error> engine_core::refuse_change(const std::string& id,
                                                const messages::request::change& c) const {
  const auto bad = [&](const std::string& why, std::vector<fault> faults = {}) {
    return error(errc::invalid_argument,
                 "workflow " + id + ", action " + c.key + " cannot be changed: " + why,
                 std::move(faults));
  };
  const auto& [input, policy, as_registered, reason] = c.what;
  if (!input && !policy && !as_registered) return bad("neither an input nor a policy is given");
  if (policy) {
    if (const auto faults = policy->faults(); !faults.empty()) return bad(faults.front());
  }
  if (!input) return std::nullopt;
  const auto spec = store_->load_spec(id);
  if (!spec) return spec.error();
  const auto found = std::find_if(spec->actions.begin(), spec->actions.end(),
                                  [&](const action_spec& a) { return a.key == c.key; });
  if (found == spec->actions.end()) return std::nullopt;  // its actor says so
  auto faults =
      model::validate_input(*spec, static_cast<std::size_t>(found - spec->actions.begin()), *input,
                            opts_.handlers, opts_.limits);
  if (faults.empty()) return std::nullopt;
  return bad("the input is not valid", std::move(faults));
}

void engine_core::change(std::string id, messages::request::change what,
                         std::function<void(result<void>)> done) {
  if (auto none = storage::no_such_id(id)) return done(*none);
  if (runtime_->halted) return done(runtime_->stopped());
  if (auto bad = refuse_change(id, what)) return done(*bad);
  auto charge = charge_request(what.what.input ? what.what.input->size() : 0);
  if (!charge) return done(charge.error());
  what.charge = std::move(*charge);
  request(std::move(id), std::move(what), std::move(done));
}

void engine_core::record_terms(std::string id, model::record_terms what,
                               std::function<void(result<void>)> done) {
  if (what.terms.empty()) {
    return done(error(errc::invalid_argument, "there are no terms to record"));
  }
  if (auto bad = refuse_terms(what.terms)) return done(std::move(*bad));
  request(std::move(id), std::move(what), std::move(done));
}

namespace {
error no_token() { return {errc::invalid_argument, "this is no token of an attempt"}; }

/// Why a word ends no attempt, whatever its token; nothing: it may. A handler that returned it
/// would have failed, but here somebody can still be told.
std::optional<error> refuse_word(const outcome& what, const limits& bounds, time_ms now_ms) {
  const auto beyond = [](const std::string& name, auto value, const std::string& limit, auto most) {
    return error(errc::invalid_argument, "the " + name + " of " + std::to_string(value) +
                                             " exceeds " + limit + " (" + std::to_string(most) +
                                             ")");
  };
  if (what.what > outcome::kind::unknown) {
    return error(errc::invalid_argument, "a pending outcome ends no attempt");
  }
  if (what.what == outcome::kind::success && what.result.size() > bounds.payload_bytes_max) {
    return beyond("result", what.result.size(), "payload_bytes_max", bounds.payload_bytes_max);
  }
  const auto delay_max = bounds.delay_max.count();
  if (const time_ms until = what.until.time_since_epoch().count();
      what.what == outcome::kind::defer && until > now_ms + delay_max) {
    return beyond("deferral", until - now_ms, "delay_max", delay_max);
  }
  if (what.retry_after && *what.retry_after > bounds.delay_max) {
    return beyond("retry_after", what.retry_after->count(), "delay_max", delay_max);
  }
  return std::nullopt;
}
}  // namespace

void engine_core::end_attempt(std::string_view token, outcome what, std::string who,
                              std::function<void(result<void>)> done) {
  auto parsed = model::parse_token(token);
  if (!parsed) return done(no_token());
  if (auto bad = refuse_word(what, opts_.limits, runtime_->now_ms())) return done(*bad);
  // As what is kept of them.
  what.error_class = model::clipped(std::move(what.error_class), 128);
  what.message = model::clipped(std::move(what.message), opts_.limits.text_bytes_max);
  auto charge = charge_request(bytes_of(what));
  if (!charge) return done(charge.error());
  std::string id = parsed->workflow_id;
  request(std::move(id),
          messages::request::end_attempt{std::move(*parsed), std::move(what), std::move(who),
                                         std::move(*charge)},
          std::move(done));
}

void engine_core::heartbeat(std::string_view token, std::string progress,
                            std::function<void(result<std::optional<wall_time>>)> done) {
  auto parsed = model::parse_token(token);
  if (!parsed) return done(no_token());
  if (progress.size() > opts_.limits.text_bytes_max) {
    return done(error(errc::invalid_argument, "the progress of " + std::to_string(progress.size()) +
                                                  " bytes exceeds text_bytes_max (" +
                                                  std::to_string(opts_.limits.text_bytes_max) +
                                                  ")"));
  }
  auto until = std::make_shared<time_ms>(0);
  std::string id = parsed->workflow_id;
  request(std::move(id),
          messages::request::heartbeat{std::move(*parsed), std::move(progress), until},
          [until, done = std::move(done)](result<void> r) {
            if (!r) return done(r.error());
            if (*until == 0) return done(std::optional<wall_time>());
            done(std::optional(wall_time(milliseconds(*until))));
          });
}

std::optional<error> engine_core::refuse_poll(const worker_poll& asked) const {
  const auto bad = [](std::string why) { return error(errc::invalid_argument, std::move(why)); };
  constexpr std::size_t name_bytes_max = 128;
  if (asked.worker.size() > name_bytes_max) {
    return bad("the name of a worker is at most " + std::to_string(name_bytes_max) + " bytes");
  }
  if (asked.types.empty() || asked.types.size() > worker_poll::types_max) {
    return bad("a poll asks for 1 to " + std::to_string(worker_poll::types_max) + " types");
  }
  if (asked.max < 1 || asked.max > worker_poll::tasks_max) {
    return bad("a poll takes 1 to " + std::to_string(worker_poll::tasks_max) + " tasks");
  }
  const auto most = opts_.limits.delay_max;
  if (asked.wait.count() < 0 || asked.wait > most) return bad("a poll waits 0 ms to delay_max");
  if (asked.lease && (asked.lease->count() < 1 || *asked.lease > most)) {
    return bad("a lease is 1 ms to delay_max");
  }
  for (const auto& type : asked.types) {
    if (!model::valid_id(type)) return bad("there is no action type of that name");
    const auto* entry = opts_.handlers.find(type);
    if (entry == nullptr || entry->options.mode != run_mode::worker) {
      return bad("the action type " + type + " is not for workers");
    }
  }
  return std::nullopt;
}

std::uint64_t engine_core::poll(worker_poll asked, task_poll::callback done) {
  const auto refuse = [&done](const error& why) {
    done(why);
    return std::uint64_t{0};
  };
  if (runtime_->halted) return refuse(runtime_->stopped());
  if (const auto bad = refuse_poll(asked)) return refuse(*bad);
  std::sort(asked.types.begin(), asked.types.end());
  asked.types.erase(std::unique(asked.types.begin(), asked.types.end()), asked.types.end());
  const auto p = std::make_shared<task_poll>(std::move(asked), nullptr);
  for (const auto& type : p->asked.types) {
    p->lanes.push_back(executor_->lane_for_poll(type));
    if (p->lanes.back() == nullptr) {
      return refuse(error(errc::overloaded,
                          "workers ask for too many action types of which there "
                          "was no action yet: " +
                              type));
    }
  }
  p->done = std::move(done);
  std::optional<error> refused;
  std::uint64_t ticket = 0;
  {
    const std::lock_guard lock(calls_mutex_);
    if (closed_) {
      refused = closed_error();
    } else {
      p->until = system_->clock().now() + p->asked.wait;
      auto got = executor_->ask(p, runtime_->now_ms());
      refused = std::move(got.refused);
      ticket = got.ticket;
      for (std::size_t n = 0; n < p->lanes.size(); ++n) {
        auto* const l = p->lanes[n];
        if (std::find(got.new_lanes.begin(), got.new_lanes.end(), l) == got.new_lanes.end()) {
          continue;
        }
        caf::anon_send(engine_, messages::lane_asked{p->asked.types[n], l});
      }
      if (got.is_next) caf::anon_send(engine_, messages::poll_time{});
    }
  }
  if (refused) p->done(*refused);
  return ticket;
}

bool engine_core::withdraw(std::uint64_t ticket) {
  std::vector<held_task> back;
  if (!executor_->withdraw(ticket, back, runtime_->now_ms())) return false;
  for (const auto& held : back) {
    end_attempt(held.task.token, outcome::defer(wall_time(milliseconds(runtime_->now_ms()))), {},
                [](const result<void>&) {});
  }
  return true;
}

void engine_core::go_on() {
  const std::lock_guard lock(calls_mutex_);
  if (!closed_ && runtime_->paused.exchange(false)) {
    caf::anon_send(engine_, messages::start_all{});
  }
}

std::vector<attempt_progress> engine_core::progress(std::string_view id) const {
  std::vector<attempt_progress> out;
  for (auto& n : runtime_->progress.of(id)) {
    out.push_back({std::move(n.action_key), n.attempt, std::move(n.text),
                   wall_time(milliseconds(n.at_ms)), n.number});
  }
  return out;
}

result<workflow_view> engine_core::get(std::string_view id) const {
  auto view = storage::read_view(
      *store_, id, [this](std::string_view type) { return opts_.handlers.find(type) != nullptr; },
      runtime_->now_ms());
  if (!view) return view;
  for (model::action_index a = 0; a < view->actions.size(); ++a) {
    auto& action = view->actions[a];
    if (action.waiting != waiting_for::outside) continue;
    auto note = runtime_->progress.of(id, a);
    if (!note || note->attempt != action.attempts) continue;
    action.progress = std::move(note->text);
    action.heard_at = wall_time(milliseconds(note->at_ms));
  }
  for (const auto& call : executor_->stuck()) {
    if (call.workflow_id != id) continue;
    const auto action =
        std::find_if(view->actions.begin(), view->actions.end(),
                     [&](const action_view& a) { return a.key == call.action_key; });
    if (action == view->actions.end()) continue;
    action->stuck_attempt = std::max(action->stuck_attempt.value_or(0), call.attempt);
  }
  return view;
}

/// All that the engine knows beside the store. Costs a look under the executor's lock; nobody
/// writes anything down for it.
model::engine_facts engine_core::facts_of(const model::definition& def) const {
  model::engine_facts facts;
  std::vector<std::string> types;
  std::vector<lane*> lanes;
  for (const auto& action : def.spec.actions) {
    const auto* entry = opts_.handlers.find(action.type);
    if (entry != nullptr && entry->options.mode == run_mode::worker) {
      if (!facts.workers.contains(action.type)) {
        facts.workers[action.type] =
            executor_->who_asks(action.type, def.spec.id, runtime_->now_ms());
      }
      continue;
    }
    auto* const where = entry != nullptr ? executor_->lane_of(entry) : nullptr;
    if (where == nullptr || std::find(lanes.begin(), lanes.end(), where) != lanes.end()) continue;
    lanes.push_back(where);
    types.push_back(action.type);
  }
  auto view = executor_->view(def.spec.id, lanes, runtime_->now_ms());
  for (std::size_t n = 0; n < types.size(); ++n) {
    view.lanes[n].usual_ms = runtime_->of_types.of(opts_.handlers.find(types[n])).to_start.usual();
    facts.lanes.emplace(types[n], view.lanes[n]);
  }
  facts.calls = std::move(view.calls);
  facts.running = view.running;
  facts.running_max = view.running_max;
  facts.memory_full = !runtime_->budget.may_start();
  const auto busy = static_cast<std::int64_t>(runtime_->residents) - runtime_->resting;
  facts.places_full = runtime_->memory_is_full() || runtime_->backlog ||
                      busy >= static_cast<std::int64_t>(opts_.active_workflows_max);
  facts.paused = runtime_->paused;
  facts.draining = runtime_->draining;
  facts.closing = runtime_->closing;
  facts.at_rest = !runtime_->takes_up(def.spec.id) && !TENAX_PLANTED(23);
  if (runtime_->halted) facts.stopped = runtime_->stopped().message();
  facts.writes = !journal_->stopped() && journal_->stats().bytes_queued > 0;
  return facts;
}

result<explanation> engine_core::explain(std::string_view id) const {
  if (auto none = storage::no_such_id(id)) return *std::move(none);
  // The facts are of the moment of the state, unless that changes all the time.
  constexpr int looks_max = 3;
  for (int look = 1;; ++look) {
    const auto loaded = store_->load(id);
    if (!loaded) return loaded.error();
    const auto facts = facts_of(*loaded->definition);
    const auto header = store_->load_header(id);
    if (!header) return header.error();
    if (header->state.seq != loaded->state.seq && look < looks_max) continue;
    return model::explain(*loaded->definition, loaded->state,
                          {runtime_->now_ms(), &facts, &runtime_->rules, false});
  }
}

result<std::vector<due_view>> engine_core::due_by(storage::timer_kind kind, std::size_t limit,
                                                  std::optional<wall_time> now) const {
  const time_ms until = now ? now->time_since_epoch().count() : runtime_->now_ms();
  return storage::due_views(*store_, kind, until, limit);
}

engine_stats engine_core::stats() const {
  engine_stats s;
  const auto totals = store_->current_totals();
  const auto journal = journal_->stats();
  s.submitted = totals.submitted;
  s.open = totals.open();
  s.completed = totals.completed;
  s.failed = totals.failed;
  s.cancelled = totals.cancelled;
  s.removed = totals.removed;
  s.active = runtime_->residents;
  s.commits = journal.commits;
  s.syncs = journal.syncs;
  s.attempts = runtime_->attempts;
  s.late_results = runtime_->late_results;
  const auto load = executor_->load();
  s.handlers_running = load.running;
  s.handlers_stuck = load.stuck;
  s.actions_waiting = static_cast<std::uint64_t>(runtime_->queued.load()) + load.waiting;
  s.bytes_to_disk = journal.bytes_queued;
  s.bytes_in_flight = runtime_->budget.bytes();
  s.epoch = store_->epoch();
  return s;
}

std::vector<action_type_stats> engine_core::type_stats() const {
  using kind = outcome::kind;
  std::vector<action_type_stats> out;
  for (const auto& [type, entry] : opts_.handlers.all()) {
    const auto& counted = runtime_->of_types.of(&entry);
    const auto ended = [&](kind k) { return counted.ended[static_cast<std::size_t>(k)].load(); };
    auto& s = out.emplace_back();
    s.type = type;
    s.started = counted.started;
    s.succeeded = ended(kind::success);
    s.failed = ended(kind::failure);
    s.fatal = ended(kind::fatal);
    s.deferred = ended(kind::defer);
    s.opened = ended(kind::pending);
    s.unknown = ended(kind::unknown) + counted.of_no_kind;
    s.timed_out = counted.timed_out;
    s.to_start = counted.to_start.read();
    s.handling = counted.handling.read();
    if (auto* const where = executor_->lane_of(&entry))
      executor_->count(*where, runtime_->now_ms(), s);
  }
  return out;
}

result<void> engine_core::backup(const std::filesystem::path& target) const {
  // What a failed commit left in the log may or may not be there after a restart: no copy may
  // decide that.
  if (runtime_->halted) return runtime_->stopped();
  return store_->backup(target);
}

// --- the end ---

void engine_core::start_draining() {
  {
    const std::lock_guard lock(calls_mutex_);
    runtime_->draining = true;
  }
  executor_->close_polls(error(errc::closing, "the engine is draining"));
}

std::size_t engine_core::pending_submits() const {
  const std::lock_guard lock(calls_mutex_);
  return submits_.size();
}

/// Ends all actors: what has been decided becomes durable first.
void engine_core::end_actors() {
  caf::anon_send(engine_, messages::shut_down{});
  if (seams_.virtual_time) {
    const caf_visit here;
    auto& scheduler = dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
    do {
      scheduler.run();
    } while (stepped_journal_->step(true) || scheduler.has_job());
    TENAX_ASSERT(actors_ended_, "every actor ends at shutdown");
  } else {
    std::unique_lock lock(end_mutex_);
    end_signal_.wait(lock, [this] { return actors_ended_; });
  }
  engine_ = nullptr;
}

void engine_core::end_system() {
  if (seams_.virtual_time) {
    // Delayed messages hold their receivers; the coordinator would deliver them at its end.
    dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler()).clock().cancel_all();
    const caf_visit here;
    return system_.reset();
  }
  try {
    on_thread_of_its_own([this] { system_.reset(); });
  } catch (const std::system_error&) {  // no more threads for this process
    const caf_visit here;
    system_.reset();
  }
}

namespace {

/// Names the first of them, and lists them all.
error left_behind(const std::vector<stuck_call>& calls, milliseconds patience) {
  constexpr std::size_t named_max = 10;
  std::string text = std::to_string(calls.size()) + " handlers have not returned within " +
                     std::to_string(patience.count()) + " ms and were left behind: ";
  std::vector<fault> all;
  for (const auto& call : calls) {
    const std::string attempt = "attempt " + std::to_string(call.attempt);
    if (all.size() < named_max) {
      text += (all.empty() ? "workflow " : "; workflow ") + call.workflow_id + ", action " +
              call.action_key + " (" + attempt + ")";
    }
    all.push_back({call.workflow_id + "/" + call.action_key, attempt + " still runs"});
  }
  if (calls.size() > named_max) text += "; ...";
  return {errc::timed_out, std::move(text), std::move(all)};
}

}  // namespace

result<void> engine_core::close(std::optional<milliseconds> patience) {
  if (!system_) return {};
  {
    // From here on no call reaches the actors or the journal; what did is waited for.
    const std::lock_guard lock(calls_mutex_);
    if (std::exchange(closed_, true)) return {};
  }
  // A sum with a time point must not overflow.
  if (patience && *patience > limits{}.delay_max) patience.reset();
  if (patience) patience = std::max(*patience, milliseconds(0));
  runtime_->closing = true;
  runtime_->waiters.close(error(errc::closing, "the engine was closed"));
  runtime_->watchers.close();
  executor_->close_polls(error(errc::closing, "the engine was closed"));
  const auto left = executor_->stop(patience);
  if (!seams_.virtual_time) {
    std::unique_lock lock(calls_mutex_);
    submits_changed_.wait(lock, [this] { return submits_.empty(); });
  } else {
    while (stepped_journal_->step(true)) {
    }
  }
  end_actors();
  journal_->close();  // first: its thread tells actors
  end_system();
  if (left.empty()) return {};
  return left_behind(left, *patience);
}

void engine_core::crash() {
  TENAX_ASSERT(seams_.virtual_time, "only a simulation crashes");
  closed_ = true;
  runtime_->halted = true;
  runtime_->closing = true;
  stepped_journal_->abandon();
  stepped_executor_->abandon();
  dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler()).clock().cancel_all();
  end_actors();
  end_system();
}

engine_core::~engine_core() { (void)close(); }

}  // namespace tenax::actors
