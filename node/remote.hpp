// remote.hpp - an engine behind the HTTP API, as commands use it. Depends on node/. Main thread
// only.
#pragma once

#include <memory>
#include <string>

#include "node/client.hpp"
#include "node/engines.hpp"

namespace tenax::node {

/// Asks the server for its version first. `runs_at` is what the engine is called in a sentence,
/// `who` is for the history.
/// Errors as client::make and client::get; format_too_new also of a server with another API.
[[nodiscard]] result<std::unique_ptr<operable>> open_remote(const endpoint& to, std::string runs_at,
                                                            std::string who);

}  // namespace tenax::node
