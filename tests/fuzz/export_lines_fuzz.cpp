// Any bytes as a line of an export: reading never crashes, and what it accepts is printed and read
// back as the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "model/documents/export_lines.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenax;
  const auto line = model::parse_export_line({reinterpret_cast<const char*>(data), size}, limits{});
  if (!line) {
    if (line.error().message().empty()) std::abort();
    return 0;
  }
  const auto text = model::print_export_line(*line);
  const auto again = model::parse_export_line(text, limits{});
  if (!again || *again != *line || model::print_export_line(*again) != text) std::abort();
  return 0;
}
