// removal.hpp - how a finished workflow leaves the store.
// Depends on storage/store.hpp only. Thread safe.
#pragma once

#include "storage/store.hpp"

namespace tenax::storage {

/// Appends to `out` the removal of a finished workflow, whole: its rows, its listing entry, its
/// place in the totals. It has no due entries any more. Nobody may write the workflow until `out`
/// is durable. Returns how many bytes were read for it.
[[nodiscard]] result<std::size_t> encode_removal(const read_store& store, const list_entry& entry,
                                                 write_batch& out);

}  // namespace tenax::storage
