#include "http/origin.hpp"

#include <algorithm>
#include <array>

#include "http/text.hpp"

namespace tenax::http {

namespace {

/// "[::1]:80" -> "[::1]", "localhost:80" -> "localhost".
std::string_view without_port(std::string_view host) {
  const auto colon = host.rfind(':');
  const auto bracket = host.rfind(']');
  const bool has_port =
      colon != std::string_view::npos &&
      (bracket == std::string_view::npos ? host.find(':') == colon : colon > bracket);
  return has_port ? host.substr(0, colon) : host;
}

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::ranges::any_of(
      names, [&](std::string_view n) { return n == "*" || equals_ignoring_case(n, name); });
}

bool is_allowed_host(std::string_view host, const origin_rules& rules) {
  constexpr std::array<std::string_view, 3> loopback = {"localhost", "127.0.0.1", "[::1]"};
  return rules.allowed_hosts.empty() ? contains(loopback, without_port(host))
                                     : contains(rules.allowed_hosts, without_port(host));
}

/// Whether an Origin is the host and port that the request was sent to.
bool is_same(std::string_view origin, std::string_view host) {
  const auto scheme = origin.find("://");
  return scheme != std::string_view::npos && equals_ignoring_case(origin.substr(scheme + 3), host);
}

}  // namespace

std::optional<problem> check_origin(const request& r, const origin_rules& rules) {
  if (r.is_unix) return std::nullopt;
  const auto host = r.find_header("host").value_or("");
  if (!is_allowed_host(host, rules)) return problem{421, "this host is not served here"};
  const auto origin = r.find_header("origin");
  if (origin && !is_same(*origin, host) && !contains(rules.allowed_origins, *origin)) {
    return problem{403, "requests from this origin are not allowed"};
  }
  return std::nullopt;
}

}  // namespace tenax::http
