#include "http/listener.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <ctime>
#include <system_error>
#include <utility>

namespace tenax::http {

listener::listener(file_descriptor socket, std::shared_ptr<core> shared,
                   std::vector<std::shared_ptr<loop>> loops, std::shared_ptr<tls_source> tls)
    : core_(std::move(shared)),
      loops_(std::move(loops)),
      tls_(std::move(tls)),
      socket_(loops_.front()->context(), socket.release()),
      pause_(loops_.front()->context()) {}

void listener::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& failure) {
                       if (!failure) self->take_some();
                     });
}

void listener::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  pause_.cancel();
}

/// Some at once, not all: those who are connected must not wait for a crowd at the door.
void listener::take_some() {
  for (int n = 0; n < 64; ++n) {
    auto client = accept_from(socket_.native_handle());
    if (client) {
      place(std::move(*client));
      continue;
    }
    const bool is_short = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    if (is_short) return pause();
    break;
  }
  wait();
}

void listener::pause() {
  core_->report("no connection can be taken: " + std::generic_category().message(errno));
  pause_.expires_after(std::chrono::milliseconds(100));
  pause_.async_wait([self = shared_from_this()](const boost::system::error_code& failure) {
    if (!failure) self->take_some();
  });
}

void listener::place(accepted a) {
  const auto& o = core_->options;
  if (!core_->clients.enter(a.counted, o.connections_max, o.connections_per_address_max)) {
    if (tls_) return;  // no time for a handshake
    const auto full = core_->refusal({503, "too many connections"}, {});
    const auto head = format_head(full, {.keep_alive = false, .now = std::time(nullptr)});
    return send_now(a.socket.get(), head + full.body);
  }
  set_patience(a, o.write_timeout);
  const auto& at = loops_[next_++ % loops_.size()];
  at->post([shared = core_, tls = tls_, at, a = std::move(a)]() mutable {
    auto bytes = tls ? tls->make_transport(at->context(), a.family, std::move(a.socket))
                     : plain_transport(at->context(), a.family, std::move(a.socket));
    connection::peer from{std::move(a.address), std::move(a.counted), a.family == AF_UNIX};
    at->add(std::make_shared<connection>(std::move(shared), at, std::move(from), std::move(bytes)));
  });
}

}  // namespace tenax::http
