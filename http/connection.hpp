// connection.hpp - one client: its requests, one after the other, and their answers. No sockets in
// here (transport.hpp) and no timers (the loop's tick). Of one io thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/core.hpp"
#include "http/exchange.hpp"
#include "http/framing.hpp"
#include "http/response.hpp"
#include "http/transport.hpp"

namespace tenax::http {

class loop;

class connection : public std::enable_shared_from_this<connection> {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  struct peer {
    std::string address;  ///< for people
    std::string counted;  ///< as admission knows it
    bool is_unix = false;
  };

  connection(std::shared_ptr<core> shared, std::shared_ptr<loop> at, peer from,
             std::unique_ptr<transport> bytes);

  void open();
  /// Ends what is too late.
  void tick(time_point now);
  /// The server stops: at once if nothing is asked, else after the answer.
  void stop();
  void close();

  // --- the exchange's words ---
  void respond(response r, written_call written);
  void begin_stream(response head, bool is_events);
  /// The stream has more.
  void flush();

  // --- the transport's answers ---
  void on_ready(bool ok);
  /// 0: no more will come, or an error.
  void on_read(std::size_t n);
  /// 0: an error.
  void on_written(std::size_t n);

 private:
  enum class state : std::uint8_t {
    opening,  ///< TLS
    idle,     ///< before the first byte of a request
    head,     ///< of a request has begun
    body,
    handling,   ///< the application has the request
    streaming,  ///< it writes the answer
    answering,  ///< the whole answer is there and is being written
    closing,    ///< all is written; the client's side is waited for
  };

  void become_idle();
  void read();
  void take_requests();
  void take_head();
  /// False: there is no room for it.
  bool body_came(std::size_t n);
  void release_body();
  /// Counts the answer's bytes; it becomes a refusal where there is no room for it.
  void hold_answer(response& r);
  void release_answer();
  void take_request();
  void refuse(const problem& p);
  void refuse(response r);
  void add_head(const response& r, body_end end);
  void add_piece(std::string_view bytes);
  void write();
  void write_piece();
  void written_all();
  void finish();

  const std::shared_ptr<core> core_;
  const std::shared_ptr<loop> loop_;
  const peer peer_;
  const std::unique_ptr<transport> transport_;

  state state_ = state::opening;
  bool is_closed_ = false;
  bool is_last_ = false;        ///< close after this answer
  bool input_is_over_ = false;  ///< the client sends no more, but may wait for its answer

  framer framer_;
  std::string in_;  ///< the buffer that is read into
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  bool is_reading_ = false;
  std::size_t body_bytes_ = 0;  ///< counted in core::bodies_bytes
  std::size_t body_mark_ = 0;   ///< up to here by read_by_
  time_point read_by_ = time_point::max();

  // Of the request that is being answered.
  std::shared_ptr<exchange> exchange_;
  std::string request_id_;
  bool keep_alive_ = true;
  bool http_1_0_ = false;
  bool head_only_ = false;
  written_call written_;
  time_point comment_at_ = time_point::max();  ///< an event stream is silent until then

  std::size_t answer_bytes_ = 0;  ///< counted in core::answers_bytes
  std::string out_;               ///< to be written
  std::string sending_;           ///< being written
  std::size_t sent_ = 0;
  std::size_t write_mark_ = 0;  ///< up to here by write_by_
  time_point write_by_ = time_point::max();
};

}  // namespace tenax::http
