// fault_injection.hpp - makes a share of all attempts fail, the same ones in every run, so that
// retries can be seen; and counts attempts.
// Depends on include/tenax only. The wrapped handlers are thread safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "tenax/handler.hpp"

namespace tenax::node {

struct fault_plan {
  double rate = 0;  ///< share of attempts that fail, 0..1
  std::uint64_t seed = 1;
};

struct attempt_counters {
  std::atomic<bool> closing{false};        ///< the program closes the engine: handlers are stopped
  std::atomic<std::uint64_t> ended{0};     ///< attempts that came to an outcome
  std::atomic<std::uint64_t> failed{0};    ///< of these, those that failed for whatever reason
  std::atomic<std::uint64_t> injected{0};  ///< of these, those made to fail
};

/// A number in [0, 1) that depends on its arguments only: on no clock, process or machine.
[[nodiscard]] double fault_draw(std::uint64_t seed, std::string_view workflow_id,
                                std::string_view action_key, std::uint32_t attempt) noexcept;

/// Wraps every handler of the registry; add all of them first. An attempt that succeeds fails in
/// the end (class "injected") when its draw is below the rate. A deferral is no end.
void inject_faults(handler_registry& registry, fault_plan plan,
                   std::shared_ptr<attempt_counters> counters);

}  // namespace tenax::node
