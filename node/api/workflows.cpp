// What is asked about workflows, and what is done to them: /v1/workflows and below.
#include <algorithm>
#include <string>
#include <utility>

#include "model/documents/view_json.hpp"
#include "node/api/bodies.hpp"
#include "node/api/paced_step.hpp"
#include "node/api/reasons.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

using model::json_writer;

namespace {

constexpr std::uint64_t wait_ms_max = 60'000;
constexpr std::size_t page_max = 1'000;
/// An answer of so much ends, with where to go on.
constexpr std::size_t answer_bytes = 4u << 20;

std::string id_of(const call& c) { return std::string(c.param("id")); }

/// Not one of the state alone: progress and stuck attempts are no events.
std::string etag_of(const workflow_summary& w) { return "W/\"" + std::to_string(w.events) + "\""; }

/// Whether the client has this one.
bool has(const call& c, const std::string& etag) {
  const auto known = c.request().find_header("if-none-match");
  if (!known) return false;
  const std::string_view strong = std::string_view(etag).substr(2);
  return *known == "*" || known->find(strong) != std::string_view::npos;
}

void answer_summary(const call& c) {
  const auto w = c.target().summary(c.param("id"));
  if (!w) return c.refuse(w.error());
  const auto etag = etag_of(*w);
  if (has(c, etag)) return c.answer({304, {{"ETag", etag}}, {}});
  std::string body = R"({"workflow":)";
  json_writer out(body);
  model::put_object(out, *w);
  out.end_object();
  c.answer(200, std::move(body), {{"ETag", etag}});
}

void answer_view(const call& c) {
  if (c.request().find_header("if-none-match")) {
    const auto w = c.target().summary(c.param("id"));
    if (w && has(c, etag_of(*w))) return c.answer({304, {{"ETag", etag_of(*w)}}, {}});
  }
  const auto w = c.target().get(c.param("id"));
  if (!w) return c.refuse(w.error());
  c.answer(200, model::to_json(*w), {{"ETag", etag_of(w->summary)}});
}

/// What became of it.
std::function<void(result<void>)> answer_done(const call& c) {
  return [c](const result<void>& r) {
    if (!r) return c.refuse(r.error());
    c.go_on([](const call& self) {
      const auto w = self.target().summary(self.param("id"));
      if (!w) return self.refuse(w.error());
      self.answer(200, R"({"workflow":)" + model::to_json(*w) + "}");
    });
  };
}

/// Says what was asked for first if it is faulty: nothing was looked up then.
template <class Reader>
bool is_faulty(const call& c, Reader& reader) {
  const auto wrong = reader.fault();
  if (wrong) c.refuse(*wrong);
  return wrong.has_value();
}

/// Where one looks for a reason, a page may be short.
constexpr std::size_t looked_at_max = 1'000;

}  // namespace

list_query read_list(query_reader& query) {
  list_query q;
  q.status = query.word("status", "pending, in_progress, completed, failed or cancelled",
                        parse_workflow_status);
  q.open = query.flag("open");
  q.name = query.text("name");
  q.reference = query.text("reference");
  q.error_class = query.text("error_class");
  q.waiting = query.word(
      "waiting", "dependencies, schedule, retry, timer, thread, decision, outside or nothing",
      parse_waiting_for);
  q.from = query.time("from");
  q.until = query.time("until");
  q.newest_first = query.flag("newest_first");
  q.page_token = read_cursor(query);
  return q;
}

/// As it may stand in a URL: base64 in the alphabet of RFC 4648 section 5.
std::string read_cursor(query_reader& query) {
  auto token = query.text("cursor").value_or("");
  for (char& c : token) c = c == '-' ? '+' : c == '_' ? '/' : c;
  return token;
}
std::string cursor_text(std::string token) {
  for (char& c : token) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return token;
}
void put_cursor(json_writer& out, std::string token) {
  token.empty() ? out.null("next_cursor")
                : out.string("next_cursor", cursor_text(std::move(token)));
}

// --- queries -----------------------------------------------------------------------------------

void list(const call& c) {
  query_reader query(c.request().query);
  auto q = read_list(query);
  reason_query reasons(query);
  q.limit = query.number("limit", 1, page_max).value_or(100);
  q.open = q.open || reasons.selects();
  if (is_faulty(c, query)) return;
  c.later([q = std::move(q), reasons](const call& self) mutable {
    std::string body;
    json_writer out(body);
    out.begin_object();
    out.begin_array("workflows");
    std::size_t found = 0;
    const auto wanted = q.limit;
    // What is looked up one by one must come to the clock now and then.
    if (reasons.selects()) q.limit = std::min<std::size_t>(q.limit, 20);
    for (std::size_t looked_at = 0;;) {
      const auto page = self.target().list(q);
      if (!page) return self.refuse(page.error());
      for (const auto& w : page->items) found += reasons.put(out, self.target(), w) ? 1 : 0;
      q.page_token = page->next_page_token;
      looked_at += page->items.size();
      if (!reasons.selects() || q.page_token.empty() || reasons.is_long() ||
          found + q.limit > wanted || looked_at > looked_at_max)
        break;
    }
    out.end_array();
    put_cursor(out, std::move(q.page_token));
    out.end_object();
    self.answer(200, std::move(body));
  });
}

