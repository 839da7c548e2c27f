// metrics.hpp - what the server counts, and the text exposition of it and of the engine's figures
// (prometheus.io/docs/instrumenting/exposition_formats). Depends on include/tenax only. Thread
// safe, without locks.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/api/traces.hpp"
#include "tenax/engine.hpp"

namespace tenax::api {

/// The answers of one route.
class route_figures {
 public:
  route_figures(std::string_view method, std::string_view path) : method_(method), path_(path) {}

  /// `waited`: it was asked to wait, so its time is not the server's.
  void count(int status, std::chrono::nanoseconds time, bool waited) noexcept;

 private:
  friend class exposition;
  static constexpr std::array<int, 18> statuses{200, 201, 204, 304, 400, 401, 403, 404, 405,
                                                409, 413, 415, 421, 422, 429, 500, 503, 0};
  /// Upper ends in microseconds; one more for all beyond.
  static constexpr std::array<std::uint32_t, 12> ends_us{
      250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000};
  const std::string_view method_;
  const std::string_view path_;
  std::array<std::atomic<std::uint64_t>, statuses.size()> answers_{};
  std::array<std::atomic<std::uint64_t>, ends_us.size() + 1> times_{};
  std::atomic<std::uint64_t> total_us_{0};
};

struct server_figures {
  std::size_t connections = 0;
  std::size_t waits = 0;
  std::size_t history_streams = 0;
  std::size_t change_streams = 0;
  std::uint64_t streams_dropped = 0;
  std::size_t workers = 0;
  std::optional<trace_figures> spans;
  std::vector<const route_figures*> routes;
};

[[nodiscard]] std::string print_metrics(const engine& of, const server_figures& server);

}  // namespace tenax::api
