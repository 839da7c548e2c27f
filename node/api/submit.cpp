// POST /v1/workflows: one document, or one a line (NDJSON).
#include <algorithm>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/text.hpp"
#include "http/uri.hpp"
#include "model/documents/json_writer.hpp"
#include "node/api/routes.hpp"
#include "tenax/spec.hpp"

namespace tenax::api {

namespace {

result<workflow_spec> read_spec(std::string_view document, const limits& bounds) {
  auto spec = parse_spec(document, bounds);
  if (!spec && is_trace(document)) return parse_trace(document, {}, bounds);
  return spec;
}

/// In quotes or not.
std::optional<std::string> idempotency_key(const http::request& r) {
  const auto given = r.find_header("idempotency-key");
  if (!given) return std::nullopt;
  std::string_view key = *given;
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"')
    key = key.substr(1, key.size() - 2);
  return std::string(key);
}

void put_submission(model::json_writer& out, const submission& s) {
  out.string("id", s.id);
  out.boolean("existed", s.existed);
}

void submit_one(const call& c) {
  auto spec = read_spec(c.request().body, c.at().bounds);
  if (!spec) return c.refuse(spec.error());
  if (spec->id.empty()) spec->id = idempotency_key(c.request()).value_or("");
  c.target().submit_async(*spec, [c](const result<submission>& r) {
    if (!r) return c.refuse(r.error());
    std::string body;
    model::json_writer out(body);
    out.begin_object();
    put_submission(out, *r);
    out.end_object();
    c.answer(r->existed ? 200 : 201, std::move(body),
             {{"Location", "/v1/workflows/" + http::percent_encode(r->id)}});
  });
}

/// An answer is a hundred times as long as the shortest line.
constexpr std::size_t lines_max = 10'000;

/// The lines of one request: many are in flight at once, and answered in their order.
class batch : public std::enable_shared_from_this<batch> {
 public:
  explicit batch(const call& c) : call_(c) {
    std::string_view rest = c.request().body;
    while (!rest.empty()) {
      const auto end = std::min(rest.find('\n'), rest.size());
      auto line = rest.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.find_first_not_of(" \t") != std::string_view::npos) lines_.push_back(line);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (lines_.size() > lines_max) break;
    }
    answers_.resize(lines_.size());
  }

  [[nodiscard]] bool is_too_long() const noexcept { return lines_.size() > lines_max; }

  /// Submits as many as may be in flight. On a thread that may wait, one at a time.
  void pump() {
    for (;;) {
      std::size_t i = 0;
      {
        const std::lock_guard lock(mutex_);
        if (next_ == lines_.size() || in_flight_ == in_flight_max) {
          is_pumping_ = false;
          break;
        }
        i = next_++;
        ++in_flight_;
      }
      submit(i);
    }
    finish_if_done();
  }

 private:
  static constexpr std::size_t in_flight_max = 512;

  void submit(std::size_t i) {
    const auto spec = read_spec(lines_[i], call_.at().bounds);
    if (!spec) return take(i, spec.error());
    call_.target().submit_async(
        *spec, [self = shared_from_this(), i](const result<submission>& r) { self->take(i, r); });
  }

  void take(std::size_t i, const result<submission>& r) {
    std::string answer;
    if (r) {
      model::json_writer out(answer);
      out.begin_object();
      out.number("status", r->existed ? 200 : 201);
      put_submission(out, *r);
      out.end_object();
    } else {
      answer = problem_text(r.error());
    }
    bool is_more = false;
    {
      const std::lock_guard lock(mutex_);
      answers_[i] = std::move(answer);
      --in_flight_;
      if (is_pumping_) return;
      is_more = next_ < lines_.size();
      if (is_more && in_flight_ > in_flight_max / 2) return;
      is_pumping_ = is_more;
    }
    if (is_more) {
      call_.go_on([self = shared_from_this()](const call&) { self->pump(); });
    } else {
      finish_if_done();
    }
  }

  void finish_if_done() {
    {
      const std::lock_guard lock(mutex_);
      if (is_done_ || is_pumping_ || next_ < lines_.size() || in_flight_ > 0) return;
      is_done_ = true;
    }
    std::string body;
    for (const auto& answer : answers_) body.append(answer).append("\n");
    call_.answer({200, {{"Content-Type", "application/x-ndjson"}}, std::move(body)});
  }

  const call call_;
  std::vector<std::string_view> lines_;  ///< of the request's body
  std::mutex mutex_;
  std::vector<std::string> answers_;
  std::size_t next_ = 0;
  std::size_t in_flight_ = 0;
  bool is_pumping_ = true;
  bool is_done_ = false;
};

bool is_ndjson(const http::request& r) {
  const auto type = http::to_lower(r.find_header("content-type").value_or(""));
  return type.starts_with("application/x-ndjson") || type.starts_with("application/jsonl");
}

}  // namespace

void submit(const call& c) {
  if (is_ndjson(c.request())) {
    return c.later([](const call& self) {
      const auto all = std::make_shared<batch>(self);
      if (!all->is_too_long()) return all->pump();
      self.refuse(error(errc::invalid_argument, "more than " + std::to_string(lines_max) +
                                                    " lines: send several requests"));
    });
  }
  c.by_size(submit_one);
}

}  // namespace tenax::api
