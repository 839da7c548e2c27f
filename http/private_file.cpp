#include "http/private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "http/file_descriptor.hpp"

namespace tenax::http {

namespace {

error no_file(const std::filesystem::path& file, const std::string& what) {
  const int code = errno;
  return {code == ENOENT ? errc::not_found : errc::invalid_argument,
          what + " " + file.string() + ": " + std::generic_category().message(code)};
}

}  // namespace

result<std::string> read_private_file(const std::filesystem::path& file, const std::string& what,
                                      std::size_t bytes_max) {
  const file_descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct ::stat found {};
  if (!from || ::fstat(from.get(), &found) != 0) return no_file(file, what);
  const auto refuse = [&](const std::string& why) {
    return error(errc::invalid_argument, what + " " + file.string() + " " + why);
  };
  if (!S_ISREG(found.st_mode)) return refuse("is no file");
  const auto me = ::geteuid();
  if (found.st_uid != me && found.st_uid != 0 && me != 0) return refuse("is of another user");
  if ((found.st_mode & 077) != 0) {
    return refuse("can be read or written by others than its owner: chmod 600 it");
  }
  if (static_cast<std::size_t>(found.st_size) > bytes_max) return refuse("is too large");
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const auto n = ::read(from.get(), text.data() + have, text.size() - have);
    if (n < 0) return no_file(file, what);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  text.resize(have);
  return text;
}

}  // namespace tenax::http
