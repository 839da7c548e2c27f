// http_action.hpp - the action type `http`: one request a call, to hosts that were allowed. In a
// library of its own, tenax::http_action, which links libcurl. Depends on std only.
//
//   tenax::http_options http;
//   http.allow_hosts = {"api.example.com"};
//   tenax::builtin::add_http(options.handlers, std::move(http));
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tenax/handler.hpp"
#include "tenax/result.hpp"

namespace tenax {

/// Gives the value of a secret, which specs name and never hold. Called on handlers' threads,
/// several at once, with each attempt: a new value holds from the next one on. Errors: not_found
/// (there is none of this name); any other says why it cannot be used. A message holds no value.
using secret_source = std::function<result<std::string>(const std::string& name)>;

/// A file a secret, of its name in this directory: its text without a line end at the end, at most
/// 64 KiB. Each must be its owner's alone (mode 0600), of this process's user or root.
[[nodiscard]] secret_source secrets_in(std::filesystem::path directory);

/// What `http` may do. Nothing until hosts are allowed.
struct http_options {
  /// Where requests may go: "api.example.com", "api.example.com:8443", "*.example.com" (below it,
  /// not itself), "*" (anywhere), and addresses: "10.0.0.5", "127.0.0.1:8080", "10.1.0.0/16:8080",
  /// "[fd00::/8]". Without a port: those of http and https, 80 and 443. A name is reached at public
  /// addresses only, and at those that are allowed here as addresses with the port.
  std::vector<std::string> allow_hosts = {};
  /// PEM: who may sign the certificates of servers; empty: whom the system trusts.
  std::filesystem::path cacert = {};
  /// Of one attempt; an action's `timeout_seconds` may be shorter. 1 ms to 1 day.
  milliseconds timeout{60'000};
  milliseconds connect_timeout{10'000};  ///< of it, until the request can be sent
  /// Of an answer's body; the rest is not read, and that is said. 1 byte to 64 MiB. In the result
  /// one byte takes up to six, and the result must fit limits::payload_bytes_max.
  std::size_t response_bytes_max = 128u << 10;
  /// Where actions' secrets are; null: there are none.
  secret_source secrets = {};
  /// What is wrong, one sentence each; empty when the options are usable. While there is one, every
  /// http action is refused with it.
  [[nodiscard]] std::vector<std::string> faults() const;
};

namespace builtin {
/// http {"method", "url", "headers"?, "body"?, "timeout_seconds"?, "secrets"?} (docs/http.md): one
/// request over a connection of its own, without redirects, proxies and cookies. Result {"status",
/// "body"}. Always blocking, and checked at submit unless `action` has its own check.
void add_http(handler_registry& registry, http_options options, action_options action = {});
}  // namespace builtin

}  // namespace tenax
