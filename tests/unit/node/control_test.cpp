// The socket of a running `tenax run`: who is answered, and what is left in the directory.
#include "node/control.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <cstring>

#include "node/json_output.hpp"
#include "tests/unit/node/support.hpp"

using namespace tenax;
using namespace tenax::node;
namespace fs = std::filesystem;

namespace {

/// A socket of that name, bound (or connected); closed at the end, the name stays.
class raw_socket {
 public:
  ~raw_socket() { ::close(fd_); }
  raw_socket() = default;
  raw_socket(const raw_socket&) = delete;
  raw_socket& operator=(const raw_socket&) = delete;
  void bind(const fs::path& to) const {
    const auto at = address(to);
    BOOST_REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  }
  void connect(const fs::path& to) const {
    const auto at = address(to);
    BOOST_REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  }

 private:
  static sockaddr_un address(const fs::path& path) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
    return at;
  }
  int fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

control_server::backup_function note(std::string& asked) {
  return [&asked](const fs::path& target) {
    asked = target.string();
    return result<void>{};
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(control_test)

BOOST_AUTO_TEST_CASE(a_request_reaches_the_owner_and_its_end_leaves_no_socket) {
  const node_test::temp_dir dir;
  const auto file = dir.path() / "control.sock";
  { raw_socket().bind(file); }  // of a process that died
  BOOST_TEST(!ask_for_backup(dir.path(), "/x"));
  std::string asked;
  {
    const auto server = control_server::start(dir.path(), note(asked));
    BOOST_REQUIRE(server);
    struct stat info {};
    BOOST_REQUIRE(::lstat(file.c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 07777U) == 0600U);
    for (const std::string target : {"/one", "/with \"quotes\" and\nlines"}) {
      const auto answer = ask_for_backup(dir.path(), target);
      BOOST_REQUIRE(answer);
      BOOST_TEST(answer->has_value());
      BOOST_TEST(asked == target);
    }
  }
  BOOST_TEST(!fs::exists(fs::symlink_status(file)));
  BOOST_TEST(!ask_for_backup(dir.path(), "/x"));
}

BOOST_AUTO_TEST_CASE(an_error_comes_back_as_it_was) {
  const node_test::temp_dir dir;
  const auto server = control_server::start(dir.path(), [](const fs::path&) -> result<void> {
    return error{errc::stopped, "because"};
  });
  BOOST_REQUIRE(server);
  const auto answer = ask_for_backup(dir.path(), "/x");
  BOOST_REQUIRE(answer);
  BOOST_REQUIRE(!*answer);
  BOOST_TEST((answer->error().code() == errc::stopped));
  BOOST_TEST(answer->error().message() == "because");
}

BOOST_AUTO_TEST_CASE(a_path_longer_than_a_socket_address_is_reached_too) {
  const node_test::temp_dir dir;
  const auto deep = dir.path() / std::string(100, 'a') / std::string(100, 'b');
  fs::create_directories(deep);
  std::string asked;
  {
    const auto server = control_server::start(deep, note(asked));
    BOOST_REQUIRE(server);
    BOOST_TEST(fs::is_socket(deep / "control.sock"));
    const auto answer = ask_for_backup(deep, "/y");
    BOOST_TEST((answer && answer->has_value()));
  }
  BOOST_TEST(asked == "/y");
  BOOST_TEST(fs::is_empty(deep));
}

BOOST_AUTO_TEST_CASE(what_is_no_socket_is_left_alone) {
  const node_test::temp_dir dir;
  const auto file = dir.file("control.sock", "precious");
  std::string asked;
  BOOST_TEST(!control_server::start(dir.path(), note(asked)));
  BOOST_TEST(fs::file_size(file) == 8u);
  BOOST_TEST(!ask_for_backup(dir.path(), "/x"));
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_refused_and_does_nothing) {
  std::string asked;
  for (const auto* line :
       {"", "x", "[]", "{}", R"({"verb":"stop"})", R"({"verb":"backup"})",
        R"({"verb":"backup","target":"relative"})", R"({"verb":"backup","target":7})"}) {
    const auto answer = json::parse(answer_request(line, note(asked)));
    BOOST_TEST(answer["error"]["code"] == "invalid_argument", line);
  }
  BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(who_connects_and_says_nothing_does_not_keep_the_server_from_ending) {
  const node_test::temp_dir dir;
  std::string asked;
  const raw_socket silent;
  {
    const auto server = control_server::start(dir.path(), note(asked));
    BOOST_REQUIRE(server);
    silent.connect(dir.path() / "control.sock");
  }
  BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_SUITE_END()
