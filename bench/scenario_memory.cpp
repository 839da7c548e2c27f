// The most memory that a process with an engine ever takes, with the default options: large
// results at once, an input made from many of them, and many actions that are ready.
#include <algorithm>
#include <atomic>
#include <functional>

#include "bench/bulk.hpp"
#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/payload.hpp"
#include "bench/scenarios.hpp"

namespace tenax::bench {

namespace {

double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

action_options options_of(const params& p) {
  require(p.handlers == "in_place" || p.handlers == "blocking",
          "handlers are in_place or blocking");
  action_options how;
  how.mode = p.handlers == "in_place" ? run_mode::in_place : run_mode::blocking;
  return how;
}

struct last_result {
  std::atomic<std::int64_t> ns{0};
  std::atomic<double> cpu{0};  ///< of the process
};

/// "make" returns a document of p.payload_bytes, the same one for each attempt of an action.
void add_make_handler(options& o, const params& p, last_result& last) {
  o.handlers.add(
      "make",
      [bytes = p.payload_bytes, &last](const action_context& c) {
        fast_random random(std::hash<std::string_view>{}(c.idempotency_key));
        auto made = outcome::success(random_document(random, bytes));
        last.ns = now_ns();
        last.cpu = cpu_seconds();
        return made;
      },
      options_of(p));
}

/// p.fan actions of one type side by side.
workflow_spec side_by_side(const params& p, const char* type) {
  workflow_spec s;
  s.name = "side by side";
  s.actions.resize(p.fan);
  for (std::size_t i = 0; i < p.fan; ++i) {
    s.actions[i].key = "r" + std::to_string(i);
    s.actions[i].type = type;
  }
  return s;
}

/// Runs it to its end and tells what it took.
void run_one(run_result& out, const params& p, engine& e, const workflow_spec& spec) {
  out.set("rss_after_open_mb", megabytes(rss_bytes()));
  const std::int64_t begun = now_ns();
  const auto submitted = e.submit(spec);
  require(submitted.has_value(), submitted ? "" : submitted.error().to_string());
  const auto end = e.await(submitted->id, milliseconds(600'000));
  require(end.has_value(), end ? "" : end.error().to_string());
  require(end->status == workflow_status::completed, "the workflow failed: " + end->reason);
  const double seconds = static_cast<double>(now_ns() - begun) / 1e9;
  out.set("wall_s", seconds);
  out.set("results_mb_per_s", static_cast<double>(p.fan * p.payload_bytes) / 1e6 / seconds);
  out.set("peak_rss_mb", megabytes(peak_rss_bytes()));
  out.set("rss_after_mb", megabytes(rss_bytes()));
}

}  // namespace

run_result run_memory_results(const params& p) {
  last_result last;
  auto o = engine_options(p);
  add_make_handler(o, p, last);
  auto e = open_engine(p, std::move(o));
  run_result out;
  run_one(out, p, e, side_by_side(p, "make"));
  e.close();
  return out;
}

run_result run_memory_inputs(const params& p) {
  last_result last;
  std::atomic<std::int64_t> joined_ns{0};
  std::atomic<std::size_t> input_bytes{0};
  std::atomic<double> joined_cpu{0};
  auto o = engine_options(p);
  add_make_handler(o, p, last);
  o.handlers.add(
      "join",
      [&](const action_context& c) {
        joined_ns = now_ns();
        joined_cpu = cpu_seconds();
        input_bytes = c.input.size();
        return outcome::success();
      },
      options_of(p));
  auto e = open_engine(p, std::move(o));
  auto spec = side_by_side(p, "make");
  std::string input = "[";
  for (const auto& a : spec.actions) {
    if (input.size() > 1) input += ',';
    input += "\"${actions." + a.key + ".result.n}\"";
  }
  spec.actions.push_back({.key = "join", .type = "join", .input = input + "]"});
  run_result out;
  run_one(out, p, e, spec);
  out.set("input_bytes", static_cast<double>(input_bytes.load()));
  out.set("last_result_to_handler_s", static_cast<double>(joined_ns.load() - last.ns.load()) / 1e9);
  out.set("last_result_to_handler_cpu_s", joined_cpu - last.cpu);
  e.close();
  return out;
}

run_result run_memory_ready(const params& p) {
  bulk many(p.workflows);
  auto o = engine_options(p);
  o.handlers.add(
      "nothing", [](const action_context&) { return outcome::success(); }, options_of(p));
  o.on_finished = [&many](const workflow_summary&) { many.finished(); };
  auto e = open_engine(p, std::move(o));
  run_result out;
  out.set("rss_after_open_mb", megabytes(rss_bytes()));
  const std::int64_t begun = now_ns();
  {
    const auto spec = side_by_side(p, "nothing");
    for (std::size_t i = 0; i < p.workflows; ++i) many.submit(e, spec);
  }
  many.wait_acknowledged(p.workflows, 300);
  out.set("acknowledged_s", static_cast<double>(now_ns() - begun) / 1e9);
  many.wait_finished(p.workflows, 900);
  const double seconds = static_cast<double>(now_ns() - begun) / 1e9;
  const auto actions = static_cast<double>(p.workflows * p.fan);
  out.set("actions", actions);
  out.set("actions_per_s", actions / seconds);
  out.set("peak_rss_mb", megabytes(peak_rss_bytes()));
  out.set("peak_bytes_per_action",
          (static_cast<double>(peak_rss_bytes()) - out.get("rss_after_open_mb") * 1e6) / actions);
  out.set("rss_after_mb", megabytes(rss_bytes()));
  e.close();
  return out;
}

}  // namespace tenax::bench
