#include "http/connection.hpp"

#include <algorithm>
#include <ctime>
#include <exception>
#include <string_view>
#include <utility>

#include "http/loop.hpp"
#include "http/text.hpp"

namespace tenax::http {

namespace {

constexpr std::size_t buffer_bytes_min = 4 * 1024;
constexpr std::size_t buffer_bytes_max = 64 * 1024;
/// A client makes this much progress within body_timeout or write_timeout.
constexpr std::size_t progress_bytes = 64 * 1024;
/// How long a client may go on sending after its last answer. To close at once would reset the
/// connection, and the answer could be lost with it (RFC 9112, 9.6).
constexpr std::chrono::seconds linger{2};

constexpr auto never = connection::time_point::max();

connection::time_point in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

/// What a client may choose as the id of its request.
bool is_sane_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return is_alnum(c) || c == '-' || c == '_' || c == '.';
  });
}

bool has_no_body(int status) { return status == 204 || status == 304 || status < 200; }

}  // namespace

connection::connection(std::shared_ptr<core> shared, std::shared_ptr<loop> at, peer from,
                       std::unique_ptr<transport> bytes)
    : core_(std::move(shared)),
      loop_(std::move(at)),
      peer_(std::move(from)),
      transport_(std::move(bytes)),
      framer_(core_->options.limits),
      in_(buffer_bytes_min, '\0') {}

// --- its life ----------------------------------------------------------------------------------

void connection::open() {
  read_by_ = in(core_->options.header_timeout);
  transport_->open(shared_from_this());
}

void connection::on_ready(bool ok) {
  if (is_closed_) return;
  if (!ok) return close();
  become_idle();
  read();
}

void connection::tick(time_point now) {
  if (now > write_by_) return close();
  if (now > comment_at_ && state_ == state::streaming && sending_.empty()) {
    add_piece(format_comment("alive"));
    write();
  }
  if (now <= read_by_) return;
  const bool is_asking = state_ == state::head || state_ == state::body;
  is_asking ? refuse({408, "the request did not come in time"}) : close();
}

void connection::stop() {
  is_last_ = true;
  if (state_ == state::idle || state_ == state::opening) return close();
  if (state_ == state::streaming) exchange_->cut();
}

void connection::close() {
  if (std::exchange(is_closed_, true)) return;
  transport_->close();
  core_->clients.leave(peer_.counted);
  release_body();
  release_answer();
  const auto self = shared_from_this();
  loop_->remove(this);
  written_(false);
  if (const auto e = std::exchange(exchange_, nullptr)) e->close();
}

/// All answers are written; what the client still sends is read and thrown away.
void connection::finish() {
  if (input_is_over_) return close();
  state_ = state::closing;
  read_by_ = in(linger);
  in_begin_ = in_end_ = 0;
  transport_->shut(shared_from_this());
  read();
}

// --- requests ----------------------------------------------------------------------------------

void connection::become_idle() {
  state_ = state::idle;
  read_by_ = in(core_->options.idle_timeout);
  request_id_.clear();
  keep_alive_ = true;
  http_1_0_ = head_only_ = false;
  release_body();
  body_mark_ = 0;
}

/// While a request is being answered this waits for the client to leave; whatever else comes then
/// is kept, and no more is read until its turn has come.
void connection::read() {
  if (is_closed_ || is_reading_ || input_is_over_ || in_begin_ < in_end_) return;
  is_reading_ = true;
  const bool is_large = state_ == state::body && body_bytes_ >= progress_bytes;
  if (const auto wanted = is_large ? buffer_bytes_max : buffer_bytes_min; in_.size() != wanted) {
    in_.resize(wanted);
    in_.shrink_to_fit();
  }
  transport_->read(shared_from_this(), in_.data(), in_.size());
}

void connection::on_read(std::size_t n) {
  is_reading_ = false;
  if (is_closed_) return;
  if (n == 0) {
    input_is_over_ = true;
    if (state_ != state::handling && state_ != state::answering) return close();
    is_last_ = true;
    if (exchange_) exchange_->leave();
    return;
  }
  if (state_ == state::closing) return read();
  in_begin_ = 0;
  in_end_ = n;
  take_requests();
}

void connection::take_requests() {
  while (!is_closed_ && (state_ == state::idle || state_ == state::head || state_ == state::body)) {
    if (state_ == state::idle && in_begin_ < in_end_) {
      state_ = state::head;
      read_by_ = in(core_->options.header_timeout);
    }
    std::string_view bytes(in_.data() + in_begin_, in_end_ - in_begin_);
    const auto step = framer_.next(bytes);
    const auto taken = in_end_ - in_begin_ - bytes.size();
    in_begin_ = in_end_ - bytes.size();
    if (state_ == state::body && !body_came(taken)) {
      return refuse({503, "too many bodies at a time: again later"});
    }
    switch (step) {
      case framer::step::more:
        return read();
      case framer::step::head:
        take_head();
        break;
      case framer::step::complete:
        take_request();
        break;
      case framer::step::refused:
        return refuse(framer_.refusal());
    }
  }
}

bool connection::body_came(std::size_t n) {
  body_bytes_ += n;
  const auto all = core_->bodies_bytes.fetch_add(n) + n;
  if (body_bytes_ > options::body_bytes_small && all > core_->options.bodies_bytes_max)
    return false;
  if (body_bytes_ < body_mark_) return true;
  body_mark_ = body_bytes_ + progress_bytes;
  read_by_ = in(core_->options.body_timeout);
  return true;
}

void connection::release_body() { core_->bodies_bytes -= std::exchange(body_bytes_, 0); }

