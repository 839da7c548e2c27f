// assert.hpp - checks of our own invariants; they stay on in release builds. Operating errors are
// never asserted.
#pragma once

#include <cstdio>
#include <cstdlib>

#define TENAX_ASSERT(condition, message)                                                       \
  do {                                                                                         \
    if (!(condition)) [[unlikely]] {                                                           \
      std::fprintf(stderr, "tenax: broken invariant: %s (%s) at %s:%d\n", message, #condition, \
                   __FILE__, __LINE__);                                                        \
      std::abort();                                                                            \
    }                                                                                          \
  } while (false)
