// Workers: who asks for a task gets it, once, as an open attempt.
#include <set>

#include "model/definition.hpp"
#include "model/trace.hpp"
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

using tasks = std::vector<worker_task>;

/// What came of one poll.
struct asked {
  std::uint64_t ticket = 0;
  std::optional<result<tasks>> told;
  [[nodiscard]] bool is_told() const { return told.has_value(); }
  [[nodiscard]] const tasks& got() const {
    BOOST_REQUIRE(told.has_value());
    BOOST_REQUIRE_MESSAGE(static_cast<bool>(*told), (*told ? "" : told->error().to_string()));
    return **told;
  }
};
using asked_ptr = std::shared_ptr<asked>;

struct worker_fixture : engine_fixture {
  static worker_poll wants(std::vector<std::string> types, std::size_t max = 1,
                           milliseconds wait = hours(1)) {
    worker_poll p;
    p.worker = "w1";
    p.types = std::move(types);
    p.max = max;
    p.wait = wait;
    return p;
  }
  asked_ptr ask(worker_poll p) {
    auto out = std::make_shared<asked>();
    out->ticket = engine->as_engine().poll_async(std::move(p), [out](result<tasks> r) {
      BOOST_REQUIRE(!out->told);
      out->told.emplace(std::move(r));
    });
    return out;
  }
  asked_ptr ask(const std::string& type, std::size_t max = 1, milliseconds wait = hours(1)) {
    return ask(wants({type}, max, wait));
  }
  /// Of a poll that is told now.
  tasks take(const std::string& type, std::size_t max = 1) {
    const auto a = ask(type, max);
    engine->run_until_idle();
    return a->got();
  }
  void done(const worker_task& t, std::string result = "1") {
    must(engine->end_attempt(t.token, outcome::success(std::move(result))));
    engine->run_until_idle();
  }
  static workflow_spec fan(const std::string& id, const std::string& type, int actions) {
    workflow_builder w("test");
    w.id(id);
    for (int n = 0; n < actions; ++n) w.action("k" + std::to_string(n), type);
    return w;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(workers, worker_fixture)

BOOST_AUTO_TEST_CASE(a_task_is_given_to_who_waits_for_it_and_ended_with_its_token) {
  opts.handlers.add_worker("render");
  handle("give", [](const action_context&) { return outcome::success(R"({"n":7})"); });
  open();
  const auto a = ask("render");
  engine->run_until_idle();
  BOOST_TEST(!a->is_told());
  submit(workflow_builder("film")
             .id("w")
             .action("a", "give")
             .action("b", "render", R"({"n":"${actions.a.result.n}"})")
             .after("a"));
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(a->got().size() == 1U);
  const auto& t = a->got()[0];
  BOOST_TEST(t.workflow_id == "w");
  BOOST_TEST(t.workflow_name == "film");
  BOOST_TEST(t.action_key == "b");
  BOOST_TEST(t.action_type == "render");
  BOOST_TEST(t.input == R"({"n":7})");
  BOOST_TEST(t.idempotency_key == "w/b");
  BOOST_TEST(t.attempt == 1U);
  BOOST_TEST((t.given_up_at == engine->now() + worker_poll::lease_default));
  const auto open_one = action("w", "b");
  BOOST_TEST(open_one.waiting == waiting_for::outside);
  BOOST_TEST(open_one.pending_on == "worker w1");
  done(t);
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST((kinds("w") == std::vector<std::string>{"workflow_created", "attempt_started",
                                                     "action_completed", "attempt_started",
                                                     "attempt_opened", "action_completed",
                                                     "workflow_completed"}));
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_CASE(handlers_and_workers_are_told_the_trace_context_of_their_attempt) {
  std::vector<std::string> told;
  handle("flaky", [&](const action_context& c) {
    told.push_back(c.traceparent());
    return c.attempt < 3 ? outcome::failure("network", "no") : outcome::success();
  });
  opts.handlers.add_worker("render");
  opts.trace_context = true;
  open();
  const auto begun = engine->now().time_since_epoch().count();
  submit(workflow_builder("n").id("w").action("a", "flaky").action("b", "render"));
  engine->run_until_idle();
  must(engine->crash_and_reopen());  // nothing of it is stored
  engine->advance(hours(1));
  const auto t = model::trace_of("w", begun);
  const auto of = [&](const std::string& key, std::uint32_t attempt) {
    return model::print_traceparent(t, model::attempt_span(t, key, attempt));
  };
  BOOST_TEST((told == std::vector<std::string>{of("a", 1), of("a", 2), of("a", 3)}));
  const auto tasks_of = take("render");
  BOOST_TEST(tasks_of.at(0).traceparent == of("b", 1));
  done(tasks_of[0]);

  // Who does not use it is told nothing.
  opts.trace_context = false;
  open();
  told.clear();
  submit(workflow_builder("n").id("w").action("a", "flaky").action("b", "render"));
  engine->run_until_idle();
  BOOST_TEST((told == std::vector<std::string>{""}));
  BOOST_TEST(take("render").at(0).traceparent == "");
}

BOOST_AUTO_TEST_CASE(who_asks_gets_what_is_ready_already_at_once) {
  opts.handlers.add_worker("render");
  open();
  submit(fan("w", "render", 7));
  engine->run_until_idle();
  const auto some = take("render", 5);
  BOOST_TEST(some.size() == 5U);
  BOOST_TEST(take("render", 5).size() == 2U);
  std::set<std::string> keys;
  for (const auto& t : some) keys.insert(t.action_key);
  BOOST_TEST(keys.size() == 5U);
}

BOOST_AUTO_TEST_CASE(a_poll_ends_empty_when_its_time_is_over) {
  opts.handlers.add_worker("render");
  open();
  const auto a = ask("render", 1, seconds(5));
  const auto none = ask("render", 1, milliseconds(0));
  engine->run_until_idle();
  BOOST_TEST(none->got().empty());
  engine->advance(milliseconds(4'999));
  BOOST_TEST(!a->is_told());
  engine->advance(milliseconds(1));
  BOOST_TEST(a->got().empty());
  submit(one("w", "render"));
  engine->run_until_idle();
  BOOST_TEST(action("w").attempts == 0U);  // nobody is there for it
  BOOST_TEST(take("render").size() == 1U);
}

BOOST_AUTO_TEST_CASE(polls_are_served_in_turn) {
  opts.handlers.add_worker("render");
  open();
  std::vector<asked_ptr> all;
  for (int n = 0; n < 3; ++n) all.push_back(ask("render", 10));
  submit(fan("w", "render", 6));
  engine->run_until_idle();
  for (const auto& a : all) BOOST_TEST(a->got().size() == 2U);
}

BOOST_AUTO_TEST_CASE(workflows_take_turns_for_workers) {
  opts.handlers.add_worker("render");
  open();
  submit(fan("large", "render", 100));
  engine->run_until_idle();
  submit(fan("small", "render", 3));
  engine->run_until_idle();
  int last = 0;
  for (int n = 0; n < 103; ++n) {
    const auto got = take("render");
    BOOST_TEST_REQUIRE(got.size() == 1U);
    if (got[0].workflow_id == "small") last = n;
  }
  BOOST_TEST(last < 8);
}

BOOST_AUTO_TEST_CASE(a_poll_takes_from_each_of_its_types_and_higher_priorities_first) {
  opts.handlers.add_worker("a").add_worker("b");
  open();
  for (int n = 0; n < 5; ++n) {
    submit(one("a" + std::to_string(n), "a"));
    submit(one("b" + std::to_string(n), "b"));
  }
  auto urgent = fan("urgent", "b", 1);
  urgent.priority = 3;
  submit(urgent);
  engine->run_until_idle();
  const auto first = ask(wants({"a", "b"}, 1));
  engine->run_until_idle();
  BOOST_TEST(first->got().at(0).workflow_id == "urgent");
  const auto some = ask(wants({"b", "a", "b"}, 6));
  engine->run_until_idle();
  const auto of_a = std::count_if(some->got().begin(), some->got().end(),
                                  [](const auto& t) { return t.action_type == "a"; });
  BOOST_TEST(some->got().size() == 6U);
  BOOST_TEST(of_a == 3);
}

BOOST_AUTO_TEST_CASE(a_task_that_is_not_heard_of_is_made_again) {
  opts.handlers.add_worker("render");
  opts.retry = retry_policy::fixed(seconds(1), 2);
  open();
  submit(one("w", "render"));
  auto p = wants({"render"});
  p.lease = seconds(10);
  const auto a = ask(p);
  engine->run_until_idle();
  const auto t = a->got().at(0);
  BOOST_TEST((t.given_up_at == engine->now() + seconds(10)));
  engine->advance(seconds(9));
  BOOST_TEST((must(engine->heartbeat(t.token)).value() == engine->now() + seconds(15)));
  engine->advance(seconds(16));
  BOOST_TEST(told(engine->end_attempt(t.token, outcome::success())) == "lease_lost");
  const auto again = take("render");
  BOOST_TEST(again.at(0).attempt == 2U);
  BOOST_TEST(again.at(0).idempotency_key == t.idempotency_key);
  done(again.at(0));
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(who_withdraws_its_poll_gets_nothing_and_loses_nothing) {
  opts.handlers.add_worker("render");
  open();
  const auto a = ask("render");
  engine->run_until_idle();
  BOOST_TEST(engine->as_engine().withdraw(a->ticket));
  BOOST_TEST(!engine->as_engine().withdraw(a->ticket));
  submit(one("w", "render"));
  engine->run_until_idle();
  BOOST_TEST(!a->is_told());
  BOOST_TEST(action("w").attempts == 0U);
  done(take("render").at(0));
  BOOST_TEST(status("w") == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(a_task_whose_poll_is_withdrawn_while_it_opens_is_given_back_at_once) {
  action_options once;
  once.delivery = delivery::at_most_once;
  opts.handlers.add_worker("render", once);
  auto& d = open_stepped();
  bool is_told = false;
  const auto ask_for = [&](tasks* into) {
    return d.poll(wants({"render"}), [&is_told, into](result<tasks> r) {
      is_told = true;
      if (into != nullptr) *into = must(std::move(r));
    });
  };
  const auto ticket = ask_for(nullptr);
  d.submit(one("w", "render"), {});
  d.run_until_idle([&] { return d.commit_waits(); });
  d.commit(false);  // of the submit
  d.run_until_idle([&] { return d.commit_waits(); });
  BOOST_TEST(d.withdraw(ticket));  // its attempt is on its way to the disk
  d.run_until_idle();
  BOOST_TEST(!is_told);
  tasks got;
  (void)ask_for(&got);
  d.advance(milliseconds(1));  // the clock of this world is at 0, where no timer can be due
  BOOST_TEST_REQUIRE(got.size() == 1U);
  BOOST_TEST(got[0].attempt == 1U);  // it spends none
  BOOST_TEST(got[0].deferrals == 1U);
  BOOST_TEST((got[0].delivery == delivery::at_most_once));
}

BOOST_AUTO_TEST_CASE(a_task_is_told_only_once_its_attempt_is_durable) {
  opts.handlers.add_worker("render");
  auto& d = open_stepped();
  bool is_told = false;
  (void)d.poll(wants({"render"}), [&](result<tasks> r) { is_told = !must(std::move(r)).empty(); });
  d.submit(one("w", "render"), {});
  d.run_until_idle([&] { return d.commit_waits(); });
  d.commit(false);
  d.run_until_idle([&] { return d.commit_waits(); });
  while (d.jobs() > 0) d.deliver(0);
  BOOST_TEST(!is_told);
  d.commit(false);
  d.run_until_idle();
  BOOST_TEST(is_told);
}

BOOST_AUTO_TEST_CASE(a_task_that_is_given_back_spends_no_attempt) {
  opts.handlers.add_worker("render");
  open();
  submit(one("w", "render"));
  const auto t = take("render").at(0);
  must(engine->end_attempt(t.token, outcome::defer(engine->now())));
  const auto again = take("render").at(0);
  BOOST_TEST(again.attempt == 1U);
  BOOST_TEST(again.token != t.token);
  BOOST_TEST(told(engine->end_attempt(t.token, outcome::success())) == "lease_lost");
  done(again);
}

BOOST_AUTO_TEST_CASE(types_that_are_not_registered_are_for_workers_if_the_engine_says_so) {
  handle_ok("ok");
  open();
  BOOST_TEST(told(engine->submit(one("w", "any"))) == "invalid_spec");
  opts.handlers.others_for_workers();
  must(engine->reopen(opts));
  submit(workflow_builder("test")
             .id("w")
             .action("a", "ok")
             .action("b", "any")
             .after("a")
             .action("c", "other"));
  engine->run_until_idle();
  BOOST_TEST(take("any").at(0).action_key == "b");
  done(take("other").at(0));
  BOOST_TEST(action("w", "b").waiting == waiting_for::outside);
  const auto refused = ask("ok");
  BOOST_TEST(told(*refused->told) == "invalid_argument");
}

BOOST_AUTO_TEST_CASE(who_asks_for_types_that_do_not_exist_takes_no_lane_from_actions) {
  opts.handlers.others_for_workers();
  open();
  std::size_t refused = 0;
  for (int poll = 0; poll < 50; ++poll) {
    std::vector<std::string> types;
    for (int n = 0; n < 100; ++n) {
      types.push_back("none" + std::to_string(poll) + '_' + std::to_string(n));
    }
    const auto a = ask(wants(types));
    if (a->told && told(*a->told) == "overloaded") ++refused;
  }
  BOOST_TEST(refused == 40U);
  submit(one("w", "any"));
  engine->run_until_idle();
  BOOST_TEST(take("any").at(0).workflow_id == "w");
}

BOOST_AUTO_TEST_CASE(a_million_actions_without_a_worker_wait_on_disk) {
  constexpr int workflows = 3'000;  // of that million
  opts.active_workflows_max = 64;
  opts.handlers.others_for_workers();
  handle_ok("ok");
  open();
  for (int n = 0; n < workflows; ++n) {
    engine->submit_async(one("w" + std::to_string(n), "any"), [](auto r) { must(std::move(r)); });
  }
  engine->run_until_idle();
  BOOST_TEST(engine->stats().active < 200U);
  submit(one("other", "ok"));  // nothing stands in its way
  engine->run_until_idle();
  BOOST_TEST(status("other") == workflow_status::completed);
  std::set<std::string> ids;
  for (int round = 0; ids.size() < workflows && round < workflows; ++round) {
    for (const auto& t : take("any", 100)) ids.insert(t.workflow_id);
  }
  BOOST_TEST(ids.size() == static_cast<std::size_t>(workflows));
}

BOOST_AUTO_TEST_CASE(types_without_a_worker_take_no_memory_from_those_with_one) {
  opts.handlers.others_for_workers();
  opts.active_workflows_max = 16;
  opts.memory_bytes_max = 64 << 10;
  open();
  for (int n = 0; n < 400; ++n) {
    submit(one("w" + std::to_string(n), "t" + std::to_string(n % 40),
               "\"" + std::string(2'000, 'x') + "\""));
  }
  engine->run_until_idle();
  std::size_t got = 0;
  while (got < 10) got += take("t39", 3).size();  // each is told at once
  BOOST_TEST(got == 10U);
}

BOOST_AUTO_TEST_CASE(types_that_share_a_lane_of_the_listing_hide_none_from_its_worker) {
  std::string same;
  for (int n = 0; same.empty(); ++n) {
    const auto name = "t" + std::to_string(n);
    if (model::lane_bit(name) == model::lane_bit("crowd")) same = name;
  }
  opts.handlers.others_for_workers();
  opts.active_workflows_max = 4;
  open();
  for (int n = 0; n < 50; ++n) submit(one("c" + std::to_string(n), "crowd"));
  for (int n = 0; n < 5; ++n) submit(one("w" + std::to_string(n), same));
  engine->run_until_idle();
  std::size_t got = 0;
  while (got < 5) got += take(same, 10).size();  // each is told at once
  BOOST_TEST(got == 5U);
}

BOOST_AUTO_TEST_CASE(what_opens_while_the_engine_closes_is_given_back) {
  opts.handlers.add_worker("render");
  auto& d = open_stepped();
  std::string code;
  (void)d.poll(wants({"render"}), [&](const result<tasks>& r) { code = told(r); });
  d.submit(one("w", "render"), {});
  d.run_until_idle([&] { return d.commit_waits(); });
  d.commit(false);
  d.run_until_idle([&] { return d.commit_waits(); });
  d.close();
  BOOST_TEST(code == "closing");
  must(d.open());
  tasks got;
  (void)d.poll(wants({"render"}), [&](result<tasks> r) { got = must(std::move(r)); });
  d.advance(milliseconds(1));
  BOOST_TEST_REQUIRE(got.size() == 1U);
  BOOST_TEST(got[0].attempt == 1U);
  BOOST_TEST(got[0].deferrals == 1U);
}

BOOST_AUTO_TEST_CASE(tasks_are_within_the_memory_budget_and_wait_for_others_for_a_moment_only) {
  opts.handlers.add_worker("render");
  opts.memory_bytes_max = 256 << 10;  // an eighth of it for inputs
  open();
  workflow_builder w("test");
  w.id("w");
  for (int n = 0; n < 20; ++n) {
    w.action("k" + std::to_string(n), "render", "\"" + std::string(8'000, 'x') + "\"");
  }
  submit(w);
  engine->run_until_idle();
  std::set<std::string> keys;
  while (keys.size() < 20) {
    const auto a = ask("render", 20);
    engine->run_until_idle();
    if (!a->is_told()) engine->advance(milliseconds(200));
    const auto& some = a->got();
    BOOST_TEST(some.size() <= 5U);
    for (const auto& t : some) {
      BOOST_TEST(t.attempt == 1U);
      keys.insert(t.action_key);
    }
  }
}

BOOST_AUTO_TEST_CASE(close_and_drain_answer_polls_that_wait) {
  opts.handlers.add_worker("render");
  open();
  const auto a = ask("render");
  engine->run_until_idle();
  engine->close();
  BOOST_TEST(told(*a->told) == "closing");
  must(engine->reopen());
  const auto b = ask("render");
  must(engine->drain());
  BOOST_TEST(told(*b->told) == "closing");
  const auto late = ask("render");
  BOOST_TEST(told(*late->told) == "closing");
}

BOOST_AUTO_TEST_CASE(a_poll_waits_for_an_engine_that_is_paused) {
  opts.handlers.add_worker("render");
  opts.paused = true;
  open();
  submit(one("w", "render"));
  const auto a = ask("render");
  engine->run_until_idle();
  BOOST_TEST(!a->is_told());
  engine->start();
  engine->run_until_idle();
  BOOST_TEST(a->got().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_task_survives_a_crash_of_the_engine) {
  opts.handlers.add_worker("render");
  open();
  submit(one("w", "render"));
  const auto t = take("render").at(0);
  must(engine->crash_and_reopen());
  BOOST_TEST(must(engine->heartbeat(t.token)).has_value());
  done(t);
  BOOST_TEST(status("w") == workflow_status::completed);
  BOOST_TEST(events("w", "attempt_started").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_poll_that_is_none_is_refused) {
  opts.handlers.add_worker("render");
  open();
  const auto code = [&](worker_poll p) { return told(*ask(std::move(p))->told); };
  BOOST_TEST(code(wants({})) == "invalid_argument");
  BOOST_TEST(code(wants({"render"}, 0)) == "invalid_argument");
  BOOST_TEST(code(wants({"render"}, worker_poll::tasks_max + 1)) == "invalid_argument");
  BOOST_TEST(code(wants({"render"}, 1, milliseconds(-1))) == "invalid_argument");
  BOOST_TEST(code(wants({"nobody"})) == "invalid_argument");
  auto p = wants({"render"});
  p.lease = milliseconds(0);
  BOOST_TEST(code(p) == "invalid_argument");
}

BOOST_AUTO_TEST_CASE(one_can_be_asked_for_as_well_by_waiting) {
  opts.handlers.add_worker("render");
  open();
  BOOST_TEST(must(engine->as_engine().poll(wants({"render"}, 1, seconds(3)))).empty());
  submit(one("w", "render"));
  BOOST_TEST(must(engine->as_engine().poll(wants({"render"}))).size() == 1U);
  const auto stats = engine->as_engine().worker_stats();
  BOOST_TEST_REQUIRE(stats.size() == 1U);
  BOOST_TEST(stats[0].type == "render");
  BOOST_TEST(stats[0].delivered == 1U);
  BOOST_TEST((stats[0].asked_at == engine->now()));
}

BOOST_AUTO_TEST_CASE(explain_says_that_no_worker_asks_or_that_all_are_busy) {
  opts.handlers.add_worker("render");
  open();
  submit(one("w", "render"));
  engine->run_until_idle();
  const auto reason = [&](const std::string& id) {
    const auto e = must(engine->explain(id));
    BOOST_TEST_REQUIRE(e.actions.at(0).reasons.size() == 1U);
    return e.actions.at(0).reasons.at(0);
  };
  BOOST_TEST((reason("w").kind == reason_kind::no_worker));
  BOOST_TEST(reason("w").text ==
             "waits for a worker: none has asked for render since the engine was opened");
  BOOST_TEST(must(engine->explain("w")).nothing_by_itself);
  const auto t = take("render").at(0);
  BOOST_TEST((reason("w").kind == reason_kind::outside));
  submit(one("next", "render"));
  engine->run_until_idle();
  engine->advance(seconds(3));
  BOOST_TEST((reason("next").kind == reason_kind::workers_full));
  BOOST_TEST(reason("next").text.starts_with(
      "waits for a worker that is free: the last asked for render 3.0 s ago"));
  done(t);
  engine->advance(seconds(87));
  BOOST_TEST((reason("next").kind == reason_kind::workers_full));
  engine->advance(milliseconds(1));
  BOOST_TEST((reason("next").kind == reason_kind::no_worker));
  done(take("render").at(0));
}

BOOST_AUTO_TEST_SUITE_END()
