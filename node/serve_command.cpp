#include "node/serve_command.hpp"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "node/engines.hpp"
#include "node/signals.hpp"
#include "tenax/server.hpp"

namespace tenax::node {

namespace {

constexpr milliseconds look_every{1'000};
/// For requests, after handlers had theirs.
constexpr milliseconds answer_time{1'000};

server_options make_server(const common_options& common, const serve_options& o) {
  server_options out;
  out.listen = o.listen;
  if (out.listen.empty())
    out.listen = {"127.0.0.1:" + std::to_string(server_options::default_port)};
  out.unix_socket = o.socket ? std::filesystem::path(*o.socket) : socket_of(common.data_dir);
  if (o.token_file) out.token_file = *o.token_file;
  if (o.tls_certificate || o.tls_key)
    out.tls = {o.tls_certificate.value_or(""), o.tls_key.value_or("")};
  out.proxy_ends_tls = o.proxy_ends_tls;
  out.host_names = o.host_names;
  out.log = make_log(common.log_level);
  return out;
}

void tell_places(const common_options& common, const server& front, const server_options& as) {
  const auto socket = as.unix_socket.string();
  if (common.json) {
    print_line({{"listening", front.addresses()}, {"socket", socket}});
  } else {
    std::string text = "serving on";
    const auto* const scheme = as.tls ? " https://" : " http://";
    for (const auto& address : front.addresses()) text += scheme + address;
    print(text + " and " + printable(socket) + '\n');
  }
  (void)std::fflush(stdout);
}

}  // namespace

int serve_command(const common_options& common, const serve_options& o) {
  if (const auto no = needs_directory(common, "serve"))
    return report_error(common, "cannot serve", *no);
  if (const auto faults = faults_of(o.how); !faults.empty()) return report_usage(common, faults);
  const auto counters = std::make_shared<attempt_counters>();
  const signals alarm(signals::hangup::is_asked);
  auto opts = engine_options(o.how, counters);
  opts.log = make_log(common.log_level);
  opts.on_stopped = [&alarm](const error&) { alarm.wake(); };
  auto opened = engine::open(common.data_dir, std::move(opts));
  if (!opened)
    return report_error(common, "cannot open the data directory",
                        explained(opened.error(), common.data_dir));
  auto& target = *opened;
  const auto places = make_server(common, o);
  auto front = server::start(target, places);
  if (!front) return report_error(common, "cannot serve", front.error());
  tell_places(common, *front, places);

  while (!alarm.interrupted() && target.healthy()) {
    alarm.wait(look_every);
    if (alarm.take_hangup()) (void)front->reload();  // it logs what is wrong
  }
  const bool is_healthy = target.healthy();
  if (is_healthy && !common.json)
    complain("stopping; once more to leave at once, which loses nothing either");
  front->drain();
  (void)target.drain(milliseconds(o.drain_ms));
  front->stop(answer_time);
  target.close();
  if (is_healthy) return finish_output(exit_ok);
  return report_error(common, "the engine",
                      error{errc::stopped,
                            "it has stopped by itself (its log says why); once that "
                            "is mended, the same command goes on"});
}

}  // namespace tenax::node
