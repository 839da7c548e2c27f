#include "node/serve_command.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "node/demo.hpp"
#include "node/engines.hpp"
#include "node/notify.hpp"
#include "node/otlp.hpp"
#include "node/signals.hpp"
#include "tenax/server.hpp"

namespace tenax::node {

namespace {

constexpr std::string_view demo_data_dir = "tenax-demo";
constexpr milliseconds look_every{1'000};
/// For requests, after handlers had theirs.
constexpr milliseconds requests_grace{1'000};

log_sink make_log(const common_options& common, const serve_options& o) {
  return make_log(common.log_level, {},
                  o.log_format == "json" ? log_format::json : log_format::text);
}

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
  out.log = make_log(common, o);
  return out;
}

std::string places_of(const server& front, const server_options& as) {
  std::string text = "serving on";
  const auto* const scheme = as.tls ? " https://" : " http://";
  for (const auto& address : front.addresses()) text += scheme + address;
  return text + " and " + printable(as.unix_socket.string());
}

void tell_places(const common_options& common, const server& front, const server_options& as) {
  if (common.json)
    print_line({{"listening", front.addresses()}, {"socket", as.unix_socket.string()}});
  else
    print(places_of(front, as) + '\n');
  (void)std::fflush(stdout);
}

void tell_demo(const server& front, const server_options& as) {
  print(std::string("look at ") + (as.tls ? "https://" : "http://") + front.addresses().front() +
        "/ and find out why four of five workflows do not go on\n");
  (void)std::fflush(stdout);
}

/// Until a signal, or until the engine has stopped by itself. The watchdog is for the latter, too,
/// and for this thread.
void serve_until_the_end(const signals& alarm, engine& target, server& front,
                         const service_manager& manager, const std::string& status) {
  const auto every = std::min(manager.watchdog().value_or(look_every), look_every);
  manager.ready(status);
  while (!alarm.interrupted() && target.healthy()) {
    manager.alive();
    alarm.wait(every);
    if (!alarm.take_hangup()) continue;
    manager.reloading();
    const auto read = front.reload();  // it logs what is wrong
    manager.ready(read ? status : status + "; the last reload failed: " + read.error().message());
  }
  manager.stopping();
}

/// As many as the system allows: each connection is one, and an engine without one stops.
void raise_file_limit() {
  struct ::rlimit files {};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  constexpr rlim_t most = 65'536;
  files.rlim_cur = std::max(files.rlim_cur, std::min(files.rlim_max, most));
  (void)::setrlimit(RLIMIT_NOFILE, &files);  // else the server takes fewer connections, and says so
}

}  // namespace

int serve_command(const common_options& given, const serve_options& o) {
  auto common = given;
  if (o.demo && common.data_dir == default_data_dir) common.data_dir = demo_data_dir;
  if (const auto no = needs_directory(common, "serve"))
    return report_error(common, "cannot serve", *no);
  if (const auto faults = faults_of(o.how); !faults.empty()) return report_usage(common, faults);
  if (o.how.allow_exec && !o.token_file)
    complain(
        "any user of this machine can have this server run programs: --token-file FILE locks the "
        "address, --exec-program PATH says which programs");
  if (!o.how.secrets_dir.empty() && !o.token_file)
    complain(
        "any user of this machine can have this server send its secrets to the allowed hosts: "
        "--token-file FILE locks the address");
  for (const auto& w : o.warnings) complain(w);
  raise_file_limit();
  const auto counters = std::make_shared<attempt_counters>();
  const service_manager manager;
  const signals alarm(signals::hangup::is_asked);
  auto places = make_server(common, o);
  if (o.otlp_endpoint) {
    auto collector = collector_of(*o.otlp_endpoint);
    if (!collector) return report_error(common, "cannot serve", collector.error());
    places.send_spans = std::move(*collector);
  }
  auto opts = engine_options(o.how, counters);
  opts.trace_context = o.otlp_endpoint.has_value();
  opts.log = make_log(common, o);
  if (o.demo) demo::add_types(opts);
  opts.on_stopped = [&alarm](const error&) { alarm.wake(); };
  opts.paused = true;  // nothing begins that could not be served
  auto opened = engine::open(common.data_dir, std::move(opts));
  if (!opened)
    return report_error(common, "cannot open the data directory",
                        explained(opened.error(), common.data_dir));
  auto& target = *opened;
  auto front = server::start(target, places);
  if (!front) return report_error(common, "cannot serve", front.error());
  target.start();
  tell_places(common, *front, places);
  std::optional<demo> shown;
  if (o.demo) {
    if (const auto made = demo::submit(target); !made)
      return report_error(common, "cannot submit the workflows of the demo", made.error());
    shown.emplace(target);
    if (!common.json) tell_demo(*front, places);
  }

  serve_until_the_end(alarm, target, *front, manager, places_of(*front, places));
  const bool is_healthy = target.healthy();
  if (is_healthy && !common.json)
    complain("stopping; once more to leave at once, which loses nothing either");
  front->drain();
  shown.reset();
  (void)target.drain(milliseconds(o.drain_ms));
  front->stop(requests_grace);
  target.close();
  if (is_healthy) return finish_output(exit_ok);
  return report_error(common, "the engine",
                      error{errc::stopped,
                            "it has stopped by itself (its log says why); once that "
                            "is mended, the same command goes on"});
}

int print_config_command(const common_options& common, const std::vector<settings::row>& rows,
                         const std::vector<std::string>& warnings) {
  for (const auto& w : warnings) complain(w);
  if (common.json) {
    json all = json::array();
    for (const auto& r : rows) {
      json value = r.is_list ? json(r.values) : r.values.empty() ? json() : json(r.values.front());
      all.push_back({{"key", r.key}, {"value", std::move(value)}, {"from", r.from}});
    }
    print_line({{"settings", std::move(all)}});
    return finish_output(exit_ok);
  }
  table out({"SETTING", "VALUE", "FROM"});
  for (const auto& r : rows) {
    std::string text;
    for (const auto& v : r.values) (text += text.empty() ? "" : ", ") += printable(v);
    out.add({r.key, text.empty() ? "-" : text, printable(r.from)});
  }
  print(out.text());
  return finish_output(exit_ok);
}

}  // namespace tenax::node
