// routes.hpp - every path of the API. Depends on node/api and model/documents only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/documents/json_writer.hpp"
#include "node/api/call.hpp"
#include "node/api/reading.hpp"

namespace tenax::api {

[[nodiscard]] const std::vector<route>& all_routes();

/// What the JSON body of a request says (bodies.hpp). Nothing: it is faulty, and was refused.
template <class Body>
[[nodiscard]] std::optional<Body> body_of(const call& c, Body (*read)(fields&)) {
  body_reader body(c.request().body, c.at().bounds);
  std::optional<Body> out;
  if (body.is_open()) {
    fields f(body.doc, model::json_tree::root, {});
    out = read(f);
  }
  if (const auto wrong = body.fault()) {
    c.refuse(*wrong);
    out.reset();
  }
  return out;
}

void put_histogram(model::json_writer& out, std::string_view name, const time_histogram& h);
void put_time(model::json_writer& out, std::string_view name, const std::optional<wall_time>& at);
/// To a thousandth; null: not known.
void put_rate(model::json_writer& out, std::string_view name, const std::optional<double>& rate);
/// The filters of a list, and where it goes on.
[[nodiscard]] list_query read_list(query_reader& query);
/// A page token as it stands in URLs and answers.
[[nodiscard]] std::string read_cursor(query_reader& query);
[[nodiscard]] std::string cursor_text(std::string token);
void put_cursor(model::json_writer& out, std::string token);

// What they do, by file.
void submit(const call& c);
void list(const call& c);
void show_reasons(const call& c);
void count(const call& c);
void show(const call& c);
void show_history(const call& c);
void show_terms(const call& c);
void cancel(const call& c);
void retry(const call& c);
void send_signal(const call& c);
void explain(const call& c);
void resolve(const call& c);
void change(const call& c);
void remove(const call& c);

/// Whether a request for a history asks for a stream of it.
[[nodiscard]] bool wants_events(const http::request& r);
void stream_history(const call& c);
void stream_changes(const call& c);

void end_attempts(const call& c);
void heartbeat(const call& c);

void poll_tasks(const call& c);
void show_workers(const call& c);
void show_queues(const call& c);
void back_up(const call& c);

void show_stats(const call& c);
void show_types(const call& c);
void show_metrics(const call& c);
void show_version(const call& c);
void show_openapi(const call& c);
void check_health(const call& c);
void check_ready(const call& c);

}  // namespace tenax::api
