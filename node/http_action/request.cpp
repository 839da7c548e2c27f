#include "node/http_action/request.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "http/text.hpp"
#include "http/uri.hpp"

namespace tenax::http_action {

using model::doc_path;
using model::json_at;
using model::json_kind;
using model::json_tree;
using model::shown;

namespace {

constexpr std::array<std::string_view, 7> methods{"GET",   "HEAD",   "POST",   "PUT",
                                                  "PATCH", "DELETE", "OPTIONS"};
/// They say where a message ends, who it is for, or how the connection is used.
constexpr std::array<std::string_view, 11> own_headers{"host",
                                                       "content-length",
                                                       "transfer-encoding",
                                                       "connection",
                                                       "keep-alive",
                                                       "te",
                                                       "trailer",
                                                       "upgrade",
                                                       "expect",
                                                       "proxy-connection",
                                                       "proxy-authorization"};
constexpr std::size_t secrets_max = 16;

bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return http::is_alnum(c) || others.find(c) != others.npos;
  });
}

/// Visible ASCII: of anything else nobody knows what the other side makes of it.
bool is_plain_url(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

using texts = std::unordered_map<json_at, std::string_view>;

/// Of each text of a body what somebody wrote there, if it was a text. References replace values
/// only, so that members and elements stand in the same order.
texts written_texts(const json_tree& tree, json_at at, const json_tree& written,
                    json_at written_at) {
  texts out;
  std::vector<std::pair<json_at, json_at>> left{{at, written_at}};
  while (!left.empty()) {
    const auto [now, then] = left.back();
    left.pop_back();
    if (tree.kind(now) != written.kind(then)) continue;  // a reference brought it
    if (tree.is(now, json_kind::string)) out.emplace(now, written.text(then));
    std::vector<json_at> was;
    if (written.has_children(then))
      written.for_each_child(then, [&](json_at child) { was.push_back(child); });
    std::size_t i = 0;
    if (was.size() != tree.child_count(now)) continue;
    tree.for_each_child(now, [&](json_at child) {
      if (tree.key(child) == written.key(was[i])) left.emplace_back(child, was[i]);
      ++i;
    });
  }
  return out;
}

place place_of(CURLU* url) {
  place out;
  out.host = curl::part_of(url, CURLUPART_HOST);
  const std::uint16_t usual = curl::part_of(url, CURLUPART_SCHEME) == "https" ? 443 : 80;
  out.port = usual;
  const auto port = curl::part_of(url, CURLUPART_PORT);
  if (!port.empty()) std::from_chars(port.data(), port.data() + port.size(), out.port);
  out.is_usual_port = out.port == usual;
  return out;
}

}  // namespace

request::request(std::string_view input, std::string_view written, const request_rules& rules)
    : timeout_(rules.timeout) {
  limits any_size;  // the engine has looked at that
  any_size.spec_bytes_max = limits::spec_bytes_most;
  if (!doc_.open(input, any_size)) return;
  if (auto parsed = model::parse_json(written, {any_size.json_depth_max, false});
      parsed.failure == model::json_failure::none) {
    written_ = std::move(parsed.tree);
  }
  if (doc_.expect(json_tree::root, json_kind::object, {})) read(rules);
}

void request::read(const request_rules& rules) {
  std::optional<json_at> method;
  std::optional<json_at> url;
  doc_.tree.for_each_child(json_tree::root, [&](json_at at) {
    const auto name = doc_.tree.key(at);
    if (name == "method") return void(method = at);
    if (name == "url") return void(url = at);
    if (name == "headers") return read_headers(at);
    if (name == "body") {
      if (!doc_.tree.is(at, json_kind::null)) body_ = at;
      return;
    }
    if (name == "timeout_seconds") return read_timeout(at);
    if (name == "secrets") {
      secrets_at_ = at;
      return read_secrets(at);
    }
    doc_.fault_at({{}, name}, "is not a field of this action");
  });
  if (method) read_method(*method);
  if (!method) doc_.fault_at({{}, "method"}, "is required");
  if (method_ == "HEAD" && body_) doc_.fault_at({{}, "body"}, "is none of a HEAD");
  if (url) read_url(*url, rules);
  if (!url) doc_.fault_at({{}, "url"}, "is required");
  check_secrets(rules);
}

