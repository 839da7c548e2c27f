// standard_descriptors.hpp - keeps the files of a data directory off the numbers that everybody
// prints to. Depends on POSIX only. Thread safe.
#pragma once

#include "tenax/result.hpp"

namespace tenax::storage {

/// Opens /dev/null, for good, on those of the descriptors 0 to 2 that are closed: else the next
/// file of the database would get one of them, and what anyone writes to stdout or stderr would go
/// into it. Error data_dir_unusable: one is closed and there is no /dev/null.
[[nodiscard]] result<void> hold_standard_descriptors();

}  // namespace tenax::storage
