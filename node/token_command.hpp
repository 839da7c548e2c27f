// token_command.hpp - the commands about tokens of the server: they change a file, which a server
// reads when it starts and at SIGHUP.
// Depends on node/. Main thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node/command.hpp"

namespace tenax::node {

struct token_options {
  std::string file;
  std::string name;                    ///< create
  std::vector<std::string> scopes;     ///< create
  std::optional<std::string> expires;  ///< create; a time, a date, or "90d", "12h" from now
  std::string id;                      ///< revoke
};

/// Prints the new token, which is kept nowhere.
int token_create_command(const common_options& common, const token_options& o);
int token_list_command(const common_options& common, const token_options& o);
int token_revoke_command(const common_options& common, const token_options& o);

}  // namespace tenax::node
