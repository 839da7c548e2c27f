// How long an action waits for its input: one that refers to very many results, and very many that
// refer to one large result.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/payload.hpp"
#include "bench/scenarios.hpp"
#include "bench/sleepers.hpp"

namespace tenax::bench {

namespace {

run_mode mode_of(const params& p) {
  require(p.handlers == "in_place" || p.handlers == "blocking",
          "handlers are in_place or blocking");
  return p.handlers == "in_place" ? run_mode::in_place : run_mode::blocking;
}

double since(std::int64_t begun) { return static_cast<double>(now_ns() - begun) / 1e9; }

// --- fan-in ---

/// An engine whose workflow has p.fan small results and one action that refers to all of them.
class fan_in {
 public:
  explicit fan_in(const params& p) : p_(p) {
    auto o = engine_options(p);
    action_options how;
    how.mode = mode_of(p);
    o.handlers.add(
        "small",
        [this](const action_context&) {
          auto made = outcome::success("\"" + std::string(p_.payload_bytes - 2, 'x') + "\"");
          const std::lock_guard lock(mutex_);
          if (++made_ == p_.fan) {
            last_ns_ = now_ns();
            changed_.notify_all();
          }
          return made;
        },
        how);
    o.handlers.add(
        "join",
        [this](const action_context& c) {
          const std::lock_guard lock(mutex_);
          ++joins_;
          if (joined_ns_ == 0) joined_ns_ = now_ns();
          input_bytes_ = c.input.size();
          changed_.notify_all();
          return outcome::success();
        },
        how);
    engine_.emplace(open_engine(p, std::move(o)));
  }

