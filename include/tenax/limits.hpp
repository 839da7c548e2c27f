// limits.hpp - every limit in one place. Each fault that they cause names its limit.
// Depends on std only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tenax {

struct limits {
  std::size_t spec_bytes_max = 8u << 20;     ///< one spec document; 1 GiB is the most
  std::size_t payload_bytes_max = 1u << 20;  ///< one input or result; 256 MiB is the most
  std::size_t actions_max = 20'000;          ///< in one workflow
  std::size_t json_depth_max = 64;           ///< nesting; 64 is also the most
  /// Names, descriptions, references, reasons, error messages; 1 MiB is the most.
  std::size_t text_bytes_max = 4'096;
  std::uint64_t history_events_max = 1'000'000;  ///< of one workflow
  std::size_t signals_max = 1'000;   ///< that one workflow takes in all; 10,000 is the most
  std::uint32_t attempts_max = 100;  ///< of a retry policy; fixed: another value is refused
  /// 10 years, which is also the most. Of delay_ms, deadline_ms, `wait`, deferrals and retry_after:
  /// what exceeds it is refused, never cut. Fixed for retry policies.
  std::chrono::milliseconds delay_max = std::chrono::hours(24 * 3653);

  // Beyond these a stored record (storage/records.proto) could pass the 2 GiB that protobuf can
  // hold, with all lengths of a write in 32 bits: the definition holds every text and input of a
  // spec, a history row at most 64 KiB of events and one more with its result, a page 16 error
  // messages.
  static constexpr std::size_t spec_bytes_most = std::size_t{1} << 30;
  static constexpr std::size_t payload_bytes_most = std::size_t{256} << 20;
  static constexpr std::size_t text_bytes_most = std::size_t{1} << 20;
  static constexpr std::size_t signals_most = 10'000;
};

}  // namespace tenax
