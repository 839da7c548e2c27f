#include "node/curl.hpp"

#include <exception>
#include <utility>

namespace tenax::node {

curl::owned<CURL> new_curl() {
  return curl::owned<CURL>(curl::is_ready() ? curl_easy_init() : nullptr);
}

result<web_address> read_address(const std::string& url, const web_option& as) {
  const error refused(errc::invalid_argument, as.name + " " + url + ": use " + as.usage);
  const curl::owned<CURLU> parts(curl_url());
  if (!parts || curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    return refused;
  const auto scheme = curl::part_of(parts.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return refused;
  for (const auto part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT})
    if (!curl::part_of(parts.get(), part).empty())  // it may be a secret
      return error(errc::invalid_argument,
                   as.name + " takes no user, query or fragment" + as.secrets);
  web_address out;
  out.is_open_to_others = curl::is_open_to_others(parts.get());
  out.base = curl::part_of(parts.get(), CURLUPART_URL);
  while (out.base.ends_with('/')) out.base.pop_back();
  return out;
}

std::size_t curl_answer::take(char* bytes, std::size_t, std::size_t n, void* to) {
  auto& self = *static_cast<curl_answer*>(to);
  if (self.body.size() + n > self.body_max_) return 0;
  try {
    self.body.append(bytes, n);
  } catch (const std::exception&) {  // no memory
    return 0;
  }
  return n;
}

std::string curl_answer::why(CURLcode code) const {
  return why_[0] != '\0' ? why_ : curl_easy_strerror(code);
}

void begin(CURL* h, const curl_request& what, curl_answer& to) {
  curl_easy_reset(h);  // keeps connections
  to.body_max_ = what.body_max;
  curl_easy_setopt(h, CURLOPT_URL, what.url.c_str());
  curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_PROXY, "");
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_HTTPHEADER, what.headers);
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, what.connect_ms_max);
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, what.ms_max);
  curl_easy_setopt(h, CURLOPT_ERRORBUFFER, to.why_);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, curl_answer::take);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, &to);
}

}  // namespace tenax::node
