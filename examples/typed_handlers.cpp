// Handlers that take and return the program's own types, and what their exceptions mean.
#include <cstdio>
#include <stdexcept>

#include <tenax/nlohmann.hpp>  // or a tenax::json_codec of your own
#include <tenax/tenax.hpp>

struct charge_request {
  std::string card;
  double eur = 0;
};
struct receipt {
  std::string number;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(charge_request, card, eur)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(receipt, number)

struct bank_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int main(int argc, char** argv) {
  tenax::action_options bank;
  bank.on_exception =  // the bank says so before anything is charged: not in doubt, try again
      tenax::exception_classes().add<bank_error>("bank", tenax::outcome::kind::failure);
  tenax::options options;
  options.handlers.add<charge_request, receipt>(
      "charge_card",
      [](const charge_request& r, const tenax::action_context& ctx) {
        if (ctx.attempt == 1) throw bank_error("busy");
        return receipt{"r-" + r.card};
      },
      bank);
  options.handlers.add<receipt>(
      "send_mail", [](const receipt& r) { std::printf("mail: %s\n", r.number.c_str()); });
  auto engine = tenax::engine::open(argc > 1 ? argv[1] : "typed-handlers-data", std::move(options));
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().to_string().c_str()), 1;

  auto faulty = tenax::workflow_builder("faulty").action("pay", "charge_card", R"({"eur": 5})");
  if (auto no = engine->submit(faulty); !no) std::puts(no.error().to_string().c_str());

  auto order = tenax::workflow_builder("order").id("order-7").sequential();
  order.action("pay", "charge_card", charge_request{"visa", 12.5});
  order.action("tell", "send_mail", R"("${actions.pay.result}")");
  if (auto ok = engine->submit(order); !ok) return std::puts(ok.error().to_string().c_str()), 1;
  if (auto end = engine->await("order-7"); !end) return 1;

  const auto view = engine->get("order-7");
  if (!view) return 1;
  const auto paid = view->result_of<receipt>("pay");
  std::printf("order-7 paid: %s\n", paid ? paid->number.c_str() : "not");
}
