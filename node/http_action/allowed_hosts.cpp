#include "node/http_action/allowed_hosts.hpp"

#include <algorithm>
#include <charconv>

#include "http/text.hpp"
#include "model/documents/json_text.hpp"

namespace tenax::http_action {

namespace {

struct parts {
  std::string_view host;  ///< without brackets
  std::uint16_t port = 0;
  bool is_good = true;
};

bool read_port(std::string_view digits, std::uint16_t& port) {
  const auto* const end = digits.data() + digits.size();
  return std::from_chars(digits.data(), end, port) == std::from_chars_result{end, {}} && port > 0;
}

/// "HOST", "HOST:PORT", "[ADDRESS]:PORT"; more than one colon without brackets is an address.
parts split(std::string_view entry) {
  parts out{entry};
  std::string_view after;
  if (entry.starts_with('[')) {
    const auto close = entry.find(']');
    if (close == entry.npos) return {entry, 0, false};
    out.host = entry.substr(1, close - 1);
    after = entry.substr(close + 1);
  } else if (const auto colon = entry.find(':'); colon != entry.npos && colon == entry.rfind(':')) {
    out.host = entry.substr(0, colon);
    after = entry.substr(colon);
  }
  if (!after.empty()) out.is_good = after.starts_with(':') && read_port(after.substr(1), out.port);
  return out;
}

/// A host's name in small letters. One that ends in a number is no name: it may be read as an
/// address.
bool is_name(std::string_view text) {
  constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (text.empty() || text.size() > 253 || text.find_first_not_of(characters) != text.npos ||
      text.starts_with('.') || text.ends_with('.') || text.find("..") != text.npos)
    return false;
  const auto last = text.substr(text.rfind('.') + 1);  // npos + 1 is 0
  return !last.starts_with("0x") && !std::ranges::all_of(last, http::is_digit);
}

}  // namespace

allowed_hosts::allowed_hosts(const std::vector<std::string>& entries,
                             std::vector<std::string>* faults) {
  for (const auto& entry : entries) {
    if (add(entry) || faults == nullptr) continue;
    faults->push_back("allow_hosts: " + model::shown(entry) +
                      " is no host, address or range of addresses, with or without a port");
  }
}

bool allowed_hosts::add(std::string_view entry) {
  const auto parts = split(entry);
  if (!parts.is_good) return false;
  if (const auto addresses = ip_range::parse(parts.host)) {
    ranges_.push_back({*addresses, parts.port});
    return true;
  }
  if (entry.starts_with('[')) return false;
  auto text = http::to_lower(parts.host);
  if (text == "*") {
    names_.push_back({"", parts.port});
    return true;
  }
  const bool is_below = text.starts_with("*.");
  if (!is_name(is_below ? std::string_view(text).substr(2) : text)) return false;
  if (is_below) text.erase(0, 1);
  names_.push_back({std::move(text), parts.port});
  return true;
}

namespace {

bool fits(std::uint16_t port, const place& target) {
  return port == 0 ? target.is_usual_port : port == target.port;
}

}  // namespace

bool allowed_hosts::has_address(const ip_address& address, const place& target) const {
  return std::ranges::any_of(
      ranges_, [&](const range& r) { return fits(r.port, target) && r.addresses.has(address); });
}

bool allowed_hosts::has(const place& target) const {
  std::string_view host = target.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (const auto address = ip_address::parse(host); address && has_address(*address, target))
    return true;
  const auto text = http::to_lower(host);
  return std::ranges::any_of(names_, [&](const name& n) {
    const bool is_it =
        n.text.empty() || n.text == text ||
        (n.text.starts_with('.') && text.size() > n.text.size() && text.ends_with(n.text));
    return is_it && fits(n.port, target);
  });
}

std::string_view allowed_hosts::refusal(const ip_address& address, const place& target) const {
  const auto use = special_use(address);
  return use.empty() || has_address(address, target) ? std::string_view{} : use;
}

}  // namespace tenax::http_action
