#include "storage/views.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

#include "model/documents/event_json.hpp"
#include "storage/keys.hpp"
#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;
using model::event_kind;

namespace {

/// A workflow a -> b -> c, and d alone, driven by hand.
class by_hand {
 public:
  by_hand() {
    workflow_spec spec;
    spec.id = "w";
    spec.name = "order";
    spec.input = R"({"n":1})";
    spec.deadline = milliseconds{1'000'000};
    for (const char* key : {"a", "b", "c", "d"}) {
      auto& action = spec.actions.emplace_back();
      action.key = key;
      action.type = std::string("type_") + key;
      action.input = "[1]";
      if (*key == 'b') action.depends_on = {"a"};
      if (*key == 'c') action.depends_on = {"a", "b"};
    }
    w_.emplace(r_, std::move(spec));
    store_ = open_for_test(dir_.data());
    w_->changes.begin(w_->state);
    event(event_kind::workflow_created, model::no_action,
          [this](model::event& e) { e.due_at_ms = w_->now_ms + 1'000'000; });
    save();
  }
  template <class F>
  void event(event_kind kind, model::action_index action, F&& fill) {
    model::event e;
    e.kind = kind;
    e.action = action;
    if (action != model::no_action) e.attempt = w_->state.actions[action].attempt;
    fill(e);
    e.at_ms = w_->now_ms;
    const auto wrong = model::check_applicable(*w_->def, w_->state, e);
    BOOST_REQUIRE_EQUAL(wrong, "");
    w_->apply(e);
  }
  void event(event_kind kind, model::action_index action) {
    event(kind, action, [](model::event&) {});
  }
  void start(model::action_index action) {
    event(event_kind::attempt_started, action, [](model::event& e) { ++e.attempt; });
  }
  void complete(model::action_index action, std::string result) {
    start(action);
    event(event_kind::action_completed, action,
          [&](model::event& e) { e.text = std::move(result); });
  }
  void save() {
    commit(*store_, *w_);
    w_->changes.begin(w_->state);
  }
  workflow_view view(const has_handler& handlers = {}) {
    if (!w_->changes.empty()) save();
    auto v = read_view(*store_, "w", handlers, 0);
    BOOST_REQUIRE_MESSAGE(v, failure(v));
    return *v;
  }
  [[nodiscard]] wall_time now(std::int64_t plus_ms = 0) const {
    return wall_time(milliseconds(w_->now_ms + plus_ms));
  }
  [[nodiscard]] const store& stored() const { return *store_; }

