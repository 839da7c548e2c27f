// support.hpp - what the tests of the action type http share. Depends on std only.
#pragma once

#include <string_view>

namespace http_action_test {

inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace http_action_test
