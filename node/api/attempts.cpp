// Words about open attempts: one, or an array of them. A token is a secret: it is in no URL and no
// answer.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/documents/json_writer.hpp"
#include "node/api/bodies.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

using model::doc_path;
using model::json_at;
using model::json_tree;
using model::json_writer;

namespace {

constexpr std::size_t words_max = 1'000;

/// What is answered to one: the members of an object, or an error.
using answer = result<std::string>;
template <class Body>
using tell = void (*)(const call& c, Body w, std::function<void(answer)> done);

/// Whether the attempt is of a worker no longer.
bool is_over(const result<void>& r) { return r || r.error().code() == errc::lease_lost; }

void tell_end(const call& c, end_body w, std::function<void(answer)> done) {
  c.target().end_attempt_async(
      w.token, std::move(w.what),
      [done = std::move(done), desk = c.at().workers, token = w.token](result<void> r) {
        if (is_over(r)) desk->note_end(token);
        r ? done(std::string(R"("ended":true)")) : done(r.error());
      },
      c.who(w.who));
}

void tell_heartbeat(const call& c, heartbeat_body w, std::function<void(answer)> done) {
  c.target().heartbeat_async(w.token, std::move(w.progress),
                             [done = std::move(done), desk = c.at().workers,
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

template <class Body>
Body read_one(model::doc_reader& doc, json_at at, const doc_path& path, Body (*read)(fields&)) {
  fields f(doc, at, path);
  return read(f);
}

template <class Body>
void tell_all(const call& c, body_reader& body, Body (*read)(fields&), tell<Body> to) {
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
    auto w = read_one(body.doc, at, {root, here}, read);
    if (const auto wrong = body.fault()) return all->take(here, *wrong);
    to(c, std::move(w), [all, here](const answer& a) { all->take(here, a); });
  });
}

template <class Body>
void take_words(const call& c, Body (*read)(fields&), tell<Body> to) {
  body_reader body(c.request().body, c.at().bounds, true);
  if (body.is_array() && !body.has_faults()) return tell_all(c, body, read, to);
  auto w = body.is_open() ? read_one(body.doc, json_tree::root, {}, read) : Body{};
  if (const auto wrong = body.fault()) return c.refuse(*wrong);
  to(c, std::move(w),
     [c](const answer& a) { a ? c.answer(200, "{" + *a + "}") : c.refuse(a.error()); });
}

}  // namespace

void end_attempts(const call& c) {
  c.by_size([](const call& self) { take_words<end_body>(self, read_end, tell_end); });
}

void heartbeat(const call& c) {
  c.by_size(
      [](const call& self) { take_words<heartbeat_body>(self, read_heartbeat, tell_heartbeat); });
}

}  // namespace tenax::api
