// spec_files.hpp - from FILE arguments to workflows: reads native specs and traces, finds every
// fault before anything is submitted, gives ids.
// Depends on include/tenax and node/. Pure but for reading the files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "node/run_options.hpp"
#include "tenax/spec.hpp"

namespace tenax::node {

struct file_fault {
  std::string file;
  std::string path;  ///< JSON pointer, "" for the whole document
  std::string message;
  std::uint64_t count = 1;  ///< as of a fault
};

/// One workflow to run.
struct planned {
  std::string id;
  std::size_t spec = 0;  ///< index into plan::specs
};

struct plan {
  std::vector<workflow_spec> specs;  ///< one per file; `id` as in planned, without the repetition
  std::vector<std::string> files;    ///< of the specs
  std::vector<planned> workflows;    ///< each id once
  std::vector<file_fault> faults;    ///< when there are any, nothing may be submitted
  bool stored = false;  ///< they are in the store already, and the specs hold what is shown only
};

/// The name as an id allows it (other characters become '-', at most 64), a dash, and 12 hex digits
/// of the canonical content.
[[nodiscard]] std::string content_id(const workflow_spec& spec);

/// Reads and checks all files. `stamp` makes the ids of --new unique.
[[nodiscard]] plan make_plan(const run_options& run, const handler_registry& handlers,
                             std::string_view stamp);

}  // namespace tenax::node
