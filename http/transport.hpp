// transport.hpp - a connection's bytes: plain, or through TLS. Of one io thread.
#pragma once

#include <cstddef>
#include <memory>

namespace tenax::http {

class connection;

/// Each call is answered once by the connection's function that is named, later, on its io thread.
/// The connection stays alive until then.
class transport {
 public:
  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  virtual ~transport() = default;

  /// -> on_ready
  virtual void open(std::shared_ptr<connection> c) = 0;
  /// -> on_read
  virtual void read(std::shared_ptr<connection> c, char* to, std::size_t max) = 0;
  /// -> on_written
  virtual void write(std::shared_ptr<connection> c, const char* from, std::size_t size) = 0;
  /// Says that no more will be written; no answer.
  virtual void shut(std::shared_ptr<connection> c) = 0;
  /// What was asked for ends; no answer of its own.
  virtual void close() = 0;
};

}  // namespace tenax::http
