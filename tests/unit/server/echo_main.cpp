// The limit of what the API is built on, for bench/server.sh: echo_main ADDRESS answers every
// request with its body.
#include <csignal>
#include <cstdio>

#include "http/server.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  ::sigset_t ends;
  ::sigemptyset(&ends);
  ::sigaddset(&ends, SIGTERM);
  ::sigaddset(&ends, SIGINT);
  ::sigprocmask(SIG_BLOCK, &ends, nullptr);
  auto server = tenax::http::server::start(
      {.listen = {argv[1]}, .connections_per_address_max = 10'000},
      [](tenax::http::request r, const tenax::http::responder& to) {
        to.send({201, {{"Content-Type", "application/json"}}, std::move(r.body)});
      });
  if (!server) return std::fprintf(stderr, "%s\n", server.error().message().c_str()), 1;
  int got = 0;
  ::sigwait(&ends, &got);
  server->stop(std::chrono::milliseconds(0));
}
