// private_file.hpp - reads files that must be one user's alone. Depends on include/tenax and POSIX.
// Thread safe.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "tenax/result.hpp"

namespace tenax::http {

/// Of a file that is this user's or root's alone (root may read anybody's). `what` is what it is
/// called in messages: "the token file". Errors: not_found (it is not there), invalid_argument.
[[nodiscard]] result<std::string> read_private_file(const std::filesystem::path& file,
                                                    const std::string& what, std::size_t bytes_max);

}  // namespace tenax::http