/// Before the body is read: what must not come in is refused here.
void connection::take_head() {
  auto& head = framer_.head();
  head.remote = peer_.address;
  head.is_unix = peer_.is_unix;
  const auto id = head.find_header("x-request-id").value_or("");
  request_id_ = is_sane_id(id) ? std::string(id) : core_->new_id();
  head.id = request_id_;
  keep_alive_ = head.keep_alive;
  http_1_0_ = head.http_1_0;
  head_only_ = head.method == "HEAD";
  state_ = state::body;
  (void)body_came(0);

  if (const auto p = check_origin(head, core_->options.origins)) return refuse(*p);
  if (core_->options.admit) {
    if (auto answer = core_->options.admit(head)) return refuse(std::move(*answer));
  }
  if (framer_.expects_continue() && in_begin_ == in_end_) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
    write();
  }
}

void connection::take_request() {
  state_ = state::handling;
  read_by_ = never;
  exchange_ = std::make_shared<exchange>(loop_, weak_from_this(), core_->options.stream_bytes_max);
  responder answer(exchange_);
  try {
    core_->handler(framer_.take(), std::move(answer));
  } catch (const std::exception& e) {
    core_->report(std::string("a request's handler threw: ") + e.what());
  } catch (...) {
    core_->report("a request's handler threw");
  }
  read();
}

/// The connection ends with this answer: what comes next on it is not a request, or not wanted.
void connection::refuse(response r) {
  if (request_id_.empty()) request_id_ = core_->new_id();
  is_last_ = true;
  state_ = state::handling;
  read_by_ = never;
  respond(std::move(r), written_call());
}

void connection::refuse(const problem& p) {
  if (request_id_.empty()) request_id_ = core_->new_id();
  framer_.head().id = request_id_;  // the answer may show it
  refuse(core_->refusal(p, framer_.head()));
}

// --- answers -----------------------------------------------------------------------------------

void connection::respond(response r, written_call written) {
  if (is_closed_ || state_ != state::handling) return;
  written_ = std::move(written);
  state_ = state::answering;
  hold_answer(r);
  const bool has_body = !has_no_body(r.status);
  add_head(r, has_body ? body_end::length : body_end::none);
  if (has_body && !head_only_) out_ += r.body;
  write();
}

/// One of which somebody asks whether it was written is kept: it gives what cannot be given twice,
/// and its bytes are bounded where they come from.
void connection::hold_answer(response& r) {
  answer_bytes_ = r.body.size();
  const auto all = core_->answers_bytes.fetch_add(answer_bytes_) + answer_bytes_;
  if (answer_bytes_ <= options::body_bytes_small || all <= core_->options.answers_bytes_max ||
      written_.is_asked()) {
    return;
  }
  release_answer();
  request asked;  // its own has gone to the application
  asked.id = request_id_;
  r = core_->refusal({503, "too many answers at a time: again later"}, asked);
}

void connection::release_answer() { core_->answers_bytes -= std::exchange(answer_bytes_, 0); }

void connection::begin_stream(response head, bool is_events) {
  if (is_closed_ || state_ != state::handling) return;
  const auto end = http_1_0_ ? body_end::close : body_end::chunks;
  state_ = state::streaming;
  if (is_events) comment_at_ = in(core_->options.comment_interval);
  if (http_1_0_) is_last_ = true;
  add_head(head, end);
  if (head_only_ || loop_->is_stopping()) exchange_->cut();  // flush() follows
  write();
}

void connection::add_head(const response& r, body_end end) {
  is_last_ = is_last_ || !keep_alive_ || loop_->is_stopping();
  out_ += format_head(r, {.end = end,
                          .keep_alive = !is_last_,
                          .http_1_0 = http_1_0_,
                          .request_id = request_id_,
                          .now = std::time(nullptr)});
}

void connection::flush() {
  if (is_closed_ || state_ != state::streaming || !sending_.empty()) return;
  const auto piece = exchange_->take();
  if (piece.bytes.empty() && !piece.is_last) return;
  add_piece(piece.bytes);
  if (piece.is_last) {
    if (!head_only_ && !http_1_0_) out_ += last_chunk;
    if (piece.is_dropped) is_last_ = true;
    state_ = state::answering;
  }
  write();
}

void connection::add_piece(std::string_view bytes) {
  if (!head_only_) out_ += http_1_0_ ? std::string(bytes) : format_chunk(bytes);
  if (comment_at_ != never) comment_at_ = in(core_->options.comment_interval);
}

void connection::write() {
  if (is_closed_ || !sending_.empty()) return;
  if (out_.empty()) return written_all();
  sending_.swap(out_);
  sent_ = write_mark_ = 0;
  write_piece();
}

void connection::write_piece() {
  if (sent_ >= write_mark_) {
    write_mark_ = sent_ + progress_bytes;
    write_by_ = in(core_->options.write_timeout);
  }
  transport_->write(shared_from_this(), sending_.data() + sent_,
                    std::min(sending_.size() - sent_, progress_bytes));
}

void connection::on_written(std::size_t n) {
  if (is_closed_) return;
  if (n == 0) return close();
  sent_ += n;
  if (sent_ < sending_.size()) return write_piece();
  write_by_ = never;
  sending_.clear();
  if (sending_.capacity() > buffer_bytes_min) sending_.shrink_to_fit();
  write();
}

void connection::written_all() {
  if (state_ == state::streaming) return flush();
  if (state_ != state::answering) return;  // "100 Continue"
  const auto answered = std::exchange(exchange_, nullptr);
  auto written = std::exchange(written_, written_call());
  comment_at_ = never;
  release_answer();
  is_last_ || loop_->is_stopping() ? finish() : become_idle();
  if (answered) answered->finish();
  written(true);
  take_requests();
}

}  // namespace tenax::http
