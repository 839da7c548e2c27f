#include "node/fault_injection.hpp"

#include <string>
#include <utility>

#include "node/hash.hpp"

namespace tenax::node {

namespace {

outcome run_counted(const handler_registry::entry& inner, const fault_plan& plan,
                    attempt_counters& counters, const action_context& ctx) {
  const auto count = [&](bool failed) {
    // Stopped because the program closes: no failure of its own.
    if (failed && counters.closing && ctx.stop.stop_requested()) return;
    ++counters.ended;
    if (failed) ++counters.failed;
  };
  auto out = [&] {
    try {
      return inner.run(ctx);
    } catch (...) {
      count(true);
      throw;
    }
  }();
  if (out.what == outcome::kind::defer || out.what == outcome::kind::pending) return out;

  if (out.what == outcome::kind::success && plan.rate > 0 &&
      fault_draw(plan.seed, ctx.workflow_id, ctx.action_key, ctx.attempt) < plan.rate) {
    ++counters.injected;
    out =
        outcome::failure("injected", "attempt " + std::to_string(ctx.attempt) +
                                         " made to fail (seed " + std::to_string(plan.seed) + ")");
  }
  count(out.what != outcome::kind::success);
  return out;
}

}  // namespace

double fault_draw(std::uint64_t seed, std::string_view workflow_id, std::string_view action_key,
                  std::uint32_t attempt) noexcept {
  const auto h =
      stable_hash{}.add(seed).add(workflow_id).add(action_key).add(std::uint64_t{attempt}).value();
  return static_cast<double>(h >> 11) * 0x1p-53;  // the 53 bits that a double holds
}

void inject_faults(handler_registry& registry, fault_plan plan,
                   std::shared_ptr<attempt_counters> counters) {
  const auto entries = registry.all();  // a copy: `add` below changes the registry
  for (const auto& [type, entry] : entries)
    registry.add(
        type,
        [inner = entry, plan, counters](const action_context& ctx) {
          return run_counted(inner, plan, *counters, ctx);
        },
        entry.options);
}

}  // namespace tenax::node
