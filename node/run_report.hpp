// run_report.hpp - what `tenax run` says in the end, to people and to programs.
// Depends on include/tenax and node/. Pure functions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "node/exit_codes.hpp"
#include "node/json_output.hpp"
#include "node/run_loop.hpp"

namespace tenax::node {

/// An action that waits for a person.
struct open_decision {
  std::string workflow;
  std::string action;
  std::string problem;  ///< the last error, "" when its outcome is unknown
};

struct run_report {
  run_end end;
  run_totals totals;
  std::vector<tracked> workflows;
  std::vector<open_decision> decisions;  ///< the first 100
  std::uint64_t decisions_total = 0;
  std::uint64_t others_open = 0;  ///< open workflows that this run left at rest
  std::uint64_t attempts = 0;     ///< ended in this run
  std::uint64_t failed_attempts = 0;
  bool another = false;  ///< --new: the same command would begin once more
  std::filesystem::path data_dir;
};

[[nodiscard]] exit_code exit_of(const run_report& r) noexcept;
[[nodiscard]] std::string report_text(const run_report& r);
[[nodiscard]] json report_json(const run_report& r, const plan& planned);

}  // namespace tenax::node
