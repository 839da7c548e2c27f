// rendering.hpp - makes the input of an action that refers to results: from what its workflow
// keeps, from the store, from what was parsed for others. Depends on actors/runtime, model, storage
// interfaces. `make_input` is called on any thread, once a call.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "actors/runtime.hpp"

namespace tenax::actors {

/// Where the results are that an input refers to.
struct input_parts {
  struct source {
    std::uint64_t seq = 0;                    ///< of the event that holds its result
    std::shared_ptr<const std::string> kept;  ///< null: it must be read
  };
  std::unordered_map<model::action_index, source> results;
  std::uint64_t input_seq = 0;  ///< of the event that holds the input; 0: the definition does
  std::uint64_t life = 0;       ///< of the workflow in the document cache
  /// Made in microseconds, from what is in memory: an actor's thread may do it.
  [[nodiscard]] bool are_small(const model::definition& def, model::action_index a) const;
};

/// Makes the input of the call, or says what comes of the attempt instead. Stops early once the
/// call is revoked or nothing may start any more; what it gives then counts for nothing.
[[nodiscard]] std::optional<outcome> make_input(runtime& rt, const input_parts& parts,
                                                handler_call& call);

}  // namespace tenax::actors
