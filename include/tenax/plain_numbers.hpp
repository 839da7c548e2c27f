// plain_numbers.hpp - numbers as JSON has them, whatever the locale of the host. Depends on std
// only.
#pragma once

namespace tenax {

/// While it lives, its thread reads and prints numbers as in the "C" locale: strtod, printf, and
/// the JSON libraries that call them. Other threads see nothing of it, nor do C++ streams. On one
/// thread: destroyed in the reverse order, as on a stack. Costs some nanoseconds.
class plain_numbers {
 public:
  plain_numbers() noexcept;
  ~plain_numbers();
  plain_numbers(const plain_numbers&) = delete;
  plain_numbers& operator=(const plain_numbers&) = delete;

 private:
  void* before_;
};

}  // namespace tenax
