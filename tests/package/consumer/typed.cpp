// A handler of the program's own types, by nlohmann's conversions; exits with 0 when it completed.
#include <cstdlib>
#include <string>

#include <tenax/nlohmann.hpp>
#include <tenax/tenax.hpp>
#include <tenax/testing/virtual_engine.hpp>

struct greeting {
  std::string to;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(greeting, to)

int main() {
  tenax::options opts;
  opts.handlers.add<greeting, std::string>("greet",
                                           [](const greeting& g) { return "moin, " + g.to; });
  auto engine = tenax::testing::virtual_engine::open(std::move(opts));
  if (!engine) return EXIT_FAILURE;
  if (engine->submit(tenax::workflow_builder("w").action("a", "greet", "{}"))) return EXIT_FAILURE;
  auto made = engine->submit(tenax::workflow_builder("w").action("a", "greet", greeting{"world"}));
  if (!made || !engine->run_until_end(made->id)) return EXIT_FAILURE;
  const auto view = engine->get(made->id);
  if (!view) return EXIT_FAILURE;
  const auto said = view->result_of<std::string>("a");
  return said && *said == "moin, world" ? EXIT_SUCCESS : EXIT_FAILURE;
}
