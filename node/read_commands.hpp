// read_commands.hpp - the commands that only look: list, show, explain, history, on any engine
// (node/engines.hpp), and verify, on a directory. They start nothing. Depends on include/tenax and
// node/. Main thread only. Each returns the exit code.
#pragma once

#include <cstdint>
#include <string>

#include "node/command.hpp"

namespace tenax::node {

struct list_options {
  std::string status;  ///< "" for all, as the next ones
  bool open = false;
  std::string name;
  std::string reference;
  std::string error_class;
  std::string waiting;
  std::string since;  ///< RFC 3339 or a date
  std::string until;
  bool to_decide = false;  ///< as waiting for a decision
  bool newest_first = false;
  bool count = false;       ///< only how many
  std::size_t limit = 100;  ///< at least 1
  std::string page_token;
};
[[nodiscard]] int list_command(const common_options& common, const list_options& o);

struct show_options {
  std::string id;
  bool all = false;
};
[[nodiscard]] int show_command(const common_options& common, const show_options& o);

struct explain_options {
  std::string id;
};
[[nodiscard]] int explain_command(const common_options& common, const explain_options& o);

struct history_options {
  std::string id;
  std::uint64_t after = 0;
  std::size_t limit = 1'000;
};
[[nodiscard]] int history_command(const common_options& common, const history_options& o);

[[nodiscard]] int verify_command(const common_options& common);

}  // namespace tenax::node
