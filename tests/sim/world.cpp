#include "tests/sim/world.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "storage/export.hpp"
#include "storage/views.hpp"
#include "testing/driver.hpp"
#include "testing/memory_disk.hpp"
#include "tests/sim/claims.hpp"
#include "tests/sim/oracle.hpp"
#include "tests/sim/workload.hpp"

namespace tenax::sim {

namespace {

using model::time_ms;
using testing::driver;
using testing::write_fate;

constexpr time_ms start_ms = 1'767'225'600'000;  // 2026-01-01T00:00:00Z
/// Beyond this the world does not come to rest.
constexpr std::uint64_t steps_max = 400'000;

/// What a handler has asked for outside.
struct errand {
  std::string token;
  std::string workflow_id;
  std::string key;
  std::uint32_t attempt = 0;
  std::uint32_t deferrals = 0;
};

struct sent_signal {
  std::string workflow_id;
  std::string name;
  std::string payload;
  std::string key;
};

class world {
 public:
  explicit world(const world_options& how)
      : how_(how),
        dice_(how.seed),
        work_(how.seed, dice_),
        disk_(testing::make_memory_disk()),
        engine_(setup()),
        oracle_(work_, engine_),
        claims_(engine_, oracle_),
        worker_dice_(testing::mix(how.seed, 31)),
        explain_dice_(testing::mix(how.seed, 23)),
        change_dice_(testing::mix(how.seed, 37)),
        submits_max_(dice_.chance(80) ? 1 + dice_.below(7) : 8 + dice_.below(12)) {
    engine_.on_step = how.on_step;
    engine_.control.fate = [this](std::uint64_t) {
      return std::exchange(next_fate_, write_fate::good);
    };
  }

  world_result run() {
    open();
    safety_phase();
    if (fine()) liveness_phase();
    out_.failure = oracle_.failure();
    out_.trace = engine_.trace_hash();
    out_.workflows = oracle_.ledger().size();
    out_.explained = claims_.taken();
    // After a failure nothing can be taken for granted, an orderly end neither.
    engine_.crash();
    return out_;
  }

 private:
  testing::driver_setup setup();
  options make_options();
  void add_handlers(options& o);
  void set_retention(options& o) const;
  [[nodiscard]] bool fine() const { return oracle_.failure().empty(); }

  // Lives.
  void open();
  void end_life();
  void crash_in_commit();
  /// Without the dice, so that a seed is the world that it was.
  [[nodiscard]] bool moves() const { return testing::mix(how_.seed, out_.lives) >> 32 & 1; }
  void move_by_export();
  [[nodiscard]] std::vector<std::string> exported();

  // Steps.
  void safety_phase();
  void safety_step();
  bool engine_step(bool patient);
  void start_handler(std::size_t n);
  void check_lanes();
  void check_memory();
  bool finish_a_handler(bool patient);
  void pass_time(bool to_the_next_timer);
  void after_commit();
  void after_step();
  void handler_started(const handler_start& s);
  void fault();
  void fail_a_read();

  // Clients.
  void client_step();
  void submit_new();
  void submit_again();
  void cancel_one();
  void resolve_one(bool for_good);
  void retry_one();
  void change_one();
  void answer_one();
  void answer(const errand& e);
  [[nodiscard]] outcome word_of(const errand& e) const;
  void work_step();
  void ask(std::vector<std::string> types, std::size_t max, milliseconds wait, bool loses);
  void ask_for_all();
  void take_tasks(const result<std::vector<worker_task>>& r, bool loses);
  [[nodiscard]] bool is_for_workers(const std::string& type) const {
    return testing::mix(how_.seed, 29) % 4 == 0 && testing::mix(how_.seed, type) % 2 == 0;
  }
  void signal_one();
  void signal(const std::string& id, const std::string& name);
  void send(const sent_signal& what);
  void signal_what_waits();
  void query_one();
  [[nodiscard]] std::string some_id();

  // Liveness.
  void liveness_phase();
  void open_without_faults();
  [[nodiscard]] bool all_over();
  void decide_what_waits();
  [[nodiscard]] time_ms time_needed();