void request::read_method(json_at at) {
  const auto text = doc_.text(at, {{}, "method"});
  if (!text) return;
  method_ = *text;
  if (std::ranges::find(methods, method_) == methods.end())
    doc_.fault_at({{}, "method"}, "must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS");
}

void request::read_url(json_at at, const request_rules& rules) {
  const doc_path root;
  const doc_path path{root, "url"};
  const auto text = doc_.text(at, path);
  if (!text) return;
  if (!is_plain_url(*text))
    return doc_.fault_at(path, "has spaces or characters that a URL has as %XX (or xn--) only");
  is_url_written_ = written_text(written_member({"url"})) == *text;
  url_.reset(curl_url());
  const auto read =
      curl_url_set(url_.get(), CURLUPART_URL, std::string(*text).c_str(), CURLU_DISALLOW_USER);
  if (read == CURLUE_USER_NOT_ALLOWED)
    return doc_.fault_at(path, "has a user or a password: use the header Authorization");
  const auto scheme = curl::part_of(url_.get(), CURLUPART_SCHEME);
  if (read != CURLUE_OK || (scheme != "http" && scheme != "https"))
    return doc_.fault_at(path, "must be http://HOST/... or https://HOST/...");
  target_ = place_of(url_.get());
  if (!curl::part_of(url_.get(), CURLUPART_ZONEID).empty())
    return doc_.fault_at(path, "names an interface of this machine");
  if (!rules.hosts.has(target_)) {
    doc_.fault_at(path, "names a host that is not allowed here: " + shown(target_.host) +
                            " at port " + std::to_string(target_.port));
  }
}

void request::read_headers(json_at at) {
  const doc_path root;
  const doc_path path{root, "headers"};
  if (!doc_.expect(at, json_kind::object, path)) return;
  doc_.tree.for_each_child(at, [&](json_at header) {
    read_header(header, {path, doc_.tree.key(header)});
  });
}

void request::read_header(json_at at, const doc_path& path) {
  const auto name = doc_.tree.key(at);
  if (!is_token(name)) return doc_.fault_at(path, "is no name of a header");
  if (std::ranges::find(own_headers, http::to_lower(name)) != own_headers.end())
    return doc_.fault_at(path, "is set by tenax alone");
  if (is_header_given(name)) return doc_.fault_at(path, "is there twice");
  const auto value = doc_.text(at, path);
  if (!value) return;
  if (std::ranges::any_of(*value, http::is_control))
    return doc_.fault_at(path, "has a line end or another control character");
  headers_.emplace_back(name, *value);
}

void request::read_timeout(json_at at) {
  const doc_path root;
  const doc_path path{root, "timeout_seconds"};
  if (!doc_.expect(at, json_kind::number, path)) return;
  const double ms = doc_.tree.number(at) * 1e3;
  const auto most = timeout_;
  if (!(ms > 0) || ms > static_cast<double>(most.count())) {
    return doc_.fault_at(path, "must be more than 0 and at most " +
                                   model::json_number(static_cast<double>(most.count()) / 1e3) +
                                   ", which is the time-out here");
  }
  timeout_ = milliseconds(std::llround(std::ceil(ms)));
}

void request::read_secrets(json_at at) {
  const doc_path root;
  const doc_path path{root, "secrets"};
  if (!doc_.expect(at, json_kind::array, path)) return;
  if (doc_.tree.child_count(at) > secrets_max)
    return doc_.fault_at(path, "must be at most " + std::to_string(secrets_max));
  std::size_t index = 0;
  doc_.tree.for_each_child(at, [&](json_at one) {
    const doc_path here{path, index++};
    const auto name = doc_.text(one, here);
    if (!name) return;
    if (!http_action::is_secret_name(*name))
      return doc_.fault_at(here, "must be a letter and letters, digits, _ and -");
    secrets_.emplace_back(*name);
  });
}

void request::check_names(std::string_view text, const doc_path& path) {
  each_secret_in(text, [&](std::string_view name) {
    if (std::ranges::find(secrets_, name) == secrets_.end())
      doc_.fault_at(path, "names the secret " + std::string(name) + ", which is not in `secrets`");
  });
}

