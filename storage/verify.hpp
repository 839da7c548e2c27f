// verify.hpp - checks a whole store against the invariants I5, I6, I8-I10, I12-I14, I16 of
// docs/guarantees.md, by replaying every history.
// Depends on include/tenax, model and storage interfaces. Reads one snapshot; holds one workflow in
// memory at a time.
#pragma once

#include "storage/store.hpp"
#include "tenax/engine.hpp"

namespace tenax::storage {

/// `source` must be a store of this folder (error invalid_argument otherwise). Rows that cannot be
/// decoded are findings ("records"), not errors; corrupt and storage_unavailable mean that the
/// database itself cannot be read. A reading store must not be refreshed meanwhile.
[[nodiscard]] result<verify_report> verify_store(const read_store& source);

}  // namespace tenax::storage
