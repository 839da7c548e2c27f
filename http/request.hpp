// request.hpp - what a client sent. Depends on std only; values without thread affinity.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenax::http {

struct header {
  std::string name;  ///< in small letters where it comes from a client
  std::string value;
  bool operator==(const header&) const = default;
};
using headers = std::vector<header>;

struct request {
  std::string method;  ///< as sent; methods are case-sensitive
  std::string path;    ///< begins with '/'; still percent-encoded: "%2F" belongs to its segment
  std::string query;   ///< what follows '?', still encoded
  http::headers headers;
  std::string body;
  bool http_1_0 = false;
  bool keep_alive = true;  ///< the client wants to go on after this one

  std::string remote;    ///< the client's address without its port; "unix" for a Unix socket
  bool is_unix = false;  ///< came over the Unix socket: whoever may open its file
  std::string id;        ///< the client's X-Request-Id if that is sane, else a new one

  /// What the route's {names} stood for, decoded (router.hpp).
  std::vector<std::pair<std::string, std::string>> params;

  /// The first header of a name that is given in small letters.
  [[nodiscard]] std::optional<std::string_view> find_header(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, &header::name);
    if (found == headers.end()) return std::nullopt;
    return found->value;
  }
  /// What the route's {name} stood for; "" if the route has no such name.
  [[nodiscard]] std::string_view param(std::string_view name) const {
    const auto found = std::ranges::find(
        params, name, [](auto& p) -> auto& { return p.first; });
    return found == params.end() ? std::string_view() : std::string_view(found->second);
  }
};

}  // namespace tenax::http
