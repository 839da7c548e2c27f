// The page without script: what the server knows, as tables.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "http/uri.hpp"
#include "model/clipped.hpp"
#include "model/documents/timestamp.hpp"
#include "node/api/paced_step.hpp"
#include "node/api/page.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

namespace {

constexpr std::size_t rows_max = 100;
constexpr std::size_t events_max = 500;
constexpr std::size_t page_bytes_max = 4U << 20;
constexpr std::size_t data_bytes_max = 4U << 10;  ///< of an event; all of it is in the API
constexpr std::size_t actions_max = 2'000;
/// Of a row that explains itself.
constexpr std::uint32_t explained_actions_max = 500;

/// Text is escaped wherever it comes from.
class html {
 public:
  void raw(std::string_view markup) { text_ += markup; }
  void text(std::string_view t) {
    for (const char c : t) {
      switch (c) {
        case '&':
          text_ += "&amp;";
          break;
        case '<':
          text_ += "&lt;";
          break;
        case '>':
          text_ += "&gt;";
          break;
        case '"':
          text_ += "&quot;";
          break;
        case '\'':
          text_ += "&#39;";
          break;
        default:
          text_ += c;
      }
    }
  }
  /// `tag` is of this file.
  void element(std::string_view tag, std::string_view t) {
    open(tag);
    text(t);
    close(tag);
  }
  void open(std::string_view tag) { (text_ += '<') += tag, text_ += '>'; }
  void close(std::string_view tag) { (text_ += "</") += tag, text_ += ">\n"; }
  void link(std::string_view to, std::string_view t) {
    raw("<a href=\"");
    text(to);
    raw("\">");
    text(t);
    raw("</a> ");
  }
  void head(std::string_view title) {
    raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<link rel=\"stylesheet\" href=\"/page/app.css\">\n");
    element("title", title);
    raw("</head>\n<body>\n<main class=\"plain\">\n");
  }
  void table(std::initializer_list<std::string_view> columns) {
    raw("<table>\n<tr>");
    for (const auto column : columns) element("th", column);
    raw("</tr>\n");
  }
  std::string end() {
    raw("</main>\n</body>\n</html>\n");
    return std::move(text_);
  }

 private:
  std::string text_;
};

void answer_html(const call& c, std::string body) {
  http::headers headers{{"Content-Type", "text/html; charset=utf-8"},
                        {"Cache-Control", "no-store"}};
  add_page_headers(headers);
  c.answer({200, std::move(headers), std::move(body)});
}

std::string path_of(std::string_view id) { return "/w/" + http::percent_encode(id) + "?plain"; }

std::string time_text(const std::optional<wall_time>& at) {
  return at ? model::print_timestamp(*at) : std::string();
}

std::string why_text(const call& c, const workflow_summary& w) {
  if (is_terminal(w.status) || w.actions.total > explained_actions_max) return w.reason;
  const auto e = c.target().explain(w.id);
  return e ? e->headline : std::string();
}

struct filter {
  std::string_view label;
  std::string_view query;
};
constexpr std::array<filter, 6> filters{{{"All", ""},
                                         {"Open", "&open"},
                                         {"Needs a decision", "&waiting=decision"},
                                         {"Retrying", "&waiting=retry"},
                                         {"Failed", "&status=failed"},
                                         {"Completed", "&status=completed"}}};

/// The filters of a query, as they are written in it.
std::string kept(const http::request& r) {
  std::string text;
  for (const auto& [name, value] : http::parse_query(r.query)) {
    if (name == "plain" || name == "cursor") continue;
    text += '&' + http::percent_encode(name) + '=' + http::percent_encode(value);
  }
  return text;
}

