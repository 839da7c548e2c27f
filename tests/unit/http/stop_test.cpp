// The end of a server, and its Unix socket.
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "tests/unit/http/support.hpp"

using namespace tenax::http;
using namespace tenax::http::tests;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

void say_who(const request& r, const responder& to) { to.send({200, {}, r.remote + " " + r.path}); }

/// A directory of its own.
struct directory {
  directory() {
    std::string made = (fs::temp_directory_path() / "tenax-http-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(made.data()) != nullptr);
    path = made;
  }
  ~directory() { fs::remove_all(path); }
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  fs::path path;
};

tenax::result<server> start_at(const fs::path& path) {
  options o;
  o.unix_path = path.string();
  return server::start(std::move(o), say_who);
}

/// What a process that was killed leaves behind.
void leave_socket(const fs::path& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.string().copy(to.sun_path, sizeof to.sun_path - 1);
  BOOST_REQUIRE(::bind(fd, reinterpret_cast<const ::sockaddr*>(&to), sizeof to) == 0);
  ::close(fd);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stopping)

BOOST_AUTO_TEST_CASE(running_requests_are_answered_while_the_server_stops) {
  desk d;
  auto s = must_start({}, d.take());
  client running(s.addresses()[0]);
  client idle(s.addresses()[0]);
  client streaming(s.addresses()[0]);
  running.get("/");
  const auto to = d.next();
  streaming.get("/");
  const auto out = d.next().send_stream({});
  out.write("so far");
  idle.get("/");
  d.next().send({200, {}, "idle"});
  BOOST_TEST(idle.read().body == "idle");

  std::thread stops([&] { s.stop(10s); });
  BOOST_TEST(idle.is_closed());
  BOOST_TEST(streaming.read().body == "so far");
  BOOST_TEST(streaming.is_closed());
  streaming.close();
  BOOST_CHECK_THROW(client{s.addresses()[0]}, std::runtime_error);
  to.send({200, {}, "answered"});
  const auto a = running.read();
  BOOST_TEST(a.body == "answered");
  BOOST_TEST(a.headers.at("connection") == "close");
  running.close();
  stops.join();
}

BOOST_AUTO_TEST_CASE(what_is_not_answered_in_time_is_closed) {
  desk d;
  auto s = must_start({}, d.take());
  client c(s.addresses()[0]);
  c.get("/");
  const auto to = d.next();
  std::atomic<bool> told = false;
  to.on_gone([&] { told = true; });
  s.stop(20ms);
  BOOST_TEST(told);
  BOOST_TEST(c.is_closed());
  std::optional<bool> written;
  BOOST_TEST(!to.send({}, [&](bool ok) { written = ok; }));
  BOOST_TEST(!written.value());
}

BOOST_AUTO_TEST_CASE(a_responder_may_outlive_its_server) {
  desk d;
  std::optional<stream> out;
  std::optional<responder> to;
  {
    const auto s = must_start({}, d.take());
    client c(s.addresses()[0]);
    c.get("/");
    out = d.next().send_stream({});
    client other(s.addresses()[0]);
    other.get("/");
    to = d.next();
  }
  BOOST_TEST(!out->write("x"));
  out.reset();
  BOOST_TEST(!to->send({}));
}

BOOST_AUTO_TEST_CASE(servers_start_and_stop_under_load) {
  for (int i = 0; i < 20; ++i) {
    options o;
    o.io_threads = 2;
    auto s = must_start(std::move(o), say_who);
    std::atomic<bool> over = false;
    std::vector<std::thread> askers;
    for (int n = 0; n < 3; ++n) {
      askers.emplace_back([&, address = s.addresses()[0]] {
        try {
          while (!over) {
            client c(address);
            c.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            c.wait();
          }
        } catch (const std::runtime_error&) {
        }
      });
    }
    BOOST_REQUIRE(eventually([&] { return s.connections() > 0; }));
    s.stop(i % 2 == 0 ? 0ms : 50ms);
    BOOST_TEST(s.connections() == 0u);
    over = true;
    for (auto& a : askers) a.join();
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(unix_sockets)

BOOST_AUTO_TEST_CASE(a_unix_socket_is_its_owners_alone_and_goes_with_the_server) {
  const directory dir;
  const auto path = dir.path / "tenax.sock";
  {
    const ::mode_t before = ::umask(0);
    const auto s = start_at(path);
    ::umask(before);
    BOOST_REQUIRE(s.has_value());
    struct ::stat found {};
    BOOST_REQUIRE(::lstat(path.c_str(), &found) == 0);
    BOOST_TEST((found.st_mode & 07777) == 0600u);
    client c{client::at_path{path.string()}};
    c.send("GET /a HTTP/1.1\r\nHost: whatever\r\nOrigin: http://x\r\n\r\n");
    BOOST_TEST(c.read().body == "unix /a");
  }
  BOOST_TEST(!fs::exists(fs::symlink_status(path)));
}

BOOST_AUTO_TEST_CASE(the_socket_of_a_dead_process_is_replaced) {
  const directory dir;
  leave_socket(dir.path / "s");
  const auto s = start_at(dir.path / "s");
  BOOST_REQUIRE(s.has_value());
  client c{client::at_path{(dir.path / "s").string()}};
  c.get("/");
  BOOST_TEST(c.read().status == 200);
}

BOOST_AUTO_TEST_CASE(a_socket_that_somebody_listens_on_is_left_alone) {
  const directory dir;
  const auto first = start_at(dir.path / "s");
  BOOST_REQUIRE(first.has_value());
  const auto second = start_at(dir.path / "s");
  BOOST_REQUIRE(!second.has_value());
  BOOST_TEST((second.error().code() == tenax::errc::wrong_state));
  client c{client::at_path{(dir.path / "s").string()}};
  c.get("/");
  BOOST_TEST(c.read().status == 200);
}

BOOST_AUTO_TEST_CASE(what_is_no_socket_is_left_alone) {
  const directory dir;
  std::ofstream(dir.path / "file") << "precious";
  leave_socket(dir.path / "dead");
  fs::create_symlink(dir.path / "file", dir.path / "to_file");
  fs::create_symlink(dir.path / "dead", dir.path / "to_socket");
  fs::create_symlink(dir.path / "none", dir.path / "dangling");
  for (const char* name : {"file", "to_file", "to_socket", "dangling"}) {
    BOOST_TEST(!start_at(dir.path / name).has_value(), name);
    BOOST_TEST(fs::exists(fs::symlink_status(dir.path / name)), name);
  }
  BOOST_TEST(!fs::exists(dir.path / "none"));
  BOOST_TEST(fs::file_size(dir.path / "file") == 8u);
  BOOST_TEST(!start_at(dir.path / std::string(108, 'x')).has_value());
  BOOST_TEST(!start_at(dir.path / "no" / "such").has_value());
}

BOOST_AUTO_TEST_CASE(another_file_at_the_sockets_path_is_not_removed) {
  const directory dir;
  {
    const auto s = start_at(dir.path / "s");
    BOOST_REQUIRE(s.has_value());
    fs::remove(dir.path / "s");
    std::ofstream(dir.path / "s") << "somebody else's";
  }
  BOOST_TEST(fs::is_regular_file(dir.path / "s"));
}

BOOST_AUTO_TEST_SUITE_END()
