// curl.hpp - libcurl as everything here uses it: handles that go by themselves, and what a URL is.
// Depends on libcurl. Thread safe.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

namespace tenax::curl {

struct free_handle {
  void operator()(CURL* h) const noexcept { curl_easy_cleanup(h); }
  void operator()(CURLU* u) const noexcept { curl_url_cleanup(u); }
  void operator()(curl_slist* l) const noexcept { curl_slist_free_all(l); }
  void operator()(char* text) const noexcept { curl_free(text); }
};
template <class T>
using owned = std::unique_ptr<T, free_handle>;

/// False: libcurl does not start.
[[nodiscard]] bool is_ready();

/// "" if it has none.
[[nodiscard]] std::string part_of(CURLU* url, CURLUPart part);
/// Whether what is sent there can be read on the way.
[[nodiscard]] bool is_open_to_others(CURLU* url);

/// A list of header lines.
class header_lines {
 public:
  void add(const std::string& line);
  /// Null: there are none, or there was no memory for one.
  [[nodiscard]] curl_slist* get() const noexcept { return is_whole_ ? lines_.get() : nullptr; }

 private:
  owned<curl_slist> lines_;
  bool is_whole_ = true;
};

}  // namespace tenax::curl
