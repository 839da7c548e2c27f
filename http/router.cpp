#include "http/router.hpp"

#include <algorithm>
#include <utility>

#include "http/uri.hpp"

namespace tenax::http {

namespace {

bool is_name(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  return std::ranges::equal(pattern, path, [](std::string_view wanted, std::string_view given) {
    return is_name(wanted) ? !given.empty() : wanted == percent_decode(given);
  });
}

}  // namespace

void router::add(std::string method, std::string_view pattern, handler h, guard g) {
  route made{std::move(method), {}, {}, std::move(h), std::move(g)};
  for (const auto segment : path_segments(pattern)) {
    made.segments.emplace_back(segment);
    made.order += is_name(segment) ? '1' : '0';
  }
  const auto at = std::ranges::upper_bound(routes_, made.order, {}, &route::order);
  routes_.insert(at, std::move(made));
}

void router::set_refusal(std::function<response(int, std::string_view, const request&)> make) {
  refusal_ = std::move(make);
}

const router::route* router::find(const request& r,
                                  const std::vector<std::string_view>& segments) const {
  const std::string_view method = r.method == "HEAD" ? "GET" : std::string_view(r.method);
  const auto found = std::ranges::find_if(routes_, [&](const route& at) {
    return at.method == method && matches(at.segments, segments);
  });
  return found == routes_.end() ? nullptr : &*found;
}

void router::operator()(request r, responder answer) const {
  const auto segments = path_segments(r.path);
  if (const auto* const route = find(r, segments)) {
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const std::string_view name = route->segments[i];
      if (is_name(name)) {
        r.params.emplace_back(name.substr(1, name.size() - 2), percent_decode(segments[i]));
      }
    }
    return route->call(std::move(r), std::move(answer));
  }
  std::string allowed;
  for (const auto& route : routes_) {
    if (!matches(route.segments, segments)) continue;
    const auto also = route.method == "GET" ? "GET, HEAD, " : route.method + ", ";
    if (allowed.find(also) == std::string::npos) allowed += also;
  }
  if (allowed.empty()) {
    answer.send(refuse(404, "there is nothing at this path", r));
    return;
  }
  auto refused = r.method == "OPTIONS" ? response{204, {}, {}}
                                       : refuse(405, "the path does not have this method", r);
  refused.headers.push_back({"Allow", allowed + "OPTIONS"});
  answer.send(std::move(refused));
}

std::optional<response> router::admit(const request& r) const {
  const auto* const route = find(r, path_segments(r.path));
  const auto& asked = route == nullptr ? guard_ : route->admits;
  return asked ? asked(r) : std::nullopt;
}

response router::refuse(int status, std::string_view reason, const request& r) const {
  return refusal_ ? refusal_(status, reason, r) : problem_response(status, reason);
}

}  // namespace tenax::http
