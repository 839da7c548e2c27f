// Any bytes as a file of settings: it is read or refused with a place, and never crashes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "node/config_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto given = tenax::node::parse_config(text, "f");
  if (!given && !given.error().message().starts_with("f:")) std::abort();
  if (!given) return 0;
  for (const auto& v : *given)
    if (!v.is_list && v.words.size() != 1) std::abort();
  return 0;
}
