#include "node/client.hpp"

#include <optional>
#include <utility>

#include "http/socket.hpp"
#include "node/curl.hpp"
#include "node/text.hpp"
#include "node/view_reading.hpp"

namespace tenax::node {

namespace {

constexpr std::string_view unix_scheme = "unix:";
constexpr long answer_ms_max = 300'000;
constexpr std::size_t answer_bytes_max = std::size_t{1} << 30;

error invalid(std::string what) { return {errc::invalid_argument, std::move(what)}; }

/// What requests begin with, of a URL that can be used.
result<std::string> base_of(const endpoint& to) {
  auto address =
      read_address(to.url, {"--server", "http://HOST:PORT, https://HOST:PORT or unix:PATH",
                            "; a token comes from TENAX_TOKEN or --server-token-file"});
  if (!address) return address.error();
  if (!to.token.empty() && address->is_open_to_others)
    return invalid("--server " + to.url +
                   ": a token is sent by https, to loopback or over a Unix socket only");
  return std::move(address->base);
}

bool never_left(CURLcode code) noexcept {
  return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
         code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CACERT_BADFILE;
}

}  // namespace

class client::impl {
 public:
  static result<std::unique_ptr<impl>> make(const endpoint& to) {
    auto made = std::make_unique<impl>();
    if (!made->handle_) return invalid("libcurl does not start");
    made->name_ = to.url;
    made->cacert_ = to.cacert.string();
    if (to.url.starts_with(unix_scheme)) {
      auto socket = http::socket_path::of(to.url.substr(unix_scheme.size()));
      if (!socket) return socket.error();
      made->socket_ = std::move(*socket);
      made->base_ = "http://localhost";
    } else {
      auto base = base_of(to);
      if (!base) return base.error();
      made->base_ = std::move(*base);
    }
    if (!made->set_headers(to.token)) return invalid("the token cannot be in a header");
    return made;
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] long status() const noexcept { return status_; }

  result<std::string> get(const std::string& target) { return ask(target, {}); }

  struct asked {
    const char* method = nullptr;  ///< null: GET
    std::string_view body{};
    long ms_max = answer_ms_max;
  };

  result<std::string> ask(const std::string& target, const asked& what) {
    CURL* const h = handle_.get();
    status_ = 0;
    const auto url = base_ + target;
    curl_answer got;
    begin(h,
          {.url = url,
           .headers = headers_.get(),
           .ms_max = what.ms_max,
           .body_max = answer_bytes_max},
          got);
    if (!socket_.text().empty())
      curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, socket_.text().c_str());
    if (!cacert_.empty()) {
      curl_easy_setopt(h, CURLOPT_CAINFO, cacert_.c_str());
      curl_easy_setopt(h, CURLOPT_CAPATH, nullptr);
    }
    if (what.method != nullptr) {
      curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, what.method);
      curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
      curl_easy_setopt(h, CURLOPT_POSTFIELDS, what.body.data());
      // libcurl repeats what it sent on a connection that had died: no change is made twice.
      curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
    }
    if (const auto code = curl_easy_perform(h); code != CURLE_OK)
      return no_answer(code, got.why(code), what.method != nullptr);
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status_);
    if (status_ >= 200 && status_ < 300) return std::move(got.body);
    return refusal(status_, got.body);
  }

 private:
  bool set_headers(const std::string& token) {
    if (token.find_first_of("\r\n") != std::string::npos) return false;
    headers_.add("Content-Type: application/json");
    headers_.add("Expect:");
    if (!token.empty()) headers_.add("Authorization: Bearer " + token);
    return headers_.get() != nullptr;
  }

  [[nodiscard]] error no_answer(CURLcode code, const std::string& said, bool changes) const {
    double connected = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_PRETRANSFER_TIME, &connected);
    if (!changes || never_left(code) || connected == 0)
      return {errc::unreachable, name_ + ": " + said};
    return {errc::storage_unavailable,
            name_ + ": " + said +
                ": nobody knows whether it happened; look, or repeat the same command"};
  }

  [[nodiscard]] error refusal(long status, const std::string& body) const {
    auto read = read_problem(body);
    if (!read)
      return {errc::unreachable,
              name_ + ": no tenax server answers there (HTTP " + std::to_string(status) + ")"};
    if (read->has_errc) return std::move(read->what);
    if (read->code == "no_such_path" || read->code == "method_not_allowed")
      return {errc::format_too_new,
              name_ + ": the server does not know this request: it is of another version than " +
                  "this program (" TENAX_VERSION ")"};
    if (status >= 500) return {errc::unreachable, name_ + ": " + read->what.message()};
    return {errc::invalid_argument, name_ + ": " + read->what.message() + " (" + read->code + ")",
            read->what.faults()};
  }

  const curl::owned<CURL> handle_ = new_curl();
  curl::header_lines headers_;
  http::socket_path socket_;
  std::string name_;
  std::string base_;
  std::string cacert_;
  long status_ = 0;
};

result<client> client::make(const endpoint& to) {
  auto made = impl::make(to);
  if (!made) return made.error();
  return client(std::move(*made));
}

client::client(std::unique_ptr<impl> p) noexcept : impl_(std::move(p)) {}
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

const std::string& client::name() const noexcept { return impl_->name(); }
long client::status() const noexcept { return impl_->status(); }
result<std::string> client::get(const std::string& target) { return impl_->get(target); }
result<std::string> client::change(const char* method, const std::string& target,
                                   std::string_view body, patience within) {
  return impl_->ask(target, {method, body, within == patience::unlimited ? 0 : answer_ms_max});
}

}  // namespace tenax::node
