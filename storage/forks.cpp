#include "storage/forks.hpp"

#include <pthread.h>

#include <atomic>

namespace tenax::storage {

namespace {
std::atomic<unsigned> count{0};
/// Fails only without memory, as the program starts.
const int watched =
    ::pthread_atfork(nullptr, nullptr, [] { count.fetch_add(1, std::memory_order_relaxed); });
}  // namespace

unsigned forks() noexcept {
  (void)watched;
  return count.load(std::memory_order_relaxed);
}

}  // namespace tenax::storage
