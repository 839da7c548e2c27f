// tenax::reader: queries on a data directory without an engine.
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "model/explain.hpp"
#include "model/seams.hpp"
#include "storage/forks.hpp"
#include "storage/store.hpp"
#include "storage/views.hpp"
#include "tenax/engine.hpp"

namespace tenax {

class reader::impl {
 public:
  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  /// In a child its locks may be held for ever, and its temporary directory is the parent's.
  ~impl() {
    if (is_forked()) (void)store.release();
  }
  [[nodiscard]] bool is_forked() const noexcept { return forks_ != storage::forks(); }
  std::filesystem::path data_dir;
  std::unique_ptr<storage::reading_store> store;

 private:
  const unsigned forks_ = storage::forks();
};

namespace {

template <class Impl>
std::optional<error> reader_cannot_answer(const std::unique_ptr<Impl>& p) {
  if (!p) return error(errc::closing, "the reader was moved from");
  if (!p->is_forked()) return std::nullopt;
  return error(errc::stopped, "the reader belongs to the process that this one was forked from");
}

}  // namespace

reader::reader(std::unique_ptr<impl> p) noexcept : impl_(std::move(p)) {}
reader::reader(reader&&) noexcept = default;
reader& reader::operator=(reader&&) noexcept = default;
reader::~reader() = default;

result<reader> reader::open(const std::filesystem::path& data_dir) {
  auto opened = storage::open_reading_store(data_dir);
  if (!opened) return opened.error();
  auto p = std::make_unique<impl>();
  std::error_code ec;
  p->data_dir = std::filesystem::absolute(data_dir, ec);
  p->store = std::move(*opened);
  return reader(std::move(p));
}

result<void> reader::refresh() {
  if (auto no = reader_cannot_answer(impl_)) return std::move(*no);
  return impl_->store->refresh();
}

result<workflow_summary> reader::summary(std::string_view id) const {
  if (auto no = reader_cannot_answer(impl_)) return std::move(*no);
  return storage::read_summary(*impl_->store, id);
}

result<workflow_view> reader::get(std::string_view id) const {
  if (auto no = reader_cannot_answer(impl_)) return std::move(*no);
  return storage::read_view(*impl_->store, id, {}, 0);
}

result<explanation> reader::explain(std::string_view id) const {
  if (auto no = reader_cannot_answer(impl_)) return std::move(*no);
  if (auto none = storage::no_such_id(id)) return *std::move(none);
  const auto loaded = impl_->store->load(id);
  if (!loaded) return loaded.error();
  std::error_code ec;  // moved away meanwhile: nobody knows who has it
  const bool no_process =
      std::filesystem::exists(impl_->data_dir, ec) && !data_dir_owner(impl_->data_dir);
  return model::explain(*loaded->definition, loaded->state,
                        {model::system_clock().now_ms(), nullptr, nullptr, no_process});
}

result<page<workflow_summary>> reader::list(const list_query& query) const {
  if (auto no = reader_cannot_answer(impl_)) return std::move(*no);
  return storage::list_page(*impl_->store, query);
}

result<list_count> reader::count(const list_query& query) const {
  if (auto no = reader_cannot_answer(impl_)) return std::move(*no);
  return storage::count_page(*impl_->store, query);
}

result<std::vector<history_event>> reader::history(std::string_view id, std::uint64_t after,
                                                   std::size_t limit) const {
  if (auto no = reader_cannot_answer(impl_)) return std::move(*no);
  return storage::read_history(*impl_->store, id, after, limit);
}

engine_stats reader::stats() const {
  if (reader_cannot_answer(impl_)) return {};
  const auto totals = impl_->store->current_totals();
  engine_stats out;
  out.submitted = totals.submitted;
  out.open = totals.open();
  out.completed = totals.completed;
  out.failed = totals.failed;
  out.cancelled = totals.cancelled;
  out.removed = totals.removed;
  out.epoch = impl_->store->epoch();
  return out;
}

}  // namespace tenax
