#include "tests/unit/server/answers.hpp"

#include <cstdlib>
#include <fstream>
#include <vector>

#include <nlohmann/json.hpp>

namespace tenax::api::tests {

namespace {
std::vector<std::string> kept;
}

void keep_answer(std::string_view method, std::string_view path, const http::tests::answer& a) {
  const auto type = a.headers.find("content-type");
  kept.push_back(nlohmann::json{
      {"method", method},
      {"path", path},
      {"status", a.status},
      {"type", type == a.headers.end() ? "" : type->second},
      {"body",
       a.body}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

int check_answers(const std::filesystem::path& dir) {
  std::ofstream out(dir / "answers");
  for (const auto& line : kept) out << line << '\n';
  out.close();
  const std::string folder = TENAX_SOURCE_DIR;
  const auto command = "python3 " + folder + "/tests/unit/server/check_answers.py " + folder +
                       "/node/api/openapi.json " + (dir / "answers").string() + " >&2";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace tenax::api::tests
