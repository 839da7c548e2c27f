#include "node/http_action/addresses.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tenax::http_action {

namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned v4_prefix_bits = 96;

ip_address of_v4(const ::in_addr& v4) {
  ip_address out;
  std::ranges::copy(v4_prefix, out.bytes.begin());
  std::memcpy(out.bytes.data() + v4_prefix.size(), &v4.s_addr, sizeof v4.s_addr);
  return out;
}

ip_address of_v6(const ::in6_addr& v6) {
  ip_address out;
  std::memcpy(out.bytes.data(), &v6, out.bytes.size());
  return out;
}

struct special_range {
  const char* text;
  std::string_view use;
};

/// The IANA registries of special-purpose addresses (RFC 6890 and later), and an address of a cloud
/// that only looks public. The first that fits says it.
constexpr std::array specials{
    special_range{"127.0.0.0/8", "loopback"},
    special_range{"10.0.0.0/8", "private"},
    special_range{"172.16.0.0/12", "private"},
    special_range{"192.168.0.0/16", "private"},
    special_range{"169.254.0.0/16", "link-local"},
    special_range{"100.64.0.0/10", "shared by a provider"},
    special_range{"0.0.0.0/8", "of this host"},
    special_range{"224.0.0.0/4", "multicast"},
    special_range{"192.0.0.0/24", "reserved"},
    special_range{"192.0.2.0/24", "reserved"},
    special_range{"192.88.99.0/24", "a relay for 6to4"},
    special_range{"198.18.0.0/15", "reserved"},
    special_range{"198.51.100.0/24", "reserved"},
    special_range{"203.0.113.0/24", "reserved"},
    special_range{"240.0.0.0/4", "reserved"},  // with broadcast
    special_range{"168.63.129.16", "of the cloud's host"},
    special_range{"::1", "loopback"},
    special_range{"::", "of this host"},
    special_range{"fc00::/7", "private"},
    special_range{"fe80::/10", "link-local"},
    special_range{"ff00::/8", "multicast"},
    special_range{"64:ff9b::/96", "NAT64"},
    special_range{"2002::/16", "6to4"},
    special_range{"2001::/23", "reserved"},  // with Teredo
    special_range{"2001:db8::/32", "reserved"},
    special_range{"3fff::/20", "reserved"},
};

struct parsed_special {
  ip_range range;
  std::string_view use;
};

const std::array<parsed_special, specials.size()>& parsed_specials() {
  static const auto all = [] {
    std::array<parsed_special, specials.size()> out;
    std::ranges::transform(specials, out.begin(), [](const special_range& s) {
      return parsed_special{ip_range::parse(s.text).value(), s.use};
    });
    return out;
  }();
  return all;
}

}  // namespace

std::optional<ip_address> ip_address::parse(std::string_view text) {
  const std::string whole(text);
  if (whole.find('\0') != std::string::npos) return std::nullopt;
  ::in_addr v4{};
  if (::inet_pton(AF_INET, whole.c_str(), &v4) == 1) return of_v4(v4);
  ::in6_addr v6{};
  if (::inet_pton(AF_INET6, whole.c_str(), &v6) == 1) return of_v6(v6);
  return std::nullopt;
}

std::optional<ip_address> ip_address::of(const ::sockaddr& socket) {
  if (socket.sa_family == AF_INET) {
    ::sockaddr_in v4{};
    std::memcpy(&v4, &socket, sizeof v4);
    return of_v4(v4.sin_addr);
  }
  if (socket.sa_family == AF_INET6) {
    ::sockaddr_in6 v6{};
    std::memcpy(&v6, &socket, sizeof v6);
    return of_v6(v6.sin6_addr);
  }
  return std::nullopt;
}

bool ip_address::is_v4() const noexcept {
  return std::equal(v4_prefix.begin(), v4_prefix.end(), bytes.begin());
}

std::string ip_address::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const void* const from = bytes.data() + (is_v4() ? v4_prefix.size() : 0);
  return ::inet_ntop(is_v4() ? AF_INET : AF_INET6, from, out.data(), out.size());
}

std::optional<ip_range> ip_range::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = text.substr(0, slash);
  const auto first = ip_address::parse(address);
  if (!first) return std::nullopt;
  ip_range out{*first};
  if (slash == text.npos) return out;
  const bool is_short = address.find(':') == address.npos;
  const auto digits = text.substr(slash + 1);
  const auto* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, out.bits);
  if (read.ec != std::errc{} || read.ptr != end || out.bits > (is_short ? 32U : 128U))
    return std::nullopt;
  if (is_short) out.bits += v4_prefix_bits;
  return out;
}

bool ip_range::has(const ip_address& address) const noexcept {
  for (unsigned i = 0; i < address.bytes.size() && i * 8 < bits; ++i) {
    const unsigned common = std::min(bits - i * 8, 8U);
    const auto mask = static_cast<std::uint8_t>(0xff00U >> common);
    if (((address.bytes[i] ^ first.bytes[i]) & mask) != 0) return false;
  }
  return true;
}

std::string_view special_use(const ip_address& address) {
  for (const auto& special : parsed_specials())
    if (special.range.has(address)) return special.use;
  static const auto unicast = ip_range::parse("2000::/3").value();  // all of IPv6 that is given out
  return address.is_v4() || unicast.has(address) ? std::string_view{}
                                                 : "not of the public internet";
}

}  // namespace tenax::http_action
