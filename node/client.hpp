// client.hpp - asks a tenax server over HTTP: one request, one answer, in order. Depends on
// include/tenax, http/ (paths of sockets) and node/curl. Main thread only.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "tenax/result.hpp"

namespace tenax::node {

/// Where a server is, and what it is to be shown.
struct endpoint {
  std::string url;  ///< "http://HOST:PORT", "https://...", or "unix:PATH"
  std::filesystem::path
      cacert;         ///< PEM: who may sign the server's certificate; empty: the system's
  std::string token;  ///< "": none. It is sent to loopback, by https and over sockets only
};

/// Follows no redirect and no proxy, whatever the environment says. Answers are held in memory, up
/// to 1 GiB.
class client {
 public:
  /// Errors: invalid_argument (the URL, a file or the token is none that can be used).
  static result<client> make(const endpoint& to);
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  ~client();

  /// What the server is called in messages: its URL.
  [[nodiscard]] const std::string& name() const noexcept;

  /// The body of a good answer. Errors: what the server says, in its words; unreachable (nothing
  /// happened); format_too_new (no tenax server of this version's API); and for `change`
  /// storage_unavailable: it ended, or the time was over, before its answer.
  [[nodiscard]] result<std::string> get(const std::string& target);
  /// Of the last answer; 0: there was none.
  [[nodiscard]] long status() const noexcept;
  enum class patience : bool { usual, unlimited };  ///< usual: five minutes
  [[nodiscard]] result<std::string> change(const char* method, const std::string& target,
                                           std::string_view body,
                                           patience within = patience::usual);

 private:
  class impl;
  explicit client(std::unique_ptr<impl> p) noexcept;
  std::unique_ptr<impl> impl_;
};

}  // namespace tenax::node
