// Serves an engine for a moment, exits with 0 when that was possible.
#include <cstdlib>
#include <filesystem>

#include <tenax/server.hpp>

int main() {
  const auto dir = std::filesystem::temp_directory_path() / "tenax-server-consumer";
  auto engine = tenax::engine::open(dir);
  if (!engine) return EXIT_FAILURE;
  auto server = tenax::server::start(*engine, {.listen = {"127.0.0.1:0"}});
  if (!server || server->addresses().size() != 1) return EXIT_FAILURE;
  server->stop(std::chrono::seconds{1});
  engine->close();
  std::filesystem::remove_all(dir);
  return EXIT_SUCCESS;
}
