#include "storage/export.hpp"

#include <limits>
#include <utility>

#include "model/documents/export_lines.hpp"
#include "storage/views.hpp"

namespace tenax::storage {

namespace {

/// Each of them may hold a result.
constexpr std::size_t events_per_read = 64;
constexpr std::size_t entries_per_page = 1'000;

class exporter {
 public:
  exporter(const read_store& from, const line_sink& to) : from_(from), to_(to) {}

  result<void> run(const std::vector<std::string>& ids) {
    for (const auto& id : ids) {
      if (auto none = no_such_id(id)) return *std::move(none);
      if (const auto there = from_.load_header(id); !there) return there.error();
    }
    put(model::export_begin{});
    if (auto done = ids.empty() ? all() : some(ids); !done) return done;
    put(total_);
    return {};
  }

 private:
  result<void> some(const std::vector<std::string>& ids) {
    for (const auto& id : ids) {
      if (auto done = workflow(id); !done) return done;
    }
    return {};
  }

  result<void> all() {
    list_place at{std::numeric_limits<time_ms>::min(), "", false};
    for (bool more = true; more && wanted_;) {
      const auto page = from_.list(every_class(), at, entries_per_page);
      if (!page) return page.error();
      for (const auto& entry : *page) {
        if (!wanted_) break;
        if (auto done = workflow(entry.workflow_id); !done) return done;
        at.created_at_ms = entry.created_at_ms;
        at.workflow_id = entry.workflow_id + '\0';
      }
      more = page->size() == entries_per_page;
    }
    return {};
  }

  static list_source every_class() {
    list_source all;
    for (std::uint8_t c = 0; c <= model::index_class_max; ++c) {
      all.classes.push_back(static_cast<model::index_class>(c));
    }
    return all;
  }

  void put(const model::export_line& line) {
    const auto text = model::print_export_line(line);
    sum_ = model::add_export_checksum(sum_, text);
    wanted_ = wanted_ && to_(text);
  }

  result<void> workflow(const std::string& id) {
    auto loaded = from_.load(id);
    if (!loaded) return loaded.error();
    const auto& spec = loaded->definition->spec;
    sum_ = 0;
    put(model::export_workflow{spec, loaded->state.status});
    for (std::uint64_t seq = 0; seq < loaded->state.seq && wanted_;) {
      auto events = from_.history(id, seq, events_per_read);
      if (!events) return events.error();
      if (events->empty()) {
        return error{errc::corrupt, "workflow " + id + ": its history ends at event " +
                                        std::to_string(seq) + ", before its state"};
      }
      for (auto& e : *events) {
        seq = e.seq;
        if (auto done = event(spec, seq, std::move(e.event)); !done) return done;
      }
    }
    put(model::export_workflow_end{id, loaded->state.seq, sum_});
    ++total_.workflows;
    total_.events += loaded->state.seq;
    return {};
  }

  result<void> event(const workflow_spec& spec, std::uint64_t seq, model::event e) {
    model::export_event line{spec.id, seq, "", std::move(e)};
    if (const auto action = line.what.action; action != model::no_action) {
      if (action >= spec.actions.size()) {
        return error{errc::corrupt, "workflow " + spec.id + ": event " + std::to_string(seq) +
                                        " is of an action that is not there"};
      }
      line.action = spec.actions[action].key;
    }
    put(std::move(line));
    return {};
  }

  const read_store& from_;
  const line_sink& to_;
  bool wanted_ = true;
  std::uint64_t sum_ = 0;
  model::export_end total_;
};

}  // namespace

result<void> export_workflows(const read_store& from, const std::vector<std::string>& ids,
                              const line_sink& to) {
  return exporter(from, to).run(ids);
}

}  // namespace tenax::storage
