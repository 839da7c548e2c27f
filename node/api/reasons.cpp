#include "node/api/reasons.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "model/documents/view_json.hpp"
#include "node/api/routes.hpp"

namespace tenax::api {

using model::json_writer;

namespace {

using clock = std::chrono::steady_clock;
constexpr std::string_view running = "running";
/// Of a page of the list.
constexpr std::chrono::milliseconds explaining_max{250};
constexpr std::uint32_t large_actions = 500;
/// Of the reasons of all.
constexpr std::size_t examined_max = 5'000;
constexpr std::chrono::milliseconds examining_max{400};
constexpr std::chrono::milliseconds cached_for{1'500};

/// Calls f(kind, reason) for each reason of its own of an action: others that must be over first
/// have theirs, and are counted there.
template <class F>
void each_reason(const explained_action& a, F f) {
  if (a.running) return f(running, action_reason{});
  for (const auto& r : a.reasons) {
    if (r.kind != reason_kind::dependencies) f(to_string(r.kind), r);
  }
}

struct group {
  std::string text{};
  std::size_t workflows = 0;
  std::size_t actions = 0;
  wall_time oldest_at{};
  std::optional<wall_time> next_at{};
  std::string example{};
  std::string last{};  ///< workflow that was counted
};

class grouping {
 public:
  void add(const workflow_summary& w, const explanation& e) {
    for (const auto& a : e.actions) {
      each_reason(a, [&](std::string_view kind, const action_reason& r) {
        const bool has_error =
            a.last_error && (r.kind == reason_kind::retry || r.kind == reason_kind::exhausted);
        add(groups_[{std::string(kind), a.type,
                     has_error ? a.last_error->error_class : std::string()}],
            w, r);
      });
    }
  }
  void put(json_writer& out) const {
    std::vector<const std::pair<const key, group>*> all;
    for (const auto& g : groups_) all.push_back(&g);
    std::ranges::stable_sort(all, std::ranges::greater(),
                             [](auto* g) { return g->second.workflows; });
    out.begin_array("groups");
    for (const auto* g : all) put(out, g->first, g->second);
    out.end_array();
  }

 private:
  using key = std::tuple<std::string, std::string, std::string>;  ///< kind, type, error class

  static void add(group& g, const workflow_summary& w, const action_reason& r) {
    if (g.actions++ == 0) {
      g.text = r.text;
      g.example = w.id;
      g.oldest_at = w.submitted_at;
    }
    if (g.last != w.id) ++g.workflows;
    g.last = w.id;
    g.oldest_at = std::min(g.oldest_at, w.submitted_at);
    if (r.at) g.next_at = std::min(g.next_at.value_or(*r.at), *r.at);
  }
  static void put(json_writer& out, const key& k, const group& g) {
    out.begin_object();
    out.string("kind", std::get<0>(k));
    out.string("type", std::get<1>(k));
    out.optional_string("error_class", std::get<2>(k));
    out.string("text", g.text);
    out.number("workflows", g.workflows);
    out.number("actions", g.actions);
    out.time("oldest_at", g.oldest_at);
    out.optional_time("next_at", g.next_at);
    out.string("example", g.example);
    out.end_object();
  }

  std::map<key, group> groups_;
};

/// Error: of list.
result<std::string> reasons_text(const engine& target, std::string token) {
  grouping groups;
  std::size_t examined = 0;
  std::optional<wall_time> now;
  list_query q;
  q.open = true;
  q.newest_first = true;
  q.page_token = std::move(token);
  const auto until = clock::now() + examining_max;
  do {
    q.limit = 50;
    const auto page = target.list(q);
    if (!page) return page.error();
    for (const auto& w : page->items) {
      ++examined;
      const auto e = target.explain(w.id);
      if (!e) continue;  // removed meanwhile, or not to be read
      now = e->now;
      groups.add(w, *e);
    }
    q.page_token = page->next_page_token;
  } while (!q.page_token.empty() && examined < examined_max && clock::now() < until);
  std::string body;
  json_writer out(body);
  out.begin_object();
  out.optional_time("now", now);
  out.number("examined", examined);
  groups.put(out);
  put_cursor(out, std::move(q.page_token));
  out.end_object();
  return body;
}

}  // namespace

reason_query::reason_query(query_reader& query)
    : explains_(query.flag("explain")),
      kind_(query.text("reason")),
      action_type_(query.text("action_type")) {}

bool reason_query::is_long() const noexcept { return taken_ >= explaining_max; }

bool reason_query::matches(const explanation& e) const {
  return std::ranges::any_of(e.actions, [&](const explained_action& a) {
    if (action_type_ && a.type != *action_type_) return false;
    bool found = false;
    each_reason(a, [&](std::string_view kind, const action_reason&) {
      found = found || !kind_ || kind == *kind_;
    });
    return found;
  });
}

bool reason_query::put(json_writer& out, const engine& target, const workflow_summary& w) {
  std::optional<explanation> why;
  const bool is_affordable = w.actions.total <= large_actions || !is_long();
  if (!is_terminal(w.status) && (selects() || (explains_ && is_affordable))) {
    const auto begun = clock::now();
    if (auto e = target.explain(w.id)) why = std::move(*e);
    taken_ += clock::now() - begun;
  }
  if (selects() && (!why || !matches(*why))) return false;
  out.begin_object();
  model::put_fields(out, w);
  if (explains_ && why) {
    out.begin_object("why");
    out.string("headline", why->headline);
    out.boolean("nothing_by_itself", why->nothing_by_itself);
    out.end_object();
  }
  out.end_object();
  return true;
}

void show_reasons(const call& c) {
  query_reader query(c.request().query);
  auto token = read_cursor(query);
  if (const auto wrong = query.fault()) return c.refuse(*wrong);
  c.later([token = std::move(token)](const call& self) mutable {
    auto& cache = self.at().reasons;
    const bool is_first = token.empty();
    std::unique_lock lock(cache.mutex, std::defer_lock);
    if (is_first) lock.lock();  // who comes meanwhile gets the same
    if (is_first && !cache.body.empty() && clock::now() - cache.made < cached_for) {
      return self.answer(200, cache.body);
    }
    auto body = reasons_text(self.target(), std::move(token));
    if (!body) return self.refuse(body.error());
    if (is_first) {
      cache.body = *body;
      cache.made = clock::now();
    }
    self.answer(200, std::move(*body));
  });
}

}  // namespace tenax::api