  const world_options& how_;
  dice dice_;
  const workload work_;
  std::vector<std::string> worker_types_;  ///< of this life
  const std::shared_ptr<void> disk_;
  driver engine_;
  oracle oracle_;
  claims claims_;
  dice worker_dice_;   ///< of their own, as below
  dice explain_dice_;  ///< of its own: it changes nothing of what the others make of a seed
  dice change_dice_;   ///< of some worlds
  world_result out_;
  write_fate next_fate_ = write_fate::good;
  std::uint64_t submits_ = 0;
  const std::uint64_t submits_max_;
  bool without_a_handler_ = false;
  std::vector<errand> outside_;  ///< not answered yet, as far as is known
  std::vector<sent_signal> sent_;
  std::vector<errand> answered_;  ///< words of these are repeated, or late
  std::map<std::uint64_t, std::vector<std::string>> polls_;  ///< that wait in this life: types
  std::uint64_t polls_asked_ = 0;
  /// Steady time before which the handler that was started then must not end.
  std::map<std::tuple<std::string, std::string, std::uint32_t, std::uint32_t>, time_ms> hangs_;
};

// --- the engine ---

testing::driver_setup world::setup() {
  testing::driver_setup s;
  s.dir = "/sim";
  s.env = disk_.get();
  s.start_ms = start_ms;
  s.seed = how_.seed;
  s.options = make_options();
  s.slow_rendering = true;
  if (dice_.chance(40)) s.crowd_per_s = 1;
  if (dice_.chance(60)) {  // full lanes
    s.lane_ahead = 0;
    s.lane_row_max = 1 + dice_.below(2);
  }
  return s;
}

options world::make_options() {
  options o;
  o.log = [](log_level, std::string_view) {};
  o.durability = durability::sync;
  o.retry = work_.fallback();
  o.cache_bytes = 1u << 20;
  o.write_buffer_bytes = 4u << 20;
  if (dice_.chance(50)) o.active_workflows_max = 1 + dice_.below(4);
  if (dice_.chance(10)) o.open_workflows_max = 1 + dice_.below(4);
  o.handler_threads = 1 + dice_.below(6);
  if (dice_.chance(20)) o.memory_bytes_max = 1'000 + dice_.below(50'000);
  if (dice_.chance(60)) o.timer_horizon = milliseconds(dice_.between(1, 20'000));
  o.on_finished = [this](const workflow_summary& s) { oracle_.finished(s); };
  add_handlers(o);
  return o;
}

void world::add_handlers(options& o) {
  worker_types_.clear();
  for (const auto& type : work_.types()) {
    if (is_for_workers(type.name)) {
      auto how = type.options;
      how.max_running.reset();
      o.handlers.add_worker(type.name, how);
      worker_types_.push_back(type.name);
      continue;
    }
    const bool in_place = type.options.mode == run_mode::in_place;
    o.handlers.add(
        type.name,
        [this, in_place](const action_context& c) {
          if (in_place) {
            ++out_.starts;
            handler_started({c.workflow_id, c.action_key, c.attempt, c.deferrals});
          }
          oracle_.ended(c);
          if (!work_.leaves_open(c)) return work_.act(c);
          outside_.push_back({c.token(), std::string(c.workflow_id), std::string(c.action_key),
                              c.attempt, c.deferrals});
          return outcome::pending();
        },
        type.options);
  }
}

/// That removes nothing, in some lives: so the index of ends comes and goes.
void world::set_retention(options& o) const {
  o.retention = {};
  if ((how_.seed + out_.lives) % 3 == 0) o.retention.failed.age = milliseconds::max();
}

void world::open() {
  set_retention(engine_.options());
  if (auto opened = engine_.open(); !opened) {
    oracle_.fail("open: " + opened.error().to_string());
    return;
  }
  ++out_.lives;
  hangs_.clear();
  polls_.clear();
  oracle_.reopened();
  oracle_.check_all();
}

/// Ends this life in one way or another, and begins the next, perhaps with another program.
void world::end_life() {
  claims_.end_life();
  if (!engine_.halted()) oracle_.check_told();
  if (dice_.chance(30)) {
    engine_.close();
  } else {
    ++out_.crashes;
    engine_.crash();
  }
  auto& o = engine_.options();
  o.paused = dice_.chance(5);
  if (without_a_handler_) {
    o.handlers = {};
    add_handlers(o);
    without_a_handler_ = false;
  } else if (dice_.chance(10)) {
    const auto& missing = dice_.pick(work_.types()).name;
    handler_registry others;
    for (const auto& [name, entry] : o.handlers.all()) {
      if (name != missing) others.add(name, entry.run, entry.options);
    }
    o.handlers = std::move(others);
    without_a_handler_ = true;
  }
  // Half of the workflows are left at rest for a life.
  o.takes_up = nullptr;
  if (explain_dice_.chance(5)) {
    o.takes_up = [](std::string_view id) { return testing::mix(1, id) % 2 == 0; };
  }
  engine_.clock.pass(dice_.chance(50) ? 0 : dice_.between(1, 30'000));  // downtime
  if (moves()) move_by_export();
  open();
}

std::vector<std::string> world::exported() {
  std::vector<std::string> lines;
  const auto from = storage::open_reading_store(engine_.dir(), disk_.get());
  const auto done = from ? storage::export_workflows(**from, {},
                                                     [&](std::string_view line) {
                                                       lines.emplace_back(line);
                                                       return true;
                                                     })
                         : from.error();
  if (!done) oracle_.fail("export: " + done.error().to_string());
  return lines;
}

/// The next life goes on with what an import has made of an export: nobody may see the difference.
void world::move_by_export() {
  const auto lines = exported();
  if (!fine()) return;
  ++out_.moves;
  engine_.dir() += "-moved";
  storage::store_options how;
  how.env = disk_.get();
  std::size_t at = 0;
  const auto next = [&]() -> result<std::optional<std::string>> {
    if (at == lines.size()) return std::optional<std::string>();
    return std::optional(lines[at++]);
  };
  const auto done = storage::import_workflows(
      engine_.dir(), how, next,
      [&](const storage::import_note& n) { oracle_.fail("import: " + n.id + ": " + n.what); });
  if (done.failure) {
    oracle_.fail("import: line " + std::to_string(done.line) + ": " + done.failure->to_string());
  }
  if (fine() && exported() != lines) oracle_.fail("an import exports other lines");
}

/// Dies within the next commit: after the write, before anybody is told.
void world::crash_in_commit() {
  if (!engine_.commit_waits() && !engine_.lazy_waits()) return;
  next_fate_ = write_fate::written;
  ++out_.crashes;
  engine_.commit(true);
  claims_.end_life();
  engine_.crash();
  open();
}

// --- steps ---

void world::safety_phase() {
  const std::uint64_t budget = 150 + dice_.below(900);
  for (std::uint64_t n = 0; n < budget && fine() && engine_.is_open(); ++n) {
    ++out_.steps;
    safety_step();
    if (!engine_.is_open()) continue;
    check_memory();
    after_step();
  }
}

/// Now and then a workflow is explained.
void world::after_step() {
  if (!worker_types_.empty() && worker_dice_.chance(12)) work_step();
  if (testing::mix(how_.seed, 41) % 3 == 0 && change_dice_.chance(3)) change_one();
  if (!explain_dice_.chance(4) || oracle_.ledger().empty()) return;
  const auto& [id, e] =
      *std::next(oracle_.ledger().begin(),
                 static_cast<std::ptrdiff_t>(explain_dice_.below(oracle_.ledger().size())));
  if (e.exists == known::yes) claims_.take(id);
}

void world::handler_started(const handler_start& s) {
  claims_.started(s);
  oracle_.started(s);
}

void world::safety_step() {
  const auto what = dice_.below(1'000);
  if (what < 4) {
    fault();
  } else if (what < 60) {
    client_step();
  } else if (what < 90) {
    pass_time(dice_.chance(30));
  } else if (!engine_step(true)) {
    if (dice_.chance(30)) {
      client_step();
    } else {
      pass_time(true);
    }
  }
}

/// One message, commit, or handler's start or end, whichever the dice say. False: there is none.
bool world::engine_step(bool patient) {
  claims_.stepped();
  const std::uint64_t jobs = engine_.jobs();
  const std::uint64_t commits = engine_.commit_waits() ? 1 : 0;
  const std::uint64_t queued = engine_.queued();
  const std::uint64_t running = engine_.running();
  const std::uint64_t all = jobs + commits + queued + running;
  if (all == 0) return false;
  std::uint64_t n = dice_.below(all);
  if (n < jobs) {
    engine_.deliver(n);
  } else if ((n -= jobs) < commits) {
    engine_.commit(false);
    after_commit();
  } else if ((n -= commits) < queued) {
    start_handler(n);
  } else {
    return finish_a_handler(patient) || jobs + commits + queued > 0;
  }
  return true;
}

void world::start_handler(std::size_t n) {
  const std::size_t before = engine_.running();
  engine_.start_handler(n, out_.starts % 2 == 1);
  if (engine_.running() == before) return;  // it had been revoked
  ++out_.starts;
  check_lanes();
  const auto call = engine_.started_call(before);
  if (engine_.halted()) oracle_.fail("I18 a handler started after a failed commit");
  handler_started({call.workflow_id, call.action_key, call.attempt, call.deferrals});
  const auto how_long = dice_.below(100);
  if (how_long < 60) return;
  hangs_[{std::string(call.workflow_id), std::string(call.action_key), call.attempt,
          call.deferrals}] =
      engine_.clock.steady_ms() +
      (how_long < 80 ? dice_.between(1, 3'000) : dice_.between(3'000, 40'000));
}

/// No type has more threads than it may, those of given up handlers aside.
void world::check_lanes() {
  std::map<std::string, std::size_t> running;
  for (std::size_t n = 0; n < engine_.running(); ++n) {
    const auto call = engine_.started_call(n);
    if (!call.stop_requested) ++running[std::string(call.action_type)];
  }
  for (const auto& [type, count] : running) {
    const auto threads = engine_.options().handler_threads;
    if (count > std::min(work_.options_of(type).max_running.value_or(threads), threads)) {
      oracle_.fail(std::to_string(count) + " handlers of " + type + " run at once");
    }
  }
}

/// What waits for the disk or is in a handler: the budget, and what was let in last.
void world::check_memory() {
  constexpr std::size_t small_input = 200;
  constexpr std::size_t request = 512;  // beside its payload
  const std::size_t most = engine_.options().memory_bytes_max / 8 + 2 * work_.result_bytes_max() +
                           request + engine_.running() * small_input;
  const std::size_t now = engine_.bytes_in_flight();
  if (now > most) {
    oracle_.fail(std::to_string(now) + " bytes in flight, more than " + std::to_string(most));
  }
}

/// False: those that run hang, or find no room for what they made.
bool world::finish_a_handler(bool patient) {
  if (!engine_.takes_results()) return false;
  const std::size_t running = engine_.running();
  const std::size_t first = dice_.below(running);
  for (std::size_t i = 0; i < running; ++i) {
    const std::size_t n = (first + i) % running;
    const auto call = engine_.started_call(n);
    const auto hang = hangs_.find({std::string(call.workflow_id), std::string(call.action_key),
                                   call.attempt, call.deferrals});
    const bool hanging = hang != hangs_.end() && hang->second > engine_.clock.steady_ms();
    if (patient && hanging && !(call.stop_requested && dice_.chance(2))) continue;
    engine_.finish_handler(n);
    return true;
  }
  return false;
}

/// To the next timer, or only some of the way: messages take time too.
void world::pass_time(bool to_the_next_timer) {
  auto next = engine_.next_timer_in();
  for (const auto& [call, until] : hangs_) {
    const time_ms left = until - engine_.clock.steady_ms();
    if (left > 0) next = std::min(next.value_or(left), left);
  }
  if (!next) return;
  const time_ms ms = to_the_next_timer ? *next : std::min<time_ms>(*next, dice_.between(0, 50));
  const auto writes = engine_.control.writes;
  engine_.pass(ms);
  if (engine_.control.writes != writes) after_commit();
}

void world::after_commit() {
  if (how_.slow) oracle_.check_all();
}

void world::fault() {
  if (how_.read_faults && dice_.chance(70)) return fail_a_read();
  const auto what = dice_.below(100);
  if (what < 35) {
    end_life();
  } else if (what < 60) {
    crash_in_commit();
  } else if (what < 75) {
    next_fate_ = dice_.chance(50) ? write_fate::lost : write_fate::written;
    ++out_.failed_commits;
    // It stands still for a while, then somebody opens it again.
    const auto writes = engine_.control.writes;
    for (std::uint64_t n = 5 + dice_.below(40); n > 0 && fine(); --n) {
      if (!engine_step(true)) pass_time(true);
      if (dice_.chance(10)) client_step();
    }
    if (next_fate_ == write_fate::good && engine_.control.writes > writes + 1 && engine_.halted()) {
      oracle_.fail("I18 something was written after a failed commit");
    }
    // Failed, but nobody was told: then it must show at once (I18).
    if (next_fate_ == write_fate::good && engine_.control.writes > writes && !engine_.halted()) {
      oracle_.fail("I18 a commit failed and the engine goes on");
    }
    if (engine_.halted()) end_life();
    next_fate_ = write_fate::good;
  } else {
    const bool back = dice_.chance(40);
    if (back) oracle_.wall_stepped_back();
    if (back) claims_.wall_stepped_back();
    engine_.clock.step_wall((back ? -1 : 1) * dice_.between(1, 20'000));
  }
}

/// One of the next reads of its sort fails, alone or with all after it. The engine stops, or goes
/// on and has lost nothing.
void world::fail_a_read() {
  auto& control = engine_.control;
  const bool of_index = !dice_.chance(60);
  bool by_an_actor = false;  // while it takes a step; else a client reads
  bool needed = false;
  const bool for_good = dice_.chance(30);
  control.read_fails = [&, until = dice_.between(0, 3)](std::uint64_t,
                                                        testing::read_of of) mutable {
    if ((of == testing::read_of::index) != of_index || until-- > 0) return false;
    needed = needed || (by_an_actor && of == testing::read_of::workflow);
    until = for_good ? 0 : std::numeric_limits<std::int64_t>::max();
    ++out_.failed_reads;
    return true;
  };
  for (std::uint64_t n = 5 + dice_.below(60); n > 0 && fine(); --n) {
    by_an_actor = true;
    if (!engine_step(true)) pass_time(true);
    by_an_actor = false;
    if (needed && !engine_.halted()) oracle_.fail("a workflow could not be read, and all goes on");
    if (dice_.chance(10)) client_step();
  }
  control.read_fails = nullptr;
  if (engine_.halted()) end_life();
}

// --- clients ---

void world::client_step() {
  const auto what = dice_.below(100);
  if (what < 40) {
    submit_new();
  } else if (what < 55) {
    submit_again();
  } else if (what < 62) {
    cancel_one();
  } else if (what < 75) {
    resolve_one(false);
  } else if (what < 80) {
    retry_one();
  } else if (what < 88) {
    signal_one();
  } else if (what < 94) {
    answer_one();
  } else {
    query_one();
  }
}

std::string world::some_id() {
  if (oracle_.ledger().empty()) return "";
  auto it = oracle_.ledger().begin();
  std::advance(it, static_cast<std::ptrdiff_t>(dice_.below(oracle_.ledger().size())));
  return it->first;
}

void world::submit_new() {
  if (submits_ >= submits_max_ || without_a_handler_) return;
  const auto spec = work_.make_spec(dice_, "w" + std::to_string(submits_++),
                                    wall_time(milliseconds(engine_.clock.now_ms())));
  oracle_.submitting(spec);
  engine_.submit(spec, [this, id = spec.id](auto r) { oracle_.submitted(id, r); });
  if (dice_.chance(85)) return;
  // Somebody else uses the same id while the first submit is under way.
  auto other = spec;
  other.description = "other";
  engine_.submit(other, [this, id = spec.id](auto r) {
    if (r || r.error().code() == errc::conflict) oracle_.conflicting_submitted(id, r);
  });
}

void world::submit_again() {
  const auto id = some_id();
  if (id.empty() || without_a_handler_) return;
  const auto& e = oracle_.entry(id);
  if (dice_.chance(30) && e.exists == known::yes) {
    auto other = e.spec;
    other.description = "other";
    engine_.submit(other, [this, id](auto r) { oracle_.conflicting_submitted(id, r); });
    return;
  }
  const auto spec = e.spec;
  oracle_.submitting(spec);
  engine_.submit(spec, [this, id](auto r) { oracle_.submitted(id, r); });
}

void world::cancel_one() {
  const auto id = some_id();
  if (id.empty()) return;
  oracle_.cancelling(id);
  const bool there = oracle_.entry(id).exists == known::yes;
  engine_.cancel(id, "enough",
                 [this, id, there](result<void> r) { oracle_.cancelled(id, r, there); });
}

/// Decides for an action that waits for a decision, if there is one.
void world::resolve_one(bool for_good) {
  const auto id = some_id();
  if (id.empty() || oracle_.entry(id).exists != known::yes) return;
  const auto w = engine_.store().load(id);
  if (!w) return oracle_.fail("I1 " + id + ": " + w.error().to_string());
  for (model::action_index a = 0; a < w->state.actions.size(); ++a) {
    const auto p = w->state.actions[a].phase;
    const bool open = p == model::phase::outside && dice_.chance(20);
    if (p != model::phase::in_doubt && p != model::phase::paused && !open) continue;
    resolution r;
    r.what = static_cast<resolution::kind>(for_good ? dice_.between(1, 2) : dice_.between(0, 3));
    r.value = workload::decided_result;
    engine_.resolve(id, w->definition->spec.actions[a].key, r, [](result<void>) {});
    return;
  }
}

/// Goes on with one that has failed, or has a retry made now.
void world::retry_one() {
  const auto id = some_id();
  if (id.empty() || oracle_.entry(id).exists != known::yes) return;
  const auto w = engine_.store().load(id);
  if (!w) return oracle_.fail("I1 " + id + ": " + w.error().to_string());
  std::string key;
  if (dice_.chance(50)) {
    key = w->definition->spec.actions[dice_.below(w->state.actions.size())].key;
  }
  oracle_.retrying(id);
  engine_.retry(id, key, "mended", [](result<void>) {});
}

/// Somebody changes what an action is given, or how it is retried.
void world::change_one() {
  const auto& ledger = oracle_.ledger();
  if (ledger.empty()) return;
  const auto& [id, e] =
      *std::next(ledger.begin(), static_cast<std::ptrdiff_t>(change_dice_.below(ledger.size())));
  if (e.exists != known::yes) return;
  const auto& action = change_dice_.pick(e.spec.actions);
  action_change what;
  if (action.type.starts_with("type") && change_dice_.chance(60)) {
    what.input = change_dice_.chance(5)
                     ? action.input
                     : workload::changed_input(action, change_dice_.below(1'000));
  } else {
    auto& policy = what.policy.emplace();
    what.policy_as_registered = change_dice_.chance(30);
    if (change_dice_.chance(60)) {
      policy.max_attempts = static_cast<std::uint32_t>(change_dice_.between(1, 6));
    }
    if (change_dice_.chance(30)) policy.min_wait = milliseconds(change_dice_.between(0, 3'000));
    if (change_dice_.chance(30)) policy.max_wait = milliseconds(change_dice_.between(0, 6'000));
    if (change_dice_.chance(30)) {
      policy.exhausted = static_cast<on_exhausted>(change_dice_.below(3));
    }
    if (!policy.faults().empty()) return;
  }
  ++out_.changes;
  engine_.change(id, action.key, what, [this, id = id, key = action.key, what](result<void> r) {
    oracle_.changed(id, key, what, r);
  });
}

outcome world::word_of(const errand& e) const {
  action_context call;
  call.workflow_id = e.workflow_id;
  call.action_key = e.key;
  call.attempt = e.attempt;
  call.deferrals = e.deferrals;
  call.now = wall_time(milliseconds(engine_.clock.now_ms()));
  try {
    return work_.act(call);
  } catch (const std::exception&) {
    return outcome::unknown("exception", "thrown");
  }
}

/// An acknowledged word has ended its attempt, for good.
void world::answer(const errand& e) {
  const auto word = word_of(e);
  if (word.what == outcome::kind::defer) oracle_.deferring(e.workflow_id, e.key, e.attempt);
  engine_.end_attempt(e.token, word, [this, e](result<void> r) {
    if (r || r.error().code() == errc::lease_lost) {  // else it is said again
      const auto mine = [&e](const errand& o) { return o.token == e.token; };
      if (std::erase_if(outside_, mine) > 0) answered_.push_back(e);
    }
    if (!r) return;
    const auto w = engine_.store().load(e.workflow_id);
    if (!w) return oracle_.fail("I1 " + e.workflow_id + ": " + w.error().to_string());
    const auto& action = w->state.actions[*w->definition->find(e.key)];
    const bool open =
        action.phase == model::phase::outside || action.phase == model::phase::executing;
    if (open && action.attempt == e.attempt && action.deferrals == e.deferrals) {
      oracle_.fail("I6 a word about " + e.workflow_id + "/" + e.key + " is acknowledged and lost");
    }
  });
}

/// Somebody outside says something of an attempt that was left open, perhaps long ago.
void world::answer_one() {
  const auto& some = dice_.chance(20) ? answered_ : outside_;
  if (some.empty()) return;
  const auto e = dice_.pick(some);
  if (dice_.chance(40)) {
    return engine_.heartbeat(e.token, [](const result<std::optional<wall_time>>&) {});
  }
  answer(e);
}

/// Workers come and ask, leave again, and lose what they were told.
void world::work_step() {
  const auto what = worker_dice_.below(100);
  if (what < 60) {
    std::vector<std::string> types{worker_dice_.pick(worker_types_)};
    if (worker_dice_.chance(40)) types.push_back(worker_dice_.pick(worker_types_));
    const milliseconds wait(worker_dice_.chance(30) ? 0 : worker_dice_.between(1, 6'000));
    ask(std::move(types), 1 + worker_dice_.below(3), wait, worker_dice_.chance(15));
  } else if (what < 75 && !polls_.empty()) {
    const auto at =
        std::next(polls_.begin(), static_cast<std::ptrdiff_t>(worker_dice_.below(polls_.size())));
    const auto ticket = at->first;
    if (engine_.withdraw(ticket)) polls_.erase(ticket);
  }
}

void world::ask(std::vector<std::string> types, std::size_t max, milliseconds wait, bool loses) {
  worker_poll p;
  p.worker = "w" + std::to_string(polls_asked_++);
  p.types = types;
  p.max = max;
  p.wait = wait;
  if (worker_dice_.chance(70)) p.lease = milliseconds(worker_dice_.between(200, 10'000));
  claims_.asked(types);
  const auto ticket = std::make_shared<std::uint64_t>(0);
  const auto is_told = std::make_shared<bool>(false);
  *ticket = engine_.poll(std::move(p),
                         [this, ticket, is_told, loses](const result<std::vector<worker_task>>& r) {
                           if (std::exchange(*is_told, true)) oracle_.fail("a poll was told twice");
                           polls_.erase(*ticket);
                           take_tasks(r, loses);
                         });
  if (!*is_told) polls_.emplace(*ticket, std::move(types));
}

void world::take_tasks(const result<std::vector<worker_task>>& r, bool loses) {
  if (!r) return;
  for (const auto& t : *r) {
    ++out_.tasks;
    const auto opened = oracle_.told(t);
    claims_.told({t.workflow_id, t.action_key, t.attempt, t.deferrals}, opened);
    if (loses) continue;
    if (worker_dice_.chance(10)) {
      oracle_.deferring(t.workflow_id, t.action_key, t.attempt);
      engine_.end_attempt(t.token, outcome::defer(wall_time(milliseconds(engine_.clock.now_ms()))),
                          [](const result<void>&) {});
      continue;
    }
    outside_.push_back({t.token, t.workflow_id, t.action_key, t.attempt, t.deferrals});
  }
}

/// Workers that take everything, until all is over.
void world::ask_for_all() {
  if (worker_types_.empty() || !polls_.empty()) return;
  ask(worker_types_, 5, milliseconds(10'000), false);
}

void world::signal_one() {
  if (!sent_.empty() && dice_.chance(30)) return send(dice_.pick(sent_));
  const auto id = some_id();
  if (!id.empty()) signal(id, "s" + std::to_string(dice_.below(2)));
}

void world::signal(const std::string& id, const std::string& name) {
  const auto number = std::to_string(sent_.size());
  sent_.push_back({id, name, R"({"by":0,"v":)" + number + "}",
                   dice_.chance(60) ? "key" + number : std::string()});
  send(sent_.back());
}

/// An acknowledged signal is in the history; one with a key once, however often it is sent.
void world::send(const sent_signal& what) {
  engine_.signal(what.workflow_id, what.name, what.payload, what.key, [this, what](result<void> r) {
    const auto& id = what.workflow_id;
    if (!r) {
      if (r.error().code() == errc::conflict) oracle_.fail("I3 a signal was refused: " + id);
      return;
    }
    const auto all = engine_.store().history(id, 0, 1'000'000);
    const bool there = all && std::any_of(all->begin(), all->end(), [&](const auto& e) {
                         return e.event.kind == model::event_kind::signal_received &&
                                e.event.name == what.name && e.event.text == what.payload;
                       });
    if (!there) oracle_.fail("I1 a signal to " + id + " is acknowledged, but not in its history");
  });
}

void world::signal_what_waits() {
  for (const auto& [id, e] : oracle_.ledger()) {
    const auto header = engine_.store().load_header(id);
    if (!header || header->state.count(model::phase::outside) == 0) continue;
    const auto w = engine_.store().load(id);
    if (!w) return oracle_.fail("I1 " + id + ": " + w.error().to_string());
    for (const auto& action : w->state.actions) {
      if (action.phase == model::phase::outside && !action.signal.empty()) {
        signal(id, action.signal);
      }
    }
  }
}

void world::query_one() {
  const auto id = some_id();
  if (id.empty()) return;
  oracle_.observe(id);
  (void)engine_.get(id);
  const auto listed = storage::list_page(engine_.store(), {});
  if (!listed) return oracle_.fail("list: " + listed.error().to_string());
  for (const auto& [known_id, e] : oracle_.ledger()) {
    const bool there = std::any_of(listed->items.begin(), listed->items.end(),
                                   [&](const auto& s) { return s.id == known_id; });
    if (e.exists == known::yes && !there) oracle_.fail("I14 " + known_id + " is not listed");
  }
}

// --- liveness ---

/// Faults off: every open workflow ends in time (I11).
void world::liveness_phase() {
  next_fate_ = write_fate::good;
  auto& o = engine_.options();
  // An engine that works must bring everything to its end without being opened again.
  const bool works = !o.paused && !without_a_handler_ && !engine_.halted() && !o.takes_up;
  if (!works || dice_.chance(50)) open_without_faults();
  if (!fine()) return;
  oracle_.expect_punctual(o.memory_bytes_max >= 64u << 20 && o.active_workflows_max > 1'000,
                          engine_.clock.now_ms());
  const time_ms give_up_at = engine_.clock.steady_ms() + time_needed();
  while (fine()) {
    if (++out_.steps > steps_max) return oracle_.fail("I11 no rest: " + oracle_.open_work());
    const bool stepped = engine_step(false);
    after_step();
    if (stepped) continue;
    if (all_over()) break;
    decide_what_waits();
    for (const auto& e : std::vector(outside_)) answer(e);
    signal_what_waits();
    ask_for_all();
    if (engine_.jobs() > 0) continue;
    if (engine_.clock.steady_ms() > give_up_at) return oracle_.fail("I11 " + oracle_.open_work());
    pass_time(true);
  }
  if (!fine()) return;
  oracle_.check_all();
  oracle_.check_told();
  if (engine_.stats().active != 0) oracle_.fail("a finished workflow is still in memory");
  claims_.end_life();
  engine_.crash();
  open();
}

void world::open_without_faults() {
  claims_.end_life();
  auto& o = engine_.options();
  o.paused = false;
  o.takes_up = nullptr;
  o.open_workflows_max = 1'000'000;
  o.handlers = {};
  add_handlers(o);
  without_a_handler_ = false;
  if (dice_.chance(50)) {
    engine_.close();
  } else {
    engine_.crash();
  }
  if (dice_.chance(60)) engine_.clock.pass(dice_.between(1, 5'000));  // what comes due is a crowd
  if (moves()) move_by_export();
  open();
}

bool world::all_over() {
  const auto totals = engine_.store().current_totals();
  return totals.open() == 0;
}

void world::decide_what_waits() {
  for (const auto& [id, e] : oracle_.ledger()) {
    const auto header = engine_.store().load_header(id);
    if (!header || header->state.terminal()) continue;
    if (header->state.count(model::phase::in_doubt) + header->state.count(model::phase::paused) ==
        0) {
      continue;
    }
    const auto w = engine_.store().load(id);
    if (!w) return oracle_.fail("I1 " + id + ": " + w.error().to_string());
    for (model::action_index a = 0; a < w->state.actions.size(); ++a) {
      const auto p = w->state.actions[a].phase;
      if (p != model::phase::in_doubt && p != model::phase::paused) continue;
      resolution r;
      r.what = static_cast<resolution::kind>(dice_.between(1, 2));
      r.value = workload::decided_result;
      engine_.resolve(id, w->definition->spec.actions[a].key, r, [](result<void>) {});
    }
  }
}

/// The sum of all remaining delays and 30 s.
time_ms world::time_needed() {
  const time_ms now = engine_.clock.now_ms();
  time_ms sum = 30'000;
  for (const auto& [id, e] : oracle_.ledger()) {
    const auto w = engine_.store().load(id);
    // A retry that was asked for may still be on its way.
    const bool may_go_on = w && e.retried && w->state.status == workflow_status::failed;
    if (!w || (w->state.terminal() && !may_go_on)) continue;
    for (model::action_index a = 0; a < w->state.actions.size(); ++a) {
      const auto& action = w->state.actions[a];
      const auto& spec = e.spec.actions[a];
      if (model::is_over(action.phase) && !may_go_on) continue;
      auto policy = work_.policy_of(spec.type);
      if (action.change) policy = action.change->policy.applied_to(std::move(policy));
      sum += std::max<time_ms>(action.due_at_ms - now, 0);
      if (spec.scheduled_at) {
        sum += std::max<time_ms>(spec.scheduled_at->time_since_epoch().count() - now, 0);
      }
      if (spec.delay) sum += spec.delay->count();
      time_ms longest = workload::retry_after_max.count();
      for (std::uint64_t n = 0; n < policy.max_attempts; ++n) {
        longest = std::max<time_ms>(longest, policy.bounds(n, policy.max_wait).most.count());
      }
      for (const auto& rule : policy.rules) {
        if (rule.fixed_delay) longest = std::max<time_ms>(longest, rule.fixed_delay->count());
      }
      sum += policy.max_attempts * longest + 1'000;
      if (is_for_workers(spec.type)) sum += (policy.max_attempts + 1) * 50'000;  // leases
      sum += workload::defers_max * workload::defer_max.count() + 15'000;  // and `wait` actions
    }
  }
  return sum;
}

}  // namespace

world_result run_world(const world_options& how) { return world(how).run(); }

}  // namespace tenax::sim
