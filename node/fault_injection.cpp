#include "node/fault_injection.hpp"

#include <string>
#include <utility>

#include "node/hash.hpp"

namespace tenax::node {

namespace {

outcome run_counted(const handler& inner, const fault_plan& plan, attempt_counters& counters,
                    const action_context& ctx) {
  struct on_throw {
    attempt_counters& counters;
    bool armed = true;
    ~on_throw() {
      if (!armed) return;
      ++counters.ended;
      ++counters.failed;
    }
  } thrown{counters};
  auto out = inner(ctx);
  thrown.armed = false;
  if (out.what == outcome::kind::defer) return out;

  if (out.what == outcome::kind::success && plan.rate > 0 &&
      fault_draw(plan.seed, ctx.workflow_id, ctx.action_key, ctx.attempt) < plan.rate) {
    ++counters.injected;
    out =
        outcome::failure("injected", "attempt " + std::to_string(ctx.attempt) +
                                         " made to fail (seed " + std::to_string(plan.seed) + ")");
  }
  ++counters.ended;
  if (out.what != outcome::kind::success) ++counters.failed;
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
        [inner = entry.run, plan, counters](const action_context& ctx) {
          return run_counted(inner, plan, *counters, ctx);
        },
        entry.options);
}

}  // namespace tenax::node
