#include <algorithm>
#include <utility>

#include "tenax/handler.hpp"

namespace tenax {

outcome outcome::success(std::string result) {
  outcome o;
  o.result = std::move(result);
  return o;
}

outcome outcome::failure(std::string error_class, std::string message,
                         std::optional<milliseconds> retry_after) {
  outcome o;
  o.what = kind::failure;
  o.error_class = std::move(error_class);
  o.message = std::move(message);
  o.retry_after = retry_after;
  return o;
}

outcome outcome::fatal(std::string error_class, std::string message) {
  outcome o;
  o.what = kind::fatal;
  o.error_class = std::move(error_class);
  o.message = std::move(message);
  return o;
}

outcome outcome::unknown(std::string error_class, std::string message) {
  outcome o;
  o.what = kind::unknown;
  o.error_class = std::move(error_class);
  o.message = std::move(message);
  return o;
}

outcome outcome::defer(wall_time until) {
  outcome o;
  o.what = kind::defer;
  o.until = until;
  return o;
}

outcome outcome::throttled(wall_time until, std::string message) {
  outcome o = defer(until);
  o.error_class = "throttled";
  o.message = std::move(message);
  return o;
}

outcome outcome::pending(std::optional<milliseconds> heartbeat, std::string message) {
  outcome o;
  o.what = kind::pending;
  o.heartbeat = heartbeat;
  o.message = std::move(message);
  return o;
}

outcome outcome::until_signal(std::string name, std::optional<milliseconds> timeout) {
  outcome o = pending(timeout);
  o.signal = std::move(name);
  return o;
}

handler_registry& handler_registry::add(std::string type, handler run, action_options options) & {
  entries_.insert_or_assign(std::move(type), entry{std::move(options), std::move(run)});
  return *this;
}

handler_registry& handler_registry::add_worker(std::string type, action_options options) & {
  options.mode = run_mode::worker;
  return add(std::move(type), nullptr, std::move(options));
}

handler_registry& handler_registry::others_for_workers(action_options options,
                                                       std::vector<std::string> but) & {
  options.mode = run_mode::worker;
  not_others_ = std::move(but);
  others_ = std::make_shared<const entry>(entry{std::move(options), nullptr});
  return *this;
}

const handler_registry::entry* handler_registry::find(std::string_view type) const& {
  const auto it = entries_.find(type);
  if (it != entries_.end()) return &it->second;
  const bool is_other =
      std::find(not_others_.begin(), not_others_.end(), type) == not_others_.end();
  return is_other ? others_.get() : nullptr;
}

}  // namespace tenax
