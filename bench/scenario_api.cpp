// The HTTP API against an echo of the same http/, and against the engine without it: all in this
// process and in turns, because a machine's mood is the same for what is measured side by side.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "bench/http_load.hpp"
#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/scenarios.hpp"
#include "http/server.hpp"
#include "tenax/server.hpp"

namespace tenax::bench {

namespace {

constexpr std::size_t batch_lines = 500;

const std::string noop_spec = R"({"name":"bench","actions":[{"key":"a","type":"noop"}]})";

/// A listening socket has two ends in this process.
void allow_descriptors() {
  ::rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

http::server start_echo() {
  auto s = http::server::start(
      {.listen = {"127.0.0.1:0"}, .connections_per_address_max = 10'000},
      [](http::request r, const http::responder& to) {
        to.send({201, {{"Content-Type", "application/json"}}, std::move(r.body)});
      });
  require(s.has_value(), "the echo server does not start");
  return std::move(*s);
}

/// submit_async with p.concurrency in flight, from this thread.
double submits_per_s(engine& e, const params& p, double seconds) {
  std::atomic<std::size_t> in_flight{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> failed{0};
  auto spec = parse_spec(noop_spec);
  require(spec.has_value(), "the spec is faulty");
  const auto begin = now_ns();
  const auto end = begin + static_cast<std::int64_t>(seconds * 1e9);
  while (now_ns() < end) {
    if (in_flight >= p.concurrency) {
      std::this_thread::yield();
      continue;
    }
    ++in_flight;
    e.submit_async(*spec, [&](const result<submission>& r) {
      ++(r ? done : failed);
      --in_flight;
    });
  }
  while (in_flight > 0) std::this_thread::yield();
  require(failed == 0, "a submit failed");
  return static_cast<double>(done) / (static_cast<double>(now_ns() - begin) / 1e9);
}

/// Until nothing is under way but what sleeps.
void settle(engine& e, std::uint64_t sleeping) {
  while (e.stats().open > sleeping) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

void sleep_in(engine& e, std::size_t n) {
  std::atomic<std::size_t> left{n};
  for (std::size_t i = 0; i < n; ++i) {
    const workflow_spec spec = workflow_builder("sleeper")
                                   .id("s" + std::to_string(i))
                                   .action("a", "wait", R"({"seconds": 864000})");
    e.submit_async(spec, [&](const result<submission>&) { --left; });
  }
  while (left > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// CPU of this process for each workflow of submit_async.
double cpu_us_per_workflow(engine& e, const params& p) {
  const auto before = e.stats().completed;
  const double cpu = cpu_seconds();
  (void)submits_per_s(e, p, p.seconds);
  settle(e, e.stats().open);
  return (cpu_seconds() - cpu) * 1e6 / static_cast<double>(e.stats().completed - before);
}

/// The ends of all tasks in an answer to a poll, as one body; "": there are none.
std::string ends_of(std::string_view tasks, const std::string& result) {
  constexpr std::string_view field = R"("token":")";
  std::string out;
  for (auto at = tasks.find(field); at != std::string_view::npos; at = tasks.find(field, at)) {
    at += field.size();
    out += out.empty() ? "[" : ",";
    out.append(R"({"token":")").append(tasks.substr(at, tasks.find('"', at) - at));
    out.append(R"(","outcome":"complete","result":)").append(result).append("}");
  }
  return out.empty() ? out : out + "]";
}

/// A worker that does nothing but ask and end, a hundred tasks at a time.
void work(const std::string& at, const params& p, const std::atomic<bool>& is_over) {
  http_client c(at);
  const auto poll = post_request("/v1/workers/poll", "application/json",
                                 R"({"worker":"bench","types":["step"],"max":250,"wait_ms":100})");
  const std::string result = '"' + std::string(p.payload_bytes, 'r') + '"';
  while (!is_over) {
    const auto ends = ends_of(c.ask(poll), result);
    if (ends.empty()) continue;
    (void)c.ask(post_request("/v1/attempts/end", "application/json", ends));
  }
}

/// Sequential workflows whose actions are done by `workers` over HTTP; 0: by blocking handlers.
load_result run_steps(const params& p, std::size_t workers) {
  load driver(p, sequential_maker(p));
  auto o = engine_options(p);
  if (workers > 0) {
    o.handlers.add_worker("step");
  } else {
    auto blocking = p;
    blocking.handlers = "blocking";
    add_step_handler(o, blocking);
  }
  driver.watch(o);
  auto e = open_engine(p, std::move(o));
  auto api = server::start(e, {.listen = {"127.0.0.1:0"}});
  require(api.has_value(), "the server does not start");
  std::atomic<bool> is_over{false};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < workers; ++i) {
    threads.emplace_back([&] { work(api->addresses().at(0), p, is_over); });
  }
  driver.start(e);
  auto seen = driver.measure();
  driver.stop();
  is_over = true;
  for (auto& t : threads) t.join();
  api->stop(milliseconds(0));
  e.close();
  remove_tree(std::filesystem::path(p.dir) / "data");
  return seen;
}

}  // namespace

run_result run_workers(const params& p) {
  constexpr std::size_t workers = 4;
  constexpr int turns = 2;
  auto part = p;
  part.seconds = p.seconds / turns;
  double by_workers = 0, by_handlers = 0, workers_cpu = 0, handlers_cpu = 0;
  for (int i = 0; i < turns; ++i) {
    const auto a = run_steps(part, workers);
    const auto b = run_steps(part, 0);
    by_workers += static_cast<double>(a.actions) / a.seconds / turns;
    by_handlers += static_cast<double>(b.actions) / b.seconds / turns;
    workers_cpu += a.cpu_seconds * 1e6 / static_cast<double>(a.actions) / turns;
    handlers_cpu += b.cpu_seconds * 1e6 / static_cast<double>(b.actions) / turns;
  }
  run_result out;
  out.set("worker_actions_per_s", by_workers);
  out.set("limit_blocking_actions_per_s", by_handlers);
  out.set("ratio_to_blocking", by_workers / by_handlers);
  out.set("worker_cpu_us_per_action", workers_cpu);
  out.set("blocking_cpu_us_per_action", handlers_cpu);
  return out;
}

run_result run_api(const params& p) {
  constexpr std::size_t connections = 64;
  constexpr int turns = 3;
  allow_descriptors();
  auto e = open_engine(p, engine_options(p));
  auto echo = start_echo();
  auto api = server::start(e, {.listen = {"127.0.0.1:0"}});
  require(api.has_value(), "the server does not start");
  const auto& echo_at = echo.addresses().at(0);
  const auto& api_at = api->addresses().at(0);
  const auto one = post_request("/v1/workflows", "application/json", noop_spec);
  std::string lines;
  for (std::size_t i = 0; i < batch_lines; ++i) lines += noop_spec + "\n";
  const auto many = post_request("/v1/workflows", "application/x-ndjson", lines);

  (void)drive_http(api_at, one, connections, p.warmup_seconds);
  double echoes = 0, submits = 0, batches = 0, direct = 0;
  histogram echo_ns, submit_ns;
  for (int i = 0; i < turns; ++i) {
    const auto a = drive_http(echo_at, one, connections, p.seconds / turns);
    const auto b = drive_http(api_at, one, connections, p.seconds / turns);
    settle(e, 0);
    batches += drive_http(api_at, many, 2, p.seconds / turns).per_s() * batch_lines / turns;
    settle(e, 0);
    direct += submits_per_s(e, p, p.seconds / turns) / turns;
    settle(e, 0);
    echoes += a.per_s() / turns;
    submits += b.per_s() / turns;
    echo_ns.add(a.took_ns);
    submit_ns.add(b.took_ns);
  }
  run_result out;
  out.set("submits_per_s", submits);
  out.set("limit_echo_per_s", echoes);
  out.set("ratio_to_echo", submits / echoes);
  out.set("batch_submits_per_s", batches);
  out.set("limit_submit_async_per_s", direct);
  out.set("batch_ratio_to_submit_async", batches / direct);
  out.set("ratio_submit_async_to_echo", direct / echoes);
  out.set_percentiles("submit", submit_ns, "ms", 1e6);
  out.set_percentiles("limit_echo", echo_ns, "ms", 1e6);

  // A quiet rate beside many that are open.
  sleep_in(e, p.workflows);
  const auto quiet = drive_http(api_at, one, 32, p.seconds, 200);
  out.set_percentiles("submit_at_200_per_s", quiet.took_ns, "ms", 1e6);
  settle(e, p.workflows);

  // What idle event streams cost the engine: without, with, with, without, as a store that grows
  // makes later workflows dearer.
  double without = 0, with = 0;
  for (const bool is_beside : {false, true, true, false, false, true}) {
    if (!is_beside) {
      without += cpu_us_per_workflow(e, p) / 3;
      continue;
    }
    idle_clients streams;
    for (std::size_t i = 0; i < std::min<std::size_t>(p.workflows, 1'000); ++i) {
      streams.add(api_at, "GET /v1/workflows/s" + std::to_string(i) +
                              "/history HTTP/1.1\r\nHost: localhost\r\nAccept: "
                              "text/event-stream\r\n\r\n");
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));  // each has its history then
    with += cpu_us_per_workflow(e, p) / 3;
  }
  out.set("cpu_us_per_workflow", without);
  out.set("cpu_us_per_workflow_beside_streams", with);
  out.set("ratio_beside_streams", with / without);
  api->stop(milliseconds(0));
  e.close();
  return out;
}

}  // namespace tenax::bench
