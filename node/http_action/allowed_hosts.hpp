// allowed_hosts.hpp - where requests may go: which hosts of URLs, and which addresses those may
// have. Depends on node/http_action. Values; const calls are thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "node/http_action/addresses.hpp"

namespace tenax::http_action {

/// Of a URL.
struct place {
  std::string host;  ///< as in a URL: IPv6 in brackets
  std::uint16_t port = 0;
  bool is_usual_port = true;  ///< that of its scheme
};

class allowed_hosts {
 public:
  /// Of http_options::allow_hosts. What is wrong allows nothing, and is added to `faults`.
  explicit allowed_hosts(const std::vector<std::string>& entries,
                         std::vector<std::string>* faults = nullptr);

  /// Whether a URL may name it.
  [[nodiscard]] bool has(const place& target) const;
  /// Why it may not be reached at this address; "": it may.
  [[nodiscard]] std::string_view refusal(const ip_address& address, const place& target) const;

 private:
  struct name {
    std::string text;  ///< "api.example.com", ".example.com" for all below it, "" for all
    std::uint16_t port;
  };
  struct range {
    ip_range addresses;
    std::uint16_t port;  ///< 0: the scheme's
  };
  bool add(std::string_view entry);
  [[nodiscard]] bool has_address(const ip_address& address, const place& target) const;

  std::vector<name> names_;
  std::vector<range> ranges_;
};

}  // namespace tenax::http_action
