// The code of the README: two actions, one of them flaky, that survive whatever happens to this
// process.
#include <cstdio>
#include <tenax/tenax.hpp>

int main(int argc, char** argv) {
  tenax::options options;
  options.handlers.add("charge_card", [](const tenax::action_context& ctx) {
    if (ctx.attempt == 1) return tenax::outcome::failure("network", "the bank did not answer");
    return tenax::outcome::success(R"({"receipt": "r-17"})");  // pass ctx.idempotency_key on
  });
  options.handlers.add("send_mail", [](const tenax::action_context& ctx) {
    std::printf("mail: %.*s\n", static_cast<int>(ctx.input.size()), ctx.input.data());
    return tenax::outcome::success();
  });

  auto engine = tenax::engine::open(argc > 1 ? argv[1] : "quickstart-data", std::move(options));
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().to_string().c_str()), 1;

  auto order = tenax::workflow_builder("order").id("order-42").sequential();
  order.action("pay", "charge_card", R"({"eur": 5})");
  order.action("tell", "send_mail", R"({"text": "paid, receipt ${actions.pay.result.receipt}"})");
  if (auto ok = engine->submit(order); !ok) return std::puts(ok.error().to_string().c_str()), 1;

  auto end = engine->await("order-42");  // retries come by themselves, after a crash too
  if (!end) return std::puts(end.error().to_string().c_str()), 1;
  std::printf("order-42 is %s\n", tenax::to_string(end->status).data());
}
