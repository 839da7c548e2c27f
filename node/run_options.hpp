// run_options.hpp - what `tenax run` can be told, and what an engine is told in turn.
// Depends on include/tenax and node/. Value types.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/fault_injection.hpp"
#include "tenax/options.hpp"

namespace tenax::node {

struct run_options {
  std::vector<std::string> files;
  double time_scale = 0.001;
  bool spin = false;
  bool another = false;         ///< --new
  bool change_options = false;  ///< go on with what began under others
  std::optional<std::uint32_t> repeat;

  fault_plan faults;
  std::optional<std::uint32_t> max_attempts;
  std::optional<std::uint64_t> min_wait_ms;
  std::optional<std::uint64_t> max_wait_ms;
  std::string on_exhausted = "fail";      ///< fail | pause | skip
  std::vector<std::string> at_most_once;  ///< action types
  bool allow_exec = false;
  std::vector<std::string> exec_programs;  ///< empty: any
  std::uint64_t exec_timeout_ms = 60'000;
  std::vector<std::string> exec_env;     ///< names of variables that programs inherit
  std::vector<std::string> allow_hosts;  ///< empty: no action type http
  std::uint64_t http_timeout_ms = 60'000;
  std::string http_cacert;  ///< "": whom the system trusts
  std::string secrets_dir;  ///< "": there are no secrets

  std::size_t handler_threads = 0;
  std::string durability = "sync";  ///< sync | async
  std::optional<std::uint64_t> horizon_ms;
  bool workers = false;  ///< types that are not built in are for workers
};

/// The engine's retry policy with the overrides. One bound given alone moves the other where they
/// would cross.
[[nodiscard]] retry_policy policy_of(const run_options& run);

/// What is wrong with the options, one sentence each, before anything is opened.
[[nodiscard]] std::vector<std::string> faults_of(const run_options& run);

/// Every action type the program knows under these options, faults injected.
[[nodiscard]] handler_registry make_handlers(const run_options& run,
                                             std::shared_ptr<attempt_counters> counters);

/// Options for engine::open, without log and callbacks.
[[nodiscard]] options engine_options(const run_options& run,
                                     std::shared_ptr<attempt_counters> counters);

}  // namespace tenax::node
