#include "tenax/server.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "http/router.hpp"
#include "http/server.hpp"
#include "node/api/routes.hpp"

namespace tenax {

namespace {

/// A spec may be as large as that, and a body has little more than a spec or a payload.
constexpr std::size_t body_bytes_beside = 64 * 1024;

bool is_loopback(const std::string& address) {
  const auto colon = address.rfind(':');
  const auto host = address.substr(0, colon);
  if (host == "localhost" || host == "[::1]") return true;
  ::in_addr ip{};
  return ::inet_pton(AF_INET, host.c_str(), &ip) == 1 && (ntohl(ip.s_addr) >> 24) == 127;
}

result<void> check(const server_options& o) {
  for (const auto& address : o.listen) {
    if (!is_loopback(address)) {
      return error(errc::invalid_argument,
                   "cannot listen on " + address +
                       ": only loopback (127.0.0.1, [::1], localhost) is allowed, because who "
                       "reaches the API may do everything: it has no tokens and no TLS yet");
    }
  }
  if (o.request_threads < 1 || o.request_threads > 64) {
    return error(errc::invalid_argument, "request_threads is not 1 to 64");
  }
  return {};
}

http::options http_options(const server_options& o, const limits& bounds) {
  http::options h;
  h.listen = o.listen;
  h.unix_path = o.unix_socket.string();
  h.io_threads = o.io_threads;
  h.connections_max = o.connections_max;
  h.connections_per_address_max = o.connections_max;  // loopback is one address
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

http::router make_router(const std::shared_ptr<api::service>& at) {
  http::router router;
  router.set_refusal(api::refusal);
  for (const auto& r : api::all_routes()) {
    auto& figures = at->figures.emplace_back(r.method, r.path);
    router.add(std::string(r.method), r.path,
               [at, &figures, &r](http::request asked, http::responder to) {
                 const api::call c(at, figures, std::move(asked), std::move(to));
                 if (r.takes == api::route::query::none && !c.request().query.empty()) {
                   return c.refuse(error(errc::invalid_argument, "this takes no query parameters"));
                 }
                 r.run(c);
               });
  }
  return router;
}

}  // namespace

class server::impl {
 public:
  static result<std::unique_ptr<impl>> start(engine& target, const server_options& o) {
    if (auto fine = check(o); !fine) return fine.error();
    auto made = std::make_unique<impl>();
    made->service_ = std::make_shared<api::service>(target, o.request_threads);
    auto started =
        http::server::start(http_options(o, made->service_->bounds), make_router(made->service_));
    if (!started) return started.error();
    made->http_ = std::make_unique<http::server>(std::move(*started));
    made->service_->front = made->http_.get();
    return made;
  }
  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { stop(milliseconds(0)); }

  [[nodiscard]] const std::vector<std::string>& addresses() const { return http_->addresses(); }
  void drain() {
    service_->draining = true;
    service_->parked->release();
    service_->workers->release();
  }
  void stop(milliseconds grace) {
    if (service_) drain();
    if (http_) http_->stop(grace);
    if (service_) service_->stop();
  }

 private:
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
void server::drain() { impl_->drain(); }
void server::stop(milliseconds grace) { impl_->stop(grace); }

}  // namespace tenax
