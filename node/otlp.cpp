#include "node/otlp.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "node/curl.hpp"

namespace tenax::node {

namespace {

constexpr long connect_ms_max = 3'000;
constexpr long post_ms_max = 10'000;
constexpr std::size_t receipt_bytes_max = 64 * 1024;

/// libcurl asks about once a second, and whenever something happens.
int is_to_stop(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

class collector {
 public:
  explicit collector(std::string url) : url_(std::move(url)) {
    headers_.add("Content-Type: application/json");
    headers_.add("Expect:");
  }

  span_receipt post(const std::string& document, const std::stop_token& stop) {
    using kind = span_receipt::kind;
    CURL* const h = handle_.get();
    if (h == nullptr || headers_.get() == nullptr)
      return {kind::again, "no memory for libcurl", {}};
    curl_answer got;
    begin(h,
          {.url = url_,
           .headers = headers_.get(),
           .connect_ms_max = connect_ms_max,
           .ms_max = post_ms_max,
           .body_max = receipt_bytes_max},
          got);
    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(document.size()));
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, document.data());
    curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L);  // of one handle: a stop waits for no lookup
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, is_to_stop);
    curl_easy_setopt(h, CURLOPT_XFERINFODATA, const_cast<std::stop_token*>(&stop));
    const auto code = curl_easy_perform(h);
    long status = 0;
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    // A long answer is cut off, and its status counts.
    if (code != CURLE_OK && (code != CURLE_WRITE_ERROR || status == 0))
      return {kind::again, url_ + ": " + got.why(code), {}};
    if (status >= 200 && status < 300) return {};
    const bool is_for_now = status == 429 || status == 502 || status == 503 || status == 504;
    curl_off_t seconds = 0;
    curl_easy_getinfo(h, CURLINFO_RETRY_AFTER, &seconds);
    return {is_for_now ? kind::again : kind::refused, url_ + ": HTTP " + std::to_string(status),
            milliseconds(1'000) * std::min<curl_off_t>(seconds, 3'600)};
  }

 private:
  const std::string url_;
  const curl::owned<CURL> handle_ = new_curl();
  curl::header_lines headers_;
};

}  // namespace

result<decltype(server_options::send_spans)> collector_of(const std::string& endpoint) {
  auto address =
      read_address(endpoint, {"--otlp-endpoint", "http://HOST:PORT or https://HOST", ""});
  if (!address) return address.error();
  const auto made = std::make_shared<collector>(address->base + "/v1/traces");
  return decltype(server_options::send_spans)(
      [made](const std::string& document, const std::stop_token& stop) {
        return made->post(document, stop);
      });
}

}  // namespace tenax::node
