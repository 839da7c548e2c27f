// exception_text.hpp - what an exception says. Depends on std only. Thread safe.
#pragma once

#include <exception>
#include <string>

namespace tenax::model {

/// The words of the exception that is being handled; to be called in a catch block. An exception of
/// a host's own may have none (`what()` null).
[[nodiscard]] inline std::string exception_text() {
  try {
    throw;
  } catch (const std::exception& e) {
    const char* const words = e.what();
    return words != nullptr ? words : "an exception without words";
  } catch (...) {
    return "something that is no std::exception";
  }
}

}  // namespace tenax::model
