#include "node/api/spans.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "model/documents/hex.hpp"
#include "model/documents/json_tree.hpp"
#include "model/documents/json_writer.hpp"

namespace tenax::api {

using model::json_writer;

namespace {

struct end_row {
  std::string_view event;  ///< ends the attempt that is under way
  std::string_view outcome;
  int status;
};
constexpr std::array attempt_ends{
    end_row{"action_completed", "completed", 1},      end_row{"attempt_failed", "failed", 2},
    end_row{"attempt_timed_out", "timed_out", 2},     end_row{"outcome_unknown", "unknown", 2},
    end_row{"attempt_interrupted", "interrupted", 2}, end_row{"action_failed", "failed", 2},
    end_row{"action_skipped", "skipped", 0},          end_row{"action_resolved", "decided", 0},
};
constexpr std::array workflow_ends{
    end_row{"workflow_completed", "completed", 1},
    end_row{"workflow_failed", "failed", 2},
    end_row{"workflow_cancelled", "cancelled", 0},
};

template <class Rows>
const end_row* row_of(const Rows& rows, std::string_view event) {
  const auto* const at = std::ranges::find(rows, event, &end_row::event);
  return at == rows.end() ? nullptr : at;
}

/// What is read of an event's data.
struct event_details {
  explicit event_details(const history_event& e)
      : parsed(model::parse_json(e.data, {.depth_max = 64, .unique_keys = false})) {}
  [[nodiscard]] std::optional<model::json_at> find(std::string_view name) const {
    const bool is_object = parsed.failure == model::json_failure::none &&
                           parsed.tree.is(model::json_tree::root, model::json_kind::object);
    return is_object ? parsed.tree.member(model::json_tree::root, name) : std::nullopt;
  }
  [[nodiscard]] std::uint32_t number(std::string_view name) const {
    const auto at = find(name);
    return at ? static_cast<std::uint32_t>(parsed.tree.integer(*at).value_or(0)) : 0;
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    const auto at = find(name);
    return at ? std::string(parsed.tree.text(*at)) : std::string();
  }
  const model::json_parse parsed;
};

class span_writer {
 public:
  span_writer(const model::trace_id& trace, std::uint64_t id) : trace_(trace) {
    out_.begin_object();
    out_.string("traceId", model::print_trace(trace));
    out_.string("spanId", model::print_hex(id));
  }
  void parent(std::uint64_t id) { out_.string("parentSpanId", model::print_hex(id)); }
  void head(std::string_view name, wall_time began, wall_time ended) {
    out_.string("name", name);
    out_.number("kind", 1);  // internal
    time("startTimeUnixNano", began);
    time("endTimeUnixNano", std::max(began, ended));
    out_.begin_array("attributes");
  }
  void attribute(std::string_view key, std::string_view text) { value(key, "stringValue", text); }
  void attribute(std::string_view key, std::uint32_t number) {
    value(key, "intValue", std::to_string(number));
  }
  /// After the attributes. `link`: to another span of the trace; 0: none.
  std::string end(std::uint64_t link, int status, std::string_view message) {
    out_.end_array();
    if (link != 0) {
      out_.begin_array("links");
      out_.begin_object();
      out_.string("traceId", model::print_trace(trace_));
      out_.string("spanId", model::print_hex(link));
      out_.end_object();
      out_.end_array();
    }
    out_.begin_object("status");
    if (status != 0) out_.number("code", status);
    out_.optional_string("message", message);
    out_.end_object();
    out_.end_object();
    return std::move(text_);
  }

 private:
  void value(std::string_view key, std::string_view kind, std::string_view text) {
    out_.begin_object();
    out_.string("key", key);
    out_.begin_object("value");
    out_.string(kind, text);
    out_.end_object();
    out_.end_object();
  }
  void time(std::string_view name, wall_time at) {
    out_.string(name, std::to_string(at.time_since_epoch().count()) + "000000");
  }

  const model::trace_id trace_;
  std::string text_;
  json_writer out_{text_};
};

}  // namespace

void workflow_spans::take(const history_event& e, std::vector<std::string>& out) {
  seq_ = e.seq;
  if (e.kind == "workflow_created" || e.kind == "workflow_continued") return begin_life(e);
  if (row_of(workflow_ends, e.kind) != nullptr) return end_life(e, out);
  if (e.kind == "attempt_started") return start(e);
  const auto* const row = row_of(attempt_ends, e.kind);
  const auto at = row == nullptr ? open_.end() : open_.find(e.action);
  if (at == open_.end()) return;
  ending how{e.at, row->outcome, row->status, {}};
  if (row->status == 2) how.error_class = event_details(e).text("error_class");
  out.push_back(attempt_text(at->first, at->second, how));
  open_.erase(at);
}

void workflow_spans::begin_life(const history_event& e) {
  if (e.kind == "workflow_created") {
    submitted_at_ = e.at;
    trace_ = model::trace_of(id_, e.at.time_since_epoch().count());
  } else {
    ++life_;
  }
  life_began_ = e.at;
  has_ended_ = false;
}

/// What is under way ends with its workflow.
void workflow_spans::end_life(const history_event& e, std::vector<std::string>& out) {
  for (const auto& [key, a] : open_)
    out.push_back(attempt_text(key, a, {e.at, "cancelled", 0, {}}));
  open_.clear();
  const auto* const row = row_of(workflow_ends, e.kind);
  out.push_back(workflow_text({e.at, row->outcome, row->status, {}}));
  has_ended_ = true;
}

void workflow_spans::start(const history_event& e) {
  const event_details details(e);
  auto& a = open_[e.action];
  const auto number = details.number("attempt");
  a.deferrals = details.number("deferrals");
  if (a.number == number) return;  // it goes on after a deferral
  a.number = number;
  a.began = e.at;
  a.type = e.type;
}

std::string workflow_spans::attempt_text(const std::string& key, const attempt& a,
                                         const ending& how) const {
  span_writer out(trace_, model::attempt_span(trace_, key, a.number));
  out.parent(model::workflow_span(trace_, life_));
  out.head(key, a.began, how.at);
  out.attribute("tenax.workflow.id", id_);
  out.attribute("tenax.action.key", key);
  out.attribute("tenax.action.type", a.type);
  out.attribute("tenax.attempt", a.number);
  if (a.deferrals > 0) out.attribute("tenax.deferrals", a.deferrals);
  out.attribute("tenax.outcome", how.outcome);
  if (!how.error_class.empty()) out.attribute("error.type", how.error_class);
  const auto before = a.number > 1 ? model::attempt_span(trace_, key, a.number - 1) : 0;
  return out.end(before, how.status, how.error_class);
}

std::string workflow_spans::workflow_text(const ending& how) const {
  span_writer out(trace_, model::workflow_span(trace_, life_));
  out.head(name_, life_began_, how.at);
  out.attribute("tenax.workflow.id", id_);
  out.attribute("tenax.workflow.name", name_);
  out.attribute("tenax.outcome", how.outcome);
  const auto before = life_ > 0 ? model::workflow_span(trace_, life_ - 1) : 0;
  return out.end(before, how.status, {});
}

}  // namespace tenax::api
