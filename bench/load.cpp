#include "bench/load.hpp"

#include <charconv>
#include <chrono>
#include <utility>

#include "bench/machine.hpp"

namespace tenax::bench {

// --- what is run ---

void add_step_handler(options& o, const params& p) {
  action_options how;
  require(p.handlers == "in_place" || p.handlers == "blocking",
          "handlers are in_place or blocking");
  how.mode = p.handlers == "in_place" ? run_mode::in_place : run_mode::blocking;
  const double fail_share = p.fail_share;
  if (fail_share <= 0) {
    o.handlers.add(
        "step", [](const action_context& c) { return outcome::success(std::string(c.input)); },
        how);
    return;
  }
  // Which attempts fail depends on their identity only, not on the order of things.
  o.handlers.add(
      "step",
      [fail_share](const action_context& c) {
        const std::size_t h =
            std::hash<std::string_view>{}(c.idempotency_key) + c.attempt * 0x9e3779b97f4a7c15;
        fast_random random(h);
        if (random.uniform() < fail_share) return outcome::failure("bench", "as planned");
        return outcome::success(std::string(c.input));
      },
      how);
}

spec_maker sequential_maker(const params& p) {
  return [steps = p.steps, bytes = p.payload_bytes](fast_random& random) {
    workflow_spec s;
    s.name = "sequential";
    s.order = action_order::sequential;
    s.actions.resize(steps);
    for (std::size_t i = 0; i < steps; ++i) {
      s.actions[i].key = "s" + std::to_string(i + 1);
      s.actions[i].type = "step";
      s.actions[i].input = random_payload(random, bytes);
    }
    return s;
  };
}

spec_maker fan_out_maker(const params& p) {
  // Only the payloads differ from workflow to workflow.
  workflow_spec shape;
  shape.name = "fan-out";
  shape.actions.resize(p.fan + 1);
  auto& join = shape.actions.back();
  join.key = "join";
  join.type = "step";
  for (std::size_t i = 0; i < p.fan; ++i) {
    shape.actions[i].key = "f" + std::to_string(i);
    shape.actions[i].type = "step";
    join.depends_on.push_back(shape.actions[i].key);
  }
  return [shape, bytes = p.payload_bytes](fast_random& random) {
    auto s = shape;
    for (auto& a : s.actions) a.input = random_payload(random, bytes);
    return s;
  };
}

void load_result::report(run_result& out) const {
  const auto count = static_cast<double>(std::max<std::uint64_t>(actions, 1));
  const auto ended = static_cast<double>(std::max<std::uint64_t>(finished, 1));
  out.set("actions_per_s", static_cast<double>(actions) / seconds);
  out.set("workflows_per_s", static_cast<double>(finished) / seconds);
  out.set_percentiles("latency", latency_ns, "ms", 1e6);
  out.set("submit_p50_ms", static_cast<double>(submit_ns.percentile(50)) / 1e6);
  out.set("submit_p99_ms", static_cast<double>(submit_ns.percentile(99)) / 1e6);
  out.set("cpu_us_per_action", cpu_seconds * 1e6 / count);
  out.set("cpu_cores_used", cpu_seconds / seconds);
  out.set("commits_per_workflow", static_cast<double>(commits) / ended);
  out.set("commits_per_sync", commits_a_sync());
  out.set("syncs_per_s", static_cast<double>(syncs) / seconds);
  out.set("disk_written_per_workflow_bytes", static_cast<double>(disk_bytes) / ended);
}

// --- driving ---

load::load(const params& p, spec_maker make)
    : p_(p), make_(std::move(make)), random_(20'240'601), begun_ns_(p.concurrency) {}

load::~load() {
  no_more();
  if (driver_.joinable()) driver_.join();
}

void load::watch(options& o) {
  o.on_finished = [this](const workflow_summary& s) { finished(s); };
}

void load::fail(std::string why) {
  const std::lock_guard lock(mutex_);
  if (failure_.empty()) failure_ = std::move(why);
  changed_.notify_all();
}

/// `reference` carries the slot (closed loop) or the time at which it was to begin (open loop).
void load::submit(std::size_t slot, std::int64_t begin_ns) {
  workflow_spec spec;
  {
    const std::lock_guard lock(spec_mutex_);
    spec = make_(random_);
  }
  const bool open_loop = p_.rate > 0;
  spec.reference =
      std::to_string(open_loop ? begin_ns - origin_ns_ : static_cast<std::int64_t>(slot));
  if (!open_loop) begun_ns_[slot] = begin_ns;
  engine_->submit_async(spec, [this, begin_ns](result<submission> r) {
    if (!r) {
      {
        const std::lock_guard lock(mutex_);
        --in_flight_;
      }
      fail("a submit failed: " + r.error().to_string());
      return;
    }
    if (!counting_.load(std::memory_order_relaxed)) return;
    const std::int64_t took = now_ns() - begin_ns;
    const std::lock_guard lock(mutex_);
    seen_.submit_ns.record(took);
  });
}

bool load::count_in(const workflow_summary& s, std::size_t& slot, std::int64_t now) {
  std::int64_t number = 0;
  std::from_chars(s.reference.data(), s.reference.data() + s.reference.size(), number);
  const bool open_loop = p_.rate > 0;
  slot = static_cast<std::size_t>(number);
  const std::int64_t begun = open_loop ? origin_ns_ + number : begun_ns_[slot].load();
  if (s.status != workflow_status::completed && p_.fail_share <= 0) {
    fail("workflow " + s.id + " did not complete: " + s.reason);
  }
  const std::lock_guard lock(mutex_);
  if (counting_) {
    seen_.latency_ns.record(now - begun);
    ++seen_.finished;
    seen_.actions += s.actions.completed;
  }
  if (open_loop || stopping_) {
    --in_flight_;
    if (stopping_) changed_.notify_all();
    return false;
  }
  if (p_.submit_from == "callback") return true;
  free_slots_.push_back(slot);
  if (free_slots_.size() == 1) slot_free_.notify_one();
  return false;
}

void load::finished(const workflow_summary& s) {
  const std::int64_t now = now_ns();
  std::size_t slot = 0;
  if (count_in(s, slot, now)) submit(slot, now);
}

void load::start(engine& e) {
  engine_ = &e;
  origin_ns_ = now_ns();
  if (p_.rate > 0) {
    driver_ = std::thread([this] { pace(); });
    return;
  }
  in_flight_ = p_.concurrency;
  for (std::size_t i = 0; i < p_.concurrency; ++i) submit(i, now_ns());
  if (p_.submit_from != "callback") driver_ = std::thread([this] { resubmit_loop(); });
}

/// Open loop: the n-th workflow is due at n / rate, and its latency counts from then, so a slow
/// engine cannot hide by slowing down who measures it.
void load::pace() {
  const double gap_ns = 1e9 / p_.rate;
  for (std::uint64_t n = 0; !stopping_; ++n) {
    const auto due = origin_ns_ + static_cast<std::int64_t>(static_cast<double>(n) * gap_ns);
    if (const auto left = due - now_ns(); left > 0) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(left));
    }
    {
      const std::lock_guard lock(mutex_);
      ++in_flight_;
    }
    submit(0, due);
  }
}

