// Two engines in one process: no globals, each with its own directory, handlers and policies.
#include <cstdio>
#include <string>
#include <tenax/tenax.hpp>

namespace {

tenax::result<tenax::engine> open(const std::string& dir, const std::string& greeting) {
  tenax::options options;
  options.handlers.add("greet", [greeting](const tenax::action_context& ctx) {
    return tenax::outcome::success("\"" + greeting + ", " + std::string(ctx.workflow_name) + "\"");
  });
  return tenax::engine::open(dir, std::move(options));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string base = argc > 1 ? argv[1] : "two-engines-data";
  auto north = open(base + "-north", "moin");
  auto south = open(base + "-south", "servus");
  if (!north || !south) {
    std::fprintf(stderr, "%s\n", (north ? south : north).error().to_string().c_str());
    return 1;
  }
  for (auto* engine : {&*north, &*south}) {
    auto spec = tenax::workflow_builder("world").id("hello").action("greet", "greet");
    if (auto ok = engine->submit(spec); !ok) {
      return std::fprintf(stderr, "%s\n", ok.error().to_string().c_str()), 1;
    }
  }
  for (auto* engine : {&*north, &*south}) {
    (void)engine->await("hello");
    if (auto view = engine->get("hello")) std::printf("%s\n", view->actions[0].result->c_str());
  }
}
