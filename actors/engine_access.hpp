// engine_access.hpp - a tenax::engine that stands for one which somebody else owns and drives: how
// code that takes an engine runs under virtual time.
// Depends on include/tenax, actors/core.hpp by name only.
#pragma once

#include <functional>
#include <optional>

#include "tenax/engine.hpp"

namespace tenax {

namespace actors {
class engine_core;
}

struct engine_seat {
  /// Null: there is none now.
  std::function<actors::engine_core*()> core;
  std::function<void(const workflow_spec&, std::function<void(result<submission>)>,
                     std::string terms)>
      submit;
  /// Lets it work until `ready`, at most so much of its time (nothing: without limit).
  std::function<void(const std::function<bool()>& ready, std::optional<milliseconds> within)> run;
  std::function<result<void>(std::optional<milliseconds> patience)> close;
};

class engine_access {
 public:
  /// Owns nothing; what `seat` refers to outlives it.
  [[nodiscard]] static engine make(engine_seat seat);
};

}  // namespace tenax
