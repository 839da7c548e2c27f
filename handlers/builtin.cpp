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

wait_input read_wait(std::string_view input, milliseconds delay_max = limits{}.delay_max) {
  wait_input out;
  input_reader in{input, {"seconds"}};
  if (const auto* value = in.field("seconds")) {
    const double most = static_cast<double>(delay_max.count()) / 1e3;
    const double seconds = value->is_number() ? value->get<double>() : 0;
    if (!value->is_number()) {
      in.fail("/seconds", "must be a number");
    } else if (!(seconds >= 0)) {
      in.fail("/seconds", "must not be negative, it is " + value->dump());
    } else if (seconds > most) {
      in.fail("/seconds", "must be at most " + nlohmann::json(most).dump() +
                              " (delay_max), it is " + value->dump());
    } else {
      // Up, because a timer may never fire early; but 4.035 s, which is 4035.0000000000005 ms in
      // doubles, means 4035. So the nearest one if it reads as no less, else the next.
      const auto nearest = std::llround(seconds * 1e3);
      const bool enough = static_cast<double>(nearest) / 1e3 >= seconds;
      out.duration = milliseconds{enough ? nearest : nearest + 1};
    }
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
    (*ctx.log)(in.level, line);
  }
  return outcome::success("null");
}

outcome run_noop(const action_context& ctx) { return outcome::success(std::string{ctx.input}); }

void add_if_absent(handler_registry& registry, std::string_view type, handler run,
                   std::function<std::vector<fault>(std::string_view)> check,
                   decltype(action_options::check_within) check_within = nullptr) {
  if (registry.find(type) != nullptr) return;
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
  add_if_absent(registry, "log_message", run_log,
                [](std::string_view input) { return read_log(input).faults; });
}

}  // namespace tenax::builtin
