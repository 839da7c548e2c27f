#include "http/server.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <exception>
#include <future>
#include <thread>
#include <utility>

#include "http/core.hpp"
#include "http/listener.hpp"
#include "http/loop.hpp"
#include "http/socket.hpp"

namespace tenax::http {

namespace {

/// Deadlines are kept to a quarter of the shortest.
std::chrono::milliseconds tick_of(const options& o) {
  using std::chrono::milliseconds;
  const auto shortest = std::min(
      {o.header_timeout, o.body_timeout, o.idle_timeout, o.write_timeout, o.comment_interval});
  return std::clamp(shortest / 4, milliseconds(5), milliseconds(1'000));
}

/// So that no two servers, and no two lives of one, give the same request ids.
std::string random_prefix() {
  constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuv";
  std::array<unsigned char, 10> bytes{};
  ::RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  std::string prefix;
  for (const auto byte : bytes) prefix += letters[byte % letters.size()];
  return prefix + "-";
}

result<void> check(const options& o) {
  const auto positive = {o.header_timeout, o.body_timeout, o.idle_timeout, o.write_timeout,
                         o.comment_interval};
  if (o.listen.empty() && o.unix_path.empty()) {
    return error(errc::invalid_argument, "nothing to listen on");
  }
  if (o.io_threads < 1 || o.io_threads > 64) {
    return error(errc::invalid_argument, "io_threads is not 1 to 64");
  }
  if (std::ranges::any_of(positive, [](auto t) { return t.count() <= 0; })) {
    return error(errc::invalid_argument, "a timeout is not positive");
  }
  return {};
}

}  // namespace

class server::impl {
 public:
  impl(options o, handler h) {
    const auto tick = tick_of(o);
    for (int i = 0; i < o.io_threads; ++i) loops_.push_back(std::make_shared<loop>(tick));
    core_ = std::make_shared<core>();
    core_->options = std::move(o);
    core_->handler = std::move(h);
    core_->id_prefix = random_prefix();
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { stop(std::chrono::milliseconds(0)); }

  result<void> listen() {
    if (core_->options.tls) {
      tls_ = std::make_shared<tls_source>(*core_->options.tls);
      if (auto loaded = tls_->load(); !loaded) return loaded;
    }
    for (const auto& address : core_->options.listen) {
      auto socket = listen_on_address(address);
      if (!socket) return socket.error();
      addresses_.push_back(local_address(socket->get()));
      add_listener(std::move(*socket), tls_);
    }
    if (core_->options.unix_path.empty()) return {};
    auto local = listen_on_unix(core_->options.unix_path);
    if (!local) return local.error();
    unix_file_ = std::move(local->file);
    add_listener(std::move(local->socket), nullptr);
    return {};
  }

  void run() {
    for (const auto& l : listeners_) l->wait();
    for (const auto& l : loops_) threads_.emplace_back([this, l] { run(*l); });
  }

  result<void> reload_tls() {
    return tls_ ? tls_->load()
                : error(errc::invalid_argument, "the server was started without TLS");
  }

  void stop(std::chrono::milliseconds grace) {
    if (threads_.empty()) return;
    stop_listening();
    const auto by = std::chrono::steady_clock::now() + grace;
    for (const auto& l : loops_) l->post([l = l.get(), by] { l->stop(by); });
    for (auto& t : threads_) t.join();
    threads_.clear();
    // A responder that somebody keeps holds its loop and this core; let it not hold, through them,
    // what the application's functions hold: that may be the responder.
    core_->handler = {};
    core_->options = {};
  }

  [[nodiscard]] const std::vector<std::string>& addresses() const noexcept { return addresses_; }
  [[nodiscard]] std::size_t connections() const noexcept { return core_->clients.size(); }

 private:
  void add_listener(file_descriptor socket, std::shared_ptr<tls_source> tls) {
    listeners_.push_back(
        std::make_shared<listener>(std::move(socket), core_, loops_, std::move(tls)));
  }

  /// What throws (no memory, an application's on_gone) costs its connection, by a deadline, not
  /// all.
  void run(loop& l) {
    while (true) {
      try {
        return l.run();
      } catch (const std::exception& e) {
        core_->report(std::string("an io thread goes on after: ") + e.what());
      }
    }
  }

  /// Before the loops stop: what a listener has handed to one is there then.
  void stop_listening() {
    std::promise<void> done;
    loops_.front()->post([&] {
      for (const auto& l : listeners_) l->close();
      done.set_value();
    });
    done.get_future().wait();
    listeners_.clear();
    unix_file_ = {};
  }

  std::shared_ptr<core> core_;
  std::vector<std::shared_ptr<loop>> loops_;
  std::vector<std::shared_ptr<listener>> listeners_;
  unix_file unix_file_;
  std::shared_ptr<tls_source> tls_;
  std::vector<std::string> addresses_;
  std::vector<std::thread> threads_;
};

result<server> server::start(options o, handler h) {
  if (auto fine = check(o); !fine) return fine.error();
  auto made = std::make_unique<impl>(std::move(o), std::move(h));
  if (auto listens = made->listen(); !listens) return listens.error();
  made->run();
  return server(std::move(made));
}

server::server(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
server::server(server&&) noexcept = default;
server& server::operator=(server&&) noexcept = default;
server::~server() = default;

const std::vector<std::string>& server::addresses() const noexcept { return impl_->addresses(); }
std::size_t server::connections() const noexcept { return impl_->connections(); }
result<void> server::reload_tls() { return impl_->reload_tls(); }
void server::stop(std::chrono::milliseconds grace) { impl_->stop(grace); }

}  // namespace tenax::http
