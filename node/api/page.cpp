#include "node/api/page.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "http/uri.hpp"
#include "model/fnv.hpp"

namespace tenax::api {

namespace {

constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

const page_file* find_file(std::string_view path) {
  const auto& all = page_files();
  const auto found = std::ranges::find(all, path, &page_file::path);
  return found == all.end() ? nullptr : &*found;
}

bool takes_gzip(const http::request& r) {
  const auto accepted = r.find_header("accept-encoding");
  return accepted && accepted->find("gzip") != std::string_view::npos;
}

std::string etag_of(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  auto hash = model::fnv1a(bytes);
  std::string text(18, '"');
  for (std::size_t i = 1; i < 17; ++i, hash >>= 4) text[i] = digits[hash & 15];
  return text;
}

void answer_file(const call& c, const page_file& file) {
  const bool is_packed = takes_gzip(c.request());
  const auto bytes = is_packed ? file.gzip : file.bytes;
  const auto etag = etag_of(bytes);
  http::headers headers{{"ETag", etag}, {"Cache-Control", "no-cache"}, {"Vary", "Accept-Encoding"}};
  add_page_headers(headers);
  const auto known = c.request().find_header("if-none-match");
  if (known && known->find(etag) != std::string_view::npos) {
    return c.answer({304, std::move(headers), {}});
  }
  headers.push_back({"Content-Type", std::string(file.type)});
  if (is_packed) headers.push_back({"Content-Encoding", "gzip"});
  c.answer({200, std::move(headers), std::string(bytes)});
}

/// The frame of the page; without it, or when asked, the plain one.
template <auto plain>
void answer_page(const call& c) {
  const auto* frame = find_file("/");
  const auto asked = http::parse_query(c.request().query);
  const bool is_plain = std::ranges::any_of(asked, [](auto& p) { return p.first == "plain"; });
  if (!is_plain && frame != nullptr) return answer_file(c, *frame);
  // The frame shows nothing; the plain page what a token with this scope may read.
  auto refused = c.at().locks->admit(c.request(), scope::read).refused;
  refused ? c.answer(std::move(*refused)) : plain(c);
}

void answer_own_path(const call& c) {
  const auto* file = find_file(c.request().path);
  file != nullptr ? answer_file(c, *file)
                  : c.answer(refusal(404, "the server was built without the page", c.request()));
}

}  // namespace

void add_page_headers(http::headers& headers) {
  for (const auto& [name, value] : std::array<std::pair<std::string_view, std::string_view>, 4>{
           {{"Content-Security-Policy", policy},
            {"X-Content-Type-Options", "nosniff"},
            {"Referrer-Policy", "no-referrer"},
            {"Cross-Origin-Resource-Policy", "same-origin"}}}) {
    headers.push_back({std::string(name), std::string(value)});
  }
}

const std::vector<route>& page_routes() {
  constexpr auto some = route::query::some;
  static const std::vector<route> routes{
      {"GET", "/", scope::nothing, answer_page<answer_plain_list>, some},
      {"GET", "/w/{id}", scope::nothing, answer_page<answer_plain_workflow>, some},
      {"GET", "/queues", scope::nothing, answer_page<answer_plain_queues>, some},
      {"GET", "/page/app.js", scope::nothing, answer_own_path},
      {"GET", "/page/app.css", scope::nothing, answer_own_path},
  };
  return routes;
}

}  // namespace tenax::api
