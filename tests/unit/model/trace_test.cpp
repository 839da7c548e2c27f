#include "model/trace.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace tenax::model;

BOOST_AUTO_TEST_SUITE(trace)

BOOST_AUTO_TEST_CASE(ids_of_traces_are_the_same_in_every_process_and_version) {
  const auto t = trace_of("order-42", 1'700'000'000'123);
  BOOST_TEST(print_trace(t) == "f15cf01bf2c9b0e22915930ba3147499");
  BOOST_TEST(print_traceparent(t, attempt_span(t, "pay", 2)) ==
             "00-f15cf01bf2c9b0e22915930ba3147499-0b126e6ed126977d-01");
}

BOOST_AUTO_TEST_CASE(each_workflow_submit_action_and_attempt_has_an_id_of_its_own) {
  std::set<std::string> traces;
  for (const auto* id : {"a", "b", "a1"}) {
    for (const time_ms at : {0, 1, 256}) traces.insert(print_trace(trace_of(id, at)));
  }
  BOOST_TEST(traces.size() == 9U);
  const auto t = trace_of("a", 0);
  std::set<std::uint64_t> spans;
  for (const std::uint32_t n : {0U, 1U, 2U, 256U}) {
    spans.insert({workflow_span(t, n), attempt_span(t, "k", n), attempt_span(t, "l", n),
                  attempt_span(trace_of("a", 1), "k", n)});
  }
  BOOST_TEST(spans.size() == 16U);
  BOOST_TEST(!spans.contains(0));
}

BOOST_AUTO_TEST_SUITE_END()
