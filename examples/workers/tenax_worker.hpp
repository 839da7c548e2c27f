// tenax_worker.hpp - a worker for a tenax server (docs/server.md, "Workers"). One header, C++20;
// depends on libcurl 7.80 or later and nlohmann-json. Link CURL::libcurl and threads.
//
//   tenax_worker::worker w("http://127.0.0.1:8362", {.slots = 8});
//   w.add("charge_card", [](const tenax_worker::task& t) {
//     if (t.input.at("amount") < 0)
//       throw tenax_worker::failed("bad_amount", "less than nothing", {.final = true});
//     return nlohmann::json{{"receipt", pay(t.input, t.idempotency_key)}};
//   });
//   w.run();
//
// A function gets a task and returns its result. It throws `failed` to say how it failed; any other
// exception is a failure, too. It is called on a thread of its own. While it works, heartbeats hold
// its lease; if that is lost all the same (the workflow was cancelled, or the server could not be
// reached for too long), task::lost is set and the result counts for nothing. A task is made again
// after a crash: use task::idempotency_key where an effect must not happen twice.
#pragma once

#include <curl/curl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tenax_worker {

using nlohmann::json;
using std::chrono::milliseconds;

struct failure_options {
  std::optional<milliseconds> retry_after = {};  ///< instead of the policy's delay
  bool final = false;                            ///< not tried again
};

/// How a task failed.
class failed : public std::runtime_error {
 public:
  failed(const std::string& error_class, const std::string& message,
         const failure_options& how = {})
      : runtime_error(message),
        word_{{"outcome", "fail"}, {"error_class", error_class}, {"message", message}} {
    if (how.final)
      word_["final"] = true;
    else if (how.retry_after)
      word_["retry_after_ms"] = how.retry_after->count();
  }
  [[nodiscard]] const json& word() const noexcept { return word_; }

 private:
  json word_;
};

/// The server's answer to what it does not do: an application/problem+json document.
class refused : public std::runtime_error {
 public:
  refused(long status, const json& problem)
      : runtime_error(std::to_string(status) + " " + problem.value("code", "") + ": " +
                      problem.value("detail", "")),
        status(status),
        code(problem.value("code", "")) {}
  const long status;
  const std::string code;
};

/// There was no answer: it may have happened.
class no_answer : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct task {
  std::string workflow_id;
  std::string action;
  std::string type;
  std::uint32_t attempt = 0;
  std::string delivery;  ///< at_least_once or at_most_once
  std::string idempotency_key;
  json input;
  std::atomic<bool>& lost;  ///< set: nobody waits for the result any more
};

struct worker_options {
  std::string name = {};       ///< for people; default: host and process
  unsigned slots = 1;          ///< tasks that are worked on at once
  milliseconds lease{30'000};  ///< a worker that is not heard of for so long has lost its tasks
  std::string token = {};      ///< of `tenax token create`, scope work; default: TENAX_TOKEN
  std::string ca_file = {};  ///< whose certificates an https server may have; default: the system's
  std::string unix_socket = {};  ///< connect here, whatever host the URL names
  std::function<void(const std::string& line)> log = [](const std::string& line) {
    std::cerr << line << '\n';
  };
};

namespace detail {

/// One connection, made again when it breaks. For one thread at a time.
class server {
 public:
  server(std::string url, const worker_options& o)
      : url_(std::move(url)), curl_(::curl_easy_init()) {
    if (!curl_) throw std::runtime_error("libcurl does not start");
    while (url_.ends_with('/')) url_.pop_back();
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROXY, "");
    set(CURLOPT_WRITEFUNCTION, &take);
    if (!o.unix_socket.empty()) set(CURLOPT_UNIX_SOCKET_PATH, o.unix_socket.c_str());
    if (!o.ca_file.empty()) set(CURLOPT_CAINFO, o.ca_file.c_str());
    add_header("Content-Type: application/json");
    if (!o.token.empty()) add_header("Authorization: Bearer " + o.token);
    set(CURLOPT_HTTPHEADER, headers_.get());
  }

