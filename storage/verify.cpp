#include "storage/verify.hpp"

#include <algorithm>
#include <array>

#include "storage/meta_names.hpp"
#include "storage/rows.hpp"
#include "storage/verify_workflow.hpp"

namespace tenax {

namespace storage {

namespace {

/// Goes over all rows once; then over an index again, if it has other entries than expected.
class store_check {
 public:
  store_check(const row_snapshot& rows, verify_report& report)
      : rows_(rows), report_(report), findings_(report) {}

  result<void> run() {
    read_ends_state();
    if (failed_) return *failed_;
    auto scanned = rows_.each({}, {}, [this](std::string_view key, std::string_view value) {
      on_row(key, value);
      return !failed_;
    });
    if (!scanned) return scanned;
    end_workflow();
    check_meta();
    // Each expected entry has been looked up, so equal numbers mean equal sets.
    if (!failed_ && listed_ != listed_found_) name_stray_listings();
    if (!failed_ && report_.due_entries != due_found_) name_stray_timers();
    if (!failed_ && indexed_ != indexed_found_) name_strays();
    if (failed_) return *failed_;
    return {};
  }

 private:
  void on_row(std::string_view key, std::string_view value);
  void on_meta(std::string_view key, std::string_view value);
  void on_workflow(const keys::workflow_key& at, std::string_view key, std::string_view value);
  void end_workflow();
  void read_ends_state();
  void check_meta();
  void name_stray_listings();
  void name_stray_timers();
  void name_strays();
  std::optional<std::string> reference_of(const std::string& id);

  void bad_row(std::string_view key, std::string what) {
    findings_.add("records", keys::printable(key), std::move(what));
  }
  /// The row's value; nothing also when the database cannot be read (`failed_`).
  std::optional<std::string> get(std::string_view key) {
    auto value = rows_.get(key);
    if (value) return std::move(*value);
    failed_ = value.error();
    return std::nullopt;
  }
  /// What is stored of a workflow; nothing if that cannot be told.
  std::optional<records::state_record> state_of(const std::string& id, bool& exists);
  /// Whether the stored state has this timer; nothing if that cannot be told.
  std::optional<bool> has_timer(const due_entry& entry);

  const row_snapshot& rows_;
  verify_report& report_;
  finding_list findings_;
  std::optional<error> failed_;

