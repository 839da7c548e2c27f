// addresses.hpp - internet addresses, and which of them are nobody's on the public internet.
// Depends on std and POSIX. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace tenax::http_action {

struct ip_address {
  std::array<std::uint8_t, 16> bytes{};  ///< of IPv4 ::ffff:a.b.c.d: it is the same address

  /// "127.0.0.1", "::1", without brackets.
  [[nodiscard]] static std::optional<ip_address> parse(std::string_view text);
  /// Nothing of another family.
  [[nodiscard]] static std::optional<ip_address> of(const ::sockaddr& socket);
  [[nodiscard]] bool is_v4() const noexcept;
  [[nodiscard]] std::string text() const;
  bool operator==(const ip_address&) const = default;
};

struct ip_range {
  ip_address first;
  unsigned bits = 128;  ///< that addresses have in common with it

  /// "10.0.0.0/8", "fd00::/8", or one address.
  [[nodiscard]] static std::optional<ip_range> parse(std::string_view text);
  [[nodiscard]] bool has(const ip_address& address) const noexcept;
};

/// What is special about an address: "loopback", "private", "not of the public internet" ...; "" of
/// one that anybody on the public internet may have.
[[nodiscard]] std::string_view special_use(const ip_address& address);

}  // namespace tenax::http_action
