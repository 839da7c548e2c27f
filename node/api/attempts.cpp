// Words about open attempts: one, or an array of them. A token is a secret: it is in no URL and no
// answer.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/documents/json_writer.hpp"
#include "node/api/reading.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

using model::doc_path;
using model::json_at;
using model::json_tree;
using model::json_writer;

namespace {

constexpr std::size_t words_max = 1'000;

struct word {
  std::string token;
  outcome what{};
  std::string progress;
  std::string who;
};

outcome read_outcome(fields& f) {
  const auto how = f.required_text("outcome");
  if (how == "complete") return outcome::success(f.json("result").value_or("null"));
  if (how == "defer" || how == "throttle") {
    const auto until = f.time("until");
    f.require("until", until.has_value());
    const auto message = how == "throttle" ? f.text("message").value_or("") : "";
    const auto at = until.value_or(wall_time{});
    return how == "defer" ? outcome::defer(at) : outcome::throttled(at, message);
  }
  if (how != "fail" && how != "unknown") {
    if (!how.empty()) {
      f.fault_at("outcome", "must be complete, fail, defer, throttle or unknown");
    }
    return {};
  }
  auto error_class = f.required_text("error_class");
  auto message = f.text("message").value_or("");
  if (how == "unknown") return outcome::unknown(std::move(error_class), std::move(message));
  const auto retry_after = f.duration("retry_after_ms");
  if (!f.flag("final")) {
    return outcome::failure(std::move(error_class), std::move(message), retry_after);
  }
  if (retry_after) f.fault_at("retry_after_ms", "does not go with final");
  return outcome::fatal(std::move(error_class), std::move(message));
}

word read_end(model::doc_reader& doc, json_at at, const doc_path& path) {
  fields f(doc, at, path);
  word w;
  w.token = f.required_text("token");
  w.what = read_outcome(f);
  w.who = f.text("who").value_or("");
  return w;
}

word read_heartbeat(model::doc_reader& doc, json_at at, const doc_path& path) {
  fields f(doc, at, path);
  word w;
  w.token = f.required_text("token");
  w.progress = f.text("progress").value_or("");
  return w;
}

/// What is answered to one: the members of an object, or an error.
using answer = result<std::string>;
using tell = void (*)(service& at, word w, std::function<void(answer)> done);

/// Whether the attempt is of a worker no longer.
bool is_over(const result<void>& r) { return r || r.error().code() == errc::lease_lost; }

void tell_end(service& at, word w, std::function<void(answer)> done) {
  at.target.end_attempt_async(
      w.token, std::move(w.what),
      [done = std::move(done), desk = at.workers, token = w.token](result<void> r) {
        if (is_over(r)) desk->note_end(token);
        r ? done(std::string(R"("ended":true)")) : done(r.error());
      },
      std::move(w.who));
}

void tell_heartbeat(service& at, word w, std::function<void(answer)> done) {
  at.target.heartbeat_async(w.token, std::move(w.progress),
                            [done = std::move(done), desk = at.workers,
                             token = w.token](const result<std::optional<wall_time>>& r) {
                              if (!r) {
                                if (r.error().code() == errc::lease_lost) desk->note_end(token);
                                return done(r.error());
                              }
                              desk->note_beat(token, *r);
                              std::string text;
                              json_writer out(text);
                              *r ? out.time("given_up_at", **r) : out.null("given_up_at");
                              done(std::move(text));
                            });
}

/// The answers of an array, in its order.
struct answers {
  answers(const call& c, std::size_t n) : of(c), texts(n), left(n) {}

  void take(std::size_t i, const answer& a) {
    texts[i] = a ? R"({"status":200,)" + *a + "}" : problem_text(a.error());
    if (--left > 0) return;
    std::string body = "[";
    for (const auto& text : texts) (body.size() > 1 ? body += ',' : body) += text;
    of.answer(200, std::move(body += ']'));
  }

  const call of;
  std::vector<std::string> texts;
  std::atomic<std::size_t> left;
};

template <class Read>
void tell_all(const call& c, body_reader& body, Read read, tell to) {
  const auto n = body.doc.tree.child_count(json_tree::root);
  if (n > words_max) {
    return c.refuse(error(errc::invalid_argument,
                          "an array of more than " + std::to_string(words_max) + " elements"));
  }
  if (n == 0) return c.answer(200, "[]");
  const auto all = std::make_shared<answers>(c, n);
  std::size_t i = 0;
  const doc_path root;
  body.doc.tree.for_each_child(json_tree::root, [&](json_at at) {
    const auto here = i++;
    auto w = read(body.doc, at, {root, here});
    if (const auto wrong = body.fault()) return all->take(here, *wrong);
    w.who = c.who(w.who);
    to(c.at(), std::move(w), [all, here](const answer& a) { all->take(here, a); });
  });
}

template <class Read>
void take_words(const call& c, Read read, tell to) {
  body_reader body(c.request().body, c.at().bounds, true);
  if (body.is_array() && !body.has_faults()) return tell_all(c, body, read, to);
  auto w = body.is_open() ? read(body.doc, json_tree::root, {}) : word{};
  if (const auto wrong = body.fault()) return c.refuse(*wrong);
  w.who = c.who(w.who);
  to(c.at(), std::move(w),
     [c](const answer& a) { a ? c.answer(200, "{" + *a + "}") : c.refuse(a.error()); });
}

}  // namespace

void end_attempts(const call& c) {
  c.by_size([](const call& self) { take_words(self, read_end, tell_end); });
}

void heartbeat(const call& c) {
  c.by_size([](const call& self) { take_words(self, read_heartbeat, tell_heartbeat); });
}

}  // namespace tenax::api
