// base64.hpp - RFC 4648 section 4, with padding. Depends on std only. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tenax::model {

[[nodiscard]] std::string encode_base64(std::string_view bytes);
/// Nothing if the text is not what encode_base64 makes.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace tenax::model
