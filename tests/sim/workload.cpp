#include "tests/sim/workload.hpp"

#include <algorithm>
#include <stdexcept>

#include "testing/fault_store.hpp"

namespace tenax::sim {

using testing::mix;

workload::workload(std::uint64_t seed, dice& d) : seed_(mix(seed, 1)), fallback_(make_policy(d)) {
  const std::uint64_t count = d.chance(80) ? 2 + d.below(4) : 1;
  for (std::uint64_t n = 0; n < count; ++n) {
    types_.push_back({"type" + std::to_string(n), make_options(d)});
  }
  large_ = d.chance(25);
}

retry_policy workload::make_policy(dice& d) {
  retry_policy p;
  p.max_attempts = static_cast<std::uint32_t>(1 + d.below(4));
  p.min_wait = milliseconds(d.chance(10) ? 0 : d.between(1, 4'000));
  p.max_wait = p.min_wait + milliseconds(d.between(0, 10'000));
  p.base = 1.0 + static_cast<double>(d.below(20)) / 10;
  p.jitter = static_cast<double>(d.below(10)) / 10;
  p.curve = static_cast<wait_curve>(d.below(4));
  p.jitter_mode = static_cast<jitter_kind>(d.below(5));
  for (std::uint64_t n = 1 + d.below(4); n > 0; --n) {
    p.waits.emplace_back(d.between(0, p.max_wait.count()));
  }
  if (d.chance(20)) p.delay_cap = milliseconds(d.between(0, 5'000));
  if (d.chance(40)) p.rules.push_back({"auth", false, {}});
  if (d.chance(40)) p.rules.push_back({"quota", true, milliseconds(d.between(0, 3'000))});
  const auto end = d.below(100);
  p.exhausted = end < 50   ? on_exhausted::fail_workflow
                : end < 75 ? on_exhausted::pause
                           : on_exhausted::skip;
  return p;
}

action_options workload::make_options(dice& d) {
  action_options o;
  if (d.chance(25)) o.mode = run_mode::in_place;
  if (o.mode == run_mode::blocking && d.chance(40)) o.max_running = 1 + d.below(2);
  if (d.chance(20)) o.delivery = delivery::at_most_once;
  if (d.chance(75)) o.retry = make_policy(d);
  if (d.chance(35)) o.start_to_close = milliseconds(d.between(200, 15'000));
  if (d.chance(15)) o.schedule_to_close = milliseconds(d.between(1'000, 60'000));
  if (d.chance(40)) o.heartbeat = milliseconds(d.between(100, 10'000));
  o.max_recoveries = static_cast<std::uint32_t>(d.chance(30) ? d.below(3) : 20);
  return o;
}

const action_options& workload::options_of(std::string_view type) const {
  static const action_options defaults;
  const auto found = std::find_if(types_.begin(), types_.end(),
                                  [&](const action_type& t) { return t.name == type; });
  return found != types_.end() ? found->options : defaults;
}

const retry_policy& workload::policy_of(std::string_view type) const {
  const auto& own = options_of(type).retry;
  return own ? *own : fallback_;
}

workflow_spec workload::make_spec(dice& d, std::string id, wall_time now) const {
  workflow_spec spec;
  spec.id = std::move(id);
  spec.name = "sim";
  if (d.chance(15)) spec.order = action_order::sequential;
  if (d.chance(12)) spec.deadline = milliseconds(d.between(2'000, 90'000));
  const auto size = d.below(100);
  const std::int64_t count = size < 65   ? d.between(1, 5)
                             : size < 95 ? d.between(4, 12)
                                         : d.between(13, 50);
  for (std::int64_t n = 0; n < count; ++n) {
    action_spec a;
    a.key = "k" + std::to_string(n);
    for (std::uint64_t deps = n > 0 ? d.below(3) : 0; deps > 0; --deps) {
      const auto on = "k" + std::to_string(d.below(static_cast<std::uint64_t>(n)));
      if (std::find(a.depends_on.begin(), a.depends_on.end(), on) == a.depends_on.end()) {
        a.depends_on.push_back(on);
      }
    }
    if (d.chance(8)) {
      a.type = "wait_signal";
      a.input = R"({"name":"s)" + std::to_string(d.below(2)) + '"';
      if (d.chance(20)) a.input += R"(,"timeout_seconds":)" + std::to_string(d.below(15));
      a.input += "}";
    } else if (d.chance(8)) {
      a.type = "wait";
      a.input = R"({"seconds":)" + std::to_string(d.below(15)) + "}";
    } else {
      a.type = d.chance(5) ? "noop" : d.pick(types_).name;
      a.input = make_input(d, spec, a);
    }
    if (d.chance(10)) {
      a.delay = milliseconds(d.between(0, 20'000));
    } else if (d.chance(5)) {
      a.scheduled_at = now + milliseconds(d.between(-10'000, 30'000));
    }
    spec.actions.push_back(std::move(a));
  }
  return spec;
}

std::string workload::make_input(dice& d, const workflow_spec& spec,
                                 const action_spec& action) const {
  if (action.depends_on.empty() || !d.chance(40)) return R"({"n":1})";
  const auto& key = d.pick(action.depends_on);
  const auto on = std::find_if(spec.actions.begin(), spec.actions.end(),
                               [&](const action_spec& a) { return a.key == key; });
  // What the built-in types return has no "v".
  const bool good = on->type.starts_with("type") && !d.chance(5);
  return R"({"x":"${actions.)" + key + (good ? R"(.result.v}"})" : R"(.result.nothing}"})");
}

std::string workload::referred_to(const action_spec& action) {
  constexpr std::string_view head = R"({"x":"${actions.)";
  if (!action.input.starts_with(head)) return "";
  return action.input.substr(head.size(), action.input.find('.', head.size()) - head.size());
}

bool workload::possible_input(const workflow_spec& spec, const action_spec& action,
                              std::string_view got) const {
  const auto key = referred_to(action);
  if (key.empty()) return got == action.input;
  return got == rendered(action, value_of(spec.id, key)) || got == rendered(action, "-1");
}

std::string workload::rendered(const action_spec& action, std::string_view value) {
  const auto tail = action.input.find("}\"");
  return R"({"x":)" + std::string(value) + action.input.substr(tail + 2);
}

std::string workload::changed_input(const action_spec& action, std::uint64_t number) {
  const auto mark = R"("c":)" + std::to_string(number) + "}";
  if (number % 2 == 0 || referred_to(action).empty()) return "{" + mark;
  return action.input.substr(0, action.input.find("}\"") + 2) + "," + mark;
}

std::uint64_t workload::fate_of(std::string_view workflow_id, std::string_view key) const {
  return mix(mix(seed_, workflow_id), key);
}

std::string workload::value_of(std::string_view workflow_id, std::string_view key) const {
  return std::to_string(fate_of(workflow_id, key) % 100'000);
}

std::string workload::result_of(std::string_view workflow_id, std::string_view key,
                                std::uint32_t attempt) const {
  std::string padding;
  if (large_)
    padding = R"(,"p":")" + std::string(5'000 + fate_of(workflow_id, key) % 800, 'x') + '"';
  return R"({"by":)" + std::to_string(attempt) + R"(,"v":)" + value_of(workflow_id, key) + padding +
         "}";
}

std::vector<std::vector<std::size_t>> workload::dependencies_of(const workflow_spec& spec) {
  std::vector<std::vector<std::size_t>> all;
  for (std::size_t a = 0; a < spec.actions.size(); ++a) {
    auto& needs = all.emplace_back();
    for (const auto& key : spec.actions[a].depends_on) needs.push_back(std::stoul(key.substr(1)));
    if (spec.order == action_order::sequential && a > 0) needs.push_back(a - 1);
  }
  return all;
}

bool workload::leaves_open(const action_context& call) const {
  return (fate_of(call.workflow_id, call.action_key) >> 40) % 100 < 25;
}

outcome workload::act(const action_context& call) const {
  const std::uint64_t fate = fate_of(call.workflow_id, call.action_key);
  const auto kind = (fate >> 20) % 100;
  const auto some = (fate >> 30) % 3;  // 0..2
  const auto success = [&] {
    return outcome::success(result_of(call.workflow_id, call.action_key, call.attempt));
  };
  if (kind < 50) return success();
  if (kind < 70) {
    return call.attempt <= some + 1 ? outcome::failure("broken", "for now") : success();
  }
  if (kind < 75) return outcome::failure("broken", "for good");
  if (kind < 80) {
    if (call.attempt <= some) throw std::runtime_error("thrown");
    return success();
  }
  if (kind < 88) {
    const auto after = static_cast<std::int64_t>((fate >> 35) % 20'000);
    return call.deferrals <= some % defers_max && call.attempt == 1
               ? outcome::defer(call.now + milliseconds(after))
               : success();
  }
  if (kind < 90) return outcome::fatal("broken", "never");
  if (kind < 94) {
    const auto after = static_cast<std::int64_t>((fate >> 35) % 8'000);
    return call.attempt == 1 ? outcome::failure("busy", "later", milliseconds(after)) : success();
  }
  if (kind < 97) return call.attempt <= 2 ? outcome::failure("quota", "slowly") : success();
  return call.attempt == 1 ? outcome::failure("auth", "who?") : success();
}

}  // namespace tenax::sim
