#include "storage/removal.hpp"

#include <algorithm>

#include "model/assert.hpp"
#include "storage/keys.hpp"
#include "storage/records.hpp"

namespace tenax::storage {

result<std::size_t> encode_removal(const row_snapshot& rows, const ended_entry& entry,
                                   write_batch& out) {
  TENAX_ASSERT(!is_open(entry.listed_as), "only finished workflows are removed");
  std::string begin;
  std::string end;
  keys::workflow_from(begin, entry.workflow_id, keys::record_tag::state);
  keys::workflow_end(end, entry.workflow_id);
  // Apart from `out` until all of it is there: half a removal must not be written.
  write_batch mine;
  // One delete a row: range tombstones in the memtable would slow down every read of the engine.
  std::size_t bytes = 0;
  std::string reference;
  auto seen = rows.each(begin, end, [&](std::string_view key, std::string_view value) {
    bytes += key.size() + value.size();
    mine.remove(key);
    const auto at = keys::decode_workflow(key);
    if (at && at->tag == keys::record_tag::definition) {
      auto head = records::decode_spec_head(key, entry.workflow_id, value);
      if (head) reference = std::move(head->reference);
    }
    return true;
  });
  if (!seen) return seen.error();
  std::string key;
  if (!reference.empty()) {
    keys::reference(key, keys::reference_hash(reference), entry.created_at_ms, entry.workflow_id);
    mine.remove(key);
  }
  keys::listing(key, entry.listed_as, entry.created_at_ms, entry.workflow_id);
  mine.remove(key);
  keys::ended(key, entry);
  mine.remove(key);
  ++mine.delta.removed;
  switch (entry.listed_as) {
    case model::index_class::completed:
      --mine.delta.completed;
      break;
    case model::index_class::failed:
      --mine.delta.failed;
      break;
    case model::index_class::cancelled:
      --mine.delta.cancelled;
      break;
    case model::index_class::active:
    case model::index_class::parked:
      break;
  }
  out.append(mine);
  return bytes;
}

std::string removal_end(const std::vector<ended_entry>& entries) {
  std::string last;
  std::string end;
  for (const auto& entry : entries) {
    keys::workflow_end(end, entry.workflow_id);
    last = std::max(last, end);
  }
  return last;
}

}  // namespace tenax::storage
