// otlp.hpp - a collector of traces: OTLP/HTTP with JSON (opentelemetry.io/docs/specs/otlp).
// Depends on include/tenax and node/curl. A collector is used by one thread at a time.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "tenax/server.hpp"

namespace tenax::node {

/// What server_options::send_spans takes: posts documents to ENDPOINT/v1/traces, of "http://..." or
/// "https://...". Each within ten seconds, or until it is asked to stop. Error: invalid_argument.
[[nodiscard]] result<decltype(server_options::send_spans)> collector_of(
    const std::string& endpoint);

}  // namespace tenax::node
