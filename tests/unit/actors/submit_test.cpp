// Submitting: acknowledgement, idempotence, admission.
#include "tests/unit/actors/support.hpp"

using namespace tenax;
using namespace tenax::testing;
using std::chrono::milliseconds;

namespace {

struct submit_fixture : engine_fixture {
  submit_fixture() { handle_ok("ok"); }
  using answers = std::vector<result<submission>>;
  void submit_async(const workflow_spec& spec, answers& to) {
    engine->submit_async(spec, [&to](result<submission> r) { to.push_back(std::move(r)); });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(submits, submit_fixture)

BOOST_AUTO_TEST_CASE(a_submit_is_acknowledged_only_after_its_write) {
  open();
  answers got;
  const auto before = engine->store_writes();
  submit_async(one("w", "ok"), got);
  BOOST_TEST(got.empty());
  BOOST_TEST(engine->store_writes() == before);
  BOOST_TEST(code_of(engine->summary("w")) == errc::not_found);
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(got.size() == 1U);
  BOOST_TEST(!got[0]->existed);
  BOOST_TEST(engine->store_writes() > before);
}

BOOST_AUTO_TEST_CASE(an_unacknowledged_submit_is_there_whole_or_not_at_all) {
  open();
  answers got;
  submit_async(one("lost", "ok"), got);
  must(engine->crash_and_reopen());
  BOOST_TEST(got.empty());
  BOOST_TEST(code_of(engine->summary("lost")) == errc::not_found);
  // and one whose commit failed although it was written
  engine->fail_commit(1, failed_commit::written);
  BOOST_TEST(code_of(engine->submit(one("there", "ok"))) == errc::storage_unavailable);
  BOOST_TEST(calls.empty());
  must(engine->crash_and_reopen());
  BOOST_TEST(must(engine->submit(one("there", "ok"))).existed);
  BOOST_TEST(must(engine->run_until_end("there")).status == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(integers_keep_all_their_digits_from_the_document_to_the_next_handler) {
  handle("echo", [](const action_context& c) { return outcome::success(std::string(c.input)); });
  open();
  const std::string numbers =
      R"({"id":12345678901234567890123,"over":18446744073709551616,"under":-9223372036854775809})";
  (void)must(engine->submit_json(R"({"name":"n","id":"w","input":)" + numbers + R"(,"actions":[
    {"key":"a","type":"echo","input":"${workflow.input}"},
    {"key":"b","type":"echo","input":"${actions.a.result}"}]})"));
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(must(engine->get("w")).input == numbers);
  BOOST_TEST_REQUIRE(calls.size() == 2U);
  for (const auto& call : calls) BOOST_TEST(call.input == numbers);
  BOOST_TEST(action("w", "b").result.value() == numbers);
}

BOOST_AUTO_TEST_CASE(the_same_content_under_the_same_id_is_the_same_workflow) {
  open();
  BOOST_TEST(!must(engine->submit(one("w", "ok"))).existed);
  BOOST_TEST(must(engine->submit(one("w", "ok"))).existed);
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(must(engine->submit(one("w", "ok"))).existed);
  must(engine->crash_and_reopen());
  BOOST_TEST(must(engine->submit(one("w", "ok"))).existed);
  engine->run_until_idle();
  BOOST_TEST(calls.size() == 1U);
  BOOST_TEST(engine->stats().submitted == 1U);
}

BOOST_AUTO_TEST_CASE(other_content_under_the_same_id_is_a_conflict) {
  open();
  submit(one("w", "ok", "1"));
  const auto other = one("w", "ok", "2");
  BOOST_TEST(code_of(engine->submit(other)) == errc::conflict);
  (void)must(engine->run_until_end("w"));
  BOOST_TEST(code_of(engine->submit(other)) == errc::conflict);
  must(engine->crash_and_reopen());
  BOOST_TEST(code_of(engine->submit(other)) == errc::conflict);
  BOOST_TEST(must(engine->get("w")).actions[0].input == "1");
}

BOOST_AUTO_TEST_CASE(duplicates_while_the_first_is_in_flight_get_their_own_answers) {
  open();
  answers got;
  submit_async(one("w", "ok", "1"), got);
  submit_async(one("w", "ok", "1"), got);
  submit_async(one("w", "ok", "2"), got);
  BOOST_TEST(got.empty());
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(got.size() == 3U);
  BOOST_TEST(!got[0]->existed);
  BOOST_TEST(got[1]->existed);
  BOOST_TEST(code_of(got[2]) == errc::conflict);
  BOOST_TEST(calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(duplicates_of_a_submit_that_fails_fail_with_it) {
  open();
  answers got;
  submit_async(one("w", "ok"), got);
  submit_async(one("w", "ok"), got);
  engine->fail_commit(1);
  engine->run_until_idle();
  BOOST_TEST_REQUIRE(got.size() == 2U);
  BOOST_TEST(code_of(got[0]) == errc::storage_unavailable);
  BOOST_TEST(code_of(got[1]) == errc::storage_unavailable);
}

BOOST_AUTO_TEST_CASE(ids_are_made_in_the_order_of_time) {
  open();
  std::vector<std::string> ids;
  for (int n = 0; n < 50; ++n) {
    ids.push_back(must(engine->submit(one("", "ok"))).id);
    if (n % 5 == 0) engine->advance(milliseconds(1));
  }
  BOOST_TEST((std::is_sorted(ids.begin(), ids.end())));
  BOOST_TEST((std::adjacent_find(ids.begin(), ids.end()) == ids.end()));
}

BOOST_AUTO_TEST_CASE(a_faulty_spec_is_refused_with_every_fault_and_leaves_nothing) {
  open();
  const auto before = engine->store_writes();
  const auto r = engine->submit(workflow_builder("test")
                                    .id("w")
                                    .action("a", "unknown")
                                    .action("a", "ok")
                                    .action("b", "ok")
                                    .after("nowhere"));
  BOOST_TEST(code_of(r) == errc::invalid_spec);
  BOOST_TEST(r.error().faults().size() == 3U);
  engine->run_until_idle();
  BOOST_TEST(engine->store_writes() == before);
}

BOOST_AUTO_TEST_CASE(beyond_open_workflows_max_submits_are_rejected) {
  opts.open_workflows_max = 3;
  open().hold_handlers();
  for (int n = 0; n < 3; ++n) submit(one("w" + std::to_string(n), "ok"));
  BOOST_TEST(code_of(engine->submit(one("more", "ok"))) == errc::overloaded);
  BOOST_TEST(classify(errc::overloaded) == error_class::rejected);
  engine->run_until_idle();
  engine->finish_handler("a", "w1");
  submit(one("more", "ok"));
}

BOOST_AUTO_TEST_CASE(submits_in_flight_count_towards_open_workflows_max) {
  opts.open_workflows_max = 10;
  open().hold_handlers();
  answers got;
  for (int n = 0; n < 1'000; ++n) submit_async(one("w" + std::to_string(n), "ok"), got);
  BOOST_TEST(got.size() == 990U);  // refused at once
  for (const auto& r : got) BOOST_TEST(code_of(r) == errc::overloaded);
  got.clear();
  // when the limit is reached, an id that is in flight or there is answered for what it is
  submit_async(one("w3", "ok"), got);
  submit_async(one("w3", "ok", "1"), got);
  engine->run_until_idle();
  BOOST_TEST(got.size() == 12U);
  BOOST_TEST(
      std::count_if(got.begin(), got.end(), [](const auto& r) { return r && !r->existed; }) == 10);
  BOOST_TEST(engine->stats().open == 10U);
  BOOST_TEST(must(engine->submit(one("w3", "ok"))).existed);
  BOOST_TEST(code_of(engine->submit(one("w3", "ok", "1"))) == errc::conflict);
  BOOST_TEST(code_of(engine->submit(one("", "ok"))) == errc::overloaded);
  BOOST_TEST(code_of(engine->submit(one(std::string(500, ' '), "ok"))) == errc::overloaded);
  // and those that ended, existed or were refused have given their places back
  BOOST_TEST(engine->finish_handler("a", "w3"));
  BOOST_TEST(!must(engine->submit(one("more", "ok"))).existed);
  BOOST_TEST(code_of(engine->submit(one("most", "ok"))) == errc::overloaded);
  must(engine->crash_and_reopen());
  BOOST_TEST(code_of(engine->submit(one("most", "ok"))) == errc::overloaded);
}

BOOST_AUTO_TEST_CASE(duplicates_of_a_submit_in_flight_wait_within_journal_bytes_max) {
  opts.journal_bytes_max = 100'000;
  open();
  answers got;
  const auto spec = one("w", "ok", '"' + std::string(500, 'x') + '"');
  for (int n = 0; n < 10'000; ++n) submit_async(spec, got);
  BOOST_TEST(got.size() > 9'000U);  // refused at once
  for (const auto& r : got) BOOST_TEST(code_of(r) == errc::overloaded);
  const auto refused = got.size();
  engine->run_until_idle();
  BOOST_TEST(got.size() == 10'000U);
  for (std::size_t n = refused + 1; n < got.size(); ++n) BOOST_TEST(got[n]->existed);
  // and the bytes are given back
  for (int n = 0; n < 100; ++n) BOOST_TEST(must(engine->submit(spec)).existed);
}

BOOST_AUTO_TEST_CASE(a_submit_that_nobody_waits_for_is_made) {
  open();
  engine->submit_async(one("w", "ok"), nullptr);
  engine->submit_async(one("w", "ok"), nullptr);
  engine->submit_async(one("w", "unknown"), nullptr);
  engine->run_until_idle();
  BOOST_TEST(must(engine->run_until_end("w")).status == workflow_status::completed);
}

BOOST_AUTO_TEST_CASE(beyond_journal_bytes_max_submits_are_rejected_until_the_disk_follows) {
  opts.journal_bytes_max = 10'000;
  open();
  answers got;
  int accepted = 0;
  while (got.empty() && accepted < 1'000) {
    submit_async(one("w" + std::to_string(++accepted), "ok", '"' + std::string(500, 'x') + '"'),
                 got);
  }
  BOOST_TEST(accepted > 5);
  BOOST_TEST(accepted < 30);
  BOOST_TEST(code_of(got.at(0)) == errc::overloaded);
  engine->run_until_idle();
  BOOST_TEST(engine->stats().completed == static_cast<std::uint64_t>(accepted - 1));
  submit(one("after", "ok"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(admission_to_memory, submit_fixture)

BOOST_AUTO_TEST_CASE(few_places_serve_many_workflows_in_the_order_of_submission) {
  for (std::size_t places = 1; places <= 3; ++places) {
    calls.clear();
    opts.active_workflows_max = places;
    open();
    std::vector<std::string> submitted;
    for (int n = 0; n < 60; ++n) {
      submitted.push_back("w" + std::to_string((n * 37) % 60));
      submit(workflow_builder("test")
                 .id(submitted.back())
                 .sequential()
                 .action("a", "ok")
                 .action("b", "ok"));
      if (n % 7 == 0) engine->advance(milliseconds(1));
    }
    engine->run_until_idle();
    BOOST_TEST(engine->stats().completed == 60U);
    BOOST_TEST(engine->stats().active == 0U);
  }
}

BOOST_AUTO_TEST_CASE(no_more_than_active_workflows_max_run_at_once_and_the_oldest_first) {
  for (std::size_t places = 1; places <= 3; ++places) {
    opts.active_workflows_max = places;
    open().hold_handlers();
    for (int n = 0; n < 20; ++n) {
      submit(one("w" + std::to_string(n), "ok"));
      engine->advance(milliseconds(1));
    }
    for (int done = 0; done < 20; ++done) {
      engine->run_until_idle();
      const auto running = engine->running_handlers();
      BOOST_TEST(running.size() == std::min<std::size_t>(places, 20 - done));
      BOOST_TEST_REQUIRE(!running.empty());
      BOOST_TEST(running[0].workflow_id == "w" + std::to_string(done));
      engine->finish_handler("a", running[0].workflow_id);
    }
    BOOST_TEST(engine->stats().completed == 20U);
  }
}

BOOST_AUTO_TEST_CASE(workflows_that_only_wait_leave_their_place_to_others) {
  opts.active_workflows_max = 1;
  handle_failing("f");
  open();
  for (int n = 0; n < 10; ++n) submit(one("f" + std::to_string(n), "f"));
  for (int n = 0; n < 10; ++n) submit(one("ok" + std::to_string(n), "ok"));
  engine->run_until_idle();
  // All in back-off within the horizon, yet the others have run.
  BOOST_TEST(engine->stats().completed == 10U);
  engine->advance(minutes(1));
  BOOST_TEST(engine->stats().failed == 10U);
}

BOOST_AUTO_TEST_CASE(few_places_and_timers_and_restarts_lose_no_workflow) {
  opts.active_workflows_max = 2;
  handle("f", [](const action_context& c) {
    return c.attempt < 3 ? outcome::failure("busy", "again") : outcome::success();
  });
  open();
  for (int n = 0; n < 40; ++n) {
    submit(workflow_builder("test")
               .id("w" + std::to_string(n))
               .action("a", n % 2 == 0 ? "f" : "ok")
               .action("b", "ok")
               .delayed(seconds(n % 13))
               .action("c", "f")
               .after("a"));
    if (n % 11 == 5) must(engine->crash_and_reopen());
    if (n % 5 == 0) engine->advance(milliseconds(500));
  }
  engine->advance(minutes(2));
  BOOST_TEST(engine->stats().completed == 40U);
  BOOST_TEST(engine->stats().active == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
