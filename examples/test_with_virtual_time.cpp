// How a program tests its own workflows: without waiting for retries, and with crashes. Any test
// framework will do; this one needs none. Link tenax::testing.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <tenax/tenax.hpp>
#include <tenax/testing/virtual_engine.hpp>

using namespace std::chrono_literals;

namespace {

// --- what is tested: handlers of a payment, as the program registers them ---

struct bank {
  bool answers = true;
  int charges = 0;
};

tenax::options payment_options(bank& b) {
  tenax::options options;
  options.log = [](tenax::log_level, std::string_view) {};
  options.handlers.add(
      "charge",
      [&b](const tenax::action_context&) {
        if (!b.answers) return tenax::outcome::failure("network", "the bank did not answer");
        ++b.charges;
        return tenax::outcome::success(R"({"receipt":"r-17"})");
      },
      {.retry = tenax::retry_policy::table({1s, 1min, 1h}), .start_to_close = 30s});
  options.handlers.add("mail",
                       [](const tenax::action_context&) { return tenax::outcome::success(); });
  return options;
}

tenax::workflow_spec payment() {
  return tenax::workflow_builder("payment")
      .id("order-42")
      .action("pay", "charge")
      .action("tell", "mail", R"({"text":"receipt ${actions.pay.result.receipt}"})");
}

// --- a test framework in two lines ---

void check(bool holds, const char* what) {
  std::printf("%s: %s\n", holds ? "ok" : "FAILED", what);
  if (!holds) std::exit(1);
}

using tenax::testing::virtual_engine;

void a_payment_survives_an_hour_without_the_bank_and_a_crash() {
  bank b{.answers = false};
  auto engine = virtual_engine::open(payment_options(b));
  check(engine->submit(payment()).has_value(), "the payment is accepted");
  engine->advance(30min);
  check(engine->get("order-42").value().actions[0].attempts == 3, "three attempts in half an hour");
  check(engine->crash_and_reopen().has_value(), "the process is killed and comes back");
  b.answers = true;
  const auto end = engine->run_until_end("order-42");
  check(end->status == tenax::workflow_status::completed, "the payment is completed");
  check(b.charges == 1, "the card was charged once");
}

void a_bank_that_hangs_is_given_up_after_30_seconds() {
  bank b;
  auto engine = virtual_engine::open(payment_options(b));
  engine->hold_handlers();  // a handler that does not return
  check(engine->submit(payment()).has_value(), "the payment is accepted");
  engine->advance(30s);
  check(engine->running_handlers()[0].stop_requested, "the handler is asked to stop");
  check(engine->get("order-42").value().actions[0].next_retry_at == engine->now() + 1s,
        "the next attempt is due in a second");
  engine->finish_handler("pay");
  check(!engine->get("order-42").value().actions[0].result, "its late result does not count");
}

void a_full_disk_stops_the_engine_and_nothing_is_acknowledged() {
  bank b;
  auto engine = virtual_engine::open(payment_options(b));
  engine->fail_commit(1);
  check(!engine->submit(payment()).has_value(), "a submit without a disk is not acknowledged");
  check(!engine->healthy(), "the engine has stopped");
  check(engine->reopen().has_value(), "it is opened again");
  check(engine->submit(payment()).has_value(), "the same payment is submitted again");
  check(engine->run_until_end("order-42").value().status == tenax::workflow_status::completed,
        "and completes");
}

}  // namespace

int main() {
  a_payment_survives_an_hour_without_the_bank_and_a_crash();
  a_bank_that_hangs_is_given_up_after_30_seconds();
  a_full_disk_stops_the_engine_and_nothing_is_acknowledged();
}
