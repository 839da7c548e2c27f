// answers.hpp - every answer that the tests of this program get, to be held against openapi.json.
#pragma once

#include <filesystem>
#include <string_view>

#include "tests/unit/http/support.hpp"

namespace tenax::api::tests {

void keep_answer(std::string_view method, std::string_view path, const http::tests::answer& a);
/// The exit code of check_answers.py over all that were kept.
int check_answers(const std::filesystem::path& dir);

}  // namespace tenax::api::tests
