// loop.hpp - one io thread and the connections that live on it. Functions that are not marked run
// on that thread only.
#pragma once

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "http/connection.hpp"

namespace tenax::http {

class loop {
 public:
  using time_point = connection::time_point;

  /// `tick`: how exactly deadlines are kept.
  explicit loop(std::chrono::milliseconds tick) : tick_(tick) {}

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  /// Runs until stop() was called and nothing is left.
  void run() { context_.run(); }

  /// From any thread: f(connection) on this thread, later, if the connection is still there then.
  template <class F>
  void post(std::weak_ptr<connection> c, F f) {
    boost::asio::post(context_, bound(std::move(c), std::move(f)));
  }
  /// As post; at once if this is the thread.
  template <class F>
  void dispatch(std::weak_ptr<connection> c, F f) {
    boost::asio::dispatch(context_, bound(std::move(c), std::move(f)));
  }
  /// From any thread.
  template <class F>
  void post(F f) {
    boost::asio::post(context_, std::move(f));
  }

  void add(const std::shared_ptr<connection>& c);
  void remove(connection* c);
  /// No connection goes on after its answer, and none at all after `by`.
  void stop(time_point by);
  [[nodiscard]] bool is_stopping() const noexcept { return is_stopping_; }

 private:
  // A weak one: what waits in the context must not keep the context itself alive.
  template <class F>
  static auto bound(std::weak_ptr<connection> c, F f) {
    return [c = std::move(c), f = std::move(f)]() mutable {
      if (const auto there = c.lock()) f(*there);
    };
  }

  void tick();
  void end_if_done();
  [[nodiscard]] std::vector<std::shared_ptr<connection>> all() const;

  const std::chrono::milliseconds tick_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      context_.get_executor()};
  boost::asio::steady_timer timer_{context_};
  bool is_ticking_ = false;
  bool is_stopping_ = false;
  time_point stop_by_{};
  std::map<connection*, std::shared_ptr<connection>> connections_;
};

}  // namespace tenax::http
