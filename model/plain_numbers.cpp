#include "tenax/plain_numbers.hpp"

#include <locale.h>

namespace tenax {

namespace {

// Made once and never freed: a thread may have it when the program ends. If there is no memory for
// it, numbers are read as the host has them.
locale_t c_locale() noexcept {
  static const locale_t made = ::newlocale(LC_ALL_MASK, "C", static_cast<locale_t>(nullptr));
  return made;
}

}  // namespace

plain_numbers::plain_numbers() noexcept : before_(::uselocale(c_locale())) {}

plain_numbers::~plain_numbers() { ::uselocale(static_cast<locale_t>(before_)); }

}  // namespace tenax
