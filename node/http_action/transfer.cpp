#include "node/http_action/transfer.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>

#include "http/text.hpp"

namespace tenax::http_action {

namespace {

constexpr std::size_t head_bytes_max = 64U << 10;
constexpr int poll_ms_max = 1'000;
constexpr std::size_t lookups_left_max = 32;

/// Renewed certificates are read after so long.
constexpr long trust_seconds = 600;

/// Kept by its thread: it has the trusted certificates, which take 23 ms of CPU to read.
struct handles {
  struct free_multi {
    void operator()(CURLM* m) const noexcept { curl_multi_cleanup(m); }
  };
  std::unique_ptr<CURLM, free_multi> multi{curl_multi_init()};
  curl::owned<CURL> easy{curl_easy_init()};
  [[nodiscard]] bool are_there() const noexcept { return multi && easy; }
};

/// What libcurl's calls back share.
struct progress {
  const allowed_hosts& hosts;
  const place& target;
  std::size_t body_bytes_max;
  answer& out;
  std::string refusal{};  ///< of the last address that was refused
  std::size_t head_bytes = 0;
  bool is_head_too_large = false;
};

/// Before the socket is made.
curl_socket_t open_socket(void* to, curlsocktype purpose, struct curl_sockaddr* wanted) {
  auto& p = *static_cast<progress*>(to);
  try {
    const auto address = ip_address::of(wanted->addr);
    if (purpose != CURLSOCKTYPE_IPCXN || !address) return CURL_SOCKET_BAD;
    if (const auto use = p.hosts.refusal(*address, p.target); !use.empty()) {
      p.refusal = address->text() + " (" + std::string(use) + ")";
      return CURL_SOCKET_BAD;
    }
    ++p.out.sockets;
    return ::socket(wanted->family, wanted->socktype | SOCK_CLOEXEC, wanted->protocol);
  } catch (const std::exception&) {  // no memory
    return CURL_SOCKET_BAD;
  }
}

/// The connection is there, the request is not on its way.
int before_request(void* to, char* address_text, char* /*own*/, int /*port*/, int /*own_port*/) {
  auto& p = *static_cast<progress*>(to);
  try {
    const auto address = ip_address::parse(address_text);
    if (!address || !p.hosts.refusal(*address, p.target).empty()) return CURL_PREREQFUNC_ABORT;
  } catch (const std::exception&) {  // no memory
    return CURL_PREREQFUNC_ABORT;
  }
  p.out.was_sent = true;
  return CURL_PREREQFUNC_OK;
}

std::size_t take_head(char* /*bytes*/, std::size_t, std::size_t n, void* to) {
  auto& p = *static_cast<progress*>(to);
  p.head_bytes += n;
  p.is_head_too_large = p.head_bytes > head_bytes_max;
  return p.is_head_too_large ? 0 : n;
}

std::size_t take_body(char* bytes, std::size_t, std::size_t n, void* to) {
  auto& p = *static_cast<progress*>(to);
  const auto room = p.body_bytes_max - p.out.body.size();
  try {
    p.out.body.append(bytes, std::min(n, room));
  } catch (const std::exception&) {  // no memory
    return 0;
  }
  p.out.is_truncated = n > room;
  return p.out.is_truncated ? 0 : n;
}

curl::header_lines lines_of(const outgoing& request) {
  curl::header_lines out;
  // libcurl reads "Name:" as a header to leave out, and "Name;" as one without a value.
  for (const auto& [name, value] : request.headers) {
    const bool is_blank = value.find_first_not_of(" \t") == value.npos;
    std::string line = name;
    line += is_blank ? ";" : ": ";
    if (!is_blank) line += value;
    out.add(line);
  }
  out.add("Expect:");  // one round trip less
  const bool has_type = std::ranges::any_of(request.headers, [](const auto& h) {
    return http::equals_ignoring_case(h.first, "Content-Type");
  });
  if (!has_type) out.add("Content-Type:");
  return out;
}

void set_request(CURL* h, const outgoing& request, const curl::header_lines& lines) {
  curl_easy_setopt(h, CURLOPT_CURLU, request.url);
  curl_easy_setopt(h, CURLOPT_HTTPHEADER, lines.get());
  if (request.method == "HEAD") {
    curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool sends = request.body || request.method == "POST" || request.method == "PUT" ||
                     request.method == "PATCH";
  if (sends) {
    static constexpr const char* none = "";
    const auto size = request.body ? request.body->size() : 0;
    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, request.body ? request.body->data() : none);
  }
  curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void set_limits(CURL* h, const transfer_limits& bounds) {
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(h, CURLOPT_PROXY, "");  // nor one of the environment
  curl_easy_setopt(h, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  // One connection, one request: libcurl repeats what it sent on a kept one that had died, and what
  // HTTP/2 refuses.
  curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(h, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(h, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, static_cast<long>(bounds.timeout.count()));
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(bounds.connect_timeout.count()));
}

/// libcurl keeps the trusted certificates if they are in one file.
void set_trust(CURL* h, const std::filesystem::path& cacert) {
  curl_easy_setopt(h, CURLOPT_CA_CACHE_TIMEOUT, trust_seconds);
  const bool has_file = !cacert.empty() || curl_version_info(CURLVERSION_NOW)->cainfo != nullptr;
  if (!cacert.empty()) curl_easy_setopt(h, CURLOPT_CAINFO, cacert.c_str());
  if (has_file) curl_easy_setopt(h, CURLOPT_CAPATH, nullptr);
}

void set_calls(CURL* h, progress& p, char* error_text) {
  curl_easy_setopt(h, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, &p);
  curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, before_request);
  curl_easy_setopt(h, CURLOPT_PREREQDATA, &p);
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_head);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, &p);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, &p);
}

