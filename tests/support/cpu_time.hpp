// cpu_time.hpp - what a test measures instead of time. Depends on std only.
#pragma once

#include <ctime>

namespace tenax::support {

/// Of this process.
inline double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

}  // namespace tenax::support
