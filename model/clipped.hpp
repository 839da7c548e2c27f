// clipped.hpp - texts that must not be longer than so many bytes. Depends on std only.
#pragma once

#include <cstddef>
#include <string>

namespace tenax::model {

/// At most so many bytes, whole characters of UTF-8.
[[nodiscard]] inline std::string clipped(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace tenax::model
