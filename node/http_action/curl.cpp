#include "node/http_action/curl.hpp"

#include "http/uri.hpp"

namespace tenax::curl {

bool is_ready() {
  static const auto begun = curl_global_init(CURL_GLOBAL_DEFAULT);
  return begun == CURLE_OK;
}

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  const owned<char> freed(text);
  return text;
}

bool is_open_to_others(CURLU* url) {
  return part_of(url, CURLUPART_SCHEME) == "http" &&
         !http::is_loopback_host(part_of(url, CURLUPART_HOST));
}

void header_lines::add(const std::string& line) {
  auto* const longer = curl_slist_append(lines_.get(), line.c_str());
  if (longer == nullptr) {
    is_whole_ = false;
    return;
  }
  (void)lines_.release();
  lines_.reset(longer);
}

}  // namespace tenax::curl
