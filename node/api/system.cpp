// About the server and its engine as a whole.
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "model/documents/json_writer.hpp"
#include "node/api/openapi.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

using model::json_writer;

void put_histogram(json_writer& out, std::string_view name, const time_histogram& h) {
  out.begin_object(name);
  out.begin_array("counts");
  for (const auto n : h.counts) out.number({}, n);
  out.end_array();
  out.number("total_ms", h.total.count());
  out.end_object();
}

void put_time(json_writer& out, std::string_view name, const std::optional<wall_time>& at) {
  at ? out.time(name, *at) : out.null(name);
}

void put_rate(json_writer& out, std::string_view name, const std::optional<double>& rate) {
  if (!rate) return out.null(name);
  const double rounded = std::round(*rate * 1'000) / 1'000;
  std::array<char, 400> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), rounded,
                                 std::chars_format::fixed);
  out.raw(name, std::string_view(digits.data(), static_cast<std::size_t>(end.ptr - digits.data())));
}

namespace {

void put_type(json_writer& out, const action_type_stats& t, rates& ended) {
  out.begin_object();
  out.string("type", t.type);
  out.number("started", t.started);
  out.number("succeeded", t.succeeded);
  out.number("failed", t.failed);
  out.number("fatal", t.fatal);
  out.number("deferred", t.deferred);
  out.number("opened", t.opened);
  out.number("unknown", t.unknown);
  out.number("timed_out", t.timed_out);
  out.number("running", t.running);
  out.number("running_max", t.running_max);
  out.number("let_in", t.let_in);
  out.number("in_row", t.in_row);
  put_histogram(out, "to_start", t.to_start);
  put_histogram(out, "handling", t.handling);
  put_time(out, "oldest_ready_at", t.oldest_ready_at);
  put_rate(out, "ended_per_s",
           ended.look(t.type, t.succeeded + t.failed + t.fatal + t.deferred + t.opened + t.unknown +
                                  t.timed_out));
  out.end_object();
}

void answer_state(const call& c, bool is_good, std::string_view why) {
  c.answer(is_good ? 200 : 503, model::object_text([&](json_writer& out) {
             out.string("status", is_good ? "ok" : why);
           }));
}

}  // namespace

void show_stats(const call& c) {
  const auto s = c.target().stats();
  c.answer(200, model::object_text([&](json_writer& out) {
             out.number("submitted", s.submitted);
             out.number("open", s.open);
             out.number("completed", s.completed);
             out.number("failed", s.failed);
             out.number("cancelled", s.cancelled);
             out.number("removed", s.removed);
             out.number("active", s.active);
             out.number("commits", s.commits);
             out.number("syncs", s.syncs);
             out.number("attempts", s.attempts);
             out.number("late_results", s.late_results);
             out.number("epoch", s.epoch);
             out.number("handlers_running", s.handlers_running);
             out.number("handlers_stuck", s.handlers_stuck);
             out.number("actions_waiting", s.actions_waiting);
             out.number("bytes_to_disk", s.bytes_to_disk);
             out.number("bytes_in_flight", s.bytes_in_flight);
           }));
}

void show_types(const call& c) {
  c.answer(200, model::object_text([&](json_writer& out) {
             out.begin_array("types");
             for (const auto& t : c.target().type_stats()) put_type(out, t, c.at().ended);
             out.end_array();
           }));
}

void show_metrics(const call& c) {
  server_figures server;
  if (const auto* front = c.at().front.load()) server.connections = front->connections();
  server.waits = c.at().parked->size();
  const auto streams = c.at().streamed->count();
  server.history_streams = streams.histories;
  server.change_streams = streams.changes;
  server.streams_dropped = streams.dropped;
  server.workers = c.at().workers->workers().size();
  if (c.at().traced) server.spans = c.at().traced->count();
  for (const auto& f : c.at().figures) server.routes.push_back(&f);
  c.answer({200,
            {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
            print_metrics(c.target(), server)});
}

void show_version(const call& c) {
  c.answer(200, model::object_text([](json_writer& out) {
             out.string("version", TENAX_VERSION);
             out.string("api", "v1");
           }));
}

void show_openapi(const call& c) {
  c.answer(200, std::string(openapi_document.substr(0, openapi_document.size() - 1)));
}

void check_health(const call& c) {
  answer_state(c, c.target().healthy(), "the engine has stopped");
}

void check_ready(const call& c) {
  const bool is_healthy = c.target().healthy();
  answer_state(c, is_healthy && !c.at().draining,
               is_healthy ? "draining" : "the engine has stopped");
}

}  // namespace tenax::api
