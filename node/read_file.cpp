#include "node/read_file.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "tenax/limits.hpp"

namespace tenax::node {

result<std::string> read_file(const std::string& name) {
  const auto failed = [](std::string what, int code) {
    return error{errc::invalid_argument, std::move(what) + ": " + std::strerror(code)};
  };
  struct closer {
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
  };
  const std::unique_ptr<std::FILE, closer> file{std::fopen(name.c_str(), "rbe")};
  if (!file) return failed("cannot be opened", errno);
  struct stat info {};
  if (::fstat(::fileno(file.get()), &info) != 0) return failed("cannot be examined", errno);
  if (S_ISDIR(info.st_mode)) return error{errc::invalid_argument, "is a directory"};

  const auto bytes_max = limits{}.spec_bytes_max;
  std::string text;
  std::array<char, 64 * 1024> buffer{};
  while (text.size() <= bytes_max) {
    const auto n = std::fread(buffer.data(), 1, buffer.size(), file.get());
    if (n == 0) break;
    text.append(buffer.data(), n);
  }
  if (std::ferror(file.get()) != 0) return failed("cannot be read", errno);
  if (text.size() > bytes_max) {
    const auto size = S_ISREG(info.st_mode) ? std::to_string(info.st_size) + " bytes, " : "";
    return error{errc::invalid_argument, "is too large: " + size + "more than spec_bytes_max (" +
                                             std::to_string(bytes_max) + ")"};
  }
  return text;
}

}  // namespace tenax::node
