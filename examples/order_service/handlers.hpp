// handlers.hpp - the six action types of the shop, and the two workflows that are made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <tenax/nlohmann.hpp>
#include <tenax/tenax.hpp>

#include "world.hpp"

struct order {
  std::string id;
  std::string item;
  std::int64_t count = 1;
  std::string card;
  std::int64_t cents = 0;
  std::string mail;
  std::string address;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(order, id, item, count, card, cents, mail, address)

struct receipt {
  std::string number;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(receipt, number)

/// `restored`: the data directory was a backup, which does not know what was done after it was
/// made. Handlers then look before they act.
tenax::handler_registry make_handlers(const std::shared_ptr<world>& outside, bool restored);

/// Reserves, charges, ships, tells, closes. Its id is made of the order's, so that an order that
/// comes twice is one workflow; its reference is the order's.
tenax::workflow_builder order_workflow(const order& o);
std::string order_workflow_id(const std::string& order_id);
/// For an order that has failed: gives back money and goods, tells, closes.
tenax::workflow_builder undo_workflow(const order& o);
std::string undo_workflow_id(const std::string& order_id);