 private:
  temp_dir dir_;
  random_source r_{1};
  std::optional<random_workflow> w_;
  std::unique_ptr<store> store_;
};

list_query limited(std::size_t limit) {
  list_query q;
  q.limit = limit;
  return q;
}

/// All ids of a query, page by page.
std::vector<std::string> all_pages(const store& s, list_query q, std::size_t* pages = nullptr) {
  std::vector<std::string> out;
  for (;;) {
    const auto page = list_page(s, q);
    BOOST_REQUIRE_MESSAGE(page, failure(page));
    BOOST_REQUIRE(page->items.size() <= q.limit);
    if (pages != nullptr) ++*pages;
    for (const auto& item : page->items) out.push_back(item.id);
    if (page->next_page_token.empty()) return out;
    q.page_token = page->next_page_token;
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(views_test)

BOOST_AUTO_TEST_CASE(a_view_says_what_each_action_waits_for) {
  by_hand w;
  auto v = w.view([](std::string_view type) { return type != "type_d"; });
  BOOST_TEST((v.summary.status == workflow_status::pending));
  BOOST_TEST(v.input == R"({"n":1})");
  BOOST_TEST((v.summary.deadline_at == w.now(1'000'000)));
  BOOST_TEST((v.actions[0].waiting == waiting_for::a_thread));
  BOOST_TEST((v.actions[0].status == action_status::validated));
  BOOST_TEST((v.actions[1].waiting == waiting_for::dependencies));
  BOOST_TEST((v.actions[1].waiting_on == std::vector<std::string>{"a"}));
  BOOST_TEST((v.actions[2].waiting_on == std::vector<std::string>{"a", "b"}));
  BOOST_TEST((v.actions[3].waiting == waiting_for::handler));
  BOOST_TEST((w.view().actions[3].waiting == waiting_for::a_thread));

  w.complete(0, R"({"x":1})");
  v = w.view();
  BOOST_TEST((v.summary.status == workflow_status::in_progress));
  BOOST_TEST((v.actions[0].status == action_status::completed));
  BOOST_TEST((v.actions[0].waiting == waiting_for::nothing));
  BOOST_TEST((v.actions[0].result == R"({"x":1})"));
  BOOST_TEST((v.actions[0].closed_at == w.now()));
  BOOST_TEST((v.actions[2].waiting_on == std::vector<std::string>{"b"}));
  BOOST_TEST((v.actions[2].depends_on == std::vector<std::string>{"a", "b"}));
  BOOST_TEST(v.summary.actions.total == 4u);
  BOOST_TEST(v.summary.actions.completed == 1u);
  BOOST_TEST(v.summary.actions.blocked == 1u);

  w.start(1);
  w.event(event_kind::attempt_failed, 1, [](model::event& e) {
    e.error_class = "net";
    e.text = "no route";
  });
  w.event(event_kind::retry_scheduled, 1, [&](model::event& e) {
    e.wait_ms = 500;
    e.due_at_ms = w.now(500).time_since_epoch().count();
  });
  w.event(event_kind::action_scheduled, 3,
          [&](model::event& e) { e.due_at_ms = w.now(900).time_since_epoch().count(); });
  v = w.view();
  BOOST_TEST((v.actions[1].status == action_status::executing));
  BOOST_TEST((v.actions[1].waiting == waiting_for::retry));
  BOOST_TEST((v.actions[1].next_retry_at == w.now(500)));
  BOOST_TEST((v.actions[1].next_at == w.now(500)));
  BOOST_TEST(v.actions[1].retry_count == 1u);
  BOOST_TEST(v.actions[1].attempts == 1u);
  BOOST_TEST((v.actions[1].last_error == action_error{"net", "no route"}));
  BOOST_TEST((v.actions[3].waiting == waiting_for::schedule));
  BOOST_TEST((v.actions[3].next_at == w.now(900)));
  BOOST_TEST(!v.actions[3].next_retry_at.has_value());

  w.start(1);
  w.event(event_kind::attempt_deferred, 1,
          [&](model::event& e) { e.due_at_ms = w.now(70).time_since_epoch().count(); });
  v = w.view();
  BOOST_TEST((v.actions[1].waiting == waiting_for::timer));
  BOOST_TEST((v.actions[1].next_at == w.now(70)));

  w.event(event_kind::attempt_started, 1, [](model::event& e) { e.count = 1; });
  v = w.view();
  BOOST_TEST((v.actions[1].waiting == waiting_for::nothing));
  BOOST_TEST((v.actions[1].status == action_status::executing));
  w.event(event_kind::outcome_unknown, 1);
  BOOST_TEST((w.view().actions[1].waiting == waiting_for::decision));

  w.event(event_kind::action_failed, 1, [](model::event& e) { e.text = "gone"; });
  w.event(event_kind::workflow_failed, 1, [](model::event& e) {
    e.attempt = 0;
    e.text = "b failed";
  });
  v = w.view();
  BOOST_TEST((v.summary.status == workflow_status::failed));
  BOOST_TEST(v.summary.failed_action == "b");
  BOOST_TEST(v.summary.reason == "b failed");
  BOOST_TEST((v.actions[1].status == action_status::failed));
  BOOST_TEST((v.actions[2].status == action_status::cancelled));
  const auto header = w.stored().load_header("w");
  BOOST_REQUIRE(header);
  BOOST_TEST(to_summary(*header).failed_action == "b");
  BOOST_TEST((to_summary(*header).actions == v.summary.actions));
}

BOOST_AUTO_TEST_CASE(due_views_name_the_actions) {
  by_hand w;
  w.start(0);
  w.event(event_kind::attempt_failed, 0);
  w.event(event_kind::retry_scheduled, 0,
          [&](model::event& e) { e.due_at_ms = w.now(500).time_since_epoch().count(); });
  w.event(event_kind::action_scheduled, 3,
          [&](model::event& e) { e.due_at_ms = w.now(100).time_since_epoch().count(); });
  w.save();
  const auto at = [&](std::int64_t plus) { return w.now(plus).time_since_epoch().count(); };
  BOOST_TEST(due_views(w.stored(), timer_kind::retry, at(499), 10).value().empty());
  const auto retries = due_views(w.stored(), timer_kind::retry, at(500), 10);
  BOOST_REQUIRE_EQUAL(retries->size(), 1u);
  BOOST_TEST((*retries)[0].action == "a");
  BOOST_TEST((*retries)[0].workflow_id == "w");
  BOOST_TEST((*retries)[0].kind == "retry");
  BOOST_TEST(((*retries)[0].due_at == w.now(500)));
  const auto scheduled = due_views(w.stored(), timer_kind::schedule, at(500), 10);
  BOOST_REQUIRE_EQUAL(scheduled->size(), 1u);
  BOOST_TEST((*scheduled)[0].action == "d");
  BOOST_TEST(due_views(w.stored(), timer_kind::schedule, at(500), 0).value().empty());
  const auto deadline =
      due_views(w.stored(), timer_kind::workflow_deadline, std::numeric_limits<time_ms>::max(), 10);
  BOOST_REQUIRE_EQUAL(deadline->size(), 1u);
  BOOST_TEST((*deadline)[0].action == "");
}

BOOST_AUTO_TEST_CASE(many_results_are_read_in_one_pass) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(2);
  auto spec = random_spec(r, "w", 300);
  spec.order = action_order::dag;
  for (auto& a : spec.actions) a.depends_on.clear();
  random_workflow w(r, std::move(spec));
  w.may_end = false;
  for (int i = 0; i < 40; ++i) {
    w.step(60);
    if (!w.changes.empty()) commit(*s, w);
  }
  BOOST_REQUIRE(w.state.count(model::phase::completed) > 50);
  const auto v = read_view(*s, "w", {}, 0);
  BOOST_REQUIRE_MESSAGE(v, failure(v));
  for (std::size_t a = 0; a < 300; ++a) {
    const auto seq = w.state.actions[a].result_seq;
    BOOST_TEST(v->actions[a].result.has_value() == (seq != 0));
    if (seq != 0) BOOST_TEST((*v->actions[a].result == *s->load_result("w", seq)));
  }
}

BOOST_AUTO_TEST_CASE(history_shows_keys_and_data) {
  by_hand w;
  w.complete(0, R"( {"x" : [1, 2]} )");
  w.start(1);
  w.event(event_kind::attempt_failed, 1, [](model::event& e) {
    e.error_class = "net";
    e.text = "bad \xff byte\n";
  });
  w.save();
  const auto h = read_history(w.stored(), "w", 1, 100);
  BOOST_REQUIRE(h);
  BOOST_REQUIRE_EQUAL(h->size(), 4u);
  BOOST_TEST((*h)[0].seq == 2u);
  BOOST_TEST((*h)[0].kind == "attempt_started");
  BOOST_TEST((*h)[0].action == "a");
  BOOST_TEST((*h)[0].data == R"({"attempt":1})");
  BOOST_TEST((*h)[1].data == R"({"attempt":1,"result":{"x":[1,2]}})");
  BOOST_TEST((*h)[3].data ==
             "{\"attempt\":1,\"error_class\":\"net\",\"message\":\"bad \xef\xbf\xbd byte\\n\"}");
  BOOST_TEST((read_history(w.stored(), "nobody", 0, 1).error().code() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(event_data_is_one_json_object_a_kind) {
  const auto data = [](event_kind kind, std::string text = "t") {
    model::event e;
    e.kind = kind;
    e.attempt = 2;
    e.count = 3;
    e.due_at_ms = 1'700'000'000'000;
    e.wait_ms = 7;
    e.least_ms = 5;
    e.most_ms = 9;
    e.text = std::move(text);
    return model::event_data(e);
  };
  BOOST_TEST(data(event_kind::workflow_created, "") ==
             R"({"deadline_at":"2023-11-14T22:13:20.000Z"})");
  BOOST_TEST(data(event_kind::retry_scheduled) ==
             R"({"attempt":2,"next_retry_at":"2023-11-14T22:13:20.000Z","wait_ms":7,)"
             R"("wait_least_ms":5,"wait_most_ms":9,"max_attempts":3})");
  BOOST_TEST(data(event_kind::retry_exhausted) == R"({"attempt":2,"max_attempts":3,"reason":"t"})");
  BOOST_TEST(data(event_kind::workflow_completed) == "{}");
  BOOST_TEST(data(event_kind::attempt_interrupted) == R"({"attempt":2,"recoveries":3})");
  BOOST_TEST(data(event_kind::late_result) == R"({"attempt":2,"outcome":"t"})");
  // Results: JSON is embedded, all else is a string, and nothing breaks the line.
  BOOST_TEST(data(event_kind::action_completed, "null") == R"({"attempt":2,"result":null})");
  BOOST_TEST(data(event_kind::action_completed, "[1,\n2]") == R"({"attempt":2,"result":[1,2]})");
  BOOST_TEST(data(event_kind::action_completed, "a\nb") == R"({"attempt":2,"result":"a\nb"})");
  BOOST_TEST(data(event_kind::action_completed, "") == R"({"attempt":2,"result":""})");
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  BOOST_TEST(data(event_kind::action_completed, deep) ==
             R"({"attempt":2,"result":")" + deep + "\"}");
  for (std::uint8_t k = 1; k <= model::event_kind_max; ++k) {
    const auto text = data(static_cast<event_kind>(k));
    BOOST_TEST(text.front() == '{');
    BOOST_TEST(text.back() == '}');
    BOOST_TEST(model::to_string(static_cast<event_kind>(k)) != "unknown");
  }
}

namespace {

/// What a query must find is told from the states, not from any index.
struct stored_row {
  time_ms created;
  std::string id;
  std::string name;
  std::string reference;
  model::workflow_state state;

  [[nodiscard]] bool any(model::phase p) const {
    return std::any_of(state.actions.begin(), state.actions.end(),
                       [p](const auto& a) { return a.phase == p; });
  }
  [[nodiscard]] bool waits(waiting_for what) const {
    switch (what) {
      case waiting_for::nothing:
        return any(model::phase::executing);
      case waiting_for::dependencies:
        return any(model::phase::blocked);
      case waiting_for::schedule:
        return any(model::phase::scheduled);
      case waiting_for::retry:
        return any(model::phase::backing_off);
      case waiting_for::timer:
        return any(model::phase::deferred);
      case waiting_for::a_thread:
        return any(model::phase::ready);
      case waiting_for::decision:
        return any(model::phase::in_doubt) || any(model::phase::paused);
      case waiting_for::outside:
        return any(model::phase::outside);
      case waiting_for::handler:
        break;
    }
    return false;
  }
  [[nodiscard]] bool has_error(const std::string& error_class) const {
    if (state.status == workflow_status::failed) {
      return state.failed_action != model::no_action &&
             state.actions[state.failed_action].last_error.error_class == error_class;
    }
    return !state.terminal() &&
           std::any_of(state.actions.begin(), state.actions.end(),
                       [&](const auto& a) { return a.last_error.error_class == error_class; });
  }
  [[nodiscard]] bool matches(const list_query& q) const {
    if (q.status && state.status != *q.status) return false;
    if (q.open && state.terminal()) return false;
    if (q.name && name != *q.name) return false;
    if (q.reference && reference != *q.reference) return false;
    if (q.waiting && (state.terminal() || !waits(*q.waiting))) return false;
    if (q.error_class && !has_error(*q.error_class)) return false;
    if (q.from && created < q.from->time_since_epoch().count()) return false;
    return !q.until || created < q.until->time_since_epoch().count();
  }
};

std::uint64_t all_counted(const store& s, list_query q) {
  for (std::uint64_t count = 0;;) {
    const auto some = count_page(s, q);
    BOOST_REQUIRE_MESSAGE(some, failure(some));
    count += some->count;
    if (some->next_page_token.empty()) return count;
    q.page_token = some->next_page_token;
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(listing_pages_hold_every_match_once_in_order) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(3);
  std::vector<stored_row> rows;
  for (int i = 0; i < 240; ++i) {
    auto spec = random_spec(r, "w" + std::to_string(i), 1 + r.below(20));
    spec.reference = r.chance(30) ? "" : "T-" + std::to_string(r.below(6));
    random_workflow w(r, std::move(spec));
    w.now_ms = 1'000 + static_cast<time_ms>(r.below(40)) * 10;
    for (auto n = r.below(6) + 1; n > 0; --n) {
      w.step(4);
      if (!w.changes.empty()) commit(*s, w);
    }
    rows.push_back(
        {w.state.created_at_ms, w.def->spec.id, w.def->spec.name, w.def->spec.reference, w.state});
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::tie(a.created, a.id) < std::tie(b.created, b.id);
  });
  std::size_t found = 0;
  for (int i = 0; i < 600; ++i) {
    auto q = limited(1 + r.below(150));
    if (r.chance(30)) q.status = static_cast<workflow_status>(r.below(5));
    if (r.chance(20)) q.open = true;
    if (r.chance(20)) q.name = "name" + std::to_string(r.below(4));
    if (r.chance(20)) q.reference = "T-" + std::to_string(r.below(7));
    if (r.chance(20)) q.waiting = static_cast<waiting_for>(r.below(6));
    if (r.chance(20)) q.waiting = waiting_for::decision;
    if (r.chance(20)) q.error_class = "class" + std::to_string(r.below(6));
    if (r.chance(30)) q.from = wall_time(milliseconds(1'000 + r.below(400)));
    if (r.chance(30)) q.until = wall_time(milliseconds(1'000 + r.below(400)));
    if (r.chance(50)) q.newest_first = true;
    std::vector<std::string> expected;
    for (const auto& row : rows) {
      if (row.matches(q)) expected.push_back(row.id);
    }
    if (q.newest_first) std::reverse(expected.begin(), expected.end());
    BOOST_REQUIRE(all_pages(*s, q) == expected);
    BOOST_REQUIRE(all_counted(*s, q) == expected.size());
    found += expected.size();
  }
  BOOST_TEST(found > 5'000u);  // else the filters leave nothing to see
}

/// Both are found without a look at the thousands of others.
BOOST_AUTO_TEST_CASE(references_and_decisions_are_found_at_once) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(5);
  for (int i = 0; i < 3'000; ++i) {
    workflow_spec spec;
    spec.id = "w" + std::to_string(i);
    spec.reference = i == 1'500 ? "order 7" : "order 8";
    spec.actions.emplace_back().key = "a";
    random_workflow w(r, std::move(spec));
    w.step(1);
    if (i == 2'500) {
      model::event e;
      e.kind = model::event_kind::attempt_started;
      e.action = 0;
      e.attempt = 1;
      e.delivery = delivery::at_most_once;
      w.apply(e);
      e.kind = model::event_kind::outcome_unknown;
      w.apply(e);
    }
    commit(*s, w);
  }
  auto q = limited(10);
  q.reference = "order 7";
  std::size_t pages = 0;
  BOOST_TEST(all_pages(*s, q, &pages) == std::vector<std::string>{"w1500"});
  BOOST_TEST(pages == 1u);
  q = limited(10);
  q.waiting = waiting_for::decision;
  pages = 0;
  BOOST_TEST(all_pages(*s, q, &pages) == std::vector<std::string>{"w2500"});
  BOOST_TEST(pages == 1u);
  // Without an index a page gives up after a while.
  q.waiting = waiting_for::retry;
  pages = 0;
  BOOST_TEST(all_pages(*s, q, &pages).empty());
  BOOST_TEST(pages == 3u);
  q = limited(10);
  q.open = true;
  BOOST_TEST(count_page(*s, q).value().count == 3'000u);
}

BOOST_AUTO_TEST_CASE(a_page_gives_up_after_many_entries_that_do_not_match) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  write_batch batch;
  std::string key;
  for (int i = 0; i < 25'000; ++i) {
    keys::listing(key, model::index_class::completed, i, "w" + std::to_string(i));
    batch.put(key, "other");
  }
  BOOST_REQUIRE(s->write(s->epoch(), {&batch}));
  auto q = limited(10);
  q.name = "wanted";
  std::size_t pages = 0;
  BOOST_TEST(all_pages(*s, q, &pages).empty());
  BOOST_TEST(pages == 3u);
}

BOOST_AUTO_TEST_CASE(bad_limits_and_tokens_are_refused) {
  temp_dir dir;
  const auto s = open_for_test(dir.data());
  random_source r(4);
  for (int i = 0; i < 5; ++i) {
    random_workflow w(r, random_spec(r, "w" + std::to_string(i), 1));
    w.step(1);
    commit(*s, w);
  }
  const auto refused = [&](const list_query& q) {
    const auto page = list_page(*s, q);
    return !page && page.error().code() == errc::invalid_argument;
  };
  BOOST_TEST(refused(limited(0)));
  BOOST_TEST(refused(limited(1'001)));
  auto q = limited(2);
  q.waiting = waiting_for::handler;
  BOOST_TEST(refused(q));
  q = limited(2);
  q.reference = "";
  BOOST_TEST(refused(q));
  q = limited(2);
  const auto token = list_page(*s, q).value().next_page_token;
  BOOST_TEST(!token.empty());
  for (std::string bad : {std::string("x"), std::string("AAAA"), token + "A", token.substr(4)}) {
    q.page_token = std::move(bad);
    BOOST_TEST(refused(q));
  }
  for (std::size_t i = 0; i < token.size(); ++i) {
    q.page_token = token;
    q.page_token[i] = token[i] == 'A' ? 'B' : 'A';
    BOOST_TEST(refused(q));
  }
  q.page_token = token;
  BOOST_TEST(!refused(q));
  q.name = "name1";  // another query
  BOOST_TEST(refused(q));
}

BOOST_AUTO_TEST_SUITE_END()
