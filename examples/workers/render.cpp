// Renders frames: render_worker [URL]. See README.md.
#include <csignal>

#include "tenax_worker.hpp"

namespace {
tenax_worker::worker* running = nullptr;
}

int main(int argc, char** argv) {
  tenax_worker::worker worker(argc > 1 ? argv[1] : "http://127.0.0.1:8362", {.slots = 4});
  worker.add("render", [](const tenax_worker::task& t) {
    const auto frame = t.input.at("frame").get<int>();
    if (frame < 0) {
      throw tenax_worker::failed("bad_frame", "there is no frame " + std::to_string(frame),
                                 {.final = true});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return nlohmann::json{{"png", "frame-" + std::to_string(frame) + ".png"}, {"by", "C++"}};
  });
  running = &worker;
  std::signal(SIGTERM, [](int) { running->stop(); });
  std::signal(SIGINT, [](int) { running->stop(); });
  worker.run();
}
