#include "node/demo.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tenax::node {

namespace {

/// Of each of them something else can be seen.
constexpr std::array<std::string_view, 5> workflows{
    // Runs, with a failure now and then.
    R"({"id":"demo-film","name":"film","description":"Eight frames, rendered by a worker, and a cut.","actions":[
      {"key":"script","type":"noop"},
      {"key":"frame.1","type":"demo.render","depends_on":["script"],"input":{"frame":1}},
      {"key":"frame.2","type":"demo.render","depends_on":["script"],"input":{"frame":2}},
      {"key":"frame.3","type":"demo.render","depends_on":["script"],"input":{"frame":3}},
      {"key":"frame.4","type":"demo.render","depends_on":["script"],"input":{"frame":4}},
      {"key":"frame.5","type":"demo.render","depends_on":["script"],"input":{"frame":5}},
      {"key":"frame.6","type":"demo.render","depends_on":["script"],"input":{"frame":6}},
      {"key":"frame.7","type":"demo.render","depends_on":["script"],"input":{"frame":7}},
      {"key":"frame.8","type":"demo.render","depends_on":["script"],"input":{"frame":8}},
      {"key":"cut","type":"demo.render","depends_on":["frame.1","frame.2","frame.3","frame.4","frame.5","frame.6","frame.7","frame.8"],
       "input":{"first":"${actions.frame.1.result.png}"}}]})",
    // Waits for a person's word: tenax signal demo-approval approved --payload '{"by":"you"}'
    R"({"id":"demo-approval","name":"approval","description":"Waits for the signal approved.","actions":[
      {"key":"ask","type":"log_message","input":{"level":"debug","message":"please approve"}},
      {"key":"approve","type":"wait_signal","depends_on":["ask"],"input":{"name":"approved"}},
      {"key":"ship","type":"demo.render","depends_on":["approve"],"input":{"approval":"${actions.approve.result}"}}]})",
    // Fails three times, and then waits for a decision: tenax resolve demo-charge charge skip
    R"({"id":"demo-charge","name":"order","description":"The bank is closed: somebody must decide.","actions":[
      {"key":"reserve","type":"noop"},
      {"key":"charge","type":"demo.charge","depends_on":["reserve"],"input":{"eur":5}},
      {"key":"ship","type":"noop","depends_on":["charge"]},
      {"key":"tell","type":"noop","depends_on":["ship"]}]})",
    // No worker asks for its type.
    R"({"id":"demo-translation","name":"translation","description":"Nobody does this type.","actions":[
      {"key":"translate","type":"demo.translate","input":{"text":"hello","to":"eo"}},
      {"key":"print","type":"noop","depends_on":["translate"]}]})",
    // Has its time.
    R"({"id":"demo-reminder","name":"reminder","description":"Goes on in an hour.","actions":[
      {"key":"later","type":"wait","input":{"seconds":3600}},
      {"key":"remind","type":"log_message","depends_on":["later"],"input":{"level":"debug","message":"an hour is over"}}]})",
};

bool rests(const std::stop_token& end, milliseconds time) {
  constexpr milliseconds step{50};
  for (milliseconds left = time; left.count() > 0 && !end.stop_requested(); left -= step) {
    std::this_thread::sleep_for(std::min(left, step));
  }
  return !end.stop_requested();
}

outcome done(const worker_task& t) {
  if (t.action_type == "demo.charge") {
    return outcome::failure("bank_closed", "the bank did not answer");
  }
  const auto draw = std::hash<std::string>()(t.idempotency_key);
  if (t.attempt == 1 && draw % 4 == 0)
    return outcome::failure("out_of_memory", "the frame is too large");
  return outcome::success(R"({"png":")" + t.action_key + R"(.png"})");
}

void work(engine& target, const std::stop_token& end) {
  worker_poll ask;
  ask.worker = "demo";
  ask.types = {"demo.render", "demo.charge"};
  ask.wait = milliseconds(500);
  while (!end.stop_requested()) {
    const auto tasks = target.poll(ask);
    if (!tasks) return;  // it closes
    for (const auto& t : *tasks) {
      const milliseconds time(500 + std::hash<std::string>()(t.idempotency_key) % 2'500);
      const bool is_done = rests(end, time);
      (void)target.end_attempt(
          t.token,
          is_done
              ? done(t)
              : outcome::defer(std::chrono::floor<milliseconds>(std::chrono::system_clock::now())),
          "demo");
    }
  }
}

}  // namespace

void demo::add_types(options& o) {
  action_options patient;
  patient.retry = retry_policy{};
  patient.retry->exhausted = on_exhausted::pause;
  o.handlers.add_worker("demo.charge", patient);
  o.handlers.add_worker("demo.render");
  o.handlers.add_worker("demo.translate");
}

result<void> demo::submit(engine& to) {
  for (const auto text : workflows) {
    if (auto made = to.submit_json(text); !made) return made.error();
  }
  return {};
}

demo::demo(engine& target) {
  for (int i = 0; i < 2; ++i) {
    workers_.emplace_back([&target](const std::stop_token& end) { work(target, end); });
  }
}

}  // namespace tenax::node
