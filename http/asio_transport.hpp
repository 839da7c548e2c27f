// asio_transport.hpp - transports over Asio's sockets.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "http/socket.hpp"
#include "http/transport.hpp"

namespace tenax::http {

std::unique_ptr<transport> plain_transport(boost::asio::io_context& at, int family,
                                           file_descriptor socket);

}  // namespace tenax::http
