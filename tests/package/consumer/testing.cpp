// Runs one workflow under virtual time, exits with 0 when it completed.
#include <cstdlib>

#include <tenax/testing/virtual_engine.hpp>

int main() {
  auto engine = tenax::testing::virtual_engine::open();
  if (!engine) return EXIT_FAILURE;
  const auto submitted = engine->submit(
      tenax::workflow_builder("consumer").action("one", "noop").delayed(std::chrono::hours{1}));
  if (!submitted) return EXIT_FAILURE;
  const auto ended = engine->run_until_end(submitted->id);
  return ended && ended->status == tenax::workflow_status::completed ? EXIT_SUCCESS : EXIT_FAILURE;
}
