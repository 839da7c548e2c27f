#include "handlers.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using tenax::action_context;
using tenax::outcome;

struct goods {
  std::string item;
  std::int64_t count = 1;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(goods, item, count)

struct payment {
  std::string card;
  std::int64_t cents = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(payment, card, cents)

struct parcel {
  std::string address;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(parcel, address)

struct shipment {
  std::string tracking;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(shipment, tracking)

struct mail {
  std::string to;
  std::string text;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(mail, to, text)

/// Names what other actions did, by the keys that they gave the world.
struct reversal {
  std::string charge;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(reversal, charge)

struct closing {
  std::string order;
  std::string how;
  std::string reservation;  ///< to be given back, if any
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(closing, order, how, reservation)

/// Text of other people for an input: `${` means nothing in it.
std::string plain(std::string text) {
  for (auto at = text.find("${"); at != text.npos; at = text.find("${", at + 3)) {
    text.insert(at, 1, '$');
  }
  return text;
}

std::string key_of(const action_context& ctx) { return std::string(ctx.idempotency_key); }

tenax::retry_policy patient() {
  tenax::retry_policy p;
  p.max_attempts = 20;
  p.min_wait = milliseconds(20);
  p.max_wait = seconds(10);
  return p;
}

}  // namespace

tenax::handler_registry make_handlers(const std::shared_ptr<world>& outside, bool restored) {
  // The handlers share the world: one that `close` has left behind may still use it.
  tenax::handler_registry handlers;

  tenax::action_options options;
  options.retry = patient();
  options.on_exception =  // tried again when somebody says that there is stock: after_care.hpp
      tenax::exception_classes().add<out_of_stock>("out_of_stock", outcome::kind::fatal);
  handlers.add<goods>(
      "reserve_stock",
      [outside](const goods& g, const action_context& ctx) {
        outside->stock.reserve(key_of(ctx), g.item, g.count);
      },
      options);

  // The bank charges whenever it is asked to. So it is asked at most once; where nobody knows
  // whether it has charged, the action waits for a decision, and after_care looks at the statement.
  options.delivery = tenax::delivery::at_most_once;
  options.start_to_close = seconds(20);
  options.max_running = 3;
  options.on_exception = tenax::exception_classes()
                             .add<bank_busy>("bank_busy", outcome::kind::failure)
                             .add<card_refused>("card_refused", outcome::kind::fatal)
                             .add<no_answer>("no_answer");
  handlers.add<payment, receipt>(
      "charge_card",
      [outside, restored](const payment& p, const action_context& ctx) {
        if (restored) {
          if (auto known = outside->cards.find(key_of(ctx))) return receipt{*known};
        }
        return receipt{outside->cards.charge(key_of(ctx), p.card, p.cents)};
      },
      options);

  options = {};
  options.retry = patient();
  options.on_exception =
      tenax::exception_classes().add<undeliverable>("undeliverable", outcome::kind::fatal);
  handlers.add<parcel, shipment>(
      "create_shipment",
      [outside](const parcel& p, const action_context& ctx) -> tenax::typed_outcome<shipment> {
        auto answer = outside->parcels.ship(key_of(ctx), p.address, ctx.now);
        if (answer.come_back_at)
          return outcome::throttled(*answer.come_back_at, "too many parcels");
        return shipment{answer.tracking};
      },
      options);

  options = {};
  options.retry = patient();
  options.retry->exhausted =
      tenax::on_exhausted::skip;  // a mail that cannot be sent stops no order
  handlers.add<mail>(
      "send_mail",
      [outside](const mail& m, const action_context& ctx) {
        outside->mails.add("sent", key_of(ctx), m.to);
      },
      options);

  options = {};
  options.retry = patient();
  handlers.add<reversal>(
      "refund", [outside](const reversal& r) { (void)outside->cards.refund(r.charge); }, options);
  handlers.add<closing>(
      "close_order",
      [outside](const closing& c, const action_context& ctx) {
        if (!c.reservation.empty()) outside->stock.release(c.reservation);
        outside->books.add(c.how, key_of(ctx), c.order);
      },
      options);
  return handlers;
}

std::string order_workflow_id(const std::string& order_id) { return "order-" + order_id; }
std::string undo_workflow_id(const std::string& order_id) { return "undo-" + order_id; }

tenax::workflow_builder order_workflow(const order& o) {
  return tenax::workflow_builder("order")
      .id(order_workflow_id(o.id))
      .reference(o.id)
      .input(o)
      .sequential()
      .action("reserve", "reserve_stock", goods{plain(o.item), o.count})
      .action("pay", "charge_card", payment{plain(o.card), o.cents})
      .action("ship", "create_shipment", parcel{plain(o.address)})
      .action("tell", "send_mail",
              mail{plain(o.mail),
                   "receipt ${actions.pay.result.number}, "
                   "parcel ${actions.ship.result.tracking}"})
      .action("close", "close_order", closing{o.id, "shipped", ""});
}

tenax::workflow_builder undo_workflow(const order& o) {
  const auto key_in_order = [&](const char* action) {
    return order_workflow_id(o.id) + "/" + action;  // as action_context::idempotency_key
  };
  return tenax::workflow_builder("undo")
      .id(undo_workflow_id(o.id))
      .reference(o.id)
      .sequential()
      .action("refund", "refund", reversal{key_in_order("pay")})
      .action("tell", "send_mail", mail{plain(o.mail), "we could not serve your order"})
      .action("close", "close_order", closing{o.id, "cancelled", key_in_order("reserve")});
}
