#include "node/api/gate.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "http/text.hpp"
#include "node/api/problems.hpp"

namespace tenax::api {

namespace {

/// RFC 6750: the code is missing if there was no token at all.
http::response unauthorized(const http::request& head, std::string_view why,
                            std::string_view code) {
  auto r = refusal(401, why, head);
  std::string challenge = "Bearer realm=\"tenax\"";
  if (!code.empty()) challenge += ", error=\"" + std::string(code) + "\"";
  r.headers.push_back({"WWW-Authenticate", std::move(challenge)});
  return r;
}

http::response forbidden(const http::request& head, const token_entry& who, scope needs) {
  const std::string name(to_string(needs));
  auto r = refusal_with(
      403, "this needs the scope " + name + "; the token " + who.id + " has " + who.scopes.text(),
      head, {{"missing_scope", name}});
  r.headers.push_back(
      {"WWW-Authenticate",
       "Bearer realm=\"tenax\", error=\"insufficient_scope\", scope=\"" + name + "\""});
  return r;
}

/// Nobody's megabytes are read for what anybody may ask.
bool has_body(const http::request& head) {
  const auto length = head.find_header("content-length").value_or("0");
  return length.find_first_not_of('0') != std::string_view::npos;
}

wall_time now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

std::optional<http::response> refuse_at_sight(const http::request& head) {
  if ((head.method == "GET" || head.method == "HEAD") && has_body(head)) {
    return refusal(413, "this takes no body", head);
  }
  const auto site = head.find_header("sec-fetch-site").value_or("none");
  if (site == "none" || site == "same-origin") return std::nullopt;
  const bool has_data = head.path.starts_with("/v1") || head.path.starts_with("/metrics");
  const bool is_link = head.find_header("sec-fetch-mode").value_or("") == "navigate";
  if (is_link && !has_data) return std::nullopt;
  return refusal(403, "a page of another site asks for this", head);
}

result<void> gate::load() {
  if (is_open()) return {};
  auto read = token_table::load(file_);
  if (!read) return read.error();
  auto made = std::make_shared<const token_table>(std::move(*read));
  const std::lock_guard lock(mutex_);
  table_.swap(made);
  return {};
}

std::shared_ptr<const token_table> gate::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

/// What a request says of itself.
struct gate::shown {
  bool any = false;     ///< there is the header
  bool bearer = false;  ///< with a token of whatever kind
  token_table::verdict found{};
  std::shared_ptr<const token_table> table{};  ///< `found` points into it
};

gate::shown gate::look(const http::request& head) const {
  constexpr std::string_view scheme = "bearer ";
  shown out;
  const auto given = head.find_header("authorization");
  out.any = given.has_value();
  out.bearer = given && http::equals_ignoring_case(given->substr(0, scheme.size()), scheme);
  if (!out.bearer) return out;
  auto token = given->substr(scheme.size());
  token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
  out.table = table();
  out.found = out.table->check(token, now());
  return out;
}

std::optional<http::response> gate::refusal_of(const http::request& head, const shown& token,
                                               std::optional<scope> needs) {
  if (head.is_unix || needs == scope::nothing) return std::nullopt;
  if (!token.any) {
    return unauthorized(head, "this needs a token, as the header Authorization: Bearer tnx_...",
                        {});
  }
  if (!token.bearer) {
    return unauthorized(head, "the header Authorization must be Bearer and a token",
                        "invalid_request");
  }
  const auto& [who, why] = token.found;
  if (who == nullptr) return unauthorized(head, why, "invalid_token");
  if (needs && !who->scopes.allows(*needs)) return forbidden(head, *who, *needs);
  return std::nullopt;
}

gate::visit gate::admit(const http::request& head, std::optional<scope> needs) const {
  if (is_open()) return {};
  const auto token = look(head);
  return {refusal_of(head, token, needs), token.found.who == nullptr ? "" : token.found.who->name};
}

}  // namespace tenax::api
