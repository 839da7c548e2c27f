#include "tenax/server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "http/router.hpp"
#include "http/server.hpp"
#include "node/api/gate.hpp"
#include "node/api/page.hpp"
#include "node/api/places.hpp"
#include "node/api/routes.hpp"

namespace tenax {

namespace {

/// A spec may be as large as that, and a body has little more than a spec or a payload.
constexpr std::size_t body_bytes_beside = 64 * 1024;

/// Of one client beyond this machine.
constexpr std::size_t connections_per_address = 1'000;

result<void> check(const server_options& o) {
  if (o.request_threads < 1 || o.request_threads > 64) {
    return error(errc::invalid_argument, "request_threads is not 1 to 64");
  }
  return api::check_places(o);
}

/// As many as there are file descriptors for, beside those of the engine: without one it stops.
std::size_t connections_of(const server_options& o) {
  constexpr std::size_t of_others = 768;  // RocksDB's 512 tables, logs, pipes of exec
  struct ::rlimit files {};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) {
    return o.connections_max;
  }
  const auto free = files.rlim_cur - std::min<rlim_t>(files.rlim_cur - 64, of_others);
  if (free >= o.connections_max) return o.connections_max;
  if (o.log) {
    o.log(log_level::warning, "server: at most " + std::to_string(free) + " connections, not " +
                                  std::to_string(o.connections_max) + ": the process may have " +
                                  std::to_string(files.rlim_cur) + " files open (ulimit -n)");
  }
  return free;
}

http::options http_options(const server_options& o, const limits& bounds) {
  http::options h;
  h.listen = o.listen;
  h.unix_path = o.unix_socket.string();
  h.io_threads = o.io_threads;
  h.connections_max = connections_of(o);
  const bool is_one_address = api::is_all_loopback(o.listen) || o.proxy_ends_tls;
  h.connections_per_address_max =
      is_one_address ? h.connections_max : std::min(h.connections_max / 2, connections_per_address);
  h.origins.allowed_hosts = api::hosts_of(o);
  if (o.tls) h.tls = http::tls_options{o.tls->certificate.string(), o.tls->key.string(), {}};
  h.limits.body_bytes_max =
      std::max(bounds.spec_bytes_max, bounds.payload_bytes_max) + body_bytes_beside;
  h.refusal = api::refusal;
  if (o.log) {
    h.report = [log = o.log](std::string_view what) {
      log(log_level::error, "server: " + std::string(what));
    };
  }
  return h;
}

/// Who may ask it, before a body is read. What is refused counts, too.
http::router::guard make_guard(const std::shared_ptr<api::service>& at, api::scope needs,
                               api::route_figures& figures) {
  return [at, needs, &figures](const http::request& head) {
    auto refused = at->locks->admit(head, needs).refused;
    if (!refused) return refused;
    figures.count(refused->status, std::chrono::nanoseconds(0), false);
    if (at->log) {
      at->log(log_level::info,
              head.method + " " + head.path + ": " + std::to_string(refused->status) + " for " +
                  head.remote,
              {.request_id = head.id});
    }
    return refused;
  };
}

std::shared_ptr<http::router> make_router(const std::shared_ptr<api::service>& at) {
  auto made = std::make_shared<http::router>();
  auto& router = *made;
  router.set_refusal(api::refusal);
  router.set_guard(
      [at](const http::request& head) { return at->locks->admit(head, std::nullopt).refused; });
  const auto add = [&](const api::route& r) {
    auto& figures = at->figures.emplace_back(r.method, r.path);
    router.add(
        std::string(r.method), r.path,
        [at, &figures, &r](http::request asked, http::responder to) {
          const api::call c(at, r, figures, std::move(asked), std::move(to));
          // Its body may have taken so long that its token is none any more.
          if (const auto& refused = c.refused()) return c.answer(*refused);
          if (r.takes == api::route::query::none && !c.request().query.empty()) {
            return c.refuse(error(errc::invalid_argument, "this takes no query parameters"));
          }
          r.run(c);
        },
        make_guard(at, r.needs, figures));
  };
  std::ranges::for_each(api::all_routes(), add);
  std::ranges::for_each(api::page_routes(), add);
  return made;
}

}  // namespace

class server::impl {
 public:
  static result<std::unique_ptr<impl>> start(engine& target, const server_options& o) {
    if (auto fine = check(o); !fine) return fine.error();
    auto made = std::make_unique<impl>(o);
    if (auto read = made->locks_->load(); !read) return read.error();
    made->service_ = std::make_shared<api::service>(target, o.request_threads,
                                                    o.connections_max / 2, made->locks_, o.log);
    if (o.send_spans)
      made->service_->traced = std::make_unique<api::traces>(target, o.send_spans, o.log);
    const auto router = make_router(made->service_);
    auto with = http_options(o, made->service_->bounds);
    with.admit = [router](const http::request& head) {
      auto refused = api::refuse_at_sight(head);
      return refused ? std::move(refused) : router->admit(head);
    };
    auto started = http::server::start(
        std::move(with),
        [router](http::request r, http::responder to) { (*router)(std::move(r), std::move(to)); });
    if (!started) return started.error();
    made->http_ = std::make_unique<http::server>(std::move(*started));
    made->service_->front = made->http_.get();
    return made;
  }
  explicit impl(const server_options& o)
      : tls_(o.tls), log_(o.log), locks_(std::make_shared<api::gate>(o.token_file)) {}
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { stop(milliseconds(0)); }

  [[nodiscard]] const std::vector<std::string>& addresses() const { return http_->addresses(); }
  result<void> reload() {
    auto tokens = told(locks_->load(), "the tokens stay as they were: ");
    service_->streamed->end_all();  // who may go on comes again
    if (!tls_) return tokens;
    const auto still = "the certificate stays as it was: ";
    auto tls = told(api::check_tls(*tls_), still);
    if (tls) tls = told(http_->reload_tls(), still);
    return tokens ? std::move(tls) : std::move(tokens);
  }
  void drain() { service_->release(); }
  void stop(milliseconds grace) {
    if (service_) drain();
    if (http_) http_->stop(grace);
    if (service_) service_->stop();
  }

 private:
  [[nodiscard]] result<void> told(result<void> r, const char* what) const {
    if (!r && log_) log_(log_level::error, "server: " + (what + r.error().message()));
    return r;
  }

  const std::optional<server_options::tls_files> tls_;
  const log_sink log_;
  const std::shared_ptr<api::gate> locks_;
  std::shared_ptr<api::service> service_;
  std::unique_ptr<http::server> http_;
};

result<server> server::start(engine& target, server_options options) {
  auto made = impl::start(target, options);
  if (!made) return made.error();
  return server(std::move(*made));
}

server::server(std::unique_ptr<impl> p) noexcept : impl_(std::move(p)) {}
server::server(server&&) noexcept = default;
server& server::operator=(server&&) noexcept = default;
server::~server() = default;

const std::vector<std::string>& server::addresses() const noexcept { return impl_->addresses(); }
result<void> server::reload() { return impl_->reload(); }
void server::drain() { impl_->drain(); }
void server::stop(milliseconds grace) { impl_->stop(grace); }

}  // namespace tenax
