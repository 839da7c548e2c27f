// curl.hpp - requests of the program itself by libcurl, to where its user said. Depends on
// include/tenax, http/uri, node/http_action/curl.hpp. Handles: one thread at a time.
#pragma once

#include <cstddef>
#include <string>

#include "node/http_action/curl.hpp"
#include "tenax/result.hpp"

namespace tenax::node {

/// Null: libcurl does not start. Thread safe.
[[nodiscard]] curl::owned<CURL> new_curl();

struct web_address {
  std::string base;          ///< what the URLs of requests begin with; no '/' at its end
  bool is_open_to_others{};  ///< what is sent there can be read on the way
};
/// By what option the URL was given, for errors.
struct web_option {
  std::string name;     ///< "--server"
  std::string usage;    ///< "http://HOST:PORT ..."
  std::string secrets;  ///< where they come from, if not from the URL: "; a token comes from ..."
};
/// Of http or https, without user, query and fragment. Error: invalid_argument, in which no
/// password is told.
[[nodiscard]] result<web_address> read_address(const std::string& url, const web_option& as);

/// Begins a request: http and https only, no redirect, no proxy whatever the environment says. At
/// most `body_max` bytes of the answer's body are put into `body`; more is an error. What this is
/// given must live until the request is over.
struct curl_request {
  const std::string& url;
  const curl_slist* headers = nullptr;
  long connect_ms_max = 10'000;
  long ms_max = 0;  ///< 0: without limit
  std::size_t body_max = 0;
};
class curl_answer {
 public:
  std::string body{};
  /// What libcurl says of an error.
  [[nodiscard]] std::string why(CURLcode code) const;

 private:
  friend void begin(CURL* h, const curl_request& what, curl_answer& to);
  static std::size_t take(char* bytes, std::size_t, std::size_t n, void* to);
  char why_[CURL_ERROR_SIZE] = {};
  std::size_t body_max_ = 0;
};
void begin(CURL* h, const curl_request& what, curl_answer& to);
}  // namespace tenax::node
