// page.hpp - the page for people: its files, and the plain one that the server writes itself.
// Depends on node/api only. Beside the API: none of its paths is in openapi.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/api/call.hpp"

namespace tenax::api {

/// A file of web/, which the build puts into the library.
struct page_file {
  std::string_view path{};
  std::string_view type{};
  std::string_view bytes{};
  std::string_view gzip{};
};
/// Built without esbuild there is only the style sheet; then the plain page is all there is.
[[nodiscard]] const std::vector<page_file>& page_files();

/// "/", "/w/{id}", "/queues" and the files. `?plain` asks for the plain page.
[[nodiscard]] const std::vector<route>& page_routes();

/// Adds what keeps a document of ours to itself: no script, style or connection but this server's.
void add_page_headers(http::headers& headers);

/// Documents without script: the list, one workflow, what waits for what.
void answer_plain_list(const call& c);
void answer_plain_queues(const call& c);
void answer_plain_workflow(const call& c);

}  // namespace tenax::api
