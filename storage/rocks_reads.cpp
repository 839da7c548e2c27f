#include "storage/rocks_reads.hpp"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "storage/index_stream.hpp"
#include "storage/keys.hpp"
#include "storage/meta_names.hpp"
#include "storage/records.hpp"
#include "storage/rocks_options.hpp"
#include "storage/rocks_results.hpp"
#include "storage/slices.hpp"

namespace tenax::storage {

namespace {

error not_found(std::string_view id) { return {errc::not_found, "no workflow " + std::string(id)}; }

class rocks_snapshot final : public row_snapshot {
 public:
  rocks_snapshot(rocksdb::DB& db, std::string end, bool with_snapshot)
      : db_(db),
        snapshot_(with_snapshot ? db.GetSnapshot() : nullptr),
        end_(std::move(end)),
        upper_(slice(end_)) {}
  ~rocks_snapshot() override {
    it_.reset();
    if (snapshot_ != nullptr) db_.ReleaseSnapshot(snapshot_);
  }
  rocks_snapshot(const rocks_snapshot&) = delete;
  rocks_snapshot& operator=(const rocks_snapshot&) = delete;

  [[nodiscard]] result<void> each(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    const auto passed = std::exchange(passed_, {});
    if (!it_) {
      auto options = read_options();
      options.fill_cache = false;  // one pass over everything
      if (!end_.empty()) options.iterate_upper_bound = &upper_;
      it_.reset(db_.NewIterator(options));
    }
    const bool there =
        !passed.empty() && passed <= begin && (!it_->Valid() || view(it_->key()) >= begin);
    if (!there) it_->Seek(slice(begin));
    for (; it_->Valid() && (end.empty() || view(it_->key()) < end); it_->Next()) {
      if (!visit(view(it_->key()), view(it_->value()))) return {};
    }
    if (const auto status = it_->status(); !status.ok()) {
      it_.reset();
      return read_error(status);
    }
    passed_ = end;
    return {};
  }

  [[nodiscard]] result<std::optional<std::string>> get(std::string_view key) const override {
    std::string value;
    const auto status = db_.Get(read_options(), slice(key), &value);
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return read_error(status);
    return std::optional<std::string>(std::move(value));
  }

 private:
  [[nodiscard]] rocksdb::ReadOptions read_options() const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    return options;
  }
  rocksdb::DB& db_;
  const rocksdb::Snapshot* snapshot_;
  const std::string end_;
  const rocksdb::Slice upper_;
  mutable std::unique_ptr<rocksdb::Iterator> it_;
  /// No row lies from here to where it_ stands; empty: not known.
  mutable std::string passed_;
};

}  // namespace

std::unique_ptr<rocksdb::Iterator> rocks_reads::iterate(const rocksdb::Slice& lower,
                                                        const rocksdb::Slice& upper) const {
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  return std::unique_ptr<rocksdb::Iterator>(db_.NewIterator(options));
}

