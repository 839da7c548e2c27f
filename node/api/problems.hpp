// problems.hpp - errors as application/problem+json (RFC 9457). Depends on include/tenax, http and
// model/documents only. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/request.hpp"
#include "http/response.hpp"
#include "tenax/result.hpp"

namespace tenax::api {

/// The status that an error is answered with: the one table of them.
[[nodiscard]] int status_of(errc code) noexcept;

/// {"type","title","status","code","class","detail","advice"?,"faults"?,"request_id"?} on one line.
[[nodiscard]] std::string problem_text(const error& e, std::string_view request_id = {});
[[nodiscard]] http::response problem(const error& e, std::string_view request_id);

/// The same of what http/ refuses: the code is the status's name.
[[nodiscard]] http::response refusal(int status, std::string_view reason, const http::request& of);
/// With more members, of text.
[[nodiscard]] http::response refusal_with(
    int status, std::string_view reason, const http::request& of,
    const std::vector<std::pair<std::string_view, std::string>>& more);

}  // namespace tenax::api
