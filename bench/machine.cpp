#include "bench/machine.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include <rocksdb/version.h>

#include <caf/config.hpp>

namespace tenax::bench {

namespace {

std::string first_line(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// The value of "key : value" in a file of /proc.
std::string proc_field(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"),
                                                             ::pclose);
  std::string out;
  if (!pipe) return out;
  char buffer[256];
  while (std::fgets(buffer, sizeof buffer, pipe.get()) != nullptr) out += buffer;
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

std::string git_commit() {
  const auto source = std::filesystem::path(__FILE__).parent_path().string();
  const std::string git = "git -C '" + source + "' ";
  auto commit = output_of(git + "rev-parse --short=12 HEAD 2>/dev/null");
  if (commit.empty() || commit == "HEAD") return "none";
  if (!output_of(git + "status --porcelain 2>/dev/null").empty()) commit += "+changes";
  return commit;
}

/// The mount entry with the longest path that holds `dir`: {type, device}.
std::pair<std::string, std::string> mount_of(const std::filesystem::path& dir) {
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(dir, ignored).string() + "/";
  std::ifstream in("/proc/self/mounts");
  std::string best;
  std::pair<std::string, std::string> found;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string device;
    std::string at;
    std::string type;
    fields >> device >> at >> type;
    if (at.empty()) continue;
    if (at.back() != '/') at += '/';
    if (path.starts_with(at) && at.size() >= best.size()) {
      best = at;
      found = {type, device};
    }
  }
  return found;
}

nlohmann::json describe_disk(const std::filesystem::path& dir) {
  const auto [type, device] = mount_of(dir);
  nlohmann::json disk = {{"filesystem", type}, {"device", device}};
  struct stat info {};
  if (::stat(dir.c_str(), &info) == 0) {
    const std::filesystem::path block = "/sys/dev/block/" + std::to_string(major(info.st_dev)) +
                                        ":" + std::to_string(minor(info.st_dev));
    const auto model = first_line(block / "device/model");
    if (!model.empty()) disk["model"] = model;
    const auto cache = first_line(block / "queue/write_cache");
    if (!cache.empty()) disk["write_cache"] = cache;
    disk["rotational"] = first_line(block / "queue/rotational") == "1";
  }
  return disk;
}

}  // namespace

/// jemalloc has this, glibc does not.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_bytes,
                                     void* new_value, std::size_t new_bytes);

namespace {
std::string allocator() {
  if (mallctl == nullptr) return "the C library's";
  const char* version = "";
  std::size_t bytes = sizeof version;
  if (mallctl("version", static_cast<void*>(&version), &bytes, nullptr, 0) != 0) return "jemalloc";
  return "jemalloc " + std::string(version).substr(0, std::string(version).find('-'));
}
}  // namespace

std::string filesystem_of(const std::filesystem::path& dir) { return mount_of(dir).first; }

nlohmann::json describe_machine(const std::filesystem::path& dir) {
  utsname system{};
  ::uname(&system);
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return {
      {"date", date},
      {"git_commit", git_commit()},
      {"tenax_version", TENAX_VERSION},
      {"host", system.nodename},
      {"kernel", std::string(system.sysname) + " " + system.release},
      {"cpu_model", proc_field("/proc/cpuinfo", "model name")},
      {"cores", std::thread::hardware_concurrency()},
      {"memory", proc_field("/proc/meminfo", "MemTotal")},
      {"load_average", first_line("/proc/loadavg")},
      {"compiler", std::string("g++ ") + __VERSION__},
#ifdef NDEBUG
      {"build", "release"},
#else
      {"build", "with asserts"},
#endif
      {"rocksdb", std::to_string(ROCKSDB_MAJOR) + "." + std::to_string(ROCKSDB_MINOR) + "." +
                      std::to_string(ROCKSDB_PATCH)},
      {"caf", std::to_string(CAF_VERSION / 10000) + "." + std::to_string(CAF_VERSION / 100 % 100) +
                  "." + std::to_string(CAF_VERSION % 100)},
      {"allocator", allocator()},
      {"disk", describe_disk(dir)},
  };
}

std::uint64_t rss_bytes() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::uint64_t peak_rss_bytes() {
  const auto text = proc_field("/proc/self/status", "VmHWM");  // "123456 kB"
  return text.empty() ? 0 : std::stoull(text) * 1'024;
}

namespace {

double usage_seconds(int whose) {
  rusage usage{};
  ::getrusage(whose, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

double cpu_seconds() { return usage_seconds(RUSAGE_SELF); }
double children_cpu_seconds() { return usage_seconds(RUSAGE_CHILDREN); }

double machine_cpu_seconds() {
  std::ifstream in("/proc/stat");
  std::string name;
  double user = 0;
  double nice = 0;
  double system = 0;
  double idle = 0;
  double io_wait = 0;
  double irq = 0;
  double soft_irq = 0;
  double steal = 0;
  in >> name >> user >> nice >> system >> idle >> io_wait >> irq >> soft_irq >> steal;
  return (user + nice + system + irq + soft_irq + steal) /
         static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t disk_written_bytes() {
  const auto text = proc_field("/proc/self/io", "write_bytes");
  return text.empty() ? 0 : std::stoull(text);
}

std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t wall_ms() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace tenax::bench
