// What systemd is told, by a socket that stands for it.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdlib>
#include <string>

#include "node/notify.hpp"
#include "tests/unit/node/support.hpp"

using namespace tenax::node;

namespace {

/// A NOTIFY_SOCKET; "@..." has no file.
class manager {
 public:
  explicit manager(const std::string& name) : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    ::sockaddr_un at{};
    at.sun_family = AF_UNIX;
    name.copy(at.sun_path, sizeof at.sun_path - 1);
    if (name[0] == '@') at.sun_path[0] = '\0';
    const auto size = static_cast<::socklen_t>(offsetof(::sockaddr_un, sun_path) + name.size());
    BOOST_REQUIRE(::bind(fd_, reinterpret_cast<const ::sockaddr*>(&at), size) == 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~manager() {
    ::close(fd_);
    for (const auto* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  manager(const manager&) = delete;
  manager& operator=(const manager&) = delete;

  [[nodiscard]] std::string told() const {
    char text[1'000];
    const auto n = ::recv(fd_, text, sizeof text, MSG_DONTWAIT);
    return n < 0 ? "" : std::string(text, static_cast<std::size_t>(n));
  }

 private:
  int fd_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(notify, node_test::temp_dir)

BOOST_AUTO_TEST_CASE(systemd_is_told_what_a_service_does) {
  for (const auto& name :
       {(path() / "notify").string(), "@tenax-test-" + std::to_string(::getpid())}) {
    const manager systemd(name);
    const service_manager service;
    BOOST_TEST(!service.watchdog().has_value());
    service.ready("serving\non");
    BOOST_TEST(systemd.told() == "READY=1\nSTATUS=serving\\non");
    service.reloading();
    BOOST_TEST(systemd.told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    service.status("draining");
    BOOST_TEST(systemd.told() == "STATUS=draining");
    service.alive();
    BOOST_TEST(systemd.told() == "WATCHDOG=1");
    service.stopping();
    BOOST_TEST(systemd.told().starts_with("STOPPING=1\n"));
  }
}

BOOST_AUTO_TEST_CASE(
    the_watchdog_is_told_three_times_in_its_time_and_only_if_it_asks_this_process) {
  const manager systemd((path() / "notify").string());
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  BOOST_TEST(service_manager().watchdog()->count() == 10'000);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  BOOST_TEST(service_manager().watchdog()->count() == 10'000);
  ::setenv("WATCHDOG_PID", "1", 1);
  BOOST_TEST(!service_manager().watchdog());
  ::unsetenv("WATCHDOG_PID");
  for (const auto* wrong : {"", "x", "0", "-1", "1s"}) {
    ::setenv("WATCHDOG_USEC", wrong, 1);
    BOOST_TEST(!service_manager().watchdog(), wrong);
  }
}

BOOST_AUTO_TEST_CASE(without_systemd_nobody_is_told) {
  ::unsetenv("NOTIFY_SOCKET");
  service_manager().ready("x");
  ::setenv("NOTIFY_SOCKET", (path() / "nobody").c_str(), 1);
  service_manager().ready("x");
  ::setenv("NOTIFY_SOCKET", std::string(300, 'x').c_str(), 1);
  service_manager().ready("x");
  ::unsetenv("NOTIFY_SOCKET");
}

BOOST_AUTO_TEST_SUITE_END()
