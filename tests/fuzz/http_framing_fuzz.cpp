// Any bytes as a connection's requests: framing never crashes, its verdict does not depend on how
// the bytes were split, and what it lets through is what HTTP's servers and proxies agree on.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/framing.hpp"
#include "http/origin.hpp"
#include "http/response.hpp"
#include "http/text.hpp"
#include "http/uri.hpp"

namespace {

using namespace tenax::http;

constexpr framing_limits limits{.head_bytes_max = 512, .headers_max = 8, .body_bytes_max = 64};

void require(bool condition) {
  if (!condition) std::abort();
}

struct verdict {
  std::vector<request> requests{};
  int refused = 0;
  std::string_view reason{};
};

verdict frame(std::string_view bytes, std::size_t step) {
  verdict v;
  framer f(limits);
  while (!bytes.empty()) {
    auto part = bytes.substr(0, step);
    bytes.remove_prefix(part.size());
    for (bool again = true; again;) {
      const auto before = part.size();
      const auto done = f.next(part);
      require(part.size() <= before);
      if (done == framer::step::refused) {
        v.refused = f.refusal().status;
        v.reason = f.refusal().reason;
        return v;
      }
      if (done == framer::step::complete) v.requests.push_back(f.take());
      require(done != framer::step::more || part.empty());
      again = done == framer::step::head || !part.empty();
    }
  }
  return v;
}

void check_request(const request& r) {
  require(!r.method.empty() && std::ranges::none_of(r.method, is_control));
  require(r.path.starts_with('/'));
  require(is_origin_form(r.query.empty() ? r.path : r.path + "?" + r.query));
  require(percent_decode(r.path).find('\0') == std::string::npos);
  require(r.headers.size() <= limits.headers_max);
  require(r.body.size() <= limits.body_bytes_max);
  for (const auto& [name, value] : r.headers) {
    require(!name.empty() && name == to_lower(name));
    require(name.find_first_of(" \t:\r\n") == std::string::npos);
    require(std::ranges::none_of(value, is_control));
  }
  const auto count = [&](const char* name) {
    return std::ranges::count(r.headers, name, &header::name);
  };
  require(count("transfer-encoding") == 0);
  require(count("host") == 1 || (r.http_1_0 && count("host") == 0));
  require(count("content-length") <= 1);
  if (const auto length = r.find_header("content-length")) {
    require(!length->empty() && std::ranges::all_of(*length, is_digit));
    require(std::stoul(std::string(*length)) == r.body.size());
  } else {
    require(r.body.empty());
  }
  (void)check_origin(r, {});
  (void)path_segments(r.path);
  for (const auto& [name, value] : parse_query(r.query)) {
    require(percent_decode(percent_encode(value)) == value);
  }
}

/// Whatever an application puts into a header stays in it.
void check_response(std::string_view text) {
  const auto lines = [](std::string_view head) { return std::ranges::count(head, '\n'); };
  const response plain{200, {{"a", "b"}}, {}};
  const response odd{200, {{std::string(text), std::string(text)}}, {}};
  require(lines(format_head(odd, {})) == lines(format_head(plain, {})));
  const auto event = format_event({.id = text, .name = text, .data = "x"});
  require(lines(event) <= 4);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = frame(bytes, std::max<std::size_t>(size, 1));
  for (const auto& r : whole.requests) check_request(r);
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, 1 + size / 2}) {
    const auto split = frame(bytes, step);
    require(split.refused == whole.refused && split.reason == whole.reason);
    require(split.requests.size() == whole.requests.size());
    for (std::size_t i = 0; i < split.requests.size(); ++i) {
      require(split.requests[i].headers == whole.requests[i].headers);
      require(split.requests[i].body == whole.requests[i].body);
    }
  }
  check_response(bytes);
  return 0;
}