void load::resubmit_loop() {
  std::vector<std::size_t> slots;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      slot_free_.wait(lock, [this] { return !free_slots_.empty() || stopping_; });
      slots.swap(free_slots_);
      if (stopping_) {
        in_flight_ -= slots.size();
        changed_.notify_all();
        return;
      }
    }
    for (const std::size_t slot : slots) submit(slot, now_ns());
    slots.clear();
  }
}

load_result load::measure(const std::function<void(double)>& look, double every_seconds) {
  const auto rest = [this](double seconds) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                      [this] { return !failure_.empty(); });
    require(failure_.empty(), failure_);
  };
  rest(p_.warmup_seconds);
  const auto stats = engine_->stats();
  const double cpu = cpu_seconds();
  const std::uint64_t disk = disk_written_bytes();
  const std::int64_t begin = now_ns();
  {
    const std::lock_guard lock(mutex_);
    seen_ = load_result{};
  }
  counting_ = true;
  const auto since = [&] { return static_cast<double>(now_ns() - begin) / 1e9; };
  for (double t = 0; t < p_.seconds; t = since()) {
    rest(std::min(every_seconds, p_.seconds - t));
    if (look) look(since());
  }
  counting_ = false;
  const std::lock_guard lock(mutex_);
  load_result out = seen_;
  out.seconds = since();
  out.cpu_seconds = cpu_seconds() - cpu;
  out.disk_bytes = disk_written_bytes() - disk;
  const auto after = engine_->stats();
  out.commits = after.commits - stats.commits;
  out.syncs = after.syncs - stats.syncs;
  out.attempts = after.attempts - stats.attempts;
  require(out.finished > 0, "no workflow finished while it was measured");
  return out;
}

/// Under the mutex, so that a workflow that ends now is either begun again or counted out.
void load::no_more() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  slot_free_.notify_all();
}

void load::stop() {
  no_more();
  if (driver_.joinable()) driver_.join();
  std::unique_lock lock(mutex_);
  const bool ended = changed_.wait_for(lock, std::chrono::seconds(120),
                                       [this] { return in_flight_ == 0 || !failure_.empty(); });
  require(failure_.empty(), failure_);
  require(ended, std::to_string(in_flight_) + " workflows have not ended after 120 s");
}

}  // namespace tenax::bench
