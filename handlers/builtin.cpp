#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "handlers/input.hpp"
#include "tenax/handler.hpp"
#include "tenax/limits.hpp"

namespace tenax::builtin {

namespace {

struct wait_input {
  milliseconds duration{0};
  std::vector<fault> faults;
};

/// Nothing if it is none; the fault is told to `in`.
std::optional<milliseconds> read_seconds(input_reader& in, const nlohmann::json& value,
                                         const std::string& path, milliseconds delay_max) {
  const double most = static_cast<double>(delay_max.count()) / 1e3;
  const double seconds = value.is_number() ? value.get<double>() : 0;
  if (!value.is_number()) {
    in.fail(path, "must be a number");
  } else if (!(seconds >= 0)) {
    in.fail(path, "must not be negative, it is " + value.dump());
  } else if (seconds > most) {
    in.fail(path, "must be at most " + nlohmann::json(most).dump() + " (delay_max), it is " +
                      value.dump());
  } else {
    // Up, because a timer may never fire early; but 4.035 s, which is 4035.0000000000005 ms in
    // doubles, means 4035. So the nearest one if it reads as no less, else the next.
    const auto nearest = std::llround(seconds * 1e3);
    const bool enough = static_cast<double>(nearest) / 1e3 >= seconds;
    return milliseconds{enough ? nearest : nearest + 1};
  }
  return std::nullopt;
}

wait_input read_wait(std::string_view input, milliseconds delay_max = limits{}.delay_max) {
  wait_input out;
  input_reader in{input, {"seconds"}};
  if (const auto* value = in.field("seconds")) {
    out.duration = read_seconds(in, *value, "/seconds", delay_max).value_or(milliseconds{0});
  }
  out.faults = in.faults();
  return out;
}

outcome run_wait(const action_context& ctx) {
  if (ctx.deferrals > 0) return outcome::success("null");
  const auto in = read_wait(ctx.input);
  if (!in.faults.empty()) return bad_input(in.faults);
  if (in.duration == milliseconds{0}) return outcome::success("null");
  return outcome::defer(ctx.now + in.duration);
}

struct log_input {
  log_level level = log_level::info;
  std::string message;
  std::vector<fault> faults;
};

std::optional<log_level> parse_level(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, log_level>, 4> levels{{
      {"debug", log_level::debug},
      {"info", log_level::info},
      {"warning", log_level::warning},
      {"error", log_level::error},
  }};
  for (const auto& [name, level] : levels)
    if (name == text) return level;
  return std::nullopt;
}

log_input read_log(std::string_view input) {
  log_input out;
  input_reader in{input, {"level", "message"}};
  if (const auto* value = in.field("level")) {
    const auto level =
        value->is_string() ? parse_level(value->get_ref<const std::string&>()) : std::nullopt;
    if (level)
      out.level = *level;
    else
      in.fail("/level", "must be one of debug, info, warning, error");
  }
  if (const auto* value = in.field("message")) {
    if (value->is_string())
      out.message = value->get_ref<const std::string&>();
    else
      in.fail("/message", "must be a string");
  }
  out.faults = in.faults();
  return out;
}

outcome run_log(const action_context& ctx) {
  const auto in = read_log(ctx.input);
  if (!in.faults.empty()) return bad_input(in.faults);
  if (ctx.log != nullptr && *ctx.log) {
    // Who says it comes first, so that no message can pass for one of the engine's own.
    std::string line{ctx.workflow_id};
    line += '/';
    line += ctx.action_key;
    line += ": ";
    line += printable(in.message);
    (*ctx.log)(in.level, line, {ctx.workflow_id, ctx.action_key, ctx.attempt});
  }
  return outcome::success("null");
}

struct signal_input {
  std::string name;
  std::optional<milliseconds> timeout;
  std::vector<fault> faults;
};

bool is_name(std::string_view text) {
  constexpr std::string_view characters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
  return !text.empty() && text.size() <= 128 &&
         text.find_first_not_of(characters) == std::string_view::npos;
}

signal_input read_signal(std::string_view input, milliseconds delay_max = limits{}.delay_max) {
  signal_input out;
  input_reader in{input, {"name", "timeout_seconds"}};
  if (const auto* value = in.field("name")) {
    if (value->is_string() && is_name(value->get_ref<const std::string&>())) {
      out.name = value->get_ref<const std::string&>();
    } else {
      in.fail("/name", "must be 1 to 128 characters of [A-Za-z0-9._:-]");
    }
  }
  if (const auto* value = in.optional_field("timeout_seconds")) {
    out.timeout = read_seconds(in, *value, "/timeout_seconds", delay_max);
  }
  out.faults = in.faults();
  return out;
}

outcome run_wait_signal(const action_context& ctx) {
  const auto in = read_signal(ctx.input);
  if (!in.faults.empty()) return bad_input(in.faults);
  return outcome::until_signal(in.name, in.timeout);
}

outcome run_noop(const action_context& ctx) { return outcome::success(std::string{ctx.input}); }

void add_if_absent(handler_registry& registry, std::string_view type, handler run,
                   std::function<std::vector<fault>(std::string_view)> check,
                   decltype(action_options::check_within) check_within = nullptr) {
  if (registry.all().contains(type)) return;
  action_options options;
  options.mode = run_mode::in_place;
  options.check = std::move(check);
  options.check_within = std::move(check_within);
  registry.add(std::string{type}, std::move(run), std::move(options));
}

}  // namespace

void add_defaults(handler_registry& registry) {
  add_if_absent(registry, "noop", run_noop, nullptr);
  add_if_absent(
      registry, "wait", run_wait, [](std::string_view input) { return read_wait(input).faults; },
      [](std::string_view input, const limits& bounds) {
        return read_wait(input, bounds.delay_max).faults;
      });
  add_if_absent(
      registry, "wait_signal", run_wait_signal,
      [](std::string_view input) { return read_signal(input).faults; },
      [](std::string_view input, const limits& bounds) {
        return read_signal(input, bounds.delay_max).faults;
      });
  add_if_absent(registry, "log_message", run_log,
                [](std::string_view input) { return read_log(input).faults; });
}

}  // namespace tenax::builtin
