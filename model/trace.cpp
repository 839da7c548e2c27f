#include "model/trace.hpp"

#include <xxhash.h>

#include <algorithm>

#include "model/documents/hex.hpp"

namespace tenax::model {

namespace {

void put(std::string& out, std::uint64_t n) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(n >> shift & 0xff);
}

std::uint64_t span_of(const trace_id& trace, std::string_view key, std::uint32_t n) {
  std::string all(key);
  put(all, n);
  put(all, trace.high);
  // No span has the id 0.
  return std::max<std::uint64_t>(1, XXH3_64bits_withSeed(all.data(), all.size(), trace.low));
}

}  // namespace

trace_id trace_of(std::string_view workflow_id, time_ms submitted_at_ms) {
  std::string all(workflow_id);
  put(all, static_cast<std::uint64_t>(submitted_at_ms));
  const auto hash = XXH3_128bits(all.data(), all.size());
  return {hash.high64, std::max<std::uint64_t>(1, hash.low64)};
}

std::uint64_t workflow_span(const trace_id& trace, std::uint32_t life) {
  return span_of(trace, {}, life);  // no action has the key ""
}

std::uint64_t attempt_span(const trace_id& trace, std::string_view action_key,
                           std::uint32_t attempt) {
  return span_of(trace, action_key, attempt);
}

std::string print_trace(const trace_id& trace) {
  return print_hex(trace.high) + print_hex(trace.low);
}

std::string print_traceparent(const trace_id& trace, std::uint64_t span) {
  return "00-" + print_trace(trace) + "-" + print_hex(span) + "-01";
}

}  // namespace tenax::model