void request::check_secrets(const request_rules& rules) {
  const doc_path root;
  const doc_path headers{root, "headers"};
  for (const auto& [name, value] : headers_) check_names(value, {headers, name});
  for (const auto part : {CURLUPART_PATH, CURLUPART_QUERY})
    if (url_) check_names(curl::part_of(url_.get(), part), {root, "url"});
  if (secrets_.empty()) return;
  const doc_path path{root, "secrets"};
  if (!are_secrets_written())
    doc_.fault_at(path, "must be in the spec as they are, not by a reference");
  if (!is_url_written_ && url_) {
    for (const auto part : {CURLUPART_PATH, CURLUPART_QUERY})
      each_secret_in(curl::part_of(url_.get(), part), [&](std::string_view) {
        doc_.fault_at({root, "url"}, "has a reference and a secret: only one of them is possible");
      });
  }
  if (!rules.has_secrets) doc_.fault_at(path, "no place for secrets is set here");
  if (url_ && curl::is_open_to_others(url_.get()))
    doc_.fault_at(path, "are sent by https or to loopback only");
}

std::optional<json_at> request::written_member(std::initializer_list<std::string_view> path) const {
  json_at at = json_tree::root;
  for (const auto name : path) {
    if (!written_ || !written_->is(at, json_kind::object)) return std::nullopt;
    const auto next = written_->member(at, name);
    if (!next) return std::nullopt;
    at = *next;
  }
  return at;
}

std::string_view request::written_text(std::optional<json_at> at) const {
  return at && written_->is(*at, json_kind::string) ? written_->text(*at) : std::string_view();
}

bool request::are_secrets_written() const {
  const auto at = written_member({"secrets"});
  if (!at || !secrets_at_) return false;
  std::string now;
  std::string then;
  model::append_json(now, doc_.tree, *secrets_at_);
  model::append_json(then, *written_, *at);
  return now == then;
}

bool request::is_header_given(std::string_view name) const {
  return std::ranges::any_of(
      headers_, [&](const auto& h) { return http::equals_ignoring_case(h.first, name); });
}

curl::owned<CURLU> request::url(const secret_texts& secrets) const {
  curl::owned<CURLU> out(curl_url_dup(url_.get()));
  if (!out) return out;
  // Only here: what is sent where is decided by the URL of the input.
  for (const auto part : {CURLUPART_PATH, CURLUPART_QUERY}) {
    const auto text = curl::part_of(out.get(), part);
    const auto filled = secrets.put_into(text, http::percent_encode);
    if (filled == text) continue;
    if (curl_url_set(out.get(), part, filled.c_str(), 0) != CURLUE_OK) return nullptr;
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> request::headers(const secret_texts& secrets,
                                                                  const action_context& ctx) const {
  auto out = headers_;
  for (auto& [name, value] : out)
    value = secrets.put_into_written(value, written_text(written_member({"headers", name})));
  const auto by_default = [&](const char* name, std::string value) {
    if (!is_header_given(name)) out.emplace_back(name, std::move(value));
  };
  by_default("Idempotency-Key", std::string(ctx.idempotency_key));
  if (auto parent = ctx.traceparent(); !parent.empty())
    by_default("traceparent", std::move(parent));
  by_default("User-Agent", "tenax/" TENAX_VERSION);
  if (body_) {
    const bool is_text = doc_.tree.is(*body_, json_kind::string);
    by_default("Content-Type", is_text ? "text/plain; charset=utf-8" : "application/json");
  }
  return out;
}

std::optional<std::string> request::body(const secret_texts& secrets) const {
  if (!body_) return std::nullopt;
  const auto body_written = written_member({"body"});
  const auto written =
      body_written ? written_texts(doc_.tree, *body_, *written_, *body_written) : texts();
  const auto filled = [&](json_at at) {
    const auto known = written.find(at);
    return secrets.put_into_written(doc_.tree.text(at),
                                    known == written.end() ? std::string_view() : known->second);
  };
  if (doc_.tree.is(*body_, json_kind::string)) return filled(*body_);
  std::string out;
  model::append_json(out, doc_.tree, *body_, SIZE_MAX,
                     [&](std::string& to, json_at at, std::size_t) {
                       model::append_json_string(to, filled(at));
                       return true;
                     });
  return out;
}

}  // namespace tenax::http_action
