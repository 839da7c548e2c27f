// config_file.hpp - a file of settings: TOML, one setting a key. Depends on toml++ (not in the
// header) and include/tenax. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tenax/result.hpp"

namespace tenax::node {

/// "drain_ms = 5000", `listen = ["127.0.0.1:8362"]`: as words of a command line.
struct config_value {
  std::string key;
  std::vector<std::string> words;  ///< true, false, numbers as they are written by to_chars
  bool is_list = false;
  std::string place;  ///< "FILE:LINE:COLUMN"
};

/// In the order of the file. Errors: invalid_argument, "FILE:LINE:COLUMN: what is wrong": no TOML,
/// or a value that is no text, number, truth or list of texts and numbers.
[[nodiscard]] result<std::vector<config_value>> parse_config(std::string_view text,
                                                             const std::string& file);

}  // namespace tenax::node
