#include "node/api/problems.hpp"

#include "http/text.hpp"
#include "model/documents/json_writer.hpp"

namespace tenax::api {

namespace {

constexpr std::string_view problem_type = "urn:tenax:error:";
constexpr std::string_view content_type = "application/problem+json";

std::string_view name_of(error_class c) noexcept {
  switch (c) {
    case error_class::rejected:
      return "rejected";
    case error_class::unknown:
      return "unknown";
    case error_class::fatal:
      return "fatal";
  }
  return "unknown";
}

std::string_view advice_of(const error& e) noexcept {
  if (e.kind() == error_class::unknown) {
    return "nobody knows whether it happened: repeat it with the same id";
  }
  if (e.code() == errc::overloaded) return "nothing happened: try again later";
  return {};
}

}  // namespace

int status_of(errc code) noexcept {
  switch (code) {
    case errc::invalid_spec:
      return 422;
    case errc::invalid_argument:
      return 400;
    case errc::not_found:
      return 404;
    case errc::conflict:
    case errc::wrong_state:
    case errc::lease_lost:
      return 409;
    case errc::overloaded:
      return 429;
    case errc::closing:
    case errc::stopped:
    case errc::timed_out:
    case errc::storage_unavailable:
    case errc::data_dir_locked:
    case errc::unreachable:
      return 503;
    case errc::data_dir_unusable:
    case errc::format_too_new:
    case errc::corrupt:
      return 500;
  }
  return 500;
}

std::string problem_text(const error& e, std::string_view request_id) {
  std::string text;
  model::json_writer out(text);
  out.begin_object();
  out.string("type", std::string(problem_type) + std::string(to_string(e.code())));
  out.string("title", describe(e.code()));
  out.number("status", status_of(e.code()));
  out.string("code", to_string(e.code()));
  out.string("class", name_of(e.kind()));
  out.string("detail", e.message().empty() ? describe(e.code()) : e.message());
  out.optional_string("advice", advice_of(e));
  if (!e.faults().empty()) {
    out.begin_array("faults");
    for (const auto& f : e.faults()) {
      out.begin_object();
      out.string("path", f.path);
      out.string("message", f.message);
      if (f.count != 1) out.number("count", f.count);
      out.end_object();
    }
    out.end_array();
  }
  out.optional_string("request_id", request_id);
  out.end_object();
  return text;
}

http::response problem(const error& e, std::string_view request_id) {
  http::response r{status_of(e.code()), {{"Content-Type", std::string(content_type)}}, {}};
  if (e.code() == errc::overloaded) r.headers.push_back({"Retry-After", "1"});
  r.body = problem_text(e, request_id) + "\n";
  return r;
}

http::response refusal(int status, std::string_view reason, const http::request& of) {
  return refusal_with(status, reason, of, {});
}

http::response refusal_with(int status, std::string_view reason, const http::request& of,
                            const std::vector<std::pair<std::string_view, std::string>>& more) {
  // 404 is not about a workflow here.
  auto code = status == 404 ? "no_such_path" : http::to_lower(http::reason_phrase(status));
  for (char& c : code) {
    if (!http::is_alnum(c)) c = '_';
  }
  http::response r{status, {{"Content-Type", std::string(content_type)}}, {}};
  model::json_writer out(r.body);
  out.begin_object();
  out.string("type", std::string(problem_type) + code);
  out.string("title", http::reason_phrase(status));
  out.number("status", status);
  out.string("code", code);
  out.string("class", "rejected");
  out.string("detail", reason);
  for (const auto& [name, value] : more) out.string(name, value);
  out.optional_string("request_id", of.id);
  out.end_object();
  r.body += '\n';
  return r;
}

}  // namespace tenax::api
