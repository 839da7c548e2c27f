// transfer.hpp - one HTTP request over a connection of its own, by libcurl. Depends on
// node/http_action. Thread safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "node/http_action/allowed_hosts.hpp"
#include "node/http_action/curl.hpp"

namespace tenax::http_action {

struct transfer_limits {
  std::chrono::milliseconds timeout;
  std::chrono::milliseconds connect_timeout;
  std::size_t body_bytes_max;
};

struct outgoing {
  std::string method;
  CURLU* url = nullptr;
  place target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> body;
};

struct answer {
  enum class end : std::uint8_t {
    answered,   ///< `status`, `body` and what follows it are there
    refused,    ///< every address of the host is one that may not be reached: no socket was made
    failed,     ///< no answer, or a broken one
    timed_out,  ///< no whole answer in time
    stopped,    ///< the stop request came first
  };
  end how = end::failed;
  /// The request may have reached the other side. False: it has not.
  bool was_sent = false;
  std::string why;  ///< of all but `answered`, a few words
  int status = 0;
  std::string body;
  bool is_truncated = false;  ///< there was more
  std::string content_type;
  std::string retry_after;
  std::size_t sockets = 0;  ///< that were made
};

/// Blocks. `stop` ends it within milliseconds. The answer's body is not looked at.
[[nodiscard]] answer transfer(const outgoing& request, const allowed_hosts& hosts,
                              const transfer_limits& bounds, const std::filesystem::path& cacert,
                              const std::stop_token& stop);

}  // namespace tenax::http_action