  /// Submits it, and waits until the last result is made. Returns when that was.
  std::int64_t begin() {
    workflow_spec s;
    s.name = "fan-in";
    s.actions.resize(p_.fan + 1);
    std::string input = "[";
    for (std::size_t i = 0; i < p_.fan; ++i) {
      s.actions[i].key = "a" + std::to_string(i);
      s.actions[i].type = "small";
      input += (i == 0 ? "\"${actions." : ",\"${actions.") + s.actions[i].key + ".result}\"";
    }
    s.actions.back().key = "join";
    s.actions.back().type = "join";
    s.actions.back().input = input + "]";
    const auto submitted = engine_->submit(s);
    require(submitted.has_value(), submitted ? "" : submitted.error().to_string());
    id_ = submitted->id;
    std::unique_lock lock(mutex_);
    require(changed_.wait_for(lock, std::chrono::seconds(300), [this] { return last_ns_ > 0; }),
            "the results are not made after 300 s");
    return last_ns_;
  }
  std::int64_t wait_joined() {
    std::unique_lock lock(mutex_);
    require(changed_.wait_for(lock, std::chrono::seconds(120), [this] { return joined_ns_ > 0; }),
            "the handler has not begun 120 s after the last result");
    return joined_ns_;
  }
  void wait_end() {
    const auto end = engine_->await(id_, milliseconds(60'000));
    require(end.has_value() && end->status == workflow_status::completed,
            "the workflow did not complete");
  }
  [[nodiscard]] std::size_t joins() {
    const std::lock_guard lock(mutex_);
    return joins_;
  }
  [[nodiscard]] std::size_t input_bytes() {
    const std::lock_guard lock(mutex_);
    return input_bytes_;
  }
  void close() { engine_->close(); }

 private:
  const params p_;
  std::string id_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t made_ = 0;
  std::size_t joins_ = 0;
  std::size_t input_bytes_ = 0;
  std::int64_t last_ns_ = 0;
  std::int64_t joined_ns_ = 0;
  std::optional<engine> engine_;  // last: its threads use all of the above
};

}  // namespace

run_result run_fan_in(const params& p) {
  require(p.payload_bytes >= 2, "a payload of at least 2 B");
  run_result out;
  double took = 0;
  {
    const std::int64_t begun = now_ns();
    fan_in subject(p);
    const auto last_ns = subject.begin();
    took = static_cast<double>(subject.wait_joined() - last_ns) / 1e9;
    subject.wait_end();
    out.set("fan_in_s", took);
    out.set("wall_s", since(begun));
    out.set("input_bytes", static_cast<double>(subject.input_bytes()));
    out.set("attempts_of_join", static_cast<double>(subject.joins()));
    out.set("peak_rss_mb", static_cast<double>(peak_rss_bytes()) / 1e6);
    subject.close();
  }
  // Closed while the input is made: at several moments of that, as nobody can see when it begins.
  double close_max = 0;
  double before_handler = 0;
  for (const double share : {0.1, 0.3, 0.5, 0.7, 0.9}) {
    remove_tree(std::filesystem::path(p.dir) / "data");
    fan_in subject(p);
    const auto last_ns = subject.begin();
    rest(std::max(0.0, share * took - since(last_ns)));
    const std::int64_t begun = now_ns();
    subject.close();
    close_max = std::max(close_max, since(begun));
    if (subject.joins() == 0) ++before_handler;
  }
  out.set("close_max_s", close_max);
  out.set("closed_before_handler", before_handler);
  return out;
}

// --- shared result ---

namespace {

workflow_spec dependants(const params& p) {
  workflow_spec s;
  s.name = "shared";
  s.actions.resize(p.fan + 1);
  s.actions[0].key = "source";
  s.actions[0].type = "make";
  for (std::size_t i = 0; i < p.fan; ++i) {
    auto& a = s.actions[i + 1];
    a.key = "d" + std::to_string(i);
    a.type = "use";
    a.input = R"({"n":"${actions.source.result.rows.)" + std::to_string(i) + R"(.i}"})";
  }
  return s;
}

/// Submits a workflow of two small actions and waits for its end.
void run_beside(engine& e, histogram& took) {
  static const auto spec =
      workflow_builder("beside").sequential().action("a", "use").action("b", "use").build();
  const std::int64_t begun = now_ns();
  const auto submitted = e.submit(spec);
  require(submitted.has_value(), submitted ? "" : submitted.error().to_string());
  const auto end = e.await(submitted->id, milliseconds(300'000));
  require(end.has_value(), end ? "" : end.error().to_string());
  took.record(now_ns() - begun);
}

}  // namespace

run_result run_shared_result(const params& p) {
  std::mutex mutex;
  std::size_t bytes = 0;
  std::atomic<std::int64_t> ended_ns{0};
  std::string fault;
  auto o = engine_options(p);
  action_options how;
  how.mode = mode_of(p);
  o.handlers.add("make", [&](const action_context&) {
    fast_random random(5);
    auto made = random_document(random, p.payload_bytes);
    const std::lock_guard lock(mutex);
    bytes = made.size();
    return outcome::success(std::move(made));
  });
  o.handlers.add(
      "use", [](const action_context& c) { return outcome::success(std::string(c.input)); }, how);
  o.on_finished = [&](const workflow_summary& s) {
    if (s.name != "shared") return;
    if (s.actions.completed != p.fan + 1) {
      const std::lock_guard lock(mutex);
      fault = "the dependants failed: " + s.reason;
    }
    ended_ns = now_ns();
  };
  auto e = open_engine(p, std::move(o));
  histogram alone;
  histogram beside;
  for (int i = 0; i < 50; ++i) run_beside(e, alone);
  alone = histogram();
  for (int i = 0; i < 300; ++i) run_beside(e, alone);
  // One after the other, until enough has been seen beside them.
  histogram wall;
  const std::int64_t begun = now_ns();
  const auto spec = dependants(p);
  while (wall.count() < 5 || (beside.count() < 300 && wall.count() < 50)) {
    ended_ns = 0;
    const std::int64_t one_begun = now_ns();
    const auto submitted = e.submit(spec);
    require(submitted.has_value(), submitted ? "" : submitted.error().to_string());
    while (ended_ns == 0) {
      run_beside(e, beside);
      require(since(one_begun) < 300, "the dependants have not ended after 300 s");
    }
    wall.record(ended_ns - one_begun);
    if (since(begun) > 300) break;
  }
  {
    const std::lock_guard lock(mutex);
    require(fault.empty(), fault);
  }
  run_result out;
  out.set("source_bytes", static_cast<double>(bytes));
  out.set("rounds", static_cast<double>(wall.count()));
  out.set("wall_s", static_cast<double>(wall.percentile(50)) / 1e9);
  out.set("wall_max_s", static_cast<double>(wall.most()) / 1e9);
  out.set_percentiles("alone", alone, "ms", 1e6);
  out.set("beside_count", static_cast<double>(beside.count()));
  out.set_percentiles("beside", beside, "ms", 1e6);
  out.set("ratio_beside_to_alone", out.get("beside_p50_ms") / out.get("alone_p50_ms"));
  out.set("peak_rss_mb", static_cast<double>(peak_rss_bytes()) / 1e6);
  e.close();
  return out;
}

}  // namespace tenax::bench
