// run_loop.hpp - submits the workflows of a run and waits for them.
// Depends on include/tenax and node/. One call, on the main thread.
#pragma once

#include <optional>

#include "node/progress.hpp"
#include "node/run_terms.hpp"
#include "node/run_tracker.hpp"
#include "node/signals.hpp"
#include "node/spec_files.hpp"
#include "tenax/engine.hpp"

namespace tenax::node {

struct run_parts {
  const run_options& run;
  engine& target;  ///< paused: started once the workflows that exist have been looked at
  const plan& planned;
  run_tracker& tracker;  ///< outlives the engine, as alarm does: answers to submits may come late
  const signals& alarm;  ///< on_finished must wake it
  progress& display;
  const attempt_counters& counters;
};

/// A workflow that began under other options.
struct other_terms {
  std::string workflow;
  std::vector<terms_difference> differences;
};

struct run_end {
  enum class kind : std::uint8_t {
    over,         ///< every workflow has ended
    decision,     ///< what is left waits for a decision
    interrupted,  ///< by a signal
    failed,       ///< `why`
  };
  kind what = kind::over;
  std::optional<error> why;
  std::vector<other_terms> others;  ///< failed: it is they
  std::vector<other_terms> over;    ///< the same of workflows that are over: only told
  std::string where;  ///< failed: the workflow that could not be submitted, if it was one
  std::chrono::milliseconds elapsed{0};
};

/// Workflows that exist already come first: when one of them has other content or began under other
/// options (conflict), nothing new has been stored and nothing has moved.
[[nodiscard]] run_end run_to_end(const run_parts& parts);

}  // namespace tenax::node
