#include "node/api/bodies.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "model/documents/policy_json.hpp"
#include "model/validate.hpp"

namespace tenax::api {

namespace {

constexpr std::uint64_t poll_wait_ms_max = 60'000;
constexpr std::uint64_t poll_wait_ms_default = 30'000;
constexpr std::size_t poll_id_max = 128;
constexpr std::size_t worker_name_max = 128;

outcome read_outcome(fields& f) {
  const auto how = f.required_text("outcome");
  if (how == "complete") return outcome::success(f.json("result").value_or("null"));
  if (how == "defer" || how == "throttle") {
    const auto until = f.time("until");
    f.require("until", until.has_value());
    const auto message = how == "throttle" ? f.text("message").value_or("") : "";
    const auto at = until.value_or(wall_time{});
    return how == "defer" ? outcome::defer(at) : outcome::throttled(at, message);
  }
  if (how != "fail" && how != "unknown") {
    if (!how.empty()) {
      f.fault_at("outcome", "must be complete, fail, defer, throttle or unknown");
    }
    return {};
  }
  auto error_class = f.required_text("error_class");
  auto message = f.text("message").value_or("");
  if (how == "unknown") return outcome::unknown(std::move(error_class), std::move(message));
  const auto retry_after = f.duration("retry_after_ms");
  if (!f.flag("final")) {
    return outcome::failure(std::move(error_class), std::move(message), retry_after);
  }
  if (retry_after) f.fault_at("retry_after_ms", "does not go with final");
  return outcome::fatal(std::move(error_class), std::move(message));
}

policy_change read_policy(fields& f) {
  constexpr std::uint64_t attempts_max = limits{}.attempts_max;
  policy_change out;
  if (const auto most = f.number("max_attempts", 1, attempts_max)) {
    out.max_attempts = static_cast<std::uint32_t>(*most);
  }
  out.min_wait = f.duration("min_wait_ms");
  out.max_wait = f.duration("max_wait_ms");
  if (const auto word = f.text("on_exhausted")) {
    out.exhausted = model::parse_on_exhausted(*word);
    if (!out.exhausted) f.fault_at("on_exhausted", "must be fail, pause or skip");
  }
  return out;
}

}  // namespace

cancel_body read_cancel(fields& f) {
  cancel_body out;
  out.reason = f.text("reason").value_or("");
  out.who = f.text("who");
  return out;
}

retry_body read_retry(fields& f) {
  retry_body out;
  out.action = f.text("action").value_or("");
  out.reason = f.text("reason").value_or("");
  out.who = f.text("who");
  return out;
}

signal_body read_signal(fields& f) {
  signal_body out;
  out.name = f.required_text("name");
  out.payload = f.json("payload").value_or("null");
  out.key = f.text("key").value_or("");
  out.who = f.text("who");
  return out;
}

resolve_body read_resolve(fields& f) {
  using kind = resolution::kind;
  resolve_body out;
  auto& d = out.decision;
  const auto decision = f.required_text("decision");
  const auto value = f.json("value");
  const auto message = f.text("message");
  d.reason = f.text("reason").value_or("");
  out.who = f.text("who");
  if (decision == "retry") {
    d.what = kind::retry;
  } else if (decision == "skip") {
    d.what = kind::skip;
  } else if (decision == "complete") {
    d.what = kind::complete;
    f.require("value", value.has_value());
    d.value = value.value_or("null");
  } else if (decision == "fail") {
    d.what = kind::fail;
    d.value = message.value_or("failed by decision");
  } else if (!decision.empty()) {
    f.fault_at("decision", "must be retry, skip, complete or fail");
  }
  if (value && d.what != kind::complete) f.fault_at("value", "goes with complete");
  if (message && d.what != kind::fail) f.fault_at("message", "goes with fail");
  return out;
}

change_body read_change(fields& f) {
  change_body out;
  out.what.input = f.json("input");
  out.what.policy = f.object("policy", read_policy);
  out.what.policy_as_registered = f.flag("policy_as_registered");
  out.what.reason = f.text("reason").value_or("");
  out.who = f.text("who");
  return out;
}

end_body read_end(fields& f) {
  end_body out;
  out.token = f.required_text("token");
  out.what = read_outcome(f);
  out.who = f.text("who").value_or("");
  return out;
}

heartbeat_body read_heartbeat(fields& f) {
  heartbeat_body out;
  out.token = f.required_text("token");
  out.progress = f.text("progress").value_or("");
  return out;
}

poll_body read_poll(fields& f) {
  poll_body out;
  auto& what = out.what;
  what.worker = f.required_text("worker");
  what.types = f.texts("types");
  if (what.worker.size() > worker_name_max) {
    f.fault_at("worker", "must be at most " + std::to_string(worker_name_max) + " bytes");
  }
  if (what.types.size() > worker_poll::types_max ||
      !std::ranges::all_of(what.types, model::valid_id)) {
    f.fault_at("types", "must be 1 to " + std::to_string(worker_poll::types_max) + " action types");
  }
  f.require("types", false);
  what.max = f.number("max", 1, worker_poll::tasks_max).value_or(1);
  what.wait = milliseconds(f.number("wait_ms", 0, poll_wait_ms_max).value_or(poll_wait_ms_default));
  what.lease = f.duration("lease_ms");
  if (auto given = f.text("poll_id")) {
    out.poll_id = std::move(*given);
    if (out.poll_id.empty() || out.poll_id.size() > poll_id_max) {
      f.fault_at("poll_id", "must be 1 to " + std::to_string(poll_id_max) + " bytes");
    }
  }
  return out;
}

backup_body read_backup(fields& f) {
  backup_body out;
  out.dir = f.required_text("dir");
  if (!out.dir.empty() && !std::filesystem::path(out.dir).is_absolute()) {
    f.fault_at("dir", "must be an absolute path of the server's machine");
  }
  return out;
}

}  // namespace tenax::api
