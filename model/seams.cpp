#include "model/seams.hpp"

#include <chrono>

namespace tenax::model {

namespace {
class wall_clock final : public clock {
 public:
  [[nodiscard]] time_ms now_ms() const override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
};
}  // namespace

const clock& system_clock() {
  static const wall_clock instance;
  return instance;
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace tenax::model
