// Work that waits for somebody outside, for as long as it takes and through any restart, without a
// thread: a person's approval (a signal), and an answer that another system sends later (an open
// attempt and its token).
//   approval DIR                      submits the purchase and says what it waits for
//   approval DIR approve NAME         gives it the signal
//   approval DIR delivered TOKEN      ends the open attempt
#include <cstdio>
#include <string>
#include <tenax/tenax.hpp>

namespace {

int fail(const tenax::error& why) {
  return std::fprintf(stderr, "%s\n", why.to_string().c_str()), 1;
}

tenax::options make_options() {
  tenax::options options;
  tenax::action_options delivery;
  delivery.heartbeat = std::chrono::hours(24 * 30);  // then it is ordered again
  options.handlers.add(
      "order_goods",
      [](const tenax::action_context& ctx) {
        // A real one hands the token to the supplier, in the address that it calls back, say.
        std::printf("ordered; the supplier has the token %s\n", ctx.token().c_str());
        return tenax::outcome::pending(std::nullopt, "the delivery");
      },
      delivery);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 2 ? argv[2] : "submit";
  auto engine = tenax::engine::open(argc > 1 ? argv[1] : "approval-data", make_options());
  if (!engine) return fail(engine.error());

  auto purchase = tenax::workflow_builder("purchase").id("p-1").sequential();
  purchase.action("approved", "wait_signal", R"({"name": "approve"})");
  purchase.action("goods", "order_goods", R"({"for": "${actions.approved.result.by}"})");
  if (auto ok = engine->submit(purchase); !ok) return fail(ok.error());

  if (verb == "approve" && argc > 3) {
    // With a key, a mail that is sent twice approves once.
    const std::string by = "{\"by\": \"" + std::string(argv[3]) + "\"}";
    if (auto ok = engine->signal("p-1", "approve", by, "mail-1"); !ok) return fail(ok.error());
  } else if (verb == "delivered" && argc > 3) {
    auto ok = engine->end_attempt(argv[3], tenax::outcome::success(R"({"parcel": 17})"));
    if (!ok) return fail(ok.error());
  }
  (void)engine->await("p-1", std::chrono::milliseconds(500));  // what can go on does
  auto why = engine->explain("p-1");
  if (!why) return fail(why.error());
  std::printf("%s\n", why->headline.c_str());
}
