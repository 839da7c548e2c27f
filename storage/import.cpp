#include <algorithm>
#include <unordered_set>
#include <utility>
#include <variant>

#include "model/documents/export_lines.hpp"
#include "model/validate.hpp"
#include "storage/export.hpp"
#include "storage/verify_workflow.hpp"

namespace tenax::storage {

namespace {

error damaged(std::string what) { return {errc::invalid_argument, std::move(what)}; }

/// What any engine may have been opened with.
limits widest_limits() {
  limits all;
  all.spec_bytes_max = limits::spec_bytes_most;
  all.payload_bytes_max = limits::payload_bytes_most;
  all.text_bytes_max = limits::text_bytes_most;
  all.actions_max = model::no_action;
  return all;
}

/// What `submit` would refuse of it, but for its types: their handlers are the program's.
result<void> check_submitted(const workflow_spec& spec, const limits& bounds) {
  handler_registry types;
  std::unordered_set<std::string_view> known;
  for (const auto& action : spec.actions) {
    if (!known.insert(action.type).second) continue;
    types.add(action.type, [](const action_context&) { return outcome::success(); });
  }
  const auto faults = model::validate(spec, types, bounds);
  if (faults.empty()) return {};
  return damaged("spec" + faults.front().path + ": " + faults.front().message);
}

/// Sums and differences of such times are numbers, too: nobody has to look.
bool is_time(time_ms at) noexcept {
  constexpr time_ms most = time_ms{1} << 53;
  return -most < at && at < most;
}

/// A workflow while its lines are read.
class incoming {
 public:
  /// One whose spec is valid.
  explicit incoming(model::export_workflow line)
      : status_(line.status), def_(model::compile(std::move(line.spec))) {
    state_ = model::initial_state(*def_);
    changes_.begin(state_);
  }

  result<void> take(model::export_event line);
  /// That all of it has come.
  result<void> close(const model::export_workflow_end& line) const;
  /// What is written of it; error: what verify would find.
  result<void> encode(write_batch& out) const;

  /// Of each line but the last, once it is taken.
  result<void> add_line(std::string_view text) {
    checksum_ = model::add_export_checksum(checksum_, text);
    bytes_ += text.size();
    if (bytes_ <= import_workflow_bytes_max) return {};
    return damaged("workflow " + id() + " has more than " +
                   std::to_string(import_workflow_bytes_max) + " bytes");
  }

  [[nodiscard]] const std::string& id() const noexcept { return def_->spec.id; }
  [[nodiscard]] const workflow_spec& spec() const noexcept { return def_->spec; }
  [[nodiscard]] const std::vector<model::event>& events() const noexcept { return changes_.events; }