  json post(std::string_view path, const json& body, milliseconds timeout) {
    const std::string url = url_ + std::string(path);
    const std::string text = body.dump(-1, ' ', false, json::error_handler_t::replace);
    std::string answer;
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_POSTFIELDS, text.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(text.size()));
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
    set(CURLOPT_WRITEDATA, &answer);
    const auto done = ::curl_easy_perform(curl_.get());
    if (done != CURLE_OK) throw no_answer(::curl_easy_strerror(done));
    long status = 0;
    ::curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    auto document = json::parse(answer, nullptr, false);
    if (document.is_discarded()) throw no_answer("the answer is no JSON");
    if (status != 200) throw refused(status, document.is_object() ? document : json::object());
    return document;
  }

 private:
  static std::size_t take(const char* data, std::size_t, std::size_t n, void* to) {
    static_cast<std::string*>(to)->append(data, n);
    return n;
  }
  template <class T>
  void set(CURLoption option, T value) {
    ::curl_easy_setopt(curl_.get(), option, value);
  }
  void add_header(const std::string& line) {
    auto* const all = ::curl_slist_append(headers_.get(), line.c_str());
    (void)headers_.release();
    headers_.reset(all);
  }
  struct end {
    void operator()(CURL* c) const { ::curl_easy_cleanup(c); }
    void operator()(curl_slist* l) const { ::curl_slist_free_all(l); }
  };
  std::string url_;
  std::unique_ptr<curl_slist, end> headers_;
  std::unique_ptr<CURL, end> curl_;
};

inline std::string random_name() {
  std::random_device bits;
  std::string out;
  for (int i = 0; i < 32; ++i) out += "0123456789abcdef"[bits() % 16];
  return out;
}

inline std::string default_name() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + "-" + std::to_string(::getpid());
}

}  // namespace detail

class worker {
 public:
  using function = std::function<json(const task&)>;

  /// `url`: http://HOST:PORT or https://HOST:PORT.
  explicit worker(std::string url, worker_options options = {})
      : url_(std::move(url)), options_(std::move(options)) {
    static const auto started = ::curl_global_init(CURL_GLOBAL_DEFAULT);
    if (started != CURLE_OK) throw std::runtime_error("libcurl does not start");
    if (options_.name.empty()) options_.name = detail::default_name();
    if (options_.slots == 0) options_.slots = 1;
    if (const char* token = std::getenv("TENAX_TOKEN"); options_.token.empty() && token)
      options_.token = token;
  }

  /// Before `run`. The function is called from several threads at once.
  void add(std::string type, function f) { types_[std::move(type)] = std::move(f); }

  /// No more tasks; `run` returns when those that are worked on have ended. From any thread, and
  /// from a signal handler.
  void stop() noexcept { stopping_ = true; }