void count(const call& c) {
  query_reader query(c.request().query);
  auto q = read_list(query);
  if (is_faulty(c, query)) return;
  c.later([q = std::move(q)](const call& self) mutable {
    constexpr int steps_max = 100;  // then the client may go on
    std::uint64_t sum = 0;
    for (int i = 0; i < steps_max; ++i) {
      auto some = self.target().count(q);
      if (!some) return self.refuse(some.error());
      sum += some->count;
      q.page_token = std::move(some->next_page_token);
      if (q.page_token.empty()) break;
    }
    std::string body;
    json_writer out(body);
    out.begin_object();
    out.number("count", sum);
    put_cursor(out, q.page_token);
    out.end_object();
    self.answer(200, std::move(body));
  });
}

void show(const call& c) {
  query_reader query(c.request().query);
  const bool is_short = query.flag("summary");
  const auto wait_ms = query.number("wait_ms", 0, wait_ms_max).value_or(0);
  const auto after = query.number("after", 0, std::numeric_limits<std::uint64_t>::max());
  const auto until = query.text("until");
  if (until && *until != "terminal") query.fault_at("until", "must be terminal");
  if (until && after) query.fault_at("until", "does not go with after");
  if (is_faulty(c, query)) return;
  const auto answer = is_short ? answer_summary : answer_view;
  if (wait_ms == 0) return c.later(answer);
  c.wait(id_of(c), after, milliseconds(wait_ms), [c, answer] { c.go_on(answer); });
}

void show_history(const call& c) {
  if (wants_events(c.request())) return stream_history(c);
  query_reader query(c.request().query);
  const auto after =
      query.number("after", 0, std::numeric_limits<std::uint64_t>::max()).value_or(0);
  const auto limit = query.number("limit", 1, page_max).value_or(page_max);
  if (is_faulty(c, query)) return;
  c.later([after, limit](const call& self) {
    paced_step step;
    const auto id = id_of(self);
    std::string body;
    json_writer out(body);
    out.begin_object();
    out.string("workflow", id);
    out.begin_array("events");
    auto last = after;
    bool is_more = true;
    for (auto left = limit; left > 0 && is_more && body.size() < answer_bytes;) {
      const auto wanted = std::min<std::size_t>(left, step.events());
      const auto events = self.target().history(id, last, wanted);
      if (!events) return self.refuse(events.error());
      const auto before = body.size();
      for (const auto& e : *events) model::put_object(out, e);
      step.took(body.size() - before);
      if (!events->empty()) last = events->back().seq;
      left -= events->size();
      is_more = events->size() == wanted;
    }
    out.end_array();
    is_more ? out.number("next_after", last) : out.null("next_after");
    out.end_object();
    self.answer(200, std::move(body));
  });
}

void show_terms(const call& c) {
  c.later([](const call& self) {
    const auto terms = self.target().terms(self.param("id"));
    if (!terms) return self.refuse(terms.error());
    std::string body;
    json_writer out(body);
    out.begin_object();
    terms->empty() ? out.null("terms") : model::put_bytes(out, "terms", *terms);
    out.end_object();
    self.answer(200, std::move(body));
  });
}

void explain(const call& c) {
  c.later([](const call& self) {
    const auto why = self.target().explain(self.param("id"));
    if (!why) return self.refuse(why.error());
    self.answer(200, model::to_json(*why));
  });
}

// --- commands ----------------------------------------------------------------------------------

namespace {

void take_cancel(const call& c) {
  auto said = body_of(c, read_cancel);
  if (!said) return;
  c.target().cancel_async(c.param("id"), std::move(said->reason), answer_done(c), c.who(said->who));
}

void take_retry(const call& c) {
  auto said = body_of(c, read_retry);
  if (!said) return;
  c.target().retry_async(c.param("id"), said->action, std::move(said->reason), answer_done(c),
                         c.who(said->who));
}

void take_signal(const call& c) {
  auto said = body_of(c, read_signal);
  if (!said) return;
  c.target().signal_async(c.param("id"), std::move(said->name), std::move(said->payload),
                          std::move(said->key), answer_done(c), c.who(said->who));
}

void take_resolve(const call& c) {
  auto said = body_of(c, read_resolve);
  if (!said) return;
  c.target().resolve_async(c.param("id"), c.param("key"), std::move(said->decision), answer_done(c),
                           c.who(said->who));
}

void take_change(const call& c) {
  auto said = body_of(c, read_change);
  if (!said) return;
  if (said->what.input) {  // it says what is done, as a spec does
    const auto visit = c.at().locks->admit(c.request(), scope::submit);
    if (visit.refused) return c.answer(*visit.refused);
  }
  c.target().change_async(c.param("id"), c.param("key"), std::move(said->what), answer_done(c),
                          c.who(said->who));
}

}  // namespace

void cancel(const call& c) { c.by_size(take_cancel); }
void retry(const call& c) { c.by_size(take_retry); }
/// The spec is read to check an input: not on an io thread.
void change(const call& c) { c.later(take_change); }
void send_signal(const call& c) { c.by_size(take_signal); }
void resolve(const call& c) { c.by_size(take_resolve); }

void remove(const call& c) {
  c.target().remove_async(c.param("id"), [c](const result<void>& r) {
    if (!r) return c.refuse(r.error());
    std::string body;
    json_writer out(body);
    out.begin_object();
    out.string("removed", c.param("id"));
    out.end_object();
    c.answer(200, std::move(body));
  });
}

}  // namespace tenax::api
