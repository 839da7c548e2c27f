// backup_main DATA TARGET [PLAN]: a process that makes a backup of a directory with one workflow,
// with these fail points. Exit code: 0 made, 1 not opened, 2 not submitted, 3 refused.
#include "model/failpoint.hpp"
#include "tenax/tenax.hpp"

using namespace tenax;

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  options opts;
  opts.paused = true;
  auto engine = engine::open(argv[1], opts);
  if (!engine) return 1;
  auto flow = workflow_builder("flow").id("flow-1");
  flow.action("a", "noop", "{}");
  if (!engine->submit(flow)) return 2;
  model::set_failpoints(argc > 3 ? argv[3] : "");
  return engine->backup(argv[2]) ? 0 : 3;
}
