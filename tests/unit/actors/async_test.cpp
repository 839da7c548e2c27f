// Calls that do not wait: their answers, news about a workflow, and waits that are taken back.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;

namespace {

/// Answers, as they come.
struct heard {
  using answers = std::vector<result<workflow_summary>>;
  const std::shared_ptr<answers> kept = std::make_shared<answers>();  // a test may end before
  answers& news = *kept;
  std::function<void(result<workflow_summary>)> take() const {
    return [to = kept](result<workflow_summary> r) { to->push_back(std::move(r)); };
  }
};

/// Who watches, and looks at what it is told of at once: what it saw is durable.
struct watcher {
  explicit watcher(engine& e) : target(e) {
    ticket = e.watch([this](std::string_view id) {
      ++calls;
      if (id.empty()) return void(is_over = true);
      const auto w = target.summary(id);
      seen[std::string(id)] = w ? w->events : 0;
    });
  }
  ~watcher() { target.unwatch(ticket); }
  watcher(const watcher&) = delete;
  watcher& operator=(const watcher&) = delete;

  engine& target;
  std::map<std::string, std::uint64_t> seen;
  int calls = 0;
  bool is_over = false;
  std::uint64_t ticket = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(async, engine_fixture)

BOOST_AUTO_TEST_CASE(await_async_calls_once_at_the_end) {
  auto& e = open().as_engine();
  submit(one("w", "wait", R"({"seconds": 60})"));
  heard end;
  BOOST_TEST(e.await_async("w", end.take()) != 0U);
  engine->advance(hours(2));
  BOOST_TEST_REQUIRE(end.news.size() == 1U);
  BOOST_TEST(must(end.news[0]).status == workflow_status::completed);

  heard over;
  BOOST_TEST(e.await_async("w", over.take()) == 0U);
  BOOST_TEST(must(over.news.at(0)).status == workflow_status::completed);
  heard none;
  BOOST_TEST(e.await_async("nobody", none.take()) == 0U);
  BOOST_TEST(code_of(none.news.at(0)) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(await_async_tells_the_first_durable_news) {
  auto& e = open().as_engine();
  auto two = workflow_builder("test").id("w").sequential();
  two.action("a", "wait", R"({"seconds": 3600})").action("b", "wait", R"({"seconds": 3600})");
  submit(two);
  engine->advance(seconds(1));
  const auto before = must(e.summary("w")).events;
  heard at_once, news, end;
  BOOST_TEST(e.await_async("w", at_once.take(), before - 1) == 0U);
  BOOST_TEST(must(at_once.news.at(0)).events == before);

  BOOST_TEST(e.await_async("w", news.take(), before) != 0U);
  BOOST_TEST(e.await_async("w", end.take()) != 0U);
  engine->advance(minutes(30));
  BOOST_TEST(news.news.empty());
  engine->advance(minutes(31));
  BOOST_TEST_REQUIRE(news.news.size() == 1U);
  BOOST_TEST(must(news.news[0]).events > before);
  BOOST_TEST(must(news.news[0]).status == workflow_status::in_progress);
  BOOST_TEST(end.news.empty());
  engine->advance(hours(2));
  BOOST_TEST_REQUIRE(end.news.size() == 1U);
  BOOST_TEST(must(end.news[0]).status == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(a_wait_that_was_given_up_is_not_called) {
  auto& e = open().as_engine();
  submit(one("w", "wait", R"({"seconds": 60})"));
  heard gone, other;
  const auto ticket = e.await_async("w", gone.take());
  BOOST_TEST(e.await_async("w", other.take(), 1'000'000) != 0U);
  BOOST_TEST(e.give_up("w", ticket));
  BOOST_TEST(!e.give_up("w", ticket));
  BOOST_TEST(!e.give_up("w", 0));
  engine->advance(hours(2));
  BOOST_TEST(gone.news.empty());
  BOOST_TEST(other.news.size() == 1U);  // nothing new can come
}

BOOST_AUTO_TEST_CASE(closing_answers_those_who_wait_for_news) {
  auto& e = open().as_engine();
  submit(one("w", "wait", R"({"seconds": 3600})"));
  heard news;
  (void)e.await_async("w", news.take(), 1'000);
  e.close();
  BOOST_TEST_REQUIRE(news.news.size() == 1U);
  BOOST_TEST(code_of(news.news[0]) == errc::closing);
  must(engine->reopen());
}

BOOST_AUTO_TEST_CASE(who_watches_is_told_of_every_durable_change_of_any_workflow) {
  std::string token;
  handle("ask", [&](const action_context& c) {
    token = c.token();
    return outcome::pending();
  });
  handle_ok("work");
  handle_failing("fail");
  auto& e = open().as_engine();
  submit(one("before", "wait", R"({"seconds": 3600})"));
  engine->advance(seconds(1));
  const watcher w(e);
  engine->hold_handlers("work");
  for (const auto* type : {"noop", "ask", "work", "fail"}) submit(one(type, type));
  const auto up_to_date = [&](const std::vector<std::string>& ids) {
    for (const auto& id : ids) BOOST_TEST(w.seen.at(id) == must(e.summary(id)).events, id);
  };
  // A start becomes durable though nobody waits for it: of "work" that is all there is.
  engine->advance(seconds(1));
  BOOST_TEST(kinds("work").back() == "attempt_started");
  up_to_date({"noop", "ask", "work", "fail"});
  BOOST_TEST(!w.seen.contains("before"));

  const auto calls = w.calls;
  (void)must(e.heartbeat(token, "half way"));
  BOOST_TEST(w.calls > calls);  // no event of the history, but news
  const auto heard = e.progress("ask");
  BOOST_TEST_REQUIRE(heard.size() == 1U);
  BOOST_TEST(heard[0].action == "a");
  BOOST_TEST(heard[0].attempt == 1U);
  BOOST_TEST(heard[0].progress == "half way");
  BOOST_TEST((heard[0].heard_at == engine->now()));
  (void)must(e.heartbeat(token, "nearly"));
  BOOST_TEST(e.progress("ask").at(0).number > heard[0].number);
  BOOST_TEST(e.progress("as").empty());
  BOOST_TEST(e.progress("work").empty());

  engine->release_handlers();
  must(e.end_attempt(token, outcome::success()));
  BOOST_TEST(e.progress("ask").empty());
  engine->advance(hours(2));
  up_to_date({"noop", "ask", "work", "fail", "before"});
  BOOST_TEST(status("before") == workflow_status::completed);
  must(e.remove("noop"));
  BOOST_TEST(w.seen.at("noop") == 0U);
}

BOOST_AUTO_TEST_CASE(who_does_not_watch_any_more_is_not_told) {
  auto& e = open().as_engine();
  std::optional<watcher> gone(e);
  const watcher stays(e);
  submit(one("a", "noop"));
  BOOST_TEST(gone->calls > 0);
  int calls = 0;
  const auto ticket = e.watch([&](std::string_view) { ++calls; });
  e.unwatch(ticket);
  e.unwatch(ticket);
  e.unwatch(0);
  gone.reset();
  submit(one("b", "noop"));
  engine->advance(seconds(1));
  BOOST_TEST(calls == 0);
  BOOST_TEST(stays.seen.at("b") == must(e.summary("b")).events);
}

BOOST_AUTO_TEST_CASE(who_watches_is_told_that_nothing_more_comes) {
  auto& e = open().as_engine();
  {
    const watcher w(e);
    BOOST_TEST(!w.is_over);
    e.close();
    BOOST_TEST(w.is_over);
    const watcher late(e);
    BOOST_TEST(late.is_over);
    BOOST_TEST(late.ticket == 0U);
  }
  must(engine->reopen());
  const watcher w(e);
  engine->fail_commit();
  BOOST_TEST(!engine->submit(one("w", "noop")));
  BOOST_TEST(w.is_over);
}

BOOST_AUTO_TEST_CASE(a_start_is_news_to_who_waits_for_them) {
  handle_ok("work");
  auto& e = open().as_engine();
  engine->hold_handlers();
  heard news;
  submit(one("w", "work"));
  const auto known = must(e.summary("w")).events;
  if (known > 1) return;  // it was durable with the submit
  BOOST_TEST(e.await_async("w", news.take(), known) != 0U);
  engine->advance(seconds(1));
  BOOST_TEST_REQUIRE(news.news.size() == 1U);
  BOOST_TEST(must(news.news[0]).events == 2U);
}

BOOST_AUTO_TEST_CASE(commands_that_do_not_wait_answer_as_those_that_do) {
  opts.retry = retry_policy::never();
  opts.retry.exhausted = on_exhausted::pause;
  handle_failing("work");
  auto& e = open().as_engine();
  submit(one("p", "work"));
  submit(one("w", "wait", R"({"seconds": 3600})"));
  engine->advance(seconds(1));
  std::vector<result<void>> answers;
  const auto take = [&](result<void> r) { answers.push_back(std::move(r)); };

  e.resolve_async("p", "a", {resolution::kind::skip}, take);
  e.retry_async("w", "nobody", "", take);
  e.cancel_async("w", "enough", take);
  e.remove_async("nobody", take);
  engine->advance(seconds(1));
  BOOST_TEST_REQUIRE(answers.size() == 4U);
  std::map<errc, int> refused;
  for (const auto& a : answers) {
    if (!a) ++refused[a.error().code()];
  }
  BOOST_TEST(refused[errc::not_found] == 2);
  BOOST_TEST(status("p") == workflow_status::completed);
  BOOST_TEST(status("w") == workflow_status::cancelled);
  e.remove_async("w", take);
  e.remove_async("p", nullptr);
  engine->advance(seconds(1));
  BOOST_TEST(code_of(e.summary("w")) == errc::not_found);
  BOOST_TEST(code_of(e.summary("p")) == errc::not_found);
}

BOOST_AUTO_TEST_SUITE_END()
