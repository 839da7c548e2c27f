// places.hpp - where a server may listen, and under which names. Depends on include/tenax only.
// Pure but for looks at files.
#pragma once

#include <string>
#include <vector>

#include "tenax/server.hpp"

namespace tenax::api {

/// Whether only this machine reaches all of them.
[[nodiscard]] bool is_all_loopback(const std::vector<std::string>& addresses);

/// Beyond loopback neither tokens nor TLS may be missing: the error says what to do.
[[nodiscard]] result<void> check_places(const server_options& o);

/// The key must not be for everybody to read.
[[nodiscard]] result<void> check_tls(const server_options::tls_files& files);

/// What Host may be.
[[nodiscard]] std::vector<std::string> hosts_of(const server_options& o);

}  // namespace tenax::api