/// Nothing: it was stopped.
std::optional<CURLcode> run(const handles& curl, const std::stop_token& stop) {
  if (curl_multi_add_handle(curl.multi.get(), curl.easy.get()) != CURLM_OK)
    return CURLE_FAILED_INIT;
  std::optional<CURLcode> code;
  {
    const std::stop_callback wake(stop, [&] { (void)curl_multi_wakeup(curl.multi.get()); });
    auto state = CURLM_OK;
    for (int running = 1; !code && state == CURLM_OK && !stop.stop_requested();) {
      state = curl_multi_perform(curl.multi.get(), &running);
      if (state == CURLM_OK && running != 0) {
        state = curl_multi_poll(curl.multi.get(), nullptr, 0, poll_ms_max, nullptr);
        continue;
      }
      int left = 0;
      const auto* const said = curl_multi_info_read(curl.multi.get(), &left);
      code = said != nullptr ? said->data.result : CURLE_FAILED_INIT;
    }
  }
  curl_multi_remove_handle(curl.multi.get(), curl.easy.get());
  if (!code && !stop.stop_requested()) code = CURLE_FAILED_INIT;
  return code;
}

std::string header_of(CURL* h, const char* name) {
  struct curl_header* found = nullptr;
  if (curl_easy_header(h, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK) return {};
  return found->value;
}

answer::end end_of(CURLcode code, const progress& p) {
  if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && p.out.is_truncated))
    return answer::end::answered;
  if (code == CURLE_OPERATION_TIMEDOUT) return answer::end::timed_out;
  if (!p.refusal.empty() && p.out.sockets == 0) return answer::end::refused;
  return answer::end::failed;
}

/// Names that were still looked up at the end of their attempt, of the last minute: each lookup
/// goes on in a thread of its own, with two descriptors, for as long as the system's resolver
/// waits.
class lookups_left {
 public:
  /// Whether one more need not be waited for.
  bool has_room() {
    const std::lock_guard lock(mutex_);
    const auto now = clock::now();
    while (!left_.empty() && now - left_.front() > std::chrono::minutes(1)) left_.pop_front();
    return left_.size() < lookups_left_max;
  }
  void add() {
    const std::lock_guard lock(mutex_);
    left_.push_back(clock::now());
  }

 private:
  using clock = std::chrono::steady_clock;
  std::mutex mutex_;
  std::deque<clock::time_point> left_;
};

bool is_in_lookup(CURL* h, const std::optional<CURLcode>& code) {
  curl_off_t looked_up = 0;
  curl_easy_getinfo(h, CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  return looked_up == 0 && (!code || *code == CURLE_OPERATION_TIMEDOUT);
}

}  // namespace

answer transfer(const outgoing& request, const allowed_hosts& hosts, const transfer_limits& bounds,
                const std::filesystem::path& cacert, const std::stop_token& stop) {
  answer out;
  const auto lines = lines_of(request);
  out.why = "libcurl has no memory";
  if (!curl::is_ready() || lines.get() == nullptr) return out;
  thread_local const handles curl;
  if (!curl.are_there()) return out;
  CURL* const h = curl.easy.get();
  curl_easy_reset(h);
  progress p{hosts, request.target, bounds.body_bytes_max, out};
  std::array<char, CURL_ERROR_SIZE> said{};
  set_request(h, request, lines);
  set_limits(h, bounds);
  set_calls(h, p, said.data());
  set_trust(h, cacert);
  static lookups_left lookups;
  const bool leaves_lookup = lookups.has_room();
  curl_easy_setopt(h, CURLOPT_QUICK_EXIT, leaves_lookup ? 1L : 0L);
  const auto code = run(curl, stop);
  if (leaves_lookup && is_in_lookup(h, code)) lookups.add();
  if (!code) {
    out.how = answer::end::stopped;
  } else {
    out.how = end_of(*code, p);
    out.why = said[0] != '\0' ? said.data() : curl_easy_strerror(*code);
    if (p.is_head_too_large) out.why = "the head of the answer has more than 64 KiB";
    if (out.how == answer::end::refused) out.why = p.refusal;
  }
  if (out.how == answer::end::answered) {
    long status = 0;
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    out.status = static_cast<int>(status);
    out.content_type = header_of(h, "Content-Type");
    out.retry_after = header_of(h, "Retry-After");
  }
  curl_easy_reset(h);  // nothing refers to this call
  return out;
}

}  // namespace tenax::http_action