  std::optional<workflow_check> workflow_;
  bool all_readable_ = true;
  std::array<std::uint64_t, model::index_class_max + 1> by_class_{};
  std::uint64_t listed_ = 0;
  std::uint64_t listed_found_ = 0;
  std::uint64_t due_found_ = 0;
  std::uint64_t indexed_ = 0;  ///< of N, Q and R
  std::uint64_t indexed_found_ = 0;
  std::array<std::string, 2> first_due_;  ///< by timer_group
  std::optional<totals> totals_;
  bool has_format_ = false;
  bool has_epoch_ = false;
  std::array<std::string, 2> due_bound_;
  std::optional<ends_state> ends_;  ///< nothing: N is empty
};

/// Before the rows that it tells of. A value that is none is found as the row is passed.
void store_check::read_ends_state() {
  const auto key = keys::meta(meta_names::ends);
  const auto value = get(key);
  if (!value) return;
  const auto number = records::decode_number(key, *value);
  const bool complete = number && *number == static_cast<std::uint64_t>(ends_state::complete);
  ends_ = complete ? ends_state::complete : ends_state::partial;
}

void store_check::on_row(std::string_view key, std::string_view value) {
  const auto kind = keys::decode_kind(key);
  if (!kind) return bad_row(key, "not a key of this format");
  switch (*kind) {
    case keys::kind::listing:
      if (!keys::decode_listing(key)) return bad_row(key, "not a listing index entry");
      ++listed_;
      break;
    case keys::kind::meta:
      on_meta(key, value);
      break;
    case keys::kind::ended:
    case keys::kind::undecided:
    case keys::kind::reference:
      if (!keys::decode_ended(key) && !keys::decode_index(key)) {
        return bad_row(key, "not an index entry");
      }
      if (!value.empty()) bad_row(key, "an index entry with a value");
      // What is being made or removed can have any.
      indexed_ += *kind != keys::kind::ended || ends_ != ends_state::partial;
      break;
    case keys::kind::due:
    case keys::kind::deadline: {
      if (!keys::decode_due(key)) return bad_row(key, "not a due index entry");
      if (!value.empty()) bad_row(key, "a due index entry with a value");
      ++report_.due_entries;
      auto& first = first_due_[*kind == keys::kind::deadline];
      if (first.empty()) first = key;
      break;
    }
    case keys::kind::workflow: {
      const auto at = keys::decode_workflow(key);
      if (!at) return bad_row(key, "not a row of a workflow");
      on_workflow(*at, key, value);
      break;
    }
  }
}

void store_check::on_meta(std::string_view key, std::string_view value) {
  result<void> decoded;
  const auto take_number = [&](bool& seen) {
    seen = true;
    if (const auto n = records::decode_number(key, value); !n) decoded = n.error();
  };
  if (key == keys::meta(meta_names::format)) {
    take_number(has_format_);
  } else if (key == keys::meta(meta_names::epoch)) {
    take_number(has_epoch_);
  } else if (key == keys::meta(meta_names::totals)) {
    const auto t = records::decode_totals(key, value);
    if (t) totals_ = *t;
    if (!t) decoded = t.error();
  } else if (key == keys::meta(meta_names::ends)) {
    const auto n = records::decode_number(key, value);
    if (!n) decoded = n.error();
    if (n && *n > static_cast<std::uint64_t>(ends_state::complete)) {
      return bad_row(key, "no state of an index: " + std::to_string(*n));
    }
  } else if (const bool deadlines = key == keys::meta(meta_names::deadline_bound);
             deadlines || key == keys::meta(meta_names::due_bound)) {
    const auto bound = records::decode_bytes(key, value);
    if (bound) due_bound_[deadlines] = *bound;
    if (!bound) decoded = bound.error();
  } else {
    return bad_row(key, "unknown meta row");
  }
  if (!decoded) bad_row(key, decoded.error().message());
}

void store_check::on_workflow(const keys::workflow_key& at, std::string_view key,
                              std::string_view value) {
  if (!workflow_ || workflow_->id() != at.id) {
    end_workflow();
    workflow_.emplace(std::string(at.id), findings_);
  }
  workflow_->row(at, key, value);
}

void store_check::end_workflow() {
  if (!workflow_) return;
  const auto expected = workflow_->finish(ends_ == ends_state::complete);
  const std::string id = workflow_->id();
  ++report_.workflows;
  report_.events += workflow_->events();
  workflow_.reset();
  if (!expected.listed) {
    all_readable_ = false;
    return;
  }
  std::string key;
  const auto& listed = *expected.listed;
  ++by_class_[static_cast<std::size_t>(listed.listed_as)];
  keys::listing(key, listed.listed_as, listed.created_at_ms, id);
  const auto value = get(key);
  if (failed_) return;
  if (!value) {
    findings_.add("I14", id, "it is not in the listing index where its state says");
  } else {
    ++listed_found_;
    list_entry found;
    records::decode_listing(*value, found);
    if (expected.name_known && found.name != listed.name)
      findings_.add("I14", id, "listed under another name");
    if (listed.lanes != model::any_lane && found.lanes != model::any_lane &&
        found.lanes != listed.lanes) {
      findings_.add("I14", id, "listed with other lanes than its state has");
    }
  }
  for (const auto& indexed : expected.index_keys) {
    const auto entry = get(indexed);
    if (failed_) return;
    indexed_found_ += entry.has_value();
    if (!entry) findings_.add("I14", id, "no index entry " + keys::printable(indexed));
  }
  for (const auto& timer : expected.due) {
    keys::due(key, timer);
    const auto entry = get(key);
    if (failed_) return;
    due_found_ += entry.has_value();
    if (!entry) {
      findings_.add(
          "I14", id,
          "no " + std::string(to_string(timer.kind)) + " entry in the due index for " +
              (timer.action == model::no_action ? std::string("the workflow")
                                                : "action " + std::to_string(timer.action)));
    }
  }
}

void store_check::check_meta() {
  if (report_.workflows > 0 && !(has_format_ && has_epoch_)) {
    findings_.add("records", "meta", "the format version or the epoch is missing");
  }
  for (std::size_t g = 0; g < first_due_.size(); ++g) {
    if (first_due_[g].empty() || first_due_[g] >= due_bound_[g]) continue;
    findings_.add("I14", keys::printable(first_due_[g]),
                  "before the stored bound of the due index, so it would be overlooked");
  }
  if (!all_readable_) return;
  const auto count = [this](model::index_class c) {
    return by_class_[static_cast<std::size_t>(c)];
  };
  const auto t = totals_.value_or(totals{});
  const auto check = [&](std::string_view what, std::uint64_t total, std::uint64_t counted) {
    if (total == counted) return;
    findings_.add("I16", "totals",
                  std::to_string(total) + " " + std::string(what) + ", but there are " +
                      std::to_string(counted));
  };
  check("open", t.open(), count(model::index_class::active) + count(model::index_class::parked));
  check("completed", t.completed, count(model::index_class::completed));
  check("failed", t.failed, count(model::index_class::failed));
  check("cancelled", t.cancelled, count(model::index_class::cancelled));
}

std::optional<records::state_record> store_check::state_of(const std::string& id, bool& exists) {
  std::string key;
  keys::state(key, id);
  const auto value = get(key);
  exists = value.has_value();
  if (!value) return std::nullopt;
  auto decoded = records::decode_state(key, *value);
  if (!decoded) return std::nullopt;
  return std::move(*decoded);
}

void store_check::name_stray_listings() {
  const auto scanned = rows_.each(
      keys::kind_begin(keys::kind::listing), keys::kind_end(keys::kind::listing),
      [this](std::string_view key, std::string_view) {
        const auto entry = keys::decode_listing(key);
        if (!entry) return true;
        bool exists = false;
        const auto record = state_of(entry->workflow_id, exists);
        if (failed_) return false;
        if (!exists) {
          findings_.add("I14", keys::printable(key), "listed, but there is no such workflow");
        } else if (record && (record->state.listed_as() != entry->listed_as ||
                              record->state.created_at_ms != entry->created_at_ms)) {
          findings_.add("I14", keys::printable(key), "listed where its state does not say");
        }
        return true;
      });
  if (!scanned) failed_ = scanned.error();
}

std::optional<std::string> store_check::reference_of(const std::string& id) {
  std::string key;
  keys::definition(key, id);
  const auto value = get(key);
  if (!value) return std::nullopt;
  auto head = records::decode_spec_head(key, id, *value);
  if (!head) return std::nullopt;
  return std::move(head->reference);
}

void store_check::name_strays() {
  const auto first = ends_ == ends_state::partial ? keys::kind::undecided : keys::kind::ended;
  const auto scanned = rows_.each(
      keys::kind_begin(first), keys::kind_end(keys::kind::reference),
      [this](std::string_view key, std::string_view) {
        std::string id;
        if (const auto ended = keys::decode_ended(key)) id = ended->workflow_id;
        if (const auto indexed = keys::decode_index(key)) id = indexed->workflow_id;
        if (id.empty()) return true;
        bool exists = false;
        const auto record = state_of(id, exists);
        const auto reference = exists ? reference_of(id) : std::nullopt;
        if (failed_) return false;
        if (exists && !(record && reference)) return true;  // found before
        const auto expected =
            exists ? index_keys(id, record->state, *reference, ends_ == ends_state::complete)
                   : std::vector<std::string>();
        if (std::find(expected.begin(), expected.end(), key) == expected.end()) {
          findings_.add("I14", keys::printable(key), "an index entry that no workflow has");
        }
        return true;
      });
  if (!scanned) failed_ = scanned.error();
}

std::optional<bool> store_check::has_timer(const due_entry& entry) {
  bool exists = false;
  const auto record = state_of(entry.workflow_id, exists);
  if (!exists) return false;
  if (!record) return std::nullopt;
  if (entry.action == model::no_action) {
    return expected_deadline(entry.workflow_id, record->state) == entry;
  }
  if (entry.action >= record->action_count) return false;
  const std::uint32_t page = records::page_of(entry.action);
  std::vector<model::action_state> actions;
  if (page == 0) {
    actions = record->state.actions;
  } else {
    std::string key;
    keys::page(key, entry.workflow_id, page);
    const auto value = get(key);
    if (!value || !records::decode_page(key, *value, page, *record, actions)) return std::nullopt;
  }
  std::vector<due_entry> expected;
  add_expected_due(entry.workflow_id, page * records::page_actions, actions, expected);
  return std::find(expected.begin(), expected.end(), entry) != expected.end();
}

void store_check::name_stray_timers() {
  const auto scanned =
      rows_.each(keys::kind_begin(keys::kind::due), keys::kind_end(keys::kind::deadline),
                 [this](std::string_view key, std::string_view) {
                   const auto entry = keys::decode_due(key);
                   if (!entry) return true;
                   const auto expected = has_timer(*entry);
                   if (failed_) return false;
                   if (expected && !*expected) {
                     findings_.add("I14", keys::printable(key),
                                   "a due index entry that no workflow has in its state");
                   }
                   return true;
                 });
  if (!scanned) failed_ = scanned.error();
}

}  // namespace

result<verify_report> verify_store(const read_store& source) {
  const auto* const rows = dynamic_cast<const row_source*>(&source);
  if (rows == nullptr) return error{errc::invalid_argument, "this store cannot be verified"};
  const auto snapshot = rows->rows();
  verify_report report;
  if (auto checked = store_check(*snapshot, report).run(); !checked) return checked.error();
  return report;
}

}  // namespace storage

result<verify_report> verify(const std::filesystem::path& data_dir) {
  const auto opened = storage::open_reading_store(data_dir);
  if (!opened) return opened.error();
  return storage::verify_store(**opened);
}

}  // namespace tenax
