// machine.hpp - where a run happens, and what the process uses of it.
// Depends on std, nlohmann-json and Linux's /proc and /sys. Thread safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace tenax::bench {

/// Git commit, host, CPU, cores, memory, kernel, compiler, the disk behind `dir`.
[[nodiscard]] nlohmann::json describe_machine(const std::filesystem::path& dir);
/// The file system's type behind `dir`, e.g. "ext4"; "" if unknown.
[[nodiscard]] std::string filesystem_of(const std::filesystem::path& dir);

/// Resident memory of this process.
[[nodiscard]] std::uint64_t rss_bytes();
/// The most that it ever was.
[[nodiscard]] std::uint64_t peak_rss_bytes();
/// User and system time of this process.
[[nodiscard]] double cpu_seconds();
/// User and system time of the children of this process that have ended.
[[nodiscard]] double children_cpu_seconds();
/// Time that all processes of the machine, and others on its host, have taken of its processors.
[[nodiscard]] double machine_cpu_seconds();
/// What this process has caused to be written to the disk.
[[nodiscard]] std::uint64_t disk_written_bytes();
/// Monotonic.
[[nodiscard]] std::int64_t now_ns() noexcept;
/// Wall clock.
[[nodiscard]] std::int64_t wall_ms() noexcept;

}  // namespace tenax::bench
