#include "node/api/places.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "http/text.hpp"
#include "http/uri.hpp"

namespace tenax::api {

namespace {

/// "[::1]:80" -> "[::1]".
std::string host_of(const std::string& address) { return address.substr(0, address.rfind(':')); }

/// Every address of the machine: no name that a client uses.
bool is_any(const std::string& host) { return host == "0.0.0.0" || host == "[::]"; }

bool is_name(std::string_view text) {
  const bool is_v6 = text.starts_with('[') && text.ends_with(']');
  if (is_v6) text = text.substr(1, text.size() - 2);
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [&](char c) {
    return http::is_alnum(c) || c == '.' || c == '-' || c == '_' || (is_v6 && c == ':');
  });
}

error wrong(std::string why) { return {errc::invalid_argument, std::move(why)}; }

result<void> check_names(const server_options& o) {
  for (const auto& name : o.host_names) {
    if (!is_name(name)) {
      return wrong("no host name: " + name + " (a name or an address, without port)");
    }
    if (o.token_file.empty() && !http::is_loopback_host(name)) {
      return wrong("a server that others call " + name +
                   " needs tokens: make one with `tenax token create NAME --scope SCOPE "
                   "--token-file FILE` and give the file (--token-file)");
    }
  }
  return {};
}

result<void> check_beyond(const server_options& o, const std::string& address) {
  const auto cannot = "cannot listen on " + address + " beyond loopback without ";
  if (o.token_file.empty()) {
    return wrong(cannot +
                 "tokens: make one with `tenax token create NAME --scope SCOPE --token-file FILE` "
                 "and give the file (--token-file)");
  }
  if (!o.tls && !o.proxy_ends_tls) {
    return wrong(cannot +
                 "TLS: give a certificate and its key (--tls-certificate, --tls-key), or, if a "
                 "proxy in front ends TLS and nobody else reaches this address, say so "
                 "(--proxy-ends-tls)");
  }
  if (is_any(host_of(address)) && o.host_names.empty()) {
    return wrong(cannot + "a name: say what clients call this server (--host-name)");
  }
  return {};
}

}  // namespace

result<void> check_tls(const server_options::tls_files& files) {
  if (files.certificate.empty() || files.key.empty()) {
    return wrong("TLS needs both a certificate and its key");
  }
  struct ::stat key {};
  if (::stat(files.key.c_str(), &key) == 0 && (key.st_mode & 007) != 0) {
    return wrong("the TLS key " + files.key.string() +
                 " can be read or written by everybody: chmod 600 it");
  }
  return {};
}

bool is_all_loopback(const std::vector<std::string>& addresses) {
  return std::ranges::all_of(addresses,
                             [](const auto& a) { return http::is_loopback_host(host_of(a)); });
}

result<void> check_places(const server_options& o) {
  if (o.tls && o.proxy_ends_tls) return wrong("TLS ends either here or at a proxy, not at both");
  if (o.proxy_ends_tls && o.token_file.empty()) {
    return wrong(
        "behind a proxy everybody comes from this machine: tokens are needed "
        "(--token-file)");
  }
  if (o.tls) {
    if (auto fine = check_tls(*o.tls); !fine) return fine;
  }
  if (auto fine = check_names(o); !fine) return fine;
  for (const auto& address : o.listen) {
    if (http::is_loopback_host(host_of(address))) continue;
    if (auto fine = check_beyond(o, address); !fine) return fine;
  }
  return {};
}

std::vector<std::string> hosts_of(const server_options& o) {
  std::vector<std::string> out{"localhost", "127.0.0.1", "[::1]"};
  for (const auto& address : o.listen) {
    auto host = host_of(address);
    if (!is_any(host)) out.push_back(std::move(host));
  }
  out.insert(out.end(), o.host_names.begin(), o.host_names.end());
  return out;
}

}  // namespace tenax::api
