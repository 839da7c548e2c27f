// forks.hpp - tells a forked child from the process that opened what it holds. Depends on POSIX.
// Thread safe.
#pragma once

namespace tenax::storage {

/// How many forks lie between the start of the program and this process: another number than at an
/// open means another process. A memory read, no system call; forks that run no handlers
/// (vfork, posix_spawn, clone) are not seen: they are for exec.
[[nodiscard]] unsigned forks() noexcept;

}  // namespace tenax::storage
