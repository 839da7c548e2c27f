// caf_thread.hpp - keeps CAF's hands off the threads of the program. Depends on CAF, std. Thread
// safe.
//
// A thread that makes an actor system or spawns into one keeps a counted reference to that system's
// logger, until it ends or does the same with another system; and an actor system's destructor
// waits for the last of these references (CAF 0.17.6, actor_system.hpp: spawn_impl, logger.hpp). So
// an engine could be closed only on the thread that opened it. Messages from outside
// (caf::anon_send) leave no reference.
#pragma once

#include <exception>
#include <system_error>
#include <thread>
#include <utility>

#include <caf/logger.hpp>

namespace tenax::actors {

/// For steps of actors on a thread of the program, which virtual time takes: afterwards the thread
/// keeps no reference.
class caf_visit {
 public:
  caf_visit() = default;
  caf_visit(const caf_visit&) = delete;
  caf_visit& operator=(const caf_visit&) = delete;
  ~caf_visit() { caf::logger::set_current_actor_system(nullptr); }
};

/// Runs `what` on a thread of its own and waits for it: whatever CAF keeps for a thread ends with
/// that one, and what the program's own actor systems keep for the caller's thread stays. Throws
/// what it throws, and std::system_error where there is no thread to be had: `what` has not run.
template <class F>
void on_thread_of_its_own(F&& what) {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      what();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace tenax::actors
