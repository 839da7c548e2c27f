// view_json.hpp - what queries show, as JSON: for the program's `--output json` and for the API.
// Field names that stay, times as RFC 3339 in UTC with milliseconds, always valid UTF-8 (other
// bytes become U+FFFD, or base64 where they are data). An optional field that has no value is left
// out. Depends on include/tenax and model/documents only. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "model/documents/json_writer.hpp"
#include "tenax/explain.hpp"
#include "tenax/view.hpp"

namespace tenax::model {

// Members of the object that has begun.
void put_fields(json_writer& out, const action_counts& counts);
void put_fields(json_writer& out, const workflow_summary& w);
void put_fields(json_writer& out, const action_view& a);
void put_fields(json_writer& out, const workflow_view& w);
void put_fields(json_writer& out, const history_event& e);
void put_fields(json_writer& out, const attempt_progress& p);
void put_fields(json_writer& out, const action_reason& r);
void put_fields(json_writer& out, const running_attempt& r);
void put_fields(json_writer& out, const explained_action& a);
void put_fields(json_writer& out, const root_cause& r);
void put_fields(json_writer& out, const forecast_step& f);
void put_fields(json_writer& out, const explanation& e);

/// Adds bytes that are JSON by convention: as `name` when they are (nested no deeper than 100
/// levels, no integer beyond 64 bits, in which readers lose digits), without its spaces and
/// otherwise letter by letter; else as `name_text`, else (not UTF-8) as `name_base64`.
void put_bytes(json_writer& out, std::string_view name, std::string_view bytes);

/// The object, an element of an array or a member.
template <class View>
void put_object(json_writer& out, const View& view, std::string_view name = {}) {
  out.begin_object(name);
  put_fields(out, view);
  out.end_object();
}
/// One line, without its end.
template <class View>
[[nodiscard]] std::string to_json(const View& view) {
  std::string text;
  json_writer out(text);
  put_object(out, view);
  return text;
}

}  // namespace tenax::model
