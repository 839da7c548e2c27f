#include "http/asio_transport.hpp"

#include <utility>  // before Asio 1.74, which forgets it

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include "http/connection.hpp"

namespace tenax::http {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using socket = asio::generic::stream_protocol::socket;

template <class Stream>
class asio_transport : public transport {
 public:
  template <class... Args>
  explicit asio_transport(Args&&... args) : stream_(std::forward<Args>(args)...) {}

  void read(std::shared_ptr<connection> c, char* to, std::size_t max) final {
    stream_.async_read_some(
        asio::buffer(to, max),
        [c = std::move(c)](const error_code& e, std::size_t n) { c->on_read(e ? 0 : n); });
  }
  void write(std::shared_ptr<connection> c, const char* from, std::size_t size) final {
    stream_.async_write_some(
        asio::buffer(from, size),
        [c = std::move(c)](const error_code& e, std::size_t n) { c->on_written(e ? 0 : n); });
  }
  void close() final {
    error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 protected:
  Stream stream_;
};

class plain final : public asio_transport<socket> {
 public:
  using asio_transport::asio_transport;

  void open(std::shared_ptr<connection> c) override {
    asio::post(stream_.get_executor(), [c = std::move(c)] { c->on_ready(true); });
  }
  void shut(std::shared_ptr<connection>) override {
    error_code ignored;
    stream_.shutdown(socket::shutdown_send, ignored);
  }
};

}  // namespace

std::unique_ptr<transport> plain_transport(asio::io_context& at, int family, file_descriptor fd) {
  return std::make_unique<plain>(at, asio::generic::stream_protocol(family, 0), fd.release());
}

}  // namespace tenax::http
