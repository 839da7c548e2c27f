// uri.hpp - paths and queries in their percent-encoding. Pure; depends on std only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenax::http {

/// Whether a request's target is in origin-form ("/path?query"): visible ASCII without '#', each
/// '%' with two hex digits after it, no encoded NUL.
[[nodiscard]] bool is_origin_form(std::string_view target) noexcept;

/// Decodes %XX, and '+' as a space if asked to; a '%' without two hex digits stays as it is.
[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_space = false);
/// Encodes all but letters, digits and "-._~": one segment of a path, or a value of a query.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// "a=1&b&a=2", decoded, in order; a name without '=' has the value "".
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);
/// The first value of a name in a query.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name);

/// "localhost", "[::1]" and 127.x.x.x, as hosts stand in URLs.
[[nodiscard]] bool is_loopback_host(const std::string& host);

/// "/a/b" is "a", "b"; "/" is one empty segment. Still encoded.
[[nodiscard]] std::vector<std::string_view> path_segments(std::string_view path);

}  // namespace tenax::http