void put_list(html& out, const call& c, const page<workflow_summary>& page) {
  out.head("tenax");
  out.element("h1", "Workflows");
  out.raw("<nav>");
  for (const auto& f : filters) out.link("/?plain" + std::string(f.query), f.label);
  out.raw("</nav>\n");
  out.table({"Workflow", "Name", "Status", "Why, and what next", "Submitted"});
  for (const auto& w : page.items) {
    out.raw("<tr><td>");
    out.link(path_of(w.id), w.id);
    out.raw("</td>");
    out.element("td", w.name);
    out.element("td", to_string(w.status));
    out.element("td", why_text(c, w));
    out.element("td", model::print_timestamp(w.submitted_at));
    out.raw("</tr>\n");
  }
  out.raw("</table>\n");
  if (page.items.empty()) out.element("p", "There is none.");
  if (!page.next_page_token.empty()) {
    out.link("/?plain" + kept(c.request()) + "&cursor=" + cursor_text(page.next_page_token),
             "More");
  }
}

void put_explanation(html& out, const explanation& e) {
  out.open("p");
  out.element("strong", e.headline);
  out.close("p");
  if (!e.actions.empty()) {
    out.element("h2", "Why it does not run");
    out.table({"Action", "Type", "Why"});
    for (std::size_t i = 0; i < std::min(e.actions.size(), actions_max); ++i) {
      const auto& a = e.actions[i];
      out.raw("<tr>");
      out.element("td", a.key);
      out.element("td", a.type);
      std::string why = a.running ? "runs: attempt " + std::to_string(a.running->attempt) : "";
      for (const auto& r : a.reasons) {
        why += (why.empty() ? "" : "; ") + r.text;
        if (!r.note.empty()) why += "; " + r.note;
      }
      if (a.last_error)
        why += " (" + a.last_error->error_class + ": " + a.last_error->message + ")";
      out.element("td", why);
      out.raw("</tr>\n");
    }
    out.raw("</table>\n");
  }
  if (e.forecast.empty() || e.forecast.front().events.empty()) return;  // nothing by itself
  out.element("h2", "What happens next");
  out.table({"When", "What", "Then"});
  for (const auto& step : e.forecast) {
    out.raw("<tr>");
    out.element("td", step.at ? time_text(step.at) : "any moment");
    out.element("td", step.text);
    out.element("td", step.then);
    out.raw("</tr>\n");
  }
  out.raw("</table>\n");
}

void put_actions(html& out, const workflow_view& w) {
  out.element("h2", "Actions");
  out.table({"Action", "Type", "Status", "Waits for", "Depends on", "Attempts", "Ended"});
  for (std::size_t i = 0; i < std::min(w.actions.size(), actions_max); ++i) {
    const auto& a = w.actions[i];
    std::string parents;
    for (const auto& key : a.depends_on) parents += (parents.empty() ? "" : ", ") + key;
    out.raw("<tr>");
    out.element("td", a.key);
    out.element("td", a.type);
    out.element("td", to_string(a.status));
    out.element("td", a.waiting == waiting_for::nothing ? "" : to_string(a.waiting));
    out.element("td", parents);
    out.element("td", std::to_string(a.attempts));
    out.element("td", time_text(a.closed_at));
    out.raw("</tr>\n");
  }
  out.raw("</table>\n");
  if (w.actions.size() > actions_max) {
    out.element("p", "and " + std::to_string(w.actions.size() - actions_max) + " more actions");
  }
}

struct some_events {
  std::vector<history_event> all{};
  bool is_more = true;
};

/// As many as a page shows.
result<some_events> read_events(const engine& from, std::string_view id, std::uint64_t after) {
  some_events out;
  paced_step step;
  std::size_t bytes = 0;
  while (out.is_more && out.all.size() < events_max && bytes < page_bytes_max) {
    const auto wanted = std::min(step.events(), events_max - out.all.size());
    auto some = from.history(id, after, wanted);
    if (!some) return some.error();
    std::size_t more = 0;
    for (auto& e : *some) {
      more += e.data.size();
      after = e.seq;
      out.all.push_back(std::move(e));
    }
    step.took(more);
    bytes += more;
    out.is_more = some->size() == wanted;
  }
  return out;
}