  /// Works until `stop`. Throws `refused` if the server will never give it a task.
  void run() {
    std::jthread beats([this](const std::stop_token& end) { beat(end); });
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < options_.slots; ++i) threads.emplace_back([this] { work(); });
    const auto close = [this] {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      changed_.notify_all();
    };
    try {
      poll();
    } catch (...) {
      stopping_ = true;
      close();
      throw;
    }
    close();
  }

 private:
  struct running {
    json told;
    std::atomic<bool> lost{false};
  };
  using running_ptr = std::shared_ptr<running>;

  void poll() {
    constexpr milliseconds wait(5'000);  // `stop` waits for that
    detail::server to(url_, options_);
    std::vector<std::string> names;
    for (const auto& [name, f] : types_) names.push_back(name);
    while (!stopping_) {
      const auto free = free_slots();
      if (free == 0) continue;
      // Whoever repeats a poll that had no answer gets the same tasks.
      const json ask{{"worker", options_.name},
                     {"types", names},
                     {"max", free},
                     {"wait_ms", wait.count()},
                     {"lease_ms", options_.lease.count()},
                     {"poll_id", detail::random_name()}};
      const auto got = insist(to, "/v1/workers/poll", ask, wait + milliseconds(30'000));
      if (!got) return;
      const std::lock_guard lock(mutex_);
      for (const auto& told : got->at("tasks")) {
        auto one = std::make_shared<running>();
        one->told = told;
        running_[told.at("token")] = one;
        waiting_.push_back(std::move(one));
      }
      changed_.notify_all();
    }
  }

  std::size_t free_slots() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, milliseconds(200), [this] { return running_.size() < options_.slots; });
    return options_.slots - std::min<std::size_t>(running_.size(), options_.slots);
  }

  /// Asks until there is an answer: nothing happens twice. At most for a lease once it stops:
  /// nothing then.
  std::optional<json> insist(detail::server& to, std::string_view path, const json& body,
                             milliseconds timeout) {
    std::minstd_rand random(std::random_device{}());
    milliseconds pause(100);
    std::optional<std::chrono::steady_clock::time_point> end;
    for (;;) {
      std::string why;
      try {
        return to.post(path, body, timeout);
      } catch (const no_answer& e) {
        why = e.what();
      } catch (const refused& e) {
        if (e.status != 429 && e.status != 503) throw;
        why = e.what();
      }
      const auto now = std::chrono::steady_clock::now();
      if (stopping_ && !end) end = now + options_.lease;
      if (end && now > *end) return std::nullopt;
      options_.log(std::string(path) + ": " + why + "; again soon");
      std::this_thread::sleep_for(milliseconds(random() % static_cast<unsigned>(pause.count())));
      pause = std::min(2 * pause, milliseconds(5'000));
    }
  }

  void work() {
    detail::server to(url_, options_);
    while (auto one = next()) {
      const std::string token = one->told.at("token");
      auto word = result_of(*one);
      word["token"] = token;
      word["who"] = options_.name;
      try {
        if (!one->lost) end(to, word);
      } catch (const refused& e) {
        options_.log(one->told.value("workflow_id", "") + " " + one->told.value("action", "") +
                     ": " + e.what());
      }
      const std::lock_guard lock(mutex_);
      running_.erase(token);
      changed_.notify_all();
    }
  }

  void end(detail::server& to, json word) {
    try {
      (void)insist(to, "/v1/attempts/end", word, milliseconds(30'000));
    } catch (const refused& e) {
      if (e.status != 400 && e.status != 413) throw;
      // Nobody would see why: the result is too large, say.
      word.erase("result");
      word.update({{"outcome", "fail"},
                   {"error_class", "bad_result"},
                   {"message", e.what()},
                   {"final", true}});
      (void)insist(to, "/v1/attempts/end", word, milliseconds(30'000));
    }
  }

  running_ptr next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return nullptr;
    auto one = std::move(waiting_.back());
    waiting_.pop_back();
    return one;
  }

  json result_of(running& one) const {
    const json& told = one.told;
    try {
      const task t{told.at("workflow_id"),
                   told.at("action"),
                   told.at("type"),
                   told.at("attempt"),
                   told.at("delivery"),
                   told.at("idempotency_key"),
                   told.contains("input") ? told.at("input") : told.value("input_text", json()),
                   one.lost};
      return {{"outcome", "complete"}, {"result", types_.at(t.type)(t)}};
    } catch (const failed& e) {
      return e.word();
    } catch (const std::exception& e) {
      return {{"outcome", "fail"}, {"error_class", "exception"}, {"message", e.what()}};
    }
  }

  void beat(const std::stop_token& end) {
    detail::server to(url_, options_);
    std::mutex unused;
    std::condition_variable_any clock;
    for (;;) {
      std::unique_lock lock(unused);
      clock.wait_for(lock, end, options_.lease / 3, [] { return false; });
      if (end.stop_requested()) return;  // nothing runs any more
      std::vector<std::pair<std::string, running_ptr>> all;
      {
        const std::lock_guard also(mutex_);
        all.assign(running_.begin(), running_.end());
      }
      constexpr std::size_t words_max = 1'000;
      for (std::size_t i = 0; i < all.size(); i += words_max) {
        json words = json::array();
        const auto n = std::min(words_max, all.size() - i);
        for (std::size_t k = 0; k < n; ++k) words.push_back({{"token", all[i + k].first}});
        try {
          const auto answers = to.post("/v1/attempts/heartbeat", words, options_.lease / 3);
          for (std::size_t k = 0; k < n; ++k) {
            if (answers.at(k).at("status") == 409) all[i + k].second->lost = true;
          }
        } catch (const std::exception& e) {
          options_.log(std::string("heartbeat: ") + e.what());
        }
      }
    }
  }

  const std::string url_;
  worker_options options_;
  std::map<std::string, function> types_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, running_ptr> running_;  // by token
  std::vector<running_ptr> waiting_;            // for a thread
  bool closed_ = false;
};

}  // namespace tenax_worker
