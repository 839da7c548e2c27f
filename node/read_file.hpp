// read_file.hpp - the text of a file that the user has named. Depends on include/tenax and POSIX.
#pragma once

#include <string>

#include "tenax/result.hpp"

namespace tenax::node {

/// The file's text, or what is wrong with it ("cannot be opened: ...", without its name). Never
/// reads more than a spec may have.
[[nodiscard]] result<std::string> read_file(const std::string& name);

}  // namespace tenax::node
