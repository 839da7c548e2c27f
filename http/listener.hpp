// listener.hpp - takes connections from one listening socket and hands them to the loops in turn.
// Of the first loop's thread.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <vector>

#include "http/asio_transport.hpp"
#include "http/core.hpp"
#include "http/loop.hpp"
#include "http/socket.hpp"

namespace tenax::http {

class listener : public std::enable_shared_from_this<listener> {
 public:
  /// `tls`: null for none.
  listener(file_descriptor socket, std::shared_ptr<core> shared,
           std::vector<std::shared_ptr<loop>> loops, std::shared_ptr<tls_source> tls);

  void wait();
  void close();

 private:
  void take_some();
  void pause();
  void place(accepted a);

  const std::shared_ptr<core> core_;
  const std::vector<std::shared_ptr<loop>> loops_;
  const std::shared_ptr<tls_source> tls_;
  std::size_t next_ = 0;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer pause_;
};

}  // namespace tenax::http
