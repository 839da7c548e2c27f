#include "storage/index_stream.hpp"

#include <utility>

#include "storage/rocks_options.hpp"
#include "storage/slices.hpp"

namespace tenax::storage {

namespace {

/// Deleted entries that are passed before anybody asks whether there is a gap: 0.2 ms.
constexpr std::uint64_t skipped_at_once = 1'000;

}  // namespace

index_stream::index_stream(rocksdb::DB& db, scan_gaps::scan& gaps, std::string begin,
                           std::string end, how what)
    : db_(db),
      gaps_(gaps),
      how_(what),
      begin_(std::move(begin)),
      end_(std::move(end)),
      lower_(slice(begin_)),
      upper_(slice(end_)),
      passed_from_(how_.newest_first ? end_ : begin_) {
  open(skipped_at_once);
  if (how_.newest_first) {
    it_->SeekToLast();
  } else {
    it_->SeekToFirst();
  }
  settle();
}

void index_stream::open(std::uint64_t skip_max) {
  rocksdb::ReadOptions options;
  options.snapshot = how_.snapshot;
  options.iterate_lower_bound = &lower_;
  options.iterate_upper_bound = &upper_;
  options.max_skippable_internal_keys = skip_max;
  it_.reset(db_.NewIterator(options));
}

void index_stream::seek(const std::string& key) {
  if (how_.newest_first) {
    it_->SeekForPrev(slice(key));
  } else {
    it_->Seek(slice(key));
  }
}

/// RocksDB has stopped among deleted entries, or at one that is there, or at the end.
void index_stream::settle() {
  std::uint64_t passed = 0;
  std::string stopped_at;
  for (std::string at; !it_->Valid() && it_->status().IsIncomplete();) {
    if (!it_->GetProperty("rocksdb.iterator.internal-key", &at).ok()) return;
    passed += skipped_at_once;
    if (at == stopped_at) {  // so many versions of one row
      open(0);
      seek(at);
      continue;
    }
    stopped_at = at;
    if (const auto gap = gaps_.find(at, how_.seq)) {
      at = how_.newest_first ? gap->first : gap->second;
    }
    seek(at);
  }
  if (passed == 0) return;
  // As far as it stopped, not to the next entry: at the end of an index new ones come in between.
  if (how_.newest_first) {
    gaps_.found(stopped_at + '\0', passed_from_, how_.seq, passed);
  } else {
    gaps_.found(passed_from_, stopped_at, how_.seq, passed);
  }
}

void index_stream::next() {
  passed_from_ = it_->key().ToString();
  if (how_.newest_first) {
    it_->Prev();
  } else {
    passed_from_.push_back('\0');
    it_->Next();
  }
  settle();
}

std::string_view index_stream::key() const { return view(it_->key()); }
std::string_view index_stream::value() const { return view(it_->value()); }

result<void> index_stream::status() const {
  return it_->status().ok() ? result<void>() : read_error(it_->status());
}

}  // namespace tenax::storage