void put_history(html& out, const std::vector<history_event>& events, bool is_more,
                 std::string_view id) {
  out.element("h2", "History");
  out.table({"#", "At", "Event", "Action", "By", "Data"});
  for (const auto& e : events) {
    out.raw("<tr>");
    out.element("td", std::to_string(e.seq));
    out.element("td", model::print_timestamp(e.at));
    out.element("td", e.kind);
    out.element("td", e.action);
    out.element("td", e.actor);
    out.element("td", model::clipped(e.data, data_bytes_max));
    out.raw("</tr>\n");
  }
  out.raw("</table>\n");
  if (is_more) {
    out.link(path_of(id) + "&after=" + std::to_string(events.back().seq), "More");
  }
}

}  // namespace

void answer_plain_list(const call& c) {
  query_reader query(c.request().query);
  (void)query.text("plain");
  auto q = read_list(query);
  q.newest_first = true;
  q.limit = rows_max;
  if (const auto wrong = query.fault()) return c.refuse(*wrong);
  c.later([q = std::move(q)](const call& self) {
    const auto page = self.target().list(q);
    if (!page) return self.refuse(page.error());
    html out;
    put_list(out, self, *page);
    answer_html(self, out.end());
  });
}

void answer_plain_queues(const call& c) {
  query_reader query(c.request().query);
  (void)query.text("plain");
  if (const auto wrong = query.fault()) return c.refuse(*wrong);
  html out;
  out.head("Queues");
  out.raw("<nav>");
  out.link("/?plain", "All workflows");
  out.raw("</nav>\n");
  const auto row = [&](std::initializer_list<std::string> cells) {
    out.raw("<tr>");
    for (const auto& cell : cells) out.element("td", cell);
    out.raw("</tr>\n");
  };
  out.element("h1", "Queues");
  out.table({"Type", "How", "In line", "Oldest since"});
  for (const auto& q : c.target().worker_stats()) {
    const auto asked = q.asked_at ? "asked for " + time_text(q.asked_at) : "no worker has asked";
    row({q.type, q.polls_waiting > 0 ? std::to_string(q.polls_waiting) + " polls wait" : asked,
         std::to_string(q.in_row) + (q.more_on_disk ? ", and more on disk" : ""),
         time_text(q.oldest_ready_at)});
  }
  for (const auto& t : c.target().type_stats()) {
    if (t.running_max == 0) continue;
    row({t.type, std::to_string(t.running) + " of " + std::to_string(t.running_max) + " run",
         std::to_string(t.let_in - std::min(t.let_in, t.running) + t.in_row),
         time_text(t.oldest_ready_at)});
  }
  out.raw("</table>\n");
  out.element("h1", "Workers");
  out.table({"Worker", "Has", "Takes", "Seen"});
  for (const auto& w : c.at().workers->workers())
    row({w.name, std::to_string(w.running), std::to_string(w.max),
         model::print_timestamp(w.seen_at)});
  out.raw("</table>\n");
  answer_html(c, out.end());
}

void answer_plain_workflow(const call& c) {
  query_reader query(c.request().query);
  (void)query.text("plain");
  const auto after =
      query.number("after", 0, std::numeric_limits<std::uint64_t>::max()).value_or(0);
  // What the page with scripts has in its address is nothing here.
  for (const auto* name : {"tab", "action", "event"}) (void)query.text(name);
  if (const auto wrong = query.fault()) return c.refuse(*wrong);
  c.later([after](const call& self) {
    const auto w = self.target().get(self.param("id"));
    if (!w) return self.refuse(w.error());
    const auto events = read_events(self.target(), w->summary.id, after);
    if (!events) return self.refuse(events.error());
    html out;
    out.head(w->summary.id);
    out.raw("<nav>");
    out.link("/?plain", "All workflows");
    out.raw("</nav>\n");
    out.element("h1", w->summary.id);
    out.element("p", w->summary.name + ", " + std::string(to_string(w->summary.status)) +
                         ", submitted " + model::print_timestamp(w->summary.submitted_at));
    if (const auto e = self.target().explain(w->summary.id)) put_explanation(out, *e);
    put_actions(out, *w);
    put_history(out, events->all, events->is_more, w->summary.id);
    answer_html(self, out.end());
  });
}

}  // namespace tenax::api