result<std::optional<std::string>> rocks_reads::get(std::string_view key) const {
  std::string value;
  const auto status = db_.Get(rocksdb::ReadOptions(), slice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return read_error(status);
  return std::optional<std::string>(std::move(value));
}

bool rocks_reads::exists(std::string_view id) const {
  std::string key;
  keys::state(key, id);
  rocksdb::PinnableSlice value;
  return !db_.Get(rocksdb::ReadOptions(), db_.DefaultColumnFamily(), slice(key), &value)
              .IsNotFound();
}

namespace {

/// What `load` returns, from its rows; `begin` is the key of the state.
result<loaded_workflow> assemble(std::string_view begin, records::state_record decoded,
                                 workflow_spec spec) {
  auto& state = decoded.state;
  if (state.actions.size() != decoded.action_count || spec.actions.size() != state.actions.size()) {
    return records::corrupt_at(begin, "actions are missing");
  }
  loaded_workflow out{model::compile(std::move(spec)), std::move(state)};
  const auto counts = out.state.counts;
  model::derive(*out.definition, out.state);
  if (out.state.counts != counts) {
    return records::corrupt_at(begin, "counts differ from the actions");
  }
  return out;
}

}  // namespace

/// Two look-ups, which the filters lead to the right table: a scan would unpack a block of every
/// level. A state of many pages is scanned, as of one moment.
result<loaded_workflow> rocks_reads::load(std::string_view id) const {
  std::string key;
  keys::state(key, id);
  rocksdb::PinnableSlice value;
  auto status = db_.Get(rocksdb::ReadOptions(), db_.DefaultColumnFamily(), slice(key), &value);
  if (status.IsNotFound()) return not_found(id);
  if (!status.ok()) return read_error(status);
  auto decoded = records::decode_state(key, view(value));
  if (!decoded) return decoded.error();
  if (decoded->action_count > records::page_actions) return load_pages(id);
  value.Reset();
  std::string definition_key;
  if (auto read = read_definition(id, definition_key, value); !read) return read.error();
  auto spec = records::decode_definition(definition_key, id, view(value));
  if (!spec) return spec.error();
  return assemble(key, std::move(*decoded), std::move(*spec));
}

result<loaded_workflow> rocks_reads::load_pages(std::string_view id) const {
  std::string begin;
  std::string end;
  keys::workflow_from(begin, id, keys::record_tag::state);
  keys::workflow_from(end, id, keys::load_end);
  const auto lower = slice(begin);
  const auto upper = slice(end);
  const auto it = iterate(lower, upper);
  it->SeekToFirst();
  if (!it->status().ok()) return read_error(it->status());
  if (!it->Valid()) return not_found(id);
  if (view(it->key()) != begin) return records::corrupt_at(begin, "missing");

  auto decoded = records::decode_state(begin, view(it->value()));
  if (!decoded) return decoded.error();
  auto& state = decoded->state;
  std::optional<workflow_spec> spec;
  for (it->Next(); it->Valid(); it->Next()) {
    const auto at = view(it->key());
    const auto key = keys::decode_workflow(at);
    if (!key || spec) return records::corrupt_at(at, "no such row in a workflow");
    if (key->tag == keys::record_tag::page) {
      if (key->number * records::page_actions != state.actions.size()) {
        return records::corrupt_at(at, "the page before is missing");
      }
      auto page = records::decode_page(
          at, view(it->value()), static_cast<std::uint32_t>(key->number), *decoded, state.actions);
      if (!page) return page.error();
    } else {
      auto definition = records::decode_definition(at, id, view(it->value()));
      if (!definition) return definition.error();
      spec = std::move(*definition);
    }
  }
  if (!it->status().ok()) return read_error(it->status());
  if (!spec) return records::corrupt_at(begin, "the definition is missing");
  return assemble(begin, std::move(*decoded), std::move(*spec));
}

/// The definition of a workflow whose state is there, or was when it was read.
result<void> rocks_reads::read_definition(std::string_view id, std::string& key,
                                          rocksdb::PinnableSlice& value) const {
  keys::definition(key, id);
  const auto status =
      db_.Get(rocksdb::ReadOptions(), db_.DefaultColumnFamily(), slice(key), &value);
  if (status.ok()) return {};
  if (!status.IsNotFound()) return read_error(status);
  if (!exists(id)) return not_found(id);  // retention has just removed it
  return records::corrupt_at(key, "the definition is missing");
}

result<workflow_spec> rocks_reads::load_spec(std::string_view id) const {
  std::string key;
  keys::definition(key, id);
  rocksdb::PinnableSlice value;
  const auto status =
      db_.Get(rocksdb::ReadOptions(), db_.DefaultColumnFamily(), slice(key), &value);
  if (status.IsNotFound()) return not_found(id);
  if (!status.ok()) return read_error(status);
  return records::decode_definition(key, id, view(value));
}

result<records::state_record> rocks_reads::read_state(std::string_view id, std::string& key,
                                                      rocksdb::PinnableSlice& value) const {
  keys::state(key, id);
  const auto status =
      db_.Get(rocksdb::ReadOptions(), db_.DefaultColumnFamily(), slice(key), &value);
  if (status.IsNotFound()) return not_found(id);
  if (!status.ok()) return read_error(status);
  auto state = records::decode_state(key, view(value));
  value.Reset();
  return state;
}

result<time_ms> rocks_reads::load_closed_at(std::string_view id) const {
  std::string key;
  rocksdb::PinnableSlice value;
  const auto read = read_state(id, key, value);
  if (!read) return read.error();
  return read->state.closed_at_ms;
}

result<read_store::header> rocks_reads::load_header(std::string_view id) const {
  std::string key;
  rocksdb::PinnableSlice value;
  auto state = read_state(id, key, value);
  if (!state) return state.error();
  if (auto read = read_definition(id, key, value); !read) return read.error();
  auto head = records::decode_spec_head(key, id, view(value));
  if (!head) return head.error();
  state->state.actions.clear();
  return read_store::header{std::move(state->state), std::move(*head),
                            std::move(state->failed_key)};
}

result<std::vector<read_store::stored_event>> rocks_reads::history(std::string_view id,
                                                                   std::uint64_t after,
                                                                   std::size_t limit) const {
  std::vector<read_store::stored_event> out;
  std::string begin;
  std::string end;
  std::string key;
  keys::workflow_from(begin, id, keys::record_tag::history);
  keys::workflow_end(end, id);
  const auto lower = slice(begin);
  const auto upper = slice(end);
  const auto it = iterate(lower, upper);
  // The row that holds the event after `after` begins at or before it.
  if (after == 0) {
    it->SeekToFirst();
  } else {
    const std::uint64_t wanted = after == ~std::uint64_t{0} ? after : after + 1;
    keys::history(key, id, wanted);
    it->SeekForPrev(slice(key));
    if (!it->Valid() && it->status().ok()) it->SeekToFirst();
  }
  for (; it->Valid() && out.size() < limit; it->Next()) {
    const auto at = keys::decode_workflow(view(it->key()));
    if (!at) return records::corrupt_at(view(it->key()), "no such row in a workflow");
    const std::size_t had = out.size();
    auto row = records::decode_history(view(it->key()), at->number, view(it->value()), out);
    if (!row) return row.error();
    if (had == 0) std::erase_if(out, [after](const auto& e) { return e.seq <= after; });
  }
  if (!it->status().ok()) return read_error(it->status());
  if (out.size() > limit) out.resize(limit);
  if (out.empty() && !exists(id)) return not_found(id);
  return out;
}

result<std::string> rocks_reads::load_result(std::string_view id, std::uint64_t seq) const {
  return rocks_results(db_, id).next(seq);
}

std::unique_ptr<result_cursor> rocks_reads::results_of(std::string_view id) const {
  return std::make_unique<rocks_results>(db_, id);
}

result<std::vector<due_entry>> rocks_reads::due(std::string_view from, std::string_view until,
                                                std::size_t limit, std::string& first) const {
  std::vector<due_entry> out;
  first = until;
  if (from >= until) return out;
  const auto lower = slice(from);
  const auto upper = slice(until);
  const auto it = iterate(lower, upper);
  it->SeekToFirst();
  if (it->Valid()) first = view(it->key());
  for (; it->Valid() && out.size() < limit; it->Next()) {
    auto entry = keys::decode_due(view(it->key()));
    if (!entry) return records::corrupt_at(view(it->key()), "not a due index entry");
    out.push_back(std::move(*entry));
  }
  if (!it->status().ok()) return read_error(it->status());
  return out;
}

namespace {

/// One look at the indexes: all its streams show the same moment.
class index_scan {
 public:
  index_scan(rocksdb::DB& db, scan_gaps& gaps, bool with_snapshot)
      : db_(db), known_(gaps), snapshot_(with_snapshot ? db.GetSnapshot() : nullptr) {}
  ~index_scan() {
    if (snapshot_ != nullptr) db_.ReleaseSnapshot(snapshot_);
  }
  index_scan(const index_scan&) = delete;
  index_scan& operator=(const index_scan&) = delete;

  /// Calls `take(key, value)` with the entries of [begin, end) until it returns false. An error of
  /// `take` is the result.
  template <class Take>
  result<void> each(std::string begin, std::string end, bool newest_first, Take take) {
    const std::uint64_t seq = snapshot_ != nullptr ? snapshot_->GetSequenceNumber() : 0;
    index_stream stream(db_, known_, std::move(begin), std::move(end),
                        {snapshot_, seq, newest_first});
    for (; stream.valid(); stream.next()) {
      const result<bool> more = take(stream.key(), stream.value());
      if (!more) return more.error();
      if (!*more) return {};
    }
    return stream.status();
  }

 private:
  rocksdb::DB& db_;
  scan_gaps::scan known_;  // before the snapshot
  const rocksdb::Snapshot* const snapshot_;
};

/// The keys of an index that begin with `head` and a place: [begin, end).
struct key_range {
  std::string begin;
  std::string end;
};
template <class KeyOf>
key_range range_of(std::string head, const list_place& from, const KeyOf& key_of) {
  key_range out{head, std::move(head)};
  while (out.end.back() == '\xff') out.end.pop_back();
  ++out.end.back();
  std::string key;
  key_of(key, from.created_at_ms, from.workflow_id);
  (from.newest_first ? out.end : out.begin) = std::move(key);
  return out;
}

bool before(const list_entry& a, const list_entry& b) {
  return std::tie(a.created_at_ms, a.workflow_id) < std::tie(b.created_at_ms, b.workflow_id);
}

/// Adds up to `limit` entries of one class to `out`, which then holds the first `limit` of both. It
/// looks no further than the last of them: between that and the next entry of this class, all that
/// were ever in it can lie deleted.
result<void> merge_class(index_scan& scan, model::index_class c, const list_place& from,
                         std::size_t limit, std::vector<list_entry>& out) {
  const auto key_of = [c](std::string& key, time_ms created_at_ms, std::string_view id) {
    keys::listing(key, c, created_at_ms, id);
  };
  auto head = keys::kind_begin(keys::kind::listing);
  head.push_back(static_cast<char>(c));
  auto range = range_of(std::move(head), from, key_of);
  if (out.size() == limit) {
    key_of(from.newest_first ? range.begin : range.end, out.back().created_at_ms,
           out.back().workflow_id);
  }
  const std::size_t had = out.size();
  auto read = scan.each(std::move(range.begin), std::move(range.end), from.newest_first,
                        [&](std::string_view key, std::string_view value) -> result<bool> {
                          auto entry = keys::decode_listing(key);
                          if (!entry) return records::corrupt_at(key, "not a listing index entry");
                          records::decode_listing(value, *entry);
                          out.push_back(std::move(*entry));
                          return out.size() - had < limit;
                        });
  if (!read) return read;
  std::inplace_merge(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(had), out.end(),
                     [&](const list_entry& a, const list_entry& b) {
                       return from.newest_first ? before(b, a) : before(a, b);
                     });
  if (out.size() > limit) out.resize(limit);
  return {};
}

}  // namespace

result<std::vector<list_entry>> rocks_reads::list(const list_source& source, const list_place& from,
                                                  std::size_t limit, bool with_snapshot) const {
  index_scan scan(db_, gaps_, with_snapshot);
  std::vector<list_entry> out;
  if (limit == 0) return out;
  if (source.what == list_source::kind::classes) {
    // First those that end here and lose nothing: they bound the look at the others.
    auto classes = source.classes;
    std::sort(classes.begin(), classes.end(), std::greater<>());
    for (const auto c : classes) {
      if (auto merged = merge_class(scan, c, from, limit, out); !merged) return merged.error();
    }
    return out;
  }
  const auto take = [&](std::string_view key, std::string_view) -> result<bool> {
    auto entry = keys::decode_index(key);
    if (!entry) return records::corrupt_at(key, "not an index entry");
    out.push_back({{}, entry->created_at_ms, std::move(entry->workflow_id), {}, model::any_lane});
    return out.size() < limit;
  };
  key_range range;
  if (source.what == list_source::kind::undecided) {
    range = range_of(keys::kind_begin(keys::kind::undecided), from, keys::undecided);
  } else {
    const auto hash = keys::reference_hash(source.reference);
    std::string head;
    keys::reference_head(head, hash);
    range =
        range_of(head, from, [hash](std::string& key, time_ms created_at_ms, std::string_view id) {
          keys::reference(key, hash, created_at_ms, id);
        });
  }
  auto read = scan.each(std::move(range.begin), std::move(range.end), from.newest_first, take);
  if (!read) return read.error();
  return out;
}

result<std::vector<ended_entry>> rocks_reads::ended(model::index_class c, std::size_t limit,
                                                    bool with_snapshot) const {
  auto begin = keys::kind_begin(keys::kind::ended);
  auto end = begin;
  begin.push_back(static_cast<char>(c));
  end.push_back(static_cast<char>(static_cast<std::uint8_t>(c) + 1));
  std::vector<ended_entry> out;
  index_scan scan(db_, gaps_, with_snapshot);
  auto read = scan.each(std::move(begin), std::move(end), false,
                        [&](std::string_view key, std::string_view) -> result<bool> {
                          auto entry = keys::decode_ended(key);
                          if (!entry) {
                            return records::corrupt_at(key, "not an entry of what has ended");
                          }
                          out.push_back(std::move(*entry));
                          return out.size() < limit;
                        });
  if (!read) return read.error();
  return out;
}

std::unique_ptr<row_snapshot> rocks_reads::rows(std::string end, bool with_snapshot) const {
  return std::make_unique<rocks_snapshot>(db_, std::move(end), with_snapshot);
}

result<std::optional<std::uint64_t>> rocks_reads::number(std::string_view meta_name) const {
  const auto key = keys::meta(meta_name);
  const auto value = get(key);
  if (!value) return value.error();
  if (!*value) return std::optional<std::uint64_t>();
  const auto decoded = records::decode_number(key, **value);
  if (!decoded) return decoded.error();
  return std::optional<std::uint64_t>(*decoded);
}

result<totals> rocks_reads::read_totals() const {
  const auto key = keys::meta(meta_names::totals);
  const auto value = get(key);
  if (!value) return value.error();
  if (!*value) return totals{};
  return records::decode_totals(key, **value);
}

result<std::optional<ends_state>> rocks_reads::read_ends_state() const {
  const auto stored = number(meta_names::ends);
  if (!stored) return stored.error();
  if (!*stored) return std::optional<ends_state>();
  return std::optional(**stored == static_cast<std::uint64_t>(ends_state::complete)
                           ? ends_state::complete
                           : ends_state::partial);
}

result<due_bounds> rocks_reads::read_due_bounds() const {
  due_bounds out;
  for (const auto group : {timer_group::start, timer_group::deadline}) {
    const auto key = keys::meta(meta_names::bound_of(group));
    const auto value = get(key);
    if (!value) return value.error();
    if (!*value) continue;
    const auto decoded = records::decode_bytes(key, **value);
    if (!decoded) return decoded.error();
    out[static_cast<std::size_t>(group)] = *decoded;
  }
  return out;
}

result<std::optional<std::uint64_t>> rocks_reads::check_format(
    const std::filesystem::path& dir) const {
  auto format = number(meta_names::format);
  if (!format) return format;
  const std::string at = "data directory " + dir.string() + ": ";
  if (!*format) {
    const std::unique_ptr<rocksdb::Iterator> it(db_.NewIterator(rocksdb::ReadOptions()));
    it->SeekToFirst();
    if (!it->status().ok()) return read_error(it->status());
    if (it->Valid()) return error{errc::corrupt, at + "it has no format version"};
    return format;
  }
  if (**format > format_version) {
    return error{errc::format_too_new, at + "it has format " + std::to_string(**format) +
                                           ", this program knows formats up to " +
                                           std::to_string(format_version)};
  }
  if (**format < format_upgradable) {
    return error{errc::data_dir_unusable,
                 at + "it has format " + std::to_string(**format) +
                     ", from before the first release; this program reads formats " +
                     std::to_string(format_upgradable) + " to " + std::to_string(format_version)};
  }
  return format;
}

}  // namespace tenax::storage
