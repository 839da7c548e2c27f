// event_json.hpp - the data of an event as JSON: which fields a kind has and what they are called;
// what the history shows. Depends on include/tenax and model only. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "model/event.hpp"

namespace tenax::model {

/// When a field is shown.
enum class field_use : std::uint8_t {
  always,
  if_set,
  unused,  ///< the kind does not have it: only where nothing may be lost, if it is set
};
struct field_name {
  std::string_view name;
  field_use use = field_use::unused;
};
/// What the fields of an event are called in its data.
struct event_fields {
  field_use attempt = field_use::unused;
  field_use wait_bounds = field_use::unused;
  field_use delivery = field_use::unused;
  field_use error_class = field_use::unused;
  field_use signal_seq = field_use::unused;
  field_use key = field_use::unused;
  field_name name{"name"};
  field_name due{"due_at"};
  field_name wait{"wait_ms"};
  field_name count{"count"};
  field_name text{"text"};
  bool text_is_json = false;  ///< by convention
};
[[nodiscard]] event_fields fields_of(const event& e) noexcept;

/// Calls to(name, use, field) for each field of the data, in the order in which they are printed;
/// `to` has `number`, `time`, `delivery`, `secret`, `text`, and `json` for a text that is JSON by
/// convention.
template <class Event, class To>
void each_field(Event& e, To&& to) {
  event_fields f = fields_of(e);
  to.number("attempt", f.attempt, e.attempt);
  to.text(f.name.name, f.name.use, e.name);
  to.text("key", f.key, e.key);
  to.text("who", field_use::if_set, e.who);
  to.number("signal_seq", f.signal_seq, e.signal_seq);
  f = fields_of(e);  // as it is read: what follows depends on it
  to.time(f.due.name, f.due.use, e.due_at_ms);
  to.number(f.wait.name, f.wait.use, e.wait_ms);
  to.number("wait_least_ms", f.wait_bounds, e.least_ms);
  to.number("wait_most_ms", f.wait_bounds, e.most_ms);
  to.number(f.count.name, f.count.use, e.count);
  to.delivery("delivery", f.delivery, e.delivery);
  to.secret("secret", field_use::unused, e.secret);
  to.text("error_class", f.error_class, e.error_class);
  if (f.text_is_json) {
    to.json(f.text.name, f.text.use, e.text);
  } else {
    to.text(f.text.name, f.text.use, e.text);
  }
}

/// A JSON object on one line with the fields that the kind has, e.g.
/// {"attempt":1,"result":{"a":1}}. Results that are JSON are embedded as such (64 levels at most),
/// others as strings; what is not UTF-8 becomes U+FFFD.
[[nodiscard]] std::string event_data(const event& e);

}  // namespace tenax::model
