// call.hpp - one request on its way through the API, and what all of them share. Depends on
// include/tenax, http and node/api only. Thread safe where not said otherwise.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/responder.hpp"
#include "http/server.hpp"
#include "node/api/gate.hpp"
#include "node/api/metrics.hpp"
#include "node/api/pool.hpp"
#include "node/api/problems.hpp"
#include "node/api/rates.hpp"
#include "node/api/reasons.hpp"
#include "node/api/scopes.hpp"
#include "node/api/streams.hpp"
#include "node/api/traces.hpp"
#include "node/api/waits.hpp"
#include "node/api/workers.hpp"
#include "tenax/engine.hpp"

namespace tenax::api {

/// Outlives the server where the engine still has to call back.
struct service {
  service(engine& e, std::size_t threads, std::size_t most_streams, std::shared_ptr<const gate> g,
          log_sink to)
      : target(e),
        bounds(e.bounds()),
        streams_max(most_streams),
        locks(std::move(g)),
        log(std::move(to)),
        work(threads, 1'000) {}

  /// Who waits for news is answered, streams end; now and later.
  void release() {
    draining = true;
    parked->release();
    streamed->release();
    workers->release();
  }

  /// Nobody waits any more, nothing is begun.
  void stop() {
    draining = true;
    workers->release();
    parked->stop();
    streamed->stop();
    if (traced) traced->stop();
    work.stop();
  }

  engine& target;
  const limits bounds;
  const std::size_t streams_max;
  const std::shared_ptr<const gate> locks;
  const log_sink log;
  pool work;
  const std::shared_ptr<waits> parked = std::make_shared<waits>(target);
  const std::shared_ptr<streams> streamed = std::make_shared<streams>(target);
  const std::shared_ptr<worker_desk> workers = std::make_shared<worker_desk>(target);
  std::unique_ptr<traces> traced{};  ///< null: nobody collects them
  rates given{};                     ///< tasks, by type
  rates ended{};                     ///< attempts, by type
  reasons_cache reasons{};
  std::atomic<bool> draining{false};
  std::deque<route_figures> figures{};  ///< one of each route
  std::atomic<const http::server*> front{nullptr};
};

class call;

/// A path of the API, and what is done there: on an io thread, so it must not block.
struct route {
  enum class query : bool { none, some };
  std::string_view method;
  std::string_view path;
  scope needs;  ///< of the token of who asks
  void (*run)(const call&);
  query takes = query::none;  ///< some: `run` looks at it
};

/// Copies mean the same request.
class call {
 public:
  call(std::shared_ptr<service> at, const route& of, route_figures& figures, http::request r,
       http::responder to)
      : state_(std::make_shared<state>(std::move(at), of, figures, std::move(r), std::move(to))) {}

  [[nodiscard]] const http::request& request() const noexcept { return state_->request; }
  [[nodiscard]] service& at() const noexcept { return *state_->at; }
  [[nodiscard]] engine& target() const noexcept { return state_->at->target; }
  [[nodiscard]] std::string_view param(std::string_view name) const {
    return state_->request.param(name);
  }

  /// The answer if it might not come in when this was made.
  [[nodiscard]] const std::optional<http::response>& refused() const noexcept {
    return state_->visit.refused;
  }
  /// Whether it still may.
  [[nodiscard]] bool may_stay() const {
    return !at().locks->admit(request(), state_->of.needs).refused;
  }
  /// "": it showed none, when this was made; it may be revoked since.
  [[nodiscard]] const std::string& token_name() const noexcept { return state_->visit.name; }
  /// Who asks, for the history: the name of the token, and what the request says of itself.
  [[nodiscard]] std::string who(const std::optional<std::string>& said) const {
    const auto& name = token_name();
    if (!said || said->empty() || *said == name) return name;
    return name.empty() ? *said : name + " (" + *said + ")";
  }

  void answer(http::response r) const {
    const auto time = std::chrono::steady_clock::now() - state_->began;
    state_->figures.count(r.status, time, state_->waited);
    note(r.status);
    state_->to.send(std::move(r));
  }
  /// Answers with Server-Sent Events.
  [[nodiscard]] http::stream begin_events() const {
    state_->figures.count(200, {}, true);
    return state_->to.send_events({200, {{"X-Accel-Buffering", "no"}}, {}});  // nginx
  }
  /// A JSON document.
  void answer(int status, std::string body, http::headers headers = {}) const {
    headers.push_back({"Content-Type", "application/json"});
    answer({status, std::move(headers), std::move(body += '\n')});
  }
  /// As answer(200, body); says as responder::send whether it was written. It was asked to wait.
  bool hand(std::string body, std::function<void(bool)> written) const {
    state_->waited = true;
    const auto time = std::chrono::steady_clock::now() - state_->began;
    state_->figures.count(200, time, true);
    return state_->to.send({200, {{"Content-Type", "application/json"}}, std::move(body += '\n')},
                           std::move(written));
  }
  /// The client leaves before the answer is sent.
  void on_gone(std::function<void()> f) const { state_->to.on_gone(std::move(f)); }
  void refuse(const error& e) const { answer(problem(e, request().id)); }

  /// Goes on with f(*this) on a thread that may wait.
  template <class F>
  void later(F f) const {
    if (!at().work.post(guarded(std::move(f)))) {
      refuse(at().draining
                 ? error(errc::closing, "the server is stopping")
                 : error(errc::overloaded, "more than " + std::to_string(at().work.waiting_max()) +
                                               " requests wait for a thread"));
    }
  }
  /// Goes on with f(*this): here if that is quick, for the request is small.
  template <class F>
  void by_size(F f) const {
    constexpr std::size_t small_bytes_max = 32 * 1024;
    request().body.size() > small_bytes_max ? later(std::move(f)) : f(*this);
  }
  /// As `later`, of what has begun: it is not refused any more.
  template <class F>
  void go_on(F f) const {
    at().work.go_on(guarded(std::move(f)));
  }
  /// Calls `then` when there is news (waits::add), unless the client leaves.
  void wait(std::string id, std::optional<std::uint64_t> after, milliseconds within,
            std::function<void()> then) const {
    state_->waited = true;
    const auto key = at().parked->add(std::move(id), after, within, std::move(then));
    if (key == 0) return;
    state_->to.on_gone([parked = std::weak_ptr(at().parked), key] {
      if (const auto there = parked.lock()) there->forget(key);
    });
  }

 private:
  /// In the log (at info) is what somebody has decided, and what could not be served; nothing of
  /// queries and bodies.
  void note(int status) const;

  template <class F>
  [[nodiscard]] pool::task guarded(F f) const {
    return [self = *this, f = std::move(f)]() mutable {
      try {
        f(self);
      } catch (const std::exception&) {  // no memory
        self.answer(refusal(500, "the request could not be served", self.request()));
      }
    };
  }

  struct state {
    state(std::shared_ptr<service> s, const route& o, route_figures& f, http::request r,
          http::responder t)
        : at(std::move(s)), of(o), figures(f), request(std::move(r)), to(std::move(t)) {}
    const std::shared_ptr<service> at;
    const route& of;
    route_figures& figures;
    const http::request request;
    const http::responder to;
    const gate::visit visit = at->locks->admit(request, of.needs);
    const std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    std::atomic<bool> waited{false};
  };
  std::shared_ptr<state> state_;
};

}  // namespace tenax::api
