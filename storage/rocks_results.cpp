#include "storage/rocks_results.hpp"

#include <utility>

#include "storage/keys.hpp"
#include "storage/records.hpp"
#include "storage/rocks_options.hpp"
#include "storage/slices.hpp"

namespace tenax::storage {

namespace {

/// Events between two results up to which the rows between them are gone through: each row holds at
/// least one, and reading a small one costs about a fifth of a search.
constexpr std::uint64_t near_events = 8;

}  // namespace

rocks_results::rocks_results(rocksdb::DB& db, std::string_view id) : db_(db), id_(id) {
  keys::workflow_from(begin_, id, keys::record_tag::history);
  keys::workflow_end(end_, id);
  lower_ = slice(begin_);
  upper_ = slice(end_);
}

result<std::string> rocks_results::next(std::uint64_t seq) {
  if (!holds(seq)) {
    auto found = step_to(seq);
    if (found && !*found) found = search(seq);
    // What was written after the iterator was made is not in it.
    if (found && !*found) found = search_anew(seq);
    if (!found) {
      events_.clear();
      it_.reset();  // its status would stay
      return found.error();
    }
    if (!*found) return missing(seq);
  }
  auto& event = events_[seq - first_].event;
  if (event.kind != model::event_kind::action_completed &&
      event.kind != model::event_kind::signal_received &&
      event.kind != model::event_kind::input_changed) {
    return missing(seq);
  }
  return event.text;
}

result<bool> rocks_results::step_to(std::uint64_t seq) {
  if (!it_ || events_.empty()) return false;
  const std::uint64_t after = first_ + events_.size();
  if (seq < after || seq - after > near_events) return false;
  while (it_->Valid()) {
    it_->Next();
    if (!it_->Valid()) break;
    const auto at = keys::decode_workflow(view(it_->key()));
    if (!at) return records::corrupt_at(view(it_->key()), "no such row in a workflow");
    if (at->number > seq) break;
    // A large row on the way is dearer to read than to search past.
    if (at->number != seq && it_->value().size() > records::history_row_bytes) break;
    if (auto read = read_row(); !read) return read.error();
    if (holds(seq)) return true;
  }
  return false;
}

result<bool> rocks_results::search(std::uint64_t seq) {
  if (!it_) return false;
  ++spent_.searches;
  events_.clear();
  std::string key;
  keys::history(key, id_, seq);
  it_->SeekForPrev(slice(key));
  if (!it_->Valid()) {
    if (!it_->status().ok()) return read_error(it_->status());
    return false;
  }
  if (auto read = read_row(); !read) return read.error();
  return holds(seq);
}

result<bool> rocks_results::search_anew(std::uint64_t seq) {
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower_;
  options.iterate_upper_bound = &upper_;
  it_.reset(db_.NewIterator(options));
  return search(seq);
}

result<void> rocks_results::read_row() {
  events_.clear();
  ++spent_.rows;
  const auto key = view(it_->key());
  const auto at = keys::decode_workflow(key);
  if (!at) return records::corrupt_at(key, "no such row in a workflow");
  auto row = records::decode_history(key, at->number, view(it_->value()), events_);
  if (!row) {
    events_.clear();
    return row;
  }
  first_ = at->number;
  return {};
}

error rocks_results::missing(std::uint64_t seq) const {
  std::string key;
  keys::state(key, id_);
  rocksdb::PinnableSlice value;
  const auto status =
      db_.Get(rocksdb::ReadOptions(), db_.DefaultColumnFamily(), slice(key), &value);
  // Retention has just removed it.
  if (status.IsNotFound()) return {errc::not_found, "no workflow " + id_};
  keys::history(key, id_, seq);
  return records::corrupt_at(key, "no history row holds this result");
}

}  // namespace tenax::storage