 private:
  workflow_status status_;
  model::definition_ptr def_;
  model::workflow_state state_;
  model::change_set changes_;
  std::size_t bytes_ = 0;
  std::uint64_t checksum_ = 0;
};

result<void> incoming::take(model::export_event line) {
  if (line.workflow != id()) return damaged("an event of another workflow, " + line.workflow);
  if (line.seq != state_.seq + 1) {
    return damaged("event " + std::to_string(line.seq) + " follows event " +
                   std::to_string(state_.seq));
  }
  if (!is_time(line.what.at_ms) || !is_time(line.what.due_at_ms)) {
    return damaged("no clock has such a time");
  }
  if (!line.action.empty()) {
    const auto action = def_->find(line.action);
    if (!action) return damaged("there is no action " + line.action);
    line.what.action = *action;
  }
  const auto wrong = model::check_applicable(*def_, state_, line.what);
  if (!wrong.empty()) {
    return damaged(std::string(model::to_string(line.what.kind)) + " cannot be here: " + wrong);
  }
  model::apply(*def_, state_, std::move(line.what), changes_);
  return {};
}

result<void> incoming::close(const model::export_workflow_end& line) const {
  if (line.workflow != id()) return damaged("the end of another workflow, " + line.workflow);
  if (line.events != state_.seq || state_.seq == 0) {
    return damaged(std::to_string(line.events) + " events, but " + std::to_string(state_.seq) +
                   " have come");
  }
  if (line.checksum && *line.checksum != checksum_) {
    return damaged("the checksum is of other lines: one of workflow " + id() +
                   " is damaged (without a checksum what was changed by hand is taken)");
  }
  if (status_ != state_.status) {
    return damaged("its first line says " + std::string(to_string(status_)) +
                   ", its history gives " + std::string(to_string(state_.status)));
  }
  return {};
}

result<void> incoming::encode(write_batch& out) const {
  encode_commit(*def_, state_, changes_, out);
  std::vector<std::pair<std::string_view, std::string_view>> rows;
  out.each([&](write_batch::op, std::string_view key, std::string_view value) {
    if (keys::decode_workflow(key)) rows.emplace_back(key, value);
  });
  std::sort(rows.begin(), rows.end());
  verify_report report;
  finding_list findings(report);
  workflow_check check(id(), findings);
  for (const auto& [key, value] : rows) check.row(*keys::decode_workflow(key), key, value);
  (void)check.finish(false);  // the rows of indexes are not among these
  if (report.findings.empty()) return {};
  const auto& first = report.findings.front();
  return damaged("workflow " + id() + ": " + first.what + " (" + first.invariant + ")");
}

/// Why what is stored is another workflow; "" if it is the same.
result<std::string> difference_to(const read_store& stored, const incoming& w) {
  const auto spec = stored.load_spec(w.id());
  if (!spec) return spec.error();
  if (*spec != w.spec()) return std::string("it is there with other content");
  constexpr std::size_t events_per_read = 64;
  const auto& events = w.events();
  for (std::uint64_t seq = 0;;) {
    const auto some = stored.history(w.id(), seq, events_per_read);
    if (!some) return some.error();
    for (const auto& e : *some) {
      if (e.seq > events.size() || e.event != events[e.seq - 1]) {
        return "it is there with another history, from event " + std::to_string(e.seq) + " on";
      }
      seq = e.seq;
    }
    if (some->size() == events_per_read) continue;
    if (seq == events.size()) return std::string();
    return "it is there with another history, which ends at event " + std::to_string(seq);
  }
}

class importer {
 public:
  importer(const std::filesystem::path& data_dir, const store_options& opts,
           const std::function<void(const import_note&)>& note)
      : dir_(data_dir), options_(opts), note_(note) {}

  import_report run(const line_source& from) {
    auto done = read_all(from);
    if (!done && done.error().code() == errc::invalid_argument) report_.line = line_;
    if (store_ && !write_failed_) {
      if (auto written = flush(nullptr); !written) done = written;
    }
    if (!done) report_.failure = done.error();
    return std::move(report_);
  }

 private:
  result<void> read_all(const line_source& from) {
    for (;;) {
      auto text = from();
      ++line_;
      if (!text) return text.error();
      if (!*text) break;
      auto line = model::parse_export_line(**text, bounds_);
      if (!line) return line.error();
      auto taken = std::visit([this](auto& l) { return take(std::move(l)); }, *line);
      if (!taken) return taken;
      if (!open_) continue;
      if (auto fits = open_->add_line(**text); !fits) return fits;
    }
    if (open_) return damaged("it ends here, in the midst of workflow " + open_->id());
    if (line_ == 1) return damaged("it is empty");
    if (begun_) return damaged("it ends here, without its last line: it was cut off");
    return {};
  }

