#include "testing/fault_store.hpp"

#include <cstring>

#include "storage/rows.hpp"

namespace tenax::testing {

std::uint64_t mix(std::uint64_t hash, std::string_view bytes) noexcept {
  hash = mix(hash, bytes.size());
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    hash = mix(hash, word);
  }
  std::uint64_t tail = 0;
  std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
  return mix(hash, tail);
}

namespace {

using storage::write_batch;

class fault_snapshot final : public storage::row_snapshot {
 public:
  fault_snapshot(std::unique_ptr<storage::row_snapshot> real, store_control& control)
      : real_(std::move(real)), control_(control) {}

  [[nodiscard]] result<void> each(
      std::string_view begin, std::string_view end,
      const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    if (!control_.next_read_fails(read_of::rows)) return real_->each(begin, end, visit);
    auto seen = real_->each(begin, end, [&](std::string_view key, std::string_view value) {
      (void)visit(key, value);
      return false;
    });
    if (!seen) return seen;
    return control_.read_failed();
  }
  [[nodiscard]] result<std::optional<std::string>> get(std::string_view key) const override {
    if (control_.next_read_fails(read_of::rows)) return control_.read_failed();
    return real_->get(key);
  }

 private:
  std::unique_ptr<storage::row_snapshot> real_;
  store_control& control_;
};

class fault_cursor final : public storage::result_cursor {
 public:
  fault_cursor(std::unique_ptr<storage::result_cursor> real, store_control& control)
      : real_(std::move(real)), control_(control) {}
  /// A read of a workflow each, as read_store::load_result.
  [[nodiscard]] result<std::string> next(std::uint64_t seq) override {
    if (control_.next_read_fails(read_of::workflow)) return control_.read_failed();
    return real_->next(seq);
  }

 private:
  std::unique_ptr<storage::result_cursor> real_;
  store_control& control_;
};

class fault_store final : public storage::store, public storage::row_source {
 public:
  fault_store(std::unique_ptr<storage::store> real, store_control& control)
      : real_(std::move(real)), control_(control) {
    control_.real = real_.get();
  }
  ~fault_store() override { control_.real = nullptr; }
  fault_store(const fault_store&) = delete;
  fault_store& operator=(const fault_store&) = delete;

  result<void> write(std::uint64_t epoch, const std::vector<const write_batch*>& batches) override {
    for (const auto* batch : batches) {
      batch->each([this](write_batch::op what, std::string_view key, std::string_view value) {
        control_.hash = mix(control_.hash, static_cast<std::uint64_t>(what));
        control_.hash = mix(mix(control_.hash, key), value);
      });
    }
    ++control_.writes;
    const auto fate = control_.fate ? control_.fate(control_.writes) : write_fate::good;
    if (fate != write_fate::lost) {
      auto written = real_->write(epoch, batches);
      if (fate == write_fate::good || !written) return written;
    }
    return error(errc::storage_unavailable, "this write was made to fail");
  }

  [[nodiscard]] result<void> backup(const std::filesystem::path& target) const override {
    return real_->backup(target);
  }

  /// As a real store: what cannot be read may be there.
  [[nodiscard]] bool exists(std::string_view id) const override {
    return control_.next_read_fails(read_of::rows) || real_->exists(id);
  }
  [[nodiscard]] result<storage::loaded_workflow> load(std::string_view id) const override {
    return read(read_of::workflow, [&] { return real_->load(id); });
  }
  [[nodiscard]] result<workflow_spec> load_spec(std::string_view id) const override {
    return read(read_of::rows, [&] { return real_->load_spec(id); });
  }
  [[nodiscard]] result<header> load_header(std::string_view id) const override {
    return read(read_of::rows, [&] { return real_->load_header(id); });
  }
  [[nodiscard]] result<std::vector<stored_event>> history(std::string_view id, std::uint64_t after,
                                                          std::size_t limit) const override {
    return read(read_of::rows, [&] { return real_->history(id, after, limit); });
  }
  [[nodiscard]] result<std::string> load_result(std::string_view id,
                                                std::uint64_t seq) const override {
    return read(read_of::workflow, [&] { return real_->load_result(id, seq); });
  }
  [[nodiscard]] std::unique_ptr<storage::result_cursor> results_of(
      std::string_view id) const override {
    return std::make_unique<fault_cursor>(real_->results_of(id), control_);
  }
  [[nodiscard]] result<std::vector<storage::due_entry>> due(storage::timer_group group,
                                                            const storage::due_entry& from,
                                                            storage::time_ms until_ms,
                                                            std::size_t limit) const override {
    return read(read_of::index, [&] { return real_->due(group, from, until_ms, limit); });
  }
  [[nodiscard]] result<std::vector<storage::list_entry>> list(const storage::list_source& source,
                                                              const storage::list_place& from,
                                                              std::size_t limit) const override {
    return read(read_of::index, [&] { return real_->list(source, from, limit); });
  }
  [[nodiscard]] result<std::vector<storage::ended_entry>> ended(model::index_class c,
                                                                std::size_t limit) const override {
    return read(read_of::index, [&] { return real_->ended(c, limit); });
  }
  [[nodiscard]] storage::totals current_totals() const override { return real_->current_totals(); }
  [[nodiscard]] std::uint64_t epoch() const override { return real_->epoch(); }
  [[nodiscard]] std::unique_ptr<storage::row_snapshot> rows(std::string end) const override {
    return std::make_unique<fault_snapshot>(
        dynamic_cast<const storage::row_source&>(*real_).rows(std::move(end)), control_);
  }

 private:
  template <class Read>
  [[nodiscard]] std::invoke_result_t<Read> read(read_of what, const Read& it) const {
    if (control_.next_read_fails(what)) return control_.read_failed();
    return it();
  }

  std::unique_ptr<storage::store> real_;
  store_control& control_;
};

}  // namespace

std::unique_ptr<storage::store> control_store(std::unique_ptr<storage::store> real,
                                              store_control& control) {
  return std::make_unique<fault_store>(std::move(real), control);
}

}  // namespace tenax::testing
