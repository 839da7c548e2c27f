// outside.hpp - reads the books of the order service's world (examples/order_service/world.hpp), as
// somebody who knows nothing of the service. Header only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace service {

struct entry {
  std::string what;
  std::string key;
  std::string of;
  std::int64_t amount = 0;
};

inline std::vector<entry> read_ledger(const std::filesystem::path& file) {
  std::vector<entry> out;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const auto e = nlohmann::json::parse(line, nullptr, false);
    if (e.is_object()) out.push_back({e["what"], e["key"], e["of"], e["amount"]});
  }
  return out;
}

/// What has been done for one order.
struct done {
  int reserved = 0;
  int released = 0;
  int charged = 0;
  int refunded = 0;
  int shipped = 0;
  int told = 0;
  std::vector<std::string> closed;
};

struct outside {
  std::map<std::string, done> orders;
  std::map<std::string, std::int64_t> stock;  ///< what is left
  std::size_t charges = 0;

  explicit outside(const std::filesystem::path& dir) {
    for (const auto& e : read_ledger(dir / "stock.log")) {
      stock[e.of] += e.what == "reserved" ? -e.amount : e.amount;
      if (e.what == "delivered") continue;
      ++(e.what == "reserved" ? of(e.key).reserved : of(e.key).released);
    }
    for (const auto& e : read_ledger(dir / "cards.log")) {
      charges += e.what == "charged" ? 1 : 0;
      ++(e.what == "charged" ? of(e.key).charged : of(e.key).refunded);
    }
    for (const auto& e : read_ledger(dir / "shipping.log")) ++of(e.key).shipped;
    for (const auto& e : read_ledger(dir / "mails.log")) ++of(e.key).told;
    for (const auto& e : read_ledger(dir / "books.log")) of(e.key).closed.push_back(e.what);
  }

  /// By the key that the service gave: order-ID/ACTION or undo-ID/ACTION.
  done& of(const std::string& key) {
    const auto from = key.find('-') + 1;
    return orders[key.substr(from, key.find('/') - from)];
  }

  /// What is wrong with it, "" if nothing is.
  [[nodiscard]] std::string fault(const std::string& id) const {
    const auto at = orders.find(id);
    if (at == orders.end()) return "nothing has been done for it";
    const auto& d = at->second;
    if (d.charged > 1) return "the card was charged " + std::to_string(d.charged) + " times";
    if (d.closed.size() != 1) return "it was closed " + std::to_string(d.closed.size()) + " times";
    if (d.closed[0] == "shipped") {
      const bool right = d.charged == 1 && d.refunded == 0 && d.shipped == 1 && d.reserved == 1 &&
                         d.released == 0 && d.told == 1;
      return right ? "" : "shipped, but not all of it was done once";
    }
    const bool right = d.charged == d.refunded && d.shipped == 0 && d.reserved == d.released;
    return right ? "" : "cancelled, but not all of it was undone";
  }
};

}  // namespace service
