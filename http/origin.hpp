// origin.hpp - which sites a server speaks for. Without this a page of any site could have its
// reader's browser talk to a server on loopback (DNS rebinding). Pure; depends on std only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/framing.hpp"
#include "http/request.hpp"

namespace tenax::http {

struct origin_rules {
  /// Names and addresses without port that Host may have; "*" is any. Empty: those of loopback.
  std::vector<std::string> allowed_hosts;
  /// Origins ("https://example.org") that are allowed beside the host's own.
  std::vector<std::string> allowed_origins;
};

/// 421 for a Host that is not allowed; 403 for an Origin that is neither the Host itself nor
/// allowed. Requests from the Unix socket, which no browser reaches, are not asked.
[[nodiscard]] std::optional<problem> check_origin(const request& r, const origin_rules& rules);

}  // namespace tenax::http
