// outside_check.hpp - after the target's death: compares what the driver knows, what the handlers
// logged and what is stored. Depends on include/tenax, storage interfaces, tests/support.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/ledger.hpp"

namespace tenax::crash {

/// What a process was, by its id, in one round.
struct past_life {
  unsigned number = 0;
  std::uint64_t halted_ns = 0;  ///< when its engine stopped after a failed commit; 0: it did not
};

struct evidence {
  std::filesystem::path data_dir;
  std::filesystem::path handler_log;
  std::map<int, past_life> lives;  ///< by process id
};

/// verify, and the ledger against the store. Remembers what it sees in the ledger. One sentence a
/// violation.
[[nodiscard]] std::vector<std::string> check_store(ledger& known, const evidence& e);

/// The handler log against the histories. Costs a pass over both.
[[nodiscard]] std::vector<std::string> check_handler_log(const ledger& known, const evidence& e);

/// After the last life: every workflow is over and the totals add up.
[[nodiscard]] std::vector<std::string> check_end(const ledger& known, const evidence& e);

}  // namespace tenax::crash
