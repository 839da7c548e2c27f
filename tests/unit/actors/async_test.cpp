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
