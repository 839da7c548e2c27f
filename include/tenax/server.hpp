// server.hpp - gives an engine an HTTP API (docs/server.md), in the program that embeds it. In a
// library of its own, tenax::server: who does not link it pays nothing. Depends on std only.
//
//   auto engine = tenax::engine::open("data", std::move(options));
//   auto server = tenax::server::start(*engine, {.unix_socket = "data/api.sock"});
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "tenax/engine.hpp"

namespace tenax {

/// What became of spans that were sent.
struct span_receipt {
  enum class kind : std::uint8_t {
    taken,
    refused,  ///< for good: they are dropped
    again     ///< the collector is not there, or has too much to do: later, these again
  };
  kind what = kind::taken;
  std::string why{};            ///< refused, again: for the log
  milliseconds retry_after{0};  ///< again: not before that
};

struct server_options {
  static constexpr int default_port = 8362;  ///< TENA on a telephone's keys

  /// "127.0.0.1:8362", "[::1]:8362", "localhost:8362"; port 0 is any free one. An address beyond
  /// loopback needs a token file, and TLS or a proxy that ends it.
  std::vector<std::string> listen = {};
  /// A Unix socket of mode 0600; empty: none. One that a dead process left is replaced. As
  /// DIR/api.sock in the data directory, `tenax cancel` and the like find it by themselves.
  std::filesystem::path unix_socket = {};
  /// Of `tenax token create`: who comes over TCP needs one of its tokens, with the scope of what is
  /// asked. Empty: everybody on this machine may do everything. The Unix socket needs none.
  std::filesystem::path token_file = {};
  /// PEM files; with them all of `listen` speaks TLS, 1.2 at least. The Unix socket does not.
  struct tls_files {
    std::filesystem::path certificate;  ///< with its chain
    std::filesystem::path key;          ///< without a passphrase; not for others to read
  };
  std::optional<tls_files> tls = {};
  /// A proxy in front ends TLS, and nobody else reaches `listen`: what comes there is not
  /// encrypted.
  bool proxy_ends_tls = false;
  /// What clients call this server, without port, beside the addresses it listens on and loopback's
  /// names: other hosts are answered 421. Needed where all addresses are listened on (0.0.0.0).
  std::vector<std::string> host_names = {};
  int io_threads = 1;               ///< 1 to 64; they read requests and write answers
  std::size_t request_threads = 2;  ///< 1 to 64; queries and large documents are for them
  std::size_t connections_max = 10'000;
  /// Sends spans of workflows and attempts to a collector of traces (docs/server.md): a JSON
  /// document for POST /v1/traces of OTLP/HTTP. Called by one thread of the server's, one document
  /// at a time; may take its time, and returns soon once `stop` is requested. Null: no spans are
  /// made. With it, set options::trace_context.
  std::function<span_receipt(const std::string& document, const std::stop_token& stop)> send_spans =
      {};
  log_sink log = {};  ///< what went wrong with nobody to be told; null: nothing is written
};

/// A running server. Its calls are thread safe, except move and destruction.
class server {
 public:
  /// Serves when it returns. The engine must neither be moved nor destroyed while this lives; it
  /// may be closed: requests are then answered 503. Errors: invalid_argument (an address or a
  /// number that is none; nothing to listen on; beyond loopback without tokens or TLS; files of
  /// these that are faulty or not their owner's alone), wrong_state (somebody listens there).
  static result<server> start(engine& target, server_options options);

  server(server&&) noexcept;
  server& operator=(server&&) noexcept;
  /// stop(0).
  ~server();

  /// server_options::listen with the ports that were taken.
  [[nodiscard]] const std::vector<std::string>& addresses() const noexcept;

  /// Reads the token file and the TLS files again: for a SIGHUP. What tokens allow, and what they
  /// do not any more, holds for requests that begin from now on (streams end, and their readers
  /// come again), a certificate for connections. Error: invalid_argument, also logged; what could
  /// not be read stays as it was.
  result<void> reload();

  /// Says at /readyz that no more should come, and answers those who wait for news. Everything else
  /// goes on. To be followed by engine::drain and `stop`.
  void drain();
  /// Drains, takes no new connection, lets requests that have begun be answered for `grace`, closes
  /// the rest, and returns when its threads have ended. What the engine was told to do it does all
  /// the same.
  void stop(milliseconds grace);

 private:
  class impl;
  explicit server(std::unique_ptr<impl> p) noexcept;
  std::unique_ptr<impl> impl_;
};

}  // namespace tenax
