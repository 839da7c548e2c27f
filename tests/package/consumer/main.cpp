// Opens an engine in a new directory, runs one workflow, exits with 0 when it completed.
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include <tenax/tenax.hpp>

namespace {

int run(const std::filesystem::path& dir) {
  auto engine = tenax::engine::open(dir);
  if (!engine) {
    std::cerr << "open: " << engine.error().message() << '\n';
    return 1;
  }
  auto submitted = engine->submit(tenax::workflow_builder("consumer").action("one", "noop"));
  if (!submitted) {
    std::cerr << "submit: " << submitted.error().message() << '\n';
    return 1;
  }
  auto ended = engine->await(submitted->id, std::chrono::seconds{30});
  if (!ended) {
    std::cerr << "await: " << ended.error().message() << '\n';
    return 1;
  }
  std::cout << submitted->id << ": " << tenax::to_string(ended->status) << '\n';
  return ended->status == tenax::workflow_status::completed ? 0 : 1;
}

}  // namespace

int main() {
  auto dir = (std::filesystem::temp_directory_path() / "tenax-consumer-XXXXXX").string();
  if (::mkdtemp(dir.data()) == nullptr) return 1;
  const int code = run(dir);
  std::filesystem::remove_all(dir);
  return code;
}