  result<void> take(model::export_begin line) {
    if (open_) return not_here("the beginning of an export");
    if (line.version > model::export_version || line.version < 1) {
      return damaged("an export of version " + std::to_string(line.version) +
                     "; this tenax reads version " + std::to_string(model::export_version));
    }
    if (begun_) return not_here("the beginning of an export");
    begun_ = true;
    so_far_ = {};
    if (store_) return {};
    auto opened = open_store(dir_, options_);
    if (!opened) return opened.error();
    store_ = std::move(*opened);
    return {};
  }
  result<void> take(model::export_workflow line) {
    if (open_ || !begun_) return not_here("the beginning of a workflow");
    if (!model::valid_id(line.spec.id)) return damaged("no workflow can have this id");
    if (auto valid = check_submitted(line.spec, bounds_); !valid) return valid;
    open_.emplace(std::move(line));
    return {};
  }
  result<void> take(model::export_event line) {
    return open_ ? open_->take(std::move(line)) : not_here("an event");
  }
  result<void> take(const model::export_workflow_end& line) {
    if (!open_) return not_here("the end of a workflow");
    if (auto complete = open_->close(line); !complete) return complete;
    ++so_far_.workflows;
    so_far_.events += line.events;
    auto added = add(*open_);
    open_.reset();
    return added;
  }
  result<void> take(const model::export_end& line) {
    if (open_ || !begun_) return not_here("the end of an export");
    if (line != so_far_) {
      return damaged(std::to_string(line.workflows) + " workflows with " +
                     std::to_string(line.events) + " events, but there were " +
                     std::to_string(so_far_.workflows) + " with " + std::to_string(so_far_.events));
    }
    begun_ = false;
    return {};
  }
  /// What is at the wrong place, and what belongs there.
  [[nodiscard]] error not_here(std::string_view what) const {
    return damaged(std::string(what) + (open_    ? ", before the end of workflow " + open_->id()
                                        : begun_ ? ", before the beginning of a workflow"
                                                 : ", before the beginning of an export"));
  }

  result<void> add(const incoming& w) {
    write_batch batch;
    if (auto encoded = w.encode(batch); !encoded) return encoded;
    if (waiting_ids_.contains(w.id())) {
      if (auto written = flush(nullptr); !written) return written;
    }
    if (store_->exists(w.id())) {
      const auto other = difference_to(*store_, w);
      if (!other && other.error().code() == errc::storage_unavailable) return other.error();
      const auto what = other ? *other : other.error().to_string();
      ++(what.empty() ? report_.same : report_.refused);
      note_({line_, w.id(), what.empty(), what});
      return {};
    }
    ++waiting_.workflows;
    waiting_.events += w.events().size();
    if (waiting_batch_.bytes() + batch.bytes() >= write_bytes) return flush(&batch);
    waiting_ids_.insert(w.id());
    waiting_batch_.append(batch);
    return {};
  }

  /// Writes what waits, and then `last`; durable.
  result<void> flush(const write_batch* last) {
    std::vector<const write_batch*> all{&waiting_batch_};
    if (last != nullptr) all.push_back(last);
    auto written = store_->write(store_->epoch(), all);
    write_failed_ = !written;
    if (!written) return written;
    report_.workflows += waiting_.workflows;
    report_.events += waiting_.events;
    waiting_ = {};
    waiting_batch_.clear();
    waiting_ids_.clear();
    return {};
  }

  static constexpr std::size_t write_bytes = std::size_t{1} << 20;

  const std::filesystem::path& dir_;
  const store_options& options_;
  const std::function<void(const import_note&)>& note_;
  const limits bounds_ = widest_limits();
  std::unique_ptr<store> store_;
  import_report report_;
  std::uint64_t line_ = 0;
  bool begun_ = false;
  model::export_end so_far_;  ///< of this export
  std::optional<incoming> open_;
  // Small ones are written together.
  write_batch waiting_batch_;
  model::export_end waiting_;
  std::unordered_set<std::string> waiting_ids_;
  bool write_failed_ = false;
};

}  // namespace

import_report import_workflows(const std::filesystem::path& data_dir, const store_options& opts,
                               const line_source& from,
                               const std::function<void(const import_note&)>& note) {
  return importer(data_dir, opts, note).run(from);
}

}  // namespace tenax::storage
