// serve_command.hpp - the command that gives a data directory an HTTP API.
// Depends on node/. Main thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node/command.hpp"
#include "node/run_options.hpp"
#include "node/settings.hpp"

namespace tenax::node {

struct serve_options {
  std::vector<std::string> listen;    ///< empty: loopback at the default port
  std::optional<std::string> socket;  ///< default: DIR/api.sock
  std::optional<std::string> token_file;
  std::optional<std::string> tls_certificate;
  std::optional<std::string> tls_key;
  bool proxy_ends_tls = false;
  std::vector<std::string> host_names;
  std::optional<std::string> otlp_endpoint;  ///< of a collector of traces
  std::string log_format = "text";           ///< text | json
  std::uint64_t drain_ms = 10'000;           ///< for handlers that run, and for requests
  bool demo = false;                         ///< with workflows to look at, and a worker
  std::vector<std::string> warnings;         ///< about the settings
  run_options how;                           ///< what workflows run under; no files
};

/// Serves until SIGINT or SIGTERM, then ends in order: 0. SIGHUP reads the tokens and
/// the certificate again.
int serve_command(const common_options& common, const serve_options& o);

/// Prints each setting with where it comes from, and what is odd about them.
int print_config_command(const common_options& common, const std::vector<settings::row>& rows,
                         const std::vector<std::string>& warnings);

}  // namespace tenax::node
