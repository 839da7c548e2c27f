// Any text as a host that is allowed, and after a line end any bytes as the input of an http
// action: what has no fault keeps to what is allowed, and is one request.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/text.hpp"
#include "node/http_action/request.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenax;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(all.find('\n'), all.size());
  std::vector<std::string> faults;
  const http_action::allowed_hosts hosts({std::string(all.substr(0, end))}, &faults);
  const auto input = all.substr(std::min(end + 1, all.size()));
  http_action::request asked(input, input, {hosts, milliseconds{60'000}, true});
  if (asked.is_faulty()) {
    for (const auto& f : asked.take_faults()) require(!f.message.empty());
    return 0;
  }
  require(faults.empty() && hosts.has(asked.target()));
  http_action::secret_texts secrets;
  for (const auto& name : asked.secrets())
    (void)secrets.add(
        name, [](const std::string&) { return result<std::string>(std::string("/../@\r\n%#?")); });
  const auto url = asked.url(secrets);
  if (!url) return 0;
  require(curl::part_of(url.get(), CURLUPART_HOST) == asked.target().host);
  require(curl::part_of(url.get(), CURLUPART_USER).empty());
  for (const auto& [name, value] : asked.headers({}, {})) {
    require(!name.empty() && std::ranges::none_of(name, http::is_control));
    require(std::ranges::none_of(value, http::is_control));
  }
  (void)asked.body(secrets);
  return 0;
}
