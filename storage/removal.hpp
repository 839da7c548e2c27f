// removal.hpp - how a finished workflow leaves the store.
// Depends on storage/rows.hpp, storage/store.hpp. Thread safe.
#pragma once

#include "storage/rows.hpp"
#include "storage/store.hpp"

namespace tenax::storage {

/// Appends to `out` the removal of a finished workflow, whole: its rows, its entries in the
/// indexes, its place in the totals. It has no due entries any more. Nobody may write the workflow
/// until `out` is durable. Returns how many bytes were read for it. `rows` are those of a moment
/// since when nobody has written it; cheap where it follows the last one that they were asked for.
[[nodiscard]] result<std::size_t> encode_removal(const row_snapshot& rows, const ended_entry& entry,
                                                 write_batch& out);
/// The end of the rows that removing these workflows reads.
[[nodiscard]] std::string removal_end(const std::vector<ended_entry>& entries);

}  // namespace tenax::storage
