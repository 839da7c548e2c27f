// router.hpp - which handler a path has. Depends on std only. Filled before its first use, then
// only read: from any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/server.hpp"

namespace tenax::http {

/// A table of routes that is itself a handler. A path without a route is answered 404, a method
/// that the path's routes do not have 405 with Allow; HEAD is answered by GET's handler without the
/// body, OPTIONS by 204 with Allow. A literal segment goes before a {name}.
class router {
 public:
  /// Looks at a request before its body is read: nothing, or the answer that refuses it.
  using guard = std::function<std::optional<response>(const request&)>;

  /// `pattern`: "/v1/workflows/{id}"; a {name} is one whole segment, not empty; the handler finds
  /// it decoded in request::params.
  void add(std::string method, std::string_view pattern, handler h, guard g = {});
  /// Makes the answers 404 and 405; empty: problem_response. As options::refusal.
  void set_refusal(std::function<response(int, std::string_view, const request&)> make);

  /// Of what has no route.
  void set_guard(guard g) { guard_ = std::move(g); }

  void operator()(request r, responder answer) const;
  /// For options::admit: what the guard of the request's route says.
  [[nodiscard]] std::optional<response> admit(const request& r) const;

 private:
  struct route {
    std::string method;
    std::vector<std::string> segments;  ///< "{name}" or literal
    std::string order;                  ///< '0' for each literal, '1' for each name
    handler call;
    guard admits;
  };
  [[nodiscard]] const route* find(const request& r,
                                  const std::vector<std::string_view>& segments) const;
  [[nodiscard]] response refuse(int status, std::string_view reason, const request& r) const;

  std::vector<route> routes_;
  std::function<response(int, std::string_view, const request&)> refusal_;
  guard guard_;
};

}  // namespace tenax::http
