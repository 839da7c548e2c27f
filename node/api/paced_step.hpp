// paced_step.hpp - how many events of a history to read at once. Depends on std only. Value type.
#pragma once

#include <algorithm>
#include <cstddef>

namespace tenax::api {

/// Each may hold a megabyte: few until they are known to be small.
class paced_step {
 public:
  [[nodiscard]] std::size_t events() const noexcept { return events_; }
  void took(std::size_t bytes) noexcept {
    constexpr std::size_t bytes_wanted = 256 * 1024;
    constexpr std::size_t events_max = 64;
    events_ = bytes < bytes_wanted / 2 ? std::min(2 * events_, events_max)
                                       : std::max<std::size_t>(1, events_ / 2);
  }

 private:
  std::size_t events_ = 2;
};

}  // namespace tenax::api
